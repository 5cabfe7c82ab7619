/** A run that was kept as one text: each framework puts its own heading before a turn. */

export interface Section {
  /** Who speaks; `undefined` where the framework itself does. */
  readonly agent: string | undefined;
  /** Whom it speaks to, if the heading says so. */
  readonly to: string | undefined;
  /** True for what a tool gave back. */
  readonly tool: boolean;
  readonly text: string;
}

interface Layout {
  readonly framework: string;
  /** Groups: `agent`, `to` and `tool`, whichever the heading has. */
  readonly heading: RegExp;
}

/** Headings as the frameworks write them, each at the start of a line. Every repetition is bounded: the text is anybody's. */
const layouts: readonly Layout[] = [
  { framework: 'AG2', heading: /^(?<agent>[\w -]{1,60}) \(to (?<to>[\w -]{1,60})\):$/gm },
  { framework: 'ChatDev', heading: /^\[\d{4}-[^\]\n]{1,40} INFO\] (?:(?<agent>[A-Za-z][\w -]{0,60}): (?=\*\*))?/gm },
  {
    framework: 'HyperAgent',
    heading: /^[^\n]{0,120}? - INFO - (?:(?<agent>[\w -]{1,60}?)(?:->(?<to>[\w -]{1,60}))?(?:'s [Rr]esponse)?: ?)?/gm,
  },
  {
    framework: 'MetaGPT',
    heading:
      /^\[\d{4}-[^\]\n]{1,40}\] (?:FROM: (?<agent>[^\n]{1,60}?) TO: [^\n]{0,200}\nACTION: [^\n]{0,200}\nCONTENT:\n|NEW MESSAGES:\n{1,3}(?<author>\w[\w ()-]{0,60}):)/gm,
  },
  {
    framework: 'AppWorld',
    heading:
      /^[ \t]{0,40}(?:(?:Response|Reply) from (?<agent>[\w ]{1,60}?) Agent|Message to (?<to>[\w ]{1,60}?) Agent|(?:Entering|Exiting) [\w ]{1,60} message loop|Response from (?<tool>\w{1,60}) API|(?<code>Code Execution) Output)[ \t]{0,40}$/gm,
  },
  { framework: 'Magentic-One', heading: /^-{4,40} ?(?<agent>[A-Za-z][\w ]{0,59}?) ?-{4,40}$/gm },
];

/** Lines that the ChatDev log writes of itself between the turns. */
const noise = /^(?:HTTP Request:|flask app\.py|\*\*\[OpenAI_Usage_Info)/;
/** What closes a turn of a MetaGPT log. */
const rule = /\n-{10,200}\s*(?:\n=== Communication Log [^\n]{0,200})?\s*$/;

/** The turns of the layout whose headings are most; none if no heading is there. Text before the first is no turn. */
export function sections(text: string): readonly Section[] {
  let best: readonly RegExpMatchArray[] = [];
  for (const { heading } of layouts) {
    const found = [...text.matchAll(heading)];
    // Most headings by name: a log's own lines have none.
    if (named(found) > named(best)) best = found;
  }
  return best
    .map((match, i) => {
      const { agent, author, to, tool, code } = match.groups ?? {};
      const from = (match.index ?? 0) + match[0].length;
      return {
        agent: (agent ?? author ?? tool ?? code)?.trim(),
        to: to?.trim(),
        tool: (tool ?? code) !== undefined,
        text: text
          .slice(from, best[i + 1]?.index ?? text.length)
          .trim()
          .replace(rule, ''),
      };
    })
    .filter((section) => section.text !== '' && !(section.agent === undefined && noise.test(section.text)));
}

function named(matches: readonly RegExpMatchArray[]): number {
  return matches.filter(({ groups }) => Object.values(groups ?? {}).some((value) => value !== undefined)).length;
}

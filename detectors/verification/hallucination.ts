/** hallucination: an answer with hard facts that nothing in the run holds. Names and numbers of an answer that were never seen make it a suspect; how it treats what it was given, as fitted on labelled entries, decides. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { actionOf, acts } from '../../src/text/action.ts';
import { type NameFact, type TextFacts, textFacts } from '../../src/text/facts.ts';
import { hashText } from '../../src/text/hash.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import { addSeen, emptySeen, hasSeen, type Seen } from '../../src/text/seen.ts';
import { CAPITAL, NUMBER, UPPER } from '../../src/text/tokens.ts';
import { newInput } from '../../src/text/turn.ts';
import fit from './hallucination.fit.json' with { type: 'json' };
import { pairOf } from './hallucination-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  unsupported_fact: {
    text: 'The answer states {{missing}} names or numbers that nothing the agent saw holds ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'Somebody acts on a fact that the model made up.',
    action:
      'Require a source for every name and number, check them against the results, and let the model say that it does not know.',
    taxonomy: { mast: ['FM-3.3'], trail: ['Language-only'], owasp: ['LLM09'], modes: ['F15'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

/** What was said of a text, until the same agent goes on: then it was a note or a plan, not an answer. */
interface Open {
  readonly traceId: string;
  readonly spanId: string;
  readonly agent: string;
  readonly text: string;
}

interface State {
  seen: Seen | null;
  open: Open[];
}

const MAX_OPEN = 4;
/** Characters of one text that are remembered. */
const MAX_TEXT = 16_384;

const judge = judgeOf(fit.head);

export default defineDetector({
  meta: {
    id: 'hallucination',
    family: 'verification',
    scope: 'session',
    version: 1,
    stateVersion: 2,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds answers with names and numbers that nothing in the run holds.',
    docs: {
      what: 'Answers of model calls that were given sources (tool results, documents, a context in the instructions): names and numbers that occur nowhere in the session so far; where there are any, the words, pairs, names and numbers of the sources against the answer, as a fitted score. Literals within code, words that open a cell and what an acronym stands for are no such facts. A text after which the same agent acts without a word of the user (notes, plans) is taken back.',
      why: 'A made-up number looks like any other.',
      fix: 'Cite or abstain; recompute numbers with tools; check names against the sources.',
      limits:
        'Totals and roundings of seen numbers look made up. Knowledge of the model that is right looks like invention, if no source holds it. Without sources there is no verdict.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx: Ctx) {
    if (step.rollup || (step.kind !== 'llm' && step.kind !== 'tool')) return state;
    const seen = remember(state?.seen ?? undefined, step);
    const open = state === undefined || state.open.length === 0 ? [] : settle(state.open, step, ctx);
    const pair = pairOf(step);
    const missing = pair === undefined || seen === undefined ? 0 : unseen(textFacts(pair.b), seen);
    if (pair !== undefined && missing > 0) {
      const { score, signs } = judge(pair.a, pair.b);
      if (score >= ctx.options.report_at) {
        ctx.report('unsupported_fact', { at: step, key: step.spanId, score, data: { missing, signs: signs() } });
        const { traceId, spanId, agent = '' } = step;
        open.push({ traceId, spanId, agent, text: startOf(pair.b) });
        if (open.length > MAX_OPEN) open.shift();
      }
    }
    return seen === undefined && open.length === 0 ? state : { seen: seen ?? null, open };
  },
});

/** An agent that acts in the same trace without a word of the user to its text had not answered: that is no longer held against it. */
function settle(open: readonly Open[], step: Step, ctx: Ctx): Open[] {
  if (step.kind !== 'llm' || !acts(actionOf(step))) return [...open];
  const own = open.filter(({ traceId, agent }) => traceId === step.traceId && agent === (step.agent ?? ''));
  for (const { spanId, text } of own) if (!answered(step, text)) ctx.withdraw('unsupported_fact', spanId);
  return open.filter((one) => !own.includes(one));
}

function answered({ input }: Step, text: string): boolean {
  return input.some(
    (message, i) =>
      message.role === 'user' && i > 0 && input[i - 1]?.role === 'assistant' && startOf(input[i - 1]?.text ?? '') === text,
  );
}

function startOf(text: string): string {
  return hashText(text.trim().slice(0, 256));
}

/** Words of everything the agent was told or shown; its own words are no source. */
function remember(former: Seen | undefined, step: Step): Seen | undefined {
  const texts =
    step.kind === 'tool'
      ? [step.tool?.result ?? '']
      : [
          step.system ?? '',
          // A session may be seen from its middle on: then its first call holds what was said before.
          ...(former === undefined ? step.input : newInput(step)).flatMap(({ role, text, toolResults }) =>
            role === 'assistant' ? [] : [text, ...toolResults.map((one) => one.text)],
          ),
        ];
  let seen = former;
  for (const text of texts) {
    if (text === '') continue;
    seen ??= emptySeen();
    const { tokens } = textFacts(text.slice(0, MAX_TEXT));
    for (let i = 0; i < tokens.count; i++) {
      const flags = tokens.flags[i] as number;
      if ((flags & (CAPITAL | NUMBER)) !== 0) addSeen(seen, tokens.word[i] as number);
    }
  }
  return seen;
}

/**
 * How many names and numbers of the answer were never seen, each once. A name is seen if any of its words is. Code is written, not looked up;
 * the words that an acronym stands for are no fact of their own.
 */
function unseen(facts: TextFacts, seen: Seen): number {
  const { tokens, names, numbers } = facts;
  const missing = new Set<number>();
  for (const name of names) {
    let known = beginsCell(facts, name) || spellsOut(facts, name);
    for (let i = name.from; i < name.to && !known; i++) known = hasSeen(seen, tokens.word[i] as number);
    if (!known) missing.add(tokens.word[name.from] as number);
  }
  for (const { token, value, at } of numbers) {
    const word = tokens.word[token] as number;
    // Small counts are made, not looked up.
    if (value > 10 && !hasSeen(seen, word) && !inCall(facts.text, at)) missing.add(word);
  }
  return missing.size;
}

/** True within backticks after a bracket or an equals sign on the same line: `retry(delay=60)`. A bare `60` is a value like any other. */
function inCall(text: string, at: number): boolean {
  const line = text.slice(Math.max(text.lastIndexOf('\n', at) + 1, at - 200), at);
  const parts = line.split('`');
  return parts.length % 2 === 0 && /[(=]/.test(parts[parts.length - 1] as string);
}

/** A lone word that begins a cell of a table is capitalised for that, as at the start of a sentence. */
function beginsCell({ text, tokens }: TextFacts, { start, from, to }: NameFact): boolean {
  if (to - from > 1 || ((tokens.flags[from] as number) & UPPER) !== 0) return false;
  let before = start - 1;
  while (text[before] === ' ') before--;
  return text[before] === '|';
}

/** "LLM (Large Language Models)", in either order. */
function spellsOut({ text, tokens }: TextFacts, { start, end, from, to }: NameFact): boolean {
  if (to - from < 2) return false;
  let initials = '';
  for (let i = from; i < to; i++) initials += text[tokens.start[i] as number];
  const around = [text.slice(Math.max(0, start - initials.length - 3), start), text.slice(end, end + initials.length + 3)];
  return around[0]?.endsWith(`${initials} (`) === true || around[1]?.startsWith(` (${initials})`) === true;
}

/** Claude Code's marked text: `[USER]`, `[USER PROMPT]`, `[TOOL RESULT: id]`, `[TOOL INPUT: name]`, each on a line of its own. */
import type { Message, Role } from '../step/step.ts';

interface Section {
  readonly role: Role;
  /** The id or name in a tool marker. */
  readonly label: string | undefined;
  readonly lines: string[];
}

const plainMarks: Readonly<Record<string, Role>> = {
  '[USER]': 'user',
  '[USER PROMPT]': 'user',
  '[ASSISTANT]': 'assistant',
  '[SYSTEM]': 'system',
};

function section(line: string): Section | undefined {
  if (line.charCodeAt(0) !== 0x5b || !line.endsWith(']')) return undefined;
  const role = Object.hasOwn(plainMarks, line) ? plainMarks[line] : undefined;
  if (role !== undefined) return { role, label: undefined, lines: [] };
  if (line.startsWith('[TOOL RESULT: ')) return { role: 'tool', label: line.slice(14, -1), lines: [] };
  return undefined;
}

/** Messages of a marked text; text before the first marker is the user's. */
export function readMarked(source: string): Message[] {
  const sections: Section[] = [];
  for (const line of source.split('\n')) {
    const next = section(line);
    if (next !== undefined) sections.push(next);
    else {
      if (sections.length === 0) sections.push({ role: 'user', label: undefined, lines: [] });
      sections.at(-1)!.lines.push(line);
    }
  }
  return sections.map(toMessage).filter((message) => message.text !== '' || message.toolResults.length > 0);
}

function toMessage({ role, label, lines }: Section): Message {
  const content = lines.join('\n').trim();
  const isResult = role === 'tool';
  return {
    role,
    name: undefined,
    text: isResult || content === '<REDACTED>' ? '' : content,
    reasoning: undefined,
    toolCalls: [],
    toolResults: isResult ? [{ id: label, name: undefined, text: content }] : [],
    truncated: content.includes('[TRUNCATED'),
  };
}

/** The text behind a leading `[TOOL INPUT: name]` or `[TOOL RESULT: name]` line. */
export function stripMarker(source: string): string {
  if (!source.startsWith('[TOOL ')) return source;
  const end = source.indexOf(']\n');
  return end < 0 ? source : source.slice(end + 2);
}

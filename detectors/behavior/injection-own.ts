/**
 * injection, own text: lines that an agent of this session wrote, or that were judged before. Frameworks hand them on as user messages and tools
 * print them back; they are no outsider's word. Hashes only.
 */
import type { Step } from '../../src/step/step.ts';
import { codesOf } from '../../src/text/codes.ts';
import { FNV_PRIME, FNV_START, mix32 } from '../../src/text/hash.ts';
import { leafText } from '../../src/text/json.ts';
import { wordShingles } from '../../src/text/shingles.ts';

/** Shorter lines ("Thanks.", "---") are anybody's. */
const MIN_LINE = 20;
/** Lines remembered: some fifteen replies. */
const MAX_LINES = 512;
/** Characters of one text that are read. */
const MAX_READ = 24_000;

/** Remembers what the step's agent wrote: its messages and the arguments of its calls. */
export function learnOwn(own: number[], step: Step): number[] {
  const lines: number[] = [];
  if (step.kind === 'llm' || step.kind === 'agent')
    for (const message of step.output) {
      eachLine(message.text, (hash) => lines.push(hash));
      for (const call of message.toolCalls) eachLine(leafText(call.arguments ?? ''), (hash) => lines.push(hash));
    }
  if (step.tool?.arguments !== undefined) eachLine(leafText(step.tool.arguments), (hash) => lines.push(hash));
  return remembered(own, lines);
}

/** Remembers the lines of a text that was judged. */
export function learnText(own: number[], text: string): number[] {
  const lines: number[] = [];
  eachLine(text, (hash) => lines.push(hash));
  return remembered(own, lines);
}

/** The text without the lines that are known. */
export function withoutOwn(own: readonly number[], text: string): string {
  if (own.length === 0) return text;
  const known = new Set(own);
  const kept: string[] = [];
  let from = 0;
  eachLine(text, (hash, start, end) => {
    if (!known.has(hash)) return;
    if (start > from) kept.push(text.slice(from, start));
    from = end;
  });
  return from === 0 ? text : kept.join('') + text.slice(from);
}

/** Clauses are cut here; a shorter one is left. */
const MIN_PAIRS = 3;
/** Share of a clause's word pairs that the instructions have too. */
const SAID = 0.6;
const MAX_SYSTEM = 8_192;

/**
 * The text without clauses that the instructions of the same call have in nearly the same words ("your job depends on it" beside "my job depends
 * on it"): whoever wrote both does not set aside what he says himself.
 */
export function withoutSaid(text: string, system: string | undefined): string {
  if (system === undefined || system === '') return text;
  const said = new Set(wordShingles(system.slice(0, MAX_SYSTEM), 2));
  return text.replace(/[^.,;!?\n]{12,400}[.,;!?]*/g, (clause) => {
    const pairs = wordShingles(clause, 2);
    return pairs.length >= MIN_PAIRS && pairs.filter((pair) => said.has(pair)).length >= SAID * pairs.length ? '' : clause;
  });
}

function remembered(own: number[], lines: readonly number[]): number[] {
  append(own, lines, MAX_LINES);
  return own;
}

/** Adds to the end of a list and keeps its last `limit`. */
export function append(list: number[], more: readonly number[], limit: number): void {
  for (let i = Math.max(0, more.length - limit); i < more.length; i++) list.push(more[i] as number);
  if (list.length > limit) list.splice(0, list.length - limit);
}

/** Hash and place of every line that is long enough; white space at its ends is no part of it. */
function eachLine(text: string, seen: (hash: number, start: number, end: number) => void): void {
  const limit = Math.min(text.length, MAX_READ);
  const codes = codesOf(text);
  let start = -1;
  let last = 0;
  let hash = FNV_START | 0;
  let held = hash;
  for (let i = 0; i <= limit; i++) {
    const code = i < limit ? (codes[i] as number) : 10;
    if (code === 10 || code === 13) {
      if (start >= 0 && last - start >= MIN_LINE) seen(mix32(held), start, last);
      start = -1;
      hash = FNV_START | 0;
      continue;
    }
    const blank = code === 32 || code === 9;
    if (start < 0) {
      if (blank) continue;
      start = i;
    }
    hash = Math.imul(hash ^ code, FNV_PRIME);
    if (blank) continue;
    held = hash;
    last = i + 1;
  }
}

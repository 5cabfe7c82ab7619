/**
 * What is known of each turn when the run is over, as numbers. One pass over the texts; what was seen before is kept in bounded sets.
 * No feature knows a name, an id or a position from the data: they are wording, novelty, execution, roles and order within the run.
 */
import { likeness, type TextFacts, textFacts } from '../../text/facts.ts';
import { addSeen, emptySeen, hasSeen, type Seen } from '../../text/seen.ts';
import { CODE } from '../../text/tokens.ts';
import type { Run, Turn } from './turns.ts';

export const featureNames = [
  'first',
  'second',
  'last',
  'place',
  'length',
  'code',
  'first_code',
  'first_claim',
  'drift',
  'hedges',
  'new_numbers',
  'new_names',
  'origin',
  'nothing_to_run_before',
  'answered_before',
  'failed_after',
  'empty_after',
  'objected_after',
  'verifies',
  'concludes',
  'reports_error',
  'planner',
  'first_worker',
  'second_worker',
  'third_worker',
  'last_worker',
  'satisfied_after',
  'stalled_after',
  'before_stall',
  'instruction_kept',
  'unsourced',
  'pick',
  'before_pick',
] as const;

export type FeatureName = (typeof featureNames)[number];

export interface Described {
  readonly turn: Turn;
  readonly place: number;
  /** Never a human or a tool, unless the run has nothing else. */
  readonly x: Float64Array;
}

const placeOfName = Object.fromEntries(featureNames.map((name, i) => [name, i])) as Readonly<Record<FeatureName, number>>;

/** Words of a planner's message that make it an instruction; fewer only name who is next. */
const INSTRUCTION = 12;
/** New numbers and names (log1p each) that make a message a claim: about five of each. */
const CLAIM = 2.5;
/** Distance of a brief from the task above which it is another task (dev: .7 to .85 are equally good). */
const DRIFTED = 0.8;

/** The turns that can be blamed, with their features. O(characters of the run). */
export function describeTurns({ turns, task, planner }: Run): Described[] {
  const actors = turns.filter(({ role }) => role === 'actor');
  const blamed = actors.length > 0 ? actors : turns;
  const seen = emptySeen();
  note(seen, task);
  const final = finalFacts(actors, seen);
  const workers = planner === undefined ? 0 : actors.filter(({ agent }) => agent !== planner).length;
  const rows: Described[] = [];
  let firstCode = false;
  let firstClaim = false;
  let stalled = false;
  let instruction: TextFacts | undefined;
  let sourced = false;
  let worked = 0;
  turns.forEach((turn, i) => {
    const { facts, role } = turn;
    const fresh = novelty(seen, facts, final);
    if (role === 'tool') sourced = true;
    if (turn.role !== 'actor' && actors.length > 0) return;
    const x = new Float64Array(featureNames.length);
    const set = (name: FeatureName, value: number | boolean): void => {
      x[placeOfName[name]] = Number(value);
    };
    const before = turns[i - 1];
    const after = turns[i + 1];
    const code = facts.text.includes('```');
    const claim = !code && fresh.numbers + fresh.names > CLAIM;
    set('first', rows.length === 0);
    set('second', rows.length === 1);
    set('last', rows.length === blamed.length - 1);
    set('place', rows.length / Math.max(1, blamed.length - 1));
    set('length', Math.log1p(facts.tokens.count));
    set('code', code ? Math.log1p(codeTokens(facts)) : 0);
    set('first_code', code && !firstCode);
    set('first_claim', claim && !firstClaim && i > 0);
    set('drift', rows.length === 0 && planner === undefined ? drift(task, facts) : 0);
    set('hedges', Math.log1p(hedges(facts)));
    set('new_numbers', code ? 0 : fresh.numbers);
    set('new_names', code ? 0 : fresh.names);
    set('origin', final.size > 0 ? fresh.final / final.size : 0);
    set('nothing_to_run_before', before?.answer === 'nothing_to_run');
    set('answered_before', before?.answer === 'ok');
    set('failed_after', after?.answer === 'failed');
    set('empty_after', after?.answer === 'empty');
    set('objected_after', after !== undefined && after.role === 'actor' && after.facts.phrases.count('objection') > 0);
    set('verifies', Math.min(2, facts.phrases.count('verified')));
    set('concludes', facts.phrases.count('done') + facts.phrases.count('conclusion') > 0);
    set('reports_error', facts.phrases.first('failed') >= 0 && facts.phrases.first('failed') < 600);
    if (planner !== undefined) {
      const worker = turn.agent !== planner;
      const nth = worker ? worked++ : -1;
      const ledger = ledgerOf(after);
      set('planner', !worker);
      set('first_worker', nth === 0);
      set('second_worker', nth === 1);
      set('third_worker', nth === 2);
      set('last_worker', worker && nth === workers - 1);
      set('satisfied_after', ledger.satisfied);
      set('stalled_after', ledger.stalled);
      if (ledger.stalled) stalled = true;
      set('before_stall', !stalled);
      set('instruction_kept', worker && instruction ? likeness(instruction, facts) : 0);
      set('unsourced', worker && !sourced && claim);
      if (!worker && facts.tokens.count > INSTRUCTION && !isLedger(facts)) instruction = facts;
    }
    firstCode ||= code;
    firstClaim ||= claim && i > 0;
    rows.push({ turn, place: i, x });
  });
  const pick = pickOf(rows, planner !== undefined);
  rows.forEach(({ x }, i) => {
    x[placeOfName.pick] = Number(i === pick);
    x[placeOfName.before_pick] = Number(i < pick);
  });
  return rows;
}

/**
 * The rule that needs no fitting, as an index of `rows`: a brief that is not what was asked for, else the first code, else the first
 * message full of things that nobody said before, else the second message; under a planner the worker that spoke last.
 */
function pickOf(rows: readonly Described[], planned: boolean): number {
  const find = (name: FeatureName): number => rows.findIndex((row) => featureOf(row, name) > 0);
  if (planned && find('last_worker') >= 0) return find('last_worker');
  const [first] = rows;
  if (first && featureOf(first, 'drift') > DRIFTED) return 0;
  if (find('first_code') >= 0) return find('first_code');
  if (find('first_claim') >= 0) return find('first_claim');
  return Math.min(1, rows.length - 1);
}

export function featureOf({ x }: Described, name: FeatureName): number {
  return x[placeOfName[name]] as number;
}

function hedges({ phrases }: TextFacts): number {
  return phrases.count('assume') + phrases.count('simulate') + phrases.count('recall') + phrases.count('example');
}

function codeTokens({ tokens }: TextFacts): number {
  let count = 0;
  for (let i = 0; i < tokens.count; i++) if (((tokens.flags[i] as number) & CODE) !== 0) count++;
  return count;
}

/** Hashes of the numbers and of the words of the names of a text. */
function* mentions({ numbers, names, tokens }: TextFacts): Generator<{ hash: number; number: boolean }> {
  for (const { token } of numbers) yield { hash: tokens.word[token] as number, number: true };
  for (const { from, to } of names)
    for (let i = from; i < to; i++) {
      const stem = tokens.stem[i] as number;
      if (stem !== 0) yield { hash: stem, number: false };
    }
}

function note(seen: Seen, facts: TextFacts): void {
  for (const { hash } of mentions(facts)) addSeen(seen, hash);
}

/** What the last two messages say that the task does not: where the outcome came from is asked of every turn. */
function finalFacts(actors: readonly Turn[], task: Seen): ReadonlySet<number> {
  const final = new Set<number>();
  for (const { facts } of actors.slice(-2)) for (const { hash } of mentions(facts)) if (!hasSeen(task, hash)) final.add(hash);
  return final;
}

function novelty(seen: Seen, facts: TextFacts, final: ReadonlySet<number>): { numbers: number; names: number; final: number } {
  let numbers = 0;
  let names = 0;
  let of = 0;
  for (const { hash, number } of mentions(facts)) {
    if (hasSeen(seen, hash)) continue;
    addSeen(seen, hash);
    number ? numbers++ : names++;
    if (final.has(hash)) of++;
  }
  return { numbers: Math.log1p(numbers), names: Math.log1p(names), final: of };
}

/** How far a manager's restatement of the task is from the asker's words, 0–1; 0 if the first message restates nothing. */
function drift(task: TextFacts, first: TextFacts): number {
  const { text } = first;
  const from = text.toLowerCase().indexOf('task description');
  if (from < 0 || task.stems.size === 0) return 0;
  const to = text.indexOf('\n#', from);
  const part = textFacts(text.slice(from + 16, to < 0 ? from + 2_000 : to));
  let both = 0;
  for (const stem of part.stems) if (task.stems.has(stem)) both++;
  return 1 - both / Math.sqrt(Math.max(1, part.stems.size * task.stems.size));
}

function isLedger({ text }: TextFacts): boolean {
  return text.includes('is_request_satisfied');
}

/** Flags of a planner's ledger: `"is_request_satisfied": {… "answer": true}`. */
function ledgerOf(turn: Turn | undefined): { satisfied: boolean; stalled: boolean } {
  const text = turn?.facts.text ?? '';
  return {
    satisfied: flag(text, 'is_request_satisfied') === true,
    stalled: flag(text, 'is_progress_being_made') === false || flag(text, 'is_in_loop') === true,
  };
}

function flag(text: string, name: string): boolean | undefined {
  const from = text.indexOf(name);
  if (from < 0) return undefined;
  const answer = text.indexOf('"answer"', from);
  if (answer < 0) return undefined;
  const value = text.slice(answer + 8, answer + 20);
  return value.includes('true') ? true : value.includes('false') ? false : undefined;
}

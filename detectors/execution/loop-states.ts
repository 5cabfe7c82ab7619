/**
 * loop, states of an agent: what a run of it left behind (its state, else its words) for what it was told. A state that comes back exactly, again and
 * again or in rounds, is no progress. Counters of tries are left out: they change by themselves.
 */
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { canonicalJson, canonicalText } from '../../src/text/json.ts';
import { newInput } from '../../src/text/turn.ts';
import type { Spot } from './loop-calls.ts';

export interface States {
  /** The last hashes, newest last, and where each was seen. */
  rows: { readonly hash: string; readonly spot: Spot }[];
  now: Recurrence | null;
}

export interface Recurrence {
  readonly key: string;
  readonly period: number;
  /** Runs of the agent, all rounds together. */
  steps: number;
  readonly first: Spot;
  readonly second: Spot;
}

const MAX_PERIOD = 4;
/** A round of two or more states that comes back exactly once is no chance. */
const ROUNDS = 2;
/** Words fewer than these ("yes", "done") come back by nature. */
const MIN_WORDS = 4;
const counters = ['retry', 'attempt', 'turn', 'iteration', 'execution_count', 'step_count', 'timestamp', 'duration', 'elapsed'];

/** Adds a run of the agent; the recurrence it now belongs to, or `undefined`. */
export function foldState(states: States, step: Step, repeats: number, tokens: number, cost: number): Recurrence | undefined {
  const left = leftBehind(step);
  if (left === undefined) return undefined;
  const told = newInput(step).map(({ text }) => text.slice(0, 2_048));
  const { rows } = states;
  rows.push({
    hash: hashText(`${told.join('\n')}\n${left}`),
    spot: { traceId: step.traceId, spanId: step.spanId, tokens, cost },
  });
  if (rows.length > Math.max(repeats, ROUNDS * MAX_PERIOD)) rows.shift();
  for (let period = 1; period <= MAX_PERIOD; period++) {
    const steps = period * (period === 1 ? repeats : ROUNDS);
    if (rows.length < steps || !comesBack(rows, period, steps)) continue;
    const from = rows.length - steps;
    const round = rows.slice(from, from + period).map(({ hash }) => hash);
    const key = period === 1 ? (round[0] as string) : hashText(round.sort().join());
    if (states.now?.key === key) states.now.steps++;
    else states.now = { key, period, steps, first: (rows[from] as Row).spot, second: (rows[from + period] as Row).spot };
    return states.now;
  }
  states.now = null;
  return undefined;
}

type Row = States['rows'][number];

function comesBack(rows: readonly Row[], period: number, steps: number): boolean {
  for (let i = rows.length - 1; i >= rows.length - steps + period; i--)
    if ((rows[i] as Row).hash !== (rows[i - period] as Row).hash) return false;
  return true;
}

/** The state, else the words, or the JSON they are. */
function leftBehind(step: Step): string | undefined {
  const state = stateText(step);
  if (state !== undefined) return state;
  const text = outputText(step);
  return text.charCodeAt(0) === 0x7b || text.split(/\s+/, MIN_WORDS).length >= MIN_WORDS ? canonicalText(text) : undefined;
}

/** The state that an agent left behind, without counters of tries; `undefined` if nothing else is in it. */
export function stateText(step: Step): string | undefined {
  const state = step.kind === 'agent' ? step.stateAfter : undefined;
  if (!isRecord(state)) return undefined;
  const kept = Object.entries(state).filter(([name]) => !counters.some((one) => name.toLowerCase().includes(one)));
  return kept.length === 0 ? undefined : canonicalJson(Object.fromEntries(kept)).slice(0, 8_192);
}

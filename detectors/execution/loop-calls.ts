/**
 * loop, tool calls: the last rows of an agent, and for each period p how long every row has been the
 * same call as the one p rows before. Adding a row costs O(max_period); a run may be longer than the
 * rows kept, because its length and its first rows are carried.
 */
import type { Step } from '../../src/step/step.ts';
import { argsHash, maskedResultHash } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { leafText } from '../../src/text/json.ts';
import { charShingles, jaccard, type Sketch, sketch } from '../../src/text/shingles.ts';

/** A span with the running totals at its end. */
export interface Spot {
  readonly traceId: string;
  readonly spanId: string;
  readonly tokens: number;
  readonly cost: number;
}

interface Row extends Spot {
  /** Hash of tool and arguments. */
  readonly call: string;
  /** Hash of the masked result; empty if unknown. */
  readonly result: string;
  readonly tool: string;
  readonly failed: boolean;
  readonly waits: boolean;
}

interface Streak {
  /** Rows in a row that equal the call p rows before. */
  length: number;
  /** How many of them brought another result than p rows before, and how many an unknown one. */
  changed: number;
  unknown: number;
  first: Spot;
  second: Spot;
}

/** The arguments' leaves as text, or, where that is shorter, as what is compared of them. Most are never compared. */
type Args = string | { readonly sketch: Sketch; readonly masked: string };

interface Drift {
  readonly tool: string;
  readonly result: string;
  readonly args: Args;
  readonly first: Spot;
  readonly second: Spot | null;
  readonly count: number;
  readonly empty: boolean;
}

export interface Calls {
  rows: Row[];
  /** By period, index p - 1. */
  streaks: (Streak | null)[];
  drift: Drift | null;
}

export interface Run {
  readonly period: number;
  readonly count: number;
  readonly tool: string;
  readonly key: string;
  readonly blind: boolean;
  readonly first: Spot;
  readonly second: Spot;
  readonly last: Spot;
}

/** Repeats beyond the usual count when no result is known. */
const BLIND_EXTRA = 2;
/** Results below this many characters (`ok`, `[]`, `not found`) say nothing about which item was asked for. */
const TELLING = 200;
/** Three words of four in common, in any order, for arguments of a search's length. */
const NEAR_ARGS = 0.4;
/** Characters up to which arguments are kept as text: less than a sketch takes. */
const SHORT_ARGS = 512;
const waitWords = ['wait', 'poll', 'sleep', 'status', 'progress', 'job', 'check_', 'monitor'];

/** Patterns of up to `maxPeriod` calls are found. */
export function emptyCalls(maxPeriod: number): Calls {
  return { rows: [], streaks: new Array(maxPeriod).fill(null), drift: null };
}

/** Adds the step; `tokens` and `cost` are the totals so far. */
export function foldCall(calls: Calls, step: Step, tokens: number, cost: number): Row {
  const tool = step.tool?.name ?? '';
  const lower = tool.toLowerCase();
  const row: Row = {
    traceId: step.traceId,
    spanId: step.spanId,
    tokens,
    cost,
    call: hashText(`${tool}\u0000${argsHash(step) ?? ''}`),
    result: maskedResultHash(step) ?? '',
    tool: tool.slice(0, 80),
    failed: step.outcome === 'error' || step.outcome === 'handled_error' || step.outcome === 'timeout',
    waits: waitWords.some((word) => lower.includes(word)),
  };
  const maxPeriod = calls.streaks.length;
  for (let p = 1; p <= maxPeriod; p++) {
    const before = calls.rows[calls.rows.length - p];
    // Success after failure, or the reverse, is news: it ends the run.
    const same = before !== undefined && before.call === row.call && before.failed === row.failed;
    calls.streaks[p - 1] = same ? grow(calls.streaks[p - 1] ?? null, calls.rows, p, row, before) : null;
  }
  calls.drift = foldDrift(calls.drift, step, row);
  calls.rows.push(row);
  if (calls.rows.length > maxPeriod) calls.rows.shift();
  return row;
}

function grow(streak: Streak | null, rows: readonly Row[], p: number, row: Row, before: Row): Streak {
  const grown = streak ?? { length: 0, changed: 0, unknown: 0, first: spot(rows[rows.length - p] as Row), second: spot(row) };
  grown.length++;
  if (row.result === '' || before.result === '') grown.unknown++;
  else if (row.result !== before.result) grown.changed++;
  return grown;
}

/** The run of the smallest period that the last row belongs to, if it is long enough and brings nothing new. */
export function runOf(
  calls: Calls,
  limits: { readonly min_repeats: number; readonly min_cycles: number; readonly max_novelty: number },
): Run | undefined {
  for (let period = 1; period <= calls.streaks.length; period++) {
    const streak = calls.streaks[period - 1];
    if (!streak) continue;
    const count = Math.floor(streak.length / period) + 1;
    const members = calls.rows.slice(-period);
    // One call again and again is period 1 or nothing: results that alternate are news, not a cycle.
    if (period > 1 && members.every((row) => row.call === members[0]?.call)) return undefined;
    const blind = streak.unknown > streak.length / 2;
    const wanted = period === 1 ? limits.min_repeats : limits.min_cycles;
    const needed = (members.some((row) => row.waits) ? 2 * wanted : wanted) + (blind ? BLIND_EXTRA : 0);
    if (count < needed || streak.changed / streak.length > limits.max_novelty) continue;
    // A cycle is reported when it closes, so that its count and its key do not move within one round.
    if (period > 1 && streak.length % period !== 0) continue;
    const tool = [...new Set(members.map((row) => row.tool))].join(', ');
    const last = members[members.length - 1] as Row;
    return {
      period,
      count,
      tool,
      key: `${period}:${streak.first.spanId}`,
      blind,
      first: streak.first,
      second: streak.second,
      last: spot(last),
    };
  }
  return undefined;
}

function foldDrift(drift: Drift | null, step: Step, row: Row): Drift | null {
  const result = step.tool?.result ?? '';
  const empty = row.failed || isEmptyAnswer(result);
  if (row.result === '' || (!empty && result.length < TELLING)) return null;
  const leaves = leafText(step.tool?.arguments ?? '');
  const args = leaves.length <= SHORT_ARGS ? leaves : comparable(leaves);
  const start: Drift = { tool: row.tool, result: row.result, args, first: spot(row), second: null, count: 1, empty };
  if (drift === null || drift.tool !== row.tool || drift.result !== row.result) return start;
  const before = comparable(drift.args);
  const now = comparable(args);
  const items = empty && before.masked === now.masked;
  if (items || jaccard(before.sketch, now.sketch) < NEAR_ARGS) return start;
  return { ...start, first: drift.first, second: drift.second ?? spot(row), count: drift.count + 1 };
}

function comparable(args: Args): Exclude<Args, string> {
  if (typeof args !== 'string') return args;
  // Digits stand apart: arguments that differ in them alone are a map over items, or a cursor.
  return { sketch: sketch(charShingles(args)), masked: hashText(args.replaceAll(/[0-9]/g, '#')) };
}

export function driftOf(calls: Calls, threshold: number) {
  const { drift, rows } = calls;
  const last = rows[rows.length - 1];
  if (!drift?.second || !last || drift.count < threshold) return undefined;
  return {
    tool: drift.tool,
    count: drift.count,
    key: drift.first.spanId,
    first: drift.first,
    second: drift.second,
    last: spot(last),
  };
}

function isEmptyAnswer(result: string): boolean {
  const trimmed = result.trim();
  if (trimmed.length >= TELLING) return false;
  const text = trimmed.toLowerCase();
  if (text === '' || text === '[]' || text === '{}' || text === 'null' || text === 'none') return true;
  return text.includes('not found') || text.includes('no result') || text.includes('no match');
}

function spot({ traceId, spanId, tokens, cost }: Spot): Spot {
  return { traceId, spanId, tokens, cost };
}

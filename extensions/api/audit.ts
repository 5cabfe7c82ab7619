/**
 * Recall from a sample: who labels only what was found never sees what was missed. Of the traces without a detection some are drawn at
 * random and looked at by a person. Pure; all counts are of traces.
 */
import { createHash } from 'node:crypto';
import { wilson } from './wilson.ts';

/** With 30 traces looked at and none missed, at most 11 % of the others are (95 %). */
export const LEAST_SAMPLE = 30;
/** An hour or two of a person's time. */
export const MOST_SAMPLE = 500;
const AUDITED_SHARE = 0.01;

/** One trace in a hundred. */
export function usualSize(population: number): number {
  return Math.min(population, Math.max(LEAST_SAMPLE, Math.min(MOST_SAMPLE, Math.ceil(population * AUDITED_SHARE))));
}

/** `size` of these ids, the same for the same seed and ids in whatever order. Every id is as likely. */
export function draw(ids: readonly string[], size: number, seed: string): string[] {
  const ranked = ids.map((id): [string, string] => [createHash('sha256').update(`${seed}\0${id}`).digest('hex'), id]);
  return ranked
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, size)
    .map(([, id]) => id);
}

export interface Counted {
  readonly cases: number;
  readonly of: number;
}

export interface AuditCounts {
  /** Traces with a detection, and without one, among which was drawn. */
  readonly flagged: number;
  readonly quiet: number;
  /** Of labelled traces with a detection: those in which one was right. */
  readonly right: Counted;
  /** Of audited traces without one: those in which something was wrong. */
  readonly missed: Counted;
}

export interface RecallEstimate {
  readonly measured: boolean;
  readonly reason: string;
  readonly recall: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * recall = flagged × p / (flagged × p + quiet × m), p the share of flagged traces that are rightly so, m that of quiet ones in which
 * something was missed. The bounds put the 95 % Wilson bounds of p and m together at their worst: they hold at 90 % or more.
 */
export function recallOf({ flagged, quiet, right, missed }: AuditCounts): RecallEstimate {
  const none = (reason: string): RecallEstimate => ({ measured: false, reason, recall: null, low: null, high: null });
  if (missed.of < LEAST_SAMPLE)
    return none(`${missed.of} traces of the sample are labelled, at least ${LEAST_SAMPLE} are needed.`);
  if (right.of < LEAST_SAMPLE)
    return none(`Detections are labelled in ${right.of} traces, at least ${LEAST_SAMPLE} are needed to know how many are right.`);
  const at = (p: number, m: number): number | null => {
    const found = flagged * p;
    const all = found + quiet * m;
    return all === 0 ? null : found / all;
  };
  const p = wilson(right.cases, right.of);
  const m = wilson(missed.cases, missed.of);
  return {
    measured: true,
    reason: `${missed.of} of ${quiet} traces without a detection were looked at, and detections in ${right.of} of ${flagged} others.`,
    recall: at(right.cases / right.of, missed.cases / missed.of),
    low: at(p.low, m.high),
    high: at(p.high, m.low),
  };
}

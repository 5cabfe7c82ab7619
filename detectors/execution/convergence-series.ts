/**
 * convergence, the arithmetic: what a series of measurements says when a higher value is better. Pure, O(length); lengths are bounded by the caller.
 */

export type Verdict = 'regressing' | 'plateau' | 'thrashing';

export interface Assessment {
  readonly verdict: Verdict;
  /** Place of the best value, and evaluations since. */
  readonly best: number;
  readonly since: number;
  /** How far the last value is below the best, as a share of the best. */
  readonly drop: number;
  readonly score: number;
}

export interface Limits {
  readonly patience: number;
  readonly min_gain: number;
  readonly min_drop: number;
}

/** Fewer evaluations are a start, not a trend. */
const MIN_LENGTH = 4;
/** Evaluations after the best before a fall is a trend and no dip. */
const FALLING = 2;
/** Changes of direction before a series swings; three happen in any noisy descent. */
const MIN_REVERSALS = 4;
/** Net progress as a share of the way travelled, below which swinging leads nowhere. Noisy but improving series of the labelled data have .44 and more. */
const MAX_EFFICIENCY = 0.25;

export function assess(values: readonly number[], limits: Limits): Assessment | undefined {
  const length = values.length;
  if (length < MIN_LENGTH) return undefined;
  let best = 0;
  /** Place of the last gain that was more than noise. */
  let gained = 0;
  let reached = values[0] as number;
  let path = 0;
  let reversals = 0;
  let direction = 0;
  for (let i = 1; i < length; i++) {
    const value = values[i] as number;
    const change = value - (values[i - 1] as number);
    if (value > (values[best] as number)) best = i;
    if (value - reached > limits.min_gain * Math.abs(reached)) {
      gained = i;
      reached = value;
    }
    path += Math.abs(change);
    const sign = Math.sign(change);
    if (sign !== 0 && direction !== 0 && sign !== direction) reversals++;
    if (sign !== 0) direction = sign;
  }
  const last = values[length - 1] as number;
  const top = values[best] as number;
  const since = length - 1 - best;
  const drop = top === last ? 0 : (top - last) / Math.max(Math.abs(top), Number.EPSILON);
  const net = last - (values[0] as number);
  const of = (verdict: Verdict, score: number): Assessment => ({ verdict, best, since, drop, score });
  if (reversals >= MIN_REVERSALS && net / path < MAX_EFFICIENCY)
    return of('thrashing', Math.min(0.95, 0.7 + 0.05 * (reversals - MIN_REVERSALS)));
  const range = top - Math.min(...values);
  const falls = drop >= limits.min_drop && top - last >= 0.25 * range;
  if (falls && since >= FALLING) return of('regressing', Math.min(0.95, 0.7 + 0.05 * since));
  if (falls && last < (values[0] as number) && drop >= 5 * limits.min_drop) return of('regressing', 0.7);
  const stalled = length - 1 - gained;
  if (stalled >= limits.patience) return of('plateau', Math.min(0.95, 0.65 + 0.05 * (stalled - limits.patience)));
  return undefined;
}

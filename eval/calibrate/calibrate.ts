/** Fits the confidence of every message that has verdicts, and leaves everything else in `<id>.fit.json` as it is. */
import type { Fit, FittedMessage } from '../../src/detector/calibration.ts';
import type { ShippedDetector } from '../../src/detector/options.ts';
import { type Example, mixed, type Weighted } from '../examples.ts';
import { crossValidated, crossValidatedError, fitPoints } from './fit.ts';

export interface Calibrated {
  readonly id: string;
  readonly family: string;
  readonly fit: Fit;
}

/** A detector without a single fitted message is not in the result: its numbers stay as they are. */
export function calibrateAll(shipped: readonly ShippedDetector[], examples: readonly Example[]): Calibrated[] {
  return shipped.flatMap(({ detector, fit }) => {
    const { id, family, messages } = detector.meta;
    const own = mixed(examples.filter((one) => one.detector === id && one.mayFit));
    const fitted = fitDetector(Object.keys(messages), own, fit ?? { provisional: true, points: {} });
    return fitted ? [{ id, family, fit: fitted }] : [];
  });
}

function fitDetector(messages: readonly string[], examples: readonly Weighted[], before: Fit): Fit | undefined {
  const points: Record<string, Fit['points'][string]> = { ...before.points };
  const described: Record<string, FittedMessage> = {};
  const judged: Weighted[] = [];
  const outOfFold: number[] = [];
  for (const message of [...messages].sort()) {
    const own = examples.filter((one) => one.message === message);
    const result = fitPoints(own);
    if (!result) continue;
    points[message] = result.points;
    described[message] = { method: result.method, findings: bySet(own), right: rightShare(own) };
    judged.push(...own);
    outOfFold.push(...crossValidated(own));
  }
  if (judged.length === 0) return undefined;
  return {
    ...before,
    provisional: messages.some((message) => !(message in described)),
    points,
    fitted: { messages: described, ece_cv: Number(crossValidatedError(judged, outOfFold).toFixed(3)) },
  };
}

function bySet(examples: readonly Weighted[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { set } of [...examples].sort((a, b) => (a.set < b.set ? -1 : 1))) counts[set] = (counts[set] ?? 0) + 1;
  return counts;
}

function rightShare(examples: readonly Weighted[]): number {
  const total = examples.reduce((sum, { weight }) => sum + weight, 0);
  return Number((examples.reduce((sum, { weight, right }) => sum + weight * right, 0) / total).toFixed(3));
}

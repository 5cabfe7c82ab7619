/** Which verdict tells most: the order in which a person is shown detections (tier 5). Pure. */

export interface Reviewable {
  readonly detector: string;
  /** 0–1. */
  readonly confidence: number;
}

export interface Ranked<T> {
  readonly one: T;
  /** Distance of its confidence from the threshold at which it is handed on. */
  readonly margin: number;
  readonly labels: number;
}

/** Confidences nearer to each other than this are alike: the number of labels decides. As coarse as the steps of `recommend`. */
const ALIKE = 0.05;

/**
 * Nearest to the threshold first: there a verdict moves it, and there the detector is least sure. Among those alike, of the detector with
 * the fewest labels. What comes first in the list stays first among equals.
 */
export function ranked<T extends Reviewable>(
  waiting: readonly T[],
  thresholdOf: (detector: string) => number,
  labelsOf: (detector: string) => number,
): Ranked<T>[] {
  const band = (margin: number): number => Math.floor(margin / ALIKE + 1e-9);
  return waiting
    .map((one) => ({ one, margin: Math.abs(one.confidence - thresholdOf(one.detector)), labels: labelsOf(one.detector) }))
    .sort((a, b) => band(a.margin) - band(b.margin) || a.labels - b.labels || a.margin - b.margin);
}

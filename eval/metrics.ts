/** Figures of yes/no decisions, as `score_binary.py` of the evaluation pack computes them, and intervals beside them. */

export interface Binary {
  readonly n: number;
  readonly pos: number;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  /** `null` wherever the denominator is 0. */
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly fpr: number | null;
  readonly balanced_accuracy: number | null;
  readonly mcc: number | null;
}

export type Interval = readonly [low: number, high: number];

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/** `truth` and `said` are parallel. */
export function binary(truth: readonly boolean[], said: readonly boolean[]): Binary {
  let tp = 0;
  let fp = 0;
  let fn = 0;
  truth.forEach((yes, i) => {
    if (yes && said[i]) tp++;
    else if (said[i]) fp++;
    else if (yes) fn++;
  });
  const n = truth.length;
  const tn = n - tp - fp - fn;
  const recall = ratio(tp, tp + fn);
  const fpr = ratio(fp, fp + tn);
  const spread = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  return {
    n,
    pos: tp + fn,
    tp,
    fp,
    fn,
    tn,
    precision: ratio(tp, tp + fp),
    recall,
    f1: tp + fn > 0 ? (2 * tp) / (2 * tp + fp + fn) : null,
    fpr,
    balanced_accuracy: recall === null || fpr === null ? null : (recall + 1 - fpr) / 2,
    mcc: spread > 0 ? (tp * tn - fp * fn) / spread : null,
  };
}

/** Precision, recall and F1 from counts; 0 where the denominator is 0 (the convention of the TRAIL and MAST scorers). */
export function prf(right: number, said: number, gold: number): { precision: number; recall: number; f1: number } {
  const precision = said > 0 ? right / said : 0;
  const recall = gold > 0 ? right / gold : 0;
  return { precision, recall, f1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

/** Area under the ROC curve and average precision, ties shared; `null` if one class is empty. */
export function ranking(
  truth: readonly boolean[],
  scores: readonly number[],
): { readonly auroc: number | null; readonly ap: number | null } {
  const positives = truth.filter(Boolean).length;
  const negatives = truth.length - positives;
  if (positives === 0 || negatives === 0) return { auroc: null, ap: null };
  const order = truth.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  let rankSum = 0;
  let ap = 0;
  let right = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && scores[order[to + 1] as number] === scores[order[from] as number]) to++;
    let here = 0;
    for (let k = from; k <= to; k++) if (truth[order[k] as number]) here++;
    // Ranks count from the lowest score, 1-based; tied scores share their mean rank.
    rankSum += here * (order.length - (from + to) / 2);
    right += here;
    ap += (here / positives) * (right / (to + 1));
    from = to + 1;
  }
  return { auroc: (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives), ap };
}

/** Two-sided 95 % normal quantile. */
const Z = 1.959964;

/** Wilson's 95 % interval of a share (Wilson 1927): holds near 0 and 1 and for small n, where the normal one does not. */
export function wilson(part: number, whole: number): Interval | null {
  if (whole === 0) return null;
  const p = part / whole;
  const z2 = (Z * Z) / whole;
  const middle = (p + z2 / 2) / (1 + z2);
  const half = (Z / (1 + z2)) * Math.sqrt((p * (1 - p)) / whole + z2 / (4 * whole));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** 95 % interval of F1: Wilson's of J = tp / (tp + fp + fn), a share, carried through F1 = 2J / (1 + J), which is monotone. */
export function f1Interval({ tp, fp, fn }: Pick<Binary, 'tp' | 'fp' | 'fn'>): Interval | null {
  const share = wilson(tp, tp + fp + fn);
  return share === null ? null : [(2 * share[0]) / (1 + share[0]), (2 * share[1]) / (1 + share[1])];
}

/** F1 of a detector that fires on everything. */
export function alwaysFireF1(positives: number, n: number): number | null {
  return n > 0 ? (2 * positives) / (n + positives) : null;
}

export interface Judged {
  /** What was claimed, 0–1. */
  readonly confidence: number;
  /** Whether it was right; between 0 and 1 where the label says so only in part. */
  readonly right: number;
  readonly weight: number;
}

const ECE_BINS = 10;

/**
 * Expected calibration error (Guo et al. 2017): over ten bins of equal width, the weighted mean of
 * |mean confidence − share that was right|. `null` without examples.
 */
export function calibrationError(examples: readonly Judged[]): number | null {
  const bins = Array.from({ length: ECE_BINS }, () => ({ weight: 0, confidence: 0, right: 0 }));
  let total = 0;
  for (const { confidence, right, weight } of examples) {
    const bin = bins[Math.min(ECE_BINS - 1, Math.floor(confidence * ECE_BINS))] as (typeof bins)[number];
    bin.weight += weight;
    bin.confidence += weight * confidence;
    bin.right += weight * right;
    total += weight;
  }
  if (total === 0) return null;
  return bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.right), 0) / total;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

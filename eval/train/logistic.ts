/** Logistic regression with an L2 penalty, fitted by Newton's method: deterministic, no packages. For some tens of features and thousands of rows. */

export interface Logistic {
  readonly bias: number;
  readonly weights: readonly number[];
}

export interface Row {
  readonly x: Float64Array;
  readonly y: 0 | 1;
  /** Rows of one group are never split between fitting and testing. */
  readonly group: string;
  /** Weight of the row; 1 if left out. */
  readonly weight?: number;
}

/** `penalty` is that of a standardised weight (1 / C of the usual notation); the bias is free. Weights are returned for raw features. */
export function fitLogistic(rows: readonly Row[], penalty: number): Logistic {
  const n = rows[0]?.x.length ?? 0;
  const mean = new Float64Array(n);
  const spread = new Float64Array(n);
  for (const { x } of rows) for (let j = 0; j < n; j++) mean[j] = at(mean, j) + at(x, j) / rows.length;
  for (const { x } of rows) for (let j = 0; j < n; j++) spread[j] = at(spread, j) + (at(x, j) - at(mean, j)) ** 2 / rows.length;
  for (let j = 0; j < n; j++) spread[j] = Math.sqrt(at(spread, j)) || 1;
  const z = rows.map(({ x }) =>
    Float64Array.from([1, ...x], (v, j) => (j === 0 ? 1 : (v - at(mean, j - 1)) / at(spread, j - 1))),
  );
  const beta = new Float64Array(n + 1);
  for (let round = 0; round < 50; round++) {
    const gradient = new Float64Array(n + 1);
    const hessian = Array.from({ length: n + 1 }, () => new Float64Array(n + 1));
    rows.forEach((row, r) => {
      const v = z[r] as Float64Array;
      const p = sigmoid(dot(beta, v));
      const weight = row.weight ?? 1;
      const error = weight * (row.y - p);
      const curve = weight * Math.max(p * (1 - p), 1e-9);
      for (let i = 0; i <= n; i++) {
        gradient[i] = at(gradient, i) + error * at(v, i);
        const line = hessian[i] as Float64Array;
        const vi = curve * at(v, i);
        for (let j = 0; j <= i; j++) line[j] = at(line, j) + vi * at(v, j);
      }
    });
    for (let i = 0; i <= n; i++) {
      const own = i === 0 ? 1e-9 : penalty;
      gradient[i] = at(gradient, i) - own * at(beta, i);
      (hessian[i] as Float64Array)[i] = at(hessian[i] as Float64Array, i) + own;
      for (let j = 0; j < i; j++) (hessian[j] as Float64Array)[i] = at(hessian[i] as Float64Array, j);
    }
    const step = solve(hessian, gradient);
    let moved = 0;
    for (let i = 0; i <= n; i++) {
      beta[i] = at(beta, i) + at(step, i);
      moved = Math.max(moved, Math.abs(at(step, i)));
    }
    if (moved < 1e-9) break;
  }
  const weights = Array.from({ length: n }, (_, j) => round6(at(beta, j + 1) / at(spread, j)));
  const bias = at(beta, 0) - weights.reduce((sum, weight, j) => sum + weight * at(mean, j), 0);
  return { bias: round6(bias), weights };
}

/**
 * The same by coordinate descent with a sign: weights of features that are not `free` are never negative. Each step of a coordinate is bounded,
 * so that separable columns do not run away.
 */
export function fitMonotone(rows: readonly Row[], penalty: number, free: (feature: number) => boolean, rounds = 60): Logistic {
  const n = rows[0]?.x.length ?? 0;
  const mean = new Float64Array(n);
  const spread = new Float64Array(n);
  for (const { x } of rows) for (let j = 0; j < n; j++) mean[j] = at(mean, j) + at(x, j) / rows.length;
  for (const { x } of rows) for (let j = 0; j < n; j++) spread[j] = at(spread, j) + (at(x, j) - at(mean, j)) ** 2 / rows.length;
  for (let j = 0; j < n; j++) spread[j] = Math.sqrt(at(spread, j)) || 1;
  const columns = Array.from({ length: n + 1 }, (_, j) =>
    Float64Array.from(rows, ({ x }) => (j === n ? 1 : (at(x, j) - at(mean, j)) / at(spread, j))),
  );
  const beta = new Float64Array(n + 1);
  const odds = new Float64Array(rows.length);
  for (let round = 0; round < rounds; round++) {
    let moved = 0;
    for (let j = n; j >= 0; j--) {
      const column = columns[j] as Float64Array;
      const own = j === n ? 1e-9 : penalty;
      let gradient = -own * at(beta, j);
      let curve = own;
      rows.forEach(({ y, weight = 1 }, i) => {
        const p = sigmoid(at(odds, i));
        gradient += weight * (y - p) * at(column, i);
        curve += weight * p * (1 - p) * at(column, i) ** 2;
      });
      let next = at(beta, j) + Math.max(-0.3, Math.min(0.3, gradient / curve));
      if (j < n && next < 0 && !free(j)) next = 0;
      const change = next - at(beta, j);
      if (change === 0) continue;
      beta[j] = next;
      for (let i = 0; i < odds.length; i++) odds[i] = at(odds, i) + change * at(column, i);
      moved = Math.max(moved, Math.abs(change));
    }
    if (moved < 2e-3) break;
  }
  const weights = Array.from({ length: n }, (_, j) => round6(at(beta, j) / at(spread, j)));
  const bias = at(beta, n) - weights.reduce((sum, weight, j) => sum + weight * at(mean, j), 0);
  return { bias: round6(bias), weights };
}

export function probability({ bias, weights }: Logistic, x: Float64Array): number {
  return sigmoid(weights.reduce((sum, weight, j) => sum + weight * at(x, j), bias));
}

/** Out-of-fold probabilities, in the order of the rows; folds by a hash of the group. */
export function crossValidate(rows: readonly Row[], penalty: number, folds = 5): number[] {
  const fold = rows.map(({ group }) => hash(group) % folds);
  const result = new Array<number>(rows.length).fill(0);
  for (let k = 0; k < folds; k++) {
    const model = fitLogistic(
      rows.filter((_, i) => fold[i] !== k),
      penalty,
    );
    rows.forEach(({ x }, i) => {
      if (fold[i] === k) result[i] = probability(model, x);
    });
  }
  return result;
}

/** Area under the ROC curve; ties count half. */
export function auc(scores: readonly number[], labels: readonly (0 | 1)[]): number {
  if (scores.some(Number.isNaN)) throw new RangeError('auc: a score is not a number');
  const order = scores.map((score, i) => ({ score, y: labels[i] })).sort((a, b) => a.score - b.score);
  let rank = 0;
  let sum = 0;
  let positives = 0;
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && order[j]?.score === order[i]?.score) j++;
    const middle = (i + j + 1) / 2;
    for (let k = i; k < j; k++) {
      rank++;
      if (order[k]?.y === 1) {
        positives++;
        sum += middle;
      }
    }
    i = j;
  }
  return (sum - (positives * (positives + 1)) / 2) / (positives * (rank - positives));
}

export interface Point {
  readonly threshold: number;
  readonly recall: number;
  readonly fpr: number;
  readonly balanced: number;
}

export function pointAt(scores: readonly number[], labels: readonly (0 | 1)[], threshold: number): Point {
  let tp = 0;
  let fp = 0;
  let positives = 0;
  scores.forEach((score, i) => {
    if (labels[i] === 1) positives++;
    if (score >= threshold) labels[i] === 1 ? tp++ : fp++;
  });
  const recall = tp / Math.max(1, positives);
  const fpr = fp / Math.max(1, scores.length - positives);
  return { threshold, recall, fpr, balanced: (recall + 1 - fpr) / 2 };
}

/** Solves a x = b by elimination with pivots. */
export function solve(a: Float64Array[], b: Float64Array): Float64Array {
  const n = b.length;
  const m = a.map((line, i) => Float64Array.from([...line, at(b, i)]));
  for (let i = 0; i < n; i++) {
    let best = i;
    for (let r = i + 1; r < n; r++)
      if (Math.abs(at(m[r] as Float64Array, i)) > Math.abs(at(m[best] as Float64Array, i))) best = r;
    const held = m[i] as Float64Array<ArrayBuffer>;
    m[i] = m[best] as Float64Array<ArrayBuffer>;
    m[best] = held;
    const pivot = m[i] as Float64Array;
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const line = m[r] as Float64Array;
      const factor = at(line, i) / at(pivot, i);
      if (factor !== 0) for (let c = i; c <= n; c++) line[c] = at(line, c) - factor * at(pivot, c);
    }
  }
  return Float64Array.from({ length: n }, (_, i) => at(m[i] as Float64Array, n) / at(m[i] as Float64Array, i));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += at(a, i) * at(b, i);
  return sum;
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function at(a: Float64Array, i: number): number {
  return a[i] as number;
}

/** A stable hash of a group's name; its remainder is the fold. */
export function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619) >>> 0;
  return (h ^ (h >>> 15)) >>> 0;
}

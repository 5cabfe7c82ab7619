/** Score → probability from findings with a verdict: isotonic regression when there are many, Platt scaling when there are few. */
import { calibrate, type Fit } from '../../src/detector/calibration.ts';
import type { Weighted } from '../examples.ts';
import { calibrationError } from '../metrics.ts';

export type Points = readonly (readonly [score: number, probability: number])[];
export type Method = 'isotonic' | 'platt';

/** From here on a step function has enough findings a step; below, two parameters are all that the data carry. */
export const ISOTONIC_FROM = 200;
/** Below it the interval of a share is wider than ±.3, and the numbers set by hand say as much. */
export const MIN_FINDINGS = 10;
/** Findings a step of the isotonic fit rests on: the standard error of a share is then at most .11. */
const STEP_FINDINGS = 20;
/** One right and one wrong finding are added everywhere (Laplace), so that no finite sample claims certainty. */
const PRIOR = 1;
const FOLDS = 5;

export interface FitResult {
  readonly method: Method;
  readonly points: Points;
}

/** `undefined` with fewer than `MIN_FINDINGS`. The points ascend in score and never fall in probability. */
export function fitPoints(examples: readonly Weighted[], method = methodFor(examples.length)): FitResult | undefined {
  if (examples.length < MIN_FINDINGS) return undefined;
  return { method, points: pointsBy(method, examples) };
}

function pointsBy(method: Method, examples: readonly Weighted[]): Points {
  return method === 'isotonic' ? isotonic(examples) : platt(examples);
}

function methodFor(n: number): Method {
  return n >= ISOTONIC_FROM ? 'isotonic' : 'platt';
}

interface Block {
  n: number;
  weight: number;
  score: number;
  right: number;
}

/** Pool adjacent violators (Ayer et al. 1955) over bins of at least `STEP_FINDINGS`, which split no score. */
function isotonic(examples: readonly Weighted[]): Points {
  const sorted = [...examples].sort((a, b) => a.score - b.score);
  const bins: Block[] = [];
  let from = 0;
  while (from < sorted.length) {
    let to = Math.min(sorted.length, from + STEP_FINDINGS);
    while (to < sorted.length && sorted[to]?.score === sorted[to - 1]?.score) to++;
    if (sorted.length - to < STEP_FINDINGS) to = sorted.length;
    bins.push(blockOf(sorted.slice(from, to)));
    from = to;
  }
  const blocks: Block[] = [];
  for (const bin of bins) {
    blocks.push(bin);
    while (blocks.length > 1 && share(blocks[blocks.length - 2] as Block) >= share(blocks[blocks.length - 1] as Block)) {
      const last = blocks.pop() as Block;
      const before = blocks.pop() as Block;
      blocks.push(merge(before, last));
    }
  }
  return blocks.map((block) => [round(block.score / block.weight, 4), round(share(block), 3)]);
}

function blockOf(examples: readonly Weighted[]): Block {
  const block = { n: 0, weight: 0, score: 0, right: 0 };
  for (const { weight, score, right } of examples) {
    block.n++;
    block.weight += weight;
    block.score += weight * score;
    block.right += weight * right;
  }
  return block;
}

function merge(a: Block, b: Block): Block {
  return { n: a.n + b.n, weight: a.weight + b.weight, score: a.score + b.score, right: a.right + b.right };
}

/** The weights say whom to believe, the count how much: the prior is one finding of each kind beside `n`. */
function share({ n, weight, right }: Block): number {
  return ((right / weight) * n + PRIOR) / (n + 2 * PRIOR);
}

/** Points along the fitted curve between the lowest and the highest score seen; one, if all scores are the same. */
const CURVE_POINTS = 7;
const NEWTON_STEPS = 50;

/**
 * Logistic regression of the verdict on the score (Platt 1999), with the prior at the mean score and a unit normal prior on
 * the slope per standard deviation. A falling slope is a flat one: more evidence never makes a finding less likely right.
 */
function platt(examples: readonly Weighted[]): Points {
  const total = examples.reduce((sum, one) => sum + one.weight, 0);
  const middle = examples.reduce((sum, one) => sum + one.weight * one.score, 0) / total;
  const spread = Math.sqrt(examples.reduce((sum, one) => sum + one.weight * (one.score - middle) ** 2, 0) / total);
  // Weights are scaled so that they add up to the number of findings: see `share`.
  const scale = examples.length / total;
  const rows = [
    ...examples.map(({ score, right, weight }) => ({
      x: spread > 1e-9 ? (score - middle) / spread : 0,
      y: right,
      w: weight * scale,
    })),
    { x: 0, y: 1, w: PRIOR },
    { x: 0, y: 0, w: PRIOR },
  ];
  let { slope, bias } = logistic(rows, true);
  if (slope < 0) {
    slope = 0;
    bias = logistic(rows, false).bias;
  }
  const at = (score: number) => sigmoid(bias + slope * (spread > 1e-9 ? (score - middle) / spread : 0));
  const scores = examples.map(({ score }) => score);
  const low = Math.min(...scores);
  const high = Math.max(...scores);
  if (high - low < 1e-9 || slope < 1e-6) return [[round(low, 4), round(at(middle), 3)]];
  return Array.from({ length: CURVE_POINTS }, (_, i) => {
    const score = low + ((high - low) * i) / (CURVE_POINTS - 1);
    return [round(score, 4), round(at(score), 3)] as const;
  });
}

function logistic(
  rows: readonly { readonly x: number; readonly y: number; readonly w: number }[],
  sloped: boolean,
): { slope: number; bias: number } {
  let slope = 0;
  let bias = 0;
  for (let step = 0; step < NEWTON_STEPS; step++) {
    let gradientA = sloped ? -slope : 0;
    let gradientB = 0;
    let haa = 1;
    let hab = 0;
    let hbb = 1e-9;
    for (const { x, y, w } of rows) {
      const p = sigmoid(bias + slope * x);
      const v = w * p * (1 - p);
      gradientA += sloped ? w * (y - p) * x : 0;
      gradientB += w * (y - p);
      haa += v * x * x;
      hab += sloped ? v * x : 0;
      hbb += v;
    }
    const determinant = haa * hbb - hab * hab;
    slope += (hbb * gradientA - hab * gradientB) / determinant;
    bias += (haa * gradientB - hab * gradientA) / determinant;
  }
  return { slope, bias };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** What is said where a single source holds every finding. */
const UNKNOWN: Points = [[0, 0.5]];

/** Each finding's probability from a fit that never saw its source. Returns them in the order of `examples`. */
export function crossValidated(examples: readonly Weighted[]): number[] {
  const method = methodFor(examples.length);
  const folds = foldsOf(examples);
  const result = new Array<number>(examples.length).fill(0);
  for (let fold = 0; fold < FOLDS; fold++) {
    const rest = examples.filter((_, i) => folds[i] !== fold);
    const fit: Fit = { provisional: false, points: { m: rest.length > 0 ? pointsBy(method, rest) : UNKNOWN } };
    examples.forEach(({ score }, i) => {
      if (folds[i] === fold) result[i] = calibrate(fit, 'm', score);
    });
  }
  return result;
}

/**
 * Folds of whole sources; of whole runs where there are too few sources. Stratified by verdict (as scikit-learn's
 * `StratifiedGroupKFold`): many sources are all right or all wrong by construction, and a fold of one kind would measure
 * the share of attacks that a set's maker chose. The heaviest source goes first, each into the fold that most lacks its verdicts.
 */
function foldsOf(examples: readonly Weighted[]): number[] {
  const sources = new Set(examples.map(({ set, source }) => `${set}/${source}`));
  const groupOf = ({ set, source, trace }: Weighted) => (sources.size < FOLDS ? trace : `${set}/${source}`);
  const groups = new Map<string, Verdicts>();
  for (const one of examples) groups.set(groupOf(one), plus(groups.get(groupOf(one)) ?? none, verdicts(one)));
  const total = [...groups.values()].reduce(plus, none);
  /** Sum of squared shares of right and of wrong: least when both are spread evenly. */
  const load = ({ right, wrong }: Verdicts) => (right / (total.right || 1)) ** 2 + (wrong / (total.wrong || 1)) ** 2;
  const folds = new Array<Verdicts>(FOLDS).fill(none);
  const foldOf = new Map<string, number>();
  for (const [group, own] of [...groups].sort(([a, m], [b, n]) => load(n) - load(m) || (a < b ? -1 : 1))) {
    const growth = folds.map((fold) => load(plus(fold, own)) - load(fold));
    const best = growth.indexOf(Math.min(...growth));
    folds[best] = plus(folds[best] as Verdicts, own);
    foldOf.set(group, best);
  }
  return examples.map((one) => foldOf.get(groupOf(one)) ?? 0);
}

interface Verdicts {
  readonly right: number;
  readonly wrong: number;
}

const none: Verdicts = { right: 0, wrong: 0 };

function verdicts({ weight, right }: Weighted): Verdicts {
  return { right: weight * right, wrong: weight * (1 - right) };
}

function plus(a: Verdicts, b: Verdicts): Verdicts {
  return { right: a.right + b.right, wrong: a.wrong + b.wrong };
}

export function crossValidatedError(examples: readonly Weighted[], confidences: readonly number[]): number {
  return calibrationError(examples.map(({ right, weight }, i) => ({ right, weight, confidence: confidences[i] as number }))) ?? 0;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

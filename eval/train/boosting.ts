/** Gradient-boosted trees for a yes or no, small and deterministic: some thousands of rows, some hundred features, no packages. */
import type { Row } from './logistic.ts';

/** A leaf's log-odds, or [feature, cut, at or below it, above it]. */
export type Tree = number | readonly [number, number, Tree, Tree];

export interface Boosting {
  readonly trees: number;
  readonly leaves: number;
  readonly rate: number;
  /** Rows that a leaf must hold. */
  readonly minRows: number;
  /** Features whose rise may lower the score; all others may only raise it. */
  readonly free: (feature: number) => boolean;
}

interface Split {
  readonly gain: number;
  readonly feature: number;
  readonly bin: number;
  readonly left: number;
  readonly right: number;
}

interface Leaf {
  readonly rows: readonly number[];
  /** Bounds of the value, from splits on features that may only raise. */
  readonly low: number;
  readonly high: number;
  readonly value: number;
  readonly split: Split | undefined;
  children?: readonly [Leaf, Leaf];
}

const PENALTY = 1;
const BINS = 24;

/** Trees whose sum is the log-odds less `base`; best leaf first. */
export function fitTrees(rows: readonly Row[], how: Boosting): { readonly base: number; readonly trees: readonly Tree[] } {
  const width = rows[0]?.x.length ?? 0;
  const cuts = Array.from({ length: width }, (_, j) => cutsOf(rows.map(({ x }) => x[j] as number)));
  const bins = cuts.map((cut, j) =>
    Uint8Array.from(rows, ({ x }) => {
      let bin = 0;
      while (bin < cut.length && (x[j] as number) > (cut[bin] as number)) bin++;
      return bin;
    }),
  );
  const weights = rows.map(({ weight }) => weight ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const yes = rows.reduce((sum, { y }, i) => sum + y * (weights[i] as number), 0);
  const base = Math.log(yes / (total - yes));
  const odds = new Float64Array(rows.length).fill(base);
  const pull = new Float64Array(rows.length);
  const curve = new Float64Array(rows.length);
  const all = rows.map((_, i) => i);

  const bestSplit = (ids: readonly number[], low: number, high: number): Split | undefined => {
    let best: Split | undefined;
    let g = 0;
    let h = 0;
    for (const i of ids) {
      g += pull[i] as number;
      h += curve[i] as number;
    }
    const clip = (value: number) => Math.max(low, Math.min(high, value));
    const worth = (gg: number, hh: number, value: number) => gg * value - 0.5 * (hh + PENALTY) * value * value;
    const before = worth(g, h, clip(g / (h + PENALTY)));
    for (let j = 0; j < width; j++) {
      const count = (cuts[j] as number[]).length + 1;
      if (count < 2) continue;
      const pulls = new Float64Array(count);
      const curves = new Float64Array(count);
      const held = new Int32Array(count);
      const bin = bins[j] as Uint8Array;
      for (const i of ids) {
        const b = bin[i] as number;
        pulls[b] = (pulls[b] as number) + (pull[i] as number);
        curves[b] = (curves[b] as number) + (curve[i] as number);
        held[b] = (held[b] as number) + 1;
      }
      let gl = 0;
      let hl = 0;
      let n = 0;
      for (let b = 0; b < count - 1; b++) {
        gl += pulls[b] as number;
        hl += curves[b] as number;
        n += held[b] as number;
        if (n < how.minRows || ids.length - n < how.minRows) continue;
        const left = clip(gl / (hl + PENALTY));
        const right = clip((g - gl) / (h - hl + PENALTY));
        if (left > right && !how.free(j)) continue;
        const gain = worth(gl, hl, left) + worth(g - gl, h - hl, right) - before;
        if (gain > (best?.gain ?? 1e-6)) best = { gain, feature: j, bin: b, left, right };
      }
    }
    return best;
  };

  const trees: Tree[] = [];
  for (let t = 0; t < how.trees; t++) {
    rows.forEach(({ y }, i) => {
      const p = 1 / (1 + Math.exp(-(odds[i] as number)));
      pull[i] = (weights[i] as number) * (y - p);
      curve[i] = (weights[i] as number) * p * (1 - p);
    });
    const leafOf = (ids: readonly number[], low: number, high: number, value: number): Leaf => ({
      rows: ids,
      low,
      high,
      value,
      split: bestSplit(ids, low, high),
    });
    const root = leafOf(all, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0);
    const leaves = [root];
    while (leaves.length < how.leaves) {
      let at = -1;
      leaves.forEach(({ split }, i) => {
        if (split && (at < 0 || split.gain > (leaves[at]?.split?.gain ?? 0))) at = i;
      });
      const leaf = leaves[at];
      if (leaf?.split === undefined) break;
      const { feature, bin, left, right } = leaf.split;
      const middle = how.free(feature) ? undefined : (left + right) / 2;
      const below = (i: number) => ((bins[feature] as Uint8Array)[i] as number) <= bin;
      leaf.children = [
        leafOf(leaf.rows.filter(below), leaf.low, Math.min(leaf.high, middle ?? leaf.high), left),
        leafOf(
          leaf.rows.filter((i) => !below(i)),
          Math.max(leaf.low, middle ?? leaf.low),
          leaf.high,
          right,
        ),
      ];
      leaves.splice(at, 1, ...leaf.children);
    }
    for (const { rows: ids, value } of leaves) for (const i of ids) odds[i] = (odds[i] as number) + how.rate * value;
    const treeOf = ({ children, split, value }: Leaf): Tree =>
      children && split
        ? [
            split.feature,
            round((cuts[split.feature] as number[])[split.bin] as number, 6),
            treeOf(children[0]),
            treeOf(children[1]),
          ]
        : round(how.rate * value, 4);
    trees.push(treeOf(root));
  }
  return { base: round(base, 4), trees };
}

/** Quantiles, of all values and of those above zero where these are few. */
function cutsOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const distinct = [...new Set(sorted)];
  if (distinct.length <= BINS) return distinct.slice(1).map((value, i) => (value + (distinct[i] as number)) / 2);
  const positive = sorted.filter((value) => value > 0);
  const cuts = new Set<number>();
  for (let k = 1; k < BINS; k++) cuts.add(sorted[Math.floor((k * sorted.length) / BINS)] as number);
  if (positive.length < sorted.length / 2)
    for (let k = 1; k < 8; k++) cuts.add(positive[Math.floor((k * positive.length) / 8)] as number);
  return [...cuts].sort((a, b) => a - b);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

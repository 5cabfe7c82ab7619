/** injection, what a list of weights cannot say: boosted trees over the features, and words that attacks of known kinds share. */
import { textFacts } from '../../src/text/facts.ts';

/** A leaf's log-odds, or [feature, cut, at or below it, above it]. */
export type Tree = number | readonly [number, number, Tree, Tree];

export function treesSum(trees: readonly Tree[], x: Float64Array): number {
  let sum = 0;
  for (let tree of trees) {
    while (typeof tree !== 'number') tree = (x[tree[0]] as number) > tree[1] ? tree[3] : tree[2];
    sum += tree;
  }
  return sum;
}

/** Words and pairs of neighbouring words share this many weights. */
export const WORD_WEIGHTS = 8_192;

/** Places in the table of the words and pairs of a text, each once. */
export function wordPlaces(text: string): number[] {
  const { word, count } = textFacts(text).tokens;
  const places = new Set<number>();
  for (let i = 0; i < count; i++) {
    const one = word[i] as number;
    places.add((Math.imul(one ^ (one >>> 15), 0x2c1b3c6d) >>> 11) & (WORD_WEIGHTS - 1));
    if (i > 0) places.add((Math.imul(Math.imul(word[i - 1] as number, 31) ^ one, 0x2c1b3c6d) >>> 9) & (WORD_WEIGHTS - 1));
  }
  return [...places];
}

/** Weights of one byte each, as base64. */
export function unpackWeights({ scale, table }: { readonly scale: number; readonly table: string }): Float32Array {
  const bytes = new Int8Array(Buffer.from(table, 'base64'));
  return Float32Array.from(bytes, (byte) => byte * scale);
}

export function wordsSum(weights: Float32Array, bias: number, places: readonly number[]): number {
  let sum = 0;
  for (const place of places) sum += weights[place] as number;
  return bias + sum / Math.sqrt(Math.max(1, places.length));
}

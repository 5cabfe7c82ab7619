/** injection, what a list of weights cannot say: boosted trees over the features, and words that attacks of known kinds share. */
import { textFacts } from './facts.ts';

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

/** `stamp[place] === mark`: already among the places of this text. */
const stamp = new Uint32Array(WORD_WEIGHTS);
let mark = 0;

/** Places in the table of the words and pairs of a text, each once. */
export function wordPlaces(text: string): number[] {
  const { word, count } = textFacts(text).tokens;
  const places: number[] = [];
  mark = (mark + 1) >>> 0 || 1;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const one = word[i] as number;
    const alone = (Math.imul(one ^ (one >>> 15), 0x2c1b3c6d) >>> 11) & (WORD_WEIGHTS - 1);
    if (stamp[alone] !== mark) {
      stamp[alone] = mark;
      places.push(alone);
    }
    if (i > 0) {
      const pair = (Math.imul(Math.imul(before, 31) ^ one, 0x2c1b3c6d) >>> 9) & (WORD_WEIGHTS - 1);
      if (stamp[pair] !== mark) {
        stamp[pair] = mark;
        places.push(pair);
      }
    }
    before = one;
  }
  return places;
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

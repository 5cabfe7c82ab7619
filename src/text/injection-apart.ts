/** injection, surroundings: how unlike the rest of a text one of its units is, by the words they share. */
import { codesOf } from './codes.ts';
import { FNV_PRIME, FNV_START, mix32 } from './hash.ts';

const BUCKETS = 1_024;
/** Shorter words are articles and prepositions of any text. */
const MIN_WORD = 4;

const stamp = new Int32Array(BUCKETS);
let mark = 0;

/**
 * Per unit of a text, given by its bounds (see `unitBounds`): 0 if its words are those of the other units, 1 if it shares none. Linear in the
 * text.
 */
export function apartness(text: string, bounds: readonly number[]): Float64Array {
  const codes = codesOf(text);
  const apart = new Float64Array(bounds.length >> 1);
  const buckets: number[] = [];
  /** Where the buckets of each unit end. */
  const ends: number[] = [];
  for (let k = 0; k < bounds.length; k += 2) {
    wordBuckets(codes, bounds[k] as number, bounds[k + 1] as number, buckets);
    ends.push(buckets.length);
  }
  const total = new Int32Array(BUCKETS);
  for (const bucket of buckets) total[bucket] = (total[bucket] as number) + 1;
  let square = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) square += (total[bucket] as number) ** 2;
  for (let unit = 0, k = 0; unit < ends.length; unit++) {
    const from = k;
    let dot = 0;
    let rest = square;
    for (const end = ends[unit] as number; k < end; k++) {
      const sum = total[buckets[k] as number] as number;
      dot += sum - 1;
      rest += 1 - 2 * sum;
    }
    apart[unit] = 1 - (k === from || rest <= 0 ? 0 : dot / Math.sqrt((k - from) * rest));
  }
  return apart;
}

/** Distinct words of text[from, to), by their buckets. */
export function wordCount(text: string, from: number, to: number): number {
  return wordBuckets(codesOf(text), from, to, undefined);
}

/** Adds the distinct buckets of the words of a unit to `buckets`; how many they are. */
function wordBuckets(codes: Uint16Array, from: number, to: number, buckets: number[] | undefined): number {
  mark = mark === 0x7fffffff ? 1 : mark + 1;
  let count = 0;
  let hash = FNV_START | 0;
  let length = 0;
  for (let i = from; i <= to; i++) {
    let code = i < to ? (codes[i] as number) : 32;
    if (code >= 65 && code <= 90) code += 32;
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code > 127) {
      hash = Math.imul(hash ^ code, FNV_PRIME);
      length++;
      continue;
    }
    if (length >= MIN_WORD) {
      const bucket = mix32(hash) & (BUCKETS - 1);
      if (stamp[bucket] !== mark) {
        stamp[bucket] = mark;
        buckets?.push(bucket);
        count++;
      }
    }
    hash = FNV_START | 0;
    length = 0;
  }
  return count;
}

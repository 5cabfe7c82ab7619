/** injection, surroundings: how unlike the rest of a text one of its units is, by the words they share. */
import { codesOf } from './codes.ts';
import { FNV_PRIME, FNV_START, mix32 } from './hash.ts';

const BUCKETS = 1_024;
/** Shorter words are articles and prepositions of any text. */
const MIN_WORD = 4;

/** Per unit: 0 if its words are those of the other units, 1 if it shares none. Linear in the text. */
export function apartness(units: readonly string[]): { readonly apart: number; readonly words: number }[] {
  const stamp = new Int32Array(BUCKETS);
  const vectors = units.map((unit, i) => wordBuckets(unit, stamp, i + 1));
  const total = new Int32Array(BUCKETS);
  for (const vector of vectors) for (const bucket of vector) total[bucket] = (total[bucket] as number) + 1;
  let square = 0;
  for (const count of total) square += count * count;
  return vectors.map((vector) => {
    let dot = 0;
    let rest = square;
    for (const bucket of vector) {
      const sum = total[bucket] as number;
      dot += sum - 1;
      rest += 1 - 2 * sum;
    }
    const like = vector.length === 0 || rest <= 0 ? 0 : dot / Math.sqrt(vector.length * rest);
    return { apart: 1 - like, words: vector.length };
  });
}

/** Distinct hash buckets of the words of a unit; `stamp[bucket] === mark` says that it was seen. */
function wordBuckets(text: string, stamp: Int32Array, mark: number): number[] {
  const buckets: number[] = [];
  const codes = codesOf(text);
  let hash = FNV_START | 0;
  let length = 0;
  for (let i = 0; i <= text.length; i++) {
    let code = i < text.length ? (codes[i] as number) : 32;
    if (code >= 65 && code <= 90) code += 32;
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code > 127) {
      hash = Math.imul(hash ^ code, FNV_PRIME);
      length++;
      continue;
    }
    if (length >= MIN_WORD) {
      const bucket = mix32(hash) % BUCKETS;
      if (stamp[bucket] !== mark) {
        stamp[bucket] = mark;
        buckets.push(bucket);
      }
    }
    hash = FNV_START | 0;
    length = 0;
  }
  return buckets;
}

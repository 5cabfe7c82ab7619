/**
 * Word and character n-grams as hashes, and the Jaccard similarity of two texts. A sketch is the `size`
 * smallest distinct hashes in ascending order (bottom-k): plain numbers that a state may hold, exact
 * while the text has no more n-grams than that, an estimate beyond.
 */
import { CODES, codesOf } from './codes.ts';
import { FNV_START, fnv, mix32 } from './hash.ts';

export type Sketch = readonly number[];

/** 64 hashes: standard error of the Jaccard estimate below .07. */
const SKETCH_SIZE = 64;
const MAX_WORDS = 4_096;

/** ASCII letters and digits and `_`, lower-case; 0 for all others. */
const folded = new Uint8Array(128);
for (let code = 0x30; code <= 0x39; code++) folded[code] = code;
for (let code = 0x61; code <= 0x7a; code++) folded[code] = folded[code - 32] = code;
folded[0x5f] = 0x5f;

/** The words of the text at hand, as signed numbers: those the engine keeps as they are. */
const scratch = new Int32Array(MAX_WORDS);

/** Fills `scratch`; how many words there are. */
function readWords(text: string, limit: number): number {
  const codes = codesOf(text);
  const length = Math.min(text.length, CODES);
  let count = 0;
  let hash = FNV_START | 0;
  let open = false;
  for (let i = 0; i < length; i++) {
    const code = codes[i] as number;
    const lower = code < 0x80 ? (folded[code] as number) : code > 0xbf ? code : 0;
    if (lower !== 0) {
      hash = Math.imul(hash ^ lower, 16777619);
      open = true;
    } else if (open) {
      scratch[count++] = hash;
      if (count >= limit) return count;
      hash = FNV_START | 0;
      open = false;
    }
  }
  if (open) scratch[count++] = hash;
  return count;
}

/** Hashes of the lower-case words of a text, in order; letters, digits and `_` of any script make words. At most 4,096. */
export function wordHashes(text: string, limit = MAX_WORDS): number[] {
  const count = readWords(text, Math.min(limit, MAX_WORDS));
  return Array.from({ length: count }, (_, i) => (scratch[i] as number) >>> 0);
}

/** The shingles of the text at hand. */
const shingles = new Uint32Array(MAX_WORDS);

/** Fills `shingles`; how many there are. */
function readShingles(text: string, n: number): number {
  const words = readWords(text, MAX_WORDS);
  if (words === 0) return 0;
  const size = Math.min(n, words);
  const count = words - size + 1;
  for (let i = 0; i < count; i++) {
    let hash = FNV_START | 0;
    for (let k = 0; k < size; k++) hash = Math.imul(hash ^ (scratch[i + k] as number), 16777619);
    shingles[i] = mix32(hash);
  }
  return count;
}

/** Hashes of every run of `n` words, in order. Fewer words than `n` give one hash of them all, none give none. */
export function wordShingles(text: string, n = 3): number[] {
  return Array.from(shingles.subarray(0, readShingles(text, n)));
}

/** The sketch of `wordShingles`. */
export function wordSketch(text: string, n = 3): Sketch {
  return sketch(shingles.subarray(0, readShingles(text, n)));
}

/** Hashes of every run of `n` characters of the lower-case text, for texts too short for word shingles. */
export function charShingles(text: string, n = 3): number[] {
  const lower = text.toLowerCase();
  const result: number[] = [];
  for (let i = 0; i + n <= lower.length; i++) {
    let hash = FNV_START;
    for (let k = 0; k < n; k++) hash = fnv(hash, lower.charCodeAt(i + k));
    result.push(mix32(hash));
  }
  return result;
}

/** The smallest so far, ascending: most hashes of a long text are larger than all of them and cost one comparison. */
const smallest = new Float64Array(SKETCH_SIZE);

export function sketch(hashes: ArrayLike<number>, size = SKETCH_SIZE): Sketch {
  // Hashes are spread evenly: the smallest of many lie below this, but for one text in a thousand and those that repeat themselves.
  const limit = hashes.length > 2 * size ? (4294967296 * 1.5 * size) / hashes.length : Number.POSITIVE_INFINITY;
  const found = smallestBelow(hashes, size, limit);
  return found.length < size && limit < 4294967296 ? smallestBelow(hashes, size, Number.POSITIVE_INFINITY) : found;
}

function smallestBelow(hashes: ArrayLike<number>, size: number, limit: number): Sketch {
  const kept = size <= SKETCH_SIZE ? smallest : new Float64Array(size);
  let count = 0;
  for (let i = 0; i < hashes.length; i++) {
    const hash = hashes[i] as number;
    if (hash >= limit || (count === size && hash >= (kept[size - 1] as number))) continue;
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((kept[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    if (low < count && kept[low] === hash) continue;
    if (count < size) count++;
    for (let k = count - 1; k > low; k--) kept[k] = kept[k - 1] as number;
    kept[low] = hash;
  }
  return Array.from(kept.subarray(0, count));
}

/** 0–1. Two empty sketches are not alike: nothing was said twice. */
export function jaccard(a: Sketch, b: Sketch, size = SKETCH_SIZE): number {
  if (a.length === 0 || b.length === 0) return 0;
  let i = 0;
  let k = 0;
  let union = 0;
  let both = 0;
  while (union < size && (i < a.length || k < b.length)) {
    const x = a[i] ?? Number.POSITIVE_INFINITY;
    const y = b[k] ?? Number.POSITIVE_INFINITY;
    if (x === y) both++;
    if (x <= y) i++;
    if (y <= x) k++;
    union++;
  }
  return both / union;
}

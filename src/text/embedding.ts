/**
 * What a text is about, as 128 numbers: the sum over its distinct tokens of a static vector times the root of the token's count.
 * The table of vectors is distilled from all-MiniLM-L6-v2 (`scripts/embedding`; figures in docs/embedding.md). Blind to order: a
 * sentence and its negation are near.
 *
 * The table is a file, and this room reads none: the composition root provides it, and it is read when first asked for.
 * Without it `embed` says `undefined` and detectors use words alone.
 */
import { WordPiece } from './wordpiece.ts';

/** Tokens of a text that count, from its front. */
export const MAX_TOKENS = 128;
/** UTF-16 units that are looked at for them: 16 a token, four times what prose needs. Bounds the work on hostile text. */
const MAX_CHARS = 2_048;

/** 128 numbers; only their direction has a meaning, so that two are compared by `cosine`. All zero for a text without tokens. */
export type Embedding = Int8Array;

interface Table {
  readonly width: number;
  readonly wordPiece: WordPiece;
  readonly scales: Float32Array;
  readonly rows: Int8Array;
  /** Scratch: the sum of a text's rows, and how often it has each token; zeros between calls. */
  readonly sum: Float32Array;
  readonly counts: Uint8Array;
}

let source: (() => Uint8Array) | undefined;
let table: Table | undefined;

/**
 * Says where the bytes of the table come from; `read` is called once, at the first `embed`. `undefined` takes the table away.
 * For the whole process. What `read` throws, and the `RangeError` of bytes that are no table, come out of that `embed`.
 */
export function provideEmbedding(read: (() => Uint8Array) | undefined): void {
  if (read === source) return;
  source = read;
  table = undefined;
}

/** Whether `embed` will answer. */
export function embeddingAvailable(): boolean {
  return source !== undefined;
}

/** The direction of the first 128 tokens; `undefined` if no table is provided. The same text always gives the same bytes. */
export function embed(text: string): Embedding | undefined {
  if (!source) return undefined;
  table ??= decode(source());
  const { width, wordPiece, scales, rows, sum, counts } = table;
  sum.fill(0);
  const ids = wordPiece.tokens(text.length > MAX_CHARS ? text.slice(0, MAX_CHARS) : text, MAX_TOKENS);
  for (const id of ids) counts[id] = (counts[id] as number) + 1;
  for (const id of ids) {
    const count = counts[id] as number;
    if (count === 0) continue;
    counts[id] = 0;
    const weight = (scales[id] as number) * Math.sqrt(count);
    const row = id * width;
    for (let i = 0; i < width; i++) sum[i] = (sum[i] as number) + (rows[row + i] as number) * weight;
  }
  let largest = 0;
  for (let i = 0; i < width; i++) largest = Math.max(largest, Math.abs(sum[i] as number));
  const out = new Int8Array(width);
  if (largest > 0) for (let i = 0; i < width; i++) out[i] = Math.round(((sum[i] as number) * 127) / largest);
  return out;
}

/** Cosine of two embeddings, −1 to 1; 0 if either is all zero. */
export function cosine(a: Embedding, b: Embedding): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** The layout is that of `scripts/embedding/table.py`. */
function decode(bytes: Uint8Array): Table {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint32(0) !== 0x4d534531)
    throw new RangeError(
      `the embedding table of ${bytes.length} bytes does not begin with 'MSE1': use the file that is shipped.`,
    );
  const count = view.getUint32(4, true);
  const width = view.getUint32(8, true);
  const start = 12 + 4 * count;
  const end = start + count * width;
  const vocabulary = end <= bytes.length ? new TextDecoder().decode(bytes.subarray(end)).split('\n') : [];
  if (vocabulary.length !== count || width === 0)
    throw new RangeError(
      `the embedding table says ${count} rows of ${width}, but ${bytes.length} bytes hold ${vocabulary.length} tokens: use the file that is shipped.`,
    );
  return {
    width,
    wordPiece: new WordPiece(vocabulary),
    scales: Float32Array.from({ length: count }, (_, i) => view.getFloat32(12 + 4 * i, true)),
    rows: new Int8Array(bytes.buffer, bytes.byteOffset + start, count * width),
    sum: new Float32Array(width),
    counts: new Uint8Array(count),
  };
}

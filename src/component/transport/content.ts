/** Content encodings of requests and responses: bounded inflation, whatever the bytes claim. */
import * as zlib from 'node:zlib';

/** What was to be inflated is larger than its limit, in bytes. Nothing beyond the limit was made. */
export class TooLarge extends Error {
  readonly limit: number;
  constructor(limit: number, options?: ErrorOptions) {
    super(`larger than the limit of ${limit} bytes`, options);
    this.name = 'TooLarge';
    this.limit = limit;
  }
}

/**
 * Gives at most `limit` bytes. A small input is inflated at once, a larger one on the thread pool.
 * Throws or rejects with `TooLarge`, or with the decoder's error when the bytes are malformed or cut off.
 */
export type Inflate = (bytes: Uint8Array, limit: number) => Uint8Array | Promise<Uint8Array>;

/** Above this the hop to the thread pool (about 30 µs) is small against the work, and the loop would stand still too long. */
const SYNC_BYTES = 64 * 1024;
/** The size a gzip claims for itself is believed up to here: one buffer of the right size instead of 16 KiB pieces. */
const HINT_BYTES = 1024 * 1024;

interface Options {
  readonly maxOutputLength: number;
  readonly chunkSize?: number;
}
type Sync = (bytes: Uint8Array, options: Options) => Uint8Array;
type Async = (bytes: Uint8Array, options: Options, done: (error: Error | null, out: Uint8Array) => void) => void;

function inflater(sync: Sync, async: Async, sizeOf?: (bytes: Uint8Array) => number): Inflate {
  return (bytes, limit) => {
    const size = sizeOf?.(bytes) ?? 0;
    const options: Options =
      size >= 64 && size <= HINT_BYTES ? { maxOutputLength: limit, chunkSize: size + 1 } : { maxOutputLength: limit };
    if (bytes.length > SYNC_BYTES) {
      return new Promise((resolve, reject) => {
        async(bytes, options, (error, out) => (error === null ? resolve(out) : reject(explained(error, limit))));
      });
    }
    try {
      return sync(bytes, options);
    } catch (error) {
      throw explained(error, limit);
    }
  };
}

function explained(error: unknown, limit: number): unknown {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? new TooLarge(limit, { cause: error }) : error;
}

/** The last four bytes of a gzip: the inflated size of its last member. */
function gzipSize(bytes: Uint8Array): number {
  const at = bytes.length - 4;
  if (at < 0) return 0;
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

// What HTTP and gRPC call deflate is the zlib format.
const deflate = inflater(zlib.inflateSync, zlib.inflate as Async);
const known = new Map<string, Inflate>([
  ['gzip', inflater(zlib.gunzipSync, zlib.gunzip as Async, gzipSize)],
  ['deflate', deflate],
  ['zlib', deflate],
]);
// Node has zstd from 22.15 on; the types are of Node 20.
const { zstdDecompressSync, zstdDecompress } = zlib as { zstdDecompressSync?: Sync; zstdDecompress?: Async };
if (zstdDecompressSync !== undefined && zstdDecompress !== undefined) {
  known.set('zstd', inflater(zstdDecompressSync, zstdDecompress));
}

/** Names this Node can read, `identity` left out. */
export const encodings: readonly string[] = [...known.keys()];

/** `undefined` for a name that is not known, and for the absence of an encoding; ask `isIdentity` first. */
export function inflateOf(name: string): Inflate | undefined {
  return known.get(name.toLowerCase());
}

export function isIdentity(name: string | undefined): boolean {
  return name === undefined || name === '' || name.toLowerCase() === 'identity';
}

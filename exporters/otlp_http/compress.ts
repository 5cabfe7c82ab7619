/** Compression of request bodies, off the event loop. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';

type Compress = (body: Uint8Array, level: number) => Promise<Uint8Array>;

const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const deflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate);

/** Node has it from 22.15 on. */
type Zstd = (
  body: Uint8Array,
  options: { params: Record<number, number> },
  done: (error: Error | null, out: Buffer) => void,
) => void;
const native = (zlib as { zstdCompress?: Zstd }).zstdCompress;
/** ZSTD_c_compressionLevel. */
const ZSTD_LEVEL = 100;

export const zstdCompress: Compress | undefined =
  native &&
  ((body, level) =>
    new Promise((resolve, reject) =>
      native(body, { params: { [ZSTD_LEVEL]: level } }, (error, out) => (error ? reject(error) : resolve(out))),
    ));

/** By Content-Encoding. */
export const compressors: Readonly<Record<string, Compress | undefined>> = {
  gzip: (body, level) => gzip(body, { level }),
  deflate: (body, level) => deflate(body, { level }),
  zstd: zstdCompress,
};

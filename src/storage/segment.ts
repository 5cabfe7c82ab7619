/** One file of the log: written at its end only, named by the sequence number of its first record. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

const SUFFIX = '.seg';
/** 2^53 has 16 digits: names sort as their numbers do. */
const DIGITS = 16;

export function segmentName(sequence: number): string {
  return String(sequence).padStart(DIGITS, '0') + SUFFIX;
}

/** The number in a segment's name; `undefined` for other files. */
export function sequenceOf(file: string): number | undefined {
  return /^\d{16}\.seg$/.test(file) ? Number(file.slice(0, DIGITS)) : undefined;
}

export class Segment {
  readonly file: string;
  readonly path: string;
  size: number;
  /** Bytes of records that nothing later replaces or removes. */
  live = 0;
  private handle: Promise<FileHandle> | undefined;

  constructor(directory: string, file: string, size: number, handle?: FileHandle) {
    this.file = file;
    this.path = join(directory, file);
    this.size = size;
    if (handle !== undefined) this.handle = Promise.resolve(handle);
  }

  /** A new, empty segment; with `sync` its name is on the disk when this resolves. */
  static async create(directory: string, file: string, sync: boolean): Promise<Segment> {
    const handle = await open(join(directory, file), 'w+', 0o640);
    if (sync) {
      const parent = await open(directory, 'r');
      await parent.sync().finally(() => parent.close());
    }
    return new Segment(directory, file, 0, handle);
  }

  async append(pieces: readonly Uint8Array[], bytes: number): Promise<void> {
    const handle = await this.opened();
    let { size } = this;
    let left = pieces as Uint8Array[];
    // A write may end early, at a signal or a full disk; the next call then says which.
    while (left.length > 0) {
      const { bytesWritten } = await handle.writev(left, size);
      if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
      size += bytesWritten;
      left = after(left, bytesWritten);
    }
    this.size += bytes;
  }

  async sync(): Promise<void> {
    await (await this.opened()).datasync();
  }

  /** Takes back what a failed write left. False if that failed too: then it may be found at the next start. */
  async cutTo(size: number): Promise<boolean> {
    this.size = size;
    try {
      await (await this.opened()).truncate(size);
      return true;
    } catch {
      return false;
    }
  }

  /** Shorter than asked for if the file is. */
  async read(offset: number, bytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await (await this.opened()).read(buffer, 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    await (await handle?.catch(() => undefined))?.close();
  }

  private opened(): Promise<FileHandle> {
    this.handle ??= open(this.path, 'r+');
    return this.handle;
  }
}

function after(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  let left = written;
  let i = 0;
  for (; i < pieces.length; i++) {
    const { length } = pieces[i] as Uint8Array;
    if (left < length) break;
    left -= length;
  }
  const rest = pieces.slice(i);
  if (left > 0) rest[0] = (rest[0] as Uint8Array).subarray(left);
  return rest;
}

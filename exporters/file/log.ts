/**
 * An append-only file. Records that arrive while a write is under way go together in the next one; a record is either
 * in the file whole or, when the disk fails, not at all. Rotation stands between two records.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

const gzip = promisify<Uint8Array, Buffer>(zlib.gzip);

export interface FileLogOptions {
  readonly path: string;
  readonly append: boolean;
  readonly createDirectory: boolean;
  /** Each write becomes a gzip member. */
  readonly gzip: boolean;
  /** 0 = never rotated. A single record may be larger. */
  readonly maxBytes: number;
  /** 0 = all are kept. */
  readonly maxBackups: number;
  /** Unix ms. */
  readonly now: () => number;
}

interface Pending {
  readonly record: readonly Uint8Array[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Records of one write together: as much as a disk takes in one go, and a bound on what is gathered. */
const GROUP_BYTES = 4_194_304;

export class FileLog {
  private readonly options: FileLogOptions;
  private handle: FileHandle;
  private size: number;
  private rotatedAt = 0;
  private pending: Pending[] = [];
  private writing: Promise<void> | undefined;

  private constructor(options: FileLogOptions, handle: FileHandle, size: number) {
    this.options = options;
    this.handle = handle;
    this.size = size;
  }

  static async open(options: FileLogOptions): Promise<FileLog> {
    if (options.createDirectory) await mkdir(dirname(options.path), { recursive: true });
    const handle = await open(options.path, options.append ? 'a' : 'w');
    return new FileLog(options, handle, (await handle.stat()).size);
  }

  /** Resolves when the system has the record. The chunks must not change before. */
  write(record: readonly Uint8Array[]): Promise<void> {
    let bytes = 0;
    for (const chunk of record) bytes += chunk.length;
    return new Promise((resolve, reject) => {
      this.pending.push({ record, bytes, resolve, reject });
      this.writing ??= this.work();
    });
  }

  /** Writes what waits and puts it on the disk. */
  async close(): Promise<void> {
    await this.writing;
    await this.handle.sync().catch(() => {});
    await this.handle.close().catch(() => {});
  }

  private async work(): Promise<void> {
    while (this.pending.length > 0) {
      const group = this.take();
      try {
        await this.writeGroup(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.writing = undefined;
  }

  /** The next records that go together: up to a bound and, with rotation, up to the end of the file. */
  private take(): Pending[] {
    const { maxBytes } = this.options;
    const room = maxBytes > 0 ? Math.max(maxBytes - this.size, 0) : Number.POSITIVE_INFINITY;
    let bytes = 0;
    let n = 0;
    for (const { bytes: more } of this.pending) {
      if (n > 0 && (bytes + more > GROUP_BYTES || bytes + more > room)) break;
      bytes += more;
      n++;
    }
    return this.pending.splice(0, n);
  }

  private async writeGroup(group: readonly Pending[]): Promise<void> {
    let chunks: readonly Uint8Array[] = group.flatMap(({ record }) => record);
    if (this.options.gzip) chunks = [await gzip(Buffer.concat(chunks))];
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    const { maxBytes } = this.options;
    if (maxBytes > 0 && this.size > 0 && this.size + bytes > maxBytes) await this.rotate();
    try {
      await this.writeAll(chunks);
      this.size += bytes;
    } catch (error) {
      await this.handle.truncate(this.size).catch(() => {});
      throw error;
    }
  }

  /** `writev` may write less than it is given. The position is given, so that a cut-off tail is overwritten. */
  private async writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    let at = this.size;
    while (rest.length > 0) {
      let { bytesWritten: left } = await this.handle.writev(rest, at);
      at += left;
      let i = 0;
      while (i < rest.length && left >= (rest[i] as Uint8Array).length) left -= (rest[i++] as Uint8Array).length;
      rest = rest.slice(i);
      if (left > 0) rest[0] = (rest[0] as Uint8Array).subarray(left);
    }
  }

  /** `spans.json` becomes `spans-<time>.json`, and a new one begins. */
  private async rotate(): Promise<void> {
    const { path, now } = this.options;
    const extension = extname(path);
    const stem = path.slice(0, path.length - extension.length);
    // Names order backups by age, also when the clock stands still or is set back.
    this.rotatedAt = Math.max(now(), this.rotatedAt + 1);
    const time = new Date(this.rotatedAt).toISOString().replaceAll(':', '-').replace('Z', '');
    const names = new Set(await readdir(dirname(path)));
    let backup = `${stem}-${time}${extension}`;
    for (let i = 1; names.has(basename(backup)); i++) backup = `${stem}-${time}.${String(i).padStart(3, '0')}${extension}`;
    await rename(path, backup);
    const old = this.handle;
    try {
      this.handle = await open(path, 'w');
    } catch (error) {
      await rename(backup, path).catch(() => {});
      throw error;
    }
    await old.close().catch(() => {});
    this.size = 0;
    await this.prune(basename(stem), extension);
  }

  private async prune(stem: string, extension: string): Promise<void> {
    const { path, maxBackups } = this.options;
    if (maxBackups === 0) return;
    const directory = dirname(path);
    // Only what `rotate` names: a time follows the stem.
    const ours = (name: string) =>
      name.startsWith(`${stem}-`) &&
      name.endsWith(extension) &&
      /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(\.\d{3})?$/.test(name.slice(stem.length + 1, name.length - extension.length));
    const backups = (await readdir(directory)).filter(ours);
    // Without the extension, so that `….000` stands before the younger `….000.001`.
    const time = (name: string) => name.slice(0, name.length - extension.length);
    backups.sort((a, b) => (time(a) < time(b) ? -1 : 1));
    for (const name of backups.slice(0, -maxBackups)) await rm(join(directory, name), { force: true });
  }
}

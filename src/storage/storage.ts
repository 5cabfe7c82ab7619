/**
 * Records on disk, by stream and key, in append-only segments.
 *
 * Law:
 * - What is put or removed in one turn of the event loop is written together, in order; `committed` resolves when that
 *   is as safe as `sync` says: `commit` on the disk, `interval` and `none` with the kernel (safe from kill -9, not from
 *   a power cut). When a group cannot be written nothing that it puts stands, and `committed` rejects.
 * - A later put of a key replaces the earlier. A removal is never undone, also not by a failed write.
 * - Segments are removed oldest first, when nothing in them is alive; what keeps an old one is moved to the end. So a
 *   removal never goes before what it removes.
 * - Damage never stops a start: what is not whole is skipped and told; the others are kept.
 */
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { lockDirectory } from './lock.ts';
import { HEADER_BYTES, type RecordHeader, readRecord, walkSegment, writeHeader } from './record.ts';
import { Segment, segmentName, sequenceOf } from './segment.ts';

export interface StorageOptions {
  readonly directory: string;
  readonly sync: 'none' | 'interval' | 'commit';
  /** Between two syncs to the disk with `interval`. */
  readonly syncIntervalMs: number;
  /** A segment that is longer takes no more. */
  readonly segmentBytes: number;
  /** All segments together; beyond it puts are refused. */
  readonly maxBytes: number;
}

export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  /** A write that a crash cut short: the end of the newest segment. Nothing of it was acknowledged. */
  readonly torn: boolean;
}

/** What an owner is told; calls are made outside of any write. */
export interface StorageEvents {
  damaged(damage: Damage): void;
  /** Records that are missing by their sequence numbers, found at the start. */
  missing(records: number): void;
  failed(error: Error): void;
  working(): void;
}

/** Why a put was refused or a group not written. */
export class StorageError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StorageError';
    this.code = code;
  }
}

export interface Stream {
  /** Bytes are not copied and must not change until committed. Throws `StorageError` FULL when the storage is. */
  put(key: number, tag: number, chunks: readonly Uint8Array[]): void;
  remove(key: number): void;
  /** Rejects when there is no such record, or when it is damaged (code DAMAGED). */
  read(key: number): Promise<Buffer>;
  /** Committed records, the one written first first. */
  entries(): Iterable<readonly [key: number, entry: { readonly tag: number; readonly bytes: number }]>;
}

export interface Storage {
  /** The stream of that name; made if there is none yet. The same object for the same name. */
  stream(name: string): Stream;
  /** Bytes of live records whose stream nobody has asked for since the start: of a component that is gone, say. */
  readonly unclaimed: number;
  committed(): Promise<void>;
  /** Whether a put of so many bytes would be taken now. */
  fits(bytes: number): boolean;
  /** Bytes of the largest record that an empty storage takes. */
  readonly largest: number;
  /** On disk, the dead included. */
  readonly bytes: number;
  readonly liveBytes: number;
  readonly maxBytes: number;
  readonly segments: number;
  close(): Promise<void>;
}

interface Entry {
  readonly segment: Segment;
  readonly offset: number;
  readonly bytes: number;
  readonly tag: number;
}

interface Pending {
  readonly stream: number;
  readonly remove: boolean;
  readonly key: number;
  readonly tag: number;
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
  /** Set on a record that is moved: what it is a copy of. */
  readonly from?: Entry;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Of the room, kept for removals and moves: they are what makes room. */
const RESERVE = 0.05;
/** Groups whose pieces are smaller on average are copied together: a write of its own costs more. */
const SMALL_PIECE = 4_096;

export async function openStorage(options: StorageOptions, events: StorageEvents): Promise<Storage> {
  await mkdir(options.directory, { recursive: true, mode: 0o750 });
  const unlock = await lockDirectory(options.directory);
  try {
    const log = new SegmentLog(options, events, unlock);
    await log.recover();
    return log;
  } catch (error) {
    await unlock();
    throw error;
  }
}

class SegmentLog implements Storage {
  bytes = 0;
  liveBytes = 0;
  private readonly options: StorageOptions;
  private readonly events: StorageEvents;
  private readonly unlock: () => Promise<void>;
  private list: Segment[] = [];
  private active: Segment | undefined;
  private sequence = 1;
  private readonly indexes = new Map<number, Map<number, Entry>>();
  private readonly made = new Map<number, { readonly name: string; readonly stream: Stream }>();
  private pending: Pending[] = [];
  private pendingBytes = 0;
  /** For the next group. */
  private waiters: Waiter[] = [];
  /** For the group that is being written. */
  private written: Waiter[] | undefined;
  private flushing: Promise<void> | undefined;
  private scheduled = false;
  private moving = false;
  private failing = false;
  private dirty = false;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: StorageOptions, events: StorageEvents, unlock: () => Promise<void>) {
    this.options = options;
    this.events = events;
    this.unlock = unlock;
  }

  get maxBytes(): number {
    return this.options.maxBytes;
  }

  get segments(): number {
    return this.list.length;
  }

  get unclaimed(): number {
    let sum = 0;
    for (const [id, index] of this.indexes) {
      if (!this.made.has(id)) for (const { bytes } of index.values()) sum += bytes;
    }
    return sum;
  }

  stream(name: string): Stream {
    const id = crc32(name);
    const known = this.made.get(id);
    if (known !== undefined) {
      if (known.name !== name) throw new StorageError('STREAM', `'${name}' and '${known.name}' have the same number; rename one`);
      return known.stream;
    }
    const stream: Stream = {
      put: (key, tag, chunks) => this.put(id, key, tag, chunks),
      remove: (key) => this.add({ stream: id, remove: true, key, tag: 0, chunks: [], length: 0 }),
      read: (key) => this.read(id, key),
      entries: () => this.indexOf(id),
    };
    this.made.set(id, { name, stream });
    return stream;
  }

  committed(): Promise<void> {
    const waiters = this.pending.length > 0 ? this.waiters : this.written;
    if (waiters === undefined) return Promise.resolve();
    this.schedule();
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    while (this.pending.length > 0 || this.flushing !== undefined) {
      await (this.flushing ?? this.flush());
      if (this.failing) break;
    }
    this.closed = true;
    clearInterval(this.timer);
    if (this.dirty && this.options.sync !== 'none') await this.active?.sync().catch(() => undefined);
    for (const segment of this.list) await segment.close();
    await this.unlock();
  }

  /** Reads every segment, oldest first. Whatever is damaged is skipped and told. */
  async recover(): Promise<void> {
    const { directory, sync, syncIntervalMs } = this.options;
    const files = (await readdir(directory)).filter((file) => sequenceOf(file) !== undefined).sort();
    for (const [i, file] of files.entries()) {
      const first = sequenceOf(file) as number;
      if (i > 0 && first > this.sequence) this.events.missing(first - this.sequence);
      this.sequence = Math.max(this.sequence, first);
      const bytes = await readFile(join(directory, file));
      const segment = new Segment(directory, file, bytes.length);
      this.list.push(segment);
      this.bytes += bytes.length;
      this.load(segment, bytes, i === files.length - 1);
      // Its name says that it had a record; and the next segment must not get the same one.
      if (this.sequence === first) {
        this.events.missing(1);
        this.sequence++;
      }
    }
    await this.dropDead();
    if (sync === 'interval') {
      this.timer = setInterval(() => void this.syncNow(), syncIntervalMs);
      this.timer.unref();
    }
  }

  private load(segment: Segment, bytes: Buffer, newest: boolean): void {
    for (const met of walkSegment(bytes)) {
      if (met.kind === 'damage') {
        this.events.damaged({ file: segment.file, offset: met.at, bytes: met.bytes, torn: newest && met.atEnd });
        continue;
      }
      const { record, at } = met;
      if (record.sequence > this.sequence) this.events.missing(record.sequence - this.sequence);
      if (record.sequence < this.sequence) continue;
      this.sequence = record.sequence + 1;
      this.apply(record.stream, record.key, record.remove ? undefined : entryOf(segment, at, record));
    }
  }

  private apply(stream: number, key: number, entry: Entry | undefined): void {
    const index = this.indexOf(stream);
    const before = index.get(key);
    if (before !== undefined) {
      before.segment.live -= before.bytes;
      this.liveBytes -= before.bytes;
      index.delete(key);
    }
    if (entry === undefined) return;
    index.set(key, entry);
    entry.segment.live += entry.bytes;
    this.liveBytes += entry.bytes;
  }

  get largest(): number {
    return Math.floor(this.options.maxBytes * (1 - RESERVE)) - HEADER_BYTES;
  }

  fits(bytes: number): boolean {
    return this.bytes + this.pendingBytes + bytes <= this.largest;
  }

  private put(stream: number, key: number, tag: number, chunks: readonly Uint8Array[]): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (!this.fits(length)) {
      throw new StorageError(
        'FULL',
        `the storage in ${this.options.directory} holds ${this.bytes} of ${this.options.maxBytes} bytes`,
      );
    }
    this.add({ stream, remove: false, key, tag, chunks, length });
  }

  private add(record: Pending): void {
    if (this.closed) throw new StorageError('CLOSED', 'the storage is closed');
    this.pending.push(record);
    this.pendingBytes += record.length + HEADER_BYTES;
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.flushing !== undefined) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      if (this.flushing === undefined && this.pending.length > 0) void this.flush();
    });
  }

  private flush(): Promise<void> {
    this.flushing = this.writeGroups();
    return this.flushing;
  }

  /** Groups one after the other until nothing waits: what comes while one is written is the next. Never rejects. */
  private async writeGroups(): Promise<void> {
    while (this.pending.length > 0) {
      const group = this.takeGroup();
      const { waiters } = this;
      this.written = waiters;
      this.waiters = [];
      try {
        await this.write(group);
        this.written = undefined;
        this.tellWorking();
        for (const { resolve } of waiters) resolve();
      } catch (cause) {
        this.written = undefined;
        const error = cause instanceof Error ? cause : new Error(String(cause));
        const removals = group.filter(({ remove }) => remove);
        this.tellFailed(error);
        const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
        const said = new StorageError(code, `cannot write to ${this.options.directory}: ${error.message}`, { cause });
        for (const { reject } of waiters) reject(said);
        for (const record of removals) this.apply(record.stream, record.key, undefined);
        // Removals are written with the next group; nobody has to ask for them again.
        this.pending.unshift(...removals);
        this.pendingBytes += removals.length * HEADER_BYTES;
        await this.dropDead().catch(() => undefined);
        if (removals.length === this.pending.length && this.waiters.length === 0) break;
      }
    }
    // In the same turn as the last look at what waits: later it would be left lying.
    this.flushing = undefined;
  }

  /** What waits, without copies of what has been replaced or removed in the meantime. */
  private takeGroup(): Pending[] {
    const touched = new Set<string>();
    const group = this.pending.filter(({ stream, key, from }) => {
      const id = `${stream} ${key}`;
      if (from !== undefined && (touched.has(id) || this.indexOf(stream).get(key) !== from)) return false;
      touched.add(id);
      return true;
    });
    this.pending = [];
    this.pendingBytes = 0;
    return group;
  }

  private async write(group: readonly Pending[]): Promise<void> {
    if (group.length === 0) return;
    if (this.active === undefined || this.active.size >= this.options.segmentBytes) await this.roll();
    const segment = this.active as Segment;
    const start = segment.size;
    const first = this.sequence;
    const headers = Buffer.allocUnsafe(group.length * HEADER_BYTES);
    const pieces: Uint8Array[] = [];
    const entries: (Entry | undefined)[] = [];
    let offset = start;
    let puts = false;
    group.forEach((record, i) => {
      const { stream, remove, key, tag, chunks, length } = record;
      writeHeader(headers, i * HEADER_BYTES, { stream, remove, key, tag, length, sequence: this.sequence++ }, chunks);
      pieces.push(headers.subarray(i * HEADER_BYTES, (i + 1) * HEADER_BYTES), ...chunks);
      entries.push(remove ? undefined : { segment, offset, bytes: length + HEADER_BYTES, tag });
      offset += length + HEADER_BYTES;
      if (!remove) puts = true;
    });
    const total = offset - start;
    try {
      await segment.append(total < pieces.length * SMALL_PIECE ? [Buffer.concat(pieces, total)] : pieces, total);
      if (this.options.sync === 'commit' && puts) await segment.sync();
    } catch (error) {
      // A part may be on disk, and a failed sync says nothing of what is: this segment takes no more, unless it is empty.
      if (await segment.cutTo(start)) this.sequence = first;
      if (start > 0) this.active = undefined;
      throw error;
    }
    this.dirty = true;
    this.bytes += total;
    group.forEach(({ stream, key }, i) => {
      this.apply(stream, key, entries[i]);
    });
    await this.dropDead();
    this.moveOld();
  }

  private async roll(): Promise<void> {
    if (this.dirty && this.options.sync !== 'none') await this.active?.sync();
    this.active = await Segment.create(this.options.directory, segmentName(this.sequence), this.options.sync === 'commit');
    this.list.push(this.active);
  }

  private async dropDead(): Promise<void> {
    for (let first = this.list[0]; first !== undefined && first.live === 0 && first !== this.active; first = this.list[0]) {
      this.list.shift();
      this.bytes -= first.size;
      await first.close();
      await unlink(first.path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') this.tellFailed(error);
      });
    }
  }

  /** Copies what is alive in the oldest segment to the end when the dead take more than half, so that it can go. */
  private moveOld(): void {
    const [first] = this.list;
    const { segmentBytes, maxBytes } = this.options;
    if (this.moving || first === undefined || first === this.active) return;
    const tight = this.bytes > maxBytes / 2 && first.live < first.size / 2;
    if (!tight && this.bytes < 2 * this.liveBytes + 2 * segmentBytes) return;
    this.moving = true;
    void this.move(first).finally(() => {
      this.moving = false;
    });
  }

  private async move(segment: Segment): Promise<void> {
    for (const [stream, index] of this.indexes) {
      for (const [key, entry] of [...index]) {
        if (entry.segment !== segment) continue;
        try {
          const payload = await this.readEntry(entry);
          if (this.closed) return;
          this.add({ stream, remove: false, key, tag: entry.tag, chunks: [payload], length: payload.length, from: entry });
        } catch {
          // Gone meanwhile, or damaged since the start: whoever reads it is told.
          if (this.indexOf(stream).get(key) !== entry) continue;
          this.events.damaged({ file: segment.file, offset: entry.offset, bytes: entry.bytes, torn: false });
          this.add({ stream, remove: true, key, tag: 0, chunks: [], length: 0 });
        }
      }
    }
    await this.committed().catch(() => undefined);
  }

  private async read(stream: number, key: number): Promise<Buffer> {
    const entry = this.indexOf(stream).get(key);
    if (entry === undefined) throw new StorageError('ABSENT', `there is no record ${key}`);
    return this.readEntry(entry);
  }

  private async readEntry({ segment, offset, bytes }: Entry): Promise<Buffer> {
    const all = await segment.read(offset, bytes);
    if (readRecord(all, 0) === undefined) {
      throw new StorageError('DAMAGED', `the record at ${segment.file}:${offset} is damaged`);
    }
    return all.subarray(HEADER_BYTES);
  }

  private async syncNow(): Promise<void> {
    if (!this.dirty || this.active === undefined) return;
    this.dirty = false;
    await this.active.sync().catch((error: Error) => this.tellFailed(error));
  }

  private tellFailed(error: Error): void {
    if (this.failing) return;
    this.failing = true;
    this.events.failed(error);
  }

  private tellWorking(): void {
    if (!this.failing) return;
    this.failing = false;
    this.events.working();
  }

  private indexOf(stream: number): Map<number, Entry> {
    let index = this.indexes.get(stream);
    if (index === undefined) {
      index = new Map();
      this.indexes.set(stream, index);
    }
    return index;
  }
}

function entryOf(segment: Segment, offset: number, { length, tag }: RecordHeader): Entry {
  return { segment, offset, bytes: length + HEADER_BYTES, tag };
}

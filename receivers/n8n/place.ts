/**
 * How far executions were read. Ids rise with the time of creation, but executions end in any order: those that were seen and
 * had not ended are remembered one by one. Kept in a storage where one is named: what is noted in one turn stands together.
 */
import type { Stream } from '../../src/storage/storage.ts';

/** Executions that run or wait at once; n8n itself would suffer before. */
const MAX_OPEN = 10_000;

/** Tags of records. Their key is the id of an execution, of which none is 0. */
const MARK = 0;
const OPEN = 1;
const READ = 2;
const MARK_KEY = 0;
/** Mark, id of the newest, when that started. */
const RECORD_BYTES = 24;

interface Top {
  readonly id: number;
  readonly startedMs: number | undefined;
}

export class Place {
  readonly #stream: Stream | undefined;
  readonly #open = new Set<number>();
  readonly #read = new Set<number>();
  #mark = 0;
  #top: Top | undefined;

  constructor(stream: Stream | undefined) {
    this.#stream = stream;
  }

  /** What an earlier process left. */
  async restore(): Promise<void> {
    for (const [key, { tag }] of this.#stream?.entries() ?? []) {
      if (tag === OPEN) this.#open.add(key);
      else if (tag === READ) this.#read.add(key);
    }
    // There is none, or it is damaged: then as at the first start.
    const record = await this.#stream?.read(MARK_KEY).catch(() => undefined);
    if (record?.length !== RECORD_BYTES) return;
    const started = record.readDoubleLE(16);
    this.#mark = record.readDoubleLE(0);
    this.#top = { id: record.readDoubleLE(8), startedMs: Number.isNaN(started) ? undefined : started };
  }

  /**
   * Executions up to this id need not be listed again; `undefined` before the first round. It is the newest of the round before the
   * last: one that was made after a round looked for what runs, and had not ended when it listed what had, is above it.
   */
  get mark(): number | undefined {
    return this.#top === undefined ? undefined : this.#mark;
  }

  /** Not ended when they were seen last. */
  get open(): readonly number[] {
    return [...this.#open];
  }

  isRead(id: number): boolean {
    return this.#read.has(id);
  }

  /** False if too many are open already; it is then not remembered. */
  opened(id: number): boolean {
    if (this.#open.has(id)) return true;
    if (this.#open.size >= MAX_OPEN) return false;
    this.#open.add(id);
    this.#read.delete(id);
    this.#stream?.put(id, OPEN, []);
    return true;
  }

  /** It is done with, whatever became of it. */
  done(id: number): void {
    const wasOpen = this.#open.delete(id);
    if (id > this.#mark) {
      this.#read.add(id);
      this.#stream?.put(id, READ, []);
    } else if (wasOpen) this.#stream?.remove(id);
  }

  /** All that the round listed is done with or open; `newest` is the first of the list, `beyond` where the first list of all ended. */
  advance(newest: Top | undefined, beyond: Top | undefined): void {
    const known = this.#top;
    const top = newest !== undefined && newest.id > (known?.id ?? 0) ? newest : known;
    const mark = known?.id ?? beyond?.id ?? 0;
    if (top === undefined || (top === known && mark === this.#mark)) return;
    this.#top = top;
    this.#mark = mark;
    for (const id of [...this.#read].filter((one) => one <= mark)) {
      this.#read.delete(id);
      this.#stream?.remove(id);
    }
    const record = Buffer.alloc(RECORD_BYTES);
    record.writeDoubleLE(mark, 0);
    record.writeDoubleLE(top.id, 8);
    record.writeDoubleLE(top.startedMs ?? Number.NaN, 16);
    this.#stream?.put(MARK_KEY, MARK, [record]);
  }

  /** Whether ids begin anew below those that are known: of another database. An execution that was queued for long may look so too. */
  isBefore(newest: Top | undefined): boolean {
    const known = this.#top;
    if (newest === undefined || known === undefined || newest.id >= known.id) return false;
    return newest.startedMs !== undefined && known.startedMs !== undefined && newest.startedMs > known.startedMs;
  }

  forget(): void {
    for (const id of [...this.#open, ...this.#read, MARK_KEY]) this.#stream?.remove(id);
    this.#open.clear();
    this.#read.clear();
    this.#mark = 0;
    this.#top = undefined;
  }
}

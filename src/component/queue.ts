/**
 * The sending queue of one signal of one exporter. What `consume` accepted is in here until a sender has
 * brought it to its end, so room is taken until then, not until a sender picks it up.
 *
 * Bounds: `queue_size` in units of the sizer, `max_bytes` for this queue; without a storage the budget for all queues
 * together, with one the storage's room.
 *
 * With a storage `consume` answers when the request is committed there. It waits in `backlog`; its body stays in memory
 * while there is little of that kind, else it is read back when a sender is near.
 */
import type { SendingQueue as QueueOptions } from '../../config/queue.ts';
import type { Batch } from '../batch/batch.ts';
import type { Account } from './account.ts';
import { Batcher, type BatchSizes, type Group, type Owner } from './batcher.ts';
import { type BatcherOptions, type Budget, type Clock, Oversize, Permanent, Refused } from './component.ts';
import type { QueueStore, Stored } from './stored.ts';

/** The first retry of a Collector comes after 5 s: what to say while nothing has been measured. */
const UNKNOWN_RETRY_MS = 5_000;
/** Sooner a sender only comes to be refused again; HTTP's Retry-After counts in seconds anyway. */
const MIN_RETRY_MS = 500;
/** The Collector's `max_interval`: senders would not wait longer by themselves. */
const MAX_RETRY_MS = 30_000;
/** Room to have when refused senders come back, as a share of what is held: they come together. */
const HEADROOM = 0.05;
/** Time in which a measured drain rate loses half its weight. */
const HALF_LIFE_MS = 5_000;
/** Other queues give the shared budget back without telling; blocked producers look again this often. */
const POLL_MS = 50;
/** Stored bodies of one queue that also stay in memory: more than a busy queue has between two looks at it. */
const KEEP_BYTES = 8 * 1024 * 1024;

interface Entry extends Owner {
  readonly size: number;
  readonly bytes: number;
  /** Only with a storage. */
  readonly stored: Stored | undefined;
  /** A stored request's body, while it is kept in memory. */
  body: Batch | undefined;
  error: Error | undefined;
  /** Only with wait_for_result. */
  readonly settle: ((error: Error | undefined) => void) | undefined;
}

interface Waiter {
  readonly batch: Batch;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface QueueSettings {
  readonly options: QueueOptions;
  readonly batch: BatchSizes | undefined;
  readonly budget: Budget;
  readonly account: Account;
  readonly clock: Clock;
  /** Brings a batch to its end; never rejects. */
  readonly deliver: (batch: Batch) => Promise<Error | undefined>;
  /** Items that found the queue full. */
  readonly refused: (items: number) => void;
  readonly store?: QueueStore;
  /** A stored request that cannot be read back; it is lost. */
  readonly unreadable?: (error: unknown) => void;
}

export class SendingQueue {
  /** Occupied room in units of the sizer, senders included. */
  used = 0;
  usedBytes = 0;
  private readonly settings: QueueSettings;
  private readonly batcher: Batcher<Entry> | undefined;
  private readonly ready = new Fifo<Group<Entry>>();
  private readonly waiters = new Fifo<Waiter>();
  /** Stored requests that no sender is near. */
  private readonly backlog = new Fifo<Entry>();
  private keptBytes = 0;
  private feeding = false;
  private abandoned = false;
  private readonly drained: DrainRate;
  private poll: NodeJS.Timeout | undefined;
  private senders = 0;
  private closed = false;
  private idle: (() => void) | undefined;

  constructor(settings: QueueSettings) {
    this.settings = settings;
    this.drained = new DrainRate(settings.clock);
    if (settings.batch !== undefined) {
      this.batcher = new Batcher<Entry>(settings.batch, settings.clock, (group) => {
        this.ready.push(group);
        this.pump();
      });
    }
  }

  get capacity(): number {
    return this.settings.options.queue_size;
  }

  consume(batch: Batch): Promise<void> | undefined {
    const { options, budget, refused, store } = this.settings;
    const size = this.sizeOf(batch);
    const { bytes } = batch;
    if (this.closed) return Promise.reject(stopped());
    const largest = store === undefined ? budget.limit : store.largest;
    if (size > options.queue_size || bytes > (options.max_bytes ?? largest) || bytes > largest) {
      refused(batch.items);
      return Promise.reject(new Oversize('the request is larger than the whole sending queue'));
    }
    if (this.waiters.length === 0 && this.room(size, bytes)) {
      if (store !== undefined) return this.keep(store, batch, size);
      if (!options.wait_for_result) {
        this.admit(batch, size, undefined);
        return undefined;
      }
      return new Promise((resolve, reject) => this.admit(batch, size, (error) => (error ? reject(error) : resolve())));
    }
    // What waits in a batcher for company would keep a full queue full.
    this.batcher?.flush();
    if (options.block_on_overflow) {
      return new Promise((resolve, reject) => {
        this.waiters.push({ batch, resolve, reject });
        this.poll ??= setInterval(() => this.letIn(), POLL_MS);
      });
    }
    refused(batch.items);
    return Promise.reject(new Refused('queue_full', 'sending queue is full', this.retryAfterMs(bytes)));
  }

  /** How long until there is room again, from the measured drain rate, in whole ms. */
  retryAfterMs(bytes: number): number {
    const rate = this.drained.perMs();
    if (rate === 0) return UNKNOWN_RETRY_MS;
    const wait = Math.max(bytes, this.usedBytes * HEADROOM) / rate;
    return Math.ceil(Math.min(Math.max(wait, MIN_RETRY_MS), MAX_RETRY_MS));
  }

  /** Takes nothing more; resolves when everything in it has come to its end. */
  drain(): Promise<void> {
    this.closed = true;
    this.batcher?.stop();
    clearInterval(this.poll);
    for (let waiter = this.waiters.shift(); waiter !== undefined; waiter = this.waiters.shift()) {
      waiter.reject(stopped());
    }
    return new Promise((resolve) => {
      this.idle = resolve;
      void this.feed();
      this.restIfIdle();
    });
  }

  /** Drops what no sender has taken yet; with a storage it stays there. */
  abandon(): void {
    this.abandoned = true;
    const { account, store } = this.settings;
    for (let group = this.ready.shift(); group !== undefined; group = this.ready.shift()) {
      const { items } = group.batch;
      if (store === undefined) account.abandoned(items, 'shutdown');
      else account.kept(items);
      for (const entry of group.owners) this.finish(entry, stopped());
    }
    for (let entry = this.backlog.shift(); entry !== undefined; entry = this.backlog.shift()) this.leave(entry);
    this.restIfIdle();
  }

  /** After `drain`: what it keeps is the successor's. */
  async release(): Promise<void> {
    await this.settings.store?.release();
  }

  /** Takes in what an earlier process or a predecessor left in the storage; beyond the queue's bounds too, for it was acknowledged. */
  async restore(): Promise<void> {
    const { store, account } = this.settings;
    if (store === undefined) return;
    for (const stored of await store.left()) {
      const { items, bytes } = stored;
      const size = this.sizeOf(stored);
      this.used += size;
      this.usedBytes += bytes;
      account.restored(items);
      this.backlog.push(entryOf(size, bytes, stored));
    }
    void this.feed();
  }

  /** Checks for room and, if there is, takes the bytes from the shared budget; a storage has a bound of its own. */
  private room(size: number, bytes: number): boolean {
    const { options, budget, store } = this.settings;
    if (this.used + size > options.queue_size || this.usedBytes + bytes > (options.max_bytes ?? Number.POSITIVE_INFINITY))
      return false;
    return store === undefined ? budget.take(bytes) : store.fits(bytes);
  }

  private admit(batch: Batch, size: number, settle: Entry['settle']): void {
    this.used += size;
    this.usedBytes += batch.bytes;
    this.settings.account.enqueued(batch);
    this.line(batch, entryOf(size, batch.bytes, undefined, settle));
  }

  private line(batch: Batch, entry: Entry): void {
    if (this.batcher !== undefined) this.batcher.add(batch, entry);
    else {
      this.ready.push({ batch, owners: [entry] });
      this.pump();
    }
  }

  /** Into the storage; resolves when it is committed there. */
  private async keep(store: QueueStore, batch: Batch, size: number): Promise<void> {
    const { account, refused } = this.settings;
    const { items, bytes } = batch;
    this.used += size;
    this.usedBytes += bytes;
    let key = 0;
    try {
      key = store.put(batch);
      await store.committed();
      account.enqueued(batch);
      const entry = entryOf(size, bytes, { key, items, bytes });
      if (this.keptBytes + bytes <= KEEP_BYTES) {
        this.keptBytes += bytes;
        entry.body = batch;
      }
      if (this.abandoned) this.leave(entry);
      else this.backlog.push(entry);
      void this.feed();
    } catch (error) {
      this.used -= size;
      this.usedBytes -= bytes;
      refused(items);
      store.forget(key);
      throw new Refused('storage', error instanceof Error ? error.message : String(error), this.retryAfterMs(bytes), {
        cause: error,
      });
    }
  }

  /** Brings stored requests near the senders, in order, a few at a time. */
  private async feed(): Promise<void> {
    const { store, account, unreadable, options } = this.settings;
    if (store === undefined || this.feeding) return;
    this.feeding = true;
    while (!this.abandoned && this.ready.length < options.num_consumers) {
      const entry = this.backlog.shift();
      if (entry === undefined) break;
      let { body } = entry;
      if (body !== undefined) {
        this.keptBytes -= entry.bytes;
        entry.body = undefined;
      } else {
        try {
          body = await store.load(entry.stored as Stored);
        } catch (error) {
          account.abandoned((entry.stored as Stored).items, 'unreadable');
          unreadable?.(error);
          this.finish(entry, new Permanent(String(error)));
          continue;
        }
        if (this.abandoned) {
          this.leave(entry);
          break;
        }
      }
      this.line(body, entry);
    }
    this.feeding = false;
    // What waits for company would wait for the flush timeout while nothing more can come.
    if (this.closed) this.batcher?.flush();
    this.restIfIdle();
  }

  private letIn(): void {
    for (let first = this.waiters.first; first !== undefined; first = this.waiters.first) {
      const { batch, resolve, reject } = first;
      const size = this.sizeOf(batch);
      if (!this.room(size, batch.bytes)) return;
      this.waiters.shift();
      const { store } = this.settings;
      if (store !== undefined) {
        this.keep(store, batch, size).then(resolve, reject);
        continue;
      }
      const waits = this.settings.options.wait_for_result;
      this.admit(batch, size, waits ? (error) => (error ? reject(error) : resolve()) : undefined);
      if (!waits) resolve();
    }
    clearInterval(this.poll);
    this.poll = undefined;
  }

  private pump(): void {
    while (this.senders < this.settings.options.num_consumers) {
      const group = this.ready.shift();
      if (group === undefined) return;
      this.senders++;
      void this.send(group);
    }
  }

  private async send({ batch, owners }: Group<Entry>): Promise<void> {
    this.settings.account.taken(batch.items);
    const error = await this.settings.deliver(batch);
    this.senders--;
    for (const entry of owners) this.finish(entry, error);
    this.letIn();
    void this.feed();
    this.pump();
    this.restIfIdle();
  }

  /** Stays in the storage for the next start. */
  private leave(entry: Entry): void {
    this.settings.account.kept((entry.stored as Stored).items);
    this.finish(entry, stopped());
  }

  private finish(entry: Entry, error: Error | undefined): void {
    // One piece that a stop interrupted keeps the whole.
    if (error !== undefined && (entry.error === undefined || isStop(error))) entry.error = error;
    if (--entry.pieces > 0) return;
    this.used -= entry.size;
    this.usedBytes -= entry.bytes;
    this.drained.add(entry.bytes);
    const { stored } = entry;
    const { budget, store } = this.settings;
    if (stored === undefined || store === undefined) budget.give(entry.bytes);
    else if (!isStop(entry.error)) store.done(stored.key);
    entry.settle?.(entry.error);
  }

  private restIfIdle(): void {
    if (this.idle === undefined || this.senders > 0 || this.ready.length > 0) return;
    if (this.backlog.length === 0 && !this.feeding) this.idle();
  }

  private sizeOf({ items, bytes }: Pick<Batch, 'items' | 'bytes'>): number {
    const { sizer } = this.settings.options;
    return sizer === 'requests' ? 1 : sizer === 'items' ? items : bytes;
  }
}

function entryOf(size: number, bytes: number, stored: Stored | undefined, settle?: Entry['settle']): Entry {
  return { pieces: 1, size, bytes, stored, body: undefined, error: undefined, settle };
}

function isStop(error: Error | undefined): boolean {
  return error instanceof Refused && error.reason === 'shutdown';
}

function stopped(): Refused {
  return new Refused('shutdown', 'the exporter is stopping', 1_000);
}

/** The queue's own `batch`, else what a `batch` processor in front of the exporter asks for. */
export function batchSizes(own: QueueOptions['batch'], hint: BatcherOptions | undefined): BatchSizes | undefined {
  if (own !== undefined) return { flushTimeoutMs: own.flush_timeout, min: own.min_size, max: own.max_size, sizer: own.sizer };
  if (hint === undefined) return undefined;
  return { flushTimeoutMs: hint.flushTimeoutMs, min: hint.minItems, max: hint.maxItems, sizer: 'items' };
}

/** Bytes per ms, older ones counting less: an exponentially decayed sum. */
class DrainRate {
  private readonly clock: Clock;
  private sum = 0;
  private at = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(bytes: number): void {
    this.sum = this.decayed() + bytes;
    this.at = this.clock.monotonic();
  }

  perMs(): number {
    return (this.decayed() * Math.LN2) / HALF_LIFE_MS;
  }

  private decayed(): number {
    return this.sum === 0 ? 0 : this.sum * 2 ** ((this.at - this.clock.monotonic()) / HALF_LIFE_MS);
  }
}

/** First in, first out, without moving the rest at each `shift`. */
class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  get first(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    this.items.push(item);
  }

  shift(): T | undefined {
    if (this.head === this.items.length) return undefined;
    const item = this.items[this.head];
    this.items[this.head++] = undefined;
    if (this.head === this.items.length) {
      this.items.length = 0;
      this.head = 0;
    } else if (this.head >= 1_024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }
}

/**
 * Spans kept back for a while, so that what is found about them meanwhile is written on them instead of beside them.
 *
 * Law:
 * - What `put` has taken was acknowledged, or is when its promise resolves: with a store it is on disk by then and a later process
 *   finds it; without one it is gone with the process.
 * - It is handed on once: when its time is over, sooner when room is needed. Refused, it stays and is offered again; refused for
 *   good, it is given up and counted.
 * - Room is taken until downstream has answered. Bytes are those of the request, times Unix ms of `now`.
 * - A finding waits with the span that it is about. A later revision takes its place; a withdrawal takes it away.
 */
import type { Batch } from '../../src/batch/batch.ts';
import { Refused } from '../../src/component/component.ts';
import type { QueueStore, Stored } from '../../src/component/stored.ts';
import type { Emission } from '../../src/detector/host.ts';
import { type SpanReader, spanReader } from '../../src/otlp/span.ts';
import type { TraceIndex } from '../../src/otlp/traces.ts';

/** When everything that this turn brings about at once has been, and before the storage writes what was put in it. */
export function atEndOfTurn(act: () => void): void {
  queueMicrotask(() => process.nextTick(act));
}

/** At the end what was refused is offered again this often at the least: the process must not outlive its grace for a long Retry-After. */
const RETRY_MS = 1_000;

export interface HoldSettings {
  readonly holdMs: number;
  readonly maxBytes: number;
  readonly store: QueueStore | undefined;
  /** True if downstream puts a batch into the storage of `store` in the turn in which it gets it. */
  readonly together: boolean;
  readonly now: () => number;
  readonly walk: (batch: Batch) => TraceIndex;
  /**
   * Hands a batch on with `shown` written on it. `answered` are the findings whose wait is over with it: those, and what they
   * replaced. Throws or rejects like `Consumer.consume`; then the findings are the hold's again.
   */
  readonly send: (
    batch: Batch,
    index: TraceIndex,
    shown: readonly Emission[],
    answered: readonly Emission[],
  ) => Promise<void> | undefined;
  /** Given up: `items` spans, and the findings about them, which nobody has. */
  readonly lost: (items: number, emissions: readonly Emission[], error: unknown) => void;
}

interface Held {
  readonly batch: Batch;
  readonly index: TraceIndex;
  /** Trace and span ids of the steps. */
  readonly spans: readonly string[];
  stored: Stored | undefined;
  dueMs: number;
  /** Findings to write, by id. */
  readonly shown: Map<string, Emission>;
  /** Everything whose wait ends here. */
  emissions: Emission[];
  going: boolean;
}

export class Hold {
  /** Handed on before their time, to make room. */
  early = 0;
  private readonly settings: HoldSettings;
  /** Oldest first. */
  private readonly held = new Set<Held>();
  private readonly bySpan = new Map<string, Held>();
  private readonly byFinding = new Map<string, Held>();
  private readonly reader: SpanReader = spanReader();
  private used = 0;
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(settings: HoldSettings) {
    this.settings = settings;
  }

  get bytes(): number {
    return this.used;
  }

  get items(): number {
    return this.count;
  }

  /** Room for so many bytes, made if need be. False: downstream has not taken what was offered to it. */
  room(bytes: number): boolean {
    for (const one of this.held) {
      if (this.fits(bytes)) return true;
      if (one.going) continue;
      this.early++;
      this.release(one);
    }
    return this.fits(bytes) || this.held.size === 0;
  }

  /** `undefined` if it is no longer than this process that keeps it. Throws `StorageError` if it is not stored. */
  put(batch: Batch, index: TraceIndex): Promise<void> | undefined {
    const { store, now, holdMs } = this.settings;
    if (store === undefined) {
      this.add(batch, index, undefined, now() + holdMs);
      return undefined;
    }
    const key = store.put(batch);
    const { items, bytes } = batch;
    const one = this.add(batch, index, { key, items, bytes }, now() + holdMs);
    return store.committed().catch((error: unknown) => {
      // It was not acknowledged, and comes again.
      store.forget(key);
      if (this.held.has(one) && !one.going) this.drop(one);
      throw error;
    });
  }

  /** Whether the batch has a span that a finding can be about. */
  wants(index: TraceIndex): boolean {
    for (let row = 0; row < index.spanCount; row++) if (index.isAgent(row)) return true;
    return false;
  }

  /** Keeps the findings whose span is here; gives back the others. */
  claim(emissions: readonly Emission[]): Emission[] {
    return emissions.filter((emission) => {
      const { id, at } = emission.finding;
      const before = this.byFinding.get(id);
      const withdrawn = emission.label === 'withdrawn';
      const here = withdrawn ? before : this.bySpan.get(at.traceId + at.spanId);
      if (here === undefined) return true;
      if (before !== undefined) {
        before.shown.delete(id);
        this.byFinding.delete(id);
      }
      here.emissions.push(emission);
      if (withdrawn) return false;
      here.shown.set(id, emission);
      this.byFinding.set(id, here);
      return false;
    });
  }

  /** What an earlier process held goes on at once: its time has passed. */
  async restore(unreadable: (error: unknown) => void): Promise<void> {
    const { store, now, walk } = this.settings;
    if (store === undefined) return;
    const found: (readonly [Batch, TraceIndex, Stored])[] = [];
    for (const stored of await store.left()) {
      try {
        const batch = await store.load(stored);
        found.push([batch, walk(batch), stored]);
      } catch (error) {
        store.done(stored.key);
        unreadable(error);
      }
    }
    // In one turn, so that whoever waits for this can claim findings before the first is due.
    for (const [batch, index, stored] of found) this.add(batch, index, stored, now());
  }

  /**
   * Hands everything on. With a store, once: what is refused is the next process's. Without one, until it is taken or `signal` aborts;
   * what is left then is lost.
   */
  async end(signal: AbortSignal): Promise<void> {
    const { store } = this.settings;
    do {
      const answers = [...this.held].filter(({ going }) => !going).map((one) => this.release(one));
      await Promise.all(answers);
      await this.quiet(signal);
    } while (this.held.size > 0 && store === undefined && !signal.aborted);
    clearTimeout(this.timer);
    this.timer = undefined;
    if (store !== undefined) return store.release();
    for (const one of this.held) this.giveUp(one, new Error('the process ends'));
  }

  private fits(bytes: number): boolean {
    return this.used + bytes <= this.settings.maxBytes;
  }

  private add(batch: Batch, index: TraceIndex, stored: Stored | undefined, dueMs: number): Held {
    const spans: string[] = [];
    for (let row = 0; row < index.spanCount; row++) {
      if (!index.isAgent(row)) continue;
      this.reader.at(index, row);
      spans.push(this.reader.traceId() + this.reader.spanId());
    }
    const one: Held = { batch, index, spans, stored, dueMs, shown: new Map(), emissions: [], going: false };
    this.held.add(one);
    for (const span of spans) this.bySpan.set(span, one);
    this.used += batch.bytes;
    this.count += batch.items;
    this.schedule();
    return one;
  }

  private drop(one: Held): void {
    if (!this.held.delete(one)) return;
    this.hide(one);
    this.used -= one.batch.bytes;
    this.count -= one.batch.items;
  }

  /** Nothing more can be written on it. */
  private hide(one: Held): void {
    for (const span of one.spans) if (this.bySpan.get(span) === one) this.bySpan.delete(span);
    for (const id of one.shown.keys()) if (this.byFinding.get(id) === one) this.byFinding.delete(id);
  }

  private show(one: Held): void {
    for (const span of one.spans) this.bySpan.set(span, one);
    for (const id of one.shown.keys()) this.byFinding.set(id, one);
  }

  /** Settles when downstream has answered; never rejects. */
  private release(one: Held): Promise<void> {
    one.going = true;
    this.hide(one);
    let answer: Promise<void> | undefined;
    try {
      answer = this.settings.send(one.batch, one.index, [...one.shown.values()], one.emissions);
    } catch (error) {
      this.refused(one, error);
      return Promise.resolve();
    }
    if (answer === undefined) {
      this.done(one);
      return Promise.resolve();
    }
    // One group takes it here and puts it there: a kill finds it in one of the two.
    if (this.settings.together) atEndOfTurn(() => this.unstore(one));
    return answer.then(
      () => this.done(one),
      (error: unknown) => this.refused(one, error),
    );
  }

  private done(one: Held): void {
    this.drop(one);
    this.unstore(one);
  }

  private unstore(one: Held): void {
    if (!one.going || one.stored === undefined) return;
    this.settings.store?.done(one.stored.key);
    one.stored = undefined;
  }

  private refused(one: Held, error: unknown): void {
    if (!(error instanceof Refused)) {
      this.giveUp(one, error);
      return;
    }
    one.going = false;
    this.storeAgain(one);
    one.dueMs = this.settings.now() + Math.max(error.retryAfterMs, 1);
    this.held.delete(one);
    this.held.add(one);
    this.show(one);
    this.schedule();
  }

  /** Downstream's group was not written after all. */
  private storeAgain(one: Held): void {
    const { store } = this.settings;
    if (store === undefined || one.stored !== undefined) return;
    const { items, bytes } = one.batch;
    try {
      one.stored = { key: store.put(one.batch), items, bytes };
    } catch {
      // It is full, or closed. In memory it is still here, and offered again.
    }
  }

  private giveUp(one: Held, error: unknown): void {
    this.done(one);
    this.settings.lost(one.batch.items, one.emissions, error);
  }

  /** For the first that waits: they stand in the order of their time but for those that were refused, at the end. */
  private schedule(): void {
    if (this.timer !== undefined) return;
    for (const { going, dueMs } of this.held) {
      if (going) continue;
      this.timer = setTimeout(() => this.look(), Math.max(dueMs - this.settings.now(), 0));
      this.timer.unref();
      return;
    }
  }

  private look(): void {
    this.timer = undefined;
    const nowMs = this.settings.now();
    for (const one of this.held) {
      if (one.going) continue;
      if (one.dueMs > nowMs) break;
      void this.release(one);
    }
    this.schedule();
  }

  /** Until nothing is on its way, or something may be offered again. */
  private async quiet(signal: AbortSignal): Promise<void> {
    if (this.held.size === 0 || this.settings.store !== undefined) return;
    const waitMs = Math.max(1, Math.min(...[...this.held].map(({ dueMs }) => dueMs)) - this.settings.now());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(waitMs, RETRY_MS));
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}

/**
 * The deliveries of one registration: in the order in which detections were written, each at least once. The database is the queue: where
 * a receiver is away its events wait there, and the cursor with them.
 *
 * What a receiver refuses (4xx), and what failed as often as `BACKOFF_MS` has pauses, goes to the dead letters, and the next is sent.
 */
import type { DetectionRow, TenantRecords } from '../../../src/component/records.ts';
import { keyOf, typeOf } from '../said.ts';
import { deadKind, freshState, type Registration, STATE, type State, state } from './registration.ts';
import { type Message, messageOf, type Sent } from './send.ts';

/** Pauses after a failure, each ± 20 %: 12 minutes together, so that an outage costs an event only if it is long. */
export const BACKOFF_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000, 600_000];
/** Beyond it the oldest go. */
const MOST_DEAD = 1_000;
const PAGE = 100;
/** Several sidecars that write to one database commit out of order: what was written so shortly before is looked at again. */
const OVERLAP_MS = 5_000;
const MOST_SEEN = 5_000;
const ERROR_CHARACTERS = 300;

export interface DeliveryOptions {
  readonly mine: TenantRecords;
  readonly send: (url: string, message: Message, registration: Registration) => Promise<Sent>;
  readonly wire: (row: DetectionRow) => unknown;
  readonly now: () => number;
  readonly backoffMs: readonly number[];
}

export class Delivery {
  readonly registration: Registration;
  private readonly options: DeliveryOptions;
  private readonly seen: Set<string>;
  private at: State | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  /** `before`: that of the registration as it was; it has stopped. */
  constructor(registration: Registration, options: DeliveryOptions, before?: Delivery) {
    this.registration = registration;
    this.options = options;
    this.seen = before?.seen ?? new Set();
  }

  /** Whether a try waits that may be made now. */
  due(nowMs: number): boolean {
    return this.at !== undefined && this.at.attempts > 0 && nowMs >= this.at.retryAtMs;
  }

  /** Sends what is there to send; one run at a time. */
  pump(): Promise<void> {
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Resolves when nothing of it runs; what is under way is sent to its end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running?.catch(() => undefined);
  }

  private async run(): Promise<void> {
    const { mine, now } = this.options;
    const { id } = this.registration;
    if (this.at === undefined) {
      const row = await mine.document(STATE, id);
      this.at = state.safeParse(row?.body).data ?? freshState(now());
    }
    const at = this.at;
    if (!this.registration.enabled || at.off !== null || now() < at.retryAtMs) return;
    let from = { ms: Math.max(at.sinceMs, at.cursorMs - OVERLAP_MS), id: '' };
    let changed = false;
    for (let going = true; going && !this.stopped; ) {
      const page = await mine.detectionsSince(from, PAGE);
      for (const row of page) {
        const key = keyOf(row);
        if (!this.seen.has(key) && this.wants(row)) {
          changed = true;
          going = await this.one(at, row, key);
          if (!going) break;
        }
        this.done(at, row, key);
        if (this.stopped) break;
      }
      const end = page.at(-1);
      if (page.length < PAGE || end === undefined) break;
      if (changed && going) await this.save(at);
      from = { ms: end.updated_ms, id: end.id };
    }
    if (changed) await this.save(at);
  }

  /** False if it must be tried again later. */
  private async one(at: State, row: DetectionRow, key: string): Promise<boolean> {
    const { send, now, wire, backoffMs } = this.options;
    const message = messageOf(`${this.registration.id} ${key}`, typeOf(row), row.updated_ms, wire(row));
    const sent = await send(this.registration.url, message, this.registration);
    at.lastMs = now();
    if (sent.kind === 'ok') {
      at.delivered++;
      at.attempts = 0;
      at.lastError = null;
      return true;
    }
    at.lastError = sent.error.slice(0, ERROR_CHARACTERS);
    if (sent.kind === 'gone') {
      at.off = 'The receiver answered 410: it wants no more.';
      return false;
    }
    const pause = sent.kind === 'failed' ? backoffMs[at.attempts] : undefined;
    if (pause !== undefined) {
      at.attempts++;
      const retryAfter = sent.kind === 'failed' ? sent.retryAfterMs : 0;
      at.retryAtMs = now() + Math.max(retryAfter, pause * (0.8 + 0.4 * Math.random()));
      return false;
    }
    await this.bury(message, typeOf(row), at.lastError);
    at.failed++;
    at.attempts = 0;
    return true;
  }

  private async bury({ id, body }: Message, type: string, error: string): Promise<void> {
    const { mine } = this.options;
    const kind = deadKind(this.registration.id);
    await mine.put(kind, id, { event: id, type, body, error });
    const { items } = await mine.documents(kind, { limit: 100, offset: MOST_DEAD });
    for (const one of items) await mine.remove(kind, one.id);
  }

  private wants(row: DetectionRow): boolean {
    const { events, detection_types: types, confidence_min: least } = this.registration;
    return (
      events.includes(typeOf(row)) &&
      (types.length === 0 || types.includes(row.detector)) &&
      Math.round(row.confidence * 100) >= least
    );
  }

  private done(at: State, row: DetectionRow, key: string): void {
    this.seen.add(key);
    if (this.seen.size > MOST_SEEN) for (const first of this.seen) if (this.seen.delete(first)) break;
    at.cursorMs = Math.max(at.cursorMs, row.updated_ms);
  }

  private async save(at: State): Promise<void> {
    await this.options.mine.put(STATE, this.registration.id, at);
  }
}

/**
 * The deliveries of one registration: in the order in which detections were written, each at least once. The database is the queue: where
 * a receiver is away its events wait there, and the cursor with them.
 *
 * Of several sidecars on one database one sends at a time: who has something to send writes its name and a time into the state, under the
 * version that it read, and takes them out with the last word about what it sent. Who dies is waited for until that time; what it sent
 * since it wrote last is then sent again, under the same id. The lease is renewed before a send that may outlast it, so the clocks of the
 * sidecars may differ by 15 s.
 *
 * What a receiver refuses (4xx), and what failed as often as `BACKOFF_MS` has pauses, goes to the dead letters, and the next is sent.
 */
import type { DetectionRow, TenantRecords } from '../../../src/component/records.ts';
import { keyOf, typeOf } from '../said.ts';
import { deadKind, freshState, KIND, type Registration, registrationOf, STATE, type State, state } from './registration.ts';
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
/** A send takes at most 15 s: with this much left it ends before the lease does, by clocks that differ by 15 s. */
const LEAST_LEFT_MS = 30_000;
const LEASE_MS = 60_000;
/** Of what was sent in `OVERLAP_MS`: 100 a second. Beyond it an event may come twice. */
const MOST_RECENT = 500;

export interface DeliveryOptions {
  readonly mine: TenantRecords;
  readonly send: (url: string, message: Message, registration: Registration) => Promise<Sent>;
  readonly wire: (row: DetectionRow) => unknown;
  readonly now: () => number;
  readonly backoffMs: readonly number[];
  /** Of this process. */
  readonly name: string;
}

export class Delivery {
  registration: Registration;
  private readonly options: DeliveryOptions;
  private readonly seen: Set<string>;
  private at: State | undefined;
  /** Of the state in the database, as it was read or written last. */
  private version = 0;
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
    const at = await this.load();
    if (!this.registration.enabled || at.off !== null || now() < at.retryAtMs) return;
    if (at.lease !== null && at.lease.untilMs > now() && at.lease.by !== this.options.name) return;
    let from = { ms: Math.max(at.sinceMs, at.cursorMs - OVERLAP_MS), id: '' };
    let held = false;
    for (let going = true; going && !this.stopped; ) {
      const page = await mine.detectionsSince(from, PAGE);
      for (const row of page) {
        const key = keyOf(row);
        if (!this.seen.has(key) && this.wants(row)) {
          if (!(await this.hold(at))) return;
          held = true;
          // As it is now: another sidecar may have changed it.
          if (this.wants(row)) {
            going = await this.one(at, row, key);
            if (!going) break;
          }
        }
        this.done(at, row, key);
        if (this.stopped) break;
      }
      const end = page.at(-1);
      if (page.length < PAGE || end === undefined) break;
      if (held && going && !(await this.save(at))) return;
      from = { ms: end.updated_ms, id: end.id };
    }
    if (!held) return;
    at.lease = null;
    await this.save(at);
  }

  /** Others may have gone on since. What it has looked at and nobody wanted, it need not look at again. */
  private async load(): Promise<State> {
    const { mine, now } = this.options;
    const row = await mine.document(STATE, this.registration.id);
    const at = state.safeParse(row?.body).data ?? freshState(now());
    at.cursorMs = Math.max(at.cursorMs, this.at?.cursorMs ?? 0);
    for (const [key] of at.recent) this.seen.add(key);
    this.version = row?.version ?? 0;
    this.at = at;
    return at;
  }

  /** False: another sidecar sends, or there is no such registration any more. */
  private async hold(at: State): Promise<boolean> {
    const { mine, now, name } = this.options;
    if (at.lease?.by === name && at.lease.untilMs - now() > LEAST_LEFT_MS) return true;
    const row = await mine.document(KIND, this.registration.id);
    if (row === undefined) return false;
    this.registration = registrationOf(this.registration.tenant, row);
    if (!this.registration.enabled) return false;
    at.lease = { by: name, untilMs: now() + LEASE_MS };
    return this.save(at);
  }

  /** False if it must be tried again later. */
  private async one(at: State, row: DetectionRow, key: string): Promise<boolean> {
    const { send, now, wire, backoffMs } = this.options;
    const message = messageOf(`${this.registration.id} ${key}`, typeOf(row), row.updated_ms, wire(row));
    const sent = await send(this.registration.url, message, this.registration);
    at.lastMs = now();
    if (sent.kind === 'ok') {
      at.recent.push([key, row.updated_ms]);
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

  /** False if another has written meanwhile: then nothing that is known of the state holds. */
  private async save(at: State): Promise<boolean> {
    at.recent = at.recent.filter(([, ms]) => ms >= at.cursorMs - OVERLAP_MS).slice(-MOST_RECENT);
    const written = await this.options.mine.put(STATE, this.registration.id, at, this.version);
    if (written !== undefined) this.version = written.version;
    return written !== undefined;
  }
}

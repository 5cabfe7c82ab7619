/**
 * One batch to its end: tried, tried again, cut down when it is too large for the backend, and booked. What leaves
 * here is sent, rejected or dropped with a reason; nothing else.
 */
import type { RetryOnFailure } from '../../config/queue.ts';
import { type Batch, bodyOf } from '../batch/batch.ts';
import { countItems, splitRequest } from '../otlp/requests.ts';
import type { Account } from './account.ts';
import { type Clock, type Host, Oversize, Permanent, Refused } from './component.ts';
import { type Attempt, type GivenUp, type Outcome, Patience, withRetries } from './retry.ts';

/** The way to a backend. */
export interface Transport {
  /** A request for the batch; encoding and compression happen once, in here or in the first try. */
  request(batch: Batch): Attempt;
  /** Ends everything; tries under way settle at once. */
  close(): void;
}

/** Equal troubles are told once in this time, with the count of those left out. */
const QUIET_MS = 10_000;

/** What an exporter tells about its backend; shared by its signals. */
export class Reporter {
  private readonly host: Host;
  private readonly told = new Map<string, { at: number; left: number }>();
  private healthy = true;

  constructor(host: Host) {
    this.host = host;
  }

  failing(message: string): void {
    if (!this.healthy) return;
    this.healthy = false;
    this.host.status({ state: 'degraded', reason: message });
  }

  working(): void {
    if (this.healthy) return;
    this.healthy = true;
    this.host.status({ state: 'ok' });
  }

  /** `topic` is one of few fixed words. */
  trouble(topic: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    const now = this.host.clock.monotonic();
    const before = this.told.get(topic);
    if (before !== undefined && now - before.at < QUIET_MS) {
      before.left++;
      return;
    }
    const more = before?.left ? { not_logged_before: before.left } : {};
    this.told.set(topic, { at: now, left: 0 });
    this.host.logger.log(topic === 'rejected' ? 'warn' : 'error', message, { ...fields, ...more });
  }
}

/** The delay before a Collector's first retry: what a sender is told when the backend did not say. */
const RETRY_MS = 5_000;

export class Delivery {
  readonly patience = new Patience();
  active = 0;
  private readonly transport: Transport;
  private readonly retry: RetryOnFailure;
  private readonly account: Account;
  private readonly reporter: Reporter;
  private readonly clock: Clock;
  /** What a stop interrupts is not lost: its owner keeps it. */
  private readonly keeps: boolean;
  private killed = false;

  constructor(transport: Transport, retry: RetryOnFailure, account: Account, reporter: Reporter, clock: Clock, keeps = false) {
    this.transport = transport;
    this.retry = retry;
    this.account = account;
    this.reporter = reporter;
    this.clock = clock;
    this.keeps = keeps;
  }

  /** No try begins any more; what is under way is lost. The transport is closed by whoever owns it. */
  kill(): void {
    this.killed = true;
    this.patience.end();
  }

  /**
   * The batch's items are in flight in the account; after this they are not. Never rejects: it answers why the
   * batch, or a part of it, was lost.
   */
  async deliver(batch: Batch): Promise<Error | undefined> {
    this.active++;
    try {
      return await this.whole(batch);
    } finally {
      this.active--;
    }
  }

  private async whole(batch: Batch): Promise<Error | undefined> {
    let error: Error | undefined;
    const parts: Batch[] = [batch];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const final = await this.tried(part);
      const { items } = part;
      switch (final.kind) {
        case 'sent': {
          const rejected = Math.min(Math.max(final.rejected, 0), items);
          this.account.sent(items, rejected);
          this.reporter.working();
          if (rejected > 0 || final.message !== '') {
            this.reporter.trouble('rejected', 'The backend took the request in part.', { rejected, answer: final.message });
          }
          break;
        }
        case 'oversize': {
          const halves = inHalves(part);
          if (halves.length > 1) parts.push(...halves.toReversed());
          else error = first(error, this.lost(part, 'oversize', new Oversize(final.message)));
          break;
        }
        case 'permanent':
          error = first(error, this.lost(part, 'permanent', new Permanent(final.message, final.status)));
          break;
        case 'given_up':
          if (final.reason !== 'shutdown') this.reporter.failing(final.message);
          error = this.givenUp(part, final, error);
      }
    }
    return error;
  }

  private async tried(part: Batch) {
    const attempt = this.guarded(part);
    return withRetries(attempt, this.retry, this.patience, this.clock, (message) => this.reporter.failing(message));
  }

  /** A request that cannot be encoded (a fault of ours or bytes that no receiver checked) is not sent again. */
  private guarded(part: Batch): Attempt {
    let attempt: Attempt | undefined;
    return async (): Promise<Outcome> => {
      if (this.killed) return { kind: 'retry', message: 'the exporter was stopped', retryAfterMs: 0 };
      try {
        attempt ??= this.transport.request(part);
        return await attempt();
      } catch (cause) {
        return { kind: 'permanent', message: `cannot be sent: ${messageOf(cause)}`, status: 13 };
      }
    };
  }

  private givenUp(part: Batch, { reason, message, retryAfterMs }: GivenUp, before: Error | undefined): Error {
    const error = new Refused(reason, message, retryAfterMs || RETRY_MS);
    if (reason !== 'shutdown' || !this.keeps) return first(before, this.lost(part, reason, error));
    this.account.returned(part.items);
    // Whatever became of other parts: the whole is kept, and this is what says so.
    return error;
  }

  private lost(part: Batch, reason: string, error: Error): Error {
    this.account.dropped(part.items, reason);
    const fields = { signal: part.signal, items: part.items, bytes: part.bytes, reason, error: error.message };
    this.reporter.trouble(reason, 'Items were dropped.', fields);
    return error;
  }
}

/** Each loss is booked, the first is told. */
function first(before: Error | undefined, error: Error): Error {
  return before ?? error;
}

/**
 * Two or more parts at item boundaries, or one if the request holds a single item. Half the bytes and half an item of
 * average size: at half the bytes alone equal items with what frames them would not fit by two, but fall into three parts.
 */
function inHalves(batch: Batch): readonly Batch[] {
  const { signal, bytes, items } = batch;
  if (items < 2) return [batch];
  return cut(batch, (body) => splitRequest(signal, body, Math.ceil(bytes / 2 + bytes / items / 2)));
}

/** The requests into which `split` cuts `batch`; the batch itself if it cannot be cut so that no item is lost from the books. */
export function cut(batch: Batch, split: (body: Uint8Array) => readonly Uint8Array[]): readonly Batch[] {
  const { signal, tenant, metadata } = batch;
  let sum = 0;
  try {
    const parts = split(bodyOf(batch)).map((body): Batch => {
      const items = countItems(signal, body);
      sum += items;
      const own = { signal, chunks: [body], bytes: body.length, items, tenant };
      return metadata === undefined ? own : { ...own, metadata };
    });
    return parts.length > 1 && sum === batch.items ? parts : [batch];
  } catch {
    // Bytes that cannot be walked; the backend has the last word on them.
    return [batch];
  }
}

/** Chunks shorter than this on average are cheaper copied together than written one by one (a write costs about 1 µs). */
const SMALL_CHUNK = 2_048;

/** The chunks as they are best written to a socket. */
export function writable(batch: Batch): readonly Uint8Array[] {
  const { chunks } = batch;
  return chunks.length > 4 && batch.bytes < chunks.length * SMALL_CHUNK ? [bodyOf(batch)] : chunks;
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A connection refused on every address of a name is an AggregateError without a message.
  if (error.message === '' && 'code' in error) return String(error.code);
  return error.message;
}

/**
 * Detections as server-sent events, as they are found. Who comes back with `Last-Event-ID` first gets what was written since, from the
 * database. A client that is slow loses events, with their number; the pipelines wait for nobody.
 *
 * Around a reconnect an event may come twice: its `id` is then the same.
 */
import { Readable } from 'node:stream';
import type { Counter, Host } from '../../src/component/component.ts';
import type { DetectionRow, TenantRecords } from '../../src/component/records.ts';
import { Problem } from './problem.ts';
import { announcedOf, keyOf } from './said.ts';

/** Each costs a socket and at most MOST_BUFFERED. */
const MOST_STREAMS = 64;
const MOST_OF_TENANT = 16;
const MOST_BUFFERED = 256 * 1024;
/** Proxies close what is quiet for a minute. */
const ALIVE_MS = 15_000;
/** What was found and is not yet written: kept for those who come back meanwhile. */
const MOST_RECENT = 500;
const MOST_FIRSTS = 10_000;
/** Rows of a question, and of one catching up. */
const PAGE = 200;
const MOST_CAUGHT_UP = 10_000;
/** The clock is read once for the batch and once for the finding. */
const OVERLAP_MS = 50;

export interface Subscription {
  readonly tenant: string;
  readonly mine: TenantRecords;
  /** `id` of the last event that the client has. */
  readonly after: string | undefined;
  readonly accepts: (row: DetectionRow) => boolean;
  /** The `data` of an event. */
  readonly say: (row: DetectionRow) => string;
  /** Ends it then; `undefined` leaves it open. */
  readonly seconds: number | undefined;
}

interface Client {
  readonly tenant: string;
  readonly take: (row: DetectionRow) => void;
  readonly end: () => void;
}

export class Feed {
  private readonly clients = new Set<Client>();
  private readonly recent: { readonly tenant: string; readonly row: DetectionRow }[] = [];
  private readonly firsts = new Map<string, number>();
  private readonly lost: Counter;
  private readonly unwatch: () => void;
  private closed = false;

  constructor(host: Host, id: string) {
    this.lost = host.meter.counter('misstep_stream_dropped_events', { extension: id }, 'Events that a client was too slow for.');
    host.meter.observe(
      'misstep_stream_clients',
      { extension: id },
      () => this.clients.size,
      'Clients of the stream of detections.',
    );
    this.unwatch = host.watch((record) => {
      const one = announcedOf(record);
      if (one === undefined) return;
      const said = { tenant: one.tenant, row: { ...one.row, created_ms: this.firstOf(one.tenant, one.row) } };
      this.recent.push(said);
      if (this.recent.length > MOST_RECENT) this.recent.shift();
      for (const client of this.clients) if (client.tenant === said.tenant) client.take(said.row);
    });
  }

  /** Throws a `Problem` if there are too many streams or the event id is none. */
  open(subscription: Subscription): Readable {
    const { tenant, after, seconds } = subscription;
    const of = [...this.clients].filter((one) => one.tenant === tenant).length;
    if (this.closed || this.clients.size >= MOST_STREAMS || of >= MOST_OF_TENANT) {
      throw new Problem(429, 'too-many-streams', `At most ${MOST_OF_TENANT} of a tenant and ${MOST_STREAMS} together.`, {
        headers: { 'retry-after': '10' },
      });
    }
    const afterMs = after === undefined ? undefined : millisOf(after);
    let wanted: (() => void) | undefined;
    const stream = new Readable({
      highWaterMark: 16 * 1024,
      read: () => wanted?.(),
    });
    /** Resolves when the client has read what is there. */
    const read = () =>
      new Promise<void>((resolve) => {
        if (stream.readableLength === 0 || stream.destroyed) resolve();
        else wanted = resolve;
      });
    let dropped = 0;
    let last = after ?? '';
    /** While it catches up, live events wait here. */
    let waiting: DetectionRow[] | undefined = afterMs === undefined ? undefined : [];
    const sent = new Set<string>(after === undefined ? [] : [after]);
    const write = (row: DetectionRow): void => {
      if (dropped > 0) {
        stream.push(`event: dropped\ndata: ${JSON.stringify({ count: dropped, after: last || null })}\n\n`);
        dropped = 0;
      }
      last = eventId(row);
      stream.push(`id: ${last}\nevent: detection\ndata: ${subscription.say(row)}\n\n`);
    };
    const take = (row: DetectionRow): void => {
      if (!subscription.accepts(row)) return;
      const full = waiting === undefined ? stream.readableLength > MOST_BUFFERED : waiting.length >= MOST_RECENT;
      if (full) {
        dropped++;
        this.lost.add(1);
      } else if (waiting !== undefined) waiting.push(row);
      else write(row);
    };
    const end = (): void => {
      if (!stream.destroyed) stream.push(null);
    };
    const client: Client = { tenant, take, end };
    const alive = setInterval(() => {
      if (stream.readableLength === 0) stream.push(': alive\n\n');
    }, ALIVE_MS);
    alive.unref();
    let timer: NodeJS.Timeout | undefined;
    const gone = (): void => {
      clearInterval(alive);
      clearTimeout(timer);
      this.clients.delete(client);
      wanted?.();
    };
    stream.on('close', gone);
    this.clients.add(client);
    stream.push('retry: 2000\n\n');
    const catchUp = async (): Promise<void> => {
      if (afterMs !== undefined) {
        for await (const row of this.since(subscription, afterMs - OVERLAP_MS)) {
          if (stream.destroyed) return;
          const key = eventId(row);
          if (sent.has(key) || !subscription.accepts(row)) continue;
          sent.add(key);
          write(row);
          if (stream.readableLength > MOST_BUFFERED) await read();
        }
        for (const row of waiting ?? []) if (!sent.has(eventId(row))) write(row);
        waiting = undefined;
      }
      if (seconds !== undefined) {
        timer = setTimeout(end, seconds * 1_000);
        timer.unref();
      }
    };
    catchUp().catch((error: unknown) => stream.destroy(error instanceof Error ? error : new Error(String(error))));
    return stream;
  }

  /** When it was first announced, as far as that is remembered. */
  private firstOf(tenant: string, { id, said_ms: ms }: DetectionRow): number {
    const key = `${tenant} ${id}`;
    const first = this.firsts.get(key) ?? ms;
    this.firsts.set(key, first);
    if (this.firsts.size > MOST_FIRSTS) for (const oldest of this.firsts.keys()) if (this.firsts.delete(oldest)) break;
    return first;
  }

  /** Ends every stream. */
  close(): void {
    this.closed = true;
    this.unwatch();
    for (const { end } of this.clients) end();
  }

  /** What was said since, in the order in which it was written; then what may not be written yet. */
  private async *since({ tenant, mine }: Subscription, fromMs: number): AsyncGenerator<DetectionRow> {
    const recent = this.recent.filter((one) => one.tenant === tenant && one.row.said_ms >= fromMs).map(({ row }) => row);
    let at = { ms: fromMs, id: '' };
    for (let rows = 0; rows < MOST_CAUGHT_UP; ) {
      const page = await mine.detectionsSince(at, PAGE);
      for (const row of page) if (row.said_ms >= fromMs) yield row;
      rows += page.length;
      const end = page.at(-1);
      if (page.length < PAGE || end === undefined) break;
      at = { ms: end.updated_ms, id: end.id };
    }
    yield* recent;
  }
}

/** Its first part is when it was said. Live it is not known how often it occurred, so that is no part of it. */
function eventId(row: DetectionRow): string {
  return `${Math.round(row.said_ms)}-${keyOf({ ...row, occurrences: 0 })}`;
}

function millisOf(id: string): number {
  const [, ms] = /^(\d{1,15})-[0-9a-f]{32}-\d{1,9}-[fw]-\d+$/.exec(id) ?? [];
  if (ms === undefined) throw new Problem(400, 'bad-event-id', 'Last-Event-ID is no id of an event of this stream.');
  return Number(ms);
}

/** Detections that were found while the page's extension runs: the last ones are kept, and whoever reads gets the next ones. */
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Counter, Host } from '../../src/component/component.ts';

/** More than a person reads through; a record has about 1.5 kB. */
const MOST_KEPT = 200;
const MOST_KEPT_BYTES = 1024 * 1024;
/** One record may take an eighth of what is kept, so that a huge one does not push out all others. */
const MOST_RECORD_BYTES = MOST_KEPT_BYTES / 8;
/** Each costs a socket and at most MOST_BUFFERED_BYTES. */
const MOST_READERS = 16;
const MOST_BUFFERED_BYTES = 256 * 1024;
/** Proxies close what is quiet for a minute. */
const ALIVE_MS = 15_000;
/** Of a text: an explanation has some hundred characters. */
const MOST_TEXT = 4_000;

const text = z.string().transform((value) => (value.length > MOST_TEXT ? `${value.slice(0, MOST_TEXT)}…` : value));
const some = text.nullish().transform((value) => value ?? null);

/** Of `detect`, as it announces. */
const announced = z.object({
  kind: z.enum(['detection', 'withdrawal']),
  time_unix_ms: z.number(),
  tenant: text,
  id: text,
  trace_id: text,
  span_id: text,
  session_id: some,
  agent: some,
  detector: text,
  message: text,
  severity: text,
  confidence: z.number(),
  revision: z.number(),
  explanation: text,
  impact: some,
  action: some,
  evidence: z.object({ span_ids: z.array(text).transform((ids) => ids.slice(0, 100)) }),
});

interface Kept {
  readonly id: string;
  readonly line: string;
}

export class Live {
  private readonly kept: Kept[] = [];
  private keptBytes = 0;
  private dropped = 0;
  private readonly readers = new Set<ServerResponse>();
  private readonly lost: Counter;
  private readonly gone: Counter;
  private readonly unwatch: () => void;

  constructor(host: Host, id: string) {
    this.lost = host.meter.counter('misstep_zpages_skipped_records', { extension: id }, 'Records too large or too odd to show.');
    this.gone = host.meter.counter(
      'misstep_zpages_slow_clients',
      { extension: id },
      'Clients cut off because they did not read.',
    );
    this.unwatch = host.watch((record) => this.take(record));
  }

  /** Newest last. `skipped` counts records that could not be shown. */
  read(): { readonly detections: readonly unknown[]; readonly skipped: number } {
    return { detections: this.kept.map(({ line }) => JSON.parse(line) as unknown), skipped: this.dropped };
  }

  /** False if there are too many readers; then nothing was written. */
  serve(response: ServerResponse): boolean {
    if (this.readers.size >= MOST_READERS) return false;
    this.readers.add(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 2000\n\n');
    const alive = setInterval(() => {
      if (response.writableLength === 0) response.write(': alive\n\n');
    }, ALIVE_MS);
    alive.unref();
    response.on('close', () => {
      clearInterval(alive);
      this.readers.delete(response);
    });
    return true;
  }

  close(): void {
    this.unwatch();
    for (const reader of this.readers) reader.end();
  }

  private take(record: unknown): void {
    const { data, success } = announced.safeParse(record);
    const line = success ? JSON.stringify(data) : '';
    if (!success || line.length > MOST_RECORD_BYTES) {
      this.dropped++;
      this.lost.add(1);
      return;
    }
    this.keep({ id: `${data.tenant} ${data.id}`, line });
    for (const reader of this.readers) {
      // It comes back by itself and then reads what is kept.
      if (reader.writableLength > MOST_BUFFERED_BYTES) {
        this.gone.add(1);
        this.readers.delete(reader);
        reader.destroy();
      } else reader.write(`data: ${line}\n\n`);
    }
  }

  /** A later report of a detection takes the place of the earlier one. */
  private keep(one: Kept): void {
    const before = this.kept.findIndex(({ id }) => id === one.id);
    if (before >= 0) this.drop(before);
    this.kept.push(one);
    this.keptBytes += one.line.length;
    while (this.kept.length > MOST_KEPT || this.keptBytes > MOST_KEPT_BYTES) this.drop(0);
  }

  private drop(at: number): void {
    const [old] = this.kept.splice(at, 1);
    this.keptBytes -= old?.line.length ?? 0;
  }
}

/**
 * Live findings for people who watch: one JSON object a line (`kind`: `hello`, `detection`, `dropped`, `alive`), from the moment of the
 * request on. A reader that is slow loses records, with their number; the pipelines never wait for one.
 */
import type { ServerResponse } from 'node:http';
import type { Counter, Host } from '../../src/component/component.ts';

/** Each costs a socket and at most MAX_BUFFERED_BYTES. */
const MAX_READERS = 16;
/** Some hundred records: what a person's terminal has not shown by then it will not show in time. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** Finds readers that are gone without a word, and keeps a quiet stream open: clients of Node's fetch give up after five minutes. */
const ALIVE_MS = 60_000;

export class FindingsFeed {
  private readonly host: Host;
  private readonly lost: Counter;
  private readers = 0;

  constructor(host: Host, id: string) {
    this.host = host;
    this.lost = host.meter.counter(
      'misstep_live_findings_dropped',
      { extension: id },
      'Live findings that a reader was too slow for.',
    );
  }

  /** False if there are too many readers; then nothing was written. */
  serve(response: ServerResponse): boolean {
    if (this.readers >= MAX_READERS) return false;
    this.readers++;
    let dropped = 0;
    const send = (record: unknown): void => {
      response.write(`${JSON.stringify(record)}\n`);
    };
    const sayDropped = (): void => {
      if (dropped === 0) return;
      const count = dropped;
      dropped = 0;
      send({ kind: 'dropped', count });
    };
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    send({ kind: 'hello', schema: 1, version: this.host.buildVersion });
    response.on('drain', sayDropped);
    const unwatch = this.host.watch((record) => {
      if (response.writableLength > MAX_BUFFERED_BYTES) {
        dropped++;
        this.lost.add(1);
        return;
      }
      sayDropped();
      send(record);
    });
    const alive = setInterval(() => {
      if (response.writableLength === 0) send({ kind: 'alive' });
    }, ALIVE_MS);
    alive.unref();
    response.on('close', () => {
      clearInterval(alive);
      this.readers--;
      unwatch();
    });
    return true;
  }
}

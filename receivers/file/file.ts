/**
 * Replays files of OTLP/JSON through a pipeline: each file is read once, in the order given, then the receiver is
 * done. What cannot be read is counted, logged with file and line, and skipped.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { MIB } from '../../config/units.ts';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import {
  type Component,
  type Consumer,
  type Host,
  Permanent,
  type ReceiverFactory,
  Refused,
} from '../../src/component/component.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { countItems } from '../../src/otlp/requests.ts';
import { type Text, texts } from './lines.ts';

/** As the gRPC receiver takes; one such text is in memory at a time. */
const MAX_TEXT_BYTES = 64 * MIB;
/** Between two tries of a batch that was refused without saying when to come again. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;

const options = z
  .strictObject({
    include: z
      .array(z.string().min(1))
      .min(1, 'needs at least one file.')
      .describe('Paths of files to read, in this order: an OTLP/JSON document, or one a line; plain or gzip.'),
  })
  .describe('Replays OTLP/JSON from files.');

type Options = z.output<typeof options>;

export const factory: ReceiverFactory<typeof options> = {
  kind: 'receiver',
  type: 'file',
  stability: 'beta',
  summary: 'Replays OTLP/JSON from files, each once.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: createFileReceiver,
};

export interface FileReceiver extends Component {
  /** Settles when every file was read or the receiver was stopped; never rejects. */
  finished(): Promise<void>;
}

export function createFileReceiver(id: string, { include }: Options, next: ReadonlyMap<Signal, Consumer>): FileReceiver {
  const stopping = new AbortController();
  let reading: Promise<void> = Promise.resolve();
  return {
    finished: () => reading,
    async start(host) {
      for (const path of include) {
        await access(path, constants.R_OK).catch((cause: unknown) => {
          throw new Error(`cannot read ${path}. Check the path and its permissions.`, { cause });
        });
      }
      reading = readAll(include, new Feed(host, id, next, stopping.signal));
    },
    async shutdown() {
      stopping.abort();
      await reading;
    },
  };
}

async function readAll(paths: readonly string[], feed: Feed): Promise<void> {
  for (const path of paths) {
    if (feed.stopping.aborted) return;
    await feed.read(path);
  }
}

const documents = new Map<string, Signal>([
  ['resourceSpans', 'traces'],
  ['resourceMetrics', 'metrics'],
  ['resourceLogs', 'logs'],
]);

class Feed {
  readonly stopping: AbortSignal;
  private readonly host: Host;
  private readonly next: ReadonlyMap<Signal, Consumer>;
  private readonly count: (reason: string) => void;
  private readonly ledger;

  constructor(host: Host, id: string, next: ReadonlyMap<Signal, Consumer>, stopping: AbortSignal) {
    this.host = host;
    this.next = next;
    this.stopping = stopping;
    this.ledger = host.ledger.receiver(id, 'file');
    this.count = (reason) => {
      const labels = { receiver: id, transport: 'file', reason };
      host.meter.counter('misstep_receiver_refused_requests', labels, 'Requests refused before their items were counted.').add(1);
    };
  }

  /** Never rejects: what is wrong with a file ends that file. */
  async read(path: string): Promise<void> {
    let items = 0;
    let line = 0;
    try {
      for await (const text of texts(path, MAX_TEXT_BYTES, this.stopping)) {
        line = text.line;
        items += await this.replay(path, text);
      }
      this.host.logger.log('info', 'File read to its end.', { file: path, items });
    } catch (error) {
      if (this.stopping.aborted) {
        this.host.logger.log('warn', 'Stopped before the end of the file.', { at: `${path}:${line}`, items });
        return;
      }
      this.count('malformed');
      this.host.logger.log('error', 'The file cannot be read further.', { at: `${path}:${line}`, items, error });
    }
  }

  /** Items that the pipeline took. Throws when stopped. */
  private async replay(path: string, { line, bytes }: Text): Promise<number> {
    const skip = (reason: string, why: string) => {
      this.count(reason);
      this.host.logger.log('warn', `Line skipped: ${why}.`, { at: `${path}:${line}` });
      return 0;
    };
    if (bytes === undefined) return skip('too_large', `longer than ${MAX_TEXT_BYTES} bytes`);
    await this.admit(bytes.length);
    try {
      const document: unknown = JSON.parse(bytes.toString('utf8'));
      const signal = signalOf(document);
      if (signal === undefined) return skip('malformed', 'no resourceSpans, resourceMetrics or resourceLogs');
      const consumer = this.next.get(signal);
      if (consumer === undefined) return skip('no_pipeline', `no pipeline of ${signal} has this receiver`);
      const { body } = documentToProtobuf(signal, document);
      const items = countItems(signal, body);
      if (items === 0) return 0;
      return await this.hand(
        { signal, chunks: [body], bytes: body.length, items, tenant: 'default' },
        consumer,
        `${path}:${line}`,
      );
    } catch (error) {
      if (this.stopping.aborted) throw error;
      return skip('malformed', error instanceof Error ? error.message : String(error));
    } finally {
      this.host.admission.release(bytes.length);
    }
  }

  private async admit(bytes: number): Promise<void> {
    for (;;) {
      const refusal = this.host.admission.admit(bytes);
      if (refusal === undefined) return;
      await wait(refusal.retryAfterMs, undefined, { signal: this.stopping });
    }
  }

  /** Again and again until the pipeline takes it, refuses it for good, or all is stopped. */
  private async hand(batch: Batch, consumer: Consumer, at: string): Promise<number> {
    for (let pause = FIRST_WAIT_MS, failing = false; ; pause = Math.min(2 * pause, LONGEST_WAIT_MS)) {
      try {
        await consumer.consume(batch);
        this.ledger.accepted(batch.signal, batch.items);
        return batch.items;
      } catch (error) {
        this.ledger.refused(batch.signal, batch.items);
        if (error instanceof Permanent) {
          this.host.logger.log('warn', 'The pipeline refused a line for good.', { at, error });
          return 0;
        }
        if (!failing) this.host.logger.log('warn', 'The pipeline refused a line; it is tried again.', { at, error });
        failing = true;
        const asked = error instanceof Refused ? error.retryAfterMs : 0;
        await wait(Math.max(pause, asked), undefined, { signal: this.stopping });
      }
    }
  }
}

function signalOf(document: unknown): Signal | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  for (const [key, signal] of documents) if (Object.hasOwn(document, key)) return signal;
  return undefined;
}

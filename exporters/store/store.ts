/**
 * Writes what passes into a database: steps, traces and the detections on them. A database that is slow or away never holds up the
 * pipeline: when the queue is full, spans are not kept, and counted.
 */
import { z } from 'zod';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import type { Batch } from '../../src/batch/batch.ts';
import type { Component, Consumer, Counter, ExporterFactory, ExporterHints, Host } from '../../src/component/component.ts';
import { Permanent, Refused } from '../../src/component/component.ts';
import type { Transport } from '../../src/component/delivery.ts';
import { type Records, recordsOf } from '../../src/component/records.ts';
import type { Outcome } from '../../src/component/retry.ts';
import { createSender } from '../../src/component/sender.ts';

const options = z.strictObject({
  database: z.string().min(1).default('database').describe('The extension that keeps the records.'),
  when_full: z
    .enum(['drop', 'refuse'])
    .default('drop')
    .describe(
      'What becomes of spans while the queue is full: `drop` forwards them elsewhere without keeping them here, counted; `refuse` makes the sender wait.',
    ),
  // One writer: requests of one database wait for each other anyway, and larger transactions are cheaper.
  sending_queue: sendingQueue().prefault({ num_consumers: 1, batch: { min_size: 1_000, flush_timeout: '200ms' } }),
  retry_on_failure: retryOnFailure(),
});
type Options = z.output<typeof options>;

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'store',
  stability: 'alpha',
  summary: 'Keeps steps, traces and detections in a database, for the API.',
  signals: ['traces'],
  options,
  create: (id, value, hints) => new Store(id, value, hints),
};

class Store implements Component, Consumer {
  private readonly id: string;
  private readonly options: Options;
  private readonly sender: Component & Consumer;
  private notKept: Counter | undefined;

  constructor(id: string, value: Options, hints: ExporterHints) {
    this.id = id;
    this.options = value;
    this.sender = createSender(id, value, hints, (host) => toDatabase(recordsOf(value.database, host.extension(value.database))));
  }

  async start(host: Host): Promise<void> {
    await this.sender.start(host);
    this.notKept = host.meter.counter(
      'misstep_store_not_kept_spans',
      { exporter: this.id },
      'Spans that found the queue full: forwarded elsewhere, not in the database.',
    );
  }

  consume(batch: Batch): Promise<void> | undefined {
    const answer = this.sender.consume(batch);
    if (this.options.when_full === 'refuse') return answer;
    return answer?.catch((error: unknown) => {
      if (!(error instanceof Refused) || error.reason === 'shutdown') throw error;
      this.notKept?.add(batch.items);
    });
  }

  shutdown(signal: AbortSignal): Promise<void> {
    return this.sender.shutdown(signal);
  }
}

function toDatabase(records: Records): Transport {
  const underWay = new Set<(outcome: Outcome) => void>();
  const put = async (batch: Batch): Promise<Outcome> => {
    try {
      await records.ingest(batch.tenant, batch.chunks);
      return { kind: 'sent', rejected: 0, message: '' };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof Permanent) return { kind: 'permanent', message, status: error.status };
      return { kind: 'retry', message, retryAfterMs: 0 };
    }
  };
  return {
    request: (batch) => () =>
      new Promise((resolve) => {
        underWay.add(resolve);
        void put(batch).then((outcome) => {
          underWay.delete(resolve);
          resolve(outcome);
        });
      }),
    close() {
      for (const settle of underWay) settle({ kind: 'retry', message: 'stopped before the database answered', retryAfterMs: 0 });
    },
  };
}

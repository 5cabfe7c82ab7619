/**
 * Writes what passes into a database: steps, traces and the detections on them. A database that is slow or away never holds up the
 * pipeline: when the queue is full, spans are not kept, and counted.
 */
import { z } from 'zod';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import type { Batch } from '../../src/batch/batch.ts';
import { type ExporterFactory, Permanent } from '../../src/component/component.ts';
import type { Transport } from '../../src/component/delivery.ts';
import { type Records, recordsOf } from '../../src/component/records.ts';
import type { Outcome } from '../../src/component/retry.ts';
import { createSender } from '../../src/component/sender.ts';
import { sparing, whenFull } from '../../src/component/spare.ts';

const options = z.strictObject({
  database: z.string().min(1).default('database').describe('The extension that keeps the records.'),
  when_full: whenFull('spans'),
  // One writer: requests of one database wait for each other anyway, and larger transactions are cheaper.
  sending_queue: sendingQueue().prefault({ num_consumers: 1, batch: { min_size: 1_000, flush_timeout: '200ms' } }),
  retry_on_failure: retryOnFailure(),
});

const NOT_KEPT = {
  name: 'misstep_store_not_kept_spans',
  help: 'Spans that found the queue full: forwarded elsewhere, not in the database.',
};

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'store',
  stability: 'alpha',
  summary: 'Keeps steps, traces and detections in a database, for the API.',
  signals: ['traces'],
  options,
  create: (id, value, hints) =>
    sparing(
      id,
      value.when_full,
      NOT_KEPT,
      createSender(id, value, hints, (host) => toDatabase(recordsOf(value.database, host.extension(value.database)))),
    ),
};

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

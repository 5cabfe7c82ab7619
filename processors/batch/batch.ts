/**
 * `batch` is accepted and never in the chain: its settings become the batcher of the exporters' queues, so that what is
 * acknowledged is in a queue and no client waits for a batch to fill.
 */
import { z } from 'zod';
import { count, duration } from '../../config/units.ts';
import type { ProcessorFactory } from '../../src/component/component.ts';

const options = z
  .strictObject({
    send_batch_size: z
      .int()
      .min(0)
      .default(8192)
      .describe('Items at which a batch is sent at once. 0 sends on the timeout only.'),
    timeout: duration('200ms').describe('A batch is sent after this long, whatever its size. 0 sends at once.'),
    send_batch_max_size: count(0).describe('Items beyond which a batch is split. 0 = no limit.'),
  })
  .superRefine(({ send_batch_size, send_batch_max_size }, context) => {
    if (send_batch_max_size > 0 && send_batch_max_size < send_batch_size) {
      context.addIssue({
        code: 'custom',
        path: ['send_batch_max_size'],
        message: `must be 0 or at least send_batch_size (${send_batch_size}), is ${send_batch_max_size}.`,
      });
    }
  });

export const factory: ProcessorFactory<typeof options> = {
  kind: 'processor',
  type: 'batch',
  stability: 'beta',
  summary: 'Sets the batching of the exporters of its pipeline.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  batcher: (value) => ({
    flushTimeoutMs: value.timeout,
    // The Collector sends each request as it is when the size is 0 and there is no timeout.
    minItems: value.timeout === 0 ? 0 : value.send_batch_size === 0 ? Number.MAX_SAFE_INTEGER : value.send_batch_size,
    maxItems: value.send_batch_max_size,
  }),
  create() {
    throw new Error('batch is no link of the chain: the graph gives its settings to the exporters.');
  },
};

/** An exporter's queue, its batcher and its retries: the Collector's keys, defaults and rules. */
import { z } from 'zod';
import { wrong } from './kind.ts';
import { anyDuration, count, duration, MIB } from './units.ts';

/** 256 MiB: what a sidecar of 512 MiB can hold besides itself. */
const MAX_BYTES = 256 * MIB;

const batch = () =>
  z.strictObject({
    flush_timeout: duration('200ms', { min: '1ns' }),
    min_size: count(8_192),
    /** 0 = no upper bound. */
    max_size: count(0),
    /** Default: the queue's sizer if that is `items` or `bytes`, else `items`. */
    sizer: z.enum(['items', 'bytes']).optional(),
  });

/**
 * `queue_size` is in units of `sizer`; `max_bytes` caps the bytes besides, whatever the sizer. With `batch` absent
 * requests go out as they came. Output: as the input, with `batch.sizer` resolved.
 */
export function sendingQueue() {
  return z
    .strictObject({
      enabled: z.boolean().default(true),
      num_consumers: count(10, { min: 1 }),
      queue_size: count(1_000, { min: 1 }),
      sizer: z.enum(['requests', 'items', 'bytes']).default('requests'),
      block_on_overflow: z.boolean().default(false),
      wait_for_result: z.boolean().default(false),
      max_bytes: z
        .int()
        .min(1)
        .optional()
        .describe('Bytes of the queue. Default: 256 MiB; with a storage, what that has room for.'),
      batch: batch().optional(),
      storage: z.string().min(1).optional().describe('A file_storage; then what was accepted outlives the process.'),
    })
    .transform(({ batch: wanted, ...given }, ctx) => {
      const queue = { ...given, max_bytes: given.max_bytes ?? (given.storage === undefined ? MAX_BYTES : undefined) };
      if (queue.storage !== undefined && queue.wait_for_result)
        wrong(ctx, 'true, beside storage', 'Remove one: a stored request is answered when it is stored.', ['wait_for_result']);
      if (wanted === undefined) return { ...queue, batch: undefined };
      const sizer = wanted.sizer ?? (queue.sizer === 'requests' ? 'items' : queue.sizer);
      if (sizer === queue.sizer && wanted.min_size > queue.queue_size) {
        wrong(ctx, `${wanted.min_size} is above queue_size ${queue.queue_size}. Lower it or raise queue_size.`, '', [
          'batch',
          'min_size',
        ]);
      }
      if (wanted.max_size > 0 && wanted.max_size < wanted.min_size) {
        wrong(ctx, `below min_size ${wanted.min_size}`, 'Raise it, lower min_size, or write 0 for no bound.', [
          'batch',
          'max_size',
        ]);
      }
      return { ...queue, batch: { ...wanted, sizer } };
    })
    .prefault({});
}

/** Delay before retry n: `initial_interval · multiplier^n`, at most `max_interval`, ± `randomization_factor`. */
export function retryOnFailure() {
  return z
    .strictObject({
      enabled: z.boolean().default(true),
      initial_interval: duration('5s'),
      randomization_factor: z.number().min(0).max(1).default(0.5),
      multiplier: z.number().min(0).default(1.5),
      max_interval: duration('30s'),
      max_elapsed_time: anyDuration()
        .optional()
        .describe('0s = forever. Default: 300s; with a stored queue forever, for that is what it is stored for.'),
    })
    .superRefine((retry, ctx) => {
      const end = retry.max_elapsed_time;
      if (end === undefined || end === 0) return;
      for (const key of ['initial_interval', 'max_interval'] as const) {
        if (end < retry[key])
          wrong(ctx, `shorter than ${key}`, `Raise it, lower ${key}, or write 0s for no end.`, ['max_elapsed_time']);
      }
    })
    .prefault({});
}

export type SendingQueue = z.output<ReturnType<typeof sendingQueue>>;
export type RetryOnFailure = z.output<ReturnType<typeof retryOnFailure>>;

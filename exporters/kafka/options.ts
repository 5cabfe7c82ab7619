/** Options of the `kafka` exporter: the Collector's keys, those that work, and `partition_by`. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import { count } from '../../config/units.ts';
import { brokerOptions, topicOptions } from '../../src/component/kafka/client.ts';

export const options = z
  .strictObject({
    ...brokerOptions,
    ...topicOptions,
    partition_by: z
      .enum(['conversation', 'trace', 'none'])
      .optional()
      .describe(
        'What is never spread over two partitions. Default: `conversation`, the id of the conversation or session, else of the trace: then one consumer sees the whole window.',
      ),
    partition_traces_by_id: z.boolean().default(false).describe("The Collector's name for `partition_by: trace`."),
    producer: z
      .strictObject({
        // Zstandard and the others need a Node or a package that not everybody has.
        compression: z.enum(['none', 'gzip']).default('none'),
        max_message_bytes: count(1_000_000, { min: 1_024 }).describe(
          "Larger requests are cut at span boundaries. Default: the Collector's, a little less than a broker's own limit.",
        ),
        required_acks: z
          .union([z.literal('all'), z.literal(-1)], { error: 'only all (or -1): less would call lost data sent' })
          .default('all'),
        allow_auto_topic_creation: z.boolean().default(true),
      })
      .prefault({}),
    sending_queue: sendingQueue(),
    retry_on_failure: retryOnFailure(),
  })
  .superRefine((value, ctx) => {
    if (value.partition_traces_by_id && value.partition_by !== undefined && value.partition_by !== 'trace') {
      wrong(ctx, `true, beside partition_by: ${value.partition_by}. Keep one.`, '', ['partition_traces_by_id']);
    }
  });

export type Options = z.output<typeof options>;

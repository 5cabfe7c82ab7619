/** Options of the `kafka` receiver: the Collector's keys, those that work, and `rewind` and `dead_letter`. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { count, duration, MIB } from '../../config/units.ts';
import { brokerOptions, topicName, topicOptions } from '../../src/component/kafka/client.ts';

export const options = z
  .strictObject({
    ...brokerOptions,
    ...topicOptions,
    group_id: z.string().regex(/^\S+$/, 'must not be empty or have spaces.').default('misstep'),
    initial_offset: z
      .enum(['latest', 'earliest'])
      .default('latest')
      .describe('Where a partition begins that the group has never committed.'),
    rewind: count(1_000).describe(
      'Messages before the committed offset that are read again when a partition is assigned, so that open windows are rebuilt. 0 = none.',
    ),
    session_timeout: duration('10s', { min: '1s' }).describe('A consumer that is silent for so long loses its partitions.'),
    heartbeat_interval: duration('3s', { min: '100ms' }),
    rebalance_timeout: duration('60s', { min: '1s' }).describe('For all consumers to join anew.'),
    min_fetch_size: count(1, { min: 1 }),
    max_fetch_size: count(10 * MIB, { min: 1_024 }).describe('Bytes of one answer of a broker; one answer at a time is held.'),
    max_fetch_wait: duration('250ms', { min: '1ms' }),
    autocommit: z
      .strictObject({ interval: duration('1s', { min: '10ms' }) })
      .prefault({})
      .describe('How often offsets are committed of what the pipeline has taken.'),
    dead_letter: topicName()
      .optional()
      .describe('A topic that gets what cannot be read or is refused for good. Absent: it is counted and skipped.'),
  })
  .superRefine((value, ctx) => {
    if (value.heartbeat_interval >= value.session_timeout) {
      wrong(ctx, 'not below session_timeout', 'Kafka advises a third of it.', ['heartbeat_interval']);
    }
    for (const key of ['traces', 'metrics', 'logs'] as const) {
      if (value[key].topic === value.dead_letter)
        wrong(ctx, 'a topic that is read', 'It would come back for ever. Name another.', ['dead_letter']);
    }
    if (new Set([value.traces.topic, value.metrics.topic, value.logs.topic]).size < 3) {
      wrong(ctx, 'two signals share a topic. Give each its own: a message does not say which it is.', '');
    }
  });

export type Options = z.output<typeof options>;

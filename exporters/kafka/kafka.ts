/** Writes to Kafka, protobuf or JSON, a conversation to a partition, through a queue with retries. */
import type { Component, Consumer, ExporterFactory } from '../../src/component/component.ts';
import { loadKafka } from '../../src/component/kafka/client.ts';
import { createSender } from '../../src/component/sender.ts';
import { options } from './options.ts';
import { connectKafka } from './transport.ts';

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'kafka',
  stability: 'alpha',
  summary: 'Writes to Kafka, protobuf or JSON, a conversation to a partition, through a queue with retries.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create(id, value, hints): Component & Consumer {
    let kafka: Awaited<ReturnType<typeof loadKafka>>;
    const sender = createSender(id, value, hints, (host) => connectKafka(kafka, value, host));
    return {
      async start(host) {
        kafka = await loadKafka();
        await sender.start(host);
      },
      consume: (batch) => sender.consume(batch),
      shutdown: (signal) => sender.shutdown(signal),
      get keepsIn() {
        return sender.keepsIn;
      },
    };
  },
};

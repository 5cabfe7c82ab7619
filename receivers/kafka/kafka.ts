/** Reads OTLP from Kafka as one consumer of a group; what the pipeline has not taken is not committed. */
import type { Signal } from '../../src/batch/batch.ts';
import type { Component, Consumer, Host, ReceiverFactory } from '../../src/component/component.ts';
import { loadKafka } from '../../src/component/kafka/client.ts';
import type { Topic } from './feed.ts';
import { Membership } from './membership.ts';
import { type Options, options } from './options.ts';

export const factory: ReceiverFactory<typeof options> = {
  kind: 'receiver',
  type: 'kafka',
  stability: 'alpha',
  summary: 'Reads OTLP from Kafka as one consumer of a group; what the pipeline has not taken is not committed.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: (id, value, next) => new KafkaReceiver(id, value, next),
};

class KafkaReceiver implements Component {
  private readonly id: string;
  private readonly options: Options;
  private readonly next: ReadonlyMap<Signal, Consumer>;
  private membership: Membership | undefined;

  constructor(id: string, value: Options, next: ReadonlyMap<Signal, Consumer>) {
    this.id = id;
    this.options = value;
    this.next = next;
  }

  async start(host: Host): Promise<void> {
    const topics = new Map<string, Topic>();
    for (const [signal, consumer] of this.next) {
      const { topic, encoding } = this.options[signal];
      topics.set(topic, { signal, encoding, consumer });
    }
    this.membership = new Membership(await loadKafka(), this.id, this.options, host, topics);
    this.membership.begin();
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    await this.membership?.end(signal);
  }
}

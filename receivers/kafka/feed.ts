/** One message to its end: read, handed to the pipeline until that takes it, or set aside. */
import { setTimeout as wait } from 'node:timers/promises';
import { MIB } from '../../config/units.ts';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import { type Consumer, type Host, Permanent, type ReceiverLedger, Refused } from '../../src/component/component.ts';
import { Reporter } from '../../src/component/delivery.ts';
import type { Encoding } from '../../src/component/kafka/client.ts';
import { jsonToProtobuf } from '../../src/otlp/json.ts';
import { countItems } from '../../src/otlp/requests.ts';
import type { Offset } from './positions.ts';

/** As the gRPC receiver takes. A broker's own limit is mostly 1 MB. */
const MAX_MESSAGE_BYTES = 64 * MIB;
/** Between two tries of a message that was refused without saying when to come again. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;

export interface Message extends Offset {
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
}

export interface Topic {
  readonly signal: Signal;
  readonly encoding: Encoding;
  readonly consumer: Consumer;
}

export class Feed {
  private readonly host: Host;
  private readonly id: string;
  private readonly topics: ReadonlyMap<string, Topic>;
  private readonly setAside: ((message: Message, reason: string) => Promise<void>) | undefined;
  private readonly ledger: ReceiverLedger;
  private readonly reporter: Reporter;

  /** `setAside` puts a message into the dead-letter topic. */
  constructor(host: Host, id: string, topics: ReadonlyMap<string, Topic>, setAside: Feed['setAside']) {
    this.host = host;
    this.id = id;
    this.topics = topics;
    this.setAside = setAside;
    this.ledger = host.ledger.receiver(id, 'kafka');
    this.reporter = new Reporter(host);
  }

  /** Resolves when nothing more is to be done for the message; rejects only when `stopping`. */
  async take(message: Message, stopping: AbortSignal): Promise<void> {
    const topic = this.topics.get(message.topic);
    const bytes = message.value?.length ?? 0;
    // A message without a value is a tombstone.
    if (topic === undefined || message.value === undefined || bytes === 0) return;
    if (bytes > MAX_MESSAGE_BYTES) return this.skip(message, 'too_large', `longer than ${MAX_MESSAGE_BYTES} bytes`, stopping);
    await this.admit(bytes, stopping);
    try {
      let batch: Batch;
      try {
        batch = read(message.value, topic);
      } catch (error) {
        await this.skip(message, 'malformed', error instanceof Error ? error.message : String(error), stopping);
        return;
      }
      if (batch.items > 0) await this.hand(batch, message, topic.consumer, stopping);
    } finally {
      this.host.admission.release(bytes);
    }
  }

  private async admit(bytes: number, stopping: AbortSignal): Promise<void> {
    for (;;) {
      const refusal = this.host.admission.admit(bytes);
      if (refusal === undefined) return;
      await wait(refusal.retryAfterMs, undefined, { signal: stopping });
    }
  }

  /** Again and again until the pipeline takes it or refuses it for good: the partition waits. */
  private async hand(batch: Batch, message: Message, consumer: Consumer, stopping: AbortSignal): Promise<void> {
    for (let pause = FIRST_WAIT_MS; ; pause = Math.min(2 * pause, LONGEST_WAIT_MS)) {
      try {
        await consumer.consume(batch);
        this.ledger.accepted(batch.signal, batch.items);
        return;
      } catch (error) {
        this.ledger.refused(batch.signal, batch.items);
        const why = error instanceof Error ? error.message : String(error);
        if (error instanceof Permanent) return this.skip(message, 'permanent', why, stopping);
        this.reporter.trouble('refused', 'The pipeline refused a message; its partition waits.', {
          ...placeOf(message),
          error: why,
        });
        const asked = error instanceof Refused ? error.retryAfterMs : 0;
        await wait(Math.max(pause, asked), undefined, { signal: stopping });
      }
    }
  }

  private async skip(
    message: Message,
    reason: 'too_large' | 'malformed' | 'permanent',
    why: string,
    stopping: AbortSignal,
  ): Promise<void> {
    if (reason !== 'permanent') {
      const labels = { receiver: this.id, transport: 'kafka', reason };
      this.host.meter
        .counter('misstep_receiver_refused_requests', labels, 'Requests refused before their items were counted.')
        .add(1);
    }
    this.reporter.trouble(reason, 'A message was skipped.', { ...placeOf(message), reason, error: why });
    if (this.setAside === undefined) return;
    for (let pause = FIRST_WAIT_MS; ; pause = Math.min(2 * pause, LONGEST_WAIT_MS)) {
      try {
        await this.setAside(message, reason);
        return;
      } catch (error) {
        this.reporter.trouble('dead_letter', 'A message cannot be set aside; its partition waits.', {
          ...placeOf(message),
          error,
        });
        await wait(pause, undefined, { signal: stopping });
      }
    }
  }
}

function read(value: Buffer, { signal, encoding }: Topic): Batch {
  const body = encoding === 'otlp_json' ? jsonToProtobuf(signal, value.toString('utf8')).body : value;
  return { signal, chunks: [body], bytes: body.length, items: countItems(signal, body), tenant: 'default' };
}

function placeOf({ topic, partition, offset }: Offset) {
  return { topic, partition, offset: String(offset) };
}

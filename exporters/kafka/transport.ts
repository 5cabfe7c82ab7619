/** One batch as messages of one topic, acknowledged by all in-sync replicas. */
import type { Batch, Signal } from '../../src/batch/batch.ts';
import { bodyOf } from '../../src/batch/batch.ts';
import type { Host } from '../../src/component/component.ts';
import type { Transport } from '../../src/component/delivery.ts';
import { causesOf, connection, type loadKafka, reasonOf } from '../../src/component/kafka/client.ts';
import type { Outcome } from '../../src/component/retry.ts';
import { followTls } from '../../src/component/transport/reload.ts';
import { protobufToJson } from '../../src/otlp/json.ts';
import { splitRequest } from '../../src/otlp/requests.ts';
import type { Options } from './options.ts';
import { partitioned } from './partition.ts';

type Kafka = Awaited<ReturnType<typeof loadKafka>>;

/** What a repetition does not change. Authorisation is among it as it is over HTTP. */
const FINAL = new Map([
  ['TOPIC_AUTHORIZATION_FAILED', 7],
  ['CLUSTER_AUTHORIZATION_FAILED', 7],
  ['INVALID_TOPIC_EXCEPTION', 3],
  ['UNSUPPORTED_COMPRESSION_TYPE', 3],
  ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 3],
  ['INVALID_RECORD', 3],
]);
const TOO_LARGE = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];

export function connectKafka(kafka: Kafka, options: Options, host: Host): Transport {
  const { producer: wanted } = options;
  const by = options.partition_traces_by_id ? 'trace' : (options.partition_by ?? 'conversation');
  const underWay = new Set<(outcome: Outcome) => void>();
  // The queue's own retries say when; those of the package would hide the failure meanwhile. It keeps one, for metadata gone stale.
  const open = () =>
    new kafka.Producer({
      ...connection(options),
      retries: 1,
      retryDelay: 100,
      acks: kafka.ProduceAcks.ALL,
      compression: wanted.compression,
      autocreateTopics: wanted.allow_auto_topic_creation,
    });
  let producer = open();
  const unfollow = followTls(options.tls, host, () => {
    const fresh = open();
    void producer.close().catch(() => {});
    producer = fresh;
  });
  const send = async (messages: readonly { topic: string; key?: Buffer; value: Buffer }[]): Promise<Outcome> => {
    try {
      await producer.send({ messages: [...messages] });
      return { kind: 'sent', rejected: 0, message: '' };
    } catch (error) {
      return outcomeOf(error);
    }
  };
  return {
    request(batch) {
      const messages = messagesOf(batch, options, by);
      return () =>
        new Promise((resolve) => {
          underWay.add(resolve);
          void send(messages).then((outcome) => {
            underWay.delete(resolve);
            resolve(outcome);
          });
        });
    },
    close() {
      unfollow();
      for (const settle of underWay) settle({ kind: 'retry', message: 'the exporter was stopped', retryAfterMs: 0 });
      void producer.close().catch(() => {});
    },
  };
}

function messagesOf(batch: Batch, options: Options, by: 'conversation' | 'trace' | 'none') {
  const { topic, encoding } = options[batch.signal];
  const { max_message_bytes } = options.producer;
  const body = bodyOf(batch);
  const groups = batch.signal === 'traces' && by !== 'none' ? partitioned(body, by) : [{ key: undefined, body }];
  return groups.flatMap(({ key, body: whole }) =>
    splitRequest(batch.signal, whole, max_message_bytes).map((part) => ({
      topic,
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
      value: encoded(batch.signal, part, encoding),
    })),
  );
}

function encoded(signal: Signal, body: Uint8Array, encoding: Options['traces']['encoding']): Buffer {
  if (encoding === 'otlp_json') return Buffer.from(protobufToJson(signal, body));
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** What a failed send means for the request. What went out before it failed goes out again: spans are known by their ids. */
export function outcomeOf(error: unknown): Outcome {
  const message = reasonOf(error);
  for (const cause of causesOf(error)) {
    const id = 'apiId' in cause ? String(cause.apiId) : '';
    if (TOO_LARGE.includes(id)) return { kind: 'oversize', message };
    const status = FINAL.get(id);
    if (status !== undefined) return { kind: 'permanent', message, status };
    if ('code' in cause && cause.code === 'PLT_KFK_AUTHENTICATION') return { kind: 'permanent', message, status: 16 };
  }
  return { kind: 'retry', message, retryAfterMs: 0 };
}

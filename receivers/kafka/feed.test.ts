import { expect, test } from 'vitest';
import { type Consumer, Permanent, Refused } from '../../src/component/component.ts';
import { testHost, tracesOf } from '../../src/component/testing.ts';
import { protobufToJson } from '../../src/otlp/json.ts';
import { Feed, type Message, type Topic } from './feed.ts';

const body = Buffer.from(tracesOf(['a', 'b']).chunks[0] as Uint8Array);
const never = new AbortController().signal;

function feed(consume: Consumer['consume'], encoding: Topic['encoding'] = 'otlp_proto') {
  const host = testHost();
  const aside: string[] = [];
  const made = new Feed(
    host,
    'kafka',
    new Map([['t', { signal: 'traces', encoding, consumer: { consume } }]]),
    async (message, reason) => {
      aside.push(`${message.offset} ${reason}`);
    },
  );
  const take = (value: Buffer | undefined, topic = 't') =>
    made.take({ topic, partition: 3, offset: 7n, key: undefined, value } satisfies Message, never);
  return { host, aside, take };
}

test('both encodings are handed on as the same protobuf', async () => {
  const taken: Buffer[] = [];
  const keep: Consumer['consume'] = (batch) => {
    taken.push(Buffer.concat(batch.chunks));
    return undefined;
  };
  await feed(keep).take(body);
  await feed(keep, 'otlp_json').take(Buffer.from(protobufToJson('traces', body)));
  expect(taken).toEqual([body, body]);
});

test.each([
  ['bytes', Buffer.from([10, 200]), 'otlp_proto'],
  ['text', Buffer.from('{"resourceSpans":'), 'otlp_json'],
] as const)('what cannot be read is counted, told with its place and set aside: %s', async (_name, value, encoding) => {
  const { host, aside, take } = feed(() => undefined, encoding);
  await take(value);
  expect(aside).toEqual(['7 malformed']);
  expect(host.metric('misstep_receiver_refused_requests')).toBe(1);
  expect(host.logs).toMatchObject([{ fields: { topic: 't', partition: 3, offset: '7', reason: 'malformed' } }]);
});

test('refused: again until it is taken; for good: set aside', async () => {
  let tries = 0;
  const refusing = feed(() => (++tries < 3 ? Promise.reject(new Refused('full', 'full', 1)) : undefined));
  await refusing.take(body);
  expect(tries).toBe(3);
  expect(refusing.aside).toEqual([]);
  const final = feed(() => Promise.reject(new Permanent('never')));
  await final.take(body);
  expect(final.aside).toEqual(['7 permanent']);
});

test('a tombstone, no bytes and a topic of nobody are nothing to do', async () => {
  const { host, aside, take } = feed(() => Promise.reject(new Error('not called')));
  await take(undefined);
  await take(Buffer.alloc(0));
  await take(body, 'other');
  expect([host.logs, aside]).toEqual([[], []]);
});

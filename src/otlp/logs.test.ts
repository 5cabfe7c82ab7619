import { describe, expect, test } from 'vitest';
import { WireError } from './error.ts';
import { documentToProtobuf } from './json.ts';
import { readEvents } from './logs.ts';
import { ascending, descending, encode, type Shape, seeded } from './testing/encode.ts';

const text = (stringValue: string) => ({ stringValue });
const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const request = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: text('a') }] },
      scopeLogs: [
        {
          scope: { name: 'agent', version: '1' },
          logRecords: [
            {
              timeUnixNano: '1790000000000000001',
              observedTimeUnixNano: '5',
              eventName: 'agent.said',
              body: { kvlistValue: { values: [{ key: 'content', value: text('Hi') }] } },
              attributes: [
                { key: 'event.name', value: text('other.name') },
                { key: 'n', value: { intValue: '7' } },
              ],
              traceId,
              spanId,
            },
            {
              observedTimeUnixNano: '9',
              attributes: [
                { key: 'x', value: text('y') },
                { key: 'event.name', value: text('agent.done') },
              ],
            },
            { body: text('a plain log'), attributes: [{ key: 'x', value: text('event.name') }] },
            { eventName: 'unwanted', attributes: [] },
            { attributes: [{ key: 'event.name', value: { intValue: '3' } }] },
          ],
        },
      ],
    },
  ],
};
const read = (body: Uint8Array) => readEvents(body, (name, scope) => scope === 'agent' && name.startsWith('agent.'));

const shapes: readonly [string, Shape][] = [
  ['ascending', ascending],
  ['descending', descending],
  ['shuffled, split, padded', { order: 'shuffled', split: true, padding: 3, random: seeded(5) }],
];

test.each(shapes)('events in fields that are %s', (_, shape) => {
  const { events, others, unreadable } = read(encode('ExportLogsServiceRequest', request, shape));
  expect([others, unreadable]).toEqual([3, 0]);
  const [said, done] = events;
  expect(said).toMatchObject({ name: 'agent.said', scope: 'agent', timeNs: 1_790_000_000_000_000_001n, traceId, spanId });
  expect([said?.body, said?.attributes.get('n')]).toEqual([new Map([['content', 'Hi']]), 7]);
  expect(done).toMatchObject({ name: 'agent.done', timeNs: 9n, body: undefined, traceId: '', spanId: '' });
  expect(said?.resource).toBe(done?.resource);
});

describe('what is broken', () => {
  test('every cut of a request is refused or read, never more', () => {
    const { body } = documentToProtobuf('logs', request);
    for (let length = 0; length <= body.length; length++) {
      try {
        expect(read(body.subarray(0, length)).events.length).toBeLessThanOrEqual(2);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
  });

  test('every flipped byte is refused or read', () => {
    const { body } = documentToProtobuf('logs', request);
    for (let at = 0; at < body.length; at++) {
      const changed = Uint8Array.from(body);
      changed[at] = (changed[at] as number) ^ 0xff;
      try {
        read(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
  });

  test('zeros are no ids', () => {
    const logRecords = [{ eventName: 'agent.x', traceId: '0'.repeat(32), spanId: '0'.repeat(16) }];
    const { body } = documentToProtobuf('logs', { resourceLogs: [{ scopeLogs: [{ scope: { name: 'agent' }, logRecords }] }] });
    expect(read(body).events).toMatchObject([{ traceId: '', spanId: '' }]);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bits, protobufToDocument } from './json.ts';
import type { Value } from './span.ts';
import { ascending, type Document, encode } from './testing/encode.ts';
import { decode, decodeMessage } from './testing/oracle.ts';
import { mapOf } from './testing/view.ts';
import { Double, writeLogs, writeMetrics, writeSpanAttribute, writeTraces } from './write.ts';

const traceId = '0102030405060708090a0b0c0d0e0f10';
const spanId = '1112131415161718';
const scope = { name: 'misstep', version: '1' };
const at = (document: unknown, ...path: (string | number)[]): Document =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown>)[key], document) as Document;

test('a span comes back from the full decoder as it was given', () => {
  const body = writeTraces([
    {
      resource: { 'service.name': 's' },
      schemaUrl: 'https://schema',
      scope,
      spans: [
        {
          traceId,
          spanId,
          parentId: 'ffffffffffffffff',
          traceState: 'a=b',
          flags: 257,
          name: 'evaluate loop',
          kind: 1,
          startNs: 1790000000000000001n,
          endNs: 18446744073709551615n,
          attributes: { text: 't', whole: 3, half: 0.5, yes: true, big: -(1n << 63n) },
          events: [{ name: 'e', timeNs: 1n << 32n, attributes: { a: 1 } }],
          links: [{ traceId, spanId, attributes: { l: 'm' } }],
          status: { code: 2, message: 'bad' },
        },
      ],
    },
  ]);
  const group = at(decode('traces', body), 'resourceSpans', 0);
  expect(group['schemaUrl']).toBe('https://schema');
  expect(at(group, 'resource')).toEqual({ attributes: [{ key: 'service.name', value: { stringValue: 's' } }] });
  expect(at(group, 'scopeSpans', 0, 'scope')).toEqual(scope);
  expect(at(group, 'scopeSpans', 0, 'spans', 0)).toEqual({
    traceId,
    spanId,
    parentSpanId: 'ffffffffffffffff',
    traceState: 'a=b',
    flags: 257,
    name: 'evaluate loop',
    kind: 1,
    startTimeUnixNano: '1790000000000000001',
    endTimeUnixNano: '18446744073709551615',
    attributes: [
      { key: 'text', value: { stringValue: 't' } },
      { key: 'whole', value: { intValue: '3' } },
      { key: 'half', value: { doubleValue: 0.5 } },
      { key: 'yes', value: { boolValue: true } },
      { key: 'big', value: { intValue: '-9223372036854775808' } },
    ],
    events: [{ name: 'e', timeUnixNano: '4294967296', attributes: [{ key: 'a', value: { intValue: '1' } }] }],
    links: [{ traceId, spanId, attributes: [{ key: 'l', value: { stringValue: 'm' } }] }],
    status: { code: 2, message: 'bad' },
  });
});

test('a received resource is embedded byte for byte', () => {
  const resource = Buffer.concat([encode('Resource', { droppedAttributesCount: 4 }, ascending), Buffer.from([0xba, 0x06, 1, 7])]);
  const group = { resource, scope, spans: [] };
  expect(Buffer.from(writeTraces([group])).includes(resource)).toBe(true);
  expect(at(decode('traces', writeTraces([group])), 'resourceSpans', 0, 'resource')).toEqual({ droppedAttributesCount: 4 });
});

test('any value comes back: strings, numbers, lists, maps, bytes, nothing', () => {
  const plain: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary' }),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noInteger: true }),
      fc.bigInt(1n << 53n, (1n << 63n) - 1n),
      fc.uint8Array(),
      fc.constant(undefined),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .uniqueArray(fc.tuple(fc.string(), tie('value')), { selector: ([key]) => key, maxLength: 4 })
        .map((pairs) => new Map(pairs)),
    ),
  })).value;
  fc.assert(
    fc.property(plain, (value) => {
      const span = decodeMessage('Span', writeSpanAttribute('key', value));
      expect(mapOf(span['attributes'] as Document[])).toEqual(new Map([['key', value === 0 ? 0 : value]]));
    }),
    { seed: 61, numRuns: 300 },
  );
});

test('a Double is a double even when whole', () => {
  expect(at(decodeMessage('Span', writeSpanAttribute('k', new Double(3))), 'attributes', 0, 'value')).toEqual({ doubleValue: 3 });
});

test('64-bit integers in two halves', () => {
  for (const value of [0n, 1n, -1n, 1n << 31n, 1n << 32n, -(1n << 63n), (1n << 63n) - 1n]) {
    const { low, high } = bits(value);
    expect((BigInt(high) << 32n) | BigInt(low >>> 0)).toBe(value);
  }
});

test('log records', () => {
  const record = {
    timeNs: 5n,
    observedNs: 6n,
    severityNumber: 13,
    severityText: 'WARN',
    eventName: 'gen_ai.evaluation.result',
    body: 'text',
  };
  const body = writeLogs([{ resource: {}, scope, records: [{ ...record, attributes: { a: 1 }, traceId, spanId }] }]);
  expect(at(decode('logs', body), 'resourceLogs', 0, 'scopeLogs', 0, 'logRecords', 0)).toEqual({
    timeUnixNano: '5',
    observedTimeUnixNano: '6',
    severityNumber: 13,
    severityText: 'WARN',
    body: { stringValue: 'text' },
    attributes: [{ key: 'a', value: { intValue: '1' } }],
    traceId,
    spanId,
    eventName: 'gen_ai.evaluation.result',
  });
});

test('metrics of every kind, with exemplars', () => {
  const exemplar = { timeNs: 9n, value: 0.25, traceId, spanId, attributes: { e: 'x' } };
  const named = (name: string) => ({ name, unit: '1', description: 'd' });
  const point = { attributes: { a: 'b' }, startNs: 1n, timeNs: 2n, value: 2, exemplars: [exemplar] };
  const histogram = { ...point, count: 3, sum: 4.5, bounds: [1, 2], bucketCounts: [1, 2, 0] };
  const body = writeMetrics([
    {
      resource: {},
      scope,
      metrics: [
        { kind: 'sum', ...named('s'), monotonic: true, temporality: 2, points: [point] },
        { kind: 'gauge', ...named('g'), points: [point] },
        { kind: 'histogram', ...named('h'), temporality: 1, points: [histogram] },
      ],
    },
  ]);
  const attributes = [{ key: 'a', value: { stringValue: 'b' } }];
  const exemplars = [
    { timeUnixNano: '9', asDouble: 0.25, traceId, spanId, filteredAttributes: [{ key: 'e', value: { stringValue: 'x' } }] },
  ];
  const times = { attributes, startTimeUnixNano: '1', timeUnixNano: '2', exemplars };
  const decoded = decode('metrics', body);
  expect(at(decoded, 'resourceMetrics', 0, 'scopeMetrics', 0, 'metrics')).toEqual([
    { ...named('s'), sum: { dataPoints: [{ ...times, asDouble: 2 }], aggregationTemporality: 2, isMonotonic: true } },
    { ...named('g'), gauge: { dataPoints: [{ ...times, asDouble: 2 }] } },
    {
      ...named('h'),
      histogram: {
        dataPoints: [{ ...times, count: '3', sum: 4.5, bucketCounts: ['1', '2', '0'], explicitBounds: [1, 2] }],
        aggregationTemporality: 1,
      },
    },
  ]);
  expect(protobufToDocument('metrics', body)).toEqual(decoded);
});

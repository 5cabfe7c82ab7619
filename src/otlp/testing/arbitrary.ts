/** fast-check generators of OTLP requests in their OTLP/JSON form. */
import fc from 'fast-check';
import type { Document } from './encode.ts';

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));
const id = (bytes: number): fc.Arbitrary<string> =>
  fc.oneof({ weight: 6, arbitrary: hex(bytes) }, { weight: 1, arbitrary: fc.constantFrom('', '00'.repeat(bytes)) });
const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.nat(400).map((n) => 'ä'.repeat(n)) },
);
const unsigned64 = fc.bigInt(0n, (1n << 64n) - 1n).map(String);
const signed64 = fc.oneof(fc.bigInt(-(1n << 63n), (1n << 63n) - 1n), fc.bigInt(-200n, 200n)).map(String);
const double = fc.double().map((value) => (Number.isFinite(value) ? value : String(value)));

/** Keys of the test table, keys near them, and others. */
export const knownKeys = ['gen_ai.operation.name', 'gen_ai.usage.input_tokens', 'session.id', 'k', 'gen_ai.input.messages'];
export const knownPrefixes = ['llm.input_messages.', 'llm.'];
export const knownScopes = ['openinference.', 'opentelemetry.instrumentation.openai'];
const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...knownKeys) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...knownPrefixes), fc.string({ maxLength: 6 })).map((parts) => parts.join('')),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('gen_ai.operation.namf', 'gen_ai.operation.nam', 'llm', 'K', '', '__proto__', 'service.name'),
  },
  { weight: 1, arbitrary: text },
);

const { value } = fc.letrec<{ value: Document; keyValue: Document }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    signed64.map((intValue) => ({ intValue })),
    double.map((doubleValue) => ({ doubleValue })),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
    fc.constant({}),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: listed({ values }) })),
    fc.array(tie('keyValue'), { maxLength: 3 }).map((values) => ({ kvlistValue: listed({ values }) })),
  ),
  keyValue: fc.record({ key, value: tie('value') }, { requiredKeys: ['key'] }),
}));

export { value };

const attributes = fc.array(fc.record({ key, value }, { requiredKeys: ['key'] }), { maxLength: 5 });

/** Empty lists are not on the wire: a document that has one would not come back equal. */
function listed(document: Document): Document {
  return Object.fromEntries(Object.entries(document).filter(([, member]) => !(Array.isArray(member) && member.length === 0)));
}

const event = fc
  .record({ timeUnixNano: unsigned64, name: text, attributes, droppedAttributesCount: fc.nat() }, { requiredKeys: ['name'] })
  .map(listed);
const link = fc
  .record({ traceId: id(16), spanId: id(8), traceState: text, attributes, flags: fc.nat() }, { requiredKeys: ['traceId'] })
  .map(listed);
const status = fc.record({ code: fc.constantFrom(0, 1, 2), message: text }, { requiredKeys: [] });

export const span = fc
  .record(
    {
      traceId: id(16),
      spanId: id(8),
      parentSpanId: id(8),
      traceState: text,
      flags: fc.nat(),
      name: text,
      kind: fc.integer({ min: 0, max: 5 }),
      startTimeUnixNano: unsigned64,
      endTimeUnixNano: unsigned64,
      attributes,
      droppedAttributesCount: fc.nat(),
      events: fc.array(event, { maxLength: 2 }),
      links: fc.array(link, { maxLength: 2 }),
      status,
    },
    { requiredKeys: [] },
  )
  .map(listed);

export const resource = fc.record({ attributes, droppedAttributesCount: fc.nat() }, { requiredKeys: [] }).map(listed);
export const scope = fc
  .record(
    { name: fc.oneof(text, fc.constantFrom(...knownScopes, 'openinference')), version: text, attributes },
    { requiredKeys: [] },
  )
  .map(listed);

function requestOf(resources: string, scopes: string, items: string, item: fc.Arbitrary<Document>): fc.Arbitrary<Document> {
  const inScope = fc
    .record({ scope, [items]: fc.array(item, { maxLength: 3 }), schemaUrl: text }, { requiredKeys: [] })
    .map(listed);
  const inResource = fc.record(
    { resource, [scopes]: fc.array(inScope, { maxLength: 3 }), schemaUrl: text },
    { requiredKeys: [] },
  );
  return fc.array(inResource.map(listed), { maxLength: 3 }).map((list) => listed({ [resources]: list }));
}

export const traces = requestOf('resourceSpans', 'scopeSpans', 'spans', span);

export const logs = requestOf(
  'resourceLogs',
  'scopeLogs',
  'logRecords',
  fc
    .record(
      {
        timeUnixNano: unsigned64,
        observedTimeUnixNano: unsigned64,
        severityNumber: fc.integer({ min: 0, max: 24 }),
        severityText: text,
        body: value,
        attributes,
        droppedAttributesCount: fc.nat(),
        flags: fc.nat(),
        traceId: id(16),
        spanId: id(8),
        eventName: text,
      },
      { requiredKeys: [] },
    )
    .map(listed),
);

const times = { startTimeUnixNano: unsigned64, timeUnixNano: unsigned64, flags: fc.nat() };
const exemplars = fc.array(
  fc
    .record({ filteredAttributes: attributes, timeUnixNano: unsigned64, asDouble: double, spanId: id(8), traceId: id(16) })
    .map(listed),
  { maxLength: 2 },
);
const numberPoint = fc.oneof(
  fc.record({ ...times, attributes, exemplars, asDouble: double }).map(listed),
  fc.record({ ...times, attributes, exemplars, asInt: signed64 }).map(listed),
);
const counts = fc.array(unsigned64, { maxLength: 3 });
const histogramPoint = fc
  .record({
    ...times,
    attributes,
    count: unsigned64,
    sum: double,
    bucketCounts: counts,
    explicitBounds: fc.array(double, { maxLength: 3 }),
    min: double,
    max: double,
  })
  .map(listed);
const buckets = fc.record({ offset: fc.integer(), bucketCounts: counts }).map(listed);
const exponentialPoint = fc
  .record({
    ...times,
    count: unsigned64,
    scale: fc.integer(),
    zeroCount: unsigned64,
    positive: buckets,
    negative: buckets,
    zeroThreshold: double,
  })
  .map(listed);
const summaryPoint = fc
  .record({
    ...times,
    count: unsigned64,
    sum: double,
    quantileValues: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 2 }),
  })
  .map(listed);
const points = (point: fc.Arbitrary<Document>): fc.Arbitrary<Document> =>
  fc.record({ dataPoints: fc.array(point, { maxLength: 3 }) }).map(listed);
const data = fc.oneof(
  points(numberPoint).map((gauge) => ({ gauge })),
  points(numberPoint).map((sum) => ({ sum: { ...sum, aggregationTemporality: 2, isMonotonic: true } })),
  points(histogramPoint).map((histogram) => ({ histogram: { ...histogram, aggregationTemporality: 1 } })),
  points(exponentialPoint).map((exponentialHistogram) => ({ exponentialHistogram })),
  points(summaryPoint).map((summary) => ({ summary })),
);

export const metrics = requestOf(
  'resourceMetrics',
  'scopeMetrics',
  'metrics',
  fc.tuple(fc.record({ name: text, unit: text }, { requiredKeys: [] }), data).map(([named, kind]) => ({ ...named, ...kind })),
);

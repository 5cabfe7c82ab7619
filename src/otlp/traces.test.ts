import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireError } from './error.ts';
import { compileKeys } from './keys.ts';
import { spanReader } from './span.ts';
import { knownKeys, knownPrefixes, knownScopes, resource, scope, span, traces } from './testing/arbitrary.ts';
import { ascending, type Document, descending, encode, type Shape, seeded } from './testing/encode.ts';
import { mutated, readEverything } from './testing/mutate.ts';
import { decode } from './testing/oracle.ts';
import { mapOf, viewOf, viewsOf } from './testing/view.ts';
import { countSpans, defaultWireLimits, walkTraces } from './traces.ts';

const keys = compileKeys(knownKeys, knownPrefixes, knownScopes);
const reader = spanReader();
const REQUEST = 'ExportTraceServiceRequest';

function read(body: Uint8Array): Document[] {
  const index = walkTraces(body, keys);
  return Array.from({ length: index.spanCount }, (_, row) => viewOf(reader.at(index, row)));
}

/** `resourceBytes` are compared where field order is that of the document. */
function withoutBytes(views: readonly Document[]): Document[] {
  return views.map((view) => ({ ...view, resourceBytes: '' }));
}

function bodyWith(spans: readonly Document[], shape: Shape = ascending, scopeName = ''): Uint8Array {
  return encode(REQUEST, { resourceSpans: [{ scopeSpans: [{ scope: { name: scopeName }, spans }] }] }, shape);
}

const one: Document = {
  traceId: '0102030405060708090a0b0c0d0e0f10',
  spanId: '1112131415161718',
  parentSpanId: '2122232425262728',
  name: 'chat',
  kind: 3,
  startTimeUnixNano: '1790000000000000001',
  endTimeUnixNano: '1790000000500000002',
  attributes: [
    { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
    { key: 'gen_ai.usage.input_tokens', value: { intValue: '12' } },
    { key: 'llm.input_messages.0.role', value: { stringValue: 'user' } },
  ],
  events: [{ name: 'e', timeUnixNano: '5', attributes: [{ key: 'a', value: { boolValue: true } }] }],
  links: [{ traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '1112131415161718' }],
  status: { code: 2, message: 'failed' },
};
const whole: Document = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 's' } }] },
      scopeSpans: [{ scope: { name: 'n', version: 'v' }, spans: [one, one] }],
    },
  ],
};

describe('walk and reader against the full decoder', () => {
  const check = (shape: (seed: number) => Shape, strict: boolean): void =>
    fc.assert(
      fc.property(traces, fc.nat(), (document, seed) => {
        const body = encode(REQUEST, document, shape(seed));
        const decoded = decode('traces', body);
        const [mine, theirs] = [read(body), viewsOf(decoded)];
        expect(strict ? mine : withoutBytes(mine)).toEqual(strict ? theirs : withoutBytes(theirs));
        expect(countSpans(body)).toBe(theirs.length);
      }),
      { seed: 11, numRuns: 300 },
    );

  test('ascending field order, as SDKs write', () => check(() => ascending, true));
  test('descending field order, as the Go Collector writes', () => check(() => descending, false));
  test('shuffled field order', () => check((seed) => ({ order: 'shuffled', random: seeded(seed) }), false));
  test('overlong varints', () => check((seed) => ({ order: 'ascending', padding: 4, random: seeded(seed) }), false));

  test('split submessages read as the whole ones', () => {
    fc.assert(
      fc.property(traces, fc.nat(), (document, seed) => {
        for (const order of ['ascending', 'descending', 'shuffled'] as const) {
          const body = encode(REQUEST, document, { order, split: true, padding: 2, random: seeded(seed) });
          // The document itself is the oracle: protobufjs replaces a second piece where protobuf merges it.
          expect(withoutBytes(read(body))).toEqual(withoutBytes(viewsOf(document)));
        }
      }),
      { seed: 12, numRuns: 200 },
    );
  });

  test('rows of the key table: values, prefixes, sizes, agent mark', () => {
    fc.assert(
      fc.property(traces, fc.boolean(), (document, split) => {
        const index = walkTraces(encode(REQUEST, document, { order: 'descending', split }), keys);
        let row = 0;
        for (const group of (document['resourceSpans'] ?? []) as Document[]) {
          for (const inScope of (group['scopeSpans'] ?? []) as Document[]) {
            const name = ((inScope['scope'] as Document | undefined)?.['name'] ?? '') as string;
            for (const each of (inScope['spans'] ?? []) as Document[]) {
              const map = mapOf(each['attributes'] as Document[]);
              reader.at(index, row);
              for (const key of knownKeys) {
                expect(reader.has(keys.id(key))).toBe(map.has(key));
                expect(reader.value(keys.id(key))).toEqual(map.get(key));
              }
              const known = ((each['attributes'] ?? []) as Document[])
                .map(({ key }) => key as string)
                .filter((key) => keys.match(Buffer.from(key), 0, Buffer.byteLength(key)) >= 0);
              expect(reader.rowCount()).toBe(known.length);
              expect(index.isAgent(row)).toBe(known.length > 0 || knownScopes.some((prefix) => name.startsWith(prefix)));
              const rests: string[] = [];
              for (const prefix of knownPrefixes) reader.each(keys.prefixId(prefix), (rest) => rests.push(prefix + rest));
              expect(rests.sort()).toEqual(known.filter((key) => !knownKeys.includes(key)).sort());
              row++;
            }
          }
        }
        expect(index.spanCount).toBe(row);
      }),
      { seed: 13, numRuns: 200 },
    );
  });

  test('extract gives the same span alone', () => {
    fc.assert(
      fc.property(traces, fc.nat(), (document, seed) => {
        const index = walkTraces(
          encode(REQUEST, document, { order: 'shuffled', split: seed % 2 === 0, random: seeded(seed) }),
          keys,
        );
        for (let row = 0; row < index.spanCount; row++) {
          const expected = viewOf(reader.at(index, row));
          const alone = walkTraces(reader.extract(), keys);
          expect(alone.spanCount).toBe(1);
          expect(alone.isAgent(0)).toBe(index.isAgent(row));
          expect(viewOf(spanReader().at(alone, 0))).toEqual(expected);
        }
      }),
      { seed: 14, numRuns: 100 },
    );
  });

  test('an index stays as it was when other bodies are walked', () => {
    const first = walkTraces(encode(REQUEST, whole, ascending), keys);
    const before = viewOf(reader.at(first, 1));
    fc.assert(
      fc.property(traces, (document) => void walkTraces(encode(REQUEST, document, ascending), keys)),
      { seed: 15, numRuns: 50 },
    );
    expect(viewOf(reader.at(first, 1))).toEqual(before);
  });
});

describe('named cases', () => {
  const expected = viewsOf(whole);

  test('both field orders', () => {
    expect(read(encode(REQUEST, whole, ascending))).toEqual(expected);
    expect(withoutBytes(read(encode(REQUEST, whole, descending)))).toEqual(withoutBytes(expected));
  });

  test('both orders in one batch', () => {
    const body = Buffer.concat([
      encode(REQUEST, whole, ascending),
      encode(REQUEST, whole, descending),
      encode(REQUEST, whole, ascending),
    ]);
    expect(withoutBytes(read(body))).toEqual(withoutBytes([...expected, ...expected, ...expected]));
  });

  test('split submessages', () => {
    expect(withoutBytes(read(encode(REQUEST, whole, { order: 'descending', split: true })))).toEqual(withoutBytes(expected));
  });

  test('an attribute value in two pieces', () => {
    const value = { arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }, { intValue: '3' }] } };
    const body = bodyWith([{ attributes: [{ key: 'k', value }] }], { order: 'ascending', split: true });
    expect(reader.at(walkTraces(body, keys), 0).value(keys.id('k'))).toEqual([1, 2, 3]);
  });

  test('overlong varints, up to ten bytes', () => {
    const random = () => 0.999;
    for (const padding of [1, 4])
      expect(withoutBytes(read(encode(REQUEST, whole, { order: 'ascending', padding, random })))).toEqual(withoutBytes(expected));
    // resource_spans, then scope_spans, then an empty span, each length in ten bytes.
    const long = (value: number): number[] => [value | 0x80, ...Array(8).fill(0x80), 0];
    const inner = [0x12, ...long(0)];
    const scopes = [0x12, ...long(inner.length), ...inner];
    expect(countSpans(Uint8Array.from([0x0a, ...long(scopes.length), ...scopes]))).toBe(1);
    expect(() => countSpans(Uint8Array.from([0x0a, ...Array(10).fill(0x80), 0]))).toThrow(WireError);
  });

  test('duplicate keys: the first stands', () => {
    const attributes = [
      { key: 'session.id', value: { stringValue: 'first' } },
      { key: 'session.id', value: { stringValue: 'second' } },
    ];
    for (const shape of [ascending, descending]) {
      const index = walkTraces(bodyWith([{ attributes }], shape), keys);
      expect(reader.at(index, 0).string(keys.id('session.id'))).toBe('first');
      expect(reader.attributes()).toEqual(new Map([['session.id', 'first']]));
      expect(reader.rowCount()).toBe(2);
    }
  });

  test('duplicate scalars: the last stands', () => {
    const [a, b] = [
      encode('Span', one, ascending),
      encode('Span', { name: 'last', kind: 1, startTimeUnixNano: '7', spanId: 'ffffffffffffffff' }, ascending),
    ];
    const spanBytes = Buffer.concat([a, b]);
    const body = Buffer.concat(
      [
        [0x0a, 0, 0],
        [0x12, 0, 0],
        [0x12, 0, 0],
      ].map((head) => Buffer.from(head)),
    );
    expect(body.length).toBe(9);
    const framed = (tagByte: number, content: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([tagByte, (content.length & 0x7f) | 0x80, content.length >> 7]), content]);
    const index = walkTraces(framed(0x0a, framed(0x12, framed(0x12, spanBytes))), keys);
    reader.at(index, 0);
    expect([reader.name(), reader.kind(), reader.startNs(), reader.spanId()]).toEqual(['last', 1, 7n, 'ffffffffffffffff']);
    expect(reader.endNs()).toBe(1790000000500000002n);
  });

  test('zero ids and absent ids are empty', () => {
    const zero = { traceId: '00'.repeat(16), spanId: '00'.repeat(8), parentSpanId: '00'.repeat(8) };
    const index = walkTraces(
      bodyWith([zero, {}, { traceId: '', spanId: '', parentSpanId: '' }, { ...zero, spanId: '0000000000000001' }]),
      keys,
    );
    const ids = [0, 1, 2, 3].map((row) => [reader.at(index, row).traceId(), reader.spanId(), reader.parentId()]);
    expect(ids).toEqual([
      ['', '', ''],
      ['', '', ''],
      ['', '', ''],
      ['', '0000000000000001', ''],
    ]);
  });

  test('ids of a wrong length are refused', () => {
    for (const wrong of [
      { traceId: '01' },
      { traceId: '01'.repeat(17) },
      { spanId: '01'.repeat(16) },
      { parentSpanId: '01'.repeat(7) },
    ]) {
      expect(() => walkTraces(bodyWith([wrong]), keys)).toThrow(/id of \d+ bytes, must be/);
    }
  });

  test('groups and unknown wire types are refused, unknown fields skipped', () => {
    for (const type of [3, 4, 6, 7])
      expect(() => walkTraces(Uint8Array.from([((99 << 3) & 0x7f) | type | 0x80, 6, 0]), keys)).toThrow(WireError);
    const unknown = Uint8Array.from([
      0xba, 0x06, 2, 1, 2, 0xb8, 0x06, 5, 0xbd, 0x06, 1, 2, 3, 4, 0xb9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    expect(read(Buffer.concat([unknown, encode(REQUEST, whole, ascending), unknown]))).toEqual(expected);
  });

  test('field number 0 and numbers over 2^29 - 1 are refused', () => {
    expect(() => walkTraces(Uint8Array.from([0x00, 0]), keys)).toThrow(/field number/);
    expect(() => walkTraces(Uint8Array.from([0x80, 0x80, 0x80, 0x80, 0x10, 0]), keys)).toThrow(/field number/);
  });

  test('a scope that makes its spans an agent may stand behind them', () => {
    for (const shape of [ascending, descending]) {
      const index = walkTraces(bodyWith([{ name: 'x' }], shape, 'openinference.instrumentation.x'), keys);
      expect(index.isAgent(0)).toBe(true);
    }
    expect(walkTraces(bodyWith([{ name: 'x' }], ascending, 'http'), keys).isAgent(0)).toBe(false);
  });
});

describe('hostile bodies', () => {
  test('every truncation is refused or a shorter request', () => {
    const body = encode(REQUEST, { resourceSpans: [(whole['resourceSpans'] as Document[])[0], {}] }, ascending);
    for (let length = 1; length < body.length - 2; length++)
      expect(() => walkTraces(body.subarray(0, length), keys)).toThrow(WireError);
  });

  test('limits on spans, scopes, resources, attributes and depth', () => {
    const limits = { ...defaultWireLimits, spans: 3, attributes: 2, depth: 4 };
    const repeat = (bytes: readonly number[], times: number): Uint8Array => Uint8Array.from(Array(times).fill(bytes).flat());
    expect(() => walkTraces(repeat([0x0a, 0], 4), keys, limits)).toThrow('more than 3 resources in one request at byte 6');
    expect(() => walkTraces(repeat([0x0a, 2, 0x12, 0], 4), keys, limits)).toThrow(/more than 3 (scopes|resources)/);
    expect(() => walkTraces(bodyWith([{}, {}, {}, {}]), keys, limits)).toThrow(/more than 3 spans/);
    const attributes = Array(3).fill({ key: 'k', value: { intValue: '1' } });
    expect(() => walkTraces(bodyWith([{ attributes }]), keys, limits)).toThrow(/more than 2 known attributes/);
    const nested = (levels: number): Document =>
      levels === 0 ? { intValue: '1' } : { arrayValue: { values: [nested(levels - 1)] } };
    const span = (levels: number): Uint8Array => bodyWith([{ attributes: [{ key: 'k', value: nested(levels) }] }]);
    expect(reader.at(walkTraces(span(4), keys, limits), 0).value(keys.id('k'))).toEqual([[[[1]]]]);
    expect(() => walkTraces(span(5), keys, limits)).toThrow(/nested too deep/);
  });

  test('a value split into very many pieces is read in linear time', () => {
    // 200,000 pieces of an array of one element: copying at each piece would take hours.
    const piece = [0x2a, 2, 0x0a, 0];
    const value = Buffer.from(Array(200_000).fill(piece).flat());
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);
    const framed = (tagByte: number, content: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([tagByte, ...varint(content.length)]), content]);
    const keyValue = Buffer.concat([framed(0x0a, Buffer.from('k')), framed(0x12, value)]);
    const body = framed(0x0a, framed(0x12, framed(0x12, framed(0x4a, keyValue))));
    expect((reader.at(walkTraces(body, keys), 0).value(keys.id('k')) as unknown[]).length).toBe(200_000);
  });

  test('what the walk refuses is named with its byte', () => {
    expect(() => walkTraces(Uint8Array.from([0x0a, 5, 1]), keys)).toThrow(
      'field of 5 bytes does not fit in the 1 left at byte 1',
    );
  });

  test('20,000 mutations: refused with a WireError or read without an error', () => {
    const random = seeded(99);
    const seeds = fc.sample(fc.tuple(fc.array(span, { minLength: 1, maxLength: 3 }), resource, scope), { seed: 16, numRuns: 60 });
    const bodies = seeds.map(([spans, res, sco], i) =>
      encode(
        REQUEST,
        { resourceSpans: [{ resource: res, scopeSpans: [{ scope: sco, spans }] }] },
        { order: i % 2 ? 'descending' : 'ascending', split: i % 3 === 0 },
      ),
    );
    let refused = 0;
    for (let i = 0; i < 20_000; i++) {
      const body = mutated(bodies[i % bodies.length] as Uint8Array, random);
      try {
        readEverything(body, keys);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2_000);
    expect(refused).toBeLessThan(18_000);
  });
});

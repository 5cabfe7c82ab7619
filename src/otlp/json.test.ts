import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireError } from './error.ts';
import { documentToProtobuf, jsonToProtobuf, protobufToDocument, protobufToJson } from './json.ts';
import { messages, requestOf } from './schema.ts';
import type { Signal } from './signal.ts';
import { logs, metrics, traces } from './testing/arbitrary.ts';
import { ascending, type Document, encode, seeded } from './testing/encode.ts';
import { decode, encodeDocument } from './testing/oracle.ts';

const signals = [
  ['traces', traces],
  ['metrics', metrics],
  ['logs', logs],
] as const;

describe.each(signals)('%s', (signal, arbitrary) => {
  test('protobuf to JSON agrees with the full decoder, in any field order', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), (document, seed) => {
        for (const order of ['ascending', 'descending', 'shuffled'] as const) {
          const body = encode(requestOf[signal], document, { order, padding: seed % 3, random: seeded(seed) });
          expect(protobufToDocument(signal, body)).toEqual(decode(signal, body));
        }
        expect(protobufToDocument(signal, encodeDocument(signal, document))).toEqual(
          decode(signal, encodeDocument(signal, document)),
        );
      }),
      { seed: 41, numRuns: 150 },
    );
  });

  test('JSON to protobuf agrees with the full encoder: what is written reads the same', () => {
    fc.assert(
      fc.property(arbitrary, (document) => {
        const { body, unknownMembers } = jsonToProtobuf(signal, JSON.stringify(document));
        expect(unknownMembers).toBe(0);
        expect(withoutDefaults(decode(signal, body))).toEqual(withoutDefaults(document));
        // And back: a second trip changes nothing.
        expect(jsonToProtobuf(signal, protobufToJson(signal, body)).body).toEqual(body);
      }),
      { seed: 42, numRuns: 200 },
    );
  });

  test('mutated bodies: a document or a WireError', () => {
    const random = seeded(5);
    const bodies = fc
      .sample(arbitrary, { seed: 43, numRuns: 40 })
      .map((document) => encode(requestOf[signal], document, ascending));
    for (let i = 0; i < 2_000; i++) {
      const body = Uint8Array.from(bodies[i % bodies.length] as Uint8Array);
      if (body.length === 0) continue;
      body[Math.floor(random() * body.length)] = Math.floor(random() * 256);
      try {
        protobufToJson(signal, body);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }
  });
});

/** Proto3 does not tell a default value from an absent one, unless presence counts. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(
      ([key, member]) => /Value$|^(asInt|asDouble|sum|min|max)$/.test(key) || !['', 0, false, '0'].includes(member as string),
    )
    .map(([key, member]) => [key, withoutDefaults(member)]);
  return Object.fromEntries(entries);
}

describe('leniency of the JSON mapping', () => {
  const span = (members: Document): Document => ({ resourceSpans: [{ scopeSpans: [{ spans: [members] }] }] });
  const back = (members: Document): Document => {
    const document = protobufToDocument('traces', documentToProtobuf('traces', span(members)).body);
    const path = ['resourceSpans', 0, 'scopeSpans', 0, 'spans', 0];
    return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown>)[key], document) as Document;
  };

  test.each<[string, Document, Document]>([
    ['ids in upper-case hex', { spanId: 'ABCDEF0123456789' }, { spanId: 'abcdef0123456789' }],
    ['a span id in base64', { spanId: 'q83vASNFZ4k=' }, { spanId: 'abcdef0123456789' }],
    [
      'a trace id in base64 without padding',
      { traceId: 'AAECAwQFBgcICQoLDA0ODw' },
      { traceId: '000102030405060708090a0b0c0d0e0f' },
    ],
    ['an empty id', { traceId: '', spanId: '' }, {}],
    ['an enum by name', { kind: 'SPAN_KIND_CLIENT', status: { code: 'STATUS_CODE_ERROR' } }, { kind: 3, status: { code: 2 } }],
    ['an enum of a later version', { kind: 17 }, { kind: 17 }],
    ['times as strings', { startTimeUnixNano: '18446744073709551615' }, { startTimeUnixNano: '18446744073709551615' }],
    ['times as numbers', { endTimeUnixNano: 1790000000000000000 }, { endTimeUnixNano: '1790000000000000000' }],
    [
      'counts as strings',
      { droppedAttributesCount: '4294967295', flags: '257' },
      { droppedAttributesCount: 4294967295, flags: 257 },
    ],
    ['names of the specification', { trace_state: 'a=b', dropped_links_count: 2 }, { traceState: 'a=b', droppedLinksCount: 2 }],
    ['null members', { name: null, attributes: null, status: null }, {}],
    [
      'numbers as text and special doubles',
      { attributes: ['NaN', '-Infinity', '1.5'].map((doubleValue) => ({ key: 'k', value: { doubleValue } })) },
      { attributes: ['NaN', '-Infinity', 1.5].map((doubleValue) => ({ key: 'k', value: { doubleValue } })) },
    ],
    [
      'int64 as number and string, down to the smallest',
      { attributes: [-1, '-9223372036854775808'].map((intValue) => ({ key: 'k', value: { intValue } })) },
      { attributes: ['-1', '-9223372036854775808'].map((intValue) => ({ key: 'k', value: { intValue } })) },
    ],
    [
      'values that are set to their default',
      {
        attributes: [{ stringValue: '' }, { boolValue: false }, { intValue: 0 }, { bytesValue: '' }, {}].map((value) => ({
          key: 'k',
          value,
        })),
      },
      {
        attributes: [{ stringValue: '' }, { boolValue: false }, { intValue: '0' }, { bytesValue: '' }, {}].map((value) => ({
          key: 'k',
          value,
        })),
      },
    ],
  ])('%s', (_, members, expected) => {
    expect(withoutKindZero(back(members))).toEqual(expected);
  });

  function withoutKindZero(document: Document): Document {
    return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== 0));
  }

  test('unknown members are counted and left out, __proto__ among them', () => {
    const text =
      '{"resourceSpans":[{"x":{"y":1},"scopeSpans":[{"spans":[{"name":"n","__proto__":{"kind":3},"constructor":1,"toString":2}]}]}],"z":[]}';
    const { body, unknownMembers } = jsonToProtobuf('traces', text);
    expect(unknownMembers).toBe(5);
    expect(protobufToDocument('traces', body)).toEqual(span({ name: 'n' }));
    expect(({} as Document)['kind']).toBeUndefined();
  });

  test('unknown fields of protobuf have no name in JSON', () => {
    const body = Buffer.concat([Buffer.from([0xba, 0x06, 1, 65]), encode(requestOf.traces, span({ name: 'n' }), ascending)]);
    expect(JSON.parse(protobufToJson('traces', body))).toEqual(span({ name: 'n' }));
  });
});

describe('refusals', () => {
  const cases: [string, string, string][] = [
    ['not JSON', '{"resourceSpans":', 'not JSON: '],
    ['a list at the top', '[]', '$: must be an object, is an array'],
    ['null at the top', 'null', '$: must be an object, is null'],
    ['an object where a list belongs', '{"resourceSpans":{}}', '$.resourceSpans: must be an array, is an object'],
    ['a null in a list of messages', '{"resourceSpans":[null]}', '$.resourceSpans[0]: must be an object, is null'],
    [
      'a text that is a number',
      '{"resourceSpans":[{"schemaUrl":1}]}',
      '$.resourceSpans[0].schemaUrl: must be a string, is a number',
    ],
  ];
  test.each(cases)('%s', (_, text, message) => {
    expect(() => jsonToProtobuf('traces', text)).toThrow(message);
    expect(() => jsonToProtobuf('traces', text)).toThrow(WireError);
  });

  test.each<[Document, string]>([
    [{ traceId: '0102' }, 'traceId: must be 32 hex digits, is 4 characters'],
    [{ spanId: 'zz02030405060708' }, 'spanId: must be 16 hex digits'],
    [{ spanId: 5 }, 'spanId: must be a string, is a number'],
    [{ startTimeUnixNano: 1.5 }, 'startTimeUnixNano: must be a whole number or a string of digits, is 1.5'],
    [{ startTimeUnixNano: '-1' }, 'startTimeUnixNano: -1 does not fit fixed64'],
    [{ startTimeUnixNano: '18446744073709551616' }, 'does not fit fixed64'],
    [{ startTimeUnixNano: '9'.repeat(100_000) }, 'must be a whole number'],
    [{ droppedAttributesCount: 4294967296 }, 'does not fit uint32'],
    [{ kind: 'SPAN_KIND_NONE' }, 'kind: must be a whole number'],
    [
      { attributes: [{ key: 'k', value: { boolValue: 'true' } }] },
      'attributes[0].value.boolValue: must be true or false, is a string',
    ],
    [{ attributes: [{ key: 'k', value: { intValue: '9223372036854775808' } }] }, 'does not fit int64'],
    [{ attributes: [{ key: 'k', value: { doubleValue: 'x' } }] }, 'doubleValue: must be a number'],
    [{ attributes: [{ key: 'k', value: { bytesValue: '%' } }] }, 'bytesValue: must be base64'],
  ])('span %#', (members, message) => {
    expect(() => documentToProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ spans: [members] }] }] })).toThrow(message);
  });

  test('values nested without end, as text, as document, as protobuf', () => {
    const levels = 5_000;
    const value = `${'{"arrayValue":{"values":['.repeat(levels)}${']}}'.repeat(levels)}`;
    const text = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${value}}]}]}]}`;
    expect(() => jsonToProtobuf('logs', text)).toThrow(/nested deeper than 100 levels/);
    const padded = `{"pad":"${'\\\\"'.repeat(2)}${'x'.repeat(2_000_000)}","a":${'['.repeat(1_000)}`;
    expect(() => jsonToProtobuf('logs', padded)).toThrow('JSON is nested deeper than 300 levels');
    let nested: Document = { intValue: '1' };
    for (let i = 0; i < 60; i++) nested = { arrayValue: { values: [nested] } };
    const body = encode(requestOf.logs, { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: nested }] }] }] }, ascending);
    expect(() => protobufToJson('logs', body)).toThrow(/nested deeper/);
  });

  test('more objects than any real request has are refused before they are parsed', () => {
    expect(() => jsonToProtobuf('traces', `{"x":[${'{},'.repeat(4_000_001)}{}]}`)).toThrow(
      'more than 4000000 objects and arrays',
    );
  });

  test('brackets inside strings of a long text are not nesting', () => {
    const name = `${'['.repeat(1_500_000)}\\"\\\\`;
    const { body } = jsonToProtobuf('traces', `{"resourceSpans":[{"schemaUrl":"${name}"}]}`);
    const [group] = protobufToDocument('traces', body)['resourceSpans'] as Document[];
    expect(group?.['schemaUrl']).toHaveLength(1_500_002);
  });
});

test('the schema table: numbers are unique in a message and every type is known', () => {
  const scalars = [
    'string',
    'bytes',
    'bool',
    'double',
    'int64',
    'uint64',
    'fixed64',
    'sfixed64',
    'uint32',
    'int32',
    'sint32',
    'fixed32',
    'enum',
  ];
  for (const message of Object.values(messages)) {
    const numbers = Object.values(message).map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const { type } of Object.values(message)) expect(scalars.includes(type) || messages[type] !== undefined).toBe(true);
  }
  for (const signal of ['traces', 'metrics', 'logs'] satisfies Signal[]) expect(messages[requestOf[signal]]).toBeDefined();
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Batch, batchOf, bodyOf } from '../../src/batch/batch.ts';
import type { Host } from '../../src/component/component.ts';
import { documentToProtobuf, protobufToJson } from '../../src/otlp/json.ts';
import { compileKeys } from '../../src/otlp/keys.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { ascending, descending, encode, type Shape, seeded } from '../../src/otlp/testing/encode.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { writeAttribute } from '../../src/otlp/write.ts';
import { createRegistry } from '../../src/service/meter.ts';
import { Masker } from './mask.ts';
import { factory } from './redact.ts';

const CARD = '4111111111111111';
const KEY = `sk-${'a1B2'.repeat(6)}`;

async function started(options: unknown, signal: 'traces' | 'logs' | 'metrics' = 'traces') {
  const out: Batch[] = [];
  const registry = createRegistry();
  const made = factory.create({ id: 'redact', signal }, factory.options.parse(options), {
    consume(batch) {
      out.push(batch);
      return undefined;
    },
  });
  await made.start({ meter: registry, status() {} } as unknown as Host);
  const pass = async (body: Uint8Array): Promise<Uint8Array> => {
    await made.consume(batchOf(signal, body));
    return bodyOf(out.at(-1) as Batch);
  };
  return { pass, made, out, read: (name: string) => registry.read(name)[0]?.value };
}

type Json = Readonly<Record<string, unknown>>;
const any = (value: unknown): Json => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(any) } };
  return { kvlistValue: { values: list(value as Json) } };
};
const list = (attributes: Json) => Object.entries(attributes).map(([key, value]) => ({ key, value: any(value) }));

const spans = (attributes: Json, more: Json = {}): Uint8Array =>
  documentToProtobuf('traces', {
    resourceSpans: [
      {
        resource: { attributes: list({ 'service.name': 'a' }) },
        scopeSpans: [
          {
            scope: { name: 's' },
            spans: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16), name: 'chat', attributes: list(attributes), ...more }],
          },
        ],
      },
    ],
  }).body;

interface Shown {
  readonly resourceSpans: readonly [{ readonly scopeSpans: readonly [{ readonly spans: readonly [Json] }] }];
}
const span = (body: Uint8Array): Json =>
  (JSON.parse(protobufToJson('traces', body)) as Shown).resourceSpans[0].scopeSpans[0].spans[0];
/** Strings as they are, else the AnyValue. */
function attributes(body: Uint8Array): Json {
  const all = (span(body)['attributes'] ?? []) as { key: string; value: { stringValue?: string } }[];
  return Object.fromEntries(all.map(({ key, value }) => [key, value.stringValue ?? value]));
}

const masked = async (options: unknown, value: unknown) =>
  attributes(await (await started(options)).pass(spans({ v: value })))['v'];

describe('a value', () => {
  const cards = { blocked_values: ['4[0-9]{15}'], builtin: false };
  test.each<[string, unknown, unknown, unknown]>([
    ['plain', cards, `card ${CARD}, twice ${CARD}.`, 'card ****, twice ****.'],
    ['none', cards, 'card 41', 'card 41'],
    ['hashed', { ...cards, hash_function: 'md5' }, CARD, '5910f4ea0062a0e29afd3dccc741e3ce'],
    ['by RE2 flags', { builtin: false, blocked_values: ['(?i)ToKeN'] }, 'my token', 'my ****'],
    ['allowed', { ...cards, allowed_values: ['^test '] }, `test ${CARD}`, `test ${CARD}`],
    ['a list', cards, [CARD, 'x'], { arrayValue: { values: [{ stringValue: '****' }, { stringValue: 'x' }] } }],
    ['a map', cards, { a: CARD }, { kvlistValue: { values: [{ key: 'a', value: { stringValue: '****' } }] } }],
    ['a number, left', cards, Number(CARD), { intValue: CARD }],
    ['a number, all types', { ...cards, redact_all_types: true }, Number(CARD), '****'],
    ['builtin', {}, `mail joe@example.com, key ${KEY}`, 'mail [e-mail], key [key]'],
    ['builtin, card with the wrong checksum', {}, 'order 4111111111111112', 'order 4111111111111112'],
    ['builtin, one kind', { builtin: ['key'] }, `joe@example.com ${KEY}`, 'joe@example.com [key]'],
    ['builtin, hashed', { hash_function: 'sha1', builtin: ['e-mail'] }, 'joe@example.com', 'a4e5c9c7a0d2c0fd8a9b2a1d1a9d5f1d'],
    ['builtin, a phone and an ssn', {}, 'call +1 202 555 0143, 123-45-6789', 'call [phone], [ssn]'],
    ['both', { blocked_values: ['4[0-9]{15}'] }, `${CARD} joe@example.com`, '**** [e-mail]'],
    ['not ASCII', cards, `é😀${CARD}é`, 'é😀****é'],
  ])('%s', async (name, options, value, expected) => {
    if (name === 'builtin, hashed') expect(await masked(options, value)).toMatch(/^[0-9a-f]{40}$/);
    else expect(await masked(options, value)).toEqual(expected);
  });

  test('of more than a window is masked to its end', async () => {
    const text = `${'words and words. '.repeat(20_000)}joe@example.com${' more'.repeat(30_000)} ann@example.com`;
    expect(await masked({}, text)).toBe(text.replace('joe@example.com', '[e-mail]').replace('ann@example.com', '[e-mail]'));
  });

  test('that would take too long to search is masked whole, and counted', async () => {
    const { pass, read } = await started({ blocked_values: ['a|a.*b'], builtin: false });
    expect(attributes(await pass(spans({ v: 'a'.repeat(100_000) })))).toEqual({ v: '****' });
    expect(read('misstep_redact_overlong')).toBe(1);
  });

  test('in several pieces on the wire is one', async () => {
    const { pass } = await started(cards);
    const whole = Buffer.from(writeAttribute(74, 'v', CARD));
    // The same AnyValue twice: the second one stands.
    const value = whole.subarray(5);
    const twice = Buffer.concat([Buffer.from([74, whole.length - 2 + value.length]), whole.subarray(2), value]);
    const plain = spans({ w: 'x' });
    const at = Buffer.from(plain).indexOf(Buffer.from(writeAttribute(74, 'w', 'x')));
    expect(at).toBeGreaterThan(0);
    const grown = Buffer.concat([plain.subarray(0, at), twice, plain.subarray(at)]);
    // Longer frames: resource spans, scope spans, span; all lengths are below 128.
    for (const frame of framesOf(plain)) grown[frame]! += twice.length;
    expect(attributes(await pass(grown))).toEqual({ v: '****', w: 'x' });
  });
});

/** Offsets of the one-byte lengths around the attributes of the only span. */
function framesOf(body: Uint8Array): number[] {
  const resource = 2 + 2 + (body[3] as number);
  const scope = resource + 2 + 2 + (body[resource + 3] as number);
  return [1, resource + 1, scope + 1];
}

describe('JSON', () => {
  const cards = {
    blocked_values: ['\\b4[0-9]{15}\\b', 'joe@example\\.com', '^whole$'],
    blocked_key_patterns: ['(?i)passw'],
    builtin: false,
  };
  test.each<[string, string, string]>([
    ['a string', `[{"role":"user","content":"my ${CARD}"}]`, '[{"role":"user","content":"my ****"}]'],
    ['spacing and order stay', `{ "b" : "${CARD}",\n "a":1.50}`, '{ "b" : "****",\n "a":1.50}'],
    ['behind an escape', `["a\\n${CARD}\\"b"]`, '["a\\n****\\"b"]'],
    ['escaped', '["joe\\u0040example.com"]', '["****"]'],
    ['escaped capitals and slashes', '["\\u006aoe\\u0040EX joe@example.com\\/"]', '["joe@EX ****/"]'],
    ['all of a string', '["whole","wholes"]', '["****","wholes"]'],
    ['a number', `{"card":${CARD}}`, '{"card":"****"}'],
    ['names stay', `{"${CARD}":1}`, `{"${CARD}":1}`],
    [
      'JSON in JSON',
      JSON.stringify([{ arguments: JSON.stringify({ to: 'joe@example.com' }) }]),
      JSON.stringify([{ arguments: JSON.stringify({ to: '****' }) }]),
    ],
    ['escaped JSON in JSON', JSON.stringify([{ a: '{"to":"joe\\u0040example.com"}' }]), JSON.stringify([{ a: '{"to":"****"}' }])],
    [
      'under a blocked name',
      '{"PASSWORD":"hunter","n":{"passwd":["a",{"b":7}],"x":null},"o":"p"}',
      '{"PASSWORD":"****","n":{"passwd":["****",{"b":"****"}],"x":null},"o":"p"}',
    ],
    ['that was cut', `[{"content":"joe\\u0040example.com and ${CARD} a`, '[{"content":"**** and **** a"'],
    ['that was cut in an escape', `[{"content":"${CARD} \\u00`, '[{"content":"**** "'],
    ['not ASCII', `["é\\u00e9\\ud83d\\ude00 ${CARD}"]`, '["éé😀 ****"]'],
    ['that is none', `[INFO] ${CARD} "x\\u0040`, '[INFO] **** "x\\u0040'],
    ['that is none, of JSON signs', '[4111111111111111 1]', '[**** 1]'],
    ['control characters', `["a\t${CARD}"]`, '["a\\t****"]'],
  ])('%s', async (_name, value, expected) => {
    expect(await masked(cards, value)).toBe(expected);
  });

  test.each<[string, string]>([
    ['{"api_key": "hunter2hunter2", "token_count": "12"}', '{"api_key": "[secret]", "token_count": "12"}'],
    ['{"api_key"   :\n      "hunter2hunter2"}', '{"api_key"   :\n      "[secret]"}'],
    ['[{"content":"mail joe\\u0040example.com"}]', '[{"content":"mail [e-mail]"}]'],
  ])('builtin: %s', async (value, expected) => {
    expect(await masked({}, value)).toBe(expected);
  });

  test('stays valid JSON of the same structure whatever it holds, and nothing of the secret is left', async () => {
    const { pass } = await started(cards);
    const secret = fc.constantFrom('joe@example.com', `a ${CARD}.`, 'whole');
    const shape = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shape)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shape(member)]))
          : typeof value;
    const escapes = (text: string) => text.replace(/[@j]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
    const leaf = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), secret);
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('tree')),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), tie('tree')),
        tie('tree').map((one) => JSON.stringify(one)),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, fc.boolean(), async (value, escaped) => {
        const whole = JSON.stringify([value]);
        const text = escaped ? escapes(whole) : whole;
        const result = attributes(await pass(spans({ v: text })))['v'] as string;
        const deep = JSON.stringify(unpacked(JSON.parse(result)));
        expect(deep).not.toMatch(/joe@example\.com|(?<![\w])4111111111111111(?![\w])/);
        expect(shape(JSON.parse(result))).toEqual(shape(JSON.parse(text)));
      }),
    );
  });
});

/** JSON in JSON opened. */
function unpacked(value: unknown): unknown {
  if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
    try {
      return unpacked(JSON.parse(value));
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(unpacked);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unpacked(member)]));
  return value;
}

describe('keys', () => {
  const all = { keep: 'a', drop: 'b', 'my.password': 'hunter', skip: CARD };
  test.each<[string, unknown, Json]>([
    ['allowed', { allowed_keys: ['keep'] }, { keep: 'a' }],
    ['allowed and ignored', { allowed_keys: ['keep'], ignored_keys: ['skip'] }, { keep: 'a', skip: CARD }],
    ['all allowed', { allow_all_keys: true, allowed_keys: ['keep'] }, { ...all, skip: '[card]' }],
    ['blocked', { blocked_key_patterns: ['.*password.*'], ignored_key_patterns: ['^sk'] }, { ...all, 'my.password': '****' }],
    [
      'blocked, hashed',
      { blocked_key_patterns: ['password'], hash_function: 'sha3', builtin: false },
      { ...all, 'my.password': expect.stringMatching(/^[0-9a-f]{64}$/) as unknown },
    ],
  ])('%s', async (_name, options, expected) => {
    expect(attributes(await (await started(options)).pass(spans(all)))).toEqual(expected);
  });

  test.each<[string, Json]>([
    ['silent', {}],
    [
      'info',
      {
        'redaction.masked.count': { intValue: '2' },
        'redaction.redacted.count': { intValue: '1' },
        'redaction.ignored.count': { intValue: '1' },
      },
    ],
    [
      'debug',
      {
        'redaction.masked.keys': 'a,b',
        'redaction.masked.count': { intValue: '2' },
        'redaction.redacted.keys': 'z',
        'redaction.redacted.count': { intValue: '1' },
        'redaction.ignored.count': { intValue: '1' },
      },
    ],
  ])('summary %s', async (summary, said) => {
    const { pass } = await started({ summary, allowed_keys: ['a', 'b'], ignored_keys: ['i'] });
    const once = await pass(spans({ b: CARD, z: 'x', a: KEY, i: KEY }));
    expect(attributes(once)).toEqual({ a: '[key]', b: '[card]', i: KEY, ...said });
  });

  test('a summary that is there is added to, not doubled', async () => {
    const { pass } = await started({ summary: 'debug' });
    const before = spans({ 'redaction.masked.keys': 'c', 'redaction.masked.count': 3, a: KEY });
    expect(attributes(await pass(before))).toEqual({
      a: '[key]',
      'redaction.masked.keys': 'a,c',
      'redaction.masked.count': { intValue: '4' },
    });
  });
});

test('events, links, the status, resource and scope are masked too; names and ids are not', async () => {
  const { pass, read } = await started({});
  const one = list({ a: KEY });
  const body = spans(
    {},
    {
      events: [{ name: 'e', attributes: one }],
      links: [{ traceId: '3'.repeat(32), spanId: '4'.repeat(16), attributes: one }],
      status: { code: 2, message: `bad ${KEY}` },
    },
  );
  const shown = JSON.stringify(span(await pass(body)));
  expect(shown).not.toContain('sk-');
  expect(shown.match(/\[key\]/g)).toHaveLength(3);
  expect(read('misstep_redact_masked_values')).toBe(3);
  const resource = documentToProtobuf('traces', {
    resourceSpans: [
      { resource: { attributes: one }, scopeSpans: [{ scope: { name: 's', attributes: one }, spans: [{ name: 'n' }] }] },
    ],
  }).body;
  expect(protobufToJson('traces', await pass(resource)).match(/\[key\]/g)).toHaveLength(2);
});

test('log records: attributes and bodies, text and maps', async () => {
  const logs = (body: unknown) =>
    documentToProtobuf('logs', {
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: any(body), attributes: list({ a: KEY }) }] }] }],
    }).body;
  const { pass } = await started({ blocked_key_patterns: ['pass'] }, 'logs');
  const shown = async (body: unknown) => protobufToJson('logs', await pass(logs(body)));
  expect(await shown(`use ${KEY}`)).toContain('"stringValue":"use [key]"');
  expect(await shown({ pass: 'x', deep: [{ m: `{"k":"${KEY}"}` }] })).not.toMatch(/sk-|"x"/);
  const strict = await started({ allowed_keys: ['m'] }, 'logs');
  expect(protobufToJson('logs', await strict.pass(logs({ n: 'x', m: { n: 'x', m: 'y' } })))).not.toContain('"x"');
});

test('data points of every kind of metric', async () => {
  const points = { dataPoints: [{ attributes: list({ a: KEY }) }] };
  const kinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];
  const { body } = documentToProtobuf('metrics', {
    resourceMetrics: [{ scopeMetrics: [{ metrics: kinds.map((kind) => ({ name: kind, [kind]: points })) }] }],
  });
  const { pass } = await started({}, 'metrics');
  const shown = protobufToJson('metrics', await pass(body));
  expect([shown.includes('sk-'), shown.match(/\[key\]/g)?.length]).toEqual([false, kinds.length]);
});

test('ids stay, though their digits pass for a card', async () => {
  const ids = {
    a: 'ab4111111111111111cdef0123456789',
    b: '4111111111111111',
    c: '4111-1111-1111-1111',
    d: '41111111-1111-1111-8111-111111111abc',
  };
  const after = attributes(await (await started({})).pass(spans({ ...ids, e: `["${ids.a}"]` })));
  expect(after).toEqual({ ...ids, b: '[card]', c: '[card]', e: `["${ids.a}"]` });
});

test('the gate opens for everything that is masked', () => {
  const piece = fc.constantFrom(
    ...[
      CARD,
      KEY,
      'joe@example.com',
      'joe\\u0040example.com',
      'api_key',
      'password',
      ':',
      ': ',
      ' = ',
      '"',
      '\\"',
      '\\\\"',
      '\\n',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ' ',
      '\n',
      'é',
      '\\u00e9',
      '\\ud83d',
      'hunter2A',
      'ACME-12',
      'x',
    ],
    ...['Bearer abcdefgh1=', '://u:p@', 'DE89370400440532013000', '+1 202 555 0143', '123-45-6789', '1', 'true'],
  );
  for (const options of [
    {},
    { builtin: false, blocked_values: ['ACME-[0-9]+', '^x', '\\bhunter', '1$'], blocked_key_patterns: ['^pass'] },
  ]) {
    const masker = new Masker(factory.options.parse(options));
    fc.assert(
      fc.property(
        fc.constantFrom('', '[', '{', '["', '{"', '{"password":"', '{"api_key": "'),
        fc.array(piece, { maxLength: 10 }),
        (start, pieces) => {
          const text = start + pieces.join('');
          const bytes = Buffer.from(text);
          const masked = masker.masked(text);
          // What is no JSON to the gate by its signs alone has no escapes to it either.
          if (masked !== text) expect(masker.text(bytes, 0, bytes.length)).toBe(masked);
        },
      ),
      { numRuns: 5_000, seed: 7 },
    );
  }
});

test('whatever the order and pieces of fields on the wire, the same is masked and unknown fields stay', async () => {
  const { pass } = await started({ summary: 'info', blocked_key_patterns: ['^pass'] });
  const holder = list({ a: `x ${KEY}`, pass: 'y', n: 1, list: [KEY, 'z'], json: `{"api_key":"hunter2hunter2"}` });
  const whole = {
    resourceSpans: [
      {
        resource: { attributes: holder },
        scopeSpans: [
          {
            scope: { name: 's', attributes: holder },
            spans: [
              {
                traceId: '1'.repeat(32),
                spanId: '2'.repeat(16),
                name: 'n',
                attributes: holder,
                events: [{ name: 'e', attributes: holder }],
                status: { code: 2, message: KEY },
              },
            ],
          },
        ],
      },
    ],
  };
  const masked = async (shape: Shape) => {
    const after = await pass(encode('ExportTraceServiceRequest', whole, shape));
    const shown = spanReader().at(walkTraces(after, compileKeys([], [], [])), 0);
    const events = shown.events().map(({ attributes: own }) => sorted(own));
    return {
      resource: sorted(shown.resource()),
      scope: sorted(shown.scopeAttributes()),
      own: sorted(shown.attributes()),
      events,
      status: shown.statusMessage(),
    };
  };
  const sorted = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const expected = await masked(ascending);
  expect(JSON.stringify(expected)).not.toMatch(/sk-|hunter/);
  expect(expected.own).toEqual([
    ['a', 'x [key]'],
    ['json', '{"api_key":"[secret]"}'],
    ['list', ['[key]', 'z']],
    ['n', 1],
    ['pass', '****'],
    ['redaction.masked.count', 5],
  ]);
  for (let seed = 1; seed <= 20; seed++) {
    const shape: Shape = { order: 'shuffled', split: true, padding: 2, random: seeded(seed) };
    const { own, events, status } = await masked(shape);
    expect([own, events, status]).toEqual([expected.own, expected.events, expected.status]);
  }
  const { own, events, resource, scope } = await masked(descending);
  expect([own, events, resource, scope]).toEqual([expected.own, expected.events, expected.resource, expected.scope]);
});

test('what holds nothing to mask is the same batch', async () => {
  const { made, out } = await started({ blocked_values: ['4[0-9]{15}'] });
  const batch = batchOf('traces', spans({ v: '[{"role":"user","content":"What is\\n12?"}]', n: 7 }));
  await made.consume(batch);
  expect(out[0]).toBe(batch);
});

test('masking twice is masking once', async () => {
  const { pass } = await started({ blocked_values: ['4[0-9]{15}'], summary: 'silent' });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(CARD, KEY, ' ', 'joe@example.com', '"', '\\', '{"a":"', 'api_key=', '[', '\n', 'é')),
      async (parts) => {
        const once = await pass(spans({ v: parts.join('') }));
        expect(Buffer.from(await pass(once)).equals(once)).toBe(true);
      },
    ),
  );
});

test('what cannot be read is refused for good: it could hold anything', async () => {
  const { made } = await started({});
  const body = Buffer.from(spans({ v: 'abcd' }));
  body[body.indexOf('abcd') - 1] = 99;
  await expect(
    made.consume({ signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant: 'default' }),
  ).rejects.toMatchObject({ name: 'Permanent' });
});

test.each<[unknown, string]>([
  [{ blocked_values: ['a', '('] }, 'not a regular expression that is taken here: a ( without its )'],
  [{ blocked_values: ['x*'] }, 'matches the empty text'],
  [{ blocked_key_patterns: ['(a)\\1'] }, 'back-reference'],
  [{ allow_all_keys: false }, 'removes every attribute'],
  [{ hash_function: 'sha512' }, 'hash_function'],
  [{ hash_function: 'hmac-sha256', hmac_key: 'short' }, 'at least 32 bytes'],
  [{ hash_function: 'hmac-sha512' }, 'at least 64 bytes'],
  [{ summary: 'all' }, 'summary'],
  [{ builtin: ['names'] }, 'builtin'],
  [{ block_values: [] }, 'block_values'],
])('%j is refused: %s', (options, wrong) => {
  expect(factory.options.safeParse(options).error?.message).toContain(wrong);
});

// What the receiver answers on each path, and what it refuses, by a real client over loopback.
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { Oversize, Permanent, Refused } from '../../src/component/component.ts';
import { jsonToProtobuf } from '../../src/otlp/json.ts';
import { compileKeys } from '../../src/otlp/keys.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { otlp, payloads, type Rig, rig } from './rig.ts';
import { routes } from './routes.ts';

const open: Rig[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

async function start(...args: Parameters<typeof rig>): Promise<Rig> {
  const made = await rig(...args);
  open.push(made);
  return made;
}

const protobuf = Buffer.from(jsonToProtobuf('traces', JSON.stringify(otlp)).body);
const N8N = '/api/v1/n8n/webhook';

/** Trace ids of all that reached the pipeline. */
function traceIds({ got }: Rig): string[] {
  return got.flatMap(({ chunks }) => {
    const index = walkTraces(Buffer.concat([...chunks]), compileKeys([], [], []));
    return Array.from({ length: index.spanCount }, (_, row) => spanReader().at(index, row).traceId());
  });
}

describe('answers', () => {
  test.each([
    [N8N, payloads.n8n, 2, { quality_assessment_triggered: false }],
    ['/api/v1/dify/webhook', payloads.dify, 3, {}],
    ['/api/v1/langgraph/webhook', payloads.langgraph, 1, {}],
    ['/api/v1/deepagents/webhook', payloads.langgraph, 1, {}],
    ['/api/v1/openclaw/webhook', payloads.openclaw, 2, {}],
  ])('%s as the reference does', async (path, payload, states, more) => {
    const on = await start();
    const { status, headers, json } = await on.send(path, payload);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(json).toEqual({
      success: true,
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      states_created: states,
      message: `${states} state${states === 1 ? '' : 's'} in 1 trace.`,
      hints: expect.any(Array),
      ...more,
    });
    // The root and each state, all of the one trace.
    expect(traceIds(on)).toEqual(Array(states + 1).fill(json['trace_id']));
    expect(on.book.receivers()).toMatchObject([{ receiver: 'webhook', transport: 'http', accepted: states + 1, refused: 0 }]);
    expect(on.admission.held).toBe(0);
  });

  test('says when parts were left out', async () => {
    const on = await start();
    const { json } = await on.send('/api/v1/langgraph/webhook', { ...payloads.langgraph, steps: [7] });
    const hint = 'Parts of the payload were left out for their size or shape; misstep.truncated on the spans says which.';
    expect(json).toMatchObject({ states_created: 0, hints: expect.arrayContaining([hint]) });
  });

  test('OTLP in JSON on the path of the reference', async () => {
    const on = await start();
    const { status, json } = await on.send('/api/v1/traces/ingest', otlp);
    expect([status, json]).toEqual([202, { accepted: 1, rejected: 0, trace_ids: ['0af7651916cd43dd8448eb211c80319c'] }]);
    expect(traceIds(on)).toEqual(['0af7651916cd43dd8448eb211c80319c']);
  });

  test.each([
    ['/api/v1/traces/ingest', 202],
    ['/v1/traces', 200],
    ['/api/v1/v1/traces', 200],
    ['/api/public/otel/v1/traces', 200],
  ])('OTLP in protobuf on %s, plain and gzip', async (path, expected) => {
    const on = await start();
    for (const [body, encoding] of [
      [protobuf, 'identity'],
      [gzipSync(protobuf), 'gzip'],
    ] as const) {
      const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': encoding };
      const answer = await on.send(path, body, { headers });
      expect([answer.status, answer.headers['content-type'], answer.body.length]).toEqual([
        expected,
        'application/x-protobuf',
        0,
      ]);
    }
    expect(traceIds(on)).toHaveLength(2);
  });

  test.each(['/v1/traces', '/api/v1/v1/traces', '/api/public/otel/v1/traces'])('OTLP in JSON on %s', async (path) => {
    const on = await start();
    expect(await on.send(path, otlp)).toMatchObject({ status: 200, json: {} });
    expect(traceIds(on)).toHaveLength(1);
  });

  test('gzip, chunks of unknown length, +json, a byte order mark, a query and JSON lines', async () => {
    const on = await start();
    const text = JSON.stringify(payloads.dify);
    const lines = { 'content-type': 'application/x-ndjson' };
    const json = (run: string) => text.replace('run-7', run);
    const statuses = [
      await on.send('/api/v1/dify/webhook', gzipSync(json('1')), { headers: { 'content-encoding': 'gzip' } }),
      await on.send('/api/v1/dify/webhook', '', { body: [Buffer.from(json('2').slice(0, 9)), Buffer.from(json('2').slice(9))] }),
      await on.send('/api/v1/dify/webhook', json('3'), {
        headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
      }),
      await on.send('/api/v1/dify/webhook', `\ufeff${json('4')}`),
      await on.send('/api/v1/dify/webhook?source=x', json('5')),
      // A list of records is for formats that are streams; this one says so.
      await on.send('/api/v1/dify/webhook', `${json('6')}\n\n`, { headers: lines }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 400]);
    expect(on.got).toHaveLength(5);
  });

  test('waits for the pipeline', async () => {
    const on = await start();
    let taken = () => {};
    on.reply = () => new Promise((resolve) => (taken = resolve));
    let answered = false;
    const answer = on.send(N8N, payloads.n8n).then((one) => {
      answered = true;
      return one;
    });
    while (on.got.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect([answered, on.admission.held > 0]).toEqual([false, true]);
    taken();
    expect((await answer).status).toBe(200);
    expect(on.admission.held).toBe(0);
  });

  test('with the request id that came, or one of its own', async () => {
    const on = await start();
    const given = await on.send('/nowhere', {}, { headers: { 'x-request-id': 'abc-1' } });
    expect([given.headers['x-request-id'], given.json['request_id']]).toEqual(['abc-1', 'abc-1']);
    for (const odd of ['a b', 'x'.repeat(129)]) {
      const { headers } = await on.send(N8N, payloads.n8n, { headers: { 'x-request-id': odd } });
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test('on each path of the table to a body that is none', async () => {
    const on = await start();
    for (const [path, { kind }] of routes) {
      const { status, json } = await on.send(path, '{"a":');
      expect([path, status]).toEqual([path, 400]);
      expect(kind === 'otlp' ? json['code'] : json['status']).toBe(kind === 'otlp' ? 3 : 400);
    }
  });
});

describe('refuses', () => {
  const LIMIT = 2_000;
  const deep = `{"executionId":"1","data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
  test.each<
    [string, { path?: string; method?: string; headers?: Record<string, string>; body?: unknown }, number, string, RegExp]
  >([
    ['an unknown path', { path: '/api/v1/n8n' }, 404, 'unknown-path', /POST to one of: .*\/api\/v1\/n8n\/webhook/],
    ['GET', { method: 'GET' }, 405, 'method-not-allowed', /POST/],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'payload={}' },
      415,
      'unsupported-media-type',
      /application\/json/,
    ],
    ['no content type', { headers: { 'content-type': '' } }, 415, 'unsupported-media-type', /application\/json/],
    ['protobuf for a webhook', { headers: { 'content-type': 'application/x-protobuf' } }, 415, 'unsupported-media-type', /json/],
    ['an unknown encoding', { headers: { 'content-encoding': 'br' } }, 415, 'unsupported-encoding', /gzip/],
    ['gzip that is none', { headers: { 'content-encoding': 'gzip' } }, 400, 'malformed-body', /malformed compressed body/],
    ['an empty body', { body: '' }, 400, 'malformed-body', /empty/],
    ['gzip of nothing', { headers: { 'content-encoding': 'gzip' }, body: gzipSync('') }, 400, 'malformed-body', /empty/],
    ['no JSON', { body: '{"executionId": hunter2}' }, 400, 'malformed-body', /not JSON: an unexpected h/],
    ['no UTF-8', { body: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }, 400, 'malformed-body', /not UTF-8/],
    [
      '10,000 levels',
      { body: gzipSync(deep), headers: { 'content-encoding': 'gzip' } },
      400,
      'malformed-body',
      /deeper than 256 levels/,
    ],
    [
      'a payload of something else',
      { body: { foo: 1 } },
      400,
      'malformed-payload',
      /n8n: executionId is missing, expected the id of the execution\./,
    ],
    ['a list', { body: [] }, 400, 'malformed-payload', /n8n: the body is a list of 0, expected an object\./],
    ['a body too large', { body: JSON.stringify('x'.repeat(LIMIT)) }, 413, 'too-large', /larger than the limit of 2000 bytes/],
    [
      'a body that inflates too far',
      { body: gzipSync(JSON.stringify('x'.repeat(LIMIT))), headers: { 'content-encoding': 'gzip' } },
      413,
      'too-large',
      /larger than the limit/,
    ],
    [
      'an idempotency key that is none',
      { headers: { 'idempotency-key': 'x'.repeat(256) } },
      400,
      'bad-idempotency-key',
      /1 to 255/,
    ],
  ])('%s', async (_name, { path = N8N, method = 'POST', headers = {}, body = '{}' }, status, code, detail) => {
    // What is deep is larger than the limit of the others.
    const on = await start(_name === '10,000 levels' ? {} : { max_request_body_size: LIMIT });
    const answer = await on.send(path, body, { method, headers });
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
    expect(answer.json).toMatchObject({
      type: `urn:misstep:problem:${code}`,
      title: expect.any(String),
      status,
      detail: expect.stringMatching(detail),
      instance: path,
      code,
      errors: expect.any(Array),
      request_id: answer.headers['x-request-id'],
    });
    expect(answer.body.toString()).not.toContain('hunter2');
    expect(on.got).toEqual([]);
    expect(on.admission.held).toBe(0);
    if (status === 405) expect(answer.headers['allow']).toBe('POST');
    if (status === 404) expect(answer.json['paths']).toEqual([...routes.keys()]);
  });

  test('says where in a payload', async () => {
    const on = await start();
    const { json } = await on.send('/api/v1/dify/webhook', { workflow_run_id: 'r', nodes: 'x' });
    expect(json['errors']).toEqual([{ pointer: '/nodes', detail: 'is a string, expected a list of node runs.' }]);
  });

  test('64 MiB by default, and hears it on the same request', async () => {
    const on = await start();
    const { status, json } = await on.send(N8N, Buffer.alloc(64 * 1024 * 1024, 'x'));
    expect([status, json['code']]).toEqual([413, 'too-large']);
    expect(on.admission.held).toBe(0);
  });

  test('for want of memory, before the body is read', async () => {
    const on = await start();
    on.admission.limit(on, 10);
    const refused = await on.send(N8N, payloads.n8n);
    expect([refused.status, refused.headers['retry-after'], refused.json['code']]).toEqual([503, '1', 'unavailable']);
    on.admission.limit(on, undefined);
    expect((await on.send(N8N, payloads.n8n)).status).toBe(200);
  });

  test.each<[string, Error, number, string, string | undefined]>([
    ['a refusal that passes', new Refused('full', 'the queue is full', 2_500), 503, 'unavailable', '3'],
    ['too much for what comes after', new Oversize('too large for the backend'), 413, 'too-large', undefined],
    ['a refusal for good', new Permanent('no such tenant', 7), 403, 'refused', undefined],
    ['a pipeline that fails', new Error('hunter2'), 503, 'unavailable', '1'],
  ])('%s by the pipeline', async (_name, error, status, code, retry) => {
    const on = await start();
    on.reply = () => Promise.reject(error);
    const answer = await on.send(N8N, payloads.n8n);
    expect([answer.status, answer.headers['retry-after'], answer.json['code']]).toEqual([status, retry, code]);
    expect(answer.body.toString()).not.toContain('hunter2');
    expect(on.book.receivers()).toMatchObject([{ accepted: 0, refused: 3 }]);
    expect(on.admission.held).toBe(0);
    // What was refused may come again, and is then no repeat.
    on.reply = () => undefined;
    const again = await on.send(N8N, payloads.n8n);
    expect([again.status, again.headers['idempotency-replayed'], on.got.length]).toEqual([200, undefined, 2]);
  });

  test('OTLP as OTLP asks: the status in the encoding of the request', async () => {
    const on = await start();
    on.reply = () => Promise.reject(new Refused('full', 'the queue is full', 1_000));
    const json = await on.send('/v1/traces', otlp);
    expect([json.status, json.headers['retry-after'], json.json]).toEqual([503, '1', { code: 14, message: 'the queue is full' }]);
    const binary = await on.send('/v1/traces', protobuf, { headers: { 'content-type': 'application/x-protobuf' } });
    expect([binary.status, binary.headers['content-type']]).toEqual([503, 'application/x-protobuf']);
    expect(binary.body.toString()).toContain('the queue is full');
    const broken = await on.send('/v1/traces', Buffer.from([10, 200]), { headers: { 'content-type': 'application/x-protobuf' } });
    expect([broken.status, broken.headers['content-type']]).toEqual([400, 'application/x-protobuf']);
    const form = await on.send('/v1/traces', 'x', { headers: { 'content-type': 'text/plain' } });
    expect([form.status, form.json['code']]).toEqual([415, 'unsupported-media-type']);
  });
});

describe('repeats', () => {
  test('of one delivery are answered as the first was, and nothing is made of them', async () => {
    const on = await start();
    const first = await on.send(N8N, payloads.n8n);
    // The same run with the members in another order, and on a later try: what is made of it is the same.
    const { status, ...rest } = payloads.n8n;
    for (const body of [payloads.n8n, { retry: 2, ...rest, status }]) {
      const again = await on.send(N8N, body);
      expect([again.status, again.headers['idempotency-replayed'], again.json]).toEqual([200, 'true', first.json]);
    }
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(on.got).toHaveLength(1);
    expect(on.registry.read('misstep_receiver_repeated_requests').map(({ value }) => value)).toEqual([2]);
    expect(on.book.receivers()).toMatchObject([{ accepted: 3, refused: 0 }]);
  });

  test('are none where the run has gone on: another status, another step', async () => {
    const on = await start();
    const { steps } = payloads.langgraph;
    const bodies = [
      payloads.langgraph,
      { ...payloads.langgraph, status: 'error' },
      { ...payloads.langgraph, steps: [...steps, { node: 'act', output: {} }] },
    ];
    for (const body of bodies) {
      const answer = await on.send('/api/v1/langgraph/webhook', body);
      expect([answer.status, answer.headers['idempotency-replayed']]).toEqual([200, undefined]);
    }
    expect(new Set(traceIds(on)).size).toBe(1);
    expect(on.got).toHaveLength(3);
  });

  test('that come while the first is under way share its fate', async () => {
    const on = await start();
    let end: (error?: Error) => void = () => {};
    on.reply = () => new Promise((resolve, reject) => (end = (error) => (error === undefined ? resolve() : reject(error))));
    for (const error of [new Refused('full', 'the queue is full', 1_000), undefined]) {
      const before = on.got.length;
      const repeated = () => on.registry.read('misstep_receiver_repeated_requests')[0]?.value ?? 0;
      const seen = repeated();
      const first = on.send(N8N, payloads.n8n);
      while (on.got.length === before) await new Promise((resolve) => setImmediate(resolve));
      const second = on.send(N8N, payloads.n8n);
      while (repeated() === seen) await new Promise((resolve) => setImmediate(resolve));
      end(error);
      const statuses = [(await first).status, (await second).status];
      expect(statuses).toEqual(error === undefined ? [200, 200] : [503, 503]);
      expect(on.got).toHaveLength(before + 1);
    }
  });

  test('by Idempotency-Key; the key with another body is a mistake', async () => {
    const on = await start();
    const headers = { 'idempotency-key': 'k-1' };
    const first = await on.send(N8N, payloads.n8n, { headers });
    const again = await on.send(N8N, payloads.n8n, { headers });
    expect([again.headers['idempotency-replayed'], again.json]).toEqual(['true', first.json]);
    const other = await on.send(N8N, { ...payloads.n8n, executionId: '232' }, { headers });
    expect([other.status, other.json['code']]).toEqual([422, 'idempotency-key-reused']);
    expect((await on.send('/api/v1/dify/webhook', payloads.dify, { headers })).status).toBe(200);
    expect(on.got).toHaveLength(2);
  });

  test('after a restart make the same spans, and the port is free for it', async () => {
    const on = await start();
    const first = await on.send(N8N, payloads.n8n);
    await on.restart();
    const again = await on.send(N8N, payloads.n8n);
    expect(again.json).toEqual(first.json);
    const [one, two] = on.got;
    expect(Buffer.concat([...(two?.chunks ?? [])])).toEqual(Buffer.concat([...(one?.chunks ?? [])]));
  });
});

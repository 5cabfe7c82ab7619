import { Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, test } from 'vitest';
import { Oversize, Permanent, Refused } from '../../src/component/component.ts';
import { type Ask, ask } from '../../src/component/transport/testing.ts';
import { readStatus } from '../../src/otlp/requests.ts';
import { body, documents, large, type Rig, rig, until } from './testing.ts';

let running: Rig | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function started(http: object = {}, signals?: Parameters<typeof rig>[1]): Promise<Rig> {
  running = await rig({ http }, signals);
  return running;
}

const json = { 'content-type': 'application/json' };
const text = (document: unknown) => Buffer.from(JSON.stringify(document));

/** Whatever was asked before, the receiver works and holds nothing. */
async function works(on: Rig): Promise<void> {
  const before = on.got.length;
  expect((await ask(on.http, { body: body() })).status).toBe(200);
  expect(on.got.length).toBe(before + 1);
  await until(() => on.admission.held === 0, 'all admitted bytes are released');
}

describe('takes', () => {
  test.each(['traces', 'metrics', 'logs'] as const)('%s as protobuf, byte for byte, and as JSON', async (signal) => {
    const on = await started();
    const path = `/v1/${signal}`;
    const first = await ask(on.http, { path, body: body(signal) });
    expect(first).toMatchObject({ status: 200, headers: { 'content-type': 'application/x-protobuf', 'content-length': '0' } });
    const second = await ask(on.http, {
      path,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: text(documents[signal]),
    });
    expect(second).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(second.body.toString()).toBe('{}');
    const items = signal === 'metrics' ? 2 : 1;
    expect(on.got.map((batch) => [batch.signal, batch.items, Buffer.concat(batch.chunks).equals(body(signal))])).toEqual([
      [signal, items, true],
      [signal, items, true],
    ]);
    expect(on.book.receivers()).toContainEqual({ receiver: 'otlp', transport: 'http', signal, accepted: 2 * items, refused: 0 });
    await works(on);
  });

  test.each([
    ['gzip', gzipSync(body())],
    ['GZIP', gzipSync(body())],
    ['deflate', deflateSync(body())],
    ['zlib', deflateSync(body())],
    ['identity', body()],
    ['gzip', gzipSync(Buffer.concat([body()]), { level: 0 })],
  ])('content-encoding %s', async (encoding, sent) => {
    const on = await started();
    expect((await ask(on.http, { headers: { 'content-encoding': encoding }, body: sent })).status).toBe(200);
    expect(Buffer.concat(on.got[0]?.chunks ?? []).equals(body())).toBe(true);
    await works(on);
  });

  test('a body in many chunks of unknown length, and one too large for one socket read', async () => {
    const on = await started();
    const whole = large(1_000_000);
    const parts = Array.from({ length: 100 }, (_, i) => whole.subarray((i * whole.length) / 100, ((i + 1) * whole.length) / 100));
    const cut = parts.map((_, i) =>
      whole.subarray(Math.floor((i * whole.length) / 100), Math.floor(((i + 1) * whole.length) / 100)),
    );
    expect((await ask(on.http, { body: cut })).status).toBe(200);
    expect((await ask(on.http, { body: whole })).status).toBe(200);
    expect((await ask(on.http, { headers: { 'content-encoding': 'gzip' }, body: gzipSync(whole, { level: 0 }) })).status).toBe(
      200,
    );
    expect(on.got.map((batch) => Buffer.concat(batch.chunks).equals(whole))).toEqual([true, true, true]);
    await works(on);
  });

  test('empty requests without calling the pipeline', async () => {
    const on = await started();
    expect((await ask(on.http, { body: Buffer.alloc(0) })).status).toBe(200);
    expect((await ask(on.http, { headers: json, body: text({}) })).status).toBe(200);
    expect((await ask(on.http, { headers: json, body: text({ resourceSpans: [] }) })).status).toBe(200);
    expect((await ask(on.http, { headers: json, body: Buffer.alloc(0) })).status).toBe(200);
    expect(on.got).toEqual([]);
    await works(on);
  });

  test('metadata only when asked', async () => {
    const on = await started({ include_metadata: true });
    await ask(on.http, { headers: { 'X-Tenant': 'a' }, body: body() });
    expect(on.got[0]?.metadata?.get('x-tenant')).toEqual(['a']);
    await on.stop();
    const off = await started();
    await ask(off.http, { headers: { 'X-Tenant': 'a' }, body: body() });
    expect(off.got[0]).not.toHaveProperty('metadata');
  });

  test("the OpenTelemetry SDK's exporter, plain and gzip", async () => {
    const on = await started();
    for (const compression of ['none', 'gzip']) {
      const exporter = new OTLPTraceExporter({ url: `http://${on.http}/v1/traces`, compression: compression as never });
      const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
      provider.getTracer('t').startSpan('one').end();
      await provider.forceFlush();
      await provider.shutdown();
    }
    expect(on.got.map(({ items }) => items)).toEqual([1, 1]);
    await works(on);
  });

  test('a client that asks whether to go on, and one that needs not', async () => {
    const on = await started({ max_request_body_size: 1000 });
    expect((await ask(on.http, { headers: { expect: '100-continue' }, body: body() })).status).toBe(200);
    expect(
      (await ask(on.http, { headers: { expect: '100-continue', 'content-length': 5000 }, body: Buffer.alloc(5000) })).status,
    ).toBe(413);
    await works(on);
  });
});

describe('refuses', () => {
  const cases: readonly [string, Ask, number, string][] = [
    ['broken protobuf', { body: Buffer.from([10, 200, 1, 1]) }, 400, 'malformed'],
    ['a span that is cut off', { body: Buffer.from([10, 4, 18, 2, 18, 9]) }, 400, 'malformed'],
    ['broken JSON', { headers: json, body: Buffer.from('{"resourceSpans": [') }, 400, 'malformed'],
    ['JSON that is no object', { headers: json, body: Buffer.from('[1]') }, 400, 'malformed'],
    [
      'a JSON id that is no hex',
      { headers: json, body: text({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'zz' }] }] }] }) },
      400,
      'malformed',
    ],
    ['broken gzip', { headers: { 'content-encoding': 'gzip' }, body: body() }, 400, 'compressed'],
    ['truncated gzip', { headers: { 'content-encoding': 'gzip' }, body: gzipSync(body()).subarray(0, 20) }, 400, 'compressed'],
    ['nothing as gzip', { headers: { 'content-encoding': 'gzip' }, body: Buffer.alloc(0) }, 400, 'compressed'],
    ['broken deflate', { headers: { 'content-encoding': 'deflate' }, body: body() }, 400, 'compressed'],
    ['unknown encoding', { headers: { 'content-encoding': 'br' }, body: body() }, 400, 'unsupported Content-Encoding br'],
    ['two encodings', { headers: { 'content-encoding': 'gzip, gzip' }, body: body() }, 400, 'unsupported'],
    ['a declared length over the limit', { body: Buffer.alloc(1001) }, 413, '1001 bytes'],
    ['an undeclared length over the limit', { body: [Buffer.alloc(600), Buffer.alloc(600)] }, 413, 'limit of 1000'],
    [
      'gzip that inflates over the limit',
      { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(100_000)) },
      413,
      'limit of 1000',
    ],
    [
      'deflate that inflates over the limit',
      { headers: { 'content-encoding': 'deflate' }, body: deflateSync(Buffer.alloc(1001)) },
      413,
      'limit',
    ],
  ];

  test.each(cases)('%s', async (_name, sent, status, said) => {
    const on = await started({ max_request_body_size: 1000 });
    const answer = await ask(on.http, sent);
    expect(answer.status).toBe(status);
    const asJson = sent.headers?.['content-type'] === 'application/json';
    expect(answer.headers['content-type']).toBe(asJson ? 'application/json' : 'application/x-protobuf');
    const { code, message } = asJson ? JSON.parse(answer.body.toString()) : readStatus(answer.body);
    expect(code).toBe(status === 413 ? 8 : 3);
    expect(message).toContain(said);
    expect(on.got).toEqual([]);
    const counted = on.registry.read('misstep_receiver_refused_requests');
    expect(counted.map(({ labels, value }) => [labels['reason'], value])).toEqual([
      [status === 413 ? 'too_large' : 'malformed', 1],
    ]);
    await works(on);
  });

  test('a body of exactly the limit is taken, before and after decompression', async () => {
    const sent = body();
    const on = await started({ max_request_body_size: sent.length });
    expect((await ask(on.http, { body: sent })).status).toBe(200);
    const squeezed = gzipSync(large(5000));
    await on.stop();
    const wide = await started({ max_request_body_size: large(5000).length });
    expect((await ask(wide.http, { headers: { 'content-encoding': 'gzip' }, body: squeezed })).status).toBe(200);
  });

  test.each<[string, Ask, number, string]>([
    ['GET', { method: 'GET' }, 405, '405 method not allowed, supported: [POST]'],
    ['PUT', { method: 'PUT', body: body() }, 405, '405 method not allowed, supported: [POST]'],
    ['OPTIONS without CORS', { method: 'OPTIONS' }, 405, '405 method not allowed, supported: [POST]'],
    [
      'text',
      { headers: { 'content-type': 'text/plain' }, body: body() },
      415,
      '415 unsupported media type, supported: [application/json, application/x-protobuf]',
    ],
    [
      'an empty type',
      { headers: { 'content-type': '' }, body: body() },
      415,
      '415 unsupported media type, supported: [application/json, application/x-protobuf]',
    ],
    ['an unknown path', { path: '/v1/spans', body: body() }, 404, '404 page not found'],
    ['a path beneath', { path: '/v1/traces/x', body: body() }, 404, '404 page not found'],
    ['a signal without pipeline', { path: '/v1/logs', body: body('logs') }, 404, '404 page not found'],
  ])('%s in plain text', async (_name, sent, status, said) => {
    const on = await started({}, ['traces']);
    const answer = await ask(on.http, sent);
    expect([answer.status, answer.body.toString(), answer.headers['content-type']]).toEqual([
      status,
      said,
      'text/plain; charset=utf-8',
    ]);
    expect(answer.headers['allow']).toBe(status === 405 ? 'POST' : undefined);
    await works(on);
  });

  test('one byte over 20 MiB by default', async () => {
    const on = await started();
    expect((await ask(on.http, { body: Buffer.alloc(20 * 1024 * 1024 + 1) })).status).toBe(413);
    await works(on);
  });

  test('a body that never ends, from a client that does not read', async () => {
    const on = await started({ max_request_body_size: 100_000 });
    const socket = new Socket();
    let heard = '';
    socket.on('data', (part) => {
      heard += part.toString('latin1');
    });
    let ended = false;
    socket.on('close', () => {
      ended = true;
    });
    socket.on('error', () => {});
    const [host, port] = on.http.split(':') as [string, string];
    socket.connect(Number(port), host);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 10737418240\r\n\r\n',
    );
    const zeros = Buffer.alloc(64 * 1024);
    const pump = () => {
      while (!ended && socket.write(zeros));
    };
    socket.on('drain', pump);
    pump();
    await until(() => ended, 'the connection is closed');
    expect(heard).toMatch(/^HTTP\/1\.1 413 /);
    await works(on);
  });

  test('gzip of 10 GB of zeros at the limit', async () => {
    const on = await started();
    // Members of a gzip may follow each other: 10 MB of zeros, a thousand times.
    const member = gzipSync(Buffer.alloc(10_000_000), { level: 9 });
    const bomb = Buffer.concat(Array.from({ length: 1_000 }, () => member));
    expect((await ask(on.http, { headers: { 'content-encoding': 'gzip' }, body: bomb })).status).toBe(413);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 10; i++) {
      expect((await ask(on.http, { headers: { 'content-encoding': 'gzip' }, body: bomb })).status).toBe(413);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    await works(on);
  });
});

describe('the pipeline refuses', () => {
  test.each([
    ['for now', new Refused('queue_full', 'the queue is full', 1_500), 503, 14, '2'],
    ['at once again', new Refused('queue_full', 'the queue is full', 0), 503, 14, '1'],
    ['for good', new Permanent('not for us'), 400, 3, undefined],
    ['by a fault of its own', new Permanent('broken', 13), 500, 13, undefined],
    ['exhausted', new Permanent('quota', 8), 429, 8, undefined],
    ['as too large', new Oversize('larger than the queue'), 413, 8, undefined],
    ['unauthenticated', new Permanent('who', 16), 401, 16, undefined],
    ['with an unknown error', new Error('oops'), 503, 14, '1'],
  ])('%s', async (_name, error, status, code, retryAfter) => {
    const on = await started();
    for (const refuse of [() => Promise.reject(error), throwing(error)]) {
      on.reply = refuse;
      const answer = await ask(on.http, { body: body() });
      expect([answer.status, readStatus(answer.body).code, answer.headers['retry-after']]).toEqual([status, code, retryAfter]);
      expect(JSON.parse((await ask(on.http, { headers: json, body: text(documents.traces) })).body.toString()).code).toBe(code);
    }
    expect(on.book.receivers()).toContainEqual({
      receiver: 'otlp',
      transport: 'http',
      signal: 'traces',
      accepted: 0,
      refused: 4,
    });
    on.reply = () => undefined;
    await works(on);
    const logged = on.logs.filter((line) => line.includes('pipeline'));
    expect(logged.length).toBe(error instanceof Refused || error instanceof Permanent ? 0 : 2);
  });

  function throwing(error: Error) {
    return () => {
      throw error;
    };
  }

  test('for want of memory, before the body is read, and keeps the connection', async () => {
    const on = await started();
    on.admission.limit(on, 10);
    const answer = await ask(on.http, { body: body() });
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    expect((await ask(on.http, { body: [body(), body()] })).status).toBe(503);
    on.admission.limit(on, 1000);
    expect((await ask(on.http, { headers: { 'content-encoding': 'gzip' }, body: gzipSync(large(5000)) })).status).toBe(503);
    expect(on.got).toEqual([]);
    on.admission.limit(on, undefined);
    await works(on);
  });
});

describe('slow clients', () => {
  async function raw(on: Rig, sent: string): Promise<string> {
    const socket = new Socket();
    let heard = '';
    let closed = false;
    socket.on('data', (part) => {
      heard += part.toString('latin1');
    });
    socket.on('close', () => {
      closed = true;
    });
    socket.on('error', () => {});
    const [host, port] = on.http.split(':') as [string, string];
    socket.connect(Number(port), host, () => socket.write(sent));
    await until(() => closed, 'the server closes the connection');
    return heard;
  }

  test('are cut off in their headers and in their body', async () => {
    const on = await started({ read_header_timeout: '50ms', read_timeout: '100ms' });
    expect(await raw(on, 'POST /v1/traces HTTP/1.1\r\nhost: x\r\n')).toContain('408');
    await raw(
      on,
      'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\nabc',
    );
    await until(() => on.registry.read('misstep_receiver_refused_requests').some(({ value }) => value === 1), 'it is counted');
    await works(on);
  });

  test('that are idle or speak something else are cut off', async () => {
    const on = await started({ idle_timeout: '50ms' });
    const answer = await raw(
      on,
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    );
    expect(answer).toContain('200 OK');
    expect(await raw(on, '\x16\x03\x01 not HTTP\r\n\r\n')).toContain('400');
    await works(on);
  });
});

describe('CORS', () => {
  const preflight = (origin: string): Ask => ({
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-key' },
  });

  test('lets the origins through that are allowed', async () => {
    const on = await started({
      cors: {
        allowed_origins: ['https://*.Example.com', 'http://a.test'],
        allowed_headers: ['X-Key'],
        exposed_headers: ['X-Out'],
        max_age: 60,
      },
    });
    for (const origin of ['https://app.example.com', 'http://a.test']) {
      const before = await ask(on.http, preflight(origin));
      expect(before).toMatchObject({
        status: 204,
        headers: {
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'POST',
          'access-control-allow-credentials': 'true',
          'access-control-max-age': '60',
        },
      });
      expect(before.headers['access-control-allow-headers']).toContain('X-Key');
      const sent = await ask(on.http, { headers: { origin }, body: body() });
      expect(sent).toMatchObject({
        status: 200,
        headers: { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'X-Out', vary: 'Origin' },
      });
    }
    for (const origin of ['https://example.com', 'http://a.test.evil', 'https://example.com.evil']) {
      const before = await ask(on.http, preflight(origin));
      expect([before.status, before.headers['access-control-allow-origin']]).toEqual([204, undefined]);
    }
    await works(on);
  });

  test('any origin goes without credentials', async () => {
    const on = await started({ cors: { allowed_origins: ['*'], allowed_headers: ['*'] } });
    const { headers } = await ask(on.http, preflight('http://b.test'));
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-allow-headers': 'x-key' });
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });
});

describe('shutdown', () => {
  test('lets the request under way end, takes no new connection', async () => {
    const on = await started();
    let let_go = () => {};
    on.reply = () =>
      new Promise((resolve) => {
        let_go = resolve;
      });
    const asked = ask(on.http, { body: body() });
    await until(() => on.got.length === 1, 'the pipeline has it');
    let stopped = false;
    const stopping = on.stop().then(() => {
      stopped = true;
    });
    await expect(ask(on.http, { body: body() })).rejects.toThrow();
    expect(stopped).toBe(false);
    let_go();
    const answer = await asked;
    expect([answer.status, answer.headers['connection']]).toEqual([200, 'close']);
    await stopping;
    await on.stop();
  });

  test('ends at its signal though the pipeline does not answer', async () => {
    const on = await started();
    on.reply = () => new Promise(() => {});
    const asked = expect(ask(on.http, { body: body() })).rejects.toThrow();
    await until(() => on.got.length === 1, 'the pipeline has it');
    await on.receiver.shutdown(AbortSignal.timeout(20));
    await asked;
  });
});

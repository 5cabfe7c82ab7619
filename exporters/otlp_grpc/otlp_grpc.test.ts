import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { createBudget } from '../../src/component/budget.ts';
import type { Component } from '../../src/component/component.ts';
import { testHost, tracesOf, until } from '../../src/component/testing.ts';
import { countItems, writeResponse, writeStatus } from '../../src/otlp/requests.ts';
import { parseEndpoint } from './options.ts';
import { factory } from './otlp_grpc.ts';
import { type Answerer, type Backend, backend, fails, inTurn, ok } from './testing.ts';

const open: Backend[] = [];
const running: Component[] = [];

afterEach(async () => {
  for (const one of running.splice(0)) await one.shutdown(AbortSignal.abort());
  for (const one of open.splice(0)) await one.close();
});

async function peer(answer: Answerer, port = 0): Promise<Backend> {
  const one = await backend(answer, port);
  open.push(one);
  return one;
}

const quick = { initial_interval: '10ms', max_interval: '20ms', max_elapsed_time: '20s' };

async function exporter(written: object) {
  const host = testHost();
  const options = factory.options.parse({ retry_on_failure: quick, tls: { insecure: true }, ...written });
  const component = factory.create('otlp_grpc', options, { budget: createBudget(1e9) });
  await component.start(host);
  running.push(component);
  return { host, component, consume: (batch: Batch) => component.consume(batch) };
}

const names = (n: number) => Array.from({ length: n }, (_, i) => `span ${i}`);
const stop = (component: Component) => component.shutdown(AbortSignal.timeout(20_000));

describe('the call', () => {
  test('is a unary Export with a deadline, all on one session', async () => {
    const { endpoint, calls, sessions } = await peer(ok());
    const { component, consume } = await exporter({ endpoint, headers: { 'X-Key': 'secret' } });
    const batch = tracesOf(names(3), 3_000);
    const cut = [batch.chunks[0]?.subarray(0, 5_000), batch.chunks[0]?.subarray(5_000)] as Uint8Array[];
    consume(batch);
    consume({ ...batch, chunks: cut });
    await stop(component);
    expect(sessions).toHaveLength(1);
    expect(calls.map(({ message, compressed }) => [Buffer.compare(message, batch.chunks[0] ?? message), compressed])).toEqual([
      [0, false],
      [0, false],
    ]);
    expect(calls[0]?.headers).toMatchObject({
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '5000m',
      'x-key': 'secret',
    });
  });

  test('takes a request of 20 MB', async () => {
    const { endpoint, calls } = await peer(ok());
    const { component, consume, host } = await exporter({ endpoint });
    const batch = tracesOf(['large'], 20_000_000);
    consume(batch);
    await stop(component);
    expect([calls[0]?.message.length, host.books.sent]).toEqual([batch.bytes, 1]);
  });

  test('is gzipped when asked for', async () => {
    const { endpoint, calls } = await peer(ok());
    const { component, consume } = await exporter({ endpoint: `http://${endpoint}`, tls: {}, compression: 'gzip' });
    const batch = tracesOf(names(20), 100);
    consume(batch);
    await stop(component);
    expect([calls[0]?.compressed, calls[0]?.headers['grpc-encoding']]).toEqual([true, 'gzip']);
    expect(gunzipSync(calls[0]?.message ?? '')).toEqual(Buffer.from(batch.chunks[0] ?? ''));
  });
});

test('TLS is the default, and verified', async () => {
  const file = (name: string) => fileURLToPath(new URL(`testdata/${name}.pem`, import.meta.url));
  const one = await backend(ok(), 0, { cert: readFileSync(file('cert')), key: readFileSync(file('key')) });
  open.push(one);
  const { endpoint } = one;
  const trusting = await exporter({ endpoint, tls: { ca_file: file('cert') } });
  trusting.consume(tracesOf(names(2)));
  await stop(trusting.component);
  expect(trusting.host.books.sent).toBe(2);
  const strict = await exporter({ endpoint, tls: {} });
  strict.consume(tracesOf(names(2)));
  await stop(strict.component);
  expect(strict.host.books.dropped).toEqual({ shutdown: 2 });
  expect(strict.host.logs[0]).toMatchObject({ fields: { error: expect.stringContaining('self-signed certificate') } });
  expect(one.calls).toHaveLength(1);
});

describe('answers', () => {
  test.each([1, 4, 10, 11, 14, 15])('code %i is tried again until it works', async (code) => {
    const { endpoint, calls } = await peer(inTurn(fails(code, 'später'), ok()));
    const { consume, host } = await exporter({ endpoint });
    consume(tracesOf(names(2)));
    await until(() => host.books.sent === 2);
    expect(calls).toHaveLength(2);
    expect(host.statuses_[1]).toMatchObject({ state: 'degraded', reason: expect.stringContaining('später') });
  });

  test.each([2, 3, 5, 6, 7, 8, 9, 12, 13, 16])('code %i is final', async (code) => {
    const { endpoint, calls } = await peer(fails(code));
    const { component, consume, host } = await exporter({ endpoint });
    consume(tracesOf(names(2)));
    await stop(component);
    expect([calls.length, host.books.dropped['permanent'], host.difference()]).toEqual([1, 2, 0]);
  });

  test('RESOURCE_EXHAUSTED with RetryInfo is tried again, not before it says', async () => {
    const { endpoint } = await peer(inTurn(fails(8, '', writeStatus(8, 'full', 50)), ok()));
    const { consume, host } = await exporter({ endpoint });
    const start = performance.now();
    consume(tracesOf(names(1)));
    await until(() => host.books.sent === 1);
    expect(performance.now() - start).toBeGreaterThanOrEqual(48);
  });

  test('of a request that is too large only the span that is too large is dropped', async () => {
    const limit = 4_000;
    const tooLarge = fails(8, 'grpc: received message larger than max (9000 vs. 4000)');
    const { endpoint, calls } = await peer((stream, call) => (call.message.length > limit ? tooLarge : ok())(stream, call));
    const { component, consume, host } = await exporter({ endpoint });
    const small = tracesOf(names(20), 100);
    const large = tracesOf(['large'], 5_000);
    const chunks = [...small.chunks, ...large.chunks, ...small.chunks];
    consume({ ...small, chunks, bytes: small.bytes * 2 + large.bytes, items: 41 });
    await stop(component);
    expect([host.books.sent, host.books.dropped, host.difference()]).toEqual([40, { oversize: 1 }, 0]);
    const arrived = calls.filter(({ message }) => message.length <= limit);
    expect(arrived.reduce((sum, { message }) => sum + countItems('traces', message), 0)).toBe(40);
  });

  test('partial success is counted as rejected', async () => {
    const { endpoint } = await peer(ok(writeResponse('traces', { rejected: 2, message: 'too old' })));
    const { component, consume, host } = await exporter({ endpoint });
    consume(tracesOf(names(5)));
    await stop(component);
    expect([host.books.sent, host.books.rejected, host.difference()]).toEqual([3, 2, 0]);
  });

  test('a proxy that answers 503 without gRPC is tried again', async () => {
    const unavailable: Answerer = (stream) => stream.respond({ ':status': 503 }, { endStream: true });
    const { endpoint } = await peer(inTurn(unavailable, ok()));
    const { consume, host } = await exporter({ endpoint });
    consume(tracesOf(names(1)));
    await until(() => host.books.sent === 1);
  });
});

describe('the connection', () => {
  test('is dialled again when the backend comes back', async () => {
    const first = await backend(ok());
    const { consume, host } = await exporter({ endpoint: first.endpoint });
    consume(tracesOf(names(1)));
    await until(() => host.books.sent === 1);
    await first.close();
    consume(tracesOf(names(2)));
    await until(() => host.statuses_.some(({ state }) => state === 'degraded'));
    await peer(ok(), first.port);
    await until(() => host.books.sent === 3);
    expect(host.difference()).toBe(0);
  });

  test('after GOAWAY calls go to a new session, and none is lost', async () => {
    const { endpoint, sessions } = await peer(ok());
    const { component, consume, host } = await exporter({ endpoint });
    for (let i = 0; i < 30; i++) {
      consume(tracesOf(names(1)));
      if (i % 10 === 9) {
        await until(() => host.books.sent >= i - 3);
        sessions.at(-1)?.close();
      }
    }
    await until(() => host.books.sent === 30);
    expect(sessions.length).toBeGreaterThan(1);
    await stop(component);
    expect(host.difference()).toBe(0);
  });

  test('a stream that is refused unseen is tried again at once', async () => {
    const refuse: Answerer = (stream) => stream.close(7);
    const { endpoint } = await peer(inTurn(refuse, ok()));
    const { component, consume, host } = await exporter({ endpoint, retry_on_failure: {} });
    consume(tracesOf(names(1)));
    await until(() => host.books.sent === 1);
    await stop(component);
  });

  test.each<[string, Answerer]>([
    ['a reset stream', (stream) => stream.close(2)],
    ['a destroyed session', (stream) => stream.session?.destroy()],
    ['no answer in time', () => {}],
  ])('%s is tried again', async (_name, trouble) => {
    const { endpoint } = await peer(inTurn(trouble, ok()));
    const { consume, host } = await exporter({ endpoint, timeout: '300ms' });
    consume(tracesOf(names(1)));
    await until(() => host.books.sent === 1);
    expect(host.difference()).toBe(0);
  });

  test('shutdown gives up when the grace period ends, and counts what is lost', async () => {
    const { endpoint, calls } = await peer(() => {});
    const { component, consume, host } = await exporter({ endpoint, timeout: '0s', sending_queue: { num_consumers: 1 } });
    for (let i = 0; i < 3; i++) consume(tracesOf(names(1)));
    await until(() => calls.length === 1);
    const grace = new AbortController();
    const stopped = component.shutdown(grace.signal);
    grace.abort();
    await stopped;
    expect(host.books).toMatchObject({ queued: 0, inFlight: 0, dropped: { shutdown: 3 } });
  });

  test('shutdown does not wait for a backend that is not there', async () => {
    const gone = await backend(ok());
    await gone.close();
    const { component, consume, host } = await exporter({ endpoint: gone.endpoint });
    consume(tracesOf(names(1)));
    await stop(component);
    expect(host.books.dropped).toEqual({ shutdown: 1 });
  });
});

test.each([
  ['127.0.0.1:4317', { hostname: '127.0.0.1', port: 4317, secure: undefined }],
  ['[::1]:4317', { hostname: '::1', port: 4317, secure: undefined }],
  ['collector:80', { hostname: 'collector', port: 80, secure: undefined }],
  ['http://collector:4317', { hostname: 'collector', port: 4317, secure: false }],
  ['https://otlp.example.org', { hostname: 'otlp.example.org', port: 443, secure: true }],
  ['dns:///collector:4317', { hostname: 'collector', port: 4317, secure: undefined }],
  ['https://h:4317/v1/traces', undefined],
  ['', undefined],
])('endpoint %s', (text, endpoint) => {
  expect(parseEndpoint(text)).toEqual(endpoint);
});

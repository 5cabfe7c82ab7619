import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { createBudget } from '../../src/component/budget.ts';
import type { Component, Consumer } from '../../src/component/component.ts';
import { testHost, tracesOf, until } from '../../src/component/testing.ts';
import { jsonToProtobuf } from '../../src/otlp/json.ts';
import { countItems, writeResponse } from '../../src/otlp/requests.ts';
import { factory } from './otlp_http.ts';
import { type Answerer, type Backend, backend, inTurn, ok, reset, status } from './testing.ts';

const open: Backend[] = [];
const running: Component[] = [];

afterEach(async () => {
  for (const one of running.splice(0)) await one.shutdown(AbortSignal.abort());
  for (const one of open.splice(0)) await one.close();
});

async function peer(answer: Answerer): Promise<Backend> {
  const one = await backend(answer);
  open.push(one);
  return one;
}

const quick = { initial_interval: '10ms', max_interval: '20ms', max_elapsed_time: '20s' };

async function exporter(written: object, budget = createBudget(1e9)) {
  const host = testHost();
  const options = factory.options.parse({ retry_on_failure: quick, ...written });
  const component: Component & Consumer = factory.create('otlp_http', options, { budget });
  await component.start(host);
  running.push(component);
  return { host, component, budget, consume: (batch: Batch) => component.consume(batch) };
}

const names = (n: number) => Array.from({ length: n }, (_, i) => `span ${i}`);
const stop = (component: Component, ms = 20_000) => component.shutdown(AbortSignal.timeout(ms));
const settled = async (promise: Promise<void> | undefined): Promise<unknown> => {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
};

describe('the request', () => {
  test('carries the bytes as they came, on one kept connection', async () => {
    const { url, received, connections } = await peer(ok);
    const { component, consume, host } = await exporter({ endpoint: url, headers: { 'X-Key': 'secret' } });
    const batch = tracesOf(names(3), 3_000);
    const cut = [batch.chunks[0]?.subarray(0, 5_000), batch.chunks[0]?.subarray(5_000)] as Uint8Array[];
    for (let i = 0; i < 3; i++) {
      consume({ ...batch, chunks: i === 1 ? cut : batch.chunks });
      await until(() => host.books.sent === 3 * (i + 1));
    }
    await stop(component);
    expect(received.map(({ body }) => Buffer.compare(body, batch.chunks[0] as Uint8Array))).toEqual([0, 0, 0]);
    expect(received[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf', 'x-key': 'secret', 'content-length': String(batch.bytes) },
    });
    // Towards loopback nothing is compressed unless asked for.
    expect(received[0]?.headers['content-encoding']).toBeUndefined();
    expect(connections()).toBe(1);
  });

  test.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ] as const)('is compressed with %s', async (compression, decompress) => {
    const { url, received } = await peer(ok);
    const { component, consume } = await exporter({ endpoint: `${url}/base/`, compression });
    const batch = tracesOf(names(50), 100);
    consume(batch);
    await stop(component);
    expect(received[0]?.path).toBe('/base/v1/traces');
    expect(received[0]?.headers['content-encoding']).toBe(compression);
    expect(decompress(received[0]?.body ?? '')).toEqual(Buffer.from(batch.chunks[0] ?? ''));
  });

  test('can be JSON, and go to an endpoint of its own', async () => {
    const { url, received } = await peer(ok);
    const { component, consume } = await exporter({ traces_endpoint: `${url}/in?x=1`, encoding: 'json' });
    const batch = tracesOf(names(2));
    consume(batch);
    await stop(component);
    expect(received[0]).toMatchObject({ path: '/in?x=1', headers: { 'content-type': 'application/json' } });
    const { body } = jsonToProtobuf('traces', received[0]?.body.toString() ?? '');
    expect(Buffer.from(body)).toEqual(Buffer.from(batch.chunks[0] ?? ''));
  });
});

test('TLS is verified unless told otherwise', async () => {
  const file = (name: string) => fileURLToPath(new URL(`testdata/${name}.pem`, import.meta.url));
  const one = await backend(ok, 0, { cert: readFileSync(file('cert')), key: readFileSync(file('key')) });
  open.push(one);
  const trusting = await exporter({ endpoint: one.url, tls: { ca_file: file('cert') } });
  trusting.consume(tracesOf(names(2)));
  await stop(trusting.component);
  expect(trusting.host.books.sent).toBe(2);
  const skipping = await exporter({ endpoint: one.url, tls: { insecure_skip_verify: true } });
  skipping.consume(tracesOf(names(2)));
  await stop(skipping.component);
  expect(skipping.host.books.sent).toBe(2);
  const strict = await exporter({ endpoint: one.url });
  strict.consume(tracesOf(names(2)));
  await stop(strict.component);
  expect(strict.host.books.dropped).toEqual({ shutdown: 2 });
  expect(one.received).toHaveLength(2);
  await expect(exporter({ endpoint: one.url, tls: { ca_file: '/no/such.pem' } })).rejects.toThrow('tls.ca_file: cannot read');
});

describe('options', () => {
  const problems = (written: object) => {
    const result = factory.options.safeParse(written);
    return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  test.each([
    [{}, 'endpoint: required'],
    [{ endpoint: 'localhost:4318' }, 'endpoint: not a URL'],
    [{ endpoint: 'http://h', compression: 'lz4' }, 'compression: '],
    [{ endpoint: 'http://h', proxy_url: 'http://p' }, 'proxy_url: not available yet'],
  ])('%j', (written, problem) => {
    expect(problems(written).join('\n')).toContain(problem);
  });

  test('zstd is refused where Node cannot', () => {
    const can = 'zstdCompress' in process.getBuiltinModule('node:zlib');
    expect(problems({ endpoint: 'http://h', compression: 'zstd' })).toHaveLength(can ? 0 : 1);
  });
});

describe('answers', () => {
  test.each<[string, Answerer]>([
    ['503', status(503)],
    ['429 with Retry-After', status(429, { 'retry-after': '0' })],
    ['a reset', reset],
  ])('%s is tried again until it works', async (_name, trouble) => {
    const { url, received } = await peer(inTurn(trouble, trouble, ok));
    const { component, consume, host } = await exporter({ endpoint: url });
    consume(tracesOf(names(2)));
    await until(() => host.books.sent === 2);
    expect(received.length).toBeGreaterThanOrEqual(3);
    expect(host.statuses_.map(({ state }) => state)).toEqual(['ok', 'degraded', 'ok']);
    await stop(component);
    expect(host.difference()).toBe(0);
  });

  test('a permanent refusal and a redirect are dropped at once and counted', async () => {
    const { url, received } = await peer(inTurn(status(400, {}, 'no'), status(307, { location: '/v1/traces' })));
    const { component, consume, host } = await exporter({ endpoint: url, sending_queue: { num_consumers: 1 } });
    consume(tracesOf(names(2)));
    consume(tracesOf(names(3)));
    await stop(component);
    expect(received).toHaveLength(2);
    expect(host.books.dropped).toEqual({ permanent: 5 });
    expect(host.logs[0]).toMatchObject({ level: 'error', fields: { error: 'HTTP 400: no', items: 2 } });
  });

  test('partial success is counted as rejected', async () => {
    const body = writeResponse('traces', { rejected: 2, message: 'too old' });
    const { url } = await peer(status(200, { 'content-type': 'application/x-protobuf' }, body));
    const { component, consume, host } = await exporter({ endpoint: url });
    consume(tracesOf(names(5)));
    await stop(component);
    expect([host.books.sent, host.books.rejected, host.difference()]).toEqual([3, 2, 0]);
  });

  test('of a request that is too large only the span that is too large is dropped', async () => {
    const limit = 4_000;
    const { url, received } = await peer((one, response, socket) =>
      (one.body.length > limit ? status(413) : ok)(one, response, socket),
    );
    const { component, consume, host } = await exporter({ endpoint: url });
    const small = tracesOf(names(20), 100);
    const large = tracesOf(['large'], 5_000);
    const chunks = [...small.chunks, ...large.chunks, ...small.chunks];
    consume({ ...small, chunks, bytes: small.bytes * 2 + large.bytes, items: 41 });
    await stop(component);
    expect(host.books.dropped).toEqual({ oversize: 1 });
    expect([host.books.sent, host.difference()]).toEqual([40, 0]);
    const arrived = received.filter(({ body }) => body.length <= limit);
    expect(arrived.reduce((sum, { body }) => sum + countItems('traces', body), 0)).toBe(40);
  });

  test('equal spans that are too many are halved, not cut to pieces', async () => {
    const { url, received } = await peer((one, response, socket) =>
      (countItems('traces', one.body) > 4 ? status(413) : ok)(one, response, socket),
    );
    const { component, consume, host } = await exporter({ endpoint: url });
    consume(tracesOf(names(16), 100));
    await stop(component);
    expect([host.books.sent, host.difference()]).toEqual([16, 0]);
    expect(received.map(({ body }) => countItems('traces', body))).toEqual([16, 8, 4, 4, 8, 4, 4]);
  });

  test('no answer within the timeout is tried again', async () => {
    const { url } = await peer(inTurn(() => {}, ok));
    const { component, consume, host } = await exporter({ endpoint: url, timeout: '50ms' });
    consume(tracesOf(names(1)));
    await until(() => host.books.sent === 1);
    await stop(component);
  });

  test('without a queue the client gets the answer', async () => {
    const { url } = await peer(inTurn(ok, status(401), status(503)));
    const { consume, host } = await exporter({
      endpoint: url,
      sending_queue: { enabled: false },
      retry_on_failure: { enabled: false },
    });
    expect(await settled(consume(tracesOf(names(1))))).toBeUndefined();
    expect(await settled(consume(tracesOf(names(1))))).toMatchObject({ name: 'Permanent', status: 16 });
    expect(await settled(consume(tracesOf(names(1))))).toMatchObject({ name: 'Refused', reason: 'unavailable' });
    expect(host.books).toMatchObject({ offered: 3, sent: 1, dropped: { permanent: 1, unavailable: 1 } });
    expect(host.difference()).toBe(0);
  });
});

describe('shutdown', () => {
  test('is safe without start, and twice', async () => {
    const options = factory.options.parse({ endpoint: 'http://127.0.0.1:1' });
    const component = factory.create('otlp_http', options, { budget: createBudget(1) });
    await stop(component);
    await stop(component);
    expect(await settled(component.consume(tracesOf(names(1))))).toMatchObject({ name: 'Refused' });
  });

  test('sends what waits in a batch and in the queue', async () => {
    const { url } = await peer(ok);
    const { component, consume, host, budget } = await exporter({
      endpoint: url,
      sending_queue: { batch: { flush_timeout: '1h' } },
    });
    for (let i = 0; i < 50; i++) consume(tracesOf(names(3)));
    await stop(component);
    expect([host.books.sent, budget.used, host.metric('otelcol_exporter_queue_size')]).toEqual([150, 0, 0]);
  });

  test('ends waiting retries with one last try each, and drops what fails then', async () => {
    const { url, received } = await peer(status(503, { 'retry-after': '100' }));
    const { component, consume, host } = await exporter({
      endpoint: url,
      sending_queue: { num_consumers: 2 },
      retry_on_failure: {},
    });
    for (let i = 0; i < 5; i++) consume(tracesOf(names(1)));
    await until(() => received.length === 2);
    await stop(component);
    // Two had been tried, and are once more; three are tried once.
    expect(received).toHaveLength(7);
    expect(host.books.dropped).toEqual({ shutdown: 5 });
    expect(host.difference()).toBe(0);
  });

  test('gives up when the grace period ends, and counts what is lost', async () => {
    const { url, received } = await peer(() => {});
    const { component, consume, host, budget } = await exporter({ endpoint: url, sending_queue: { num_consumers: 2 } });
    for (let i = 0; i < 5; i++) consume(tracesOf(names(1)));
    await until(() => received.length === 2);
    const grace = new AbortController();
    const stopped = component.shutdown(grace.signal);
    grace.abort();
    await stopped;
    expect(host.books).toMatchObject({ sent: 0, queued: 0, inFlight: 0, dropped: { shutdown: 5 } });
    expect(budget.used).toBe(0);
  });
});

test('whatever the backend does, every accepted item is in exactly one column of the ledger, at all times', async () => {
  const partial = writeResponse('traces', { rejected: 1, message: 'one too many' });
  const behaviours: readonly Answerer[] = [
    ok,
    status(503),
    status(429, { 'retry-after': '0' }),
    status(400),
    reset,
    status(200, { 'content-type': 'application/x-protobuf' }, partial),
    (one, response, socket) => setTimeout(() => ok(one, response, socket), 15),
    (one, response, socket) => (one.body.length > 600 ? status(413) : ok)(one, response, socket),
  ];
  const arbitrary = fc.record({
    answers: fc.array(fc.nat(behaviours.length - 1), { minLength: 1, maxLength: 25 }),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 25 }),
    queue_size: fc.integer({ min: 1, max: 30 }),
    num_consumers: fc.integer({ min: 1, max: 4 }),
    block_on_overflow: fc.boolean(),
    batch: fc.option(fc.record({ flush_timeout: fc.constant('5ms'), min_size: fc.nat(20), max_size: fc.constant(20) }), {
      nil: undefined,
    }),
    // Zero: the grace period is over before it began.
    grace: fc.constantFrom(0, 20_000),
  });
  const property = fc.asyncProperty(arbitrary, async ({ answers, sizes, grace, ...sending_queue }) => {
    let next = 0;
    const one = await backend((received, response, socket) => {
      const answer = behaviours[answers[next++ % answers.length] ?? 0] ?? ok;
      answer(received, response, socket);
    });
    const { component, consume, host, budget } = await exporter({
      endpoint: one.url,
      sending_queue,
      retry_on_failure: { initial_interval: '1ms', max_interval: '2ms', max_elapsed_time: '40ms' },
    });
    let accepted = 0;
    const waits: Promise<void>[] = [];
    for (const n of sizes) {
      const wait = consume(tracesOf(names(n)));
      if (wait === undefined) accepted += n;
      else {
        const count = (): void => {
          accepted += n;
        };
        waits.push(wait.then(count, () => undefined));
      }
      expect(host.difference()).toBe(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (grace > 0) await Promise.all(waits);
    await component.shutdown(grace === 0 ? AbortSignal.abort() : AbortSignal.timeout(grace));
    await Promise.all(waits);
    await one.close();
    expect(host.difference()).toBe(0);
    expect(host.books).toMatchObject({ offered: accepted, queued: 0, inFlight: 0 });
    expect(budget.used).toBe(0);
  });
  await fc.assert(property, { seed: 3, numRuns: 40 });
}, 60_000);

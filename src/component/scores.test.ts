// What exporters to score APIs share, before a real HTTP server: answers by status, what is repeated, what is never said.
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Secret } from '../../config/secret.ts';
import { createBudget } from './budget.ts';
import type { Component, Consumer } from './component.ts';
import { apiEndpoint, type Calls, checkEndpoint, checkKey, scoreExporter, scoreOptions } from './scores.ts';
import { testHost, tracesOf, until } from './testing.ts';
import { type Asked, type Said, scoreServer } from './testing-scores.ts';

const KEY = 'k3y-of-nobody-0123456789';
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** One call a span, named by its place, unless `calls` says otherwise. */
const onePerItem = (items: number): Calls => ({
  calls: Array.from({ length: items }, (_, i) => ({ method: 'POST', path: `/scores/${i}`, body: { i }, items: 1 })),
  refused: 0,
  reason: '',
});

async function start(
  answer: (asked: Asked, n: number) => Said | undefined,
  calls: (items: number) => Calls = onePerItem,
  more: Readonly<Record<string, unknown>> = {},
) {
  const server = await scoreServer(answer);
  const given = {
    retry_on_failure: { initial_interval: '1ms', max_interval: '1ms' },
    sending_queue: { num_consumers: 1 },
    ...more,
  };
  const options = z.strictObject(scoreOptions(100)).parse(given);
  const api = {
    endpoint: server.url,
    headers: {
      authorization: new Secret(`Basic ${Buffer.from(`public-part:${KEY}`).toString('base64')}`),
      'x-key': new Secret(KEY),
    },
    check: { 401: 'Check the key.' },
    calls: ({ items }: { readonly items: number }) => calls(items),
  };
  const exporter: Component & Consumer = scoreExporter('scores', options, { budget: createBudget(1e9) }, api);
  const host = testHost();
  await exporter.start(host);
  ends.push(
    () => server.close(),
    () => exporter.shutdown(AbortSignal.timeout(50)),
  );
  return { server, host, exporter, paths: () => server.asked.map(({ method, path }) => `${method} ${path}`) };
}

const settled = (host: ReturnType<typeof testHost>, items: number) =>
  until(() => host.books.sent + host.books.rejected + Object.values(host.books.dropped).reduce((a, b) => a + b, 0) === items);

test('calls are made in order, as JSON, with the headers', async () => {
  const { server, host, exporter, paths } = await start(() => ({ status: 200, body: '{}' }));
  await exporter.consume(tracesOf(['a', 'b']));
  await settled(host, 2);
  expect(paths()).toEqual(['POST /scores/0', 'POST /scores/1']);
  expect(server.asked[0]).toMatchObject({
    body: { i: 0 },
    headers: { 'content-type': 'application/json', 'x-key': KEY, 'user-agent': 'misstep/0.0.0' },
  });
  expect(host.books).toMatchObject({ sent: 2, rejected: 0 });
  expect(host.difference()).toBe(0);
});

describe.each([408, 429, 500, 502, 503, 504])('%i is tried again', (status) => {
  test('from the call that failed on; what was answered is not asked again', async () => {
    const { host, exporter, paths } = await start((_asked, n) => ({ status: n === 2 ? status : 200 }));
    await exporter.consume(tracesOf(['a', 'b', 'c']));
    await settled(host, 3);
    expect(paths()).toEqual(['POST /scores/0', 'POST /scores/1', 'POST /scores/1', 'POST /scores/2']);
    expect(host.books.sent).toBe(3);
  });
});

test.each([400, 404, 405, 409, 415, 422, 301, 307])('%i is final, for the one finding that it is about', async (status) => {
  const { host, exporter, server } = await start((_asked, n) => ({
    status: n === 1 ? status : 200,
    headers: { location: '/else' },
  }));
  await exporter.consume(tracesOf(['a', 'b', 'c']));
  await settled(host, 3);
  expect(server.asked.length).toBe(3);
  expect(host.books).toMatchObject({ sent: 2, rejected: 1 });
});

test.each([401, 403])('%i is final for all that is left', async (status) => {
  const { host, exporter, server } = await start((_asked, n) => ({ status: n === 1 ? 200 : status }));
  await exporter.consume(tracesOf(['a', 'b', 'c', 'd']));
  await settled(host, 4);
  expect(server.asked.length).toBe(2);
  expect(host.books).toMatchObject({ sent: 1, rejected: 3 });
});

test('when nothing of a batch is taken, it is dropped and said', async () => {
  const { host, exporter } = await start(() => ({ status: 401, body: '{"message":"no such key"}' }));
  await exporter.consume(tracesOf(['a', 'b']));
  await settled(host, 2);
  expect(host.books.dropped).toEqual({ permanent: 2 });
  expect(JSON.stringify(host.logs)).toContain('HTTP 401: {\\"message\\":\\"no such key\\"} Check the key.');
});

test('Retry-After is read: a wait beyond the end of retries is not begun', async () => {
  const { host, exporter, server } = await start(() => ({ status: 429, headers: { 'retry-after': '3600' } }));
  await exporter.consume(tracesOf(['a']));
  await settled(host, 1);
  expect(server.asked.length).toBe(1);
  expect(host.books.dropped).toEqual({ retries_exhausted: 1 });
});

test('413 halves what has several findings and refuses what has one', async () => {
  const together = (items: number): Calls => ({
    calls: [{ method: 'POST', path: '/all', body: { items }, items }],
    refused: 0,
    reason: '',
  });
  const { host, exporter, server } = await start(
    (asked) => ({ status: (asked.body as { items: number }).items > 2 ? 413 : 200 }),
    together,
  );
  await exporter.consume(tracesOf(['a', 'b', 'c', 'd']));
  await settled(host, 4);
  expect(server.asked.map(({ body }) => (body as { items: number }).items)).toEqual([4, 2, 2]);
  const single = await start(() => ({ status: 413 }), together);
  await single.exporter.consume(tracesOf(['a']));
  await settled(single.host, 1);
  expect(single.host.books.dropped).toEqual({ permanent: 1 });
});

test('what has no place in the API is rejected beside what is sent', async () => {
  const some = (): Calls => ({ calls: [{ method: 'POST', path: '/', body: {}, items: 1 }], refused: 2, reason: 'no findings' });
  const { host, exporter } = await start(() => ({ status: 200 }), some);
  await exporter.consume(tracesOf(['a', 'b', 'c']));
  await settled(host, 3);
  expect(host.books).toMatchObject({ sent: 1, rejected: 2 });
  expect(JSON.stringify(host.logs)).toContain('no findings');
});

test('a delete of what is gone is done', async () => {
  const one = (): Calls => ({ calls: [{ method: 'DELETE', path: '/x', items: 1, gone: [404] }], refused: 0, reason: '' });
  const { host, exporter } = await start(() => ({ status: 404 }), one);
  await exporter.consume(tracesOf(['a']));
  await settled(host, 1);
  expect(host.books.sent).toBe(1);
});

test('an API that repeats the key is not repeated', async () => {
  const body = JSON.stringify({ basic: Buffer.from(`public-part:${KEY}`).toString('base64'), said: `key ${KEY} of public-part` });
  const { host, exporter } = await start((_asked, n) => ({ status: n === 1 ? 500 : 400, body }));
  await exporter.consume(tracesOf(['a']));
  await settled(host, 1);
  const told = JSON.stringify([host.logs, host.statuses_]);
  expect(told).toContain('HTTP 400');
  for (const secret of [KEY, 'public-part', Buffer.from(`public-part:${KEY}`).toString('base64')])
    expect(told).not.toContain(secret);
});

test('an API that hangs holds nobody: the queue fills, what finds it full is counted, a stop ends it', async () => {
  const queue = { sending_queue: { num_consumers: 1, queue_size: 1 } };
  const { host, exporter, server } = await start(() => undefined, onePerItem, queue);
  await exporter.consume(tracesOf(['a']));
  await until(() => server.asked.length === 1);
  for (let i = 0; i < 3; i++) await exporter.consume(tracesOf(['b']));
  expect(host.metric('misstep_scores_not_kept')).toBeGreaterThan(0);
  await exporter.shutdown(AbortSignal.timeout(1));
  expect(host.books).toMatchObject({ queued: 0, inFlight: 0, sent: 0 });
  expect(host.difference()).toBe(0);
});

test('`when_full: refuse` makes the sender wait', async () => {
  const queue = { when_full: 'refuse', sending_queue: { num_consumers: 1, queue_size: 1 } };
  const { exporter, server } = await start(() => undefined, onePerItem, queue);
  await exporter.consume(tracesOf(['a']));
  await until(() => server.asked.length === 1);
  await expect(Promise.all([1, 2, 3].map(() => exporter.consume(tracesOf(['b']))))).rejects.toMatchObject({ name: 'Refused' });
});

describe('options', () => {
  const schema = z
    .strictObject({ endpoint: apiEndpoint(), key: z.string().transform((text) => new Secret(text)), ...scoreOptions(10) })
    .superRefine(({ endpoint, allow_link_local, key }, ctx) => {
      checkEndpoint(endpoint, allow_link_local, ctx);
      checkKey(key, ['key'], ctx);
    });

  test.each([
    ['https://host/base/', 'k', 'https://host/base'],
    ['http://[::1]:6006', 'k', 'http://[::1]:6006'],
  ])('%s', (endpoint, key, wanted) => {
    expect(schema.parse({ endpoint, key }).endpoint).toBe(wanted);
  });

  test.each([
    ['ftp://host', 'k', 'endpoint'],
    ['host', 'k', 'endpoint'],
    ['https://user:pass@host', 'k', 'endpoint'],
    ['https://host/?a=b', 'k', 'endpoint'],
    ['http://169.254.169.254', 'k', 'endpoint'],
    ['https://host', '', 'key'],
    ['https://host', 'a\r\nb: c', 'key'],
  ])('%s with %j is refused', (endpoint, key, where) => {
    const { error } = schema.safeParse({ endpoint, key });
    expect(error?.issues.map(({ path }) => path.join('.'))).toContain(where);
    expect(JSON.stringify(error?.issues)).not.toContain('a\\r\\nb');
  });
});

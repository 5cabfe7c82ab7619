// Live findings over a real socket: what a reader gets, and what it loses when it does not read.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { testHost, until } from '../../src/component/testing.ts';
import { createHealthCheck, factory } from './health_check.ts';

const running: ReturnType<typeof createHealthCheck>[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.shutdown(new AbortController().signal);
});

async function serve() {
  const host = testHost();
  const health = createHealthCheck(factory.options.parse({ endpoint: 'localhost:0' }));
  running.push(health);
  await health.start(host);
  const open = async (headers: Record<string, string> = {}): Promise<IncomingMessage> => {
    const request = get({ host: '127.0.0.1', port: health.port, path: '/findings', headers });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    return response;
  };
  return { host, health, open };
}

/** The records that have come, as they come. */
function records(response: IncomingMessage): Record<string, unknown>[] {
  const got: Record<string, unknown>[] = [];
  let rest = '';
  response.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    got.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>));
  });
  return got;
}

test('a reader gets what is announced from then on, a line each', async () => {
  const { host, open } = await serve();
  host.announce(() => {
    throw new Error('nobody watches: must not be made');
  });
  const got = records(await open());
  await until(() => got.length === 1);
  host.announce(() => ({ kind: 'detection', id: 'a' }));
  host.announce(() => ({ kind: 'detection', id: 'b' }));
  await until(() => got.length === 3);
  expect(got).toEqual([
    { kind: 'hello', schema: 1, version: '0.0.0' },
    { kind: 'detection', id: 'a' },
    { kind: 'detection', id: 'b' },
  ]);
});

test('a reader that does not read loses records and is told how many; the other one gets them all', async () => {
  const { host, open } = await serve();
  const [slow, quick] = [await open(), records(await open())];
  const padding = 'x'.repeat(10_000);
  const COUNT = 2_000;
  for (let i = 0; i < COUNT; i++) {
    host.announce(() => ({ kind: 'detection', i, padding }));
    if (i % 20 === 0) await until(() => quick.length >= i);
  }
  await until(() => quick.length === COUNT + 1);
  const late = records(slow);
  await until(() => late.some(({ kind }) => kind === 'dropped') && host.metric('misstep_live_findings_dropped') > 0);
  const dropped = () => late.reduce((sum, { kind, count }) => sum + (kind === 'dropped' ? Number(count) : 0), 0);
  const seen = () => late.filter(({ kind }) => kind === 'detection').length;
  await until(() => seen() + dropped() === COUNT);
  expect(dropped()).toBe(host.metric('misstep_live_findings_dropped'));
});

test('readers are limited, and a place is free again when one leaves', async () => {
  const { open } = await serve();
  const readers = await Promise.all(Array.from({ length: 16 }, () => open()));
  expect((await open()).statusCode).toBe(503);
  readers[0]?.destroy();
  let code = 503;
  while (code === 503) {
    const next = await open();
    code = next.statusCode ?? 0;
    if (code === 503) next.resume();
  }
  expect(code).toBe(200);
});

test.each(['evil.example', 'evil.example:13133', '127.0.0.1.evil.example'])('Host: %s is refused', async (name) => {
  const { open } = await serve();
  expect((await open({ host: name })).statusCode).toBe(403);
});

test('a shutdown ends the streams', async () => {
  const { health, open } = await serve();
  const response = await open();
  response.on('error', () => undefined);
  const closed = new Promise((resolve) => response.on('close', resolve));
  await health.shutdown(new AbortController().signal);
  await closed;
});

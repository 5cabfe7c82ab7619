import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Host, Readiness, Status } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';
import { createHealthCheck, factory } from './health_check.ts';

const options = (value: unknown) => factory.options.parse(value);

/** What the extension asks of its host; the clock goes 65 s on after the start. */
function host(statuses: Record<string, Status>, readiness: Readiness): Host {
  let now = Date.UTC(2026, 0, 1);
  const clock = {
    now() {
      const before = now;
      now += 65_000;
      return before;
    },
    monotonic: () => 0,
  };
  return {
    ...testHost(),
    clock,
    statuses: () => new Map(Object.entries(statuses)),
    readiness: () => readiness,
  };
}

const running: ReturnType<typeof createHealthCheck>[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.shutdown(new AbortController().signal);
});

async function serve(statuses: Record<string, Status>, readiness: Readiness = { ready: true, reasons: [] }, value: unknown = {}) {
  const health = createHealthCheck({ ...options(value), endpoint: 'localhost:0' });
  running.push(health);
  await health.start(host(statuses, readiness));
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${health.port}${path}`, { method });
    const text = await response.text();
    return { code: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };
}

describe('answers', () => {
  test('the Collector’s answer while everything runs', async () => {
    const get = await serve({ 'exporter:a': { state: 'ok' }, 'exporter:b': { state: 'degraded', reason: 'slow' } });
    expect(await get('/?x=1')).toEqual({
      code: 200,
      body: { status: 'Server available', upSince: '2026-01-01T00:00:00.000Z', uptime: '1m5s' },
    });
  });

  test('a component that fails is no reason to restart the process, but not to be called ready', async () => {
    const failing: Status = { state: 'failing', reason: 'no route' };
    const get = await serve({ 'exporter:a': failing }, { ready: false, reasons: ['exporter:a: no route'] });
    expect((await get('/')).code).toBe(200);
    expect(await get('/ready')).toEqual({ code: 503, body: { ready: false, reasons: ['exporter:a: no route'] } });
    expect(await get('/status')).toMatchObject({ code: 200, body: { ready: false, components: { 'exporter:a': failing } } });
  });

  test.each<Status>([{ state: 'starting' }, { state: 'stopped' }])('503 while a component is $state', async (status) => {
    const get = await serve({ 'receiver:otlp': status });
    expect(await get('/')).toEqual({ code: 503, body: { status: 'Server not available' } });
  });

  test.each([
    ['/other', 'GET', 404],
    ['/', 'POST', 405],
    ['/ready', 'HEAD', 200],
  ])('%s by %s: %i', async (path, method, code) => {
    const get = await serve({});
    expect((await get(path, method)).code).toBe(code);
  });

  test('the path of the plain answer can be set', async () => {
    const get = await serve({}, { ready: true, reasons: [] }, { path: '/healthz' });
    expect((await get('/healthz')).code).toBe(200);
    expect((await get('/')).code).toBe(404);
  });
});

test('a taken port is said with what to do', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const endpoint = `localhost:${(other.address() as AddressInfo).port}`;
  const health = createHealthCheck(options({ endpoint }));
  await expect(health.start(host({}, { ready: true, reasons: [] }))).rejects.toThrow(
    `cannot listen on ${endpoint}: the port is taken`,
  );
  await health.shutdown(new AbortController().signal);
  await new Promise((resolve) => other.close(resolve));
});

test.each<[unknown, string | undefined]>([
  [{}, undefined],
  [{ endpoint: '127.0.0.1:1' }, undefined],
  [{ endpoint: '[::1]:1' }, undefined],
  [{ endpoint: '0.0.0.0:1', insecure: true }, undefined],
  [{ endpoint: '0.0.0.0:1' }, "set 'insecure: true' beside the endpoint"],
  [{ endpoint: ':13133' }, "set 'insecure: true' beside the endpoint"],
  [{ endpoint: '[::]:1' }, "set 'insecure: true' beside the endpoint"],
  [{ endpoint: '127.0.0.1.evil.org:1' }, "set 'insecure: true' beside the endpoint"],
  [{ endpoint: 'localhost' }, 'must be host:port'],
  [{ endpoint: 'localhost:70000' }, 'port 70000 is above 65535'],
  [{ path: 'healthz' }, 'Invalid string'],
])('options %o: %s', (value, wrong) => {
  const parsed = factory.options.safeParse(value);
  if (wrong === undefined) expect(parsed.success).toBe(true);
  else expect(parsed.error?.message).toContain(wrong);
});

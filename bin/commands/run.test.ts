import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { configure, sourcesOf } from '../configure.ts';
import { shippedConfig } from '../shipped.ts';
import { startSidecar, watchFiles } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A port that was free a moment ago; the receiver takes a fixed one, so that a reload can be seen to keep it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function overlay(http: number, grpc: number, health: number, exporters: readonly string[]): string {
  const none = { exporters: ['nop'] };
  return JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` }, http: { endpoint: `127.0.0.1:${http}` } } } },
    exporters: { nop: null, 'nop/second': null },
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      pipelines: { traces: { exporters: [...exporters, 'detections'] }, logs: none, metrics: none },
      telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
    },
  });
}

/** POST over the one connection that `agent` keeps; which socket it was shows whether the listener stayed. */
function post(agent: Agent, port: number): Promise<{ readonly status: number; readonly localPort: number }> {
  const body = JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 's', startTimeUnixNano: '1', endTimeUnixNano: '2' }],
          },
        ],
      },
    ],
  });
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      port,
      host: '127.0.0.1',
      path: '/v1/traces',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    };
    const sent = request(options, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, localPort: sent.socket?.localPort ?? 0 }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('a reload keeps the connection of a client of the real receiver; health is served all along', async () => {
  const [http, grpc, health] = [await freePort(), await freePort(), await freePort()];
  const sidecar = await startSidecar(overlay(http, grpc, health, ['nop']));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const first = await post(agent, http);
    expect(first.status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${health}/ready`)).status).toBe(200);
    const sources = sourcesOf({});
    const next = await configure({
      ...sources,
      files: [...sources.files, `yaml:${overlay(http, grpc, health, ['nop', 'nop/second'])}`],
    });
    expect(next.errors).toEqual([]);
    if (next.spec !== undefined) await sidecar.service.reload(next.spec);
    const second = await post(agent, http);
    expect(second).toEqual(first);
    expect(Object.keys(Object.fromEntries(sidecar.service.statuses()))).toContain('exporter:nop/second');
    expect(sidecar.service.book.receivers()).toContainEqual(
      expect.objectContaining({ receiver: 'otlp', signal: 'traces', accepted: 2 }),
    );
    expect(sidecar.service.book.balance()).toBe(0);
  } finally {
    agent.destroy();
    await sidecar.shutdown();
  }
  await expect(fetch(`http://127.0.0.1:${health}/`)).rejects.toThrow();
});

test('a configuration with problems starts nothing and says all of them', async () => {
  const wrong = JSON.stringify({ processors: { detect: { emit_abov: 1 } }, service: { telemetry: { logs: { level: 'loud' } } } });
  await expect(startSidecar(wrong)).rejects.toThrow(/emit_abov[\s\S]*level|level[\s\S]*emit_abov/);
});

test.each(['default.yaml', 'container.yaml'])('the shipped %s is accepted', async (name) => {
  const { spec, errors } = await configure({ ...sourcesOf({ config: [shippedConfig(name)] }), env: {} });
  expect(errors).toEqual([]);
  expect(spec).toBeDefined();
});

test('several files are merged, --set stands last', async () => {
  const site = join(folder, 'site.yaml');
  writeFileSync(site, 'processors:\n  detect:\n    emit_above: 0.7\n');
  const sources = sourcesOf({ config: [shippedConfig('default.yaml'), site], set: ['processors.detect.emit_above=0.9'] });
  const { spec } = await configure(sources);
  expect(spec?.processors.get('detect')?.options).toMatchObject({ emit_above: 0.9 });
});

test('--watch sees a file that is written and a link that is set to another, as Kubernetes does', async () => {
  const [plain, linked] = [join(folder, 'watched.yaml'), join(folder, 'linked.yaml')];
  writeFileSync(plain, 'a: 1');
  writeFileSync(join(folder, 'v1.yaml'), 'a: 1');
  writeFileSync(join(folder, 'v2.yaml'), 'a: 2');
  symlinkSync('v1.yaml', linked);
  let wake: () => void = () => {};
  const changed = () => new Promise<void>((resolve) => (wake = resolve));
  const unwatch = watchFiles({ ...sourcesOf({ config: ['watched.yaml', `file:${linked}`, 'yaml:a::b: 1'] }), cwd: folder }, () =>
    wake(),
  );
  try {
    // The first look may come after a change: it is made again until it is seen.
    const seen = async (change: (i: number) => void): Promise<void> => {
      let over = false;
      const done = changed().then(() => {
        over = true;
      });
      for (let i = 0; !over; i++) {
        change(i);
        await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 1_500))]);
      }
    };
    await seen((i) => writeFileSync(plain, `a: 2 # ${'longer'.repeat(i + 1)}`));
    await seen((i) => {
      symlinkSync(i % 2 === 0 ? 'v2.yaml' : 'v1.yaml', join(folder, 'next'));
      renameSync(join(folder, 'next'), linked);
    });
  } finally {
    unwatch();
  }
});

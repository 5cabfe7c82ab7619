// metrics.ts is true: a sidecar in this process, brought into each state that it names, shows every metric with exactly those labels.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { configure } from '../../bin/configure.ts';
import { type Backend, backend, ok, status } from '../../exporters/otlp_http/testing.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { createLogger } from '../../src/service/logger.ts';
import { type Service, startService } from '../../src/service/service.ts';
import { COMMON, PUSHED, pulled } from './metrics.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-dashboards-'));
let service: Service;
let taking: Backend;
let refusing: Backend;
/** Of each metric on the page, the label sets of its series without those that all have. */
let page: ReadonlyMap<string, readonly (readonly string[])[]>;
const lines: string[] = [];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function read(text: string): ReadonlyMap<string, readonly (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
    const names = [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label = '']) => label);
    found.set(name, [...(found.get(name) ?? []), names.filter((label) => !COMMON.includes(label)).sort()]);
  }
  return found;
}

const scrape = async (): Promise<string> => (await fetch(`http://127.0.0.1:${service.metricsPort}/metrics`)).text();

beforeAll(async () => {
  const port = await freePort();
  taking = await backend(ok);
  // Refuses in a way that may pass: without retries that is a loss.
  refusing = await backend(status(503, {}, ''));
  const { spec, errors } = await configure({
    files: [
      `yaml:${JSON.stringify({
        extensions: { file_storage: { directory: join(folder, 'storage'), create_directory: true } },
        receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
        processors: { memory_limiter: { check_interval: '1s', limit_mib: 4096 }, detect: { idle: '1s' } },
        exporters: {
          'otlp_http/taking': { endpoint: taking.url, sending_queue: { storage: 'file_storage' } },
          'otlp_http/refusing': { endpoint: refusing.url, retry_on_failure: { enabled: false } },
        },
        connectors: { detections: { metrics_flush_interval: '1s' } },
        service: {
          extensions: ['file_storage'],
          pipelines: {
            traces: {
              receivers: ['otlp'],
              processors: ['memory_limiter', 'detect'],
              exporters: ['otlp_http/taking', 'otlp_http/refusing', 'detections'],
            },
            metrics: { receivers: ['detections'], exporters: ['otlp_http/taking'] },
          },
          telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 'localhost', port: 0 } } } }] } },
        },
      })}`,
    ],
    sets: [],
    env: {},
    cwd: '/',
  });
  expect(errors).toEqual([]);
  const logger = createLogger({ level: 'info', encoding: 'console' }, (line) => lines.push(line));
  service = await startService(spec as NonNullable<typeof spec>, { buildVersion: 'test', logger });
  const send = async (body: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    await (await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers, body })).arrayBuffer();
  };
  const atStart = read(await scrape());
  for (const { name } of pulled.filter(({ when }) => when === 'start'))
    expect([...atStart.keys()], lines.join('')).toContain(name);
  await send(readFileSync(join(import.meta.dirname, '../../examples/demo/recording.json'), 'utf8'));
  await send('not JSON');
  await vi.waitFor(
    async () => {
      page = read(await scrape());
      for (const name of ['misstep_detector_windows', 'misstep_ledger_dropped']) expect([...page.keys()]).toContain(name);
      expect(taking.received.map(({ path }) => path)).toContain('/v1/metrics');
    },
    { timeout: 20_000, interval: 50 },
  );
}, 30_000);

afterAll(async () => {
  await service.shutdown(AbortSignal.timeout(10_000));
  await taking.close();
  await refusing.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each(pulled.map(({ name, labels }) => ({ name, labels })))('$name', ({ name, labels }) => {
  const series = page.get(name);
  expect(series, `${name} is not on the page`).toBeDefined();
  for (const one of series ?? []) expect(one).toEqual([...labels].sort());
});

test('every series has the labels of the resource', async () => {
  const resource = COMMON.filter((label) => label.startsWith('service_'));
  for (const line of (await scrape()).split('\n').filter((one) => /^\w/.test(one))) {
    for (const label of resource) expect(line).toContain(`${label}="`);
  }
});

test('the connector sends its metric: a monotonic sum whose unit leaves no suffix in Prometheus', () => {
  // biome-ignore lint/suspicious/noExplicitAny: OTLP as JSON.
  const metrics: any[] = taking.received
    .filter(({ path }) => path === '/v1/metrics')
    // biome-ignore lint/suspicious/noExplicitAny: OTLP as JSON.
    .flatMap(({ body }) => (protobufToDocument('metrics', body) as any).resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap((scope) => scope.metrics);
  const found = metrics.find(({ name }) => name === PUSHED.name);
  expect(found?.sum.isMonotonic).toBe(true);
  expect(found?.unit ?? '').toMatch(/^(\{\w+\})?$/);
  const keys = found.sum.dataPoints.flatMap(({ attributes }: { attributes: { key: string }[] }) =>
    attributes.map(({ key }) => key),
  );
  expect([...new Set(keys)].sort()).toEqual(expect.arrayContaining([...PUSHED.labels].sort()));
});

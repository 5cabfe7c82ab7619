// What top, tail and doctor say of a real sidecar into which the demo's recording was sent.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { until } from '../../src/component/testing.ts';
import { diagnose } from './diagnose.ts';
import { report } from './doctor.ts';
import { startSidecar } from './run.ts';
import { readStatus, type StatusPage } from './status.ts';
import { tail } from './tail.ts';
import { screen } from './top-screen.ts';

const RECORDING = readFileSync(new URL('../../examples/demo/recording.json', import.meta.url));
const PROCESSOR = 'processor:detect@traces';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Live {
  readonly url: string;
  send(): Promise<void>;
  stop(): Promise<void>;
}

async function start(detect: object | null = null, health?: number): Promise<Live> {
  const [http, grpc, port] = [await freePort(), await freePort(), health ?? (await freePort())];
  const none = { exporters: ['nop'] };
  const sidecar = await startSidecar(
    JSON.stringify({
      receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` }, http: { endpoint: `127.0.0.1:${http}` } } } },
      processors: { detect },
      exporters: { nop: null },
      extensions: { health_check: { endpoint: `127.0.0.1:${port}` } },
      service: {
        pipelines: { traces: { exporters: ['nop', 'detections'] }, logs: none, metrics: none },
        telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
      },
    }),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    async send() {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`http://127.0.0.1:${http}/v1/traces`, { method: 'POST', headers, body: RECORDING });
      expect(response.status).toBe(200);
    },
    stop: () => sidecar.shutdown(),
  };
}

/** What is written to a stream of the process from here on. */
function capture(stream: 'stdout' | 'stderr'): () => string {
  let text = '';
  vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  return () => text;
}

afterEach(() => vi.restoreAllMocks());

describe('after the recording', () => {
  let live: Live;
  let before: StatusPage;
  let page: StatusPage;
  beforeAll(async () => {
    live = await start({ tiers: [1, 2, 3], detectors: { cost: { enabled: false } } });
    before = await readStatus(live.url);
    await live.send();
    page = await readStatus(live.url);
  });
  afterAll(() => live.stop());

  test('the status has ledger, windows and detectors', () => {
    expect(page.pipelines).toHaveProperty('traces');
    expect(page.receivers).toContainEqual({ receiver: 'otlp', transport: 'http', signal: 'traces', accepted: 21, refused: 0 });
    expect(page.exporters).toContainEqual(
      expect.objectContaining({ exporter: 'nop', signal: 'traces', sent: 21, difference: 0 }),
    );
    const detect = page.detect?.[PROCESSOR];
    expect(detect).toMatchObject({ spans: 21, steps: 21, windows_open: 1 });
    expect(detect?.detectors['loop']).toMatchObject({ state: 'on', handed_on: 1, open: { windows: { fail: 1 } } });
    expect(detect?.detectors['cost']).toMatchObject({ state: 'off' });
  });

  test.each([
    ['loop', 'fired'],
    ['grounding', 'blind'],
    ['cost', 'off'],
    ['completion', 'waiting'],
  ] as const)('doctor: %s is %s', (detector, verdict) => {
    expect(diagnose(page, PROCESSOR, detector).verdict).toBe(verdict);
  });

  test('doctor before the first span says where to send them', () => {
    expect(diagnose(before, PROCESSOR, 'loop')).toMatchObject({ verdict: 'no spans', todo: [expect.stringContaining('OTEL_')] });
  });

  test('top shows rates between two moments, at any width', () => {
    const lines = screen({ page: before, atMs: 0 }, { page, atMs: 3_000 }, 120);
    expect(lines.join('\n')).toMatch(/spans +7\/s in {3}21 taken {3}0 refused {3}7\/s agent steps/);
    expect(lines.join('\n')).toMatch(/\nloop +1 /);
    for (const columns of [40, 80, 120]) {
      for (const line of screen({ page: before, atMs: 0 }, { page, atMs: 1_000 }, columns)) {
        expect(line.length).toBeLessThanOrEqual(columns);
      }
    }
  });

  test('the report of doctor keeps to the columns and names every detector once', () => {
    const lines = report(page, undefined, 80);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
    const words = lines
      .filter((line) => !line.includes('->'))
      .join(' ')
      .split(/[\s,:]+/);
    for (const id of ['loop', 'grounding', 'cost', 'openclaw_tool_abuse'])
      expect(words.filter((word) => word === id)).toHaveLength(1);
  });
});

describe('tail', () => {
  const options = { minSeverity: 'low' } as const;

  test('prints a line a finding, and keeps what was asked to be left out', async () => {
    const live = await start();
    const [said, noticed, end] = [capture('stdout'), capture('stderr'), new AbortController()];
    const all = tail({ ...options, url: live.url }, end.signal);
    const loops = tail({ ...options, url: live.url, detector: ['loop'], json: true }, end.signal);
    const critical = tail({ url: live.url, minSeverity: 'critical' }, end.signal);
    await until(() => noticed().split('Waiting for findings').length === 4);
    await live.send();
    await until(() => said().trim().split('\n').length === 5);
    end.abort();
    await Promise.all([all, loops, critical, live.stop()]);
    const lines = said().trim().split('\n');
    const plain = lines.filter((line) => !line.startsWith('{'));
    expect(plain[0]).toMatch(
      /^\d\d:\d\d:\d\d HIGH {6}loop {2}researcher→web_search {2}Tool 'web_search' ran 5 times.* {2}87 % {2}trace 3d30\w{28} {2}span 796d\w{12}$/,
    );
    expect(plain.filter((line) => line.includes(' CRITICAL '))).toHaveLength(2);
    const records = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records).toEqual([expect.objectContaining({ kind: 'detection', detector: 'loop', tenant: 'default' })]);
  });

  test('a restart is said and survived', async () => {
    const first = await start();
    const [said, noticed, end] = [capture('stdout'), capture('stderr'), new AbortController()];
    const running = tail({ ...options, url: first.url, detector: ['loop'] }, end.signal);
    await until(() => noticed().includes('Waiting'));
    await first.stop();
    await until(() => noticed().includes('does not answer'));
    const second = await start(null, Number(new URL(first.url).port));
    await until(() => noticed().includes('answers again'));
    await second.send();
    await until(() => said().includes('web_search'));
    end.abort();
    await Promise.all([running, second.stop()]);
  });
});

test.each([
  ['nobody', undefined, /nobody listens there[\s\S]*misstep run[\s\S]*--url/],
  ['something else', 'Hello', /answers with 200, but not as the health_check/],
])('%s at the address: what to do', async (_, body, message) => {
  const port = await freePort();
  const server = createServer((_request, response) => response.end(body));
  if (body !== undefined) await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${port}`;
  await expect(readStatus(url)).rejects.toThrow(message);
  await expect(tail({ url, minSeverity: 'low' }, new AbortController().signal)).rejects.toThrow(message);
  server.close();
});

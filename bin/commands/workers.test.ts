// The built command line with its detectors in threads: what it finds, and what `/status` (top and doctor read it) says of them.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { until } from '../../src/component/testing.ts';
import { diagnose } from './diagnose.ts';
import { readStatus } from './status.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));
const RECORDING = readFileSync(new URL('../../examples/demo/recording.json', import.meta.url));
const PROCESSOR = 'processor:detect@traces';
const folder = mkdtempSync(join(tmpdir(), 'misstep-workers-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Sends the recording, asks for the status and stops. `found`: the ids of the findings, sorted. */
async function run(workers: number) {
  const [config, out] = [join(folder, `${workers}.yaml`), join(folder, `${workers}.json`)];
  const health = `127.0.0.1:${await freePort()}`;
  const written = {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
    processors: { detect: { workers } },
    exporters: { file: { path: out } },
    extensions: { health_check: { endpoint: health } },
    service: {
      extensions: ['health_check'],
      pipelines: { traces: { receivers: ['otlp'], processors: ['detect'], exporters: ['file'] } },
      telemetry: { metrics: { level: 'none' } },
    },
  };
  writeFileSync(config, JSON.stringify(written));
  const child = spawn('node', [built, 'run', '--config', config]);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk));
  try {
    await until(() => said.includes('Everything is ready'));
    const headers = { 'content-type': 'application/json' };
    const traces = `http://${/"http":"([^"]+)"/.exec(said)?.[1]}/v1/traces`;
    expect((await fetch(traces, { method: 'POST', headers, body: RECORDING })).status).toBe(200);
    // What workers say of open windows comes with a tick, once a second.
    const page = await vi.waitFor(async () => {
      const now = await readStatus(`http://${health}`);
      expect(now.detect?.[PROCESSOR]?.detectors['loop']?.open.windows['fail']).toBe(1);
      return now;
    }, 10_000);
    child.kill('SIGTERM');
    await until(() => child.exitCode !== null);
    const found = [...readFileSync(out, 'utf8').matchAll(/"misstep\.detection\.id","value":\{"stringValue":"([^"]+)"/g)];
    return { page, code: child.exitCode, found: [...new Set(found.map(([, id]) => id))].sort() };
  } finally {
    child.kill('SIGKILL');
  }
}

describe.skipIf(!existsSync(built))('the built command line', () => {
  test('finds with two workers what it finds without, and says how they stand', async () => {
    const [inline, threads] = [await run(0), await run(2)];
    expect(inline.found.length).toBeGreaterThan(0);
    expect(threads.found).toEqual(inline.found);
    expect([inline.code, threads.code]).toEqual([0, 0]);
    const of = ({ page }: typeof threads) => page.detect?.[PROCESSOR];
    expect(of(threads)).toMatchObject({ spans: 21, steps: 21, windows_open: 1 });
    expect(of(threads)?.detectors['loop']).toMatchObject({ state: 'on', handed_on: 1 });
    expect(diagnose(threads.page, PROCESSOR, 'loop').verdict).toBe('fired');
  });
});

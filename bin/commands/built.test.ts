// The built command line of top, tail and doctor: exit codes, streams, checks of the machine. Skipped before a build.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { configure, sourcesOf } from '../configure.ts';
import { checkEnvironment } from './environment.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'misstep-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!existsSync(built))('exit codes', () => {
  const NOBODY = 'http://127.0.0.1:9';
  test.each([
    [['top', '--once', '--url', NOBODY], 1, "Start 'misstep run'"],
    [['tail', '--url', NOBODY], 1, "Start 'misstep run'"],
    [['doctor', '--url', NOBODY], 1, "Start 'misstep run'"],
    [['top', '--url', 'file:///etc/passwd'], 2, 'Not a URL of http or https'],
    [['tail', '--min-severity', 'huge'], 2, 'Allowed choices'],
    [['doctor', '--set', 'processors.detect.emit_abov=1'], 2, 'emit_abov'],
    [['doctor', 'loop', '--config', 'x.yaml'], 2, 'not both'],
  ] as const)('%j: %i', (args, code, text) => {
    const { status, stdout, stderr } = spawnSync('node', [built, ...args], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([code, '']);
    expect(stderr).toContain(text);
  });
});

describe('checks of the machine', () => {
  async function checks(overlay: object) {
    const sources = sourcesOf({});
    const { spec, errors } = await configure({ ...sources, files: [...sources.files, `yaml:${JSON.stringify(overlay)}`] });
    expect(errors).toEqual([]);
    return spec === undefined ? [] : checkEnvironment(spec);
  }
  const free = '127.0.0.1:0';
  const ports = (http: string) => ({
    receivers: { otlp: { protocols: { grpc: { endpoint: free }, http: { endpoint: http } } } },
    extensions: { health_check: { endpoint: free } },
    service: { telemetry: { metrics: { level: 'none' } } },
  });
  const storage = (directory: string, more: object = {}) => ({
    ...ports(free),
    extensions: { health_check: { endpoint: free }, file_storage: { directory, ...more } },
    exporters: { otlp_http: { endpoint: 'http://127.0.0.1:1', sending_queue: { storage: 'file_storage' } } },
    service: {
      extensions: ['health_check', 'file_storage'],
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { exporters: ['otlp_http', 'detections'] } },
    },
  });

  test('all is well: nothing but ok', async () => {
    const states = (await checks(ports(free))).map(({ state }) => state);
    expect(states).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  test('a taken port is named with its key', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const endpoint = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const failed = (await checks(ports(endpoint))).filter(({ state }) => state !== 'ok');
    await new Promise((resolve) => other.close(resolve));
    expect(failed).toEqual([
      { state: 'fail', path: 'receivers.otlp.protocols.http.endpoint', said: expect.stringContaining('the port is taken') },
    ]);
  });

  const of = async (directory: string, more?: object) =>
    (await checks(storage(directory, more))).filter(({ path }) => path.startsWith('extensions.file_storage'));

  test('a directory that is not there, one that is, one that will be made, a file, too little disk', async () => {
    const there = join(folder, 'there');
    mkdirSync(there);
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const small = { max_bytes: 1_048_576 };
    expect(await of(join(folder, 'away'), small)).toMatchObject([
      { state: 'fail', said: expect.stringContaining('does not exist. Make it') },
      {},
    ]);
    expect(await of(there, small)).toMatchObject([
      { state: 'ok', said: expect.stringContaining('writable and free') },
      { state: 'ok' },
    ]);
    expect(await of(join(folder, 'a/b'), { ...small, create_directory: true })).toMatchObject([{ state: 'ok' }, { state: 'ok' }]);
    expect(await of(file, small)).toMatchObject([{ state: 'fail', said: expect.stringContaining('no directory') }, {}]);
    expect(await of(there, { max_bytes: 2 ** 50 })).toMatchObject([
      {},
      { state: 'warn', said: expect.stringMatching(/the disk has \d+ MiB free/) },
    ]);
  });

  test.skipIf(process.getuid?.() === 0)('a directory of somebody else', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    expect((await of(closed))[0]).toMatchObject({ state: 'fail', said: expect.stringContaining('EACCES') });
    expect((await of(join(closed, 'in'), { create_directory: true }))[0]).toMatchObject({ state: 'fail' });
  });

  test('a memory limit above what there is', async () => {
    const over = await checks({ ...ports(free), processors: { memory_limiter: { limit_mib: 1_000_000_000 } } });
    expect(over.at(-1)).toMatchObject({ state: 'warn', path: 'processors.memory_limiter' });
    expect(over.at(-1)?.said).toMatch(/Lower limit_mib to \d+ or less/);
  });
});

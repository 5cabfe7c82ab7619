// `connect`: every entry is complete and names what exists; `--check` beside a real service.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routes } from '../../receivers/webhook/routes.ts';
import { connections } from '../connections.ts';

describe('entries', () => {
  test('have names of their own and say something', () => {
    expect(new Set(connections.map(({ name }) => name)).size).toBe(connections.length);
    for (const { name, title, paste, mind } of connections) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect([title, paste, ...mind].every((text) => text.trim().length > 2)).toBe(true);
    }
  });

  test('name paths that the webhook receiver serves', () => {
    const said = JSON.stringify(connections);
    const paths = [...said.matchAll(/\{webhook\}(\/[\w/.-]*\w)/g)].map(([, path]) => path as string);
    expect(paths.length).toBeGreaterThan(5);
    for (const path of paths) expect([...routes.keys()]).toContain(path);
  });
});

const built = join(import.meta.dirname, '../../dist/bin/misstep.js');
const demo = join(import.meta.dirname, '../../examples/demo/recording.json');
let directory = '';
let stop: () => Promise<void> = async () => {};
let otlp = '';
let health = '';

async function freePort(): Promise<number> {
  const socket = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => socket.once('listening', resolve));
  const { port } = socket.address() as AddressInfo;
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

async function misstep(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [built, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

describe.skipIf(!existsSync(built))('the built command line', () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'misstep-connect-'));
    const [http, page] = [await freePort(), await freePort()];
    const file = join(directory, 'misstep.yaml');
    writeFileSync(
      file,
      `receivers: {otlp: {protocols: {http: {endpoint: 'localhost:${http}'}}}}
processors: {detect: {}}
exporters: {nop: {}}
extensions: {health_check: {endpoint: 'localhost:${page}'}}
service: {extensions: [health_check], telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [nop]}}}
`,
    );
    otlp = `http://localhost:${http}/v1/traces`;
    health = `http://localhost:${page}`;
    const child = spawn(process.execPath, [built, 'run', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    stop = async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    };
    await new Promise<void>((resolve) => {
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('Everything is ready')) resolve();
      });
    });
  }, 60_000);
  afterAll(async () => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('without spans it says so in time, with what to look at', async () => {
    const { code, out } = await misstep('connect', 'n8n', '--check', '--timeout', '1', '--url', health);
    expect(code).toBe(1);
    expect(out).toContain('No span came at all');
    expect(out).toContain('N8N_OTEL_TRACES_PRODUCTION_ONLY=false');
  });

  test('with the first spans it says what is seen and who is blind', async () => {
    const waiting = misstep('connect', '--check', '--timeout', '30', '--url', health);
    const answer = await fetch(otlp, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: readFileSync(demo),
    });
    expect(answer.status).toBe(200);
    const { code, out } = await waiting;
    expect(code).toBe(0);
    expect(out).toMatch(/^Connected: 21 steps of agents, \d+ findings\./);
    expect(out).toMatch(/detectors lack something in every window so far: .*state: misstep\.state\.before/s);
  });

  test('prints a block with the addresses, a list, JSON; refuses what it does not know', async () => {
    expect((await misstep('connect', 'otel', '--endpoint', 'http://sidecar:4318')).out).toContain(
      'OTEL_EXPORTER_OTLP_ENDPOINT=http://sidecar:4318',
    );
    expect((await misstep('connect')).out).toContain('claude-code');
    expect(JSON.parse((await misstep('connect', 'dify', '--json')).out)).toMatchObject({ name: 'dify' });
    const { code, err } = await misstep('connect', 'n9n');
    expect(code).toBe(2);
    expect(err).toContain('n8n');
    expect((await misstep('connect', '--check', '--url', 'http://localhost:1')).code).toBe(1);
  });
});

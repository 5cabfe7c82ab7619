// The built `connect --check` beside a built misstep: what it says of recorded programs, of other programs, of nothing.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../src/component/testing.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));
const recorded = (name: string) =>
  readFileSync(new URL(`../../examples/recordings/${name}.json`, import.meta.url), 'utf8').trim();

const running: ChildProcess[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.kill('SIGKILL');
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(workers = 0) {
  const [http, health] = [await freePort(), await freePort()];
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${http}` } } } },
    processors: { detect: { workers } },
    exporters: { nop: null },
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    service: {
      extensions: ['health_check'],
      pipelines: { traces: { receivers: ['otlp'], processors: ['detect'], exporters: ['nop'] } },
      telemetry: { metrics: { level: 'none' } },
    },
  };
  let log = '';
  const child = spawn('node', [built, 'run', '--config', `yaml:${JSON.stringify(config)}`]);
  running.push(child);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (log += bytes));
  await until(() => log.includes('Everything is ready'));
  return {
    url: `http://127.0.0.1:${health}`,
    async send(body: string) {
      const headers = { 'content-type': 'application/json' };
      const { status } = await fetch(`http://127.0.0.1:${http}/v1/traces`, { method: 'POST', headers, body });
      expect(status).toBe(200);
    },
  };
}

function check(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile('node', [built, 'connect', ...args, '--check'], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

describe.skipIf(!existsSync(built))('the built connect --check', () => {
  test.each([
    ['vercel-ai', 'vercel-ai', 'ai', 0],
    ['openai-responses', 'openinference', 'openinference.instrumentation.openai', 0],
    ['openai-responses', 'openinference', 'openinference.instrumentation.openai', 2],
    ['otel', 'openai-v2', 'opentelemetry.util.genai.handler', 0],
  ])('%s waits for %s and names scope %s, with %i workers', async (name, recording, scope, workers) => {
    const misstep = await start(workers);
    const waiting = check(name, '--url', misstep.url, '--timeout', '60');
    await misstep.send(recorded(recording));
    const { code, out, err } = await waiting;
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^First step: scope ${scope}, service record-[\\w-]+, attributes of \\w+`));
    expect(out).toMatch(/\n\d+ steps of agents in \d+ spans, through otlp http\.\nBlind so far \(\d+\): [\w, ]+\.\n/);
  });

  test("another program's spans are named, and are not what was asked for", async () => {
    const misstep = await start();
    await misstep.send(recorded('vercel-ai'));
    const crewai = ['crewai', '--url', misstep.url, '--timeout', '0.5'];
    const { code, out, err } = await check(...crewai);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^misstep connect: nothing of crewai within 0\.5 s; what came is of others: scope ai, service record-vercel-ai, /,
    );
    const adk = await check('adk', '--url', misstep.url, '--timeout', '0.1', '--endpoint', 'http://there:4318');
    expect([adk.code, adk.err]).toEqual([1, expect.not.stringContaining('{webhook}')]);
    const json = await check(...crewai, '--json');
    expect([json.code, json.err]).toEqual([1, '']);
    expect(JSON.parse(json.out)).toMatchObject({ framework: 'crewai', came: [], others: [{ scope: 'ai' }] });
    expect((await check('--url', misstep.url, '--timeout', '0.5')).out).toMatch(/^First step: scope ai, /);
  });

  test('nothing came', async () => {
    const misstep = await start();
    const { code, out, err } = await check('n8n', '--url', misstep.url, '--timeout', '0.3');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^misstep connect: nothing of n8n within 0\.3 s; no span came: .+\?\nMind: .+\nSee also: misstep doctor\n$/,
    );
  });

  test.each([
    [['n8m'], 2, "Did you mean 'n8n'?"],
    [['n8n', '--timeout', '-1'], 2, 'Not a number of seconds'],
    [['n8n', '--timeout', 'soon'], 2, 'Not a number of seconds'],
    [['n8n', '--timeout', '3601'], 2, 'Not a number of seconds'],
    [['n8n', '--url', 'ftp://x'], 2, 'Not a URL of http or https'],
    [['n8n', '--url', 'http://127.0.0.1:9'], 1, "Start 'misstep run'"],
    [['n8n', 'dify'], 2, 'too many arguments'],
  ])('%j: exit %i', async (args, code, text) => {
    const seen = await check(...args);
    expect([seen.code, seen.out]).toEqual([code, '']);
    expect(seen.err).toContain(text);
  });

  test('somebody else answers', async () => {
    const server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, err } = await check('n8n', '--url', `http://127.0.0.1:${port}`);
    server.close();
    expect([code, err]).toEqual([1, expect.stringContaining('not as the health_check extension')]);
  });
});

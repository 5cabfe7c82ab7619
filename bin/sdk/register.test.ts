// `node --import misstep/register` as a process: a program with the OpenTelemetry API and no SDK. Skipped before a build.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = existsSync(join(root, 'dist/bin/sdk/register.js'));
/** A folder that has misstep and the API installed. */
const folder = mkdtempSync(join(tmpdir(), 'misstep-register-'));
afterAll(() => rmSync(folder, { recursive: true }));

const program = `
import { trace } from '@opentelemetry/api';
const tracer = trace.getTracer('app');
const agent = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' };
const tool = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search', 'gen_ai.tool.call.arguments': '{"q":"x"}', 'gen_ai.tool.call.result': 'nothing found' };
await tracer.startActiveSpan('invoke_agent planner', { attributes: agent }, async (root) => {
  for (let i = 0; i < 4; i++) {
    await new Promise(setImmediate);
    await tracer.startActiveSpan('execute_tool search', { attributes: tool }, async (span) => {
      await new Promise(setImmediate);
      if (process.env.TELL) console.log(span.parentSpanContext?.spanId === root.spanContext().spanId);
      span.end();
    });
  }
  root.end();
});
console.log('done');
if (process.argv[2] === 'exit') process.exit(3);
if (process.argv[2] === 'wait') setInterval(() => undefined, 1_000);
if (process.argv[2] === 'throw') throw new Error('of the program');
`;

const PATH = { PATH: process.env['PATH'] };

function run(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  return spawnSync('node', ['--import', 'misstep/register', 'app.mjs', ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...PATH, ...env },
  });
}

describe.skipIf(!built)('misstep/register', () => {
  beforeAll(() => {
    mkdirSync(join(folder, 'node_modules/@opentelemetry'), { recursive: true });
    symlinkSync(root, join(folder, 'node_modules/misstep'));
    symlinkSync(join(root, 'node_modules/@opentelemetry/api'), join(folder, 'node_modules/@opentelemetry/api'));
    writeFileSync(join(folder, 'app.mjs'), program);
  });

  it('says what it finds on stderr, and spans find their parents across await', () => {
    const { status, stdout, stderr } = run([], { TELL: '1' });
    expect([status, stdout]).toEqual([0, 'true\ntrue\ntrue\ntrue\ndone\n']);
    expect(stderr).toMatch(/^misstep HIGH loop \(\d+ % \w+\) planner: Tool 'search' ran 4 times/m);
  });

  it('says it as JSON lines, or not at all', () => {
    const lines = run([], { MISSTEP_FINDINGS: 'json' })
      .stderr.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines.at(-1)).toMatchObject({ kind: 'detection', detector: 'loop' });
    expect(run([], { MISSTEP_FINDINGS: 'none' }).stderr).toBe('');
    expect(run([], { MISSTEP_FINDINGS: 'xml' }).stderr).toContain('must be text, json or none, got xml');
  });

  it('leaves the program its exit code and its errors', () => {
    expect(run(['exit'])).toMatchObject({ status: 3, stderr: expect.stringContaining('loop') as string });
    expect(run(['throw'])).toMatchObject({ status: 1, stderr: expect.stringContaining('of the program') as string });
  });

  it('ends by a signal as the program would have', async () => {
    const child = spawn('node', ['--import', 'misstep/register', 'app.mjs', 'wait'], { cwd: folder, env: PATH });
    let stderr = '';
    child.stderr.on('data', (part) => {
      stderr += String(part);
    });
    await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
    child.kill('SIGTERM');
    expect(await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))).toBe('SIGTERM');
    expect(stderr).toContain('loop');
  });

  it('does nothing when the SDK is disabled', () => {
    const { status, stdout, stderr } = run([], { OTEL_SDK_DISABLED: 'true' });
    expect([status, stdout, stderr]).toEqual([0, 'done\n', '']);
  });

  it('exports spans and what was found, under the name of the service', async () => {
    const bodies: string[] = [];
    const server = http.createServer(async (request, response) => {
      let body = '';
      for await (const part of request) body += String(part);
      bodies.push(body);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const env = {
      ...PATH,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_RESOURCE_ATTRIBUTES: 'team=a%20b,broken,=x,bad=%',
    };
    const child = spawn('node', ['--import', 'misstep/register', 'app.mjs'], { cwd: folder, env });
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
    server.close();
    const spans = bodies.join('\n');
    expect(spans).toContain('execute_tool search');
    expect(spans).toContain('evaluate loop');
    expect(spans).toContain('"service.name","value":{"stringValue":"shop"}');
    expect(spans).toContain('"team","value":{"stringValue":"a b"}');
  });

  it('lets a program end whose exporter reaches nobody', () => {
    const began = performance.now();
    // Without the bound the exporter tries for 10 s.
    expect(run([], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }).status).toBe(0);
    expect(performance.now() - began).toBeLessThan(7_000);
  });
});

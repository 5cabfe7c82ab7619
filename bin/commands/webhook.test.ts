// The built command line from a webhook to a finding in a file, and what it says of a configuration that lets anybody in.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { payloads } from '../../receivers/webhook/rig.ts';
import { until } from '../../src/component/testing.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'misstep-webhook-'));
const config = join(folder, 'misstep.yaml');
const out = join(folder, 'out.json');
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = 'key-canary';
const SIGNING = 'whsec_c2lnbmluZy1jYW5hcnk=';

function write(webhook: object): void {
  const written = {
    receivers: { webhook: { endpoint: '127.0.0.1:0', auth: { authenticator: 'bearertokenauth' }, ...webhook } },
    processors: { detect: null },
    exporters: { file: { path: out, append: true } },
    extensions: { bearertokenauth: { token: KEY } },
    service: {
      extensions: ['bearertokenauth'],
      pipelines: { traces: { receivers: ['webhook'], processors: ['detect'], exporters: ['file'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'debug' } },
    },
  };
  writeFileSync(config, JSON.stringify(written));
}

const running: ChildProcess[] = [];
afterEach(() => {
  for (const one of running.splice(0)) one.kill('SIGKILL');
});

async function run(): Promise<{ address: string; log: () => string; stop: () => Promise<void> }> {
  let said = '';
  const child = spawn('node', [built, 'run', '--config', config]);
  running.push(child);
  child.stdout.on('data', (chunk: Buffer) => (said += chunk));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk));
  const address = () => /"http":"([^"]+)"/.exec(said)?.[1];
  await until(() => address() !== undefined && said.includes('Everything is ready'));
  return {
    address: address() ?? '',
    log: () => said,
    async stop() {
      child.kill('SIGTERM');
      await until(() => child.exitCode !== null);
    },
  };
}

describe.skipIf(!existsSync(built))('the built command line', () => {
  test('finds the failure of an execution that a webhook brought, once, and makes the same spans after a restart', async () => {
    write({ signatures: { '/api/v1/dify/webhook': { standard_webhooks: [SIGNING] } } });
    const body = JSON.stringify(payloads.n8n);
    const headers = { 'content-type': 'application/json' };
    const log: string[] = [];
    for (const replayed of [[null, 'true'], [null]]) {
      const on = await run();
      const send = (query: string) => fetch(`http://${on.address}/api/v1/n8n/webhook${query}`, { method: 'POST', headers, body });
      expect((await send('')).status).toBe(401);
      for (const expected of replayed) {
        const answer = await send(`?token=${KEY}`);
        expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([200, expected]);
        expect(await answer.json()).toMatchObject({ success: true, states_created: 2 });
      }
      await on.stop();
      log.push(on.log());
    }
    expect(log.join()).not.toContain('canary');
    const lines = readFileSync(out, 'utf8').trim().split('\n');
    const spans = lines.map((line) => line.match(/"spanId":"[0-9a-f]+"/g)?.sort());
    expect(spans).toEqual([spans[0], spans[0]]);
    for (const line of lines) {
      expect(line.match(/"gen_ai\.evaluation\.name","value":\{"stringValue":"n8n_error"/g)).toHaveLength(1);
      expect(line).toContain("The run failed at node 'Fetch' (The service refused the connection).");
    }
  }, 60_000);

  test('says what to do about an endpoint that everybody reaches, and prints no secret', () => {
    write({ endpoint: '0.0.0.0:4320', auth: undefined });
    const refused = spawnSync('node', [built, 'validate', '--config', config], { encoding: 'utf8' });
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/other machines reach it.*\n?.*Bind localhost, or name an authenticator/),
    ]);
    write({ signatures: { '/api/v1/dify/webhook': { standard_webhooks: [SIGNING], langsmith: ['text-canary'] } } });
    const printed = spawnSync('node', [built, 'print-config', '--config', config], { encoding: 'utf8' });
    expect([printed.status, printed.stdout]).toEqual([0, expect.stringContaining('/api/v1/dify/webhook')]);
    expect(printed.stdout).not.toMatch(/canary|c2lnbmluZy/);
  });
});

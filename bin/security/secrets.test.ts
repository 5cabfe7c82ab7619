/**
 * Claim 23: what a configuration keeps secret is in no log, error, status, metric or printed configuration, nor in what
 * Node prints of an object when the process fails. The canaries have no form that the cleaning of texts would know.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { printConfig } from '../../config/print.ts';
import { backend, inTurn, ok, status } from '../../exporters/otlp_http/testing.ts';
import { createLogger } from '../../src/service/logger.ts';
import { startService } from '../../src/service/service.ts';
import { factories } from '../components.ts';
import { configure } from '../configure.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
/** Words that nothing else holds and no pattern knows. */
const canary = () => `qanary${String.fromCharCode(97 + made++)}zephyr`;
const CANARY = /qanary.zephyr/i;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const loaded = (document: object, env: Record<string, string> = {}) =>
  configure({ files: [`yaml:${JSON.stringify(document)}`], sets: [], env, cwd: folder });

function parts(port: number, health: number, url: string, token: string) {
  writeFileSync(join(folder, 'tokens'), `${token}\n`);
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}`, auth: { authenticator: 'bearertokenauth' } } } } },
    exporters: {
      otlp_http: {
        endpoint: url,
        headers: { 'x-api-key': canary(), authorization: `Bearer ${canary()}` },
        auth: { authenticator: 'basicauth' },
        retry_on_failure: { initial_interval: '20ms', max_interval: '20ms' },
      },
      // Not there: what it says when it cannot connect is looked at too.
      'otlp_http/gone': {
        endpoint: `http://user:${canary()}@127.0.0.1:1`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: substitution is what it is about.
        headers: [{ name: 'x-key', value: '${env:SECRET_HEADER}' }],
        retry_on_failure: { enabled: false },
        sending_queue: { enabled: false },
      },
    },
    extensions: {
      bearertokenauth: { filename: join(folder, 'tokens') },
      'bearertokenauth/more': { tokens: [canary(), { token: canary(), tenant: 'a' }] },
      basicauth: { client_auth: { username: 'user', password: canary() } },
      'basicauth/server': { htpasswd: { inline: `ann:${canary()}` } },
      health_check: { endpoint: `127.0.0.1:${health}` },
    },
    service: {
      extensions: ['bearertokenauth', 'bearertokenauth/more', 'basicauth', 'basicauth/server', 'health_check'],
      pipelines: {
        traces: { receivers: ['otlp'], exporters: ['otlp_http'] },
        'traces/gone': { receivers: ['otlp'], exporters: ['otlp_http/gone'] },
      },
      telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 'localhost', port: 0 } } } }] } },
    },
  };
}

test('claim 23: a running service', { timeout: 30_000 }, async () => {
  const [port, health] = [await freePort(), await freePort()];
  const peer = await backend(inTurn(status(401, {}, 'who are you'), status(503), ok));
  const token = canary();
  const env = { SECRET_HEADER: canary() };
  const first = await loaded(parts(port, health, peer.url, token), env);
  expect(first.errors).toEqual([]);
  const spec = first.spec as NonNullable<typeof first.spec>;
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', encoding: 'json' }, (line) => lines.push(line));
  const service = await startService(spec, { buildVersion: 'test', logger });
  const seen: string[] = [];
  try {
    const post = async (authorization: string, body: string) => {
      const headers = { 'content-type': 'application/json', authorization };
      const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers, body });
      seen.push(JSON.stringify([...answer.headers]), await answer.text());
      return answer.status;
    };
    const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 's', startTimeUnixNano: '1', endTimeUnixNano: '2' };
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    expect(await post(`Bearer ${token}`, body)).toBe(503);
    expect(await post(`Bearer wrong-${canary()}`, body)).toBe(401);
    expect(await post(`Bearer ${token}`, `{"${canary()}`)).toBe(400);
    for (const path of ['/', '/ready', '/status']) seen.push(await (await fetch(`http://127.0.0.1:${health}${path}`)).text());
    seen.push(await (await fetch(`http://127.0.0.1:${service.metricsPort}/metrics`)).text());
    // What a reload changes and what it refuses.
    const changed = await loaded(parts(port, health, peer.url, token), env);
    await service.reload(changed.spec as typeof spec);
    writeFileSync(join(folder, 'tokens'), `${canary()} two words too many\n`);
    const broken = await service.reload({ ...spec, started: [] }).catch((error: unknown) => inspect(error));
    seen.push(String(broken));
    // As Node would print them with an error that holds them.
    seen.push(
      inspect(service, { depth: 12, showHidden: true }),
      inspect(spec, { depth: 12 }),
      JSON.stringify([...spec.extensions]),
    );
  } finally {
    await service.shutdown(AbortSignal.timeout(5_000));
    await peer.close();
  }
  expect(lines.length).toBeGreaterThan(5);
  expect(peer.received.length).toBeGreaterThan(0);
  for (const text of [...lines, ...seen].map((one) => one.replaceAll(/http:\/\/user:qanary.zephyr@127/g, ''))) {
    expect(CANARY.exec(text)?.input.slice(Math.max(0, (CANARY.exec(text)?.index ?? 0) - 100)) ?? '').toBe('');
  }
  for (const line of lines) expect(line).not.toMatch(CANARY);
});

test('claim 23: the printed configuration, unless it is asked for unredacted', async () => {
  const { loaded: tree, errors } = await loaded(parts(1, 2, 'http://127.0.0.1:3', canary()), { SECRET_HEADER: canary() });
  expect(errors).toEqual([]);
  for (const format of ['yaml', 'json'] as const) {
    expect(printConfig(tree, factories, { format })).not.toMatch(CANARY);
    expect(printConfig(tree, factories, { format, unredacted: true })).toMatch(CANARY);
  }
});

test.each<[string, (secret: string) => object]>([
  ['a token with a space', (secret) => ({ extensions: { bearertokenauth: { token: `${secret} x` } } })],
  ['tokens that are a map', (secret) => ({ extensions: { bearertokenauth: { tokens: { a: secret } } } })],
  [
    'a token beside an unknown key',
    (secret) => ({ extensions: { bearertokenauth: { tokens: [{ token: secret, tenannt: 'a' }] } } }),
  ],
  [
    'a password that is a list',
    (secret) => ({ extensions: { basicauth: { client_auth: { username: 'a', password: [secret] } } } }),
  ],
  ['a line of htpasswd', (secret) => ({ extensions: { basicauth: { htpasswd: { inline: `ann:$2y$05$${secret}` } } } })],
  ['a line of htpasswd without a user', (secret) => ({ extensions: { basicauth: { htpasswd: { inline: secret } } } })],
  [
    'a header with a line break',
    (secret) => ({ exporters: { otlp_http: { endpoint: 'http://x:1', headers: { a: `${secret}\n` } } } }),
  ],
  ['headers that are a text', (secret) => ({ exporters: { otlp_http: { endpoint: 'http://x:1', headers: secret } } })],
  ['credentials in a URL', (secret) => ({ exporters: { otlp_http: { endpoint: `ftp://user:${secret}@x:1` } } })],
  [
    'a key beside a file',
    (secret) => ({ exporters: { otlp_http: { endpoint: 'http://x:1', tls: { key_pem: secret, key_file: 'k' } } } }),
  ],
])('claim 23: problems: %s', async (_name, document) => {
  const { problems, errors } = await loaded(document(canary()));
  expect(errors.length).toBeGreaterThan(0);
  for (const problem of problems) expect(problem).not.toMatch(CANARY);
});

test('claim 23: a start that fails', async () => {
  const tls = { cert_pem: 'no certificate', key_pem: `-----BEGIN PRIVATE KEY-----\n${canary()}\n-----END PRIVATE KEY-----\n` };
  writeFileSync(join(folder, 'bad-tokens'), `${canary()} a b c\n`);
  for (const [http, bearertokenauth] of [
    [{ endpoint: '127.0.0.1:0', tls }, { token: 'fine' }],
    [{ endpoint: '127.0.0.1:0' }, { filename: join(folder, 'bad-tokens') }],
  ]) {
    const { spec, errors } = await loaded({
      receivers: { otlp: { protocols: { http } } },
      exporters: { nop: null },
      extensions: { bearertokenauth },
      service: {
        extensions: ['bearertokenauth'],
        pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
        telemetry: { metrics: { level: 'none' } },
      },
    });
    expect(errors).toEqual([]);
    const lines: string[] = [];
    const logger = createLogger({ level: 'debug', encoding: 'json' }, (line) => lines.push(line));
    const failure = await startService(spec as NonNullable<typeof spec>, { buildVersion: 'test', logger }).catch(
      (error: Error) => error,
    );
    expect(failure).toBeInstanceOf(Error);
    expect(inspect(failure, { depth: 12 }) + lines.join('')).not.toMatch(CANARY);
  }
});

/**
 * Claim 26: what misstep says of its own about spans (events, carriers, log records, metrics, its logs, the console,
 * /status, the metrics page, `replay`) holds no secret and nothing that drives a terminal, wherever in the span it stood.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { type Backend, backend, inTurn, ok, status } from '../../exporters/otlp_http/testing.ts';
import { EVENT_NAME, SCOPE_NAME } from '../../src/detector/emit.ts';
import { TRACE_ID } from '../../src/detector/testing/builders.ts';
import { playScenario } from '../../src/detector/testing/encode.ts';
import { readScenarios } from '../../src/detector/testing/scenario.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { createLogger } from '../../src/service/logger.ts';
import { startService } from '../../src/service/service.ts';
import { register } from '../commands/replay.ts';
import { configure } from '../configure.ts';
import { canaries, leaked, sentence, taint } from './canaries.ts';

const secrets = canaries(26);
const said = sentence(secrets);

/** Every scenario of every detector, each a trace of its own, all of its texts with the canaries in them. */
function requests(): unknown[] {
  const root = join(import.meta.dirname, '../../detectors');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.scenarios.yaml'));
  const scenarios = files.sort().flatMap((file) => readScenarios(readFileSync(join(root, file), 'utf8'), file));
  return scenarios.flatMap((scenario, i) =>
    playScenario(scenario, i % 2 === 0 ? 'gen_ai' : 'openinference').map((request) => {
      const own = JSON.stringify(request).replaceAll(TRACE_ID, (i + 1).toString(16).padStart(32, 'a'));
      return taint(JSON.parse(own), said);
    }),
  );
}

const documents = requests();
const folder = mkdtempSync(join(tmpdir(), 'misstep-canary-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

type Json = Record<string, unknown>;
const list = (value: unknown) => (Array.isArray(value) ? (value as Json[]) : []);

/** Of a request of traces what misstep wrote: its carriers with their resource, and its events and attributes on other spans. */
function ownOf(body: Uint8Array): unknown[] {
  return list(protobufToDocument('traces', body)['resourceSpans']).flatMap((group) =>
    list(group['scopeSpans']).flatMap((scoped): unknown[] => {
      if ((scoped['scope'] as Json | undefined)?.['name'] === SCOPE_NAME) return [group];
      return list(scoped['spans']).flatMap((span): unknown[] => [
        ...list(span['events']).filter(({ name }) => name === EVENT_NAME),
        ...list(span['attributes']).filter(({ key }) => String(key).startsWith('misstep.')),
      ]);
    }),
  );
}

/** Nothing that drives a terminal; line feeds and colours of our own are not asked for here. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about.
const DRIVES = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('claim 26: canaries in every field of a span reach no sink that misstep writes', { timeout: 60_000 }, async () => {
  const [port, health] = [await freePort(), await freePort()];
  // A backend that quotes what it refuses.
  const quoting = status(503, { 'content-type': 'text/plain' }, `cannot store ${said}`);
  const refusing = status(400, { 'content-type': 'text/plain' }, `will not store ${said}`);
  const traces: Backend = await backend(inTurn(quoting, refusing, ok));
  const own: Backend = await backend(ok);
  const exporter = (endpoint: string) => ({ endpoint, retry_on_failure: { initial_interval: '50ms', max_interval: '50ms' } });
  const { spec, errors } = await configure({
    files: [
      `yaml:${JSON.stringify({
        receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
        processors: { detect: { emit_above: 0, mark_error: ['loop', 'tool_failure'] } },
        exporters: {
          'otlp_http/traces': exporter(traces.url),
          'otlp_http/own': exporter(own.url),
          debug: { verbosity: 'detailed' },
        },
        connectors: { detections: null },
        extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
        service: {
          extensions: ['health_check'],
          pipelines: {
            traces: { receivers: ['otlp'], processors: ['detect'], exporters: ['otlp_http/traces', 'detections', 'debug'] },
            logs: { receivers: ['detections'], exporters: ['otlp_http/own', 'debug'] },
            metrics: { receivers: ['detections'], exporters: ['otlp_http/own', 'debug'] },
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
  const lines: string[] = [];
  const shown: string[] = [];
  const write = (into: string[]) => (text: string | Uint8Array) => into.push(Buffer.from(text as string).toString()) > 0;
  vi.spyOn(process.stdout, 'write').mockImplementation(write(shown));
  vi.spyOn(process.stderr, 'write').mockImplementation(write(lines));
  const logger = createLogger({ level: 'debug', encoding: 'console' }, (line) => lines.push(line));
  const service = await startService(spec as NonNullable<typeof spec>, { buildVersion: 'test', logger });
  const answers = new Set<number>();
  const pages: string[] = [];
  try {
    for (const document of documents) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(document),
      });
      answers.add(response.status);
      await response.arrayBuffer();
      if (pages.length > 0 || traces.received.length === 0) continue;
      for (const path of ['/', '/ready', '/status']) pages.push(await (await fetch(`http://127.0.0.1:${health}${path}`)).text());
    }
    pages.push(await (await fetch(`http://127.0.0.1:${service.metricsPort}/metrics`)).text());
  } finally {
    await service.shutdown(AbortSignal.timeout(20_000));
    vi.restoreAllMocks();
    await traces.close();
    await own.close();
  }
  expect([...answers]).toEqual([200]);

  const events = traces.received.flatMap(({ body }) => ownOf(body));
  const logs = own.received.filter(({ path }) => path === '/v1/logs').map(({ body }) => protobufToDocument('logs', body));
  const metrics = own.received
    .filter(({ path }) => path === '/v1/metrics')
    .map(({ body }) => protobufToDocument('metrics', body));
  const sinks: Record<string, string> = {
    'events, attributes and carriers': JSON.stringify(events),
    'log records of detections': JSON.stringify(logs),
    'metrics of detections': JSON.stringify(metrics),
    console: shown.join(''),
    'own logs': lines.join(''),
    'health and status': pages.slice(0, -1).join('\n'),
    'metrics page': pages.at(-1) ?? '',
  };
  // There is something to look at, and the canaries came as far as the evidence.
  expect(events.length).toBeGreaterThan(100);
  expect(sinks['events, attributes and carriers']).toContain('[e-mail]');
  expect(sinks['log records of detections']).toContain('[key]');
  expect(sinks['metrics of detections']).toContain('gen_ai.agent.name');
  expect(sinks['own logs']).toContain('will not store');
  expect(sinks['own logs']).toContain('cannot store');
  expect(pages).toHaveLength(4);
  expect(sinks['console']?.length).toBeGreaterThan(100_000);
  for (const [name, text] of Object.entries(sinks)) expect(leaked(text, secrets), name).toEqual([]);
  for (const name of ['console', 'own logs']) expect(DRIVES.exec(sinks[name]?.replaceAll('\u001b[', '') ?? ''), name).toBeNull();
});

test.each([
  ['jsonl', ['--output', 'jsonl', '--blame']],
  ['pretty', ['--output', 'pretty', '--blame']],
])('claim 26: replay shows no canary: %s', async (_name, args) => {
  const file = join(folder, 'runs.jsonl');
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n'));
  const out: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  const program = new Command();
  register(program);
  await program.parseAsync(['replay', ...args, file], { from: 'user' });
  vi.restoreAllMocks();
  process.exitCode = 0;
  const text = out.join('');
  expect(text).toContain('[e-mail]');
  expect(leaked(text, secrets)).toEqual([]);
  if (args.includes('pretty')) expect(DRIVES.exec(text)).toBeNull();
});

test('claim 26: a file that cannot be read is not quoted with its secrets', async () => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, `${said} is not JSON`);
  const out: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  const program = new Command();
  register(program);
  await program.parseAsync(['replay', file], { from: 'user' });
  vi.restoreAllMocks();
  process.exitCode = 0;
  expect(out.join('')).toContain('not JSON');
  expect(leaked(out.join(''), secrets)).toEqual([]);
});

// What the peer tests share: processes of misstep and its peers on free ports, a backend that keeps what it gets, the demo's run moved to now.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { protobufToJson } from '../../src/otlp/json.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = process.env['BENCH_CACHE'] ?? join(homedir(), '.cache/misstep-bench');

/** One span, flat: what the assertions look at. */
export interface FlatSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly scope: string;
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly links: readonly { readonly spanId: string }[];
}

/** Path of a peer's binary, or undefined where it has not been built. */
export function peer(name: string): string | undefined {
  const path = join(cache, 'bin', name);
  return existsSync(path) ? path : undefined;
}

/** A line of what was seen, beside the test's result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function absent(name: string): string {
  const script = name === 'otelcol-misstep' ? 'scripts/peers/collector/install.sh' : '../shared/bench/peer/install-peer.sh';
  return `skipped: no ${name} in ${join(cache, 'bin')}; ${script} builds it`;
}

/** A kept folder for a client's packages; `install` runs if `mark` (its pinned versions) differs from the last time's. */
export function installed(name: string, mark: string, install: (folder: string) => void): string {
  const folder = join(cache, 'peers', name);
  const stamp = join(folder, '.installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === mark) return folder;
  mkdirSync(folder, { recursive: true });
  install(folder);
  writeFileSync(stamp, mark);
  return folder;
}

/** Runs to the end; throws with all output unless the exit code is 0. */
export function run(command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}\n${stdout}${stderr}${error ?? ''}`);
  return stdout;
}

/** The same without blocking this process, for clients whose server lives in it. */
export function runAside(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')}: exit ${code}\n${output}`)),
    );
  });
}

export interface Running {
  readonly output: () => string;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts a process and waits until every port listens. */
export async function start(
  command: string,
  args: readonly string[],
  ports: readonly number[],
  env: Readonly<Record<string, string>> = {},
  timeoutMs?: number,
): Promise<Running> {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const running = { output: () => output, stop: () => stop(child), kill: () => stop(child, 'SIGKILL') };
  try {
    const listening = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error(`${command} ${args.join(' ')} ended with ${child.exitCode}:\n${output}`);
      return (await Promise.all(ports.map(listens))).every(Boolean);
    };
    await until(`${command} to listen on ${ports.join(', ')}`, listening, timeoutMs);
  } catch (error) {
    await running.stop();
    throw new Error(`${(error as Error).message}\n${output}`);
  }
  return running;
}

/** misstep from dist, on a configuration file. */
export function startMisstep(
  config: string,
  ports: readonly number[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  return start(process.execPath, [join(root, 'dist/bin/misstep.js'), 'run', '--config', config], ports, env);
}

/** A file with `text` in a fresh temporary folder. */
export function file(name: string, text: string): string {
  const path = join(folder('file'), name);
  writeFileSync(path, text);
  return path;
}

/** A fresh temporary folder. */
export function folder(name: string): string {
  return mkdtempSync(join(tmpdir(), `misstep-peer-${name}-`));
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(hard);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createTcpServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Polls until `done` says true; what it throws ends the wait. */
export async function until(what: string, done: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs / 1000} s for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Passes TCP on to `to` and counts what goes there: how a test sees that a client compresses. */
export async function startRelay(to: number): Promise<{ readonly port: number; bytes(): number; close(): void }> {
  let bytes = 0;
  const server = createTcpServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    client.on('data', (chunk) => (bytes += chunk.length));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      socket.on('error', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes, close: () => void server.close() };
}

export interface Backend {
  readonly url: string;
  readonly spans: FlatSpan[];
  close(): void;
}

/** An OTLP/HTTP backend in this process that keeps every span it gets. */
export async function startBackend(): Promise<Backend> {
  const spans: FlatSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      if (request.url === '/v1/traces') spans.push(...flat(JSON.parse(protobufToJson('traces', plain))));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: OTLP/JSON as parsed; the assertions say what it must hold.
type Json = any;

export function flat(request: Json): FlatSpan[] {
  return (request.resourceSpans ?? []).flatMap((resourceSpans: Json) =>
    (resourceSpans.scopeSpans ?? []).flatMap((scopeSpans: Json) =>
      (scopeSpans.spans ?? []).map((span: Json) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        scope: scopeSpans.scope?.name ?? '',
        service: values(resourceSpans.resource?.attributes)['service.name'],
        attributes: values(span.attributes),
        events: (span.events ?? []).map((event: Json) => ({ name: event.name, attributes: values(event.attributes) })),
        links: span.links ?? [],
      })),
    ),
  );
}

function values(attributes: Json): Record<string, unknown> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }: Json) => [key, Object.values(value)[0]]));
}

/** Findings named `detector`, in place or carried. */
export function findingsOf(spans: readonly FlatSpan[], detector: string): { inPlace: FlatSpan[]; carriers: FlatSpan[] } {
  const named = (attributes: Readonly<Record<string, unknown>>): boolean => attributes['gen_ai.evaluation.name'] === detector;
  return {
    inPlace: spans.filter(
      (span) =>
        span.scope !== 'misstep' &&
        span.events.some((event) => event.name === 'gen_ai.evaluation.result' && named(event.attributes)),
    ),
    carriers: spans.filter((span) => span.scope === 'misstep' && named(span.attributes)),
  };
}

/** Ids of findings that were not taken back: one is, and said anew under another id, when spans come in another order. */
export function standingOf(spans: readonly FlatSpan[]): Set<unknown> {
  const said = spans.flatMap((span) => [span.attributes, ...span.events.map((event) => event.attributes)]);
  const ids = (some: typeof said) =>
    some.map((attributes) => attributes['misstep.detection.id']).filter((id) => id !== undefined);
  const back = new Set(ids(said.filter((attributes) => attributes['gen_ai.evaluation.score.label'] === 'withdrawn')));
  return new Set(ids(said).filter((id) => !back.has(id)));
}

/** The demo's run as OTLP/JSON with times that end now and ids of its own, as one request or one request a span. */
export function demoRun(seed: number): {
  readonly traceId: string;
  readonly names: readonly string[];
  readonly whole: Json;
  readonly perSpan: readonly Json[];
} {
  const request: Json = JSON.parse(readFileSync(join(root, 'examples/demo/recording.json'), 'utf8'));
  const resourceSpans = request.resourceSpans[0];
  const scopeSpans = resourceSpans.scopeSpans[0];
  const last = scopeSpans.spans.reduce(
    (max: bigint, span: Json) => (BigInt(span.endTimeUnixNano) > max ? BigInt(span.endTimeUnixNano) : max),
    0n,
  );
  const shift = BigInt(Date.now()) * 1_000_000n - last;
  const traceId = `${seed.toString(16).padStart(8, '0')}${scopeSpans.spans[0].traceId.slice(8)}`;
  const spans = scopeSpans.spans.map((span: Json) => ({
    ...span,
    traceId,
    startTimeUnixNano: String(BigInt(span.startTimeUnixNano) + shift),
    endTimeUnixNano: String(BigInt(span.endTimeUnixNano) + shift),
    attributes: span.attributes.map((one: Json) =>
      one.key === 'gen_ai.conversation.id' ? { key: one.key, value: { stringValue: `session-${seed}` } } : one,
    ),
  }));
  const wrap = (some: Json[]): Json => ({ resourceSpans: [{ ...resourceSpans, scopeSpans: [{ ...scopeSpans, spans: some }] }] });
  return {
    traceId,
    names: spans.map((span: Json) => span.name),
    whole: wrap(spans),
    perSpan: spans.map((span: Json) => wrap([span])),
  };
}

/** Posts OTLP/JSON; throws unless the answer is 200. */
export async function post(port: number, request: Json): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  if (response.status !== 200) throw new Error(`POST /v1/traces: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

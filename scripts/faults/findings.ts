// Claim 17, on real processes: misstep with a storage is killed (-9) at random while sessions are sent, and every finding of the
// reference run must have arrived once by (id, revision) of its last word. `node dist/scripts/faults/findings.js [kills] [seed] [hold] [workers]`
// after a build; 10 kills take less than a minute. With `hold` (a duration) the killed one keeps spans back, with `workers` its detectors are in threads;
// the reference does neither. Exit code 1 if a finding or span is missing, is another, or came more often than the
// request that bore it was sent again.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { makeRuns, requestOf } from '../../src/detector/testing/runs.ts';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { seeded } from '../../src/otlp/testing/encode.ts';
import { freePort } from './free-port.ts';

const kills = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? 7);
const hold = process.argv[4] ?? '0s';
const threads = Number(process.argv[5] ?? 0);
const program = fileURLToPath(new URL('../../bin/misstep.js', import.meta.url));
const random = seeded(seed);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Spans by id with the findings they bear; a span that comes again (a request whose answer was lost) is the same one. */
class Sink {
  readonly last = new Map<string, number>();
  /** Places at which one (id, revision) was seen since it was last taken back: more than one is a finding that was said twice. */
  readonly places = new Map<string, Set<string>>();
  readonly spans = new Set<string>();
  /** By finding, what was said of it in the order in which it came: `<revision> <label> <span>`. */
  readonly said = new Map<string, string[]>();
  inPlace = 0;
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      this.take(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take(body: Uint8Array): void {
    // biome-ignore lint/suspicious/noExplicitAny: OTLP/JSON as it comes.
    const document = protobufToDocument('traces', body) as any;
    for (const { scopeSpans } of document.resourceSpans ?? []) {
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          const carrier = span.name.startsWith('evaluate ');
          if (!carrier) this.spans.add(span.spanId);
          if (!carrier) this.inPlace += span.events?.length ?? 0;
          const marked = span.events?.length > 0 ? span.events : [span];
          for (const { attributes } of marked) this.note(attributes ?? [], span.spanId);
        }
      }
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: OTLP/JSON as it comes.
  private note(attributes: any[], place: string): void {
    const value = (key: string) => attributes.find((one) => one.key === key)?.value;
    const id = value('misstep.detection.id')?.stringValue;
    if (id === undefined) return;
    const name = `${value('gen_ai.evaluation.name')?.stringValue} ${id}`;
    const revision = Number(value('misstep.detection.revision')?.intValue);
    const label = value('gen_ai.evaluation.score.label')?.stringValue;
    if (label === 'withdrawn') {
      this.last.delete(name);
      this.places.delete(`${name} ${revision} fail`);
    } else this.last.set(name, Math.max(revision, this.last.get(name) ?? 0));
    this.said.set(name, [...(this.said.get(name) ?? []), `${revision} ${label} ${place}`]);
    const one = `${name} ${revision} ${label}`;
    this.places.set(one, (this.places.get(one) ?? new Set()).add(place));
  }
}

interface Result {
  readonly sink: Sink;
  readonly kills: number;
  readonly ms: number;
}

async function play(requests: readonly Uint8Array[], killings: number, holding: string, workers: number): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'misstep-faults-'));
  const began = performance.now();
  const sink = new Sink();
  const [backend, port] = [await sink.listen(), await freePort()];
  mkdirSync(join(directory, 'storage'));
  const config = join(directory, 'misstep.yaml');
  writeFileSync(
    config,
    `receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:${port}'}}}}
processors: {detect: {storage: file_storage, idle: 6s, grace: 6s, lateness: 5s, emit_above: 0, hold: ${holding}, workers: ${workers}}}
exporters: {otlp_http: {endpoint: 'http://127.0.0.1:${backend}', sending_queue: {storage: file_storage}, retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}}}
extensions: {file_storage: {directory: '${join(directory, 'storage')}'}}
service:
  telemetry: {metrics: {level: none}}
  extensions: [file_storage]
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http]}}
`,
  );
  let child: ChildProcess | undefined;
  let complaints = '';
  const run = (): void => {
    child = spawn(process.execPath, [program, 'run', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-2_000);
    });
  };
  const stop = async (how: NodeJS.Signals): Promise<void> => {
    const gone = new Promise((resolve) => child?.once('exit', resolve));
    child?.kill(how);
    await gone;
  };
  const send = async (body: Uint8Array): Promise<void> => {
    for (let tries = 0; ; tries++) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body,
      }).catch(() => undefined);
      if (answer?.ok) return;
      if (tries > 400) throw new Error(`misstep does not take requests: ${complaints}`);
      await pause(25);
    }
  };
  run();
  // The sender goes on whatever happens; the killer comes at any time.
  let done = false;
  let killed = 0;
  const sending = (async () => {
    for (const body of requests) {
      await send(body);
      if (killings > 0) await pause(random() * 40);
    }
    done = true;
  })();
  while (!done && killed < killings) {
    await pause(150 + random() * 500);
    if (done) break;
    await stop('SIGKILL');
    killed++;
    run();
  }
  await sending;
  // Windows end by themselves; the last findings come with that.
  await pause(9_000);
  await stop('SIGTERM');
  sink.close();
  rmSync(directory, { recursive: true, force: true });
  return { sink, kills: killed, ms: performance.now() - began };
}

const spans = makeRuns({ seed, runs: 12, spans: 30 });
const requests: Uint8Array[] = [];
for (let i = 0; i < spans.length; i += 3) requests.push(requestOf(spans.slice(i, i + 3)));
const reference = await play(requests, 0, '0s', 0);
const subject = await play(requests, kills, hold, threads);

const expected = reference.sink.last;
const missing = [...expected].filter(([name]) => !subject.sink.last.has(name));
const lost = [...reference.sink.spans].filter((span) => !subject.sink.spans.has(span));
const other = [...subject.sink.last].filter(([name, revision]) => expected.get(name) !== revision);
const twice = [...subject.sink.places].filter(([, places]) => places.size > 1);
console.log(
  `${spans.length} spans in ${requests.length} requests, ${subject.kills} kills, ${Math.round((reference.ms + subject.ms) / 1_000)} s: ` +
    `${expected.size} findings expected, ${subject.sink.last.size} arrived, ${missing.length} missing, ${other.length} with another last revision, ${twice.length} said twice, ` +
    `${lost.length} spans missing; on their spans ${reference.sink.inPlace} in the reference, ${subject.sink.inPlace} with hold ${hold} and ${threads} workers`,
);
for (const [name] of missing.slice(0, 5)) console.log(`missing: ${name}`);
for (const [name, revision] of other.slice(0, 5)) console.log(`other: ${name} ${revision}, expected ${expected.get(name)}`);
for (const [name] of twice.slice(0, 5)) {
  const finding = name.split(' ').slice(0, 2).join(' ');
  const [of, before] = [subject, reference].map(({ sink }) => sink.said.get(finding)?.join(', '));
  console.log(`twice: ${name}: ${of}; in the reference ${before}`);
}
process.exitCode = missing.length + other.length + twice.length + lost.length === 0 && expected.size > 0 ? 0 : 1;

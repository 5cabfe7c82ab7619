/** `misstep demo`: plays a recorded run through a real sidecar over real OTLP/HTTP and prints what comes out of it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Command } from 'commander';
import { type Recording, readRecording, send } from './demo-play.ts';
import { type Annotated, startSink } from './demo-sink.ts';
import { startSidecar } from './run.ts';

interface DemoOptions {
  readonly exit?: boolean;
  readonly grpc: string;
  readonly http: string;
}

/** In the tree and in dist alike the recording stands two floors up from here. */
const RECORDING = new URL('../../examples/demo/recording.json', import.meta.url);

/** The recorded run lasts 9 s; nobody wants to wait for it. */
const PAUSE_MS = 200;
/** What the detectors say about the last batch is out long before this; a machine that is slower gets a notice. */
const QUIET_MS = 10_000;

export function register(program: Command): void {
  program
    .command('demo')
    .description('Play a recorded multi-agent run through misstep and print what it finds.')
    .option('--exit', 'end after the play instead of listening on')
    .option('--grpc <address>', 'where to listen for OTLP/gRPC', '127.0.0.1:4317')
    .option('--http <address>', 'where to listen for OTLP/HTTP', '127.0.0.1:4318')
    .addHelpText('after', '\nExamples:\n  misstep demo\n  misstep demo --exit --grpc 127.0.0.1:14317 --http 127.0.0.1:14318\n')
    .action(async (options: DemoOptions) => {
      process.exitCode = await demo(options);
    });
}

/** Exit code: 0 if the run was played and something found, 1 if nothing was found, 2 if the sidecar could not start. */
export async function demo(options: DemoOptions): Promise<number> {
  const found: Annotated[] = [];
  const seen = new Set<string>();
  const sink = await startSink((span) => {
    found.push(span);
    for (const finding of span.findings) printFinding(span, finding, seen);
  });
  const sidecar = await startSidecar(overlay(options, sink.url)).catch((error: unknown) => {
    sink.close();
    notice(refusal(error));
    return undefined;
  });
  if (!sidecar) return 2;

  const spans = readRecording(JSON.parse(await readFile(RECORDING, 'utf8')) as Recording, Date.now());
  print(`Sidecar listens on ${options.grpc} (gRPC) and ${options.http} (HTTP).`);
  print(`Playing ${spans.length} spans of ${fileURLToPath(RECORDING).split('/').slice(-3).join('/')} over OTLP/HTTP:\n`);
  await send(`http://${options.http}/v1/traces`, byAgent(spans), () => pause(PAUSE_MS));
  await until(() => found.some((span) => !span.carrier), QUIET_MS);
  const shown = found.find((span) => !span.carrier) ?? found[0];
  if (shown) printSpan(shown);
  else notice('demo: nothing was found within 10 s. Is the machine very busy? Try again.');

  if (!options.exit) {
    print(`\nListening on. Send your own spans:  OTEL_EXPORTER_OTLP_ENDPOINT=http://${options.http}`);
    print('Ctrl-C ends.\n');
    await interrupted();
  }
  await sidecar.shutdown();
  sink.close();
  return shown ? 0 : 1;
}

/** Laid over the embedded default: the addresses, the demo's own sink as exporter, and no ports but the two. */
function overlay(options: DemoOptions, sinkUrl: string): string {
  return JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: options.grpc }, http: { endpoint: options.http } } } },
    exporters: { 'otlp_http/demo': { endpoint: sinkUrl }, nop: null },
    service: {
      extensions: [],
      pipelines: {
        traces: { exporters: ['otlp_http/demo', 'detections'] },
        logs: { exporters: ['nop'] },
        metrics: { exporters: ['nop'] },
      },
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } },
    },
  });
}

/** A request for each agent, as it ends: what an SDK's batch processor would make of a slower run. */
function byAgent(spans: readonly ReadableSpan[]): ReadableSpan[][] {
  const batches: ReadableSpan[][] = [[]];
  for (const span of spans) {
    batches.at(-1)?.push(span);
    if (span.name.startsWith('invoke_agent')) batches.push([]);
  }
  return batches.filter((batch) => batch.length > 0);
}

function printFinding(span: Annotated, finding: ReadonlyMap<string, string>, seen: Set<string>): void {
  const said = (key: string): string => finding.get(key) ?? '';
  const label = said('gen_ai.evaluation.score.label');
  // A finding that grows comes again with a higher revision; each is shown once.
  const identity = `${said('misstep.detection.id')} ${said('misstep.detection.revision')} ${label}`;
  if (seen.has(identity)) return;
  seen.add(identity);
  const tier = said('misstep.detection.confidence.tier').padEnd(8);
  const name = said('gen_ai.evaluation.name').padEnd(10);
  print(`  ${colour('red', tier)} ${colour('bold', name)} ${said('gen_ai.evaluation.explanation')}`);
  const target = said('misstep.detection.target.span_id') || span.spanId;
  const where = span.carrier ? `span ${target}, by carrier span '${span.name}'` : `written on span ${target} '${span.name}'`;
  print(`  ${' '.repeat(20)}${colour('dim', where)}`);
}

function printSpan(span: Annotated): void {
  print(`\nThe span as the backend gets it (what misstep added):\n`);
  print(`  ${colour('bold', span.name)}  trace ${span.traceId}  span ${span.spanId}`);
  for (const [key, value] of span.attributes) if (key.startsWith('misstep.')) print(`    ${key} = ${value}`);
  for (const finding of span.findings) {
    print('    event gen_ai.evaluation.result');
    for (const [key, value] of finding) print(`      ${key} = ${value}`);
  }
}

/** The likeliest reason is a Collector on the same ports: then say what to do here, where there is no file to edit. */
function refusal(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const todo =
    'Stop what listens there, often a Collector, or choose others: misstep demo --grpc 127.0.0.1:14317 --http 127.0.0.1:14318';
  return `demo: the sidecar did not start: ${message}${/EADDRINUSE|port is taken/.test(message) ? `\n${todo}` : ''}`;
}

async function until(done: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!done() && performance.now() < deadline) await pause(20);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

function colour(style: 'red' | 'bold' | 'dim', text: string): string {
  return process.stdout.isTTY && !process.env['NO_COLOR'] ? styleText(style, text) : text;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function notice(line: string): void {
  process.stderr.write(`${line}\n`);
}

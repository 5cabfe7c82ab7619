// Replay of a file and the same spans over the wire give the same findings, before `emit_above`: whatever the door, the batching
// and the order. The sidecar is the real one: receiver, detect, exporter, and the drain at the end.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { activate } from '../src/detector/options.ts';
import { playScenario } from '../src/detector/testing/encode.ts';
import { readScenarios } from '../src/detector/testing/scenario.ts';
import { inEndOrder, shuffled, type TracesDocument, whole } from '../src/dialects/testing/requests.ts';
import { documentToProtobuf } from '../src/otlp/json.ts';
import { type Annotated, startSink } from './commands/demo-sink.ts';
import { play } from './commands/replay.ts';
import { startSidecar } from './commands/run.ts';
import { shippedDetectors } from './detectors.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'misstep-wire-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Encoding = 'protobuf' | 'json';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Another process may take a free port before the sidecar does. */
async function listening(configure: (port: number) => string) {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    try {
      return { port, sidecar: await startSidecar(configure(port)) };
    } catch (error) {
      if (tries === 5 || !String(error).includes('the port is taken')) throw error;
    }
  }
}

/** What a finding is, by id, once it will not change any more. */
type Findings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

async function replayed(documents: readonly unknown[]): Promise<Findings> {
  const file = join(folder, 'play.jsonl');
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n'));
  const { findings, problems } = await play(file, activate(shippedDetectors, {}).active);
  expect(problems).toEqual([]);
  return Object.fromEntries(
    findings.map((one) => [
      one.id,
      {
        detector: one.detector,
        message: one.message,
        revision: String(one.revision),
        confidence: one.confidence.toFixed(9),
        severity: one.severity,
        agent: one.agent,
        target: `${one.at.traceId} ${one.at.spanId}`,
        evidence: one.evidence.map(({ spanId }) => spanId).join(', '),
        explanation: one.explanation,
      },
    ]),
  );
}

async function overTheWire(requests: readonly unknown[], encoding: Encoding): Promise<Findings> {
  const last = new Map<string, Readonly<Record<string, unknown>>>();
  const sink = await startSink(({ findings }: Annotated) => {
    for (const of of findings) {
      const id = of.get('misstep.detection.id') ?? '';
      if (of.get('gen_ai.evaluation.score.label') === 'withdrawn') last.delete(id);
      else
        last.set(id, {
          detector: of.get('gen_ai.evaluation.name'),
          message: of.get('misstep.detection.message'),
          revision: of.get('misstep.detection.revision'),
          confidence: Number(of.get('gen_ai.evaluation.score.value')).toFixed(9),
          severity: of.get('misstep.detection.severity'),
          agent: of.get('gen_ai.agent.name'),
          target: `${of.get('misstep.detection.target.trace_id')} ${of.get('misstep.detection.target.span_id')}`,
          evidence: of.get('misstep.detection.evidence.span_ids'),
          explanation: of.get('gen_ai.evaluation.explanation'),
        });
    }
  });
  const { port, sidecar } = await listening((port) =>
    JSON.stringify({
      receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: `127.0.0.1:${port}` } } } },
      processors: { detect: { emit_above: 0 } },
      exporters: { otlp_http: { endpoint: sink.url, sending_queue: { enabled: false } }, nop: null },
      service: {
        extensions: [],
        pipelines: {
          traces: { exporters: ['otlp_http', 'detections'] },
          logs: { exporters: ['nop'] },
          metrics: { exporters: ['nop'] },
        },
        telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
      },
    }),
  );
  try {
    for (const request of requests) {
      const body = encoding === 'json' ? JSON.stringify(request) : new Uint8Array(documentToProtobuf('traces', request).body);
      const { status } = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf' },
        body,
      });
      expect(status).toBe(200);
    }
  } finally {
    await sidecar.shutdown();
    sink.close();
  }
  return Object.fromEntries(last);
}

const recordings = ['examples/demo/recording.json', 'examples/recordings/otel-js.json'];
const ways: readonly [string, (document: TracesDocument) => readonly TracesDocument[], Encoding][] = [
  ['the whole in one request, protobuf', whole, 'protobuf'],
  ['the whole in one request, JSON', whole, 'json'],
  ['a span a request in the order of ends, protobuf', inEndOrder, 'protobuf'],
  ['a span a request, shuffled, JSON', shuffled, 'json'],
];

for (const recording of recordings) {
  const document = JSON.parse(readFileSync(join(root, recording), 'utf8')) as TracesDocument;
  test.each(ways)(`${recording}: %s`, async (_, cut, encoding) => {
    const expected = await replayed([document]);
    expect(Object.keys(expected).length).toBeGreaterThanOrEqual(3);
    expect(await overTheWire(cut(document), encoding)).toEqual(expected);
  });
}

const detectors = join(root, 'detectors');
const scenarios = readdirSync(detectors, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.scenarios.yaml'))
  .sort()
  .flatMap((name) => readScenarios(readFileSync(join(detectors, name), 'utf8'), name).map((scenario) => ({ name, scenario })))
  .filter(({ scenario }) => scenario.expect.length > 0);

test.each(scenarios)('$name: $scenario.name', async ({ scenario }) => {
  const requests = playScenario(scenario, 'gen_ai');
  expect(await overTheWire(requests, 'protobuf')).toEqual(await replayed(requests));
});

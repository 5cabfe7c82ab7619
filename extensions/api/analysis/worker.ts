/** The inside of the thread that analyses: whole runs through a `DetectorHost` of their own, as `replay` plays files. */
import { parentPort } from 'node:worker_threads';
import type { Coverage } from '../../../src/detector/coverage.ts';
import { annotate, carriers, detectionRecord } from '../../../src/detector/emit.ts';
import { DetectorHost, type Emission } from '../../../src/detector/host.ts';
import { activate, type ShippedDetector } from '../../../src/detector/options.ts';
import { dialectKeys } from '../../../src/dialects/keys.ts';
import { join } from '../../../src/otlp/cut.ts';
import { documentToProtobuf } from '../../../src/otlp/json.ts';
import { walkTraces } from '../../../src/otlp/traces.ts';
import { provideEmbedding } from '../../../src/text/embedding.ts';
import type { Analysed, Answer, Ask } from './protocol.ts';
import { spansOf } from './spans.ts';

/** A run of 20,000 long steps. */
const MOST_BYTES = 256 * 1024 * 1024;

export interface Analyst {
  readonly detectors: readonly ShippedDetector[];
  readonly embedding: () => Uint8Array;
  /** What a payload was taken for, and its OTLP/JSON documents. Throws an error that says what is wrong with it. */
  readonly documents: (payload: unknown) => { readonly format: string; readonly documents: readonly unknown[] };
  /** OTLP/JSON of the demo, moved so that it ends at `endMs`. */
  readonly demo: (endMs: number) => unknown;
  readonly version: string;
}

export function serve(analyst: Analyst): void {
  const port = parentPort;
  if (port === null) throw new Error('The analysis is no program of its own: the extension `api` starts it.');
  provideEmbedding(analyst.embedding);
  port.on('message', (ask: Ask) => {
    port.postMessage(answer(analyst, ask));
  });
}

class Wrong extends Error {}

function answer(analyst: Analyst, ask: Ask): Answer {
  try {
    return { id: ask.id, value: analyse(analyst, ask) };
  } catch (error) {
    return { id: ask.id, error: error instanceof Error ? error.message : String(error), mine: error instanceof Wrong };
  }
}

function analyse(analyst: Analyst, ask: Ask): Analysed {
  const { format, body } = bodyOf(analyst, ask);
  const index = walkTraces(body, dialectKeys);
  const coverage: Coverage[] = [];
  const traces = new Set<string>();
  const errors = new Set<string>();
  let steps = 0;
  const host = new DetectorHost({
    detectors: activate(analyst.detectors, {}).active,
    windows: { maxTail: 100_000, maxTailBytes: MOST_BYTES, maxSeen: 1_000_000 },
    cooldownMs: 0,
    onCoverage: (one) => coverage.push(one),
    onError: (detector) => errors.add(detector.meta.id),
    onStep: ({ traceId }) => {
      steps++;
      traces.add(traceId);
    },
  });
  const last = new Map<string, Emission>();
  for (const emission of [...host.process(index, ask.tenant), ...host.end('end_of_input')]) {
    if (emission.label === 'fail') last.set(emission.finding.id, emission);
    else last.delete(emission.finding.id);
  }
  const emissions = [...last.values()].sort((a, b) => a.finding.atMs - b.finding.atMs || (a.finding.id < b.finding.id ? -1 : 1));
  const nowMs = Date.now();
  const options = { version: analyst.version, markError: new Set<string>(), openinference: false };
  return {
    format,
    steps,
    traces: [...traces],
    detections: emissions.map(({ finding }) => ({
      ...detectionRecord(finding, 'analysis'),
      tenant: ask.tenant,
      time_unix_ms: nowMs,
    })),
    ...looks(coverage),
    errors: [...errors],
    carriers: emissions.length === 0 ? new Uint8Array(0) : carriers(emissions, nowMs, options),
    annotated: join(annotate(index, emissions, nowMs, options).chunks),
  };
}

function bodyOf(analyst: Analyst, ask: Ask): { readonly format: string; readonly body: Uint8Array } {
  switch (ask.kind) {
    case 'kept':
      return { format: 'kept', body: spansOf(ask.trace, ask.steps) };
    case 'demo':
      return { format: 'otlp', body: documentToProtobuf('traces', analyst.demo(ask.nowMs)).body };
    case 'sent':
      try {
        const { format, documents } = analyst.documents(JSON.parse(ask.payload) as unknown);
        // Requests one behind the other are one request.
        return { format, body: join(documents.map((document) => documentToProtobuf('traces', document).body)) };
      } catch (error) {
        throw new Wrong(error instanceof Error ? error.message : String(error));
      }
  }
}

function looks(coverage: readonly Coverage[]): Pick<Analysed, 'looked' | 'blind'> {
  const looked = new Set<string>();
  const blind = new Map<string, string>();
  for (const { detector, outcome, reason } of coverage) {
    const { id } = detector.meta;
    if (outcome === 'insufficient_data') blind.set(id, reason ?? 'insufficient_data');
    else looked.add(id);
  }
  return {
    looked: [...looked].sort(),
    blind: [...blind]
      .filter(([id]) => !looked.has(id))
      .sort()
      .map(([detection_type, reason]) => ({ detection_type, reason })),
  };
}

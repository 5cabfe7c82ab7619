/** The inside of the thread that analyses: whole runs through a host of their own, as `replay` plays files. */
import { parentPort } from 'node:worker_threads';
import type { Coverage } from '../../../src/detector/coverage.ts';
import { annotate, carriers, detectionRecord } from '../../../src/detector/emit.ts';
import { activate, type ShippedDetector } from '../../../src/detector/options.ts';
import { Player } from '../../../src/detector/play.ts';
import { join } from '../../../src/otlp/cut.ts';
import { documentToProtobuf } from '../../../src/otlp/json.ts';
import { provideEmbedding } from '../../../src/text/embedding.ts';
import type { Analysed as Explained } from '../mcp/tool.ts';
import type { Analysed, Answer, Ask } from './protocol.ts';
import { spansOf } from './spans.ts';

export interface Analyst {
  readonly detectors: readonly ShippedDetector[];
  readonly embedding: () => Uint8Array;
  /** What a payload was taken for, and its OTLP/JSON documents. Throws an error that says what is wrong with it. */
  readonly documents: (payload: unknown) => { readonly format: string; readonly documents: readonly unknown[] };
  /** OTLP/JSON of the demo, moved so that it ends at `endMs`. */
  readonly demo: (endMs: number) => unknown;
  readonly version: string;
  /** For MCP. Rejects with what is wrong with the payload. */
  readonly explain: (payload: unknown, format: string) => Promise<Explained>;
}

export function serve(analyst: Analyst): void {
  const port = parentPort;
  if (port === null) throw new Error('The analysis is no program of its own: the extension `api` starts it.');
  provideEmbedding(analyst.embedding);
  port.on('message', async (ask: Ask) => port.postMessage(await answer(analyst, ask)));
}

class Wrong extends Error {}

async function answer(analyst: Analyst, ask: Ask): Promise<Answer> {
  try {
    return { value: ask.kind === 'explained' ? await explain(analyst, ask) : analyse(analyst, ask) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error), mine: error instanceof Wrong };
  }
}

function explain(analyst: Analyst, { payload, format }: Extract<Ask, { kind: 'explained' }>): Promise<Explained> {
  return analyst.explain(payload, format).catch((error: unknown) => {
    throw new Wrong(`The payload cannot be read. ${error instanceof Error ? error.message : String(error)}`);
  });
}

function analyse(analyst: Analyst, ask: Exclude<Ask, { kind: 'explained' }>): Analysed {
  const { format, body } = bodyOf(analyst, ask);
  const player = new Player(activate(analyst.detectors, {}).active, ask.tenant);
  const index = player.play(body);
  const { emissions, coverage, steps, failed } = player.end();
  const nowMs = Date.now();
  const options = { version: analyst.version, markError: new Set<string>(), openinference: false };
  return {
    format,
    steps: steps.length,
    traces: [...new Set(steps.map(({ traceId }) => traceId))],
    detections: emissions.map(({ finding }) => ({
      ...detectionRecord(finding, 'analysis'),
      tenant: ask.tenant,
      time_unix_ms: nowMs,
    })),
    ...looks(coverage),
    errors: [...failed],
    carriers: emissions.length === 0 ? new Uint8Array(0) : carriers(emissions, nowMs, options),
    annotated: join(annotate(index, emissions, nowMs, options).chunks),
  };
}

function bodyOf(
  analyst: Analyst,
  ask: Exclude<Ask, { kind: 'explained' }>,
): { readonly format: string; readonly body: Uint8Array } {
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

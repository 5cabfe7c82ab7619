/** OTLP/JSON from conversations and span trees of public data sets, and a pack of one set made of them. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openPack, type Pack, type RunLabel } from '../pack.ts';

export interface PublicRun {
  /** Unique in its set; names the file. */
  readonly key: string;
  readonly request: unknown;
  readonly label: RunLabel;
}

export type AttributeValue = string | number | boolean;

export interface SpanDraft {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly status?: { readonly code: 0 | 1 | 2; readonly message?: string };
  readonly events?: readonly {
    readonly name: string;
    readonly timeNs: bigint;
    readonly attributes: Readonly<Record<string, AttributeValue>>;
  }[];
}

export interface Turn {
  readonly agent: string;
  readonly text: string;
  /** What the agent was told to be, if the data says so. */
  readonly system?: string;
}

/** First hex digits of SHA-256: stable ids for data that has none. */
export function idOf(digits: 16 | 32, ...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join('|')).digest('hex').slice(0, digits);
}

/** 2025-01-01T00:00:00Z: conversations carry no times. One second a turn, and the resource says that the times are made up. */
const EPOCH_NS = 1_735_689_600_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/** A conversation as one agent span a turn, below one span for the run. `step.index` counts turns from 0. */
export function conversation(traceId: string, system: string, task: string, turns: readonly Turn[]): unknown {
  const root = idOf(16, traceId, 'root');
  const spans: SpanDraft[] = [
    {
      traceId,
      spanId: root,
      name: `invoke_agent ${system}`,
      startNs: EPOCH_NS,
      endNs: EPOCH_NS + SECOND_NS * BigInt(Math.max(1, turns.length)),
      attributes: {
        'openinference.span.kind': 'CHAIN',
        'gen_ai.operation.name': 'invoke_agent',
        'input.value': task,
        'output.value': turns[turns.length - 1]?.text ?? '',
      },
    },
    ...turns.map(({ agent, text, system: instructions }, i): SpanDraft => {
      const startNs = EPOCH_NS + SECOND_NS * BigInt(i);
      return {
        traceId,
        spanId: idOf(16, traceId, i),
        parentSpanId: root,
        name: `invoke_agent ${agent}`,
        startNs,
        endNs: startNs + SECOND_NS,
        attributes: {
          'openinference.span.kind': 'AGENT',
          'gen_ai.operation.name': 'invoke_agent',
          'gen_ai.agent.name': agent,
          'step.index': i,
          'input.value': turns[i - 1]?.text ?? task,
          'output.value': text,
          'gen_ai.output.messages': JSON.stringify([
            { role: 'assistant', name: agent, parts: [{ type: 'text', content: text }] },
          ]),
          ...(instructions === undefined
            ? {}
            : { 'gen_ai.system_instructions': JSON.stringify([{ type: 'text', content: instructions }]) }),
        },
      };
    }),
  ];
  return requestOf(spans, { 'service.name': 'app', 'synthetic.timestamps': true });
}

export function requestOf(
  spans: readonly SpanDraft[],
  resource: Readonly<Record<string, AttributeValue>>,
  scope = 'app',
): unknown {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [
          {
            scope: { name: scope },
            spans: spans.map(({ startNs, endNs, attributes, events, ...span }) => ({
              ...span,
              kind: 1,
              startTimeUnixNano: String(startNs),
              endTimeUnixNano: String(endNs),
              attributes: attributesOf(attributes),
              events: (events ?? []).map((event) => ({
                name: event.name,
                timeUnixNano: String(event.timeNs),
                attributes: attributesOf(event.attributes),
              })),
            })),
          },
        ],
      },
    ],
  };
}

function attributesOf(values: Readonly<Record<string, AttributeValue>>): unknown[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: AttributeValue): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Writes the runs as a set of a pack below `folder`. */
export function writeSet(folder: string, set: string, runs: readonly PublicRun[]): Pack {
  const own = join(folder, set);
  mkdirSync(own, { recursive: true });
  const labels: Record<string, RunLabel> = {};
  for (const { key, request, label } of runs) {
    const file = `${key.replace(/[^\w.-]+/g, '_')}.otlp.json.gz`;
    writeFileSync(join(own, file), gzipSync(JSON.stringify(request)));
    labels[set === 'whowhen' ? key : (label.trace_id ?? key)] = { ...label, file };
  }
  writeFileSync(join(own, 'labels.json'), JSON.stringify(labels));
  return openPack(folder, [set]);
}

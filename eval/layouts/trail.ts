/**
 * TRAIL as github.com/patronus-ai/trail-benchmark lays it out below `benchmarking/` (also one level up, as the hub has it):
 * `data/GAIA/<trace>.json`, `data/SWE Bench/<trace>.json` (trees of OpenInference spans) and
 * `processed_annotations_{gaia,swe_bench}/<trace>.json` (`errors[]` with `location` = span id and `category`).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrailLabel } from '../pack.ts';
import { type AttributeValue, type PublicRun, requestOf, type SpanDraft } from './otlp.ts';

interface TrailSpan {
  readonly span_id: string;
  readonly trace_id?: string;
  readonly parent_span_id?: string | null;
  readonly span_name?: string;
  /** ISO 8601, and a duration as ISO 8601 (`PT1.5S`). */
  readonly timestamp?: string;
  readonly duration?: string;
  readonly status_code?: string;
  readonly status_message?: string;
  readonly scope_name?: string;
  readonly resource_attributes?: Readonly<Record<string, unknown>>;
  readonly span_attributes?: Readonly<Record<string, unknown>>;
  readonly events?: readonly Readonly<Record<string, unknown>>[];
  readonly child_spans?: readonly TrailSpan[];
}

const SPLITS = [
  { split: 'gaia', data: 'GAIA', annotations: 'processed_annotations_gaia' },
  { split: 'swe_bench', data: 'SWE Bench', annotations: 'processed_annotations_swe_bench' },
] as const;

/** Throws if the folder has not this layout. Traces without annotations are left out. */
export function readTrail(folder: string): PublicRun[] {
  const root = existsSync(join(folder, 'benchmarking')) ? join(folder, 'benchmarking') : folder;
  const runs: PublicRun[] = [];
  for (const { split, data, annotations } of SPLITS) {
    const traces = [join(root, 'data', data), join(root, data)].find(existsSync);
    if (traces === undefined) continue;
    for (const name of readdirSync(traces)
      .filter((one) => one.endsWith('.json'))
      .sort()) {
      const labels = join(root, annotations, name);
      if (existsSync(labels)) runs.push(run(join(traces, name), labels, split));
    }
  }
  if (runs.length === 0) {
    throw new Error(`${folder}: no TRAIL runs. Expected data/GAIA/<trace>.json beside processed_annotations_gaia/<trace>.json.`);
  }
  return runs;
}

function run(trace: string, annotations: string, split: string): PublicRun {
  const { spans = [], trace_id } = JSON.parse(readFileSync(trace, 'utf8')) as { spans?: TrailSpan[]; trace_id?: string };
  const { errors = [] } = JSON.parse(readFileSync(annotations, 'utf8')) as Partial<TrailLabel>;
  const key = trace_id ?? trace.replace(/^.*[\\/]|\.json$/g, '');
  const label: TrailLabel = { trace_id: key, errors, split };
  const scope = spans[0]?.scope_name ?? 'app';
  return {
    key,
    label,
    request: requestOf(
      spans.flatMap((span) => flat(span, key, undefined)),
      plain(spans[0]?.resource_attributes),
      scope,
    ),
  };
}

function flat(span: TrailSpan, traceId: string, parent: string | undefined): SpanDraft[] {
  const startNs = nanoseconds(span.timestamp);
  const parentSpanId = span.parent_span_id ?? parent;
  const code = { ok: 1, error: 2 }[(span.status_code ?? '').toLowerCase()] ?? 0;
  return [
    {
      traceId,
      spanId: span.span_id,
      ...(parentSpanId ? { parentSpanId } : {}),
      name: span.span_name ?? '',
      startNs,
      endNs: startNs + duration(span.duration),
      attributes: plain(span.span_attributes),
      status: { code: code as 0 | 1 | 2, ...(span.status_message ? { message: span.status_message } : {}) },
      events: (span.events ?? []).map((event) => ({
        name: String(event['Name'] ?? event['name'] ?? ''),
        timeNs: nanoseconds(String(event['Timestamp'] ?? event['timestamp'] ?? span.timestamp ?? '')),
        attributes: plain((event['Attributes'] ?? event['attributes']) as Readonly<Record<string, unknown>> | undefined),
      })),
    },
    ...(span.child_spans ?? []).flatMap((child) => flat(child, traceId, span.span_id)),
  ];
}

function plain(values: Readonly<Record<string, unknown>> | undefined): Record<string, AttributeValue> {
  const result: Record<string, AttributeValue> = {};
  for (const [key, value] of Object.entries(values ?? {})) {
    if (value === null || value === undefined) continue;
    result[key] =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : JSON.stringify(value);
  }
  return result;
}

/** Keeps what lies below a millisecond: spans of one trace may differ by microseconds only. 0 if unknown. */
function nanoseconds(timestamp: string | undefined): bigint {
  const match = /^(.*?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)?$/.exec(timestamp ?? '');
  const seconds = Date.parse(`${match?.[1] ?? ''}${match?.[3] ?? 'Z'}`);
  return Number.isNaN(seconds) ? 0n : BigInt(seconds) * 1_000_000n + BigInt((match?.[2] ?? '').padEnd(9, '0'));
}

/** ISO 8601 up to hours. */
function duration(text: string | undefined): bigint {
  const match = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9})\d*)?S)?$/.exec(text ?? '');
  if (!match) return 0n;
  const [, hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  return (BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

// The demo's sending side: a recording becomes spans of the OpenTelemetry JS SDK, and the SDK's exporter sends them.
import type { Attributes, AttributeValue, HrTime, SpanContext } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly Value[] };
}
interface KeyValue {
  readonly key: string;
  readonly value: Value;
}
interface RecordedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code?: 0 | 1 | 2; readonly message?: string };
}
/** OTLP/JSON as `scripts/record/demo.mjs` writes it: of what OTLP allows, no events and no links. */
export interface Recording {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version?: string };
      readonly spans: readonly RecordedSpan[];
    }[];
  }[];
}

/** Spans in the order in which they ended, moved in time so that the run ends at `endMs`; ids stay as recorded. */
export function readRecording(recording: Recording, endMs: number): ReadableSpan[] {
  const recorded = recording.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => ({ resource: attributes(resource.attributes), scope, span }))),
  );
  const last = recorded.reduce((max, { span }) => (BigInt(span.endTimeUnixNano) > max ? BigInt(span.endTimeUnixNano) : max), 0n);
  const shift = BigInt(endMs) * 1_000_000n - last;
  return recorded.map(({ resource, scope, span }) => {
    const start = BigInt(span.startTimeUnixNano) + shift;
    const end = BigInt(span.endTimeUnixNano) + shift;
    return {
      name: span.name,
      // OTLP counts kinds from 1, the SDK from 0.
      kind: Math.max(0, span.kind - 1),
      spanContext: () => context(span.traceId, span.spanId),
      ...(span.parentSpanId ? { parentSpanContext: context(span.traceId, span.parentSpanId) } : {}),
      startTime: hrTime(start),
      endTime: hrTime(end),
      duration: hrTime(end - start),
      status: { code: span.status.code ?? 0, ...(span.status.message ? { message: span.status.message } : {}) },
      attributes: attributes(span.attributes),
      links: [],
      events: [],
      ended: true,
      resource: { attributes: resource, merge: () => neverMerged(), getRawAttributes: () => Object.entries(resource) },
      instrumentationScope: scope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  });
}

/** Sends `batches` one after the other over OTLP/HTTP; rejects with what the exporter says when one is refused. */
export async function send(
  url: string,
  batches: readonly (readonly ReadableSpan[])[],
  pause: () => Promise<void>,
): Promise<void> {
  const exporter = new OTLPTraceExporter({ url });
  try {
    for (const batch of batches) {
      await new Promise<void>((resolve, reject) => {
        exporter.export([...batch], (result) =>
          result.error || result.code !== 0 ? reject(result.error ?? new Error(`export to ${url} failed`)) : resolve(),
        );
      });
      await pause();
    }
  } finally {
    await exporter.shutdown();
  }
}

function context(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: 1 };
}

function hrTime(nanos: bigint): HrTime {
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
}

function attributes(list: readonly KeyValue[]): Attributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
}

function plain(value: Value): AttributeValue {
  if (value.arrayValue) return value.arrayValue.values.map((one) => String(plain(one)));
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue ?? '';
}

function neverMerged(): never {
  throw new Error('A recorded resource is complete.');
}

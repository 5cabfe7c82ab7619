/** Hand-written spans for tests: plain objects to OTLP/JSON, so that they go the way of recorded ones. */
import { documentToProtobuf } from '../../otlp/json.ts';
import { spanReader } from '../../otlp/span.ts';
import { walkTraces } from '../../otlp/traces.ts';
import { dialectKeys } from '../keys.ts';
import { isAgentSpan, type NormalisedSpan, normalise } from '../normalise.ts';
import type { TracesDocument } from './requests.ts';

export type Attributes = Readonly<Record<string, unknown>>;

export interface TestSpan {
  /** Small numbers become ids. Default 1. */
  readonly id?: number;
  readonly parent?: number;
  readonly trace?: number;
  readonly name?: string;
  readonly scope?: string;
  readonly attributes?: Attributes;
  readonly events?: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly status?: 'ok' | 'error';
  readonly message?: string;
  /** Milliseconds after the tests' epoch. */
  readonly start?: number;
  readonly end?: number;
  readonly resource?: Attributes;
}

/** The tests' epoch, ns. */
const epoch = 1_767_225_600_000_000_000n;

export function spanId(n: number): string {
  return n.toString(16).padStart(16, '0');
}

export function traceId(n: number): string {
  return n.toString(16).padStart(32, '0');
}

function anyValue(value: unknown): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value as Attributes) } };
}

function keyValues(attributes: Attributes): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function spanJson(span: TestSpan) {
  const start = epoch + BigInt(span.start ?? 0) * 1_000_000n;
  const end = epoch + BigInt(span.end ?? (span.start ?? 0) + 10) * 1_000_000n;
  return {
    traceId: traceId(span.trace ?? 1),
    spanId: spanId(span.id ?? 1),
    ...(span.parent === undefined ? {} : { parentSpanId: spanId(span.parent) }),
    name: span.name ?? 'span',
    kind: 1,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(end),
    attributes: keyValues(span.attributes ?? {}),
    events: (span.events ?? []).map((event) => ({
      name: event.name,
      timeUnixNano: String(start),
      attributes: keyValues(event.attributes),
    })),
    status: { code: span.status === 'error' ? 2 : span.status === 'ok' ? 1 : 0, message: span.message ?? '' },
  };
}

/** One request with one resource and scope a span. */
function requestOf(spans: readonly TestSpan[]): TracesDocument {
  return {
    resourceSpans: spans.map((span) => ({
      resource: { attributes: keyValues(span.resource ?? { 'service.name': 'test' }) },
      scopeSpans: [{ scope: { name: span.scope ?? 'test' }, spans: [spanJson(span)] }],
    })),
  };
}

export function bodyOf(spans: readonly TestSpan[]): Uint8Array {
  return documentToProtobuf('traces', requestOf(spans)).body;
}

/** The step that one span is; `undefined` if none. */
export function stepOf(span: TestSpan): NormalisedSpan | undefined {
  const reader = spanReader().at(walkTraces(bodyOf([span]), dialectKeys), 0);
  return isAgentSpan(reader) ? normalise(reader, 'default') : undefined;
}

/** The same for spans that must be steps. */
export function mustStep(span: TestSpan): NormalisedSpan {
  const step = stepOf(span);
  if (step === undefined) throw new Error(`'${span.name ?? 'span'}' is no step`);
  return step;
}

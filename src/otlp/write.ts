/** Writes what misstep itself makes, with protobufjs' writer: attributes, events, carrier spans, log records, metrics, replies. */
import type { Value } from './span.ts';

export type Attributes = Readonly<Record<string, Value>>;

export interface NewEvent {
  readonly name: string;
  readonly timeNs: bigint;
  readonly attributes: Attributes;
}

export interface NewLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

export interface NewSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly name: string;
  /** SpanKind enum; 1 = internal. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly NewEvent[];
  readonly links: readonly NewLink[];
  readonly status?: { readonly code: number; readonly message: string };
}

export interface NewScope {
  readonly name: string;
  readonly version: string;
}

/** `resource` is either attributes or the encoded Resource message of a received body, kept byte for byte. */
export interface SpanGroup {
  readonly resource: Attributes | Uint8Array;
  readonly schemaUrl?: string;
  readonly scope: NewScope;
  readonly spans: readonly NewSpan[];
}

/** One ExportTraceServiceRequest. */
export declare function writeTraces(groups: readonly SpanGroup[]): Uint8Array;

/** A tagged `Span.attributes` field, for `SpanEdit.append`. */
export declare function writeSpanAttribute(key: string, value: Value): Uint8Array;
/** A tagged `Span.events` field, for `SpanEdit.append`. */
export declare function writeSpanEvent(event: NewEvent): Uint8Array;
/** A tagged `Span.status` field, for `SpanEdit.append`: the last one stands. */
export declare function writeSpanStatus(code: number, message: string): Uint8Array;

export interface NewLogRecord {
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: string;
  readonly attributes: Attributes;
  readonly traceId: string;
  readonly spanId: string;
}

export interface LogGroup {
  readonly resource: Attributes | Uint8Array;
  readonly scope: NewScope;
  readonly records: readonly NewLogRecord[];
}

/** One ExportLogsServiceRequest. */
export declare function writeLogs(groups: readonly LogGroup[]): Uint8Array;

export interface Exemplar {
  readonly timeNs: bigint;
  readonly value: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

export interface NumberPoint {
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly value: number;
  readonly exemplars: readonly Exemplar[];
}

export interface HistogramPoint {
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
  readonly bucketCounts: readonly number[];
  readonly exemplars: readonly Exemplar[];
}

/** Temporality: 1 delta, 2 cumulative. */
export type NewMetric =
  | { readonly kind: 'sum'; readonly name: string; readonly unit: string; readonly description: string; readonly monotonic: boolean; readonly temporality: 1 | 2; readonly points: readonly NumberPoint[] }
  | { readonly kind: 'gauge'; readonly name: string; readonly unit: string; readonly description: string; readonly points: readonly NumberPoint[] }
  | { readonly kind: 'histogram'; readonly name: string; readonly unit: string; readonly description: string; readonly temporality: 1 | 2; readonly points: readonly HistogramPoint[] };

export interface MetricGroup {
  readonly resource: Attributes | Uint8Array;
  readonly scope: NewScope;
  readonly metrics: readonly NewMetric[];
}

/** One ExportMetricsServiceRequest. */
export declare function writeMetrics(groups: readonly MetricGroup[]): Uint8Array;

/** Writes what misstep itself makes, with protobufjs' writer: attributes, events, carrier spans, log records, metrics, replies. */
import protobuf from 'protobufjs/minimal.js';
import { bits } from './json.ts';
import type { Value } from './span.ts';

/** A number that is a double on the wire even when it is whole. */
export class Double {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export type Attributes = Readonly<Record<string, Value | Double>>;

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
export function writeTraces(groups: readonly SpanGroup[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { resource, schemaUrl, scope, spans } of groups) {
    writer.uint32(10).fork();
    writeResource(writer, resource);
    writer.uint32(18).fork();
    writeScope(writer, scope);
    for (const span of spans) {
      writer.uint32(18).fork();
      writeSpan(writer, span);
      writer.ldelim();
    }
    writer.ldelim();
    if (schemaUrl) writer.uint32(26).string(schemaUrl);
    writer.ldelim();
  }
  return writer.finish();
}

/** A tagged `Span.attributes` field, for `SpanEdit.append`. */
export function writeSpanAttribute(key: string, value: Value | Double): Uint8Array {
  return writeAttribute(74, key, value);
}
/** A KeyValue field with this tag. */
export function writeAttribute(tag: number, key: string, value: Value | Double): Uint8Array {
  const writer = protobuf.Writer.create();
  writeKeyValue(writer, tag, key, value);
  return writer.finish();
}
/** A tagged `Span.events` field, for `SpanEdit.append`. */
export function writeSpanEvent(event: NewEvent): Uint8Array {
  const writer = protobuf.Writer.create();
  writeEvent(writer, event);
  return writer.finish();
}
/** A tagged `Span.status` field, for `SpanEdit.append`: the last one stands. */
export function writeSpanStatus(code: number, message: string): Uint8Array {
  const writer = protobuf.Writer.create();
  writeStatusField(writer, code, message);
  return writer.finish();
}

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
export function writeLogs(groups: readonly LogGroup[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { resource, scope, records } of groups) {
    writer.uint32(10).fork();
    writeResource(writer, resource);
    writer.uint32(18).fork();
    writeScope(writer, scope);
    for (const record of records) {
      writer.uint32(18).fork();
      writer.uint32(9).fixed64(bits(record.timeNs)).uint32(89).fixed64(bits(record.observedNs));
      writer.uint32(16).int32(record.severityNumber).uint32(26).string(record.severityText);
      writer.uint32(42).fork();
      writeValue(writer, record.body);
      writer.ldelim();
      writeAttributes(writer, 50, record.attributes);
      writeId(writer, 74, record.traceId);
      writeId(writer, 82, record.spanId);
      writer.uint32(98).string(record.eventName);
      writer.ldelim();
    }
    writer.ldelim().ldelim();
  }
  return writer.finish();
}

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
  | {
      readonly kind: 'sum';
      readonly name: string;
      readonly unit: string;
      readonly description: string;
      readonly monotonic: boolean;
      readonly temporality: 1 | 2;
      readonly points: readonly NumberPoint[];
    }
  | {
      readonly kind: 'gauge';
      readonly name: string;
      readonly unit: string;
      readonly description: string;
      readonly points: readonly NumberPoint[];
    }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly unit: string;
      readonly description: string;
      readonly temporality: 1 | 2;
      readonly points: readonly HistogramPoint[];
    };

export interface MetricGroup {
  readonly resource: Attributes | Uint8Array;
  readonly scope: NewScope;
  readonly metrics: readonly NewMetric[];
}

/** One ExportMetricsServiceRequest. */
export function writeMetrics(groups: readonly MetricGroup[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const { resource, scope, metrics } of groups) {
    writer.uint32(10).fork();
    writeResource(writer, resource);
    writer.uint32(18).fork();
    writeScope(writer, scope);
    for (const metric of metrics) {
      writer.uint32(18).fork();
      writeMetric(writer, metric);
      writer.ldelim();
    }
    writer.ldelim().ldelim();
  }
  return writer.finish();
}

function writeResource(writer: protobuf.Writer, resource: Attributes | Uint8Array): void {
  writer.uint32(10);
  if (resource instanceof Uint8Array) {
    writer.bytes(resource);
    return;
  }
  writer.fork();
  writeAttributes(writer, 10, resource);
  writer.ldelim();
}

function writeScope(writer: protobuf.Writer, scope: NewScope): void {
  writer.uint32(10).fork().uint32(10).string(scope.name).uint32(18).string(scope.version).ldelim();
}

function writeSpan(writer: protobuf.Writer, span: NewSpan): void {
  writeId(writer, 10, span.traceId);
  writeId(writer, 18, span.spanId);
  if (span.traceState) writer.uint32(26).string(span.traceState);
  writeId(writer, 34, span.parentId);
  writer.uint32(42).string(span.name).uint32(48).int32(span.kind);
  writer.uint32(57).fixed64(bits(span.startNs)).uint32(65).fixed64(bits(span.endNs));
  writeAttributes(writer, 74, span.attributes);
  for (const event of span.events) writeEvent(writer, event);
  for (const link of span.links) {
    writer.uint32(106).fork();
    writeId(writer, 10, link.traceId);
    writeId(writer, 18, link.spanId);
    writeAttributes(writer, 34, link.attributes);
    writer.ldelim();
  }
  if (span.status) writeStatusField(writer, span.status.code, span.status.message);
  if (span.flags) writer.uint32(133).fixed32(span.flags);
}

function writeEvent(writer: protobuf.Writer, event: NewEvent): void {
  writer.uint32(90).fork().uint32(9).fixed64(bits(event.timeNs)).uint32(18).string(event.name);
  writeAttributes(writer, 26, event.attributes);
  writer.ldelim();
}

function writeStatusField(writer: protobuf.Writer, code: number, message: string): void {
  writer.uint32(122).fork();
  if (message !== '') writer.uint32(18).string(message);
  writer.uint32(24).int32(code).ldelim();
}

function writeMetric(writer: protobuf.Writer, metric: NewMetric): void {
  writer.uint32(10).string(metric.name).uint32(18).string(metric.description).uint32(26).string(metric.unit);
  writer.uint32(metric.kind === 'gauge' ? 42 : metric.kind === 'sum' ? 58 : 74).fork();
  if (metric.kind === 'histogram') for (const point of metric.points) writeHistogramPoint(writer, point);
  else for (const point of metric.points) writeNumberPoint(writer, point);
  if (metric.kind !== 'gauge') writer.uint32(16).int32(metric.temporality);
  if (metric.kind === 'sum' && metric.monotonic) writer.uint32(24).bool(true);
  writer.ldelim();
}

function writeNumberPoint(writer: protobuf.Writer, point: NumberPoint): void {
  writer.uint32(10).fork();
  writer.uint32(17).fixed64(bits(point.startNs)).uint32(25).fixed64(bits(point.timeNs));
  writer.uint32(33).double(point.value);
  for (const exemplar of point.exemplars) writeExemplar(writer, 42, exemplar);
  writeAttributes(writer, 58, point.attributes);
  writer.ldelim();
}

function writeHistogramPoint(writer: protobuf.Writer, point: HistogramPoint): void {
  writer.uint32(10).fork();
  writer.uint32(17).fixed64(bits(point.startNs)).uint32(25).fixed64(bits(point.timeNs));
  writer
    .uint32(33)
    .fixed64(bits(BigInt(point.count)))
    .uint32(41)
    .double(point.sum);
  writer.uint32(50).fork();
  for (const count of point.bucketCounts) writer.fixed64(bits(BigInt(count)));
  writer.ldelim().uint32(58).fork();
  for (const bound of point.bounds) writer.double(bound);
  writer.ldelim();
  for (const exemplar of point.exemplars) writeExemplar(writer, 66, exemplar);
  writeAttributes(writer, 74, point.attributes);
  writer.ldelim();
}

function writeExemplar(writer: protobuf.Writer, tag: number, exemplar: Exemplar): void {
  writer.uint32(tag).fork();
  writer.uint32(17).fixed64(bits(exemplar.timeNs)).uint32(25).double(exemplar.value);
  writeId(writer, 34, exemplar.spanId);
  writeId(writer, 42, exemplar.traceId);
  writeAttributes(writer, 58, exemplar.attributes);
  writer.ldelim();
}

function writeId(writer: protobuf.Writer, tag: number, hex: string): void {
  if (hex !== '') writer.uint32(tag).bytes(Buffer.from(hex, 'hex'));
}

function writeAttributes(writer: protobuf.Writer, tag: number, attributes: Attributes): void {
  for (const key of Object.keys(attributes)) writeKeyValue(writer, tag, key, attributes[key]);
}

function writeKeyValue(writer: protobuf.Writer, tag: number, key: string, value: Value | Double): void {
  writer.uint32(tag).fork().uint32(10).string(key).uint32(18).fork();
  if (value instanceof Double) writer.uint32(33).double(value.value);
  else writeValue(writer, value);
  writer.ldelim().ldelim();
}

/** Content of an AnyValue. A whole number is an int, any other a double. */
function writeValue(writer: protobuf.Writer, value: Value): void {
  if (typeof value === 'string') writer.uint32(10).string(value);
  else if (typeof value === 'boolean') writer.uint32(16).bool(value);
  else if (typeof value === 'bigint') writer.uint32(24).int64(bits(value));
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) writer.uint32(24).int64(bits(BigInt(value)));
    else writer.uint32(33).double(value);
  } else if (value instanceof Uint8Array) writer.uint32(58).bytes(value);
  else if (value instanceof Map) {
    writer.uint32(50).fork();
    for (const [key, member] of value) writeKeyValue(writer, 10, key, member);
    writer.ldelim();
  } else if (Array.isArray(value)) {
    writer.uint32(42).fork();
    for (const member of value) {
      writer.uint32(10).fork();
      writeValue(writer, member);
      writer.ldelim();
    }
    writer.ldelim();
  }
}

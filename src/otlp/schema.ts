/**
 * The messages of OTLP, as data: names, numbers and types from the opentelemetry-proto 1.x
 * specification. OTLP/JSON is read and written by it, and the tests build protobufjs' decoder from it.
 */

export interface Field {
  readonly number: number;
  /** A scalar, or the name of a message. */
  readonly type: string;
  readonly repeated?: true;
  /** Hex in JSON, of this many bytes. Without it bytes are base64. */
  readonly hex?: number;
  /** Of the members of a message's oneof only one is set, possibly to its default value. No OTLP message has two. */
  readonly oneof?: true;
  /** Presence counts: may be set to its default value. */
  readonly optional?: true;
  readonly values?: readonly string[];
}

export type Message = Readonly<Record<string, Field>>;

const f = (number: number, type: string, more: Partial<Field> = {}): Field => ({ number, type, ...more });
const many = { repeated: true } as const;
const oneof = { oneof: true } as const;
const optional = { optional: true } as const;

const temporality = [
  'AGGREGATION_TEMPORALITY_UNSPECIFIED',
  'AGGREGATION_TEMPORALITY_DELTA',
  'AGGREGATION_TEMPORALITY_CUMULATIVE',
];
const severity = [
  'SEVERITY_NUMBER_UNSPECIFIED',
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((level) =>
    ['', '2', '3', '4'].map((n) => `SEVERITY_NUMBER_${level}${n}`),
  ),
];

const point = {
  attributes: f(7, 'KeyValue', many),
  startTimeUnixNano: f(2, 'fixed64'),
  timeUnixNano: f(3, 'fixed64'),
  exemplars: f(5, 'Exemplar', many),
  flags: f(8, 'uint32'),
} as const;

export const messages: Readonly<Record<string, Message>> = {
  ExportTraceServiceRequest: { resourceSpans: f(1, 'ResourceSpans', many) },
  ExportMetricsServiceRequest: { resourceMetrics: f(1, 'ResourceMetrics', many) },
  ExportLogsServiceRequest: { resourceLogs: f(1, 'ResourceLogs', many) },
  ResourceSpans: { resource: f(1, 'Resource'), scopeSpans: f(2, 'ScopeSpans', many), schemaUrl: f(3, 'string') },
  ResourceMetrics: { resource: f(1, 'Resource'), scopeMetrics: f(2, 'ScopeMetrics', many), schemaUrl: f(3, 'string') },
  ResourceLogs: { resource: f(1, 'Resource'), scopeLogs: f(2, 'ScopeLogs', many), schemaUrl: f(3, 'string') },
  ScopeSpans: { scope: f(1, 'InstrumentationScope'), spans: f(2, 'Span', many), schemaUrl: f(3, 'string') },
  ScopeMetrics: { scope: f(1, 'InstrumentationScope'), metrics: f(2, 'Metric', many), schemaUrl: f(3, 'string') },
  ScopeLogs: { scope: f(1, 'InstrumentationScope'), logRecords: f(2, 'LogRecord', many), schemaUrl: f(3, 'string') },
  Resource: { attributes: f(1, 'KeyValue', many), droppedAttributesCount: f(2, 'uint32'), entityRefs: f(3, 'EntityRef', many) },
  EntityRef: {
    schemaUrl: f(1, 'string'),
    type: f(2, 'string'),
    idKeys: f(3, 'string', many),
    descriptionKeys: f(4, 'string', many),
  },
  InstrumentationScope: {
    name: f(1, 'string'),
    version: f(2, 'string'),
    attributes: f(3, 'KeyValue', many),
    droppedAttributesCount: f(4, 'uint32'),
  },
  KeyValue: { key: f(1, 'string'), value: f(2, 'AnyValue') },
  AnyValue: {
    stringValue: f(1, 'string', oneof),
    boolValue: f(2, 'bool', oneof),
    intValue: f(3, 'int64', oneof),
    doubleValue: f(4, 'double', oneof),
    arrayValue: f(5, 'ArrayValue', oneof),
    kvlistValue: f(6, 'KeyValueList', oneof),
    bytesValue: f(7, 'bytes', oneof),
  },
  ArrayValue: { values: f(1, 'AnyValue', many) },
  KeyValueList: { values: f(1, 'KeyValue', many) },
  Span: {
    traceId: f(1, 'bytes', { hex: 16 }),
    spanId: f(2, 'bytes', { hex: 8 }),
    traceState: f(3, 'string'),
    parentSpanId: f(4, 'bytes', { hex: 8 }),
    flags: f(16, 'fixed32'),
    name: f(5, 'string'),
    kind: f(6, 'enum', {
      values: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((kind) => `SPAN_KIND_${kind}`),
    }),
    startTimeUnixNano: f(7, 'fixed64'),
    endTimeUnixNano: f(8, 'fixed64'),
    attributes: f(9, 'KeyValue', many),
    droppedAttributesCount: f(10, 'uint32'),
    events: f(11, 'Event', many),
    droppedEventsCount: f(12, 'uint32'),
    links: f(13, 'Link', many),
    droppedLinksCount: f(14, 'uint32'),
    status: f(15, 'Status'),
  },
  Event: {
    timeUnixNano: f(1, 'fixed64'),
    name: f(2, 'string'),
    attributes: f(3, 'KeyValue', many),
    droppedAttributesCount: f(4, 'uint32'),
  },
  Link: {
    traceId: f(1, 'bytes', { hex: 16 }),
    spanId: f(2, 'bytes', { hex: 8 }),
    traceState: f(3, 'string'),
    attributes: f(4, 'KeyValue', many),
    droppedAttributesCount: f(5, 'uint32'),
    flags: f(6, 'fixed32'),
  },
  Status: {
    message: f(2, 'string'),
    code: f(3, 'enum', { values: ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'] }),
  },
  LogRecord: {
    timeUnixNano: f(1, 'fixed64'),
    observedTimeUnixNano: f(11, 'fixed64'),
    severityNumber: f(2, 'enum', { values: severity }),
    severityText: f(3, 'string'),
    body: f(5, 'AnyValue'),
    attributes: f(6, 'KeyValue', many),
    droppedAttributesCount: f(7, 'uint32'),
    flags: f(8, 'fixed32'),
    traceId: f(9, 'bytes', { hex: 16 }),
    spanId: f(10, 'bytes', { hex: 8 }),
    eventName: f(12, 'string'),
  },
  Metric: {
    name: f(1, 'string'),
    description: f(2, 'string'),
    unit: f(3, 'string'),
    gauge: f(5, 'Gauge', oneof),
    sum: f(7, 'Sum', oneof),
    histogram: f(9, 'Histogram', oneof),
    exponentialHistogram: f(10, 'ExponentialHistogram', oneof),
    summary: f(11, 'Summary', oneof),
    metadata: f(12, 'KeyValue', many),
  },
  Gauge: { dataPoints: f(1, 'NumberDataPoint', many) },
  Sum: {
    dataPoints: f(1, 'NumberDataPoint', many),
    aggregationTemporality: f(2, 'enum', { values: temporality }),
    isMonotonic: f(3, 'bool'),
  },
  Histogram: { dataPoints: f(1, 'HistogramDataPoint', many), aggregationTemporality: f(2, 'enum', { values: temporality }) },
  ExponentialHistogram: {
    dataPoints: f(1, 'ExponentialHistogramDataPoint', many),
    aggregationTemporality: f(2, 'enum', { values: temporality }),
  },
  Summary: { dataPoints: f(1, 'SummaryDataPoint', many) },
  NumberDataPoint: { ...point, asDouble: f(4, 'double', oneof), asInt: f(6, 'sfixed64', oneof) },
  HistogramDataPoint: {
    attributes: f(9, 'KeyValue', many),
    startTimeUnixNano: f(2, 'fixed64'),
    timeUnixNano: f(3, 'fixed64'),
    count: f(4, 'fixed64'),
    sum: f(5, 'double', optional),
    bucketCounts: f(6, 'fixed64', many),
    explicitBounds: f(7, 'double', many),
    exemplars: f(8, 'Exemplar', many),
    flags: f(10, 'uint32'),
    min: f(11, 'double', optional),
    max: f(12, 'double', optional),
  },
  ExponentialHistogramDataPoint: {
    attributes: f(1, 'KeyValue', many),
    startTimeUnixNano: f(2, 'fixed64'),
    timeUnixNano: f(3, 'fixed64'),
    count: f(4, 'fixed64'),
    sum: f(5, 'double', optional),
    scale: f(6, 'sint32'),
    zeroCount: f(7, 'fixed64'),
    positive: f(8, 'Buckets'),
    negative: f(9, 'Buckets'),
    flags: f(10, 'uint32'),
    exemplars: f(11, 'Exemplar', many),
    min: f(12, 'double', optional),
    max: f(13, 'double', optional),
    zeroThreshold: f(14, 'double'),
  },
  Buckets: { offset: f(1, 'sint32'), bucketCounts: f(2, 'uint64', many) },
  SummaryDataPoint: {
    attributes: f(7, 'KeyValue', many),
    startTimeUnixNano: f(2, 'fixed64'),
    timeUnixNano: f(3, 'fixed64'),
    count: f(4, 'fixed64'),
    sum: f(5, 'double'),
    quantileValues: f(6, 'ValueAtQuantile', many),
    flags: f(8, 'uint32'),
  },
  ValueAtQuantile: { quantile: f(1, 'double'), value: f(2, 'double') },
  Exemplar: {
    filteredAttributes: f(7, 'KeyValue', many),
    timeUnixNano: f(2, 'fixed64'),
    asDouble: f(3, 'double', oneof),
    asInt: f(6, 'sfixed64', oneof),
    spanId: f(4, 'bytes', { hex: 8 }),
    traceId: f(5, 'bytes', { hex: 16 }),
  },
};

export const requestOf = {
  traces: 'ExportTraceServiceRequest',
  metrics: 'ExportMetricsServiceRequest',
  logs: 'ExportLogsServiceRequest',
} as const;

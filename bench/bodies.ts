/** Request bodies for the benchmarks: seeded, never the same text twice. */
import { type Document, encode, type Shape, seeded } from '../src/otlp/testing/encode.ts';

export const random = seeded(7);

export function hex(bytes: number): string {
  let text = '';
  for (let i = 0; i < bytes * 2; i++) text += Math.floor(random() * 16).toString(16);
  return text;
}

/** Words, numbers and a full stop now and then; no two texts are alike. */
export function prose(length: number): string {
  let text = '';
  while (text.length < length) {
    text += Math.floor(random() * 1e9).toString(36);
    text += random() < 0.1 ? '. ' : ' ';
  }
  return text.slice(0, length);
}

export function attribute(key: string, value: string | number): Document {
  return { key, value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) } };
}

export interface SpanFacts {
  readonly traceId: string;
  readonly name: string;
  readonly attributes: readonly Document[];
  /** Milliseconds after the beginning of the recording. */
  readonly atMs?: number;
}

/** One ExportTraceServiceRequest with these spans. */
export function requestOf(spans: readonly SpanFacts[], scope: string, shape: Shape = { order: 'ascending' }): Uint8Array {
  const resource = { attributes: [attribute('service.name', 'shop'), attribute('service.version', '1.2.3')] };
  const documents = spans.map(({ traceId, name, attributes, atMs = 0 }) => ({
    traceId,
    spanId: hex(8),
    parentSpanId: hex(8),
    name,
    kind: 3,
    startTimeUnixNano: String(1_790_000_000_000_000_000n + BigInt(atMs) * 1_000_000n),
    endTimeUnixNano: String(1_790_000_000_000_500_000n + BigInt(atMs) * 1_000_000n),
    attributes,
    status: {},
  }));
  return encode(
    'ExportTraceServiceRequest',
    { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: scope }, spans: documents }] }] },
    shape,
  );
}

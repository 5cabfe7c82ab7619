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

const common =
  'the of and to in a is that for it as was with be by on not he this are or his from at which but have an they you were there one all we can her has their more if will would about been who no what some so into only my up other out time than then may these now like could made after before also many must through years where much your way well down should because each just those people how too little state good very make world still own see men work long get here between both life being under never day same another know while last might us great old year off come since against go came right used take three'.split(
    ' ',
  );
const subjects =
  'report invoice customer shipment server database research price hotel flight museum engine budget contract river bridge population temperature password account manager release version failure latency benchmark Paris Berlin Anna Kepler Monday Nordbank'.split(
    ' ',
  );

/** English words as often as in English, with names and numbers, in sentences of some fifteen words; no two texts are alike. */
export function english(length: number): string {
  let text = '';
  let first = true;
  while (text.length < length) {
    const draw = random();
    // Squared: the first words of the list are the most frequent.
    const word =
      draw < 0.06
        ? String(Math.floor(random() * 5_000))
        : draw < 0.35
          ? (subjects[Math.floor(random() * subjects.length)] as string)
          : (common[Math.floor(random() ** 2 * common.length)] as string);
    text += first ? word.charAt(0).toUpperCase() + word.slice(1) : word;
    first = random() < 0.07;
    text += first ? '. ' : random() < 0.06 ? ', ' : ' ';
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

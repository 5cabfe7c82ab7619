/** Content written onto its spans, as attributes of the conventions. What a span says itself is left as it is. */
import { dialectKeys, rowId } from '../../src/dialects/keys.ts';
import { type SpanReader, spanReader } from '../../src/otlp/span.ts';
import { type SpanEdit, spliceSpans } from '../../src/otlp/splice.ts';
import type { TraceIndex } from '../../src/otlp/traces.ts';
import { writeSpanAttribute } from '../../src/otlp/write.ts';
import { contentAttributes } from './content.ts';
import type { Contents } from './contents.ts';
import type { SpanId } from './reading.ts';

export const keys = dialectKeys;

export interface Joined {
  readonly chunks: readonly Uint8Array[];
  /** Spans that have got content. */
  readonly spans: readonly SpanId[];
}

export function join(index: TraceIndex, tenant: string, contents: Contents): Joined {
  const reader = spanReader();
  const edits: SpanEdit[] = [];
  const spans: SpanId[] = [];
  const seen = new Set<string>();
  for (let row = 0; row < index.spanCount && contents.size > 0; row++) {
    const span = idOf(reader.at(index, row));
    const waiting = contents.get(tenant, span);
    const id = span.traceId + span.spanId;
    if (waiting === undefined || seen.has(id)) continue;
    seen.add(id);
    const own = ownAttributes(reader);
    const facts = contentAttributes(waiting.pieces);
    for (const key of Object.keys(facts)) {
      if (!own(key)) edits.push({ row, append: writeSpanAttribute(key, facts[key]) });
    }
    spans.push(span);
  }
  return { chunks: spliceSpans(index, edits), spans };
}

function idOf(reader: SpanReader): SpanId {
  return { traceId: reader.traceId(), spanId: reader.spanId() };
}

/** Whether the span has an attribute of that key. One whose values cannot be read is left alone. */
function ownAttributes(reader: SpanReader): (key: string) => boolean {
  try {
    const own = reader.attributes();
    return (key) => own.has(key);
  } catch {
    return () => true;
  }
}

const rows = {
  operation: rowId('gen_ai.operation.name'),
  input: rowId('gen_ai.input.messages'),
  output: rowId('gen_ai.output.messages'),
};
const modelCalls = new Set(['chat', 'text_completion', 'generate_content']);

/** Model calls without content of their own, whose sender writes content as events, and which is not all here yet. */
export function awaited(
  index: TraceIndex,
  tenant: string,
  contents: Contents,
  writesEvents: (resource: ReadonlyMap<string, unknown>) => boolean,
): SpanId[] {
  const reader = spanReader();
  const found: SpanId[] = [];
  for (let row = 0; row < index.spanCount; row++) {
    if (!index.isAgent(row)) continue;
    reader.at(index, row);
    if (!modelCalls.has(reader.string(rows.operation) ?? '') || reader.statusCode() === 2) continue;
    if (reader.has(rows.input) || reader.has(rows.output) || reader.hasEvents()) continue;
    const span = idOf(reader);
    if (contents.get(tenant, span)?.whole !== true && writesEvents(reader.resource())) found.push(span);
  }
  return found;
}

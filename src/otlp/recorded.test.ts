/**
 * Recorded bodies of real SDKs and instrumentations. They are not part of the repository but stand beside
 * it; where they are missing, CI fails and other runs name the skip.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { join } from './cut.ts';
import { documentToProtobuf, protobufToDocument } from './json.ts';
import { compileKeys } from './keys.ts';
import { spanReader } from './span.ts';
import { spliceSpans, splitTraces } from './splice.ts';
import { ascending, type Document, descending, encode, type Shape, seeded } from './testing/encode.ts';
import { decode } from './testing/oracle.ts';
import { viewOf, viewsOf } from './testing/view.ts';
import { walkTraces } from './traces.ts';
import { writeSpanEvent } from './write.ts';

const folder = resolve(import.meta.dirname, '../../../shared/eval/dialects');
const there = existsSync(folder);
const files = there
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json') && !name.endsWith('EXPECTED.json'))
      .sort()
  : ['are missing'];
const keys = compileKeys(
  ['gen_ai.operation.name', 'session.id', 'openinference.span.kind'],
  ['llm.input_messages.', 'gen_ai.'],
  ['openinference.'],
);
const event = writeSpanEvent({ name: 'e', timeNs: 1n, attributes: { a: 'b' } });

const shapes: readonly [string, Shape][] = [
  ['ascending', ascending],
  ['descending', descending],
  ['shuffled, overlong', { order: 'shuffled', padding: 3, random: seeded(2) }],
];

test.runIf(process.env['CI'])('recorded bodies are there', () => expect(there).toBe(true));

describe.skipIf(!there)('recorded bodies (../shared/eval/dialects)', () => {
  test.each(files)('%s', (name) => {
    const document = JSON.parse(readFileSync(resolve(folder, name), 'utf8')) as Document;
    const { body } = documentToProtobuf('traces', document);
    const decoded = decode('traces', body);
    expect(protobufToDocument('traces', body)).toEqual(decoded);
    // JSON, protobuf, JSON, protobuf: nothing of it changes.
    expect(protobufToDocument('traces', documentToProtobuf('traces', decoded).body)).toEqual(decoded);
    const bare = (views: readonly Document[]): Document[] => views.map((view) => ({ ...view, resourceBytes: '' }));
    const expected = bare(viewsOf(decoded));
    expect(expected).toEqual(bare(viewsOf(normal(document))));
    for (const [order, shape] of shapes) {
      const index = walkTraces(encode('ExportTraceServiceRequest', decoded, shape), keys);
      const views = Array.from({ length: index.spanCount }, (_, row) => viewOf(spanReader().at(index, row)));
      expect(bare(views), order).toEqual(expected);
      const edits = views.map((_, row) => ({ row, append: event })).filter((_, row) => row % 2 === 0);
      const spliced = walkTraces(join(spliceSpans(index, edits)), keys);
      const counts = views.map((view, row) => (view['events'] as unknown[]).length + (row % 2 === 0 ? 1 : 0));
      expect(
        views.map((_, row) => spanReader().at(spliced, row).events().length),
        order,
      ).toEqual(counts);
      const parts = splitTraces(index, index.body.length >> 2).map((part) => walkTraces(part, keys).spanCount);
      expect(parts.reduce((sum, count) => sum + count, 0)).toBe(index.spanCount);
    }
  });
});

/** What JSON leaves open (numbers as text or not) in the decoder's form. */
function normal(value: Document): Document {
  const spelt = JSON.stringify(value, (key, member: unknown) => {
    if (/^(intValue|.*UnixNano)$/.test(key)) return String(member);
    if (key === 'doubleValue') return Number(member);
    return member === null ? undefined : member;
  });
  return JSON.parse(spelt) as Document;
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { join } from './cut.ts';
import { compileKeys } from './keys.ts';
import { spanReader } from './span.ts';
import { filterSpans, type SpanEdit, spliceSpans, splitTraces } from './splice.ts';
import { traces } from './testing/arbitrary.ts';
import { ascending, type Document, encode, type Shape, seeded } from './testing/encode.ts';
import { decode, decodeMessage } from './testing/oracle.ts';
import { viewOf, viewsOf } from './testing/view.ts';
import { walkTraces } from './traces.ts';
import { writeSpanAttribute, writeSpanEvent, writeSpanStatus } from './write.ts';

const keys = compileKeys(['k'], [], []);
const REQUEST = 'ExportTraceServiceRequest';
const event = writeSpanEvent({ name: 'found', timeNs: 77n, attributes: { a: 'b' } });
const added: Document = { name: 'found', timeUnixNano: '77', attributes: [{ key: 'a', value: { stringValue: 'b' } }] };

const shapes: readonly ((seed: number) => Shape)[] = [
  () => ascending,
  () => ({ order: 'descending' }),
  (seed) => ({ order: 'shuffled', random: seeded(seed) }),
  (seed) => ({ order: 'ascending', padding: 3, random: seeded(seed) }),
  (seed) => ({ order: 'shuffled', padding: 3, random: seeded(seed) }),
];

/** Spans of a decoded request, in order, for in-place changes. */
function spansOf(document: Document): Record<string, unknown>[] {
  return ((document['resourceSpans'] ?? []) as Document[]).flatMap((group) =>
    ((group['scopeSpans'] ?? []) as Document[]).flatMap((scope) => (scope['spans'] ?? []) as Record<string, unknown>[]),
  );
}

describe('splice', () => {
  test('the full decoder sees the added events and nothing else changed, in any field order, with overlong lengths', () => {
    fc.assert(
      fc.property(traces, fc.nat(), fc.infiniteStream(fc.nat(2)), (document, seed, times) => {
        for (const shape of shapes) {
          const body = encode(REQUEST, document, shape(seed));
          const index = walkTraces(body, keys);
          const edits: SpanEdit[] = [];
          const expected = decode('traces', body);
          spansOf(expected).forEach((span, row) => {
            for (let n = times.next().value ?? 0; n > 0; n--) {
              edits.push({ row, append: event });
              span['events'] = [...((span['events'] ?? []) as unknown[]), added];
            }
          });
          const out = join(spliceSpans(index, edits.reverse()));
          expect(decode('traces', out)).toEqual(expected);
        }
      }),
      { seed: 21, numRuns: 200 },
    );
  });

  test('no edit gives the body itself; chunks between edits are views of it', () => {
    const body = encode(REQUEST, { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'a' }, { name: 'b' }] }] }] }, ascending);
    const index = walkTraces(body, keys);
    expect(spliceSpans(index, [])).toEqual([body]);
    expect(spliceSpans(index, [])[0]).toBe(body);
    const chunks = spliceSpans(index, [{ row: 1, append: event }]);
    expect(chunks.some((chunk) => chunk.buffer === body.buffer)).toBe(true);
    expect(chunks).toContain(event);
  });

  test('edits of several kinds on one span keep their order; a status added last stands', () => {
    const span = { name: 'a', status: { code: 1, message: 'fine' } };
    const body = encode(REQUEST, { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }, { order: 'descending' });
    const edits = [
      { row: 0, append: writeSpanAttribute('k', 1.5) },
      { row: 0, append: writeSpanAttribute('list', ['x', 2]) },
      { row: 0, append: writeSpanStatus(2, 'bad') },
    ];
    const index = walkTraces(join(spliceSpans(walkTraces(body, keys), edits)), keys);
    const reader = spanReader().at(index, 0);
    expect([...reader.attributes()]).toEqual([
      ['k', 1.5],
      ['list', ['x', 2]],
    ]);
    expect([reader.statusCode(), reader.statusMessage()]).toEqual([2, 'bad']);
  });

  test('a length prefix that grows by a byte makes the ones around it grow', () => {
    for (const padding of [100, 110, 118, 120, 16_250, 16_300, 16_370]) {
      const document = { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'x'.repeat(padding) }, { name: 'y' }] }] }] };
      const out = join(spliceSpans(walkTraces(encode(REQUEST, document, ascending), keys), [{ row: 0, append: event }]));
      expect(spansOf(decode('traces', out)).map(({ events }) => events)).toEqual([[added], undefined]);
    }
  });

  test('claim 2: unknown fields survive byte for byte at every level', () => {
    const unknown = Buffer.from([0xba, 0x3f, 3, 9, 8, 7, 0xb8, 0x3f, 0x85, 0x80, 0x00]);
    const frame = (tag: number, ...content: Uint8Array[]): Buffer => {
      const bytes = Buffer.concat(content);
      return Buffer.concat([Buffer.from([tag, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes]);
    };
    const span = frame(0x12, unknown, encode('Span', { name: 'n' }, ascending), unknown);
    const scope = frame(0x12, unknown, span, unknown, span, unknown);
    const body = Buffer.concat([unknown, frame(0x0a, unknown, scope, unknown), unknown]);
    const count = (bytes: Uint8Array): number => Buffer.from(bytes).toString('hex').split(unknown.toString('hex')).length - 1;
    expect(count(body)).toBe(11);
    const index = walkTraces(body, keys);
    expect(count(join(spliceSpans(index, [{ row: 0, append: event }])))).toBe(11);
    // Of the two spans one is left, with its two unknown fields.
    expect(count(join(filterSpans(index, (row) => row === 1) ?? []))).toBe(9);
    expect(splitTraces(index, 1).map(count)).toEqual([9, 9]);
  });
});

describe('filter, split, concatenation', () => {
  const shape = (seed: number): Shape => ({ order: 'shuffled', split: seed % 2 === 0, padding: seed % 3, random: seeded(seed) });
  const views = (body: Uint8Array): Document[] => {
    const index = walkTraces(body, keys);
    return Array.from({ length: index.spanCount }, (_, row) => viewOf(spanReader().at(index, row)));
  };

  test('filter keeps just the spans asked for, with their resource and scope', () => {
    fc.assert(
      fc.property(traces, fc.nat(), fc.infiniteStream(fc.boolean()), (document, seed, choices) => {
        const index = walkTraces(encode(REQUEST, document, shape(seed)), keys);
        const keep = Array.from({ length: index.spanCount }, () => choices.next().value as boolean);
        const out = filterSpans(index, (row) => keep[row] as boolean);
        const expected = views(index.body).filter((_, row) => keep[row]);
        expect(out === undefined).toBe(expected.length === 0);
        if (out) expect(views(join(out))).toEqual(expected);
      }),
      { seed: 22, numRuns: 200 },
    );
  });

  test('split: all spans once, in order, and no part over the limit unless it has a single span', () => {
    fc.assert(
      fc.property(traces, fc.nat(), fc.integer({ min: 1, max: 600 }), (document, seed, most) => {
        const body = encode(REQUEST, document, shape(seed));
        const parts = splitTraces(walkTraces(body, keys), most);
        expect(parts.flatMap(views)).toEqual(views(body));
        for (const part of parts) expect(part.length <= most || views(part).length <= 1).toBe(true);
        // Nothing is cut that fits together.
        if (body.length <= most) expect(parts).toEqual([body]);
      }),
      { seed: 23, numRuns: 300 },
    );
  });

  test('concatenated requests are one request with all spans', () => {
    fc.assert(
      fc.property(fc.array(traces, { maxLength: 4 }), (documents) => {
        const bodies = documents.map((document, i) => encode(REQUEST, document, shape(i)));
        expect(views(Buffer.concat(bodies))).toEqual(bodies.flatMap(views));
      }),
      { seed: 24, numRuns: 100 },
    );
  });

  test('a hostile split does not multiply the request: a large resource with very many small spans', () => {
    const resource = { attributes: [{ key: 'x', value: { stringValue: 'x'.repeat(100_000) } }] };
    const body = encode(
      REQUEST,
      { resourceSpans: [{ resource, scopeSpans: [{ spans: Array(20_000).fill({ kind: 1 }) }] }] },
      ascending,
    );
    const parts = splitTraces(walkTraces(body, keys), 1_000);
    expect(parts.flatMap((part) => spansOf(decode('traces', part))).length).toBe(20_000);
    expect(parts.reduce((sum, part) => sum + part.length, 0)).toBeLessThan(5 * body.length + 8 * 1024 * 1024);
  });

  test('many parts of one large scope are cut in linear time', () => {
    const body = encode(
      REQUEST,
      { resourceSpans: [{ scopeSpans: [{ spans: Array(100_000).fill({ name: 'abc' }) }] }] },
      ascending,
    );
    const parts = splitTraces(walkTraces(body, keys), 100);
    expect(parts.length).toBeGreaterThan(5_000);
    expect(viewsOf(decodeMessage(REQUEST, parts[0] as Uint8Array)).length).toBeGreaterThan(5);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { protobufToDocument } from '../../src/otlp/json.ts';
import { countItems } from '../../src/otlp/requests.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { partitioned } from './partition.ts';

interface Given {
  readonly trace: number;
  readonly span: number;
  readonly session?: string | undefined;
}

const id = (n: number, length: number) => n.toString(16).padStart(length, '0');

function request(resources: readonly (readonly Given[])[]): Uint8Array {
  return writeTraces(
    resources.map((given, i) => ({
      resource: { 'service.name': `service-${i}` },
      scope: { name: 'agent', version: '' },
      spans: given.map(({ trace, span, session }) => ({
        traceId: id(trace, 32),
        spanId: id(span, 16),
        parentId: '',
        name: 'chat',
        kind: 1,
        startNs: 1n,
        endNs: 2n,
        attributes: {
          'gen_ai.operation.name': 'chat',
          ...(session === undefined ? {} : { 'gen_ai.conversation.id': session }),
        },
        events: [],
        links: [],
      })),
    })),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: OTLP/JSON as written.
const spansOf = (body: Uint8Array): any[] =>
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  ((protobufToDocument('traces', body) as any).resourceSpans ?? []).flatMap((one: any) =>
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    one.scopeSpans.flatMap((scope: any) => (scope.spans ?? []).map((span: any) => ({ ...span, resource: one.resource }))),
  );
const shown = (body: Uint8Array) => spansOf(body).map((span) => Number.parseInt(span.spanId, 16));

describe('partitioned', () => {
  const body = request([
    [
      { trace: 1, span: 1 },
      { trace: 2, span: 2, session: 'b' },
      { trace: 1, span: 3, session: 'a' },
    ],
    [
      { trace: 3, span: 4 },
      { trace: 4, span: 5, session: 'a' },
    ],
  ]);

  test('a conversation together, with the spans of its traces that do not name it; else by trace', () => {
    expect(partitioned(body, 'conversation').map((part) => [part.key, shown(part.body)])).toEqual([
      ['a', [1, 3, 5]],
      ['b', [2]],
      [id(3, 32), [4]],
    ]);
  });

  test('by trace', () => {
    expect(partitioned(body, 'trace').map((part) => [part.key, shown(part.body)])).toEqual([
      [id(1, 32), [1, 3]],
      [id(2, 32), [2]],
      [id(3, 32), [4]],
      [id(4, 32), [5]],
    ]);
  });

  test('one key: the bytes as they came', () => {
    const one = request([[{ trace: 1, span: 1, session: 'a' }]]);
    const [part] = partitioned(one, 'conversation');
    expect(part?.body).toBe(one);
    expect(part?.key).toBe('a');
  });

  test('no trace id: no key. No span: no key. A long name: cut', () => {
    expect(partitioned(request([[{ trace: 0, span: 1 }]]), 'trace')[0]?.key).toBeUndefined();
    expect(partitioned(new Uint8Array(0), 'conversation')).toEqual([{ key: undefined, body: new Uint8Array(0) }]);
    expect(partitioned(request([[{ trace: 1, span: 1, session: 'x'.repeat(999) }]]), 'conversation')[0]?.key).toHaveLength(256);
  });

  test('bytes that are no request throw', () => {
    expect(() => partitioned(Uint8Array.of(10, 200), 'trace')).toThrow();
  });

  test('nothing is lost or doubled, a key is in one part only, resources stay', () => {
    const given = fc.record({
      trace: fc.integer({ min: 0, max: 4 }),
      session: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(given, { maxLength: 6 }), { maxLength: 4 }),
        fc.constantFrom('conversation', 'trace'),
        (all, by) => {
          let span = 0;
          const whole = request(all.map((some) => some.map((one) => ({ ...one, span: ++span }))));
          const parts = partitioned(whole, by as 'conversation' | 'trace');
          expect(parts.reduce((sum, part) => sum + countItems('traces', part.body), 0)).toBe(span);
          expect(new Set(parts.map((part) => part.key)).size).toBe(parts.length);
          const before = spansOf(whole);
          const after = parts.flatMap((part) => spansOf(part.body));
          expect(after.toSorted((a, b) => (a.spanId < b.spanId ? -1 : 1))).toEqual(before);
          const homes = new Map<string, number>();
          parts.forEach((part, i) => {
            for (const { traceId } of spansOf(part.body)) {
              expect(homes.get(traceId) ?? i).toBe(i);
              homes.set(traceId, i);
            }
          });
        },
      ),
      { seed: 19 },
    );
  });
});

import { expect, test } from 'vitest';
import { extractSpans } from './extract.ts';
import { compileKeys } from './keys.ts';
import { spanReader } from './span.ts';
import { walkTraces } from './traces.ts';
import { type NewSpan, writeTraces } from './write.ts';

const keys = compileKeys(['known'], [], []);

function span(n: number): NewSpan {
  return {
    traceId: n.toString(16).padStart(32, '0'),
    spanId: n.toString(16).padStart(16, '0'),
    parentId: n % 2 === 0 ? 'f'.padStart(16, '0') : '',
    name: `span ${n}`,
    kind: 1,
    startNs: BigInt(n),
    endNs: BigInt(n + 1),
    attributes: { known: `value ${n}`, unknown: n },
    events: [],
    links: [],
  };
}

const group = (service: string, scope: string, spans: NewSpan[]) => ({
  resource: { 'service.name': service },
  scope: { name: scope, version: '1' },
  spans,
});
const index = walkTraces(
  writeTraces([
    group('a', 'one', [span(1), span(2)]),
    group('a', 'two', [span(3)]),
    group('b', 'one', [span(4), span(5), span(6)]),
  ]),
  keys,
);

test.each<[number[], number[]]>([
  [[0, 1, 2, 3, 4, 5], []],
  [[1, 4], []],
  [[2], [0, 3, 5]],
  [[], [1]],
  [[], []],
])('spans %o whole and %o by their ids alone, in a buffer of its own', (rows, links) => {
  const bytes = extractSpans(index, rows, links);
  expect(bytes.buffer.byteLength).toBe(bytes.length);
  const out = walkTraces(bytes, keys);
  const whole = (one: typeof index, row: number): unknown => {
    const reader = spanReader().at(one, row);
    return [reader.resource(), reader.scopeName(), reader.traceId(), reader.parentId(), reader.name(), reader.attributes()];
  };
  const ids = (one: typeof index, row: number): unknown => {
    const reader = spanReader().at(one, row);
    return [reader.traceId(), reader.spanId(), reader.parentId()];
  };
  expect(out.spanCount).toBe(rows.length + links.length);
  expect(rows.map((_, i) => whole(out, i))).toEqual(rows.map((row) => whole(index, row)));
  expect(links.map((_, i) => ids(out, rows.length + i))).toEqual(links.map((row) => ids(index, row)));
  expect(
    links.map(
      (_, i) =>
        spanReader()
          .at(out, rows.length + i)
          .attributes().size,
    ),
  ).toEqual(links.map(() => 0));
});

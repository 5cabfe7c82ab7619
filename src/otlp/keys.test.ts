import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileKeys } from './keys.ts';

function match(table: ReturnType<typeof compileKeys>, key: string): number {
  const bytes = Buffer.from(`before${key}after`);
  return table.match(bytes, 6, Buffer.byteLength(key));
}

test('ids: exact keys in order, then prefixes', () => {
  const table = compileKeys(['a.b', 'c'], ['llm.', 'llm.input.'], []);
  expect(['a.b', 'c', 'llm.'].map((key) => table.id(key))).toEqual([0, 1, -1]);
  expect(['llm.', 'llm.input.', 'a.b'].map((prefix) => table.prefixId(prefix))).toEqual([2, 3, -1]);
});

test.each([
  ['a.b', 0],
  ['a.c', -1],
  ['a.', -1],
  ['', -1],
  ['llm.x', 2],
  ['llm.', -1],
  ['llm', -1],
  ['llm.input.0', 3],
  ['llm.input.', 2],
  ['llm.input.system', 1],
  ['Llm.x', -1],
])('match %j is %i: exact before prefix, the longest prefix first, something behind it', (key, row) => {
  expect(match(compileKeys(['a.b', 'llm.input.system'], ['llm.', 'llm.input.'], []), key)).toBe(row);
});

test('a key given twice is refused', () => {
  expect(() => compileKeys(['a', 'b', 'a'], [], [])).toThrow("compileKeys: 'a' is given twice");
  expect(() => compileKeys([], ['a.', 'a.'], [])).toThrow('given twice');
});

test('scopes match by prefix', () => {
  const table = compileKeys([], [], ['openinference.', 'gcp.vertex']);
  const matches = (name: string): boolean => table.matchScope(Buffer.from(name), 0, Buffer.byteLength(name));
  expect(['openinference.instrumentation.x', 'gcp.vertex', 'openinference', 'x', ''].map(matches)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('any set of keys, short, long, not ASCII, is matched as a Map would', () => {
  const key = fc.oneof(fc.string({ minLength: 1, maxLength: 3 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }));
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 60 }), fc.array(key), (known, others) => {
      const table = compileKeys(known, [], []);
      const wanted = new Map(known.map((one, i) => [Buffer.from(one).toString('hex'), i]));
      for (const one of [...known, ...others]) expect(match(table, one)).toBe(wanted.get(Buffer.from(one).toString('hex')) ?? -1);
    }),
    { seed: 31, numRuns: 300 },
  );
});

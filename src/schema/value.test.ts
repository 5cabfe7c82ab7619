import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareNumber, isRecord, jsonEqual, typeMatches, typeName } from './value.ts';

test.each<[unknown, string, boolean]>([
  [null, 'null', false],
  [[], 'array', false],
  [{}, 'object', true],
  [1, 'integer', false],
  [1.5, 'number', false],
  ['a', 'string', false],
  [true, 'boolean', false],
])('%j is of type %s', (value, name, record) => {
  expect(typeName(value)).toBe(name);
  expect(typeMatches(name, value)).toBe(true);
  expect(isRecord(value)).toBe(record);
});

test('an integer is a number; other types are told apart; types that no schema names are not judged', () => {
  expect(typeMatches('number', 1)).toBe(true);
  expect(typeMatches('integer', 1.5)).toBe(false);
  expect(typeMatches('object', null)).toBe(false);
  expect(typeMatches('float', 'x')).toBe(true);
});

test.each<[number, unknown, number]>([
  [1, 2, -1],
  [2, 2, 0],
  [3, 2, 1],
  [3, '2', 0],
  [3, Number.NaN, 0],
])('%d against %j: %d', (value, bound, sign) => {
  expect(compareNumber(value, bound)).toBe(sign);
});

test.each([
  [[1, [2]], [1, [2]], true],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1 }, { a: 1, b: undefined }, false],
  [{}, [], false],
  [{ constructor: 1 }, { a: 1 }, false],
  ['1', 1, false],
])('%j and %j are equal: %s', (a, b, equal) => {
  expect(jsonEqual(a, b)).toBe(equal);
  expect(jsonEqual(b, a)).toBe(equal);
});

test('a copy is equal, down to the depth that is looked at', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      expect(jsonEqual(value, structuredClone(value))).toBe(true);
    }),
    { seed: 7, numRuns: 300 },
  );
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  expect([jsonEqual(nested(17), nested(17)), jsonEqual(nested(18), nested(18))]).toEqual([true, false]);
});

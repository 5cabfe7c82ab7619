import { expect, test } from 'vitest';
import { Secret } from '../../config/secret.ts';
import { same } from './same.ts';

test.each<[unknown, unknown, boolean]>([
  [{ a: [1, { b: null }] }, { a: [1, { b: null }] }, true],
  [{ a: 1 }, { a: 1, b: undefined }, false],
  [{ a: undefined }, { b: undefined }, false],
  [[1, 2], [2, 1], false],
  [null, {}, false],
  [Number.NaN, Number.NaN, true],
  [new Secret('x'), new Secret('x'), true],
  [{ token: new Secret('x') }, { token: new Secret('y') }, false],
  [new Secret('x'), 'x', false],
  [new Map([[1, 2]]), new Map([[1, 2]]), false],
  [Object.assign(Object.create(null), { a: 1 }), { a: 1 }, true],
])('%o and %o: %s', (a, b, expected) => {
  expect(same(a, b)).toBe(expected);
  expect(same(b, a)).toBe(expected);
});

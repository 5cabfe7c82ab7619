import fc from 'fast-check';
import { expect, test } from 'vitest';
import { globOf } from './match.ts';

test.each<[string, string, boolean]>([
  ['a', 'a', true],
  ['a', 'ab', false],
  ['a*', 'ab', true],
  ['*a', 'ba', true],
  ['*a', 'ab', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['a*b*c', 'a1b2c', true],
  ['a*b*c', 'acb', false],
  ['*b*b', 'b', false],
  ['*', '', true],
  ['**', 'x', true],
  ['a.c', 'abc', false],
  ['(a', '(a', true],
])('%s on %s: %s', (pattern, text, expected) => {
  expect(globOf(pattern)(text)).toBe(expected);
});

test('a property: as a regular expression has it', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const words = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
  fc.assert(
    fc.property(letters, words, (pattern, text) => {
      expect(globOf(pattern)(text)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text));
    }),
  );
});

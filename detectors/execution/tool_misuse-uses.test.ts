import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldUse, type Uses } from './tool_misuse-uses.ts';

function usedBefore(...calls: readonly object[]): Uses {
  const uses: Uses = [];
  for (const args of calls) foldUse(uses, 'search', JSON.stringify(args), false, 2);
  return uses;
}

test.each<[string, Uses, string | undefined, string | undefined]>([
  ['an argument that all had', usedBefore({ q: 1, n: 1 }, { q: 2, n: 2 }), '{"q":1}', 'n'],
  ['an argument that some had', usedBefore({ q: 1, n: 1 }, { q: 2 }), '{"q":1}', undefined],
  ['nothing is missing', usedBefore({ q: 1 }, { q: 2 }), '{"q":1,"n":1}', undefined],
  ['too few calls to know', usedBefore({ q: 1, n: 1 }), '{"q":1}', undefined],
  ['arguments that are no object', usedBefore({ q: 1 }, { q: 2 }), '[1]', undefined],
  ['no arguments at hand', usedBefore({ q: 1 }, { q: 2 }), undefined, undefined],
])('%s', (_, uses, args, path) => {
  expect(foldUse(uses, 'search', args, true, 2)?.path).toBe(path);
});

test('a failing call teaches nothing', () => {
  const uses = usedBefore({ q: 1, n: 1 }, { q: 2, n: 2 });
  foldUse(uses, 'search', '{}', true, 2);
  expect(foldUse(uses, 'search', '{"q":1}', true, 2)).toEqual({ path: 'n', count: 2 });
});

test('however many tools and arguments: eight tools, sixteen names each', () => {
  const call = fc.tuple(fc.string(), fc.dictionary(fc.string(), fc.integer(), { maxKeys: 40 }));
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
      const uses: Uses = [];
      for (const [tool, args] of calls) foldUse(uses, tool, JSON.stringify(args), false, 2);
      expect(uses.length).toBeLessThanOrEqual(8);
      for (const { keys } of uses) expect(keys.length).toBeLessThanOrEqual(16);
    }),
    { seed: 7, numRuns: 100 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assess } from './convergence-series.ts';

const limits = { patience: 5, min_gain: 0.01, min_drop: 0.05 };

test.each<[string, readonly number[], string | undefined]>([
  ['three values are a start', [9, 5, 1], undefined],
  ['a rise', [1, 2, 3, 4, 5, 6, 7, 8], undefined],
  ['a fall after the best', [1, 3, 2.5, 2], 'regressing'],
  ['one dip is no fall', [1, 2, 3, 2.9], undefined],
  ['a deep last fall below the start counts at once', [2, 2.1, 2.2, 1], 'regressing'],
  ['no gain for long', [1, 2, 2, 2, 2, 2, 2], 'plateau'],
  ['no gain for one less', [1, 2, 2, 2, 2, 2], undefined],
  ['gains within the noise are none', [1, 2, 2.001, 2.002, 2.003, 2.004, 2.005], 'plateau'],
  ['swings that lead nowhere', [1, 3, 1, 3, 1, 3, 1], 'thrashing'],
  ['swings that climb', [1, 3, 2, 5, 4, 7, 6, 9], undefined],
  ['negative values, rising', [-9, -7, -5, -3], undefined],
])('%s', (_, values, verdict) => {
  expect(assess(values, limits)?.verdict).toBe(verdict);
});

test('best, since and drop are those of the series', () => {
  expect(assess([1, 4, 3, 2], limits)).toMatchObject({ best: 1, since: 2, drop: 0.5 });
});

test('whatever the series: the score is a share, the place of the best is right, a rise is never blamed', () => {
  const series = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 60 });
  fc.assert(
    fc.property(series, (values) => {
      const said = assess(values, limits);
      if (said === undefined) return;
      expect(said.score).toBeGreaterThan(0);
      expect(said.score).toBeLessThan(1);
      expect(values[said.best]).toBe(Math.max(...values));
      expect(said.since).toBe(values.length - 1 - said.best);
      const rising = [...values].sort((a, b) => a - b);
      expect(assess(rising, limits)?.verdict ?? 'plateau').toBe('plateau');
    }),
    { seed: 7, numRuns: 500 },
  );
});

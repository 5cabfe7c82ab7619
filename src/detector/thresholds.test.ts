import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OptionSpec } from './detector.ts';
import { type Move, moved, movedOptions, neutralThresholds } from './thresholds.ts';

const share: OptionSpec = { type: 'number', text: '', default: 0.6, min: 0.2, max: 1, source: '' };
const count: OptionSpec = { type: 'integer', text: '', default: 3, min: 2, max: 10, source: '' };

test.each<[Move, OptionSpec, number, number, number, number]>([
  // move, option, where it stands, threshold, neutral, where it goes
  ['share', share, 0.6, 0.8, 0.8, 0.6],
  ['share', share, 0.6, 0, 0.8, 0.2],
  ['share', share, 0.6, 0.4, 0.8, 0.4],
  ['share', share, 0.6, 0.9, 0.8, 0.8],
  ['share', share, 0.6, 1, 0.8, 1],
  ['reversed', share, 0.6, 0.8, 0.8, 0.6],
  ['reversed', share, 0.6, 0, 0.8, 1],
  ['reversed', share, 0.6, 1, 0.8, 0.2],
  ['count', count, 3, 2, 2, 3],
  ['count', count, 4, 3, 2, 5],
  ['count', count, 3, 1, 2, 2],
  ['count', count, 2, 1, 2, 2],
  ['count', count, 3, 100, 2, 10],
  ['ratio', count, 6, 8, 6, 8],
  ['ratio', { ...count, max: 64 }, 16, 8, 6, 21],
  ['ratio', count, 3, 1, 6, 2],
])('%s of %o at %d under %d, neutral %d: %d', (move, spec, now, value, neutral, expected) => {
  expect(moved(spec, now, move, value, neutral)).toBeCloseTo(expected, 6);
});

test('a stricter share never makes an option more lenient, and none leaves its bounds', () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(unit, unit, fc.double({ min: 0.2, max: 1, noNaN: true }), (a, b, now) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)].map((value) => moved(share, now, 'share', value, 0.8)) as [
        number,
        number,
      ];
      expect(low).toBeLessThanOrEqual(high + 1e-6);
      expect(low).toBeGreaterThanOrEqual(0.2);
      expect(high).toBeLessThanOrEqual(1);
    }),
    { seed: 7, numRuns: 300 },
  );
});

test('only options of its own move, and at neutral none', () => {
  const specs = { similarity: share, min_repeats: count, other: share };
  const now = { similarity: 0.6, min_repeats: 3, other: 0.6 };
  expect(movedOptions('loop', specs, now, { semantic_threshold: 0.9, min_matches_for_loop: 3 })).toEqual({
    similarity: 0.8,
    min_repeats: 4,
  });
  expect(movedOptions('loop', specs, now, neutralThresholds)).toEqual({});
  expect(movedOptions('loop', specs, now, { confidence_scaling: 0.5 })).toEqual({});
  expect(movedOptions('cost', specs, now, { semantic_threshold: 0.9 })).toEqual({});
});

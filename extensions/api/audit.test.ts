import fc from 'fast-check';
import { expect, test } from 'vitest';
import { draw, recallOf, usualSize } from './audit.ts';

const ids = Array.from({ length: 200 }, (_, i) => `trace-${i}`);

test('the same seed draws the same, another another, and order does not matter', () => {
  expect(draw(ids, 20, 'a')).toEqual(draw(ids.toReversed(), 20, 'a'));
  expect(draw(ids, 20, 'a')).not.toEqual(draw(ids, 20, 'b'));
  expect(new Set(draw(ids, 500, 'a')).size).toBe(200);
});

test('every trace is as likely', () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 400; seed++) for (const id of draw(ids, 20, String(seed))) counts.set(id, (counts.get(id) ?? 0) + 1);
  // 40 each are expected, 6 the standard deviation: of 200 none is five of them away.
  for (const id of ids) expect(Math.abs((counts.get(id) ?? 0) - 40)).toBeLessThan(30);
});

test.each([
  [10, 10],
  [30, 30],
  [3_000, 30],
  [5_000, 50],
  [20_000, 200],
  [1_000_000, 500],
])('of %d traces %d', (population, size) => expect(usualSize(population)).toBe(size));

test('too few verdicts: nothing, and why', () => {
  const right = { cases: 40, of: 50 };
  expect(recallOf({ flagged: 100, quiet: 900, right, missed: { cases: 3, of: 29 } })).toMatchObject({
    measured: false,
    recall: null,
    reason: '29 traces of the sample are labelled, at least 30 are needed.',
  });
  expect(recallOf({ flagged: 100, quiet: 900, right: { cases: 2, of: 3 }, missed: { cases: 3, of: 50 } }).measured).toBe(false);
});

test('the estimate, and bounds around it', () => {
  // 100 × .8 are found; 900 × .1 are missed.
  const said = recallOf({ flagged: 100, quiet: 900, right: { cases: 40, of: 50 }, missed: { cases: 5, of: 50 } });
  expect(said.recall).toBeCloseTo(80 / 170, 9);
  expect(said.low).toBeLessThan(0.3);
  expect(said.high).toBeGreaterThan(0.65);
});

test('bounds hold the estimate and lie within 0 and 1; nothing anywhere has no recall', () => {
  const counted = fc
    .integer({ min: 30, max: 200 })
    .chain((of) => fc.record({ cases: fc.integer({ min: 0, max: of }), of: fc.constant(of) }));
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(1_000), counted, counted, (flagged, quiet, right, missed) => {
      const { recall, low, high } = recallOf({ flagged, quiet, right, missed });
      if (recall === null) expect(flagged * right.cases + quiet * missed.cases).toBe(0);
      else {
        expect(low).toBeLessThanOrEqual(recall + 1e-9);
        expect(high).toBeGreaterThanOrEqual(recall - 1e-9);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

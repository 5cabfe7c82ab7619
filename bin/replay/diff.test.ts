import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Detection, differences, type FailOn, fails, failures, mattersOf, shownOf } from './diff.ts';

const one: Detection = {
  detector: 'loop',
  message: 'repeated',
  agent: 'a',
  severity: 'high',
  confidence: 0.9,
  confidence_tier: 'HIGH',
  source: 'run.json',
  trace_id: '1',
  span_id: '2',
  explanation: 'x',
};
const detection = fc.record({
  detector: fc.constantFrom('loop', 'cost'),
  message: fc.constantFrom('m', 'n'),
  agent: fc.constantFrom(null, 'a', 'b'),
  severity: fc.constantFrom('low' as const, 'medium' as const, 'high' as const, 'critical' as const),
  confidence: fc.constantFrom(0.5, 0.9),
});
const run = fc
  .array(detection)
  .map((all) => all.map((some) => ({ ...one, ...some, confidence_tier: some.confidence > 0.8 ? 'HIGH' : 'LOW' })));

test('a run differs from itself in nothing, in whatever order it comes', () => {
  fc.assert(
    fc.property(run, (all) => {
      const found = differences(mattersOf(all), mattersOf([...all].reverse()), new Set());
      expect(found.every(({ state }) => state === 'same')).toBe(true);
      for (const failOn of failures.filter((name) => name.startsWith('new') || name === 'any-change'))
        expect(found.some((difference) => fails(failOn, difference))).toBe(false);
    }),
  );
});

test('what is new one way is gone the other, and what fails at a severity fails at a lower one', () => {
  const order: readonly FailOn[] = ['new-critical', 'new-high', 'new-medium', 'new-low', 'any-change'];
  fc.assert(
    fc.property(run, run, (a, b) => {
      const forth = differences(mattersOf(a), mattersOf(b), new Set());
      const back = differences(mattersOf(b), mattersOf(a), new Set());
      const of = (all: typeof forth, wanted: string) =>
        all
          .filter(({ state }) => state === wanted)
          .map(({ fingerprint }) => fingerprint)
          .sort();
      expect(of(forth, 'new')).toEqual(of(back, 'gone'));
      expect(of(forth, 'changed')).toEqual(of(back, 'changed'));
      for (const difference of forth)
        for (const [i, failOn] of order.slice(1).entries())
          if (fails(order[i] as FailOn, difference)) expect(fails(failOn, difference)).toBe(true);
    }),
  );
});

test('the most severe stands for a matter; one that is gone says whether its detector was blind', () => {
  const [gone] = differences(mattersOf([{ ...one, severity: 'low' }, one]), mattersOf([]), new Set(['loop']));
  expect(gone).toMatchObject({ state: 'gone', blind: true, before: { times: 2 } });
  expect(gone && shownOf(gone).severity).toBe('high');
});

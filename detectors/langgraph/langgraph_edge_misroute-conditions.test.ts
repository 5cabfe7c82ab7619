import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contradicts, holds, type Values } from './langgraph_edge_misroute-conditions.ts';

const values: Values = { score: 7, ok: true, route: 'Billing' };

test.each<[string, boolean | undefined]>([
  ['score > 5', true],
  ['score >= 7', true],
  ['score < 7', false],
  ['state.score == 7', true],
  ['result.score <= 6', false],
  ['ok', true],
  ['not ok', false],
  ['ok == True', true],
  ["route == 'billing'", true],
  ['route != "billing"', false],
  ['score > 5 and ok', true],
  ['score > 9 and unknown', false],
  ['score > 5 and unknown', undefined],
  ['unknown or ok', true],
  ['unknown or not ok', undefined],
  ['len(route) > 2', undefined],
  ['route', undefined],
  ['route > 3', undefined],
  ['unknown == 1', undefined],
  ["constructor == 'x'", undefined],
  ['', undefined],
])('%s: %s', (condition, said) => {
  expect(holds(condition, values)).toBe(said);
});

test.each<[Values, string, string | undefined]>([
  [{ ticket: 'URGENT: site is down' }, 'low_priority', 'urgent'],
  [{ ticket: 'URGENT: site is down' }, 'urgent_queue', undefined],
  [{ ticket: 'urgent, but basic support' }, 'basic', undefined],
  [{ ticket: 'refund for my invoice' }, 'technicalSupport', 'invoice'],
  [{ ticket: 'refund for my invoice' }, 'billing', undefined],
  [{ score: 3 }, 'low', undefined],
  [{}, '', undefined],
])('%j to %s: %s', (given, decision, said) => {
  expect(contradicts(given, decision)).toBe(said);
});

test('"or" and "and" of two comparisons are those of logic', () => {
  const number = fc.integer({ min: 0, max: 14 });
  fc.assert(
    fc.property(number, number, (low, high) => {
      expect(holds(`score > ${low} and score < ${high}`, values)).toBe(7 > low && 7 < high);
      expect(holds(`score > ${low} or score < ${high}`, values)).toBe(7 > low || 7 < high);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test('any text is judged or not, never thrown', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (condition, decision) => {
      expect([true, false, undefined]).toContain(holds(condition, values));
      contradicts({ text: condition }, decision);
    }),
    { seed: 7, numRuns: 500 },
  );
});

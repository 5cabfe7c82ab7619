import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rounds, type StepLike, times, tool, toSteps } from '../../src/detector/testing/builders.ts';
import { driftOf, emptyCalls, foldCall, runOf } from './loop-calls.ts';

const limits = { min_repeats: 3, min_cycles: 3, max_novelty: 0.2 };

function folded(likes: readonly StepLike[]) {
  const calls = emptyCalls(6);
  for (const step of toSteps(likes)) foldCall(calls, step, 0, 0);
  return calls;
}

const a = tool('a', { q: 1 }, { result: 'x' });
const b = tool('b', { q: 1 }, { result: 'y' });

test.each<[string, readonly StepLike[], { period: number; count: number } | undefined]>([
  ['one call again and again', times(3, a), { period: 1, count: 3 }],
  ['one fewer', times(2, a), undefined],
  ['other arguments', times(3, (i) => tool('a', { q: i }, { result: 'x' })), undefined],
  ['other results', times(3, (i) => tool('a', { q: 1 }, { result: `found ${'abc'[i]}` })), undefined],
  ['a pair in turn', rounds(3, [a, b]), { period: 2, count: 3 }],
  ['a pair whose last round is open', [...rounds(3, [a, b]), a], undefined],
  ['success after failure is news', [...times(2, tool('a', { q: 1 }, { error: 'no' })), a], undefined],
  ['what waits may repeat twice as often', times(5, tool('poll', {}, { result: 'x' })), undefined],
  ['and no longer', times(6, tool('poll', {}, { result: 'x' })), { period: 1, count: 6 }],
  ['unknown results need two more', times(4, tool('a', { q: 1 })), undefined],
  ['and no more', times(5, tool('a', { q: 1 })), { period: 1, count: 5 }],
])('%s', (_, likes, run) => {
  const said = runOf(folded(likes), limits);
  expect(said && { period: said.period, count: said.count }).toEqual(run);
});

test('drift: arguments that differ a little, an answer that does not', () => {
  const search = (q: string) => tool('search', { q }, { result: 'not found' });
  const alike = ['weather in Berlin today', 'weather in Berlin now', 'the weather in Berlin'].map(search);
  expect(driftOf(folded(alike), 3)).toMatchObject({ tool: 'search', count: 3 });
  expect(driftOf(folded(alike), 4)).toBeUndefined();
  expect(driftOf(folded(['weather in Berlin', 'stock of copper', 'train to Rome'].map(search)), 3)).toBeUndefined();
  // A map over items.
  expect(driftOf(folded(times(4, (i) => search(`order number ${i}`))), 3)).toBeUndefined();
});

test('the state is bounded, and the count of one repeated call is exact, however long the run', () => {
  const prefix = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 });
  fc.assert(
    fc.property(prefix, fc.integer({ min: 3, max: 40 }), (before, count) => {
      const likes = [...before.map((i) => tool(`t${i}`, {}, { result: 'r' })), ...times(count, a)];
      const calls = folded(likes);
      expect(calls.rows.length).toBeLessThanOrEqual(6);
      expect(runOf(calls, limits)).toMatchObject({ period: 1, count });
    }),
    { seed: 7, numRuns: 100 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inEventOrder, insertOrdered } from './tail.ts';
import { createWheel } from './wheel.ts';

const row = fc.record({ endMs: fc.integer({ min: 0, max: 20 }), spanId: fc.constantFrom('a', 'b', 'c') });

test('rows end up in event order, whatever the order of arrival', () => {
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const kept: { endMs: number; spanId: string }[] = [];
      for (const one of rows) {
        const index = insertOrdered(kept, one);
        expect(kept[index]).toBe(one);
      }
      expect(kept).toEqual([...rows].sort(inEventOrder));
    }),
    { seed: 7 },
  );
});

test('a key is due once, at its latest time, and never before it', () => {
  const wheel = createWheel(100);
  wheel.schedule('a', 1_000);
  wheel.schedule('b', 500);
  wheel.schedule('a', 2_000);
  expect(wheel.due(499)).toEqual([]);
  expect(wheel.due(1_500)).toEqual(['b']);
  expect(wheel.due(1_999)).toEqual([]);
  expect(wheel.due(2_000)).toEqual(['a']);
  expect(wheel.due(9_000)).toEqual([]);
  expect(wheel.size).toBe(0);
});

test('a time that has passed already is due at the next look', () => {
  const wheel = createWheel(100);
  expect(wheel.due(10_000)).toEqual([]);
  wheel.schedule('late', 1);
  expect(wheel.due(10_100)).toEqual(['late']);
});

test('a cancelled key is never due', () => {
  const wheel = createWheel(100);
  wheel.schedule('a', 100);
  wheel.cancel('a');
  wheel.cancel('unknown');
  expect(wheel.due(1_000)).toEqual([]);
});

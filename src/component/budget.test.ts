import { expect, test } from 'vitest';
import { createBudget } from './budget.ts';

test('takes up to the limit, and what is given back can be taken again', () => {
  const budget = createBudget(10);
  expect(budget.take(7)).toBe(true);
  expect(budget.take(4)).toBe(false);
  expect(budget.used).toBe(7);
  budget.give(7);
  expect(budget.take(10)).toBe(true);
  expect(budget.used).toBe(10);
});

test('giving back more than was taken is a bug that shows', () => {
  const budget = createBudget(10);
  budget.take(3);
  expect(() => budget.give(4)).toThrow('only 3 taken');
});

import { expect, test } from 'vitest';
import { agent, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { foldState, type States } from './loop-states.ts';

/** The recurrence after the last of these words of one agent; three in a row repeat. */
function after(...outputs: readonly string[]) {
  const states: States = { rows: [], now: null };
  let found: ReturnType<typeof foldState>;
  for (const step of toSteps(outputs.map((output) => agent('a', { output }))) as Step[]) found = foldState(states, step, 3, 0, 0);
  return { found, rows: states.rows.length };
}

const [one, two] = ['I will look at the list.', 'I will count the items now.'];

test.each([
  ['the same three times', [one, one, one], 1, 3],
  ['the same four times grows', [one, one, one, one], 1, 4],
  ['a round of two, twice', [one, two, one, two], 2, 4],
])('%s', (_, outputs, period, steps) => {
  expect(after(...outputs).found).toMatchObject({ period, steps });
});

test.each([
  ['twice', [one, one]],
  ['a round once', [one, two, one]],
  ['with something between', [one, one, two, one]],
  ['few words come back by nature', ['Done.', 'Done.', 'Done.', 'Done.']],
])('quiet: %s', (_, outputs) => {
  expect(after(...outputs).found).toBeUndefined();
});

test('eight states are remembered', () => {
  expect(after(...Array.from({ length: 50 }, (_, i) => `Something new, number ${i}.`)).rows).toBe(8);
});

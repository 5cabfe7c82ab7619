import { expect, test } from 'vitest';
import { llm, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import type { Action } from '../../src/text/action.ts';
import { signsOf, unsupported } from './completion-answer.ts';

const answered = (text: string, told = 'How many lamps are there?') => toSteps([llm(text, { input: [user(told)] })])[0] as Step;
const none = { planned: [], first: false, used: false };
const action = { literal: true } as Action;

test.each([
  ['There are 18 lamps.', 'Count them.', 1],
  ['There are 18 lamps.', 'There were 18 in May.', 0],
  ['There are 8 lamps.', 'There were 18 in May.', 1],
  ['There are 18 lamps and 7 chairs.', 'Count: 7.', 1],
  ['There are many lamps.', 'Count them.', 0],
])('%s after "%s": %d numbers without a source', (text, told, numbers) => {
  expect(signsOf(answered(text, told), action, none).numbers).toBe(numbers);
});

test('after tools were used numbers are not looked for', () => {
  expect(signsOf(answered('There are 18 lamps.'), action, { ...none, used: true }).numbers).toBe(0);
});

/** What is reported of an answer: its messages, and the score of the first. */
function reported(signs: Partial<ReturnType<typeof signsOf>>, used = false) {
  const said: [string, number][] = [];
  const report = (message: string, { score }: { score: number }) => said.push([message, score]);
  const full = { assumes: false, claims: false, numbers: 0, planned: [], first: false, literal: true, ...signs };
  unsupported(answered('x'), full, used, { report } as never);
  return [said.map(([message]) => message), said[0]?.[1]];
}

test.each<[object, boolean, readonly string[], number | undefined]>([
  [{}, false, [], undefined],
  [{ claims: true }, false, ['unsupported'], 0.4],
  [{ numbers: 2 }, false, ['unsupported'], 0.67],
  [{ assumes: true, numbers: 1 }, false, ['unsupported', 'recalled'], 0.79],
  [{ planned: ['search'] }, false, ['unsupported', 'claimed_source'], 0.67],
  [{ assumes: true, first: true }, false, ['unsupported', 'recalled', 'tools_skipped', 'plan_skipped'], 0.67],
  [{ assumes: true }, true, ['assumed'], 0.5],
  [{ assumes: true, literal: false }, true, [], undefined],
  [{ numbers: 2, claims: true }, true, [], undefined],
])('%j, tools used %s', (signs, used, messages, score) => {
  const [said, first] = reported(signs, used);
  expect(said).toEqual(messages);
  if (score === undefined) expect(first).toBeUndefined();
  else expect(first).toBeCloseTo(score);
});

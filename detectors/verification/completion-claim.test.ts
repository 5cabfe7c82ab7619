import { expect, test } from 'vitest';
import { llm, type StepLike, tool, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { checkOf, claimsDone, claimsSuccess, itemsOf, openTodos, statesGap, unmetItems, wordsOf } from './completion-claim.ts';

const of = (like: StepLike) => toSteps([like])[0] as Step;
const asked = (text: string) => itemsOf(of(llm('Yes.', { input: [user(text)] })));

test.each<[string, StepLike, string | undefined]>([
  ['a test that passed', tool('run_tests', {}, { result: '12 passed' }), 'passed'],
  ['one with failures', tool('run_tests', {}, { result: '2 failed, 10 passed' }), 'failed'],
  ['none of many', tool('run_tests', {}, { result: '0 failed, 12 passed' }), 'passed'],
  ['a shell that tests', tool('shell', { cmd: 'npm test' }, { result: 'AssertionError' }), 'failed'],
  ['one that raised', tool('lint', {}, { error: 'no such file' }), 'failed'],
  ['nothing known of its result', tool('lint', {}), undefined],
  ['another command', tool('shell', { cmd: 'ls' }, { result: 'error: none' }), undefined],
])('check: %s', (_, like, ended) => {
  expect(checkOf(of(like))).toBe(ended);
});

test.each<[unknown, number | undefined]>([
  [{ todos: [{ status: 'pending' }, { status: 'completed' }, { completed: false }, null] }, 2],
  [[{ status: 'In_Progress' }], 1],
  [{ todos: [] }, 0],
  [{ text: 'x' }, undefined],
  ['no JSON', undefined],
])('todos of %j: %s open', (args, open) => {
  expect(openTodos(of(tool('write_todos', args)))).toBe(open);
  expect(openTodos(of(tool('write', args)))).toBeUndefined();
});

test.each([
  ['The task is complete.', true],
  ['Next I will look at the file.', false],
  ['', false],
])('%j claims to be done: %s', (text, done) => {
  expect([claimsDone(of(llm(text))), claimsSuccess(of(llm(text)))]).toEqual([done, done]);
});

test('what is left is quoted to the end of its clause', () => {
  expect(statesGap(of(llm('All written. The tests are not implemented yet, sadly.')))).not.toContain(',');
  expect(statesGap(of(llm('All written and tested.')))).toBeUndefined();
});

test.each([
  ['Do:\n- wash\n2) dry\nand rest', ['wash', 'dry']],
  ['- wash\nSuccess criteria:\n- clean', ['wash']],
  ['Wash, dry, and fold with care', ['Wash', 'dry', 'fold', 'care']],
  ['Can you wash, dry and fold?', []],
  [`${'word '.repeat(100)}, and more`, []],
])('items of %j', (text, items) => {
  expect(asked(text)).toEqual(items);
});

test('an item is unmet when few of its words are said; there are 24 at most', () => {
  const said = wordsOf(of(llm('The login page and its password reset were built.')));
  expect(unmetItems(['login page', 'password reset', 'billing export'], said)).toBe(1);
  expect(asked('- wash it\n'.repeat(100))).toHaveLength(24);
});

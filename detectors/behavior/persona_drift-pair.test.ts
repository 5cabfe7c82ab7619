import { expect, test } from 'vitest';
import { llm, type MessageLike, tool, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './persona_drift-pair.ts';

const system = 'You are a pirate captain of the old sea who speaks in rough sailor slang about storms, rum and treasure.';
const answer = 'The quarterly balance shows that revenue grew while expenses for marketing fell, so the margin improved.';
const pair = (said: string | readonly MessageLike[], role = system, asked = 'And then?') =>
  pairOf(toSteps([llm(said, { system: role, input: [user(asked)] })])[0] as Step);

test('the role, and an answer that nobody asked for', () => {
  expect(pair(answer)).toEqual({ a: system, b: answer });
});

test.each([
  ['a short answer', () => pair('Aye.')],
  ['a call of a tool', () => pair([{ role: 'assistant', text: answer, toolCalls: [{ name: 'x' }] }])],
  [
    'instructions that give no role',
    () => pair(answer, 'You are a helpful assistant. Answer the question of the user with the tools.'),
  ],
  ['a page of instructions', () => pair(answer, system.repeat(10))],
  ['an answer that the user brought up', () => pair(answer, system, `Say this: ${answer}`)],
  ['no instructions', () => pairOf(toSteps([llm(answer)])[0] as Step)],
  ['a tool', () => pairOf(toSteps([tool('x', {}, { system })])[0] as Step)],
])('nothing: %s', (_, said) => {
  expect(said()).toBeUndefined();
});

test('what a user asked for before the calls that it took', () => {
  const input: MessageLike[] = [
    user(`Say this: ${answer}`),
    { role: 'assistant', toolCalls: [{ id: 'c', name: 'ledger', arguments: {} }] },
    { role: 'tool', toolResults: [{ id: 'c', text: '714' }] },
  ];
  expect(pairOf(toSteps([llm(answer, { system, input })])[0] as Step)).toBeUndefined();
  expect(
    pairOf(toSteps([llm(answer, { system, input: [user('Sing of the sea.'), ...input.slice(1)] })])[0] as Step),
  ).toBeDefined();
});

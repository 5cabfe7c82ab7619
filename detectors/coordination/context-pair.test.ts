import { expect, test } from 'vitest';
import { agent, llm, type StepLike, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './context-pair.ts';

const long = 'The customer ordered two lamps in March and has now asked where they are. '.repeat(2);
const input = [user(long)];
const said = 'Both lamps left our store in Lyon this very morning.';

test('a message of some length, and the final answer', () => {
  expect(pairOf(toSteps([llm(said, { input })])[0] as Step)).toEqual({ a: long, b: said });
});

test.each<[string, StepLike]>([
  ['a question', llm(said, { input: [user('Where are my lamps?')] })],
  [
    'a question, and how to answer it',
    llm('It is red.', {
      input: [
        user(`What colour is it? ${'Respond with the field that was asked for and then with the marker of the end. '.repeat(2)}`),
      ],
    }),
  ],
  ['an object for a program', llm('{"topic": "lamps", "score": 5}', { input })],
  ['a class', llm('<class>orders</class>', { input })],
  ['a page', llm(said, { input: [user(long.repeat(20))] })],
  ['an answer without text', llm('', { input })],
  ['a call of a tool', llm([{ role: 'assistant', text: 'I look.', toolCalls: [{ name: 'x' }] }], { input })],
  ['code', llm('```\nlook()\n```', { input })],
  ['an agent', agent('desk', { input, output: said })],
])('nothing: %s', (_, like) => {
  expect(pairOf(toSteps([like])[0] as Step)).toBeUndefined();
});

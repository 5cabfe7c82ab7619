import { expect, test } from 'vitest';
import { agent, llm, type StepLike, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './hallucination-pair.ts';

const fact = 'The bridge was opened in 1931.';
const answer = 'The bridge was opened in the year 1931.';
const told = [user('When?'), { role: 'tool' as const, toolResults: [{ text: fact }] }];

test.each<[string, StepLike, string]>([
  ['what a tool returned', llm(answer, { input: told }), fact],
  ['a context in the instructions', llm(answer, { system: `Context: ${fact}` }), `Context: ${fact}`],
  ['both', llm(answer, { input: told, system: `Context: ${fact}` }), `Context: ${fact}\n${fact}`],
  ['instructions that are no source', llm(answer, { input: told, system: 'Be brief.' }), fact],
])('the source: %s', (_, like, a) => {
  expect(pairOf(toSteps([like])[0] as Step)).toEqual({ a, b: answer });
});

test.each<[string, StepLike]>([
  ['no source', llm(answer, { input: [user(fact)] })],
  ['a page', llm(answer, { input: [{ role: 'tool', toolResults: [{ text: fact.repeat(200) }] }] })],
  ['a short answer', llm('1931', { input: told })],
  ['a call of a tool', llm([{ role: 'assistant', text: answer, toolCalls: [{ name: 'x' }] }], { input: told })],
  ['an agent', agent('desk', { input: told, output: answer })],
])('nothing: %s', (_, like) => {
  expect(pairOf(toSteps([like])[0] as Step)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { llm, type StepLike, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './communication-pair.ts';

const text = 'Please book the room for ten people.';
const answer = 'The room is booked for ten people.';
const heard = (name?: string, said = text) => [{ role: 'user' as const, text: said, ...(name === undefined ? {} : { name }) }];
const more = (input: ReturnType<typeof heard>) => ({ agent: 'desk', input });

test('the message of another agent, and the answer to it', () => {
  const [step] = toSteps([llm(answer, more(heard('planner')))]);
  expect(pairOf(step as Step)).toEqual({ a: text, b: answer, from: 'planner' });
});

test.each<[string, StepLike]>([
  ['of nobody', llm(answer, more(heard()))],
  ['of the user', llm(answer, more(heard('user')))],
  ['of itself', llm(answer, more(heard('desk')))],
  ['that says little', llm(answer, more(heard('planner', 'Go on.')))],
  ['with a short answer', llm('Yes.', more(heard('planner')))],
  ['answered by a call', llm([{ role: 'assistant', text: answer, toolCalls: [{ name: 'x' }] }], more(heard('planner')))],
])('nothing: a message %s', (_, like) => {
  expect(pairOf(toSteps([like])[0] as Step)).toBeUndefined();
});

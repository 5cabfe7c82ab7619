import { expect, test } from 'vitest';
import { agent, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { followQuestion, type Questions } from './coordination-questions.ts';

const ask = 'Please provide the length.';

/** What the last of these messages comes to. */
function last(...messages: readonly (readonly [string, string])[]) {
  const steps = toSteps(messages.map(([name, output]) => agent(name, { output }))) as Step[];
  let questions: Questions | null = null;
  let unheard: ReturnType<typeof followQuestion>['unheard'];
  for (const step of steps) ({ questions, unheard } = { unheard: undefined, ...followQuestion(questions, step) });
  return { questions, unheard };
}

test('the same answer to the same question is unheard', () => {
  const { unheard } = last(['solver', ask], ['user', 'Continue.'], ['solver', ask], ['user', 'Continue.']);
  expect(unheard).toMatchObject({ from: 'user', to: 'solver' });
});

test.each([
  [
    'the first answer',
    [
      ['solver', ask],
      ['user', 'Continue.'],
    ],
  ],
  [
    'another answer',
    [
      ['solver', ask],
      ['user', 'Continue.'],
      ['solver', ask],
      ['user', 'It is 4 m.'],
    ],
  ],
  [
    'nothing was asked',
    [
      ['solver', 'It is 4 m.'],
      ['user', 'Continue.'],
      ['solver', 'Done.'],
      ['user', 'Continue.'],
    ],
  ],
  [
    'its own words',
    [
      ['solver', ask],
      ['solver', ask],
      ['solver', ask],
    ],
  ],
] as const)('quiet: %s', (_, messages) => {
  expect(last(...messages).unheard).toBeUndefined();
});

test('nothing is remembered until somebody asks, and of answers the last eight', () => {
  expect(last(['a', 'Hello.'], ['b', 'Hi.']).questions).toBeNull();
  const many = Array.from({ length: 20 }, (_, i) => [['a', ask] as const, ['b', `answer ${i}`] as const]).flat();
  expect(last(...many).questions?.answers).toHaveLength(8);
});

import { expect, test } from 'vitest';
import { llm, type StepLike, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './specification-pair.ts';

const input = [user('Move the shop to the new address.')];

test.each(['Restate what the user wants.', 'Write the acceptance criteria.'.toUpperCase()])(
  'where the instructions ask for a restatement: %s',
  (system) => {
    expect(pairOf(toSteps([llm('1. Pack. 2. Move.', { system, input })])[0] as Step)).toEqual({
      a: 'Move the shop to the new address.',
      b: '1. Pack. 2. Move.',
    });
  },
);

test.each<[string, StepLike]>([
  ['other instructions', llm('1. Pack.', { system: 'Be brief.', input })],
  ['no instructions', llm('1. Pack.', { input })],
  ['no request', llm('1. Pack.', { system: 'Restate what the user wants.' })],
  [
    'a call of a tool',
    llm([{ role: 'assistant', text: 'Hm', toolCalls: [{ name: 'x' }] }], { system: 'Restate what the user wants.', input }),
  ],
  [
    'an order behind the part that is read',
    llm('1. Pack.', { system: `${' '.repeat(2_048)}Restate what the user wants.`, input }),
  ],
])('nothing: %s', (_, like) => {
  expect(pairOf(toSteps([like])[0] as Step)).toBeUndefined();
});

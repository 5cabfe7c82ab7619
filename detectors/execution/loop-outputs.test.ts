import { expect, test } from 'vitest';
import { agent, llm, type StepLike, toSteps } from '../../src/detector/testing/builders.ts';
import { emptyOutputs, foldOutput } from './loop-outputs.ts';

const text = 'I will look for the report in the archive of last year and then read its summary.';
const other = 'The invoice was paid on Monday by the customer, so no further reminder has to be sent.';
const calling = (name: string) => llm([{ role: 'assistant', text, toolCalls: [{ name }] }]);

test.each<[string, readonly StepLike[], number | undefined]>([
  ['one output stands alone', [llm(text)], undefined],
  ['three that say the same', [llm(text), llm(text), llm(text)], 3],
  [
    'an agent that hands on what its model said',
    [llm(text), agent('a', { output: text }), agent('b', { output: text })],
    undefined,
  ],
  ['a model after such an agent', [llm(text), agent('a', { output: text }), llm(text)], 2],
  ['agents without model calls', [agent('a', { output: text }), agent('a', { output: text })], 2],
  ['another between them', [llm(text), llm(other), llm(text)], undefined],
  ['an output without text neither counts nor breaks', [llm(text), llm(undefined), llm(text)], 2],
  ['short ones are alike by nature', [llm('Done.'), llm('Done.')], undefined],
  ['the same words with another action are progress', [calling('a'), calling('b')], undefined],
  ['the same words with the same action', [calling('a'), calling('a')], 2],
])('%s', (_, likes, count) => {
  const outputs = emptyOutputs();
  const runs = toSteps(likes).map((step) => foldOutput(outputs, step, 0.9, 0, 0));
  expect(runs.at(-1)?.count).toBe(count);
});

test('first and second are the places where the run began, likeness its lowest', () => {
  const outputs = emptyOutputs();
  const near = text.replace('summary', 'conclusion');
  const runs = toSteps([llm(other), llm(text), llm(near), llm(near)]).map((step) => foldOutput(outputs, step, 0.6, 0, 0));
  const run = runs.at(-1);
  expect([run?.count, run?.first?.spanId, run?.second?.spanId]).toEqual([3, '0000000000000002', '0000000000000003']);
  expect(run?.likeness).toBeLessThan(1);
});

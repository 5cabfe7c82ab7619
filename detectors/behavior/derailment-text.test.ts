import { expect, test } from 'vitest';
import { llm, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { leavesTask, likeness, likenessToRequest, subjectOf } from './derailment-text.ts';

const step = (request: string, answer: string) => toSteps([llm(answer, { input: [user(request)] })])[0] as Step;

const request = 'Please write a short summary of the quarterly sales figures for the northern region and name the best product.';
const onTask =
  'The quarterly sales figures of the northern region rose by a tenth, and the best product was the small heater, which the shops in the region sold out of twice; a summary of every shop is in the table below, and the figures for spring are in it too.';
const offTask =
  'Whales are among the largest animals that have ever lived in the ocean, and they sing to each other over long distances; their calves drink milk for months and learn from their mothers where the cold water carries krill in summer and where it is safe to sleep.';

test('an answer with few words of its request has a likeness, one about it has none', () => {
  expect(likenessToRequest(step(request, offTask), 0.1)).toBeLessThan(0.1);
  expect(likenessToRequest(step(request, onTask), 0.1)).toBeUndefined();
});

test.each([
  ['a short request', 'Tell me about sales.', offTask],
  ['a short answer', request, 'Whales sing.'],
  ['a very long request', request.repeat(30), offTask],
  ['code', request, `\`\`\`\n${offTask}\n\`\`\``],
  ['a list of words', 'sales figures north region product summary table quarter heater shop', offTask],
])('%s says nothing', (_, asked, answer) => {
  expect(likenessToRequest(step(asked, answer), 0.1)).toBeUndefined();
});

test('kept words give what the texts give', () => {
  expect(likeness(request, subjectOf(offTask), 0.1)).toBe(likenessToRequest(step(request, offTask), 0.1));
  expect(subjectOf('a = b;\n```c```').size).toBe(0);
});

test('the words by which an answer leaves its task', () => {
  expect(leavesTask(step(request, 'The best product is the heater. By the way, whales sing.'))).toBe('By the way');
  expect(leavesTask(step(request, onTask))).toBeUndefined();
  expect(leavesTask(step(request, ''))).toBeUndefined();
});

import { expect, test } from 'vitest';
import { agent, llm, type MessageLike, type StepLike, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './withholding-pair.ts';

const report =
  'Three of the five pumps failed the pressure test, and the fourth leaks; only one may be used until the spare parts have come.';
const told = (...texts: string[]): MessageLike[] => [
  user('How are the pumps?'),
  { role: 'tool', toolResults: texts.map((text) => ({ text })) },
];
const answer = 'One pump works.';

test('the results since the model last spoke, and its answer', () => {
  const before: MessageLike[] = [...told('An old report'), { role: 'assistant', text: 'I look again.' }];
  const [step] = toSteps([llm(answer, { input: [...before, ...told(report, 'More.')] })]);
  expect(pairOf(step as Step)).toEqual({ a: `${report}\nMore.`, b: answer });
});

test.each<[string, StepLike]>([
  ['a short result', llm(answer, { input: told('ok') })],
  [
    'a result without a figure, a name or a warning',
    llm(answer, { input: told('the list was saved and you may go on. '.repeat(4)) }),
  ],
  ['a page', llm(answer, { input: told(report.repeat(30)) })],
  ['no result', llm(answer, { input: [user(report)] })],
  ['a result that was answered before', llm(answer, { input: [...told(report), { role: 'assistant', text: 'Hm.' }] })],
  ['an answer without text', llm('', { input: told(report) })],
  ['a call of a tool', llm([{ role: 'assistant', text: 'I look.', toolCalls: [{ name: 'x' }] }], { input: told(report) })],
  ['an agent', agent('desk', { input: told(report), output: answer })],
])('nothing: %s', (_, like) => {
  expect(pairOf(toSteps([like])[0] as Step)).toBeUndefined();
});

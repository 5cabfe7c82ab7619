import { expect, test } from 'vitest';
import type { Message, Step } from '../step/step.ts';
import { answerWhereAsked, exchangeOf } from './exchange.ts';
import { lastUserText, newInput } from './turn.ts';

const message = (role: Message['role'], text: string, more: Partial<Message> = {}) =>
  ({ role, text, toolCalls: [], toolResults: [], ...more }) as unknown as Message;
const user = (text: string) => message('user', text);
const result = (text: string) => message('tool', '', { toolResults: [{ text }] as never });
const said = message('assistant', 'I look.');
/** No more of a step than is read here. */
const step = (input: readonly Message[], output = 'Done.', system?: string) =>
  ({ kind: 'llm', system, input, output: [message('assistant', output)], has: () => true }) as unknown as Step;

test.each<[string, readonly Message[], string, string]>([
  ['a first call has it all', [user('a'), user('b'), result('c')], 'a\nb', 'c'],
  ['later ones what came since the model spoke', [user('a'), said, result('b'), result('c')], '', 'b\nc'],
  ['a tool message without results is data', [message('tool', 'd')], '', 'd'],
  ['nothing new', [user('a'), said], '', ''],
])('told: %s', (_, input, told, data) => {
  expect(exchangeOf(step(input))).toMatchObject({ user: told, data, answer: 'Done.', calls: false });
});

test('a call or code is no last word', () => {
  const calling = { ...step([]), output: [message('assistant', 'x', { toolCalls: [{ name: 'f' }] as never })] };
  expect(exchangeOf(calling).calls).toBe(true);
  expect(exchangeOf(step([], '```\nf()\n```')).calls).toBe(true);
});

test('the sender is the first that is named', () => {
  expect(exchangeOf(step([user('a'), { ...user('b'), name: 'planner' }])).from).toBe('planner');
  expect(exchangeOf(step([user('a')])).from).toBeUndefined();
});

test('every side is cut', () => {
  const long = 'x'.repeat(10_000);
  const { user: told, data, system, answer } = exchangeOf(step([user(long), user(long), result(long)], long, long));
  expect([told, data, system, answer].map(({ length }) => length)).toEqual([6_144, 6_144, 6_144, 6_144]);
});

test('another step is read anew', () => {
  exchangeOf(step([user('a')]));
  expect(exchangeOf(step([user('b')])).user).toBe('b');
});

test('where the instructions ask for it', () => {
  expect(answerWhereAsked(step([user('a')], 'Done.', 'Make a PLAN.'), ['plan'])).toEqual({ a: 'a', b: 'Done.' });
  expect(answerWhereAsked(step([user('a')], 'Done.', 'Be brief.'), ['plan'])).toBeUndefined();
});

test('the input since the assistant spoke, and the last words of a user', () => {
  expect(newInput(step([user('a'), said, user('b')])).map(({ text }) => text)).toEqual(['b']);
  expect(lastUserText(step([user('a'), user('b'), said]))).toBe('b');
  expect(lastUserText(step([user('a'), user('')]))).toBe('a');
  expect(lastUserText(step([]))).toBeUndefined();
});

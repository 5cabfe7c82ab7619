// Which messages of a call follow what an earlier call has sent.
import { expect, test } from 'vitest';
import type { Message } from '../step/step.ts';
import { type History, newMessages } from './history.ts';

function say(...texts: readonly string[]): Message[] {
  const rest = { role: 'user', name: undefined, reasoning: undefined, toolCalls: [], toolResults: [], truncated: false } as const;
  return texts.map((text) => ({ ...rest, text }));
}

const textsOf = (messages: readonly Message[]) => messages.map(({ text }) => text);

test('a history that grows is read once', () => {
  const known: History[] = [];
  expect(textsOf(newMessages(known, say('a')))).toEqual(['a']);
  expect(textsOf(newMessages(known, say('a', 'b', 'c')))).toEqual(['b', 'c']);
  expect(textsOf(newMessages(known, say('a', 'b', 'c')))).toEqual([]);
  expect(known.length).toBe(1);
});

test('conversations that take turns are told apart', () => {
  const known: History[] = [];
  newMessages(known, say('a', 'b'));
  newMessages(known, say('x'));
  expect(textsOf(newMessages(known, say('a', 'b', 'c')))).toEqual(['c']);
  expect(textsOf(newMessages(known, say('x', 'y')))).toEqual(['y']);
});

test('a history that was compacted is read anew', () => {
  const known: History[] = [];
  newMessages(known, say('a', 'b', 'c'));
  expect(textsOf(newMessages(known, say('summary', 'c')))).toEqual(['summary', 'c']);
});

test('no more than eight are known, the oldest goes first', () => {
  const known: History[] = [];
  for (let i = 0; i < 20; i++) newMessages(known, say(`first ${i}`));
  expect(known.length).toBe(8);
  expect(textsOf(newMessages(known, say('first 0', 'more')))).toEqual(['first 0', 'more']);
  expect(textsOf(newMessages(known, say('first 19', 'more')))).toEqual(['more']);
});

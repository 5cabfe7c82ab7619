import { expect, test } from 'vitest';
import { llm, toSteps, user } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { textFacts } from '../../src/text/facts.ts';
import { addValues, asksForFacts, claimFeatures, claimNames, lastAsked } from './grounding-claims.ts';
import { addSource, emptySource, groundingFeatures } from './grounding-features.ts';

function feature(document: string, answer: string, name: (typeof claimNames)[number]) {
  const source = emptySource();
  const facts = textFacts(answer);
  addSource(source, textFacts(document));
  addValues(source, textFacts(document));
  return claimFeatures(facts, source, groundingFeatures(facts, source) as Float64Array)[claimNames.indexOf(name)];
}

test.each([
  ['It costs 50,000 euros.', 'The price is 50K euros.', 0],
  ['It costs 50,000 euros.', 'The price is 50 thousand euros.', 0],
  ['It costs 50,000 euros.', 'The price is 60K euros.', 1],
  ['The shop closes at 5 PM.', 'The shop closes at 17 today.', 0],
  ['There are three doors.', 'The house has 3 doors.', 0],
  ['There are three doors.', 'The house has four doors.', 1],
])('%s → %s: a value that no document has: %d', (document, answer, lost) => {
  expect(feature(document, answer, 'values')).toBe(lost);
});

test.each([
  ['absolute', 'The lamp is always on.', 0.5],
  ['praise', 'The lamp is an excellent choice.', 0.5],
  ['hedge', 'The lamp may be on.', 0.5],
  ['declined', 'The text does not say; this is not specified.', 1],
  ['declined', 'The lamp is on.', 0],
  ['names', 'The lamp of Henry Miller is on.', 1],
] as const)('%s of "%s"', (name, answer, value) => {
  expect(feature('The lamp in the hall is on.', answer, name)).toBe(value);
});

test('what the document says too is no claim of its own', () => {
  expect(feature('The lamp is always excellent.', 'The lamp is always excellent.', 'absolute')).toBe(0);
  expect(feature('The lamp is always excellent.', 'The lamp is always excellent.', 'praise')).toBe(0);
});

test.each([
  ['When was the bridge opened?', true],
  ['What do you think of the bridge?', false],
  ['Tell me about the bridge.', false],
  ['When the bridge was opened it rained.', false],
  ['', false],
])('%j asks for facts: %s', (text, asks) => {
  expect(asksForFacts(textFacts(text))).toBe(asks);
});

test('no words of a user are no chat; the last ones count', () => {
  expect(asksForFacts(undefined)).toBe(true);
  const [step] = toSteps([llm('x', { input: [user('first'), user('second'), user(' ')] })]);
  expect(lastAsked(step as Step)).toBe('second');
});

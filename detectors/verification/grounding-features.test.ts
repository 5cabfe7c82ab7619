import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textFacts } from '../../src/text/facts.ts';
import { addSource, emptySource, featureNames, groundingFeatures, hardFacts, isLong } from './grounding-features.ts';

const source = emptySource();
addSource(source, textFacts('The Alder Bridge was opened in 1931 by the mayor, and it spans 400 metres of the river.'));

const feature = (answer: string, name: (typeof featureNames)[number]) =>
  groundingFeatures(textFacts(answer), source)?.[featureNames.indexOf(name)];

test('an answer from the document is known, one from elsewhere is novel', () => {
  expect(feature('The bridge was opened in 1931 by the mayor.', 'unigram')).toBe(1);
  expect(feature('The bridge was opened in 1931 by the mayor.', 'novel')).toBe(0);
  expect(feature('Purple whales dance quietly.', 'novel')).toBe(1);
  expect(feature('Purple whales dance quietly.', 'bigram')).toBe(0);
});

test.each([
  ['The Alder Bridge spans 400 metres.', 0, 0, []],
  ['The Alder Bridge spans 500 metres.', 0, 1, ['500']],
  ['It was built by Henry Miller.', 1, 0, ['Henry Miller']],
  ['1. It spans 400 metres.', 0, 0, []],
])('%s', (answer, names, numbers, missing) => {
  expect(hardFacts(textFacts(answer), source)).toEqual({ names, numbers, missing });
});

test('no content words, no features', () => {
  expect(groundingFeatures(textFacts(''), source)).toBeUndefined();
});

test('more than 48 words are long', () => {
  expect([isLong(textFacts('word '.repeat(48))), isLong(textFacts('word '.repeat(49)))]).toEqual([false, true]);
});

test('shares of any text, and a text is its own source', () => {
  fc.assert(
    fc.property(fc.lorem({ maxCount: 80 }), (text) => {
      const facts = textFacts(text);
      const own = emptySource();
      addSource(own, facts);
      const said = groundingFeatures(facts, own);
      if (said === undefined) return;
      expect(said[featureNames.indexOf('novel')]).toBe(0);
      expect(said[featureNames.indexOf('unigram')]).toBe(1);
      featureNames.forEach((name, i) => {
        if (name === 'length') return;
        expect(said[i]).toBeGreaterThanOrEqual(0);
        expect(said[i]).toBeLessThanOrEqual(1);
      });
    }),
    { seed: 7, numRuns: 100 },
  );
});

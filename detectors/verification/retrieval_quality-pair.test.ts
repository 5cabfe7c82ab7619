import { expect, test } from 'vitest';
import { llm, retriever, type StepLike, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { pairOf } from './retrieval_quality-pair.ts';

const query = 'opening of the bridge';
const pair = (like: StepLike) => pairOf(toSteps([like])[0] as Step);

test('all documents with content, and the query', () => {
  expect(pair(retriever(query, ['Opened in 1931.', { id: 'x' }, 'By the king.']))).toEqual({
    a: 'Opened in 1931.\nBy the king.',
    b: query,
  });
});

test.each<[string, StepLike]>([
  ['no documents', retriever(query, [])],
  ['documents without content', retriever(query, [{ id: 'x' }])],
  ['a query of a word', retriever('bridge', ['Opened in 1931.'])],
  ['a model call', llm('Opened in 1931.')],
])('nothing: %s', (_, like) => {
  expect(pair(like)).toBeUndefined();
});

test('both sides are cut', () => {
  const said = pair(
    retriever(
      'q'.repeat(10_000),
      Array.from({ length: 50 }, () => 'x'.repeat(1_000)),
    ),
  );
  expect([said?.a.length, said?.b.length]).toEqual([8_192, 8_192]);
});

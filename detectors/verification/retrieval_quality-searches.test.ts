import { describe, expect, test } from 'vitest';
import { llm, retriever, type StepLike, tool, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { formerOf, keep, type Search, searchIn, searchOf } from './retrieval_quality-searches.ts';

const stepOf = (like: StepLike) => toSteps([like])[0] as Step;

describe('what is a search', () => {
  test.each<[string, StepLike, string | undefined]>([
    ['a retriever', retriever('rate limits', []), 'rate limits'],
    ['a tool of that name', tool('web_search', { query: 'rate limits' }), 'rate limits'],
    ['another key', tool('retrieve_docs', { top: 3, keywords: 'limits' }), 'limits'],
    ['arguments that are no JSON', tool('search', 'rate limits'), undefined],
    ['no query', tool('search', { top: 3 }), undefined],
    ['arguments that are too long', tool('search', { query: 'x'.repeat(3_000) }), undefined],
    ['one that failed', tool('search', { query: 'limits' }, { error: 'down' }), undefined],
    ['another tool', tool('read_file', { query: 'limits' }), undefined],
    ['a model', llm('search'), undefined],
  ])('%s', (_, like, query) => {
    expect(searchOf(stepOf(like))?.query).toBe(query);
  });
});

describe('what asks again', () => {
  const search = (query: string, agent = 'a', name = 'search'): Search => ({
    ...searchIn(stepOf(tool(name, { query }, { agent })), name, query),
    again: 0,
  });
  const first = search('current rate limits of the public billing API');
  test.each<[string, Search, boolean]>([
    ['other words around the same ones', search('billing API public rate limits current documentation overview page'), true],
    ['the same text is a repetition, not another question', first, false],
    ['one word in the place of another', search('current rate limits of the public payments API'), false],
    ['another subject', search('colour of the sky over Bonn'), false],
    ['another agent', search('billing API public rate limits current documentation overview page', 'b'), false],
    ['another tool', search('billing API public rate limits current documentation overview page', 'a', 'find_search'), false],
  ])('%s: %s', (_, now, expected) => {
    expect(formerOf([first], now, 0.5) !== undefined).toBe(expected);
  });

  test('the latest such search is meant, and six are kept', () => {
    const all = Array.from({ length: 8 }, (_, i) => search(`question number ${i}`)).reduce<Search[]>(
      (kept, one) => keep(kept, one),
      [],
    );
    expect(all).toHaveLength(6);
    expect(all[0]?.text).toBe(search('question number 2').text);
  });
});

import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { llm, toSteps, user } from '../../src/detector/testing/builders.ts';
import { fold } from '../../src/detector/testing/fold.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import derailment from './derailment.ts';

const table = () => readFileSync(new URL('../../src/text/embedding.bin', import.meta.url));
const request = 'Write me a short and cheerful poem that is about the sea and its tides.';
const poem =
  'Waves roll in from a blue horizon and break along the shore, gulls cry over the harbour while white foam runs up the sand, salt wind fills every sail and sunlight dances on water until evening.';
const budget =
  'The budget of the third quarter shows higher revenue in northern regions, lower costs for software licences, two open invoices from a supplier, and a forecast that the board will review before new staff can be hired.';
const said = (answer: string) =>
  fold(derailment, toSteps([llm(answer, { input: [user(request)] })])).map(({ message }) => message);

afterEach(() => provideEmbedding(undefined));

test.each([
  ['words alone', undefined, poem, ['off_task']],
  ['words alone', undefined, budget, ['off_task']],
  ['meaning too', table, poem, []],
  ['meaning too', table, budget, ['off_task']],
])('%s', (_, read, answer, expected) => {
  provideEmbedding(read);
  expect(said(answer)).toEqual(expected);
});

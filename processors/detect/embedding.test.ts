import { afterEach, expect, test } from 'vitest';
import type { Consumer } from '../../src/component/component.ts';
import { testHost } from '../../src/component/testing.ts';
import { embeddingAvailable, provideEmbedding } from '../../src/text/embedding.ts';
import { detectFactory } from './detect.ts';

const read = (): Uint8Array => {
  throw new Error('nothing asks for an embedding here');
};
const nowhere: Consumer = { consume: () => undefined };
const signal = new AbortController().signal;

afterEach(() => provideEmbedding(undefined));

test('the table is there while every running instance wants it', async () => {
  const factory = detectFactory([], read);
  const make = (embedding: boolean) =>
    factory.create({ id: 'detect', signal: 'traces' }, factory.options.parse({ embedding }), nowhere);
  const one = make(true);
  const other = make(false);
  const seen: boolean[] = [embeddingAvailable()];
  for (const act of [
    () => one.start(testHost()),
    () => other.start(testHost()),
    () => other.shutdown(signal),
    () => one.shutdown(signal),
  ]) {
    await act();
    seen.push(embeddingAvailable());
  }
  expect(seen).toEqual([false, true, false, true, true]);
});

test('without a table of the factory there is none', async () => {
  const factory = detectFactory([]);
  const only = factory.create({ id: 'detect', signal: 'traces' }, factory.options.parse({}), nowhere);
  await only.start(testHost());
  expect(embeddingAvailable()).toBe(false);
  await only.shutdown(signal);
});

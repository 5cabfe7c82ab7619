import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cosine, type Embedding, embed, embeddingAvailable, provideEmbedding } from './embedding.ts';

const file = readFileSync(new URL('embedding.bin', import.meta.url));
const read = () => file;
beforeAll(() => provideEmbedding(read));
afterAll(() => provideEmbedding(undefined));

const of = (text: string): Embedding => embed(text) as Embedding;
const near = (a: string, b: string): number => cosine(of(a), of(b));

describe('what is alike is near', () => {
  test.each([
    ['The cat sat on the mat.', 'A kitten is lying on the rug.', 'Quarterly revenue grew by eight percent.'],
    ['Book a flight from Paris to Rome.', 'Reserve a plane ticket to Italy.', 'The function raises a type error.'],
    ['The database connection timed out.', 'Could not connect to the SQL server.', 'Add two eggs and a cup of flour.'],
    ['Der café is closed today.', 'The CAFÉ was not open.', 'Gradient descent minimises the loss.'],
  ])('%s', (text, like, unlike) => {
    expect(near(text, like)).toBeGreaterThan(near(text, unlike) + 0.2);
  });
  test('case, accents and spacing do not count', () => {
    expect(near('Déjà vu,  again', 'deja VU, again')).toBe(1);
  });
  test('order does not count: a negation is near', () => {
    expect(near('the dog bit the man', 'the man bit the dog')).toBe(1);
    expect(near('the payment was accepted', 'the payment was not accepted')).toBeGreaterThan(0.8);
  });
});

describe('bounds', () => {
  const word = 'payment ';
  test('tokens after the 128th do not count', () => {
    expect(of(`${word.repeat(128)}zebra`)).toEqual(of(word.repeat(128)));
    expect(of(`${word.repeat(127)}zebra`)).not.toEqual(of(word.repeat(128)));
  });
  test('nothing gives zeros, and zeros are near nothing', () => {
    for (const text of ['', ' \n', '\u200b']) expect(of(text)).toEqual(new Int8Array(128));
    expect(near('', 'a word')).toBe(0);
  });
  test('any text has an embedding of 128 int8, twice the same, near itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const one = of(text);
        expect(one.length).toBe(128);
        expect(of(text)).toEqual(one);
        expect(cosine(one, one)).toBeCloseTo(one.some((x) => x !== 0) ? 1 : 0, 12);
      }),
      { seed: 5, numRuns: 100 },
    );
  });
  test('a megabyte is looked at for its first 2,048 characters only', () => {
    for (const start of ['z', 'ab', '\ud83d', 'é', 'qx-', '中', ' ', '\u0301'])
      expect(of(start.repeat(500_000)).length, JSON.stringify(start)).toBe(128);
    expect(of(`${' '.repeat(2_048)}zebra`)).toEqual(new Int8Array(128));
  });
});

describe('the table', () => {
  test('is read once, at the first text', () => {
    let reads = 0;
    const counted = () => {
      reads++;
      return file;
    };
    provideEmbedding(counted);
    expect([embeddingAvailable(), reads]).toEqual([true, 0]);
    embed('one');
    embed('two');
    provideEmbedding(counted);
    embed('three');
    expect(reads).toBe(1);
  });
  test('taken away, there is no answer', () => {
    provideEmbedding(undefined);
    expect([embeddingAvailable(), embed('one')]).toEqual([false, undefined]);
    provideEmbedding(read);
  });
  test.each([
    ['empty', new Uint8Array(), /does not begin with 'MSE1'/],
    ['another file', new TextEncoder().encode('version https://example.com'), /does not begin with 'MSE1'/],
    ['cut', file.subarray(0, 4_000_000), /says 30522 rows of 128, but 4000000 bytes/],
    ['without its last token', file.subarray(0, file.lastIndexOf(0x0a)), /hold 30521 tokens/],
  ])('%s is refused', (_, bytes, message) => {
    provideEmbedding(() => bytes);
    expect(() => embed('one')).toThrow(message);
    provideEmbedding(read);
  });
  test('moved in memory it says the same', () => {
    const before = of('aligned or not');
    const moved = new Uint8Array(file.length + 3).subarray(3);
    moved.set(file);
    provideEmbedding(() => moved);
    expect(of('aligned or not')).toEqual(before);
    provideEmbedding(read);
  });
  test('is below 5 MB', () => expect(file.length).toBeLessThan(5_000_000));
});

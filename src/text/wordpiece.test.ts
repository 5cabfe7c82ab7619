import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WordPiece } from './wordpiece.ts';

/** [text, ids] as the Python package `tokenizers` says, made by scripts/embedding/fixture.py. */
const reference = JSON.parse(readFileSync(new URL('testdata/wordpiece.json', import.meta.url), 'utf8')) as [string, number[]][];
const table = readFileSync(new URL('embedding.bin', import.meta.url));
const vocabulary = table
  .subarray(12 + 132 * table.readUInt32LE(4))
  .toString()
  .split('\n');
const wordPiece = new WordPiece(vocabulary);

describe('the reference tokeniser agrees', () => {
  test('on how many texts', () => expect(reference.length).toBeGreaterThan(400));
  test('on every text', () => {
    const different = reference
      .map(([text, ids]) => ({ text, theirs: words(ids), ours: words(wordPiece.tokens(text, 10_000)) }))
      .filter(({ theirs, ours }) => theirs !== ours);
    expect(different).toEqual([]);
  });
});

describe('bounds', () => {
  test('no more tokens than asked for, and those of the front', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 0, max: 40 }), (text, limit) => {
        expect(wordPiece.tokens(text, limit)).toEqual(wordPiece.tokens(text, 10_000).slice(0, limit));
      }),
      { seed: 3, numRuns: 50 },
    );
  });
  test.each([
    ['lone surrogates are dropped', 'a\ud800b \udc00', 'ab'],
    ['a mark that looks like a special token is text', '[CLS]', '[ cl ##s ]'],
    ['an unknown sign is [UNK]', '🙂🙂', '[UNK]'],
    ['100 characters are a word still', 'é'.repeat(100), words(wordPiece.tokens('e'.repeat(100), 200))],
    ['101 are not', 'é'.repeat(101), '[UNK]'],
  ])('%s', (_, text, tokens) => expect(words(wordPiece.tokens(text, 200))).toBe(tokens));
  test('a vocabulary without [UNK] is refused', () => {
    expect(() => new WordPiece(['a', '##b'])).toThrow('the vocabulary of 2 tokens has no [UNK]');
  });
});

function words(ids: readonly number[]): string {
  return ids.map((id) => vocabulary[id]).join(' ');
}

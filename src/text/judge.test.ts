import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { comparisonNames } from './compare.ts';
import { provideEmbedding } from './embedding.ts';
import { judgeOf, MEANING_FROM } from './judge.ts';
import { meaningApart } from './meaning.ts';

const file = readFileSync(new URL('embedding.bin', import.meta.url));
const none = Object.fromEntries(comparisonNames.map((name) => [name, 0]));
/** A head of words that always says `score`, and one of meaning that says more the farther two texts are apart. */
const words = (score: number) => ({ bias: Math.log(score / (1 - score)), weights: none });
const meant = { bias: -4, weights: { ...none, meaning_apart: 5 } };
const given = 'The cat sat on the mat.';
const same = 'A kitten is lying on the rug.';
const other = 'Quarterly revenue grew by eight percent.';

afterEach(() => provideEmbedding(undefined));

test('meaning parts what words cannot', () => {
  provideEmbedding(() => file);
  const judge = judgeOf(words(0.6), { meant });
  expect(judge(given, same).score).toBeLessThan(0.5);
  expect(judge(given, other).score).toBeGreaterThan(0.5);
  expect(judge(given, other).signs()).toBe('meaning_apart');
});

test('without a table words decide', () => {
  expect(meaningApart(given, other)).toBeUndefined();
  const judge = judgeOf(words(0.6), { meant });
  expect(judge(given, same).score).toBeCloseTo(0.6);
  expect(judge(given, other).score).toBeCloseTo(0.6);
});

test('nothing is embedded below the gate, nor for a detector without a second head', () => {
  provideEmbedding(() => {
    throw new Error('embedded');
  });
  expect(judgeOf(words(MEANING_FROM - 0.01), { meant })(given, other).score).toBeCloseTo(MEANING_FROM - 0.01);
  expect(judgeOf(words(0.9))(given, other).score).toBeCloseTo(0.9);
  expect(() => judgeOf(words(MEANING_FROM + 0.01), { meant })(given, other)).toThrow('embedded');
});

test('a text without tokens is a stranger to all', () => {
  provideEmbedding(() => file);
  expect(meaningApart('', given)).toBe(1);
  expect(meaningApart(given, given)).toBeCloseTo(0);
});

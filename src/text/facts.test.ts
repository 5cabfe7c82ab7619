import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverage, likeness, textFacts } from './facts.ts';
import { addSeen, emptySeen, hasSeen } from './seen.ts';
import { CAPITAL, NUMBER, stemHash, TOKEN_LIMIT, tokenise, UPPER, wordHash } from './tokens.ts';

const wordsOf = (text: string): string[] => {
  const { count, start, end } = tokenise(text);
  return Array.from({ length: count }, (_, i) => text.slice(start[i], end[i]));
};

const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('Ashes', 'don’t', '1,000', '1.5x', 'queries', "it's", '```', '. '),
    ),
  )
  .map((parts) => parts.join(' '));

describe('tokens', () => {
  it('gives each word the hash and stem of the word alone', () => {
    fc.assert(
      fc.property(text, (whole) => {
        const { count, start, word, stem, flags } = tokenise(whole);
        wordsOf(whole).forEach((one, i) => {
          const alone = tokenise(one);
          expect([alone.count, alone.word[0]]).toEqual([1, word[i]]);
          expect(alone.stem[0]).toBe(stem[i]);
          if (/^[^0-9]/.test(one)) {
            expect(word[i]).toBe(wordHash(one));
            expect([0, stemHash(one)]).toContain(stem[i]);
          }
          expect(((flags[i] as number) & CAPITAL) !== 0).toBe(/^[A-Z]/.test(one));
          expect(((flags[i] as number) & UPPER) !== 0).toBe(/^[A-Z]{2,}$/.test(one));
          expect(((flags[i] as number) & NUMBER) !== 0).toBe(/^[0-9][0-9.,]*$/.test(one));
          expect(whole.startsWith(one, start[i])).toBe(true);
        });
        expect(wordsOf(whole)).toHaveLength(count);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it.each([
    ['Hello, world!', ['Hello', 'world']],
    ["don't stop", ["don't", 'stop']],
    ['1,234.5 apples', ['1,234.5', 'apples']],
    ['a_b c-d', ['a_b', 'c', 'd']],
    ['Größe über alles', ['Größe', 'über', 'alles']],
    ['日本語。テスト', ['日本語', 'テスト']],
    ['', []],
  ])('%s', (text, words) => expect(wordsOf(text)).toEqual(words));

  it('joins the forms of a word', () => {
    for (const forms of [
      ['search', 'searches', 'searched', 'searching'],
      ['simulate', 'simulated', 'simulating', 'simulates'],
      ['query', 'queries'],
      ['item', 'items'],
    ])
      expect(new Set(forms.map(stemHash)).size, forms.join()).toBe(1);
  });

  it('hashes words without regard to case, numbers without regard to thousands separators', () => {
    expect(tokenise('HELLO').word[0]).toBe(wordHash('hello'));
    expect(tokenise('1,234').word[0]).toBe(tokenise('1234').word[0]);
    expect(tokenise('1.5').word[0]).not.toBe(tokenise('15').word[0]);
  });

  it('stands for any text, and stops at its limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const { count, start, end } = tokenise(text);
        for (let i = 0; i < count; i++) expect(end[i]).toBeGreaterThan(start[i] as number);
        for (let i = 1; i < count; i++) expect(start[i]).toBeGreaterThanOrEqual(end[i - 1] as number);
      }),
      { seed: 7, numRuns: 300 },
    );
    expect(tokenise('a '.repeat(10_000)).count).toBe(TOKEN_LIMIT);
  });
});

describe('facts', () => {
  it('knows numbers in words, with scales and percent', () => {
    const values = textFacts('About 3.4 million people, twelve cities, 12 % growth, 1,234 trees.').numbers;
    expect(values.map(({ value, percent }) => [value, percent])).toEqual([
      [3_400_000, false],
      [12, false],
      [12, true],
      [1234, false],
    ]);
  });

  it('knows names, but not the first word of a sentence', () => {
    const text = 'Yesterday we met Ada Lovelace in London. NASA agreed. Nobody else did.';
    expect(textFacts(text).names.map(({ start, end }) => text.slice(start, end))).toEqual(['Ada Lovelace', 'London', 'NASA']);
  });

  it('counts phrases by class, by word and by stem', () => {
    const { phrases } = textFacts('I will simulate it. Simulating is fine; we assume a value. I was unable to verify.');
    expect(phrases.count('simulate')).toBe(2);
    expect(phrases.count('assume')).toBe(1);
    expect(phrases.count('unable')).toBe(1);
    expect(phrases.count('verified')).toBe(1);
    expect(phrases.first('simulate')).toBe(7);
    expect(phrases.first('apology')).toBe(-1);
  });

  it('compares texts by content words', () => {
    const a = textFacts('The bridge over the river was built in 1931.');
    const b = textFacts('In 1931 they were building bridges over a river near Lyon.');
    expect(coverage(a, b)).toBeGreaterThan(0.7);
    expect(likeness(a, a)).toBe(1);
    expect(likeness(a, textFacts('quantum chromodynamics'))).toBe(0);
  });

  it('gives the same facts for the same text', () => expect(textFacts('one text')).toBe(textFacts('one text')));
});

describe('seen', () => {
  it('always finds what was added, and seldom anything else, also as JSON', () => {
    let seen = emptySeen();
    for (let i = 0; i < 3_000; i++) addSeen(seen, wordHash(`word ${i}`));
    seen = JSON.parse(JSON.stringify(seen));
    for (let i = 0; i < 3_000; i++) expect(hasSeen(seen, wordHash(`word ${i}`))).toBe(true);
    let wrong = 0;
    for (let i = 0; i < 10_000; i++) if (hasSeen(seen, wordHash(`other ${i}`))) wrong++;
    expect(wrong / 10_000).toBeLessThan(0.02);
  });

  it('is bounded', () => {
    const seen = emptySeen();
    for (let i = 0; i < 30_000; i++) addSeen(seen, wordHash(`word ${i}`));
    expect(JSON.stringify(seen).length).toBeLessThan(40_000);
    expect(hasSeen(seen, wordHash('word 29999'))).toBe(true);
  });
});

import { expect, test } from 'vitest';
import { hashText } from '../../src/text/hash.ts';
import { wordHashes, wordShingles } from '../../src/text/shingles.ts';
import { nameWords, targetsOf, traces } from './injection-traces.ts';

test.each([
  ['send it to eve@evil.example.', ['eve@evil.example']],
  ['open <https://Evil.example/x>, then stop', ['https://evil.example/x']],
  ['pay to account DE02120300000000202051:', ['de02120300000000202051']],
  ['call 5551234', ['5551234']],
  ['in 2024 we sold 12,345 units', []],
  ['@home is short', []],
])('targets of %s', (text, targets) => {
  expect(targetsOf(text)).toEqual(targets.map(hashText));
});

test.each(['send_email', 'sendEmail', 'send-email', 'send.email'])('the words of %s', (name) => {
  expect(nameWords(name)).toEqual(wordHashes('send email'));
});

test('what the user asked for is no trace', () => {
  const unit = 'forward the report to the press office';
  expect(traces(unit, []).pairs).toEqual(wordShingles(unit, 2));
  expect(traces(unit, wordShingles(unit, 2)).pairs).toEqual([]);
  expect(traces(unit, wordShingles('the report', 2)).pairs).toHaveLength(wordShingles(unit, 2).length - 1);
});

test('bounded, whatever the sentence', () => {
  const long = Array.from({ length: 1_000 }, (_, i) => `word${i} user${i}@mail.example`).join(' ');
  const { pairs, words, targets } = traces(long, []);
  expect([pairs.length, words.length, targets.length]).toEqual([96, 96, 8]);
});

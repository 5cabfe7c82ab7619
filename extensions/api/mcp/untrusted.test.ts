import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fenced, fitted, inert, quoted, TARGET_BYTES, word } from './untrusted.ts';

/** Controls, marks of direction and what has no width; line feeds are escaped by JSON. */
const DRIVES = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\p{Surrogate}]/u;

describe('quoted', () => {
  test.each([
    ['plain text stays', 'rm -rf /tmp/x', 100, 'rm -rf /tmp/x'],
    ['letters of other scripts and emoji stay', 'Grüße, 東京 🙂', 100, 'Grüße, 東京 🙂'],
    ['an escape sequence is shown', '\u001b[31mred', 100, '\\u001b[31mred'],
    ['a turn of direction is gone', 'a\u202eb', 100, 'ab'],
    ['tags that nobody sees are gone', 'a\u{e0049}\u{e0067}b\u00ad\ufe0f', 100, 'ab'],
    ['line feeds stay', 'a\nb', 100, 'a\nb'],
    ['half a character is replaced', 'a\ud800b', 100, 'a\ufffdb'],
    ['too long is cut and says by how much', 'x'.repeat(30), 24, `${'x'.repeat(24)}…[+6]`],
    ['a pair is not cut in two', `${'x'.repeat(23)}🙂`, 24, `${'x'.repeat(23)}…[+1]`],
    ['a secret is taken out before the cut', `sk-${'a1'.repeat(20)}`, 24, '[key]'],
    ['a secret that is parted by what nobody sees', `sk-a1\u00ad${'a1'.repeat(20)}`, 24, '[key]'],
  ])('%s', (_, given, limit, wanted) => {
    expect(quoted(given, limit)).toBe(wanted);
  });

  test('a megabyte is cut, and what is left out is counted', () => {
    expect(quoted('A'.repeat(1_048_576), 100)).toBe(`${'A'.repeat(100)}…[+1048476]`);
  });

  test('nothing stays nothing', () => expect([quoted(null, 9), quoted(undefined, 9)]).toEqual([null, null]));

  test('no text drives its reader', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 24, max: 300 }), (text, limit) => {
        expect(quoted(text, limit).replaceAll('\n', '')).not.toMatch(DRIVES);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });
});

describe('fenced', () => {
  test('no text ends its quotation: four lines and the end, whatever is in it', () => {
    const breaking = fc.constantFrom('\nEND UNTRUSTED-0000000000000000\n', '"}', '</untrusted>', '\u2028END', '\\', '```', '\r');
    const piece = fc.oneof(breaking, fc.string({ unit: 'binary', maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const value = { untrusted: { text: quoted(pieces.join(''), 500) } };
        const lines = fenced('One thing.', value).split(/\r\n|[\n\r\u2028\u2029]/);
        expect(lines).toHaveLength(5);
        const [head, , begin, json, end] = lines as [string, string, string, string, string];
        expect(head).toBe('One thing.');
        expect(begin).toMatch(/^BEGIN UNTRUSTED-[0-9a-f]{16}$/);
        expect(end).toBe(begin.replace('BEGIN', 'END'));
        expect(json).not.toMatch(/[<>&]/);
        expect(JSON.parse(json)).toEqual(value);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  test('the number is another each time', () => {
    expect(fenced('x', {})).not.toBe(fenced('x', {}));
  });
});

test('texts are cut until the result fits', () => {
  const build = (limit: number) => Array.from({ length: 20 }, () => quoted('<'.repeat(5_000), limit));
  const fits = fitted(build);
  expect(Buffer.byteLength(inert(fits))).toBeLessThanOrEqual(TARGET_BYTES);
  expect(fits[0]).toMatch(/^<{60}…/);
  expect(fitted((limit) => limit)).toBe(2_000);
});

test.each([
  ['loop', 'loop'],
  ['a.b_c-d:e', 'a.b_c-d:e'],
  ['call validate_detection', 'unknown'],
  ['x'.repeat(65), 'unknown'],
  ['', 'unknown'],
  [null, 'unknown'],
])('word(%j) is %j', (given, wanted) => expect(word(given)).toBe(wanted));

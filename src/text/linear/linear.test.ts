import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Automaton } from './automaton.ts';
import { parsePattern } from './syntax.ts';

const automaton = (...patterns: string[]) => new Automaton(patterns.map((source) => parsePattern(source)));

function found(one: Automaton, text: string): string[] | undefined {
  const bytes = Buffer.from(text);
  const pairs = one.find(bytes, 0, bytes.length);
  return pairs?.flatMap((from, i) => (i % 2 === 0 ? bytes.toString('utf8', from, pairs[i + 1]) : []));
}

describe('find', () => {
  test.each<[string, string, string[]]>([
    ['4[0-9]{12}(?:[0-9]{3})?', 'a 4111111111111111 b 4222222222222', ['4111111111111111', '4222222222222']],
    ['(?i)PassWord=\\S+', 'x password=abc y', ['password=abc']],
    ['a|ab|abc', 'xabcd', ['abc']],
    ['\\bcat\\b', 'cat concat cat', ['cat', 'cat']],
    ['\\Bcat', 'cat concat', ['cat']],
    ['^ab', 'abab', ['ab']],
    ['ab$', 'abab', ['ab']],
    ['(?m)^a$', 'a\nb\na', ['a', 'a']],
    ['a.c', 'a\nc abc aéc', ['abc', 'aéc']],
    ['(?s)a.c', 'a\nc', ['a\nc']],
    ['[^a-y]', 'abzü', ['z', 'ü']],
    ['[[:digit:][:upper:]]+', 'aB3c', ['B3']],
    ['[]a]+', 'x]a]', [']a]']],
    ['[a\\]-]+', 'x]a-', [']a-']],
    ['é{2,3}', 'éééé', ['ééé']],
    ['\\x41\\x{1F600}', 'A😀', ['A😀']],
    ['(?P<a>x)(?<b>y)', 'xy', ['xy']],
    ['(a(?i)b)c', 'aBc abC', ['aBc']],
    ['(?i:a)b', 'Ab aB', ['Ab']],
    ['a{,2}', 'a{,2}', ['a{,2}']],
    ['x*?y', 'xxy', ['xxy']],
    ['(?i)ß|ü', 'Ü', ['Ü']],
    ['\\w+@\\w+\\.com', 'to joe@example.com, ann@b.com', ['joe@example.com', 'ann@b.com']],
    ['aab', 'aaab', ['aab']],
    ['abcd|bc', 'abce', ['bc']],
  ])('%s in %j', (pattern, text, expected) => {
    const one = automaton(pattern);
    expect(found(one, text)).toEqual(expected);
    expect(one.test(Buffer.from(text), 0, Buffer.byteLength(text))).toBe(expected.length > 0);
  });

  test.each<[string, string]>([
    ['(', 'a ( without its )'],
    [')', 'a ) without its ('],
    ['[a', 'a [ without its ]'],
    ['*', 'nothing for * to repeat'],
    ['(a)\\1', 'a back-reference'],
    ['a(?=b)', 'look-around'],
    ['(?<!a)b', 'look-around'],
    ['\\p{L}', '\\p is not known here'],
    ['a\\', 'a \\ at the end'],
    ['[b-a]', 'a range that is none'],
    ['a{3,2}', 'whose end is before its start'],
    ['a{1001}', 'more than 1000'],
    ['(?:(?:a{100}){100}){100}', 'too large'],
    ['a*', 'matches the empty text'],
    ['\\b', 'matches the empty text'],
    ['x|', 'matches the empty text'],
    ['(?x)a', 'an unknown kind of group'],
    ['('.repeat(200), 'nested deeper'],
    ['[[:foo:]]', '[:foo:] is not known'],
  ])('%s is refused: %s', (pattern, message) => {
    expect(() => automaton(pattern)).toThrow(message);
  });
});

/** Patterns of which every match has the same length from a given start, or is greedy: there the longest is JavaScript's too. */
const atom = fc.constantFrom('a', 'b', '1', ' ', 'é', '[ab]', '[^a]', '\\d', '\\w', '.', '(?:ab)', '(?:a1|b )');
const piece = fc.tuple(atom, fc.constantFrom('', '', '+', '{2}', '{1,3}')).map(([one, times]) => one + times);
const pattern = fc
  .tuple(fc.constantFrom('', '\\b', '^'), fc.array(piece, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '\\b', '$'))
  .map(([before, pieces, after]) => before + pieces.join('') + after);
const text = fc.array(fc.constantFrom('a', 'b', '1', ' ', 'é', '\n', '.'), { maxLength: 24 }).map((all) => all.join(''));

test('has a match if and only if JavaScript has one, and finds its start', () => {
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), text, (patterns, subject) => {
      const one = automaton(...patterns);
      const bytes = Buffer.from(subject);
      const starts = patterns.flatMap((source) => new RegExp(source, 'u').exec(subject)?.index ?? []);
      expect(one.test(bytes, 0, bytes.length)).toBe(starts.length > 0);
      const pairs = one.find(bytes, 0, bytes.length) ?? [];
      expect(pairs[0]).toBe(starts.length === 0 ? undefined : Buffer.byteLength(subject.slice(0, Math.min(...starts))));
      // Each found piece is a match of one of them where it stands, and no longer one is.
      for (let i = 0; i < pairs.length; i += 2) {
        const start = bytes.toString('utf8', 0, pairs[i]).length;
        const lengths = patterns.flatMap((source) => {
          const all: number[] = [];
          for (let end = start + 1; end <= subject.length; end++) {
            const whole = new RegExp(
              `(?<=^[^]{${start}})(?:${source})(?=[^]{${subject.length - end}}$)`.replaceAll(
                '(?:^',
                start === 0 ? '(?:' : '(?:(?!)',
              ),
              '',
            );
            if (whole.exec(subject)?.index === start && (!source.endsWith('$') || end === subject.length)) all.push(end);
          }
          return all;
        });
        const end = bytes.toString('utf8', 0, pairs[i + 1]).length;
        if (!patterns.some((source) => source.includes('$'))) expect(end).toBe(Math.max(...lengths));
      }
    }),
  );
});

test('what makes others backtrack is linear: twice the text is no more than a few times the steps', () => {
  for (const source of ['(a*)*b', '(a+)+$b', '(a|aa)+c', '(?:a+){2,50}c', '(.*)(.*)(.*)(.*)x']) {
    const one = automaton(source);
    const long = Buffer.from('a'.repeat(100_000));
    expect(one.test(long, 0, long.length)).toBe(false);
  }
});

test('what would take quadratic time to tell apart is said so', () => {
  const long = Buffer.from('a'.repeat(100_000));
  expect(automaton('a|a.*b').find(long, 0, long.length)).toBeUndefined();
});

test('states that are too many are forgotten, not kept', () => {
  const one = automaton('(?:a|b)*a(?:a|b){14}c');
  let seed = 7;
  const letters = Array.from({ length: 60_000 }, () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed & 65536 ? 'a' : 'b';
  }).join('');
  const bytes = Buffer.from(`${letters}a${'b'.repeat(14)}c`);
  expect(one.test(bytes, 0, bytes.length)).toBe(true);
  expect(one.test(bytes, 0, bytes.length - 1)).toBe(false);
});

test('lenient matches at least what JavaScript does', () => {
  const sources = [/(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])/, /\bx\s{1,50}y/i, /(?!00)\d{2}-[^-]{0,20000}z/];
  const one = new Automaton(sources.map(({ source, flags }) => parsePattern(source, { lenient: true, flags })));
  for (const subject of ['AKIAABCDEFGHIJKLMNOP', 'X\u00a0Y', `12-${'q'.repeat(3000)}z`])
    expect(found(one, subject)).toHaveLength(1);
});

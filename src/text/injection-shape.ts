/** injection, shape: kinds of characters and words in a text, as counts that can be added and shares of them. */
import { codesOf } from './codes.ts';

/** Words that hold English sentences together: a tail without them is no sentence. */
const smallWords: ReadonlyMap<number, 'you' | 'i' | 'small'> = new Map([
  ...['you', 'your', 'du', 'sie'].map((word) => [packed(word), 'you'] as const),
  ...['i', "i'm", 'my', 'me', "i'd", "i've", 'ich'].map((word) => [packed(word), 'i'] as const),
  ...'the and of to is in that for with this are be on as it what how a an or not by from at will can'
    .split(' ')
    .map((word) => [packed(word), 'small'] as const),
]);

/** Four letters in one number. */
function packed(word: string): number {
  let key = 0;
  for (let i = 0; i < word.length; i++) key = (key << 8) | word.charCodeAt(i);
  return key;
}

export interface Counts {
  readonly length: number;
  readonly words: number;
  readonly symbols: number;
  readonly other: number;
  readonly odd: number;
  readonly capitals: number;
  readonly long: number;
  readonly you: number;
  readonly self: number;
  readonly small: number;
  readonly quotes: number;
  readonly exclaims: number;
  /** Length of the longest word. */
  readonly run: number;
}

/** Kinds of characters and words in text[from, to). */
export function countShape(text: string, from: number, to: number): Counts {
  const codes = codesOf(text);
  let symbols = 0;
  let other = 0;
  let words = 0;
  let odd = 0;
  let capitals = 0;
  let long = 0;
  let run = 0;
  let you = 0;
  let self = 0;
  let small = 0;
  let quotes = 0;
  let exclaims = 0;
  let start = from;
  let upper = 0;
  let key = 0;
  let inner = false;
  for (let i = from; i <= to; i++) {
    const code = i < to ? (codes[i] as number) : 32;
    if (code === 32 || code === 10 || code === 9 || code === 13) {
      const length = i - start;
      if (length > 0) {
        words++;
        if (inner) odd++;
        if (length > 1 && upper === length) capitals++;
        if (length > 15) long++;
        if (length > run) run = length;
        if (length <= 4) {
          const kind = smallWords.get(key);
          if (kind === 'you') you++;
          else if (kind === 'i') self++;
          if (kind !== undefined) small++;
        }
      }
      start = i + 1;
      upper = 0;
      key = 0;
      inner = false;
      continue;
    }
    const isUpper = code >= 65 && code <= 90;
    if (i - start < 4) key = (key << 8) | (isUpper ? code + 32 : code & 0xff);
    if (isUpper) {
      upper++;
      if (i > start && upper < i - start + 1) inner = true;
    } else if (code > 127) other++;
    else if (code === 34) quotes++;
    else if (code === 33) exclaims++;
    else if (!(code >= 97 && code <= 122) && !(code >= 48 && code <= 57) && !isPlain(code)) {
      symbols++;
      if (i > start && i + 1 < to && isLetter(codes[i + 1] as number)) inner = true;
    }
  }
  return { length: to - from, words, symbols, other, odd, capitals, long, you, self, small, quotes, exclaims, run };
}

export function added(a: Counts, b: Counts): Counts {
  return {
    length: a.length + b.length,
    words: a.words + b.words,
    symbols: a.symbols + b.symbols,
    other: a.other + b.other,
    odd: a.odd + b.odd,
    capitals: a.capitals + b.capitals,
    long: a.long + b.long,
    you: a.you + b.you,
    self: a.self + b.self,
    small: a.small + b.small,
    quotes: a.quotes + b.quotes,
    exclaims: a.exclaims + b.exclaims,
    run: Math.max(a.run, b.run),
  };
}

export function sharesOf(counts: Counts) {
  const length = Math.max(1, counts.length);
  // Ten words of nothing in particular: a share of three words is no share.
  const all = counts.words + 10;
  return {
    symbols: counts.symbols / length,
    other: counts.other / length,
    odd: counts.odd / all,
    capitals: counts.capitals / all,
    long: counts.long / all,
    you: counts.you / all,
    i: counts.self / all,
    small: counts.small / Math.max(1, counts.words),
    quotes: counts.quotes / length,
    exclaims: counts.exclaims / length,
    run: counts.run,
  };
}

function isPlain(code: number): boolean {
  return code === 46 || code === 44 || code === 33 || code === 63 || code === 39 || code === 34 || code === 45;
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

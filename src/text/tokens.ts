/**
 * Words of a text in one pass: what every lexical feature is made of. Words are runs of letters and digits of any script and `_`; a number
 * keeps its inner `.` and `,`. Hashes are 32-bit FNV-1a over the lower-case word (ASCII folding only), signed, so that they are small
 * integers to the engine. Linear; at most `TOKEN_LIMIT` words.
 */
import { FNV_START } from './hash.ts';
import { isStopWord } from './stopwords.ts';

export interface Tokens {
  readonly count: number;
  /** Hash of the lower-case word. */
  readonly word: Int32Array;
  /** Hash of its stem (plural, -ed, -ing, -ly, final -e cut); 0 for stop words and for words of one letter. */
  readonly stem: Int32Array;
  /** Offsets in the text. */
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly flags: Uint8Array;
}

/** Begins with a capital letter. */
export const CAPITAL = 1;
/** Two or more letters, all capital. */
export const UPPER = 2;
/** Begins with a digit and holds no letter. */
export const NUMBER = 4;
/** First word of a sentence or line. */
export const FIRST = 8;
/** Inside a fenced code block. */
export const CODE = 16;

/** About 24 KB of English; what follows is not looked at. */
export const TOKEN_LIMIT = 4_096;

const START = FNV_START | 0;
const PRIME = 16777619;

const words = new Int32Array(TOKEN_LIMIT);
const stems = new Int32Array(TOKEN_LIMIT);
const starts = new Uint32Array(TOKEN_LIMIT);
const ends = new Uint32Array(TOKEN_LIMIT);
const flags = new Uint8Array(TOKEN_LIMIT);

export function tokenise(text: string): Tokens {
  let count = 0;
  let i = 0;
  let first = FIRST;
  let code = 0;
  while (i < text.length && count < TOKEN_LIMIT) {
    const c = text.charCodeAt(i);
    if (!isWordCode(c)) {
      if (c === 0x0a || c === 0x0d || c === 0x2e || c === 0x21 || c === 0x3f || c === 0x3002) first = FIRST;
      else if (c === 0x60 && text.charCodeAt(i + 1) === 0x60 && text.charCodeAt(i + 2) === 0x60) {
        code ^= CODE;
        i += 2;
        first = FIRST;
      }
      i++;
      continue;
    }
    const from = i;
    i = isDigit(c) ? numberOrWord(text, i, count) : word(text, i, count);
    starts[count] = from;
    ends[count] = i;
    flags[count] = (flags[count] as number) | first | code;
    first = 0;
    count++;
  }
  return {
    count,
    word: words.slice(0, count),
    stem: stems.slice(0, count),
    start: starts.slice(0, count),
    end: ends.slice(0, count),
    flags: flags.slice(0, count),
  };
}

/** Hash of a word as `Tokens.word` has it. */
export function wordHash(text: string): number {
  return hashRange(text, 0, text.length);
}

/** Hash of a word's stem as `Tokens.stem` has it, stop words included. */
export function stemHash(text: string): number {
  return hashRange(text, 0, stemEnd(text, 0, text.length));
}

function hashRange(text: string, from: number, to: number): number {
  let hash = START;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ lower(text.charCodeAt(i)), PRIME);
  return hash;
}

function word(text: string, from: number, at: number): number {
  let hash = START;
  // Hashes without the last one, two and three characters: the stem's is one of them.
  let less1 = START;
  let less2 = START;
  let less3 = START;
  let capitals = 0;
  let i = from;
  for (; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c >= 0x61 && c <= 0x7a) {
      // Most letters of most texts.
    } else if (c >= 0x41 && c <= 0x5a) {
      capitals++;
      c += 32;
    } else if (!isWordCode(c)) {
      // An apostrophe inside a word belongs to it: don't, l'eau.
      if ((c === 0x27 || c === 0x2019) && isLetter(text.charCodeAt(i + 1))) c = 0x27;
      else break;
    }
    less3 = less2;
    less2 = less1;
    less1 = hash;
    hash = Math.imul(hash ^ c, PRIME);
  }
  const lead = text.charCodeAt(from);
  const letters = i - from;
  words[at] = hash;
  flags[at] = (lead >= 0x41 && lead <= 0x5a ? CAPITAL : 0) | (letters > 1 && capitals === letters ? UPPER : 0);
  if ((letters < 2 && lead < 0x80) || isStopWord(hash)) stems[at] = 0;
  else {
    const cut = i - stemEnd(text, from, i);
    stems[at] = cut === 0 ? hash : cut === 1 ? less1 : cut === 2 ? less2 : less3;
  }
  return i;
}

function numberOrWord(text: string, from: number, at: number): number {
  let hash = START;
  let letter = false;
  let i = from;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (isDigit(c)) hash = Math.imul(hash ^ c, PRIME);
    else if ((c === 0x2e || c === 0x2c) && isDigit(text.charCodeAt(i + 1))) {
      // 1,234 and 1234 are the same number; 1.5 is not 15.
      if (c === 0x2e) hash = Math.imul(hash ^ c, PRIME);
    } else if (isWordCode(c)) {
      letter = true;
      hash = Math.imul(hash ^ lower(c), PRIME);
    } else break;
  }
  words[at] = hash;
  stems[at] = hash;
  flags[at] = letter ? 0 : NUMBER;
  return i;
}

/** Where the stem of text[from, to) ends. Light: it joins forms of one word, it does not find its root. */
function stemEnd(text: string, from: number, to: number): number {
  const length = to - from;
  if (length < 4) return to;
  const last = lower(text.charCodeAt(to - 1));
  const before = lower(text.charCodeAt(to - 2));
  if (last === 0x73) {
    // -ss stays; -ies, -es, -s go.
    if (before === 0x73) return to;
    if (before === 0x65 && length > 5) return lower(text.charCodeAt(to - 3)) === 0x69 ? to - 3 : to - 2;
    return to - 1;
  }
  if (last === 0x67 && length > 5 && before === 0x6e && lower(text.charCodeAt(to - 3)) === 0x69) return to - 3;
  if (last === 0x64 && length > 4 && before === 0x65) return to - 2;
  if (last === 0x79 && length > 4) return before === 0x6c ? to - 2 : to - 1;
  if (last === 0x65) return to - 1;
  return to;
}

function lower(c: number): number {
  return c >= 0x41 && c <= 0x5a ? c + 32 : c === 0x2019 ? 0x27 : c;
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

function isLetter(c: number): boolean {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c > 0xbf;
}

/** Letters and digits of any script, `_`. General punctuation (U+2000–206F) and CJK punctuation are no letters. */
function isWordCode(c: number): boolean {
  if (c < 0x80) return (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c === 0x5f;
  return (
    c > 0xbf && !(c >= 0x2000 && c <= 0x206f) && !(c >= 0x3000 && c <= 0x303f) && c !== 0xff01 && c !== 0xff1f && c !== 0xff0c
  );
}

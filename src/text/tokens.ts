/**
 * Words of a text in one pass: what every lexical feature is made of. Words are runs of letters and digits of any script and `_`; a number
 * keeps its inner `.` and `,`. Hashes are 32-bit FNV-1a over the lower-case word (ASCII folding only), signed, so that they are small
 * integers to the engine. Linear; at most `TOKEN_LIMIT` words.
 */
import { CODES, codesOf } from './codes.ts';
import { FNV_START } from './hash.ts';
import { isMark, markMask, wordMask } from './injection-rules.ts';
import { stopsAt } from './sentences.ts';
import { cutBytes, cutNumbers } from './slab.ts';
import { isStopWord } from './stopwords.ts';

export interface Tokens {
  readonly count: number;
  /** Hash of the lower-case word. */
  readonly word: Int32Array;
  /** Hash of its stem (plural, -ed, -ing, -ly, final -e cut); 0 for stop words and for words of one letter. Computed when first asked for. */
  readonly stem: Int32Array;
  /** Offsets in the text. */
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly flags: Uint8Array;
  /**
   * What the same pass saw for others; `undefined` if it did not reach the end of the text, or there was too much of it.
   * Places at which a unit of `unitBounds` may end, and [place, mask] of each place at which rules of `injection-rules.ts` may match.
   */
  readonly stops: Int32Array | undefined;
  readonly tries: Int32Array | undefined;
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
/** PRIME × INVERSE = 1 in 32 bits: takes the last character of a hash away again. */
const INVERSE = 899433627;

// Filled word by word, then copied at their length: a text is read once.
const words = new Int32Array(TOKEN_LIMIT);
const starts = new Int32Array(TOKEN_LIMIT);
const ends = new Int32Array(TOKEN_LIMIT);
const flags = new Uint8Array(TOKEN_LIMIT);
const stops = new Int32Array(TOKEN_LIMIT);
const tries = new Int32Array(2 * TOKEN_LIMIT);

/** ASCII letters and digits, lower-case; 0 for all others. One read instead of up to seven comparisons a character. */
const folded = new Uint8Array(128);
for (let c = 0x30; c <= 0x39; c++) folded[c] = c;
for (let c = 0x61; c <= 0x7a; c++) folded[c] = folded[c - 32] = c;
/** The same and `_`: what begins a word. */
const begins = folded.slice();
begins[0x5f] = 1;

/** Other ASCII: what ends a sentence or line, begins a fence, or may stand inside a word or number. Most separators are none of these. */
const SENTENCE = 1;
const FENCE = 2;
const INNER = 4;
const MARK = 8;
/** What is not ASCII may be a stop or a mark. */
const WIDE = MARK | 16;
const roles = new Uint8Array(128);
for (const char of '.!?\n\r') roles[char.charCodeAt(0)] = SENTENCE;
for (const char of ".,'") roles[char.charCodeAt(0)] = (roles[char.charCodeAt(0)] as number) | INNER;
roles[0x60] = FENCE;
roles[0x5f] = INNER;
for (let code = 0; code < 128; code++) if (isMark(code)) roles[code] = (roles[code] as number) | MARK;

export function tokenise(text: string): Tokens {
  let count = 0;
  let i = 0;
  let first = FIRST;
  let code = 0;
  let stopCount = 0;
  let tryCount = 0;
  const codes = codesOf(text);
  const length = Math.min(text.length, CODES);
  while (i < length && count < TOKEN_LIMIT) {
    const c = codes[i] as number;
    if (c < 0x80 ? begins[c] === 0 : !isWordCode(c)) {
      const role = c < 0x80 ? (roles[c] as number) : WIDE;
      if (role !== 0) {
        if ((role & SENTENCE) !== 0) {
          first = FIRST;
          if (stopsAt(c, codes[i + 1] as number, i + 1 === length) && stopCount < TOKEN_LIMIT) stops[stopCount++] = i;
        } else if (role === FENCE && codes[i + 1] === 0x60 && codes[i + 2] === 0x60) {
          code ^= CODE;
          i += 2;
          first = FIRST;
        } else if (role === WIDE) {
          if (c === 0x3002) first = FIRST;
          if (stopsAt(c, 0, false) && stopCount < TOKEN_LIMIT) stops[stopCount++] = i;
        }
        if ((role & MARK) !== 0) tryCount = addTry(tryCount, i, markMask(c));
      }
      i++;
      continue;
    }
    starts[count] = i;
    const isNumber = isDigit(c);
    let hash = START;
    let capitals = 0;
    // Letters and `_` have the bit 0x40, digits have not.
    let bits = 0;
    const from = i;
    while (true) {
      const run = i;
      let end = 0;
      for (; i < length; i++) {
        end = codes[i] as number;
        const lower = end < 0x80 ? (folded[end] as number) : 0;
        if (lower === 0) break;
        // 32 apart if it was a capital.
        capitals += (end ^ lower) >> 5;
        bits |= lower;
        hash = Math.imul(hash ^ lower, PRIME);
      }
      if (i > run) {
        // Four letters at once; those behind a shorter word are shifted away.
        const four =
          ((folded[(codes[run] as number) & 127] as number) << 24) |
          ((folded[(codes[run + 1] as number) & 127] as number) << 16) |
          ((folded[(codes[run + 2] as number) & 127] as number) << 8) |
          (folded[(codes[run + 3] as number) & 127] as number);
        const key = four >> (i - run < 4 ? 32 - 8 * (i - run) : 0);
        const mask = wordMask(key);
        if (mask !== 0) tryCount = addTry(tryCount, run, mask);
      }
      if (i >= length || (end < 0x80 && ((roles[end] as number) & INNER) === 0)) break;
      const inner = innerCode(codes, i, isNumber);
      if (inner === 0) break;
      if (end >= 0x80) tryCount = addTry(tryCount, i, markMask(end));
      i++;
      if (inner === SKIP) continue;
      if (inner >= 0x5f) bits |= 0x40;
      hash = Math.imul(hash ^ inner, PRIME);
    }
    words[count] = hash;
    ends[count] = i;
    const kind = isNumber
      ? (bits & 0x40) === 0
        ? NUMBER
        : 0
      : (c >= 0x41 && c <= 0x5a ? CAPITAL : 0) | (capitals === i - from && capitals > 1 ? UPPER : 0);
    flags[count] = kind | first | code;
    first = 0;
    count++;
  }
  const whole = i >= text.length && stopCount < TOKEN_LIMIT && tryCount < tries.length;
  return new Words(text, count, whole ? stopCount : -1, tryCount);
}

/** A place at which rules may match; where there is no more room, `tries` is not used. */
function addTry(count: number, at: number, mask: number): number {
  if (mask === 0 || count >= tries.length) return count;
  tries[count] = at;
  tries[count + 1] = mask;
  return count + 2;
}

/** In a word or number, but no part of what it says. */
const SKIP = -1;

/** What codes[at], no ASCII letter or digit, adds to the word or number before it: a character code, `SKIP`, or 0 if the word ends. */
function innerCode(codes: Uint16Array, at: number, isNumber: boolean): number {
  const c = codes[at] as number;
  if (isWordCode(c)) return c;
  // 1,234 and 1234 are the same number; 1.5 is not 15.
  if (isNumber) return (c === 0x2e || c === 0x2c) && isDigit(codes[at + 1] as number) ? (c === 0x2c ? SKIP : c) : 0;
  // An apostrophe inside a word belongs to it: don't, l'eau.
  return (c === 0x27 || c === 0x2019) && isLetter(codes[at + 1] as number) ? 0x27 : 0;
}

class Words implements Tokens {
  readonly count: number;
  readonly word: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly flags: Uint8Array;
  readonly stops: Int32Array | undefined;
  readonly tries: Int32Array | undefined;
  private readonly text: string;
  private stems: Int32Array | undefined;

  /** The words that `tokenise` has just found. */
  constructor(text: string, count: number, stopCount: number, tryCount: number) {
    this.text = text;
    this.count = count;
    this.word = cutNumbers(count);
    this.start = cutNumbers(count);
    this.end = cutNumbers(count);
    this.flags = cutBytes(count);
    this.word.set(words.subarray(0, count));
    this.start.set(starts.subarray(0, count));
    this.end.set(ends.subarray(0, count));
    this.flags.set(flags.subarray(0, count));
    if (stopCount < 0) return;
    this.stops = cutNumbers(stopCount);
    this.tries = cutNumbers(tryCount);
    for (let i = 0; i < stopCount; i++) this.stops[i] = stops[i] as number;
    for (let i = 0; i < tryCount; i++) this.tries[i] = tries[i] as number;
  }

  get stem(): Int32Array {
    this.stems ??= stemsOf(this.text, this);
    return this.stems;
  }
}

function stemsOf(text: string, { count, word, start, end }: Words): Int32Array {
  const stems = cutNumbers(count);
  const codes = codesOf(text);
  for (let i = 0; i < count; i++) stems[i] = stemOf(codes, start[i] as number, end[i] as number, word[i] as number);
  return stems;
}

/** The stem's hash of the word codes[from, to) with this hash. */
function stemOf(codes: Uint16Array, from: number, to: number, hash: number): number {
  const lead = codes[from] as number;
  if (isDigit(lead)) return hash;
  if ((to - from < 2 && lead < 0x80) || isStopWord(hash)) return 0;
  let stem = hash;
  for (let i = to, end = stemEnd(codes, from, to); i > end; ) stem = Math.imul(stem, INVERSE) ^ lower(codes[--i] as number);
  return stem;
}

/** Hash of a word as `Tokens.word` has it. */
export function wordHash(text: string): number {
  return hashRange(codesOf(text), text.length);
}

/** Hash of a word's stem as `Tokens.stem` has it, stop words included. */
export function stemHash(text: string): number {
  const codes = codesOf(text);
  return hashRange(codes, stemEnd(codes, 0, text.length));
}

function hashRange(codes: Uint16Array, to: number): number {
  let hash = START;
  for (let i = 0; i < to; i++) hash = Math.imul(hash ^ lower(codes[i] as number), PRIME);
  return hash;
}

/** Where the stem of codes[from, to) ends. Light: it joins forms of one word, it does not find its root. */
function stemEnd(codes: Uint16Array, from: number, to: number): number {
  const length = to - from;
  if (length < 4) return to;
  const last = lower(codes[to - 1] as number);
  const before = lower(codes[to - 2] as number);
  if (last === 0x73) {
    // -ss stays; -ies, -es, -s go.
    if (before === 0x73) return to;
    if (before === 0x65 && length > 5) return lower(codes[to - 3] as number) === 0x69 ? to - 3 : to - 2;
    return to - 1;
  }
  if (last === 0x67 && length > 5 && before === 0x6e && lower(codes[to - 3] as number) === 0x69) return to - 3;
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

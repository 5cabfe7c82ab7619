/**
 * Replaces what differs between two runs of the same call though nothing has changed: timestamps,
 * clock times, durations, UUIDs, long hex ids, long digit runs. What may be the answer itself stays:
 * short numbers, prices, plain dates. One hand-written pass, linear, over at most `limit` characters.
 */
import { CODES, codesOf } from './codes.ts';

/** Beyond this the rest is not looked at; its length still counts (see `maskVolatile`). */
const MASK_LIMIT = 16_384;

/** Shorter hex runs are words (`facade`) or short hashes that name a thing. */
const HEX_ID = 12;
/** Epoch seconds have 10 digits; amounts and counts seldom do. */
const LONG_DIGITS = 10;

const durationUnits: ReadonlySet<string> = new Set([
  'ms',
  's',
  'sec',
  'secs',
  'second',
  'seconds',
  'ns',
  'us',
  'µs',
  'min',
  'mins',
  'minutes',
  'millisecond',
  'milliseconds',
]);

/** s, m, n, u, µ */
function startsUnit(code: number): boolean {
  return code === 0x73 || code === 0x6d || code === 0x6e || code === 0x75 || code === 0xb5;
}

/**
 * The text with volatile tokens as `#`, runs of white space as one space, trimmed. Longer texts are cut
 * at `limit` and their full length appended, so that two long texts of one head and other sizes differ.
 */
export function maskVolatile(text: string, limit = MASK_LIMIT): string {
  const end = Math.min(text.length, limit, CODES);
  const codes = codesOf(text);
  let out = '';
  /** What stands from here to `i` is copied as it is, in one piece. */
  let from = 0;
  let i = 0;
  while (i < end) {
    const code = codes[i] as number;
    if (isWord(code)) {
      const start = i;
      i = tokenEnd(codes, start, end);
      if (!mayMask(codes, start, i)) continue;
      const token = text.slice(start, i);
      const masked = maskToken(codes, text, token, i, end);
      if (masked.text === token) continue;
      out += text.slice(from, start) + masked.text;
      from = i = masked.next;
    } else if (isSpace(code)) {
      const start = i++;
      while (i < end && isSpace(codes[i] as number)) i++;
      const inner = start > 0 && i < end;
      if (inner && code === 0x20 && i === start + 1) continue;
      out += text.slice(from, start);
      if (inner) out += ' ';
      from = i;
    } else i++;
  }
  out += text.slice(from, end);
  return text.length > limit ? `${out}…${text.length}` : out;
}

/** A token is word characters, with `-`, `:`, `.`, `+` only between two of them. */
function tokenEnd(codes: Uint16Array, from: number, end: number): number {
  let i = from;
  while (i < end) {
    const code = codes[i] as number;
    const kind = code > 0xff ? WORD : (classes[code] as number);
    if ((kind & WORD) !== 0) i++;
    else if (kind === JOINER && i + 1 < end && isWord(codes[i + 1] as number)) i++;
    else break;
  }
  return i;
}

/** Most tokens need no closer look: a short one must be a number, a clock or a duration, a long one have a digit. */
function mayMask(codes: Uint16Array, from: number, stop: number): boolean {
  if (stop - from < Math.min(LONG_DIGITS, HEX_ID)) {
    let i = from;
    while (i < stop && (isDigit(codes[i] as number) || (codes[i] as number) === 0x2e)) i++;
    if (i === from) return false;
    // A number that short is masked only as `12 ms`.
    if (i === stop) return (codes[stop] as number) === 0x20 && startsUnit(codes[stop + 1] as number);
    const code = codes[i] as number;
    return code === 0x3a || startsUnit(code);
  }
  for (let i = from; i < stop; i++) if (isDigit(codes[i] as number)) return true;
  return false;
}

/** What stands for the token that ends at `stop`, and where the text goes on. */
function maskToken(
  codes: Uint16Array,
  text: string,
  token: string,
  stop: number,
  end: number,
): { readonly text: string; readonly next: number } {
  if (isUuid(token) || isTimestamp(token) || isClock(token)) return { text: '#', next: stop };
  // `2026-11-24 10:00:01` is a timestamp in two tokens.
  if (isDate(token) && (codes[stop] as number) === 0x20) {
    const clockEnd = tokenEnd(codes, stop + 1, end);
    if (isClock(text.slice(stop + 1, clockEnd))) return { text: '#', next: clockEnd };
  }
  if (isNumber(token)) {
    if (digitsOf(token) >= LONG_DIGITS) return { text: '#', next: stop };
    if ((codes[stop] as number) === 0x20) {
      const unitEnd = tokenEnd(codes, stop + 1, end);
      if (durationUnits.has(text.slice(stop + 1, unitEnd))) return { text: '#', next: unitEnd };
    }
    return { text: token, next: stop };
  }
  return { text: maskParts(token), next: stop };
}

function digitsOf(token: string): number {
  let digits = 0;
  for (let i = 0; i < token.length; i++) if (isDigit(token.charCodeAt(i))) digits++;
  return digits;
}

/** Parts between joiners: hex ids and long digit runs inside `req-8f3a…`, `1.25s`. */
function maskParts(token: string): string {
  if (isDuration(token)) return '#';
  let out = '';
  let from = 0;
  for (let i = 0; i <= token.length; i++) {
    if (i < token.length && !isJoiner(token.charCodeAt(i)) && token.charCodeAt(i) !== 0x5f) continue;
    const part = token.slice(from, i);
    out += isHexId(part) || isLongDigits(part) ? '#' : part;
    if (i < token.length) out += token[i];
    from = i + 1;
  }
  return out;
}

function isDuration(token: string): boolean {
  let i = 0;
  while (i < token.length && (isDigit(token.charCodeAt(i)) || token.charCodeAt(i) === 0x2e)) i++;
  return i > 0 && i < token.length && durationUnits.has(token.slice(i));
}

function isUuid(token: string): boolean {
  if (token.length !== 36) return false;
  for (let i = 0; i < 36; i++) {
    const dash = i === 8 || i === 13 || i === 18 || i === 23;
    if (dash ? token.charCodeAt(i) !== 0x2d : !isHex(token.charCodeAt(i))) return false;
  }
  return true;
}

function isDate(token: string): boolean {
  return token.length === 10 && pattern(token, 0, 'dddd-dd-dd');
}

function isTimestamp(token: string): boolean {
  return (
    token.length >= 16 &&
    pattern(token, 0, 'dddd-dd-dd') &&
    (token[10] === 'T' || token[10] === 't') &&
    pattern(token, 11, 'dd:dd')
  );
}

function isClock(token: string): boolean {
  return token.length >= 8 && token.length <= 21 && pattern(token, 0, 'dd:dd:dd');
}

/** `d` stands for a digit, everything else for itself. */
function pattern(token: string, from: number, form: string): boolean {
  if (token.length < from + form.length) return false;
  for (let i = 0; i < form.length; i++) {
    const code = token.charCodeAt(from + i);
    if (form[i] === 'd' ? !isDigit(code) : code !== form.charCodeAt(i)) return false;
  }
  return true;
}

function isNumber(token: string): boolean {
  for (let i = 0; i < token.length; i++) if (!isDigit(token.charCodeAt(i)) && token.charCodeAt(i) !== 0x2e) return false;
  return true;
}

function isLongDigits(part: string): boolean {
  if (part.length < LONG_DIGITS) return false;
  for (let i = 0; i < part.length; i++) if (!isDigit(part.charCodeAt(i))) return false;
  return true;
}

function isHexId(part: string): boolean {
  if (part.length < HEX_ID) return false;
  let digits = 0;
  for (let i = 0; i < part.length; i++) {
    if (!isHex(part.charCodeAt(i))) return false;
    if (isDigit(part.charCodeAt(i))) digits++;
  }
  return digits > 0 && digits < part.length;
}

// One look a character: classes of Latin-1, everything beyond is a word's.
const WORD = 1;
const DIGIT = 2;
const JOINER = 4;
const SPACE = 8;
const classes = new Uint8Array(256).fill(WORD, 0x80);
for (const [chars, kind] of [
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_', WORD],
  ['0123456789', WORD | DIGIT],
  ['-:.+', JOINER],
  [' \t\n\v\f\r\u00a0', SPACE],
] as const) {
  for (const char of chars) classes[char.charCodeAt(0)] = kind;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isHex(code: number): boolean {
  return isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}

function isWord(code: number): boolean {
  return code > 0xff || ((classes[code] as number) & WORD) !== 0;
}

function isJoiner(code: number): boolean {
  return code < 0x100 && classes[code] === JOINER;
}

function isSpace(code: number): boolean {
  return code < 0x100 && classes[code] === SPACE;
}

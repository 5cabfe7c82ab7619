/** Secrets and personal data in text: found with their places, or replaced, in texts of any length. */
import { replaceSecrets, secretPatterns } from './redact.ts';

/** What was found, and where: `text.slice(start, end)` is `value`. */
export interface PersonalMatch {
  readonly kind: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

export const personalKinds = [
  'private key',
  'key',
  'token',
  'credentials',
  'secret',
  'e-mail',
  'card',
  'iban',
  'phone',
  'ssn',
] as const;

/** E.164: a plus, then 8 to 15 digits in groups. Without the plus any number would be one. */
const phonePattern = /(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)/g;
/** Areas 000, 666 and 9xx, groups 00 and serials 0000 were never given out. */
const ssnPattern = /(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])/g;

/** A text in which none of these matches has nothing to replace. */
export const personalPatterns: readonly RegExp[] = [...secretPatterns, phonePattern, ssnPattern];

/** The rules of `replaceSecrets`, and telephone and US social security numbers. At most 100,000 characters, see there. */
export function replacePersonal(text: string, put: (kind: string, value: string) => string): string {
  return replaceSecrets(text, put)
    .replace(phonePattern, (match) => put('phone', match))
    .replace(ssnPattern, (match) => put('ssn', match));
}

/** Marks a place while the text is searched: a private-use character within brackets, which no rule takes for a value. */
const MARK = '\u{F8FF}';
const markPattern = new RegExp(`\\[${MARK}(\\d+)\\]`, 'g');

/** In order. At most 100,000 characters. Text that holds U+F8FF is searched as if it held none. */
export function findPersonal(text: string): readonly PersonalMatch[] {
  const found: { readonly kind: string; readonly value: string }[] = [];
  const marked = replacePersonal(text.replaceAll(MARK, '?'), (kind, value) => `[${MARK}${found.push({ kind, value }) - 1}]`);
  const matches: PersonalMatch[] = [];
  let shift = 0;
  for (const { 0: mark, 1: place, index } of marked.matchAll(markPattern)) {
    const { kind, value } = found[Number(place)] as { kind: string; value: string };
    // A value in which an earlier rule had found something, is found whole.
    const whole = value.replace(markPattern, (_, inner: string) => (found[Number(inner)] as { value: string }).value);
    const start = index + shift;
    matches.push({ kind, value: whole, start, end: start + whole.length });
    shift += whole.length - mark.length;
  }
  return matches;
}

/** Characters that are looked at at once. */
const WINDOW = 100_000;
/** What is handed on of it. The rest is looked at again: the longest thing that is found, a private key, has 20,000 characters. */
const HANDED_ON = 70_000;
/** Before a value stands what makes it one: `password = `. */
const CONTEXT = 64;

/** A text of any length, in pieces which are cut where nothing is that was found, nor what makes it one. */
export function* cleaned(text: string, put: (kind: string, value: string) => string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const window = text.slice(from, from + WINDOW);
    const last = from + window.length === text.length;
    let end = last ? window.length : HANDED_ON;
    let clean = '';
    let done = 0;
    for (const match of findPersonal(window)) {
      if (match.start - CONTEXT >= end) break;
      clean += window.slice(done, match.start) + put(match.kind, match.value);
      done = match.end;
      end = Math.max(end, done);
    }
    // A character of two units is not cut.
    if (!last && (window.charCodeAt(end) & 0xfc00) === 0xdc00) end++;
    yield clean + window.slice(done, end);
    from += end;
  }
}

/** One level of decoding of text that hides text: base64, hex, percent-encoding, rot13. Candidates only; nothing is executed or fetched. */
import { CODES, codesOf } from './codes.ts';

export interface Decoded {
  readonly kind: 'base64' | 'hex' | 'url' | 'rot13';
  readonly text: string;
}

/** Shorter runs are words and ids. 24 characters of base64 hold 18 of text. */
const MIN_BASE64 = 24;
const MIN_HEX = 32;
const MAX_RUN = 8_192;
const MAX_CANDIDATES = 4;
/** `ignore`, `instructions`, `prompt`, `system`, `disregard` in rot13: cheap evidence that the text is worth turning. */
const rot13Cues = /vtaber|vafgehpgvba|cebzcg|flfgrz|qvfertneq/i;

/** At most four readable decodings of runs in the text, in order. */
export function decodeCandidates(text: string): Decoded[] {
  const found: Decoded[] = [];
  for (let at = nextRun(text, 0); at >= 0 && found.length < MAX_CANDIDATES; ) {
    const start = at;
    let i = start;
    let hex = true;
    while (i < text.length && isBase64(text.charCodeAt(i))) {
      if (hex && !isHex(text.charCodeAt(i))) hex = false;
      i++;
    }
    const length = i - start;
    if (length <= MAX_RUN) {
      const run = text.slice(start, i);
      const decoded = hex && length >= MIN_HEX && length % 2 === 0 ? readable(Buffer.from(run, 'hex')) : undefined;
      if (decoded !== undefined) found.push({ kind: 'hex', text: decoded });
      else {
        const plain = readable(Buffer.from(run, 'base64'));
        if (plain !== undefined) found.push({ kind: 'base64', text: plain });
      }
    }
    at = nextRun(text, i);
  }
  if (found.length < MAX_CANDIDATES && percentCount(text) >= 3) {
    const plain = percentDecode(text.slice(0, MAX_RUN));
    if (plain !== undefined) found.push({ kind: 'url', text: plain });
  }
  if (found.length < MAX_CANDIDATES && text.length <= MAX_RUN && rot13Cues.test(text))
    found.push({ kind: 'rot13', text: rot13(text) });
  return found;
}

/**
 * Start of the next run of `MIN_BASE64` or more characters of base64, `from` being no such character or the start of one; -1 if there is none.
 * Looks back from where such a run would reach: of ordinary words one character in three is read.
 */
function nextRun(text: string, from: number): number {
  const codes = codesOf(text);
  const length = Math.min(text.length, CODES);
  let start = from;
  while (start + MIN_BASE64 <= length) {
    let i = start + MIN_BASE64 - 1;
    while (i >= start && isBase64(codes[i] as number)) i--;
    if (i < start) return start;
    start = i + 1;
  }
  return -1;
}

/** Text if the bytes are UTF-8 of which nearly all is printable and some of it is words. */
function readable(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  if (text.length < 8) return undefined;
  let good = 0;
  let spaces = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x20) spaces++;
    if ((code >= 0x20 && code < 0x7f) || code === 0x0a) good++;
  }
  return good / text.length > 0.95 && spaces > 0 ? text : undefined;
}

function percentCount(text: string): number {
  let count = 0;
  for (let at = text.indexOf('%'); at >= 0 && count < 3; at = text.indexOf('%', at + 1))
    if (isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2))) count++;
  return count;
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function rot13(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const base = code >= 0x61 && code <= 0x7a ? 0x61 : code >= 0x41 && code <= 0x5a ? 0x41 : 0;
    out += base === 0 ? text[i] : String.fromCharCode(((code - base + 13) % 26) + base);
  }
  return out;
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}

/** `A`–`Z`, `a`–`z`, `0`–`9`, `+`, `/` and `=`. */
const base64 = new Uint8Array(128);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=') base64[char.charCodeAt(0)] = 1;

function isBase64(code: number): boolean {
  return code < 0x80 && base64[code] === 1;
}

/** Stable, fast, non-cryptographic hashes of text. The same text gives the same hash in every version: states hold them. */

import { CODES, codePairsOf } from './codes.ts';

/** 53-bit hash (two multiplied 32-bit lanes), as a safe integer. */
export function hash53(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/**
 * 53-bit hash of a text that may be long: reads two characters at a time in four lanes, a fifth of the time of `hash53`. Of texts longer than
 * `CODES` the first so many and the length.
 */
export function contentHash(text: string): number {
  const pairs = codePairsOf(text);
  const count = (Math.min(text.length, CODES) + 1) >> 1;
  let a = 0xdeadbeef | text.length;
  let b = 0x41c6ce57 ^ text.length;
  let c = 0x9e3779b1 | 0;
  let d = 0x7f4a7c15;
  // Zeros that are read behind the end of the text count nothing new: its length is in the start.
  let i = 0;
  for (; i + 3 < count; i += 4) {
    a = Math.imul(a ^ (pairs[i] as number), 2654435761);
    b = Math.imul(b ^ (pairs[i + 1] as number), 1597334677);
    c = Math.imul(c ^ (pairs[i + 2] as number), 2246822507);
    d = Math.imul(d ^ (pairs[i + 3] as number), 3266489909);
    // Multiplying carries upwards only.
    a ^= a >>> 15;
    b ^= b >>> 15;
    c ^= c >>> 15;
    d ^= d >>> 15;
  }
  for (; i < count; i++) {
    const pair = pairs[i] as number;
    a = Math.imul(a ^ pair, 2654435761);
    b = Math.imul(b ^ pair, 1597334677);
    a ^= a >>> 15;
    b ^= b >>> 15;
  }
  const low = mix32(a ^ Math.imul(c, 0x2c1b3c6d) ^ (b >>> 7));
  const high = mix32(b ^ Math.imul(d, 0x297a2d39) ^ Math.imul(c, 31) ^ low);
  return 4294967296 * (2097151 & high) + low;
}

/** `hash53` as 14 hex digits: what states and finding keys hold. */
export function hashText(text: string): string {
  return hash53(text).toString(16).padStart(14, '0');
}

/** One step of 32-bit FNV-1a over a char code; start with `FNV_START`. */
export function fnv(hash: number, code: number): number {
  return Math.imul(hash ^ code, FNV_PRIME) >>> 0;
}

export const FNV_START = 2166136261;
export const FNV_PRIME = 16777619;

/** Final mix of a 32-bit hash, so that its low and high bits are equally good. */
export function mix32(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 2246822507);
  h = Math.imul(h ^ (h >>> 13), 3266489909);
  return (h ^ (h >>> 16)) >>> 0;
}

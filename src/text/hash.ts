/** Stable, fast, non-cryptographic hashes of text. The same text gives the same hash in every version: states hold them. */

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

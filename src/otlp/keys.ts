/**
 * The set of attribute keys that somebody asked for. The walk matches key bytes against it and
 * records nothing else, so its size, not the span's, decides the cost of an attribute.
 */

/** Row ids: exact keys first, in the order given, then prefixes. */
export interface KeyTable {
  readonly keys: readonly string[];
  /** A prefix ends in a dot (`llm.input_messages.`); rows of it carry the rest of the key. */
  readonly prefixes: readonly string[];
  /** Scope-name prefixes that mark a span as an agent's even without a known key. */
  readonly scopes: readonly string[];
  /** Row id of an exact key, or -1. */
  id(key: string): number;
  /** Row id of a prefix, or -1. */
  prefixId(prefix: string): number;
  /** Row id of the key in `bytes[offset, offset + length)`, or -1. Exact wins over prefix; the longest prefix wins. */
  match(bytes: Uint8Array, offset: number, length: number): number;
  /** True if `bytes[offset, offset + length)` begins with one of `scopes`. */
  matchScope(bytes: Uint8Array, offset: number, length: number): boolean;
}

/** Throws on a key given twice. */
export function compileKeys(keys: readonly string[], prefixes: readonly string[], scopes: readonly string[]): KeyTable {
  const ids = new Map<string, number>();
  for (const key of keys) ids.set(unique(ids, key), ids.size);
  for (const prefix of prefixes) ids.set(unique(ids, `${prefix}*`), ids.size);
  const exact = keys.map(encode);
  const longestFirst = prefixes
    .map((prefix, i) => ({ bytes: encode(prefix), id: keys.length + i }))
    .sort((a, b) => b.bytes.length - a.bytes.length);
  const scopeBytes = scopes.map(encode);

  // Open addressing, a quarter full at most: a key that nobody asked for mostly ends at an empty slot.
  let size = 16;
  while (size < exact.length * 4) size *= 2;
  const mask = size - 1;
  const slots = new Int32Array(size).fill(-1);
  const minLength = Math.min(...exact.map((key) => key.length), Number.MAX_SAFE_INTEGER);
  const maxLength = Math.max(...exact.map((key) => key.length), 0);
  exact.forEach((key, id) => {
    let slot = hash(key, 0, key.length) & mask;
    while ((slots[slot] as number) >= 0) slot = (slot + 1) & mask;
    slots[slot] = id;
  });
  // By first byte, so that a key whose first byte starts no prefix costs one look.
  const byFirst: { readonly bytes: Uint8Array; readonly id: number }[][] = Array.from({ length: 256 }, () => []);
  for (const prefix of longestFirst) byFirst[prefix.bytes[0] ?? 0]?.push(prefix);

  return {
    keys,
    prefixes,
    scopes,
    id: (key) => ids.get(key) ?? -1,
    prefixId: (prefix) => ids.get(`${prefix}*`) ?? -1,
    match(bytes, offset, length) {
      if (length >= minLength && length <= maxLength) {
        let slot = hash(bytes, offset, length) & mask;
        for (let id = slots[slot] as number; id >= 0; id = slots[slot] as number) {
          const key = exact[id] as Uint8Array;
          if (key.length === length && startsWith(bytes, offset, key)) return id;
          slot = (slot + 1) & mask;
        }
      }
      const candidates = length > 0 ? (byFirst[bytes[offset] as number] as (typeof byFirst)[number]) : [];
      for (let i = 0; i < candidates.length; i++) {
        const { bytes: prefix, id } = candidates[i] as { readonly bytes: Uint8Array; readonly id: number };
        if (prefix.length < length && startsWith(bytes, offset, prefix)) return id;
      }
      return -1;
    },
    matchScope(bytes, offset, length) {
      for (const scope of scopeBytes) if (scope.length <= length && startsWith(bytes, offset, scope)) return true;
      return false;
    },
  };
}

function unique(ids: ReadonlyMap<string, number>, key: string): string {
  if (ids.has(key)) throw new Error(`compileKeys: '${key}' is given twice`);
  return key;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Length and four sampled bytes: enough to tell the known keys apart, and far fewer reads than the whole key. */
function hash(bytes: Uint8Array, offset: number, length: number): number {
  const last = offset + length - 1;
  const sample =
    (bytes[last] as number) |
    ((bytes[offset + (length >> 1)] as number) << 8) |
    ((bytes[offset + (length >> 2)] as number) << 16) |
    ((bytes[last - (length > 3 ? 3 : 0)] as number) << 24);
  return (Math.imul(sample, 0x9e3779b1) + Math.imul(length, 0x85ebca6b)) >>> 15;
}

function startsWith(bytes: Uint8Array, offset: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[offset + i] !== prefix[i]) return false;
  return true;
}

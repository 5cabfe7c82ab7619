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
}

export declare function compileKeys(keys: readonly string[], prefixes: readonly string[], scopes: readonly string[]): KeyTable;

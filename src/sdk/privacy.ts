/**
 * Personal data and secrets: found, replaced by tokens, and put back by who holds the vault. The rules are those of `redact`
 * (keys, tokens, credentials, e-mail, cards and IBANs with their checksums), and telephone and US social security numbers.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { findPersonal, type PersonalMatch, replacePersonal } from '../text/personal.ts';

export type PIIMatch = PersonalMatch;

/** The longest text that is looked at; a longer one is refused, not cut: what is not looked at must not be handed on. */
const MAX_CHARS = 100_000;

function bounded(text: string): string {
  if (text.length > MAX_CHARS)
    throw new RangeError(`text: at most ${MAX_CHARS} characters, got ${text.length}. Give it in parts.`);
  return text;
}

export class PIIDetector {
  /** In order. Throws a RangeError for more than 100,000 characters. Text that holds U+F8FF is searched as if it held none. */
  detect(text: string): readonly PIIMatch[] {
    return findPersonal(bounded(text));
  }

  has(text: string): boolean {
    return this.detect(text).length > 0;
  }

  /** The text with `[kind]` in the place of each. */
  redact(text: string): string {
    return replacePersonal(bounded(text), (kind) => `[${kind}]`);
  }
}

/** Where tokens are turned back into values: in memory of this process, bounded, each entry for a time. */
export class TokenVault {
  private readonly values: LRUCache<string, string>;

  /** Beyond `maxEntries` the one used longest ago is forgotten; `ttlMs` after it was put. Defaults: 10,000 entries, one hour. */
  constructor({ maxEntries = 10_000, ttlMs = 3_600_000 }: { readonly maxEntries?: number; readonly ttlMs?: number } = {}) {
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1)
      throw new RangeError(`maxEntries: must be a whole number from 1, got ${maxEntries}.`);
    if (!(ttlMs > 0)) throw new RangeError(`ttlMs: must be above 0, got ${ttlMs}.`);
    this.values = new LRUCache({ max: maxEntries, ttl: ttlMs });
  }

  put(token: string, value: string): void {
    this.values.set(token, value);
  }

  /** `undefined` if it was never put, has expired or was forgotten. */
  get(token: string): string | undefined {
    return this.values.get(token);
  }

  get size(): number {
    return this.values.size;
  }

  clear(): void {
    this.values.clear();
  }
}

const tokenPattern = /\[[a-z -]{1,20}:[a-p]{16}\]/g;

/**
 * Replaces values by tokens `[kind:16 letters]`. The same value is the same token as long as the tokenizer lives; by its random
 * key nobody else can tell a value from its token.
 */
/** Hex digits as letters a to p: thirteen digits in a row would look like a card to the next rule. */
function letters(hex: string): string {
  return hex.replace(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)));
}

export class Tokenizer {
  readonly vault: TokenVault;
  private readonly key = randomBytes(32);

  constructor(vault = new TokenVault()) {
    this.vault = vault;
  }

  tokenize(text: string): string {
    return replacePersonal(bounded(text), (kind, found) => {
      // A value in which an earlier rule had found something.
      const value = this.detokenize(found);
      const token = `[${kind}:${letters(createHmac('sha256', this.key).update(value).digest('hex').slice(0, 16))}]`;
      this.vault.put(token, value);
      return token;
    });
  }

  /** With the values of the tokens that the vault still knows; others stay. */
  detokenize(text: string): string {
    return text.replace(tokenPattern, (token) => this.vault.get(token) ?? token);
  }
}

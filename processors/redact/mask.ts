/** What the options say about one key and one text. */
import { createHash, createHmac } from 'node:crypto';
import type { Automaton } from '../../src/text/linear/automaton.ts';
import { cleaned, personalKinds, personalPatterns } from '../../src/text/personal.ts';
import { Gate } from './gate.ts';
import { type Masks, maskJson } from './json.ts';
import { automaton, type RedactOptions } from './options.ts';

/** What happens to an attribute, by its key. */
export type Verdict = 'ignore' | 'remove' | 'mask' | 'look';

/** Keys are few and come again; of a sender that makes up new ones all are forgotten at once. */
const MAX_KEYS = 10_000;

/** Ids of traces, spans and objects: one in some hundreds has digits that pass for a card. Sixteen digits without a letter may be one. */
const ID = /^(?=.*[a-f])(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

export class Masker {
  /** Texts that would have taken too long to search, and were masked whole. Whoever reads it sets it back. */
  overlong = 0;
  private readonly options: RedactOptions;
  private readonly allowed: ReadonlySet<string> | undefined;
  private readonly ignored: ReadonlySet<string>;
  private readonly ignoredKeys: Automaton;
  private readonly blockedKeys: Automaton;
  private readonly blockedValues: Automaton;
  private readonly allowedValues: Automaton;
  private readonly kinds: ReadonlySet<string>;
  private readonly gate: Gate;
  private readonly verdicts = new Map<string, Verdict>();
  private readonly masks: Masks;

  constructor(options: RedactOptions) {
    this.options = options;
    const { allow_all_keys = options.allowed_keys.length === 0, builtin } = options;
    this.allowed = allow_all_keys ? undefined : new Set(options.allowed_keys);
    this.ignored = new Set(options.ignored_keys);
    this.ignoredKeys = automaton(options.ignored_key_patterns);
    this.blockedKeys = automaton(options.blocked_key_patterns);
    this.blockedValues = automaton(options.blocked_values);
    this.allowedValues = automaton(options.allowed_values);
    this.kinds = new Set<string>(builtin === true ? personalKinds : builtin === false ? [] : builtin);
    // Names within JSON are part of the value.
    this.gate = new Gate(
      [...options.blocked_values, ...options.blocked_key_patterns],
      this.kinds.size > 0 ? personalPatterns : [],
      options.json,
    );
    this.masks = {
      value: (text, name) => this.maskNamed(text, name),
      blocked: (name) => matches(this.blockedKeys, name),
      whole: (text) => this.whole(text),
    };
  }

  verdict(key: string): Verdict {
    let verdict = this.verdicts.get(key);
    if (verdict === undefined) {
      if (this.verdicts.size >= MAX_KEYS) this.verdicts.clear();
      verdict =
        this.ignored.has(key) || matches(this.ignoredKeys, key)
          ? 'ignore'
          : this.allowed && !this.allowed.has(key)
            ? 'remove'
            : matches(this.blockedKeys, key)
              ? 'mask'
              : 'look';
      this.verdicts.set(key, verdict);
    }
    return verdict;
  }

  /** In the place of all of a value. */
  whole(text: string): string {
    const { hash_function: hash, hmac_key: key } = this.options;
    switch (hash) {
      case '':
        return '****';
      case 'hmac-sha256':
      case 'hmac-sha512':
        return createHmac(hash.slice(5), key?.reveal() ?? '')
          .update(text)
          .digest('hex');
      default:
        return createHash(hash === 'sha3' ? 'sha3-256' : hash)
          .update(text)
          .digest('hex');
    }
  }

  /** The text in [from, end) without what must not be seen; `undefined` if it stays as it is. */
  text(bytes: Buffer, from: number, end: number): string | undefined {
    if (!this.gate.opens(bytes, from, end)) return undefined;
    const text = bytes.toString('utf8', from, end);
    const masked = this.masked(text);
    return masked === text ? undefined : masked;
  }

  /** The same for a text, without asking the gate. */
  masked(text: string): string {
    return (this.options.json ? maskJson(text, this.masks) : undefined) ?? this.masks.value(text, undefined);
  }

  isAllowed(text: string): boolean {
    return matches(this.allowedValues, text);
  }

  /** A name and its value are looked at together: `"api_key": "…"`. */
  private maskNamed(text: string, name: string | undefined): string {
    const own = this.maskOwn(text);
    if (this.kinds.size === 0 || ID.test(own)) return own;
    const prefix = name === undefined ? '' : `${name}: `;
    const clean = this.maskPersonal(prefix + own);
    // A name that is a secret itself stays: the structure is not changed.
    return clean.startsWith(prefix) ? clean.slice(prefix.length) : this.maskPersonal(own);
  }

  private maskPersonal(text: string): string {
    let out = '';
    const put = (kind: string, value: string): string => {
      if (!this.kinds.has(kind)) return value;
      return this.options.hash_function === '' ? `[${kind}]` : this.whole(value);
    };
    for (const piece of cleaned(text, put)) out += piece;
    return out;
  }

  private maskOwn(text: string): string {
    if (this.options.blocked_values.length === 0) return text;
    const bytes = Buffer.from(text);
    const found = this.blockedValues.find(bytes, 0, bytes.length);
    if (found === undefined) {
      this.overlong++;
      return this.whole(text);
    }
    if (found.length === 0) return text;
    let out = '';
    let at = 0;
    for (let i = 0; i < found.length; i += 2) {
      const [from, end] = [found[i] as number, found[i + 1] as number];
      out += bytes.toString('utf8', at, from) + this.whole(bytes.toString('utf8', from, end));
      at = end;
    }
    return out + bytes.toString('utf8', at);
  }
}

function matches(one: Automaton, text: string): boolean {
  const bytes = Buffer.from(text);
  return one.test(bytes, 0, bytes.length);
}

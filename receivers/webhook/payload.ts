/**
 * Reading a payload that nobody vouches for: own members only, `__proto__` never, every size bounded.
 * What passes a bound is cut, and the cut says so where it was made.
 */
import { isObject, member } from '../../src/dialects/json.ts';

/** A body that is not what its format says. The message names the format, the member, what was seen and what is expected. */
export class PayloadError extends Error {
  /** JSON pointer to the member; '' for the whole body. */
  readonly pointer: string;
  readonly detail: string;

  constructor(format: string, path: string, seen: unknown, expected: string) {
    const detail = `is ${kindOf(seen)}, expected ${expected}.`;
    super(`${format}: ${path} ${detail}`);
    this.name = 'PayloadError';
    this.pointer = path === 'the body' ? '' : `/${path.replaceAll(/\[(\d+)\]/g, '.$1').replaceAll('.', '/')}`;
    this.detail = detail;
  }
}

/** A body in which the framework itself says that it failed to answer. */
export class ErrorReply extends PayloadError {
  constructor(format: string, code: string, said: string) {
    super(format, 'the body', undefined, 'a run');
    this.message = `${format}: the body is an error reply (${code.slice(0, 100)}: ${said.slice(0, 500)}), expected a run.`;
    this.name = 'ErrorReply';
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export type Dict = Readonly<Record<string, unknown>>;

const nothing: Dict = Object.freeze(Object.create(null) as Record<string, unknown>);

/** The value if it is an object, else an empty one. */
export function dict(value: unknown): Dict {
  return isObject(value) ? value : nothing;
}

/** The value if it is a list, else an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Own members of an object but `__proto__`. */
export function members(value: unknown): (readonly [string, unknown])[] {
  return isObject(value) ? Object.entries(value).filter(([key]) => key !== '__proto__') : [];
}

/** A finite number, also one written as text. */
export function number(value: unknown): number | undefined {
  const found = typeof value === 'string' && value.length < 40 && value.trim() !== '' ? Number(value) : value;
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

/** The first of several members that is a finite number. */
export function firstNumber(value: unknown, keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const found = number(member(value, key));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A string that says something. */
export function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The first of several members that is a non-empty string. */
export function firstWord(value: unknown, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const found = word(member(value, key));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An id: a non-empty string, or a number as text. */
export function identifier(value: unknown): string | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : word(value);
}

export function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** Years 1970 to 2100: anything else is a mistake of units. */
const latest = Date.UTC(2100, 0, 1);

export function isTime(ms: number | undefined): ms is number {
  // Microseconds are the unit of order: less than one is zero.
  return ms !== undefined && ms >= 1 && ms < latest;
}

/** A time in Unix milliseconds: from ISO 8601 (UTC where no zone is given), milliseconds, or seconds. */
export function time(value: unknown): number | undefined {
  let ms: number | undefined;
  if (typeof value === 'string') {
    if (value.length > 40 || !/^\d{4}-\d\d-\d\d/.test(value)) return undefined;
    const zoned = /(?:[zZ]|[+-]\d\d:?\d\d)$/.test(value);
    ms = Date.parse(value.includes(':') && !zoned ? `${value}Z` : value);
  } else if (typeof value === 'number') {
    // Seconds of this century stay below 1e10, milliseconds above 1e11.
    ms = value < 1e11 ? value * 1000 : value;
  }
  return isTime(ms) ? ms : undefined;
}

/** Names of members and headers that hold a secret in a configuration. */
const secretName =
  /^(?:(?:proxy[-_]?)?authorization|(?:set[-_]?)?cookies?|(?:x[-_])?(?:[a-z0-9]{1,20}[-_])?(?:api|auth|access|private|secret|client|refresh|session|bearer)[-_]?(?:key|token|secret)|pass(?:word|wd|phrase)|secrets?|credentials?|token|jwt)$/i;

/** Levels and members of a configuration that are looked at; deeper ones are left out. */
const maxConfigDepth = 24;
const maxConfigMembers = 200_000;

/**
 * A configuration (parameters, metadata, settings; never content) without the secrets in it: by the name of the member, and in
 * pairs `{name, value}` by the name stated. Expressions (`{{ … }}`) stay: they name a secret and hold none.
 */
export function withoutSecrets(value: unknown): unknown {
  let room = maxConfigMembers;
  const copy = (from: unknown, depth: number): unknown => {
    if (depth > maxConfigDepth || --room < 0) return undefined;
    if (Array.isArray(from)) return from.map((one) => copy(one, depth + 1));
    if (!isObject(from)) return from;
    const named = secretName.test(word(member(from, 'name')) ?? word(member(from, 'key')) ?? '');
    return Object.fromEntries(
      members(from)
        .filter(([key, one]) => !((secretName.test(key) || (named && key === 'value')) && isSecret(one)))
        .map(([key, one]) => [key, copy(one, depth + 1)]),
    );
  };
  return copy(value, 0);
}

function isSecret(value: unknown): boolean {
  return typeof value === 'string' ? !value.includes('{{') : typeof value === 'object' && value !== null;
}

/** What an error says, as text or as an object with a message. */
export function errorOf(value: unknown): { readonly type: string | undefined; readonly message: string } | undefined {
  if (typeof value === 'string') return value === '' ? undefined : { type: undefined, message: value };
  if (!isObject(value) || Object.keys(value).length === 0) return undefined;
  const type = firstWord(value, ['type', 'name', 'error_type', 'code']);
  const message = firstWord(value, ['message', 'description', 'error', 'detail']);
  return { type, message: message ?? type ?? writeJson(value, 2048).text };
}

export interface Written {
  readonly text: string;
  /** True if something was left out. */
  readonly cut: boolean;
}

/** Deeper values are replaced. Real payloads stay under 20. */
const maxDepth = 48;
/** One string of a payload; code of an n8n node reaches 20 KB, whole documents are longer. */
const maxString = 32_768;

/**
 * JSON text of at most about `max` characters. What does not fit is replaced by a note in brackets,
 * so that the text stays JSON: strings lose their end, lists and objects their last members.
 */
export function writeJson(value: unknown, max: number): Written {
  const writer = new JsonWriter(max);
  writer.value(value, 0);
  return { text: writer.text, cut: writer.cut };
}

class JsonWriter {
  text = '';
  cut = false;
  readonly #max: number;
  constructor(max: number) {
    this.#max = max;
  }

  value(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.text += Number.isFinite(value) ? String(value) : 'null';
    else if (typeof value === 'boolean') this.text += String(value);
    else if (Array.isArray(value)) this.#list(value, depth);
    else if (isObject(value)) this.#object(value, depth);
    else this.text += 'null';
  }

  #string(value: string): void {
    const room = Math.max(16, Math.min(maxString, this.#max - this.text.length));
    if (value.length > room) {
      this.cut = true;
      this.text += JSON.stringify(`${value.slice(0, room)}[${value.length - room} characters left out]`);
    } else this.text += JSON.stringify(value);
  }

  #full(): boolean {
    return this.text.length >= this.#max;
  }

  #tooDeep(depth: number): boolean {
    if (depth < maxDepth) return false;
    this.cut = true;
    this.text += `"[deeper than ${maxDepth} levels]"`;
    return true;
  }

  #list(value: readonly unknown[], depth: number): void {
    if (this.#tooDeep(depth)) return;
    this.text += '[';
    for (let i = 0; i < value.length; i++) {
      if (i > 0) this.text += ',';
      if (this.#full()) {
        this.cut = true;
        this.text += `"[${value.length - i} items left out]"`;
        break;
      }
      this.value(value[i], depth + 1);
    }
    this.text += ']';
  }

  #object(value: Dict, depth: number): void {
    if (this.#tooDeep(depth)) return;
    this.text += '{';
    let written = 0;
    const keys = Object.keys(value);
    for (const key of keys) {
      if (key === '__proto__' || value[key] === undefined) continue;
      if (written > 0) this.text += ',';
      if (this.#full()) {
        this.cut = true;
        this.text += `"[left out]":${keys.length - written}`;
        break;
      }
      this.#string(key);
      this.text += ':';
      this.value(value[key], depth + 1);
      written++;
    }
    this.text += '}';
  }
}

/** Size of a value as JSON text, counted up to `max` characters; nothing is written. */
export function jsonSize(value: unknown, max: number): number {
  let size = 0;
  const stack: unknown[] = [value];
  // Depth-first without recursion: hostile nesting costs heap in proportion to the body, no stack.
  while (stack.length > 0 && size < max) {
    const one = stack.pop();
    if (typeof one === 'string') size += one.length + 2;
    else if (Array.isArray(one)) {
      size += 2 + one.length;
      for (const item of one) stack.push(item);
    } else if (isObject(one)) {
      size += 2;
      for (const [key, item] of Object.entries(one)) {
        size += key.length + 4;
        stack.push(item);
      }
    } else size += String(one).length;
  }
  return Math.min(size, max);
}

/**
 * Values of attributes as JSON: what dialects hide in strings, read without trust. Members are read by
 * own name only, so `__proto__` and `constructor` in a payload are data that nobody asks for.
 */
import type { Value } from '../otlp/span.ts';

export type Json = unknown;
type JsonObject = Readonly<Record<string, unknown>>;

/** Nesting that is read; deeper values are left out. Real messages stay under ten. */
const maxDepth = 32;

/** An AnyValue as plain JSON. bigint becomes a number (lossy beyond 2^53), bytes are left out. */
export function plain(value: Value, depth = 0): Json {
  if (typeof value === 'bigint') return Number(value);
  if (value === undefined || typeof value !== 'object') return value;
  if (depth > maxDepth || value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) return (value as readonly Value[]).map((item) => plain(item, depth + 1));
  const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of value as ReadonlyMap<string, Value>) object[key] = plain(member, depth + 1);
  return object;
}

/** True if the text could be JSON: starts like an object, an array or a quoted string. */
function looksJson(text: string): boolean {
  const first = text.charCodeAt(firstInk(text));
  return first === 0x7b || first === 0x5b || first === 0x22;
}

function firstInk(text: string): number {
  let i = 0;
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++;
  return i;
}

/** The parsed text, parsed again if that gives JSON in a string (MLflow, Mastra); `undefined` if it is not JSON. */
export function parse(text: string): Json {
  if (!looksJson(text)) return undefined;
  try {
    const once = JSON.parse(text) as Json;
    if (typeof once !== 'string' || !looksJson(once)) return once;
    try {
      return JSON.parse(once) as Json;
    } catch {
      return once;
    }
  } catch {
    return undefined;
  }
}

/** An attribute as JSON where it is JSON, in whichever of the three ways it was written; else its text. */
export function read(value: Value): Json {
  if (typeof value !== 'string') return plain(value);
  const parsed = parse(value);
  return parsed === undefined ? value : parsed;
}

/** True for text that starts as an object or array and does not parse: an SDK or a store cut it. */
export function isCut(text: string): boolean {
  const start = firstInk(text);
  const first = text.charCodeAt(start);
  if (first !== 0x7b && first !== 0x5b) return false;
  const second = text.charCodeAt(start + 1);
  // Only what is JSON beyond doubt: `{"`, `[{`, `["`. Prose and Python literals begin with brackets too.
  if (!(second === 0x22 || (first === 0x5b && second === 0x7b))) return false;
  return parse(text) === undefined;
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own member `key`, or `undefined`; null counts as absent. */
export function member(value: Json, key: string): Json {
  if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
  return value[key] ?? undefined;
}

/** The first member of `keys` that is present. */
export function firstMember(value: Json, keys: readonly string[]): Json {
  for (const key of keys) {
    const found = member(value, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A non-empty string, or the text of a number; else `undefined`. */
export function text(value: Json): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** JSON text of an object or array, the text itself of anything else. */
export function stringify(value: Json): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

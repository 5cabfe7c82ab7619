/** Whether two parsed options say the same; secrets are compared by what they hide, which `isDeepStrictEqual` cannot see. */
import { Secret } from '../../config/secret.ts';

export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Secret) return b instanceof Secret && a.reveal() === b.reveal();
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  // Options are plain data; anything else (a Map, a RegExp, a class) is taken as changed: a restart is never wrong.
  if (!plain(a) || !plain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(at(a, key), at(b, key)));
}

function plain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function at(value: object, key: string): unknown {
  return (value as Record<string, unknown>)[key];
}

/** Values that are never printed: passwords, tokens, keys, headers. */
import { inspect } from 'node:util';
import { z } from 'zod';
import { withKind, wrong } from './kind.ts';

export const REDACTED = '[REDACTED]';

/** Holds a text that no log, error or print-config shows; only `reveal` gives it out. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return REDACTED;
  }
  toJSON(): string {
    return REDACTED;
  }
  [inspect.custom](): string {
    return REDACTED;
  }
}

/** A text; output: `Secret`. */
export function secret() {
  return withKind(
    z.string().transform((value) => new Secret(value)),
    'secret',
  );
}

/** RFC 9110 field name. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Field values as node:http sends them: visible Latin-1, space and tab; no line break, so no smuggled header. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Request or response headers, `{name: value}` or the list `[{name, value}]`; a later entry of the list with the
 * same name replaces the earlier. Output: a record of `Secret`, names as written. Default: none.
 */
export function headers() {
  const entry = z.strictObject({ name: z.string(), value: z.string() });
  const schema = z
    .union([z.record(z.string(), z.string()), z.array(entry)], { error: 'not a map of headers' })
    .transform((value, ctx) => {
      const pairs = Array.isArray(value)
        ? value.map((each, i) => ({ name: each.name, text: each.value, path: [i] }))
        : Object.entries(value).map(([name, text]) => ({ name, text, path: [name] }));
      const out: Record<string, Secret> = Object.create(null);
      for (const { name, text, path } of pairs) {
        if (!TOKEN.test(name)) wrong(ctx, 'not a header name', 'Use letters, digits and -.', path);
        else if (!VALUE.test(text)) wrong(ctx, 'not a header value', 'Remove line breaks and characters outside Latin-1.', path);
        else out[name] = new Secret(text);
      }
      return out as Readonly<Record<string, Secret>>;
    });
  return withKind(schema, 'headers').prefault({});
}

/** The text without what stands between `://` and `@`. */
export function withoutCredentials(text: string): string {
  return text.replace(/(:\/\/)[^/@\s]*@/, `$1${REDACTED}@`);
}

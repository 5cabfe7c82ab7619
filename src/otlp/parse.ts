/** JSON text that nobody vouches for: bounded before it is parsed, and never quoted when it is wrong. */
import { WireError } from './error.ts';

/** Objects and arrays in one text. A 64 MiB request of short attributes has half of this; each costs some 100 bytes. */
const MAX_CONTAINERS = 4_000_000;

export interface JsonBounds {
  readonly depth: number;
  /** Of lists and objects together. */
  readonly values?: number;
  /** Of one object. */
  readonly members?: number;
}

/**
 * A few bytes of JSON can become a hundred of heap, `[[[[…` is deeper than any stack, and an object of a million names takes seconds to
 * make: counted in one pass over the text. Throws `WireError` beyond the bounds or 4,000,000 objects and arrays.
 */
export function boundJson(
  text: string,
  { depth: maxDepth, values: maxValues = Number.POSITIVE_INFINITY, members: maxMembers = Number.POSITIVE_INFINITY }: JsonBounds,
): void {
  let depth = 0;
  let containers = 0;
  let commas = 0;
  /** By level: commas of the object that is open there; lists are not counted. */
  const members = new Float64Array(maxDepth + 1);
  members[0] = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = closingQuote(text, at + 1);
    } else if (code === 0x7b || code === 0x5b) {
      containers++;
      if (++depth > maxDepth) throw new WireError(`$: JSON is nested deeper than ${maxDepth} levels`);
      members[depth] = code === 0x7b ? 0 : Number.NEGATIVE_INFINITY;
      if (containers > MAX_CONTAINERS) throw new WireError(`$: JSON has more than ${MAX_CONTAINERS} objects and arrays`);
    } else if (code === 0x7d || code === 0x5d) depth--;
    else if (code === 0x2c) {
      // One comma fewer than values, for each container that has any.
      if (++commas + containers > maxValues) throw new WireError(`$: JSON has more than ${maxValues} values`);
      if (++members[depth]! >= maxMembers) throw new WireError(`$: an object has more than ${maxMembers} members`);
    }
  }
}

/** Position of the quote that ends the string whose content starts at `from`; the text's end if there is none. */
function closingQuote(text: string, from: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (before > from && text.charCodeAt(before - 1) === 0x5c) before--;
    if ((quote - before) % 2 === 0) return quote;
  }
  return text.length;
}

/** Throws `WireError` that says where, not what: V8's own messages quote the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new WireError(`not JSON: ${whatIsWrong(error)}`);
  }
}

function whatIsWrong(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  // Of Node 20 and later: "Unexpected token 'x', …", "Unexpected end of JSON input", "Expected ',' or '}' after … at position 7 (line 1 column 8)".
  if (/^(Unexpected end|Unterminated string)/.test(message)) return 'it ends within a value';
  const position = /\bat position (\d+)\b/.exec(message)?.[1];
  if (position !== undefined) return `something unexpected at character ${position}`;
  const token = /^Unexpected token '([\x21-\x7e])',/.exec(message)?.[1];
  return token === undefined ? 'it begins with something else' : `an unexpected ${token}`;
}

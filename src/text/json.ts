/** Canonical JSON, so that two calls with the same arguments in another order or spacing are one. Bounded in depth and size. */

const MAX_DEPTH = 32;
/** Characters of text that are parsed; longer arguments are compared as text. */
const MAX_PARSE = 65_536;

/** Parsed JSON object or array, or `undefined` if the text is not one, or too long. Never throws. */
export function parseObject(text: string): unknown {
  if (text.length > MAX_PARSE) return undefined;
  const first = text.trimStart().charCodeAt(0);
  if (first !== 0x7b && first !== 0x5b) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON with sorted keys and no white space. Beyond `MAX_DEPTH` a value is written as `"…"`. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) return '"…"';
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item, depth + 1)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** Canonical JSON of a text that holds JSON, else the text with runs of white space as one space. */
export function canonicalText(text: string): string {
  const value = parseObject(text);
  return value === undefined ? text.replace(/\s+/g, ' ').trim() : canonicalJson(value);
}

/** The leaf values of JSON (strings, numbers, booleans) in key order, joined by a space; other text as it is. At most `limit` characters. */
export function leafText(text: string, limit = 4_096): string {
  const value = parseObject(text);
  if (value === undefined) return text.slice(0, limit);
  const leaves: string[] = [];
  let size = 0;
  const walk = (item: unknown, depth: number): void => {
    if (depth > MAX_DEPTH || size > limit || item === null) return;
    if (Array.isArray(item)) for (const child of item) walk(child, depth + 1);
    else if (typeof item === 'object') {
      const record = item as Record<string, unknown>;
      for (const key of Object.keys(record).sort()) walk(record[key], depth + 1);
    } else {
      const leaf = String(item);
      leaves.push(leaf);
      size += leaf.length + 1;
    }
  };
  walk(value, 0);
  return leaves.join(' ').slice(0, limit);
}

/** Splits text into units small enough to point at: sentences and lines. Linear and bounded. */
import { CODES, codesOf } from './codes.ts';

export interface Unit {
  readonly text: string;
  /** Offset of the unit in the text given. */
  readonly at: number;
}

export interface SplitLimits {
  /** Pieces below this many characters join the next one: a heading, a list number. */
  readonly min: number;
  /** Longer units are cut into pieces of this size. */
  readonly max: number;
  /** Most units; of more, the first and last halves are kept (attacks stand at the ends). */
  readonly count: number;
}

export const unitLimits: SplitLimits = { min: 15, max: 600, count: 120 };

/** Sentences (ended by `.`, `!`, `?`, `。`, `！`, `？` and white space) and lines, trimmed, in order. */
export function splitUnits(text: string, limits: SplitLimits = unitLimits): Unit[] {
  const bounds = unitBounds(text, limits);
  const units: Unit[] = [];
  for (let k = 0; k < bounds.length; k += 2) {
    const at = bounds[k] as number;
    units.push({ text: text.slice(at, bounds[k + 1]), at });
  }
  return units;
}

/** True if this character ends a unit before `next`, or at the end of the text. */
export function stopsAt(code: number, next: number, last: boolean): boolean {
  const kind = code < 0x80 ? (kinds[code] as number) : isWideStop(code) ? ALWAYS : 0;
  return kind === ALWAYS || (kind === STOP && (last || isSpaceOrQuote(next)));
}

/** The offsets of the units of `splitUnits`, for those who read few of them: start and end of the first, of the second, and so on. `stops`, if known, are the places of all `stopsAt`. */
export function unitBounds(text: string, limits: SplitLimits = unitLimits, stops?: Int32Array): number[] {
  const bounds: number[] = [];
  const codes = codesOf(text);
  const length = Math.min(text.length, CODES);
  let from = 0;
  if (stops !== undefined) {
    for (let k = 0; ; ) {
      while (k < stops.length && (stops[k] as number) < from + limits.min - 1) k++;
      const end = Math.min(k < stops.length ? (stops[k] as number) : length, from + Math.max(limits.min, limits.max) - 1);
      if (end >= length) break;
      push(bounds, codes, from, end + 1);
      from = end + 1;
    }
    return ends(bounds, codes, from, length, limits);
  }
  // What is shorter than `min` ends no unit: those characters are passed over. The rest of a text is a unit of any length.
  for (let i = limits.min - 1; i < length; i++) {
    const code = codes[i] as number;
    const kind = code < 0x80 ? (kinds[code] as number) : isWideStop(code) ? ALWAYS : 0;
    if (kind === 0 && i - from + 1 < limits.max) continue;
    const end = kind === ALWAYS || (kind === STOP && (i + 1 === length || isSpaceOrQuote(codes[i + 1] as number)));
    if (!end && i - from + 1 < limits.max) continue;
    push(bounds, codes, from, i + 1);
    from = i + 1;
    i += limits.min - 1;
  }
  return ends(bounds, codes, from, length, limits);
}

/** Adds the rest, and takes out the middle of too many. */
function ends(bounds: number[], codes: Uint16Array, from: number, length: number, limits: SplitLimits): number[] {
  push(bounds, codes, from, length);
  if (bounds.length <= 2 * limits.count) return bounds;
  const half = limits.count >> 1;
  return [...bounds.slice(0, 2 * half), ...bounds.slice(bounds.length - 2 * (limits.count - half))];
}

/** Ends a unit wherever it stands: a line break. */
const ALWAYS = 1;
/** Ends a unit if white space or a quotation mark follows. */
const STOP = 2;
const kinds = new Uint8Array(128);
for (const char of '\n\r') kinds[char.charCodeAt(0)] = ALWAYS;
for (const char of '.!?') kinds[char.charCodeAt(0)] = STOP;

function isWideStop(code: number): boolean {
  return code === 0x3002 || code === 0xff01 || code === 0xff1f;
}

function isSpaceOrQuote(next: number): boolean {
  return next === 0x20 || next === 0x09 || next === 0x22 || next === 0x27 || next === 0x0a;
}

function push(bounds: number[], codes: Uint16Array, from: number, to: number): void {
  let start = from;
  let end = to;
  while (start < end && isSpace(codes[start] as number)) start++;
  while (end > start && isSpace(codes[end - 1] as number)) end--;
  if (start < end) bounds.push(start, end);
}

/** What `trim` takes away. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0xa0) return false;
  return (
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}

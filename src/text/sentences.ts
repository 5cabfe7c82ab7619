/** Splits text into units small enough to point at: sentences and lines. Linear and bounded. */

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
  const units: Unit[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const end = boundary(text, i);
    if (!end && i - from + 1 < limits.max) continue;
    if (end && i - from + 1 < limits.min && text.length - i > 1) continue;
    push(units, text, from, i + 1);
    from = i + 1;
  }
  push(units, text, from, text.length);
  if (units.length <= limits.count) return units;
  const half = limits.count >> 1;
  return [...units.slice(0, half), ...units.slice(units.length - (limits.count - half))];
}

function boundary(text: string, i: number): boolean {
  const code = text.charCodeAt(i);
  if (code === 0x0a || code === 0x0d) return true;
  if (code === 0x3002 || code === 0xff01 || code === 0xff1f) return true;
  if (code !== 0x2e && code !== 0x21 && code !== 0x3f) return false;
  const next = text.charCodeAt(i + 1);
  return Number.isNaN(next) || next === 0x20 || next === 0x09 || next === 0x22 || next === 0x27 || next === 0x0a;
}

function push(units: Unit[], text: string, from: number, to: number): void {
  const piece = text.slice(from, to);
  const trimmed = piece.trim();
  if (trimmed !== '') units.push({ text: trimmed, at: from + piece.indexOf(trimmed) });
}

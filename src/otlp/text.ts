/**
 * UTF-8 to strings. Short texts (models, agents, tools, operations) come again with every span: they are made once and
 * shared, which spares a call into the runtime for each, and a copy in every step that is kept.
 */

/** Longer texts are content, and seldom the same twice. */
const MAX_LENGTH = 48;
/** A later text takes the slot of an earlier one: at most 2,048 short strings are held. */
const SLOTS = 2_048;
const slots: string[] = new Array<string>(SLOTS).fill('');

/** The text in [from, end); both lie within `buffer`. */
export function textAt(buffer: Buffer, from: number, end: number): string {
  const length = end - from;
  if (length > MAX_LENGTH) return buffer.toString('utf8', from, end);
  if (length === 0) return '';
  const slot = slotOf(buffer, from, length);
  const known = slots[slot] as string;
  if (known.length === length && isSame(buffer, from, known)) return known;
  const text = buffer.toString('utf8', from, end);
  // Only ASCII has as many characters as bytes (or broken UTF-8, whose replacement characters are never found again).
  if (text.length === length) slots[slot] = text;
  return text;
}

function slotOf(buffer: Buffer, from: number, length: number): number {
  let hash = length;
  for (let i = from; i < from + length; i++) hash = Math.imul(hash, 31) + (buffer[i] as number);
  return (hash ^ (hash >>> 11)) & (SLOTS - 1);
}

function isSame(buffer: Buffer, from: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (buffer[from + i] !== text.charCodeAt(i)) return false;
  return true;
}

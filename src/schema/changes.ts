/**
 * The comparison of two versions of a state. Nothing here knows what a field means: a change is suspicious by its form alone
 * (another type, a value lost, text cut in the middle, a thousandfold jump). Bounded: `MAX_PATHS` leaves, `MAX_DEPTH` levels.
 */
import { isRecord, jsonEqual } from './value.ts';

export type Damage =
  | 'type'
  | 'lost'
  | 'emptied'
  | 'shrunk'
  | 'cut'
  | 'placeholder'
  | 'jump'
  | 'backwards'
  | 'doubled'
  | 'removed';

export interface Change {
  readonly damage: Damage;
  /** Dotted path of the field. */
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly score: number;
}

const MAX_PATHS = 512;
const MAX_DEPTH = 8;
const MAX_CHANGES = 8;

/** What programs write where a value should be. */
const placeholders: ReadonlySet<string> = new Set(['ERROR', 'NaN', 'undefined', '[object Object]', 'null', 'None', 'Infinity']);
/** Fields that are set and cleared in turn by nature. */
const transient = ['error', 'current', 'pending', 'next', 'lock', 'retry', 'draft', 'temp', 'cursor', 'active'];

/** Suspicious changes from `before` to `after`, surest first. */
export function compareStates(before: unknown, after: unknown): Change[] {
  const changes: Change[] = [];
  const budget = { left: MAX_PATHS };
  walk(before, after, '', 0, changes, budget);
  return changes.sort((a, b) => b.score - a.score).slice(0, MAX_CHANGES);
}

function walk(before: unknown, after: unknown, path: string, depth: number, out: Change[], budget: { left: number }): void {
  if (depth > MAX_DEPTH || --budget.left < 0) return;
  if (isRecord(before) && isRecord(after)) object(before, after, path, depth, out, budget);
  else if (Array.isArray(before) && Array.isArray(after)) list(before, after, path, out);
  else leaf(before, after, path, out);
}

function object(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
  out: Change[],
  budget: { left: number },
): void {
  const removed: string[] = [];
  for (const [key, value] of Object.entries(before)) {
    if (Object.hasOwn(after, key)) walk(value, after[key], join(path, key), depth + 1, out, budget);
    else if (!isTransient(key)) removed.push(key);
  }
  // What is new is looked at for damage within itself: text that was cut where it was made.
  for (const [key, value] of Object.entries(after)) {
    if (!Object.hasOwn(before, key)) fresh(value, join(path, key), depth + 1, out, budget);
  }
  const kept = Object.keys(before).length - removed.length;
  // What lacks most of the fields is an update or another state, not a damaged one.
  if (removed.length > 0 && kept >= removed.length) {
    const [first = ''] = removed;
    out.push({ damage: 'removed', path: join(path, first), before: short(before[first]), after: 'no field', score: 0.65 });
  }
}

function list(before: readonly unknown[], after: readonly unknown[], path: string, out: Change[]): void {
  const say = (damage: Damage, score: number): void =>
    void out.push({ damage, path, before: `${before.length} items`, after: `${after.length} items`, score });
  // The last item of a queue or of a plan that is worked off goes like those before it: one at a time.
  if (before.length > 0 && after.length === 0) say('emptied', before.length === 1 ? 0.5 : 0.7);
  else if (
    after.length < before.length &&
    after.length <= 64 &&
    after.every((item) => before.slice(0, 64).some((one) => jsonEqual(one, item)))
  ) {
    // A queue gives up its first items; a stack its last.
    const queue = after.every((item, i) => jsonEqual(item, before[before.length - after.length + i]));
    say('shrunk', queue && before.length - after.length === 1 ? 0.5 : 0.7);
  } else if (after.length > before.length && after.length <= 64 && repeats(after) > repeats(before)) say('doubled', 0.7);
}

/** Items, objects or long texts, that equal an earlier item. */
function repeats(items: readonly unknown[]): number {
  let count = 0;
  items.forEach((item, i) => {
    if (typeof item === 'object' && item !== null && items.slice(0, i).some((one) => jsonEqual(one, item))) count++;
  });
  return count;
}

function leaf(before: unknown, after: unknown, path: string, out: Change[]): void {
  if (before === after || before === undefined) return;
  const say = (damage: Damage, score: number): void =>
    void out.push({ damage, path, before: short(before), after: short(after), score });
  if (before === null) {
    if (typeof after === 'string' && placeholders.has(after)) say('placeholder', 0.85);
    return;
  }
  if (after === null || after === '') {
    if (!isTransient(path.slice(path.lastIndexOf('.') + 1)) && before !== '' && before !== false && before !== 0)
      say('lost', 0.8);
  } else if (typeof before !== typeof after || Array.isArray(before) !== Array.isArray(after)) say('type', 0.9);
  else if (typeof before === 'string') text(before, after as string, say);
  else if (typeof before === 'number') number(before, after as number, say);
}

function text(before: string, after: string, say: (damage: Damage, score: number) => void): void {
  if (placeholders.has(after)) say('placeholder', 0.85);
  else if (isCut(after) && !isCut(before)) say('cut', 0.8);
  else if (before.length >= 24 && after.length < before.length && before.startsWith(after)) say('cut', 0.75);
  else if (isTime(before) && isTime(after) && Date.parse(after) < Date.parse(before)) say('backwards', 0.7);
}

function number(before: number, after: number, say: (damage: Damage, score: number) => void): void {
  if (!Number.isFinite(after)) say('placeholder', 0.9);
  else if (before > 0 && after < 0 && Math.abs(after) > before) say('jump', 0.8);
  else if (Math.abs(before) >= 1 && Math.abs(after) >= 100 * Math.abs(before)) say('jump', 0.75);
}

function fresh(value: unknown, path: string, depth: number, out: Change[], budget: { left: number }): void {
  if (depth > MAX_DEPTH || --budget.left < 0) return;
  if (isRecord(value)) for (const [key, item] of Object.entries(value)) fresh(item, join(path, key), depth + 1, out, budget);
  else if (typeof value === 'string') {
    if (placeholders.has(value)) out.push({ damage: 'placeholder', path, before: 'no field', after: value, score: 0.7 });
    else if (isCut(value)) out.push({ damage: 'cut', path, before: 'no field', after: short(value), score: 0.75 });
  }
}

/** Text that begins as a JSON object or list and does not end as one. */
function isCut(value: string): boolean {
  const first = value.charCodeAt(0);
  if (value.length < 8 || value.length > 65_536 || (first !== 0x7b && first !== 0x5b)) return false;
  if (first === 0x5b && !/^\[\s*["{[\d]/.test(value)) return false;
  if (first === 0x7b && !/^\{\s*"/.test(value)) return false;
  try {
    JSON.parse(value);
    return false;
  } catch {
    return true;
  }
}

function isTime(value: string): boolean {
  return value.length >= 10 && value.length <= 35 && /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d|$)/.test(value);
}

function isTransient(key: string): boolean {
  const lower = key.toLowerCase();
  return transient.some((word) => lower.includes(word));
}

function join(path: string, key: string): string {
  return (path === '' ? key : `${path}.${key}`).slice(0, 120);
}

function short(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `${value.length} items`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return `a text of ${value.length} characters`;
  return String(value);
}

/** Values of expressions, and what may be done with them: equality, order, arithmetic, members. Everything that takes time is metered. */

/**
 * Operations of one expression on one step: a node of the expression is one, and so are 64 characters that are compared. Used up they took 11 ms
 * at the most; where patterns thrash (`PER_BYTE`) some 200 ms, which is below what switches a detector off (`overrun`). `bench/rules.ts` measures both.
 */
export const BUDGET = 200_000;
/** Characters and elements of what an expression makes. */
const MOST_MADE = 65_536;

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** A map whose members are computed when an expression reads them. */
export abstract class Lazy {
  /** `undefined` is what is not there. */
  abstract member(name: string): unknown;
}

export class OverBudget extends Error {
  constructor() {
    super(`an expression took more than ${BUDGET} operations on one step`);
    this.name = 'OverBudget';
  }
}

/** What is left of the budget. */
export interface Meter {
  left: number;
}

/** Thrown for what is not there, or of a type that nothing is defined for: one object, so that it costs no trace. */
export const absent = Object.freeze({ what: 'absent' });

export function spend(meter: Meter, operations: number): void {
  meter.left -= operations;
  if (meter.left < 0) throw new OverBudget();
}

export type Operator = (left: Value, right: Value, meter: Meter) => Value;

export const operators: Readonly<Record<string, Operator>> = {
  '==': (left, right, meter) => same(left, right, meter),
  '!=': (left, right, meter) => !same(left, right, meter),
  '<': (left, right) => order(left, right) < 0,
  '<=': (left, right) => order(left, right) <= 0,
  '>': (left, right) => order(left, right) > 0,
  '>=': (left, right) => order(left, right) >= 0,
  '+': plus,
  '-': (left, right) => number(left) - number(right),
  '*': (left, right) => number(left) * number(right),
  '/': (left, right) => finite(number(left) / number(right)),
  '%': (left, right) => finite(number(left) % number(right)),
  in: (left, right, meter) => {
    if (Array.isArray(right)) return right.some((one) => same(left, one, meter));
    if (typeof right === 'object' && right !== null && typeof left === 'string') return Object.hasOwn(right, left);
    throw absent;
  },
};

function plus(left: Value, right: Value, meter: Meter): Value {
  if (typeof left === 'string' && typeof right === 'string') return made(left + right, meter);
  if (Array.isArray(left) && Array.isArray(right)) {
    const all = [...left, ...right];
    if (all.length > MOST_MADE) throw new OverBudget();
    spend(meter, all.length);
    return all;
  }
  return number(left) + number(right);
}

/** Numbers by value, lists and maps by what they hold. */
function same(left: Value, right: Value, meter: Meter): boolean {
  spend(meter, 1 + (typeof left === 'string' ? left.length >> 6 : 0));
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((one, i) => same(one, right[i] as Value, meter));
  }
  const [one, other] = [left as Readonly<Record<string, Value>>, right as Readonly<Record<string, Value>>];
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && same(one[key] as Value, other[key] as Value, meter));
}

function order(left: Value, right: Value): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  throw absent;
}

export function member(object: Value | Lazy, key: Value): Value {
  if (object instanceof Lazy) return typeof key === 'string' ? present(object.member(key)) : present(undefined);
  if (Array.isArray(object)) {
    if (typeof key !== 'number' || !(key in object)) throw absent;
    return present(object[key]);
  }
  if (typeof object !== 'object' || object === null || typeof key !== 'string' || !Object.hasOwn(object, key)) throw absent;
  return present((object as Readonly<Record<string, unknown>>)[key]);
}

export function present(value: unknown): Value {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) throw absent;
  return value as Value;
}

export function literal(value: unknown): Value {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as Value;
  throw new Error('bytes and unsigned numbers are not taken in rules');
}

export function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw absent;
  return value;
}

export function number(value: Value): number {
  if (typeof value !== 'number') throw absent;
  return value;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw absent;
  return value;
}

export function numeric(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') throw absent;
  return finite(Number(value));
}

export function textOf(value: Value): string {
  if (typeof value !== 'string') throw absent;
  return value;
}

export function asText(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw absent;
}

export function size(value: Value): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw absent;
}

export function made(text: string, meter: Meter): string {
  if (text.length > MOST_MADE) throw new OverBudget();
  spend(meter, text.length >> 6);
  return text;
}

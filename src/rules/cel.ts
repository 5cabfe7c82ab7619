/**
 * Expressions of rules: CEL, parsed and checked by a library when a rule is read, run by the code below, which counts what it does. So an
 * expression cannot hold the thread, whatever it says and whatever it is given.
 *
 * Law:
 * - What is not there (`step.args.id` of a step without arguments) makes an expression false, not wrong; `has(step.args.id)` asks.
 * - All numbers are doubles, so `1 / 2` is 0.5. A value of a type that an operator does not take makes the expression false.
 * - Regular expressions are RE2's, written out in the rule, and take time in proportion to the text.
 */
import { createRequire } from 'node:module';
import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import type { RE2JS } from 're2js';
import { didYouMean } from '../../config/problem.ts';

/**
 * Operations of one expression on one step. A node of the expression is one, and so are 64 characters that are compared; 0.1 µs each on the
 * machine of docs/performance.md, so that the longest takes some 20 ms, less than a tenth of what switches a detector off (`overrun`).
 */
export const BUDGET = 200_000;
/** Nodes of one expression; the longest of the examples has 30. */
const MOST_NODES = 200;
const MOST_DEPTH = 20;
/** Instructions of a compiled pattern; a list of thirty words has 250. */
const MOST_INSTRUCTIONS = 500;
/** One instruction and character took 12 ns at the worst: eight are one operation. */
const PER_OPERATION = 8;
/** Characters and elements of what an expression makes. */
const MOST_MADE = 65_536;

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** A map whose members are computed when an expression reads them. */
export abstract class Lazy {
  /** `undefined` is what is not there. */
  abstract member(name: string): unknown;
}

/** What an expression speaks about: plain values and `Lazy` ones. */
export type Scope = Readonly<Record<string, unknown>>;

/** The value, or `undefined` where something was not there or was of another type. Throws `OverBudget`. */
export type Expression = (scope: Scope) => Value | undefined;

export class OverBudget extends Error {
  constructor() {
    super(`an expression took more than ${BUDGET} operations on one step`);
    this.name = 'OverBudget';
  }
}

/** Types by name, as CEL has them: `string`, `double`, `dyn`; a record is a map with just these members. */
export type Types = { readonly [name: string]: string | Types };

export interface Compiled {
  readonly run: Expression;
  /** Paths that are read, as `step.args`, two members deep. */
  readonly reads: ReadonlySet<string>;
}

/** Throws an `Error` whose message says what is wrong with the text. `type`: what it must give. */
export function compile(text: string, types: Types, type: 'bool' | 'any'): Compiled {
  const parsed = parse(text, types);
  const found = parsed.type;
  if (type === 'bool' && found !== 'bool' && found !== 'dyn') throw new Error(`must be true or false, but is ${found}`);
  const reads = new Set<string>();
  const node = compiled(parsed.ast, { names: new Set(Object.keys(types)), reads });
  const run = (scope: Scope): Value | undefined => {
    try {
      return node({ scope, locals: undefined, meter: { left: BUDGET } });
    } catch (error) {
      if (error === absent) return undefined;
      throw error;
    }
  };
  return { run, reads };
}

// Who has no rules does not wait for what reads them.
const require = createRequire(import.meta.url);

function parse(text: string, types: Types): { readonly ast: ASTNode; readonly type: string } {
  const { Environment: Made } = require('@marcbachmann/cel-js') as typeof import('@marcbachmann/cel-js');
  const environment: Environment = new Made({
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: MOST_NODES, maxDepth: MOST_DEPTH },
  });
  for (const [name, type] of Object.entries(types)) {
    environment.registerVariable(typeof type === 'string' ? { name, type } : { name, schema: type as never });
  }
  // Of numbers there is one kind here.
  for (const operator of ['+', '-', '*', '/', '%']) {
    environment.registerOperator(`double ${operator} int`, () => 0);
    environment.registerOperator(`int ${operator} double`, () => 0);
  }
  // And the other way round with it.
  environment.registerOperator('double == int', () => false);
  try {
    const { ast, check } = environment.parse(text);
    const { valid, type = 'dyn', error } = check();
    if (!valid) throw error;
    return { ast, type };
  } catch (error) {
    throw new Error(firstLine(error) + suggestion(error, types), { cause: error });
  }
}

function suggestion(error: unknown, types: Types): string {
  const [, name] = /^No such key: (\w+)/.exec(error instanceof Error ? error.message : '') ?? [];
  if (name === undefined) return '';
  const known = Object.values(types).flatMap((type) => (typeof type === 'string' ? [] : Object.keys(type)));
  return `. ${didYouMean(name, known).replace(/\.$/, '')}`;
}

/** The library shows the place below in a drawing. */
function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const place = /\n\s*>?\s*\d+ \|[^\n]*\n([ ]*)\^/.exec(message);
  const head = message.split('\n')[0] ?? '';
  const column = place?.[1] === undefined ? undefined : place[1].length - '>    1 | '.length + 1;
  return column === undefined || column < 1 ? head : `${head}, at character ${column}`;
}

interface Locals {
  readonly name: string;
  readonly value: Value;
  readonly outer: Locals | undefined;
}

interface At {
  readonly scope: Scope;
  readonly locals: Locals | undefined;
  readonly meter: { left: number };
}

type Run = (at: At) => Value;

interface Known {
  readonly names: ReadonlySet<string>;
  readonly reads: Set<string>;
}

/** Thrown for what is not there, or of a type that nothing is defined for: one object, so that it costs no trace. */
const absent = Object.freeze({ what: 'absent' });

function spend(at: At, operations: number): void {
  at.meter.left -= operations;
  if (at.meter.left < 0) throw new OverBudget();
}

function compiled(node: ASTNode, known: Known): Run {
  const of = (inner: ASTNode) => compiled(inner, known);
  const inner = body(node, known, of);
  return (at) => {
    if (--at.meter.left < 0) throw new OverBudget();
    return inner(at);
  };
}

function body(node: ASTNode, known: Known, of: (inner: ASTNode) => Run): Run {
  switch (node.op) {
    case 'value': {
      const value = literal(node.args);
      return () => value;
    }
    case 'id': {
      const name = node.args;
      return (at) => {
        for (let local = at.locals; local !== undefined; local = local.outer) if (local.name === name) return local.value;
        return present(at.scope[name]);
      };
    }
    case '.':
    case '[]': {
      note(node, known);
      const [object, key] = node.args;
      const [from, by] = [of(object), typeof key === 'string' ? () => key : of(key)];
      return (at) => member(from(at), by(at));
    }
    case 'list': {
      const items = node.args.map(of);
      return (at) => items.map((item) => item(at));
    }
    case '?:': {
      const [condition, yes, no] = node.args.map(of) as [Run, Run, Run];
      return (at) => (truth(condition(at)) ? yes(at) : no(at));
    }
    case '&&':
    case '||': {
      const [left, right] = node.args.map(of) as [Run, Run];
      return either(left, right, node.op === '||');
    }
    case '!_': {
      const operand = of(node.args);
      return (at) => !truth(operand(at));
    }
    case '-_': {
      const operand = of(node.args);
      return (at) => -number(operand(at));
    }
    case 'call':
      return called(node.args[0], node.args[1], of);
    case 'rcall':
      return method(node.args[0], node.args[1], node.args[2], known, of);
    case 'map':
    case '.?':
    case '[?]':
      throw new Error(`'${node.op === 'map' ? '{…}' : node.op}' is not taken in rules`);
    default: {
      const [left, right] = node.args.map(of) as [Run, Run];
      const operator = operators[node.op] as Operator;
      return (at) => operator(left(at), right(at), at);
    }
  }
}

/** `step.args.id` reads `step.args`. */
function note(node: ASTNode, { reads }: Known): void {
  const path: string[] = [];
  let at = node;
  while (at.op === '.' || at.op === '[]') {
    const [object, key] = at.args;
    path.unshift(typeof key === 'string' ? key : key.op === 'value' && typeof key.args === 'string' ? key.args : '*');
    at = object;
  }
  if (at.op === 'id') reads.add(`${at.args}.${path[0]}`);
}

/** As CEL has it: what one side decides, the other cannot make unknown. */
function either(left: Run, right: Run, decisive: boolean): Run {
  const tried = (side: Run, at: At): boolean | undefined => {
    try {
      const value = side(at);
      return typeof value === 'boolean' ? value : undefined;
    } catch (error) {
      if (error === absent) return undefined;
      throw error;
    }
  };
  return (at) => {
    const one = tried(left, at);
    if (one === decisive) return decisive;
    const other = tried(right, at);
    if (other === decisive) return decisive;
    if (one === undefined || other === undefined) throw absent;
    return !decisive;
  };
}

function called(name: string, args: readonly ASTNode[], of: (inner: ASTNode) => Run): Run {
  const [first] = args;
  if (first === undefined) throw new Error(`'${name}()' is not taken in rules`);
  if (name === 'has') {
    const operand = of(first);
    return (at) => {
      try {
        operand(at);
        return true;
      } catch (error) {
        if (error === absent) return false;
        throw error;
      }
    };
  }
  const operand = of(first);
  switch (name) {
    case 'dyn':
      return operand;
    case 'size':
      return (at) => size(operand(at));
    case 'string':
      return (at) => made(asText(operand(at)), at);
    case 'double':
      return (at) => numeric(operand(at));
    case 'int':
      return (at) => Math.trunc(numeric(operand(at)));
    default:
      throw new Error(`the function '${name}' is not taken in rules. There are: ${FUNCTIONS.join(', ')}`);
  }
}

const FUNCTIONS = [
  ...[
    'has(x)',
    'size(x)',
    'string(x)',
    'double(x)',
    'int(x)',
    'dyn(x)',
    'x.size()',
    'x.contains(t)',
    'x.startsWith(t)',
    'x.endsWith(t)',
  ],
  ...['x.matches(re)', 'x.lowerAscii()', 'x.upperAscii()', 'x.trim()', 'l.exists(v, c)', 'l.all(v, c)', 'l.exists_one(v, c)'],
  ...['l.filter(v, c)', 'l.map(v, e)'],
];

const LOOPS = ['exists', 'all', 'exists_one', 'filter', 'map'];

function method(name: string, receiver: ASTNode, args: readonly ASTNode[], known: Known, of: (inner: ASTNode) => Run): Run {
  const on = of(receiver);
  if (LOOPS.includes(name)) return loop(name, on, args, known);
  const [given] = args;
  if (name === 'matches') {
    if (given?.op !== 'value' || typeof given.args !== 'string') throw new Error("'matches' takes a pattern in quotes");
    return matches(on, given.args);
  }
  const argument = given === undefined ? undefined : of(given);
  const texts = (use: (text: string, part: string) => boolean): Run => {
    const part = argument as Run;
    return (at) => {
      const value = textOf(on(at));
      spend(at, value.length >> 6);
      return use(value, textOf(part(at)));
    };
  };
  switch (name) {
    case 'size':
      return (at) => size(on(at));
    case 'contains':
      return texts((value, part) => value.includes(part));
    case 'startsWith':
      return texts((value, part) => value.startsWith(part));
    case 'endsWith':
      return texts((value, part) => value.endsWith(part));
    case 'lowerAscii':
      return (at) =>
        made(
          textOf(on(at)).replace(/[A-Z]+/g, (run) => run.toLowerCase()),
          at,
        );
    case 'upperAscii':
      return (at) =>
        made(
          textOf(on(at)).replace(/[a-z]+/g, (run) => run.toUpperCase()),
          at,
        );
    case 'trim':
      return (at) => made(textOf(on(at)).trim(), at);
    default:
      throw new Error(`the function '${name}' is not taken in rules. There are: ${FUNCTIONS.join(', ')}`);
  }
}

function matches(on: Run, pattern: string): Run {
  const { RE2JS: Re2 } = require('re2js') as typeof import('re2js');
  let compiledPattern: RE2JS;
  try {
    compiledPattern = Re2.compile(pattern);
  } catch (error) {
    throw new Error(`the pattern is none of RE2: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const instructions = compiledPattern.programSize();
  if (instructions > MOST_INSTRUCTIONS) {
    throw new Error(`the pattern has ${instructions} instructions, of at most ${MOST_INSTRUCTIONS}. Repeat less of it`);
  }
  return (at) => {
    const text = textOf(on(at));
    spend(at, Math.ceil((text.length * instructions) / PER_OPERATION));
    return compiledPattern.matcher(text).find();
  };
}

function loop(name: string, on: Run, args: readonly ASTNode[], known: Known): Run {
  const [variable, inner] = args;
  if (variable?.op !== 'id' || inner === undefined || args.length !== 2)
    throw new Error(`'${name}' takes a name and an expression`);
  const local = variable.args;
  if (known.names.has(local)) throw new Error(`'${local}' is a name that there is already`);
  const each = compiled(inner, known);
  return (at) => {
    const list = on(at);
    if (!Array.isArray(list)) throw absent;
    const said = (value: Value): Value => each({ ...at, locals: { name: local, value, outer: at.locals } });
    switch (name) {
      case 'map':
        return list.map(said);
      case 'filter':
        return list.filter((value) => truth(said(value)));
      case 'exists_one':
        return list.filter((value) => truth(said(value))).length === 1;
      default: {
        const decisive = name === 'exists';
        let unknown = false;
        for (const value of list) {
          try {
            if (truth(said(value)) === decisive) return decisive;
          } catch (error) {
            if (error !== absent) throw error;
            unknown = true;
          }
        }
        if (unknown) throw absent;
        return !decisive;
      }
    }
  };
}

type Operator = (left: Value, right: Value, at: At) => Value;

const operators: Readonly<Record<string, Operator>> = {
  '==': (left, right, at) => same(left, right, at),
  '!=': (left, right, at) => !same(left, right, at),
  '<': (left, right) => order(left, right) < 0,
  '<=': (left, right) => order(left, right) <= 0,
  '>': (left, right) => order(left, right) > 0,
  '>=': (left, right) => order(left, right) >= 0,
  '+': plus,
  '-': (left, right) => number(left) - number(right),
  '*': (left, right) => number(left) * number(right),
  '/': (left, right) => finite(number(left) / number(right)),
  '%': (left, right) => finite(number(left) % number(right)),
  in: (left, right, at) => {
    if (Array.isArray(right)) return right.some((one) => same(left, one, at));
    if (typeof right === 'object' && right !== null && typeof left === 'string') return Object.hasOwn(right, left);
    throw absent;
  },
};

function plus(left: Value, right: Value, at: At): Value {
  if (typeof left === 'string' && typeof right === 'string') return made(left + right, at);
  if (Array.isArray(left) && Array.isArray(right)) {
    const all = [...left, ...right];
    if (all.length > MOST_MADE) throw new OverBudget();
    spend(at, all.length);
    return all;
  }
  return number(left) + number(right);
}

/** Numbers by value, lists and maps by what they hold. */
function same(left: Value, right: Value, at: At): boolean {
  spend(at, 1 + (typeof left === 'string' ? left.length >> 6 : 0));
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((one, i) => same(one, right[i] as Value, at));
  }
  const [one, other] = [left as Readonly<Record<string, Value>>, right as Readonly<Record<string, Value>>];
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && same(one[key] as Value, other[key] as Value, at));
}

function order(left: Value, right: Value): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  throw absent;
}

function member(object: Value | Lazy, key: Value): Value {
  if (object instanceof Lazy) return typeof key === 'string' ? present(object.member(key)) : present(undefined);
  if (Array.isArray(object)) {
    if (typeof key !== 'number' || !(key in object)) throw absent;
    return present(object[key]);
  }
  if (typeof object !== 'object' || object === null || typeof key !== 'string' || !Object.hasOwn(object, key)) throw absent;
  return present((object as Readonly<Record<string, unknown>>)[key]);
}

function present(value: unknown): Value {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) throw absent;
  return value as Value;
}

function literal(value: unknown): Value {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as Value;
  throw new Error('bytes and unsigned numbers are not taken in rules');
}

function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw absent;
  return value;
}

function number(value: Value): number {
  if (typeof value !== 'number') throw absent;
  return value;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw absent;
  return value;
}

function numeric(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') throw absent;
  return finite(Number(value));
}

function textOf(value: Value): string {
  if (typeof value !== 'string') throw absent;
  return value;
}

function asText(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw absent;
}

function size(value: Value): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw absent;
}

function made(text: string, at: At): string {
  if (text.length > MOST_MADE) throw new OverBudget();
  spend(at, text.length >> 6);
  return text;
}

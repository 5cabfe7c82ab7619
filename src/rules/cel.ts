/**
 * Expressions of rules: CEL, parsed and checked by a library when a rule is read, run by the code below, which counts what it does. So an
 * expression cannot hold the thread, whatever it says and whatever it is given.
 *
 * Law:
 * - What is not there (`step.args.id` of a step without arguments) makes an expression false, not wrong; `has(step.args.id)` asks.
 * - All numbers are doubles, so `1 / 2` is 0.5. A value of a type that an operator does not take makes the expression false.
 * - Regular expressions have the syntax of RE2, are written out in the rule, and take time in proportion to the text (src/text/linear).
 */
import { createRequire } from 'node:module';
import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import { didYouMean } from '../../config/problem.ts';
import { Automaton } from '../text/linear/automaton.ts';
import { parsePattern } from '../text/linear/syntax.ts';
import {
  absent,
  asText,
  BUDGET,
  literal,
  type Meter,
  made,
  member,
  number,
  numeric,
  type Operator,
  OverBudget,
  operators,
  present,
  size,
  spend,
  textOf,
  truth,
  type Value,
} from './values.ts';

/** Nodes of one expression; the longest of the examples has 30. */
const MOST_NODES = 200;
const MOST_DEPTH = 20;
/** Of a character in which a pattern is sought: one look-up as a rule. A text made to thrash the automaton takes 4 µs a character, so three such searches use it up. */
const PER_BYTE = 4;
/** What an expression speaks about: plain values and `Lazy` ones. */
export type Scope = Readonly<Record<string, unknown>>;

/** The value, or `undefined` where something was not there or was of another type. Throws `OverBudget`. */
export type Expression = (scope: Scope) => Value | undefined;

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
  readonly meter: Meter;
}

type Run = (at: At) => Value;

interface Known {
  readonly names: ReadonlySet<string>;
  readonly reads: Set<string>;
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
      return (at) => operator(left(at), right(at), at.meter);
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
      return (at) => made(asText(operand(at)), at.meter);
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
      spend(at.meter, value.length >> 6);
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
          at.meter,
        );
    case 'upperAscii':
      return (at) =>
        made(
          textOf(on(at)).replace(/[a-z]+/g, (run) => run.toUpperCase()),
          at.meter,
        );
    case 'trim':
      return (at) => made(textOf(on(at)).trim(), at.meter);
    default:
      throw new Error(`the function '${name}' is not taken in rules. There are: ${FUNCTIONS.join(', ')}`);
  }
}

function matches(on: Run, pattern: string): Run {
  let automaton: Automaton;
  try {
    automaton = new Automaton([parsePattern(pattern)]);
  } catch (error) {
    throw new Error(`the pattern is none: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return (at) => {
    const text = textOf(on(at));
    spend(at.meter, text.length * PER_BYTE);
    const bytes = Buffer.from(text);
    return automaton.test(bytes, 0, bytes.length);
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

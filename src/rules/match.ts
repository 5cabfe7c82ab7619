/** Whether a step matches, and what is captured of it. What costs nothing is asked first. */
import type { Fact, Step } from '../step/step.ts';
import { type Compiled, compile, type Scope, type Value } from './cel.ts';
import { factOf } from './facts.ts';
import { type MatcherSpec, typesOf } from './rule.ts';

/** Characters of a captured value as JSON. */
const MOST_CAPTURED = 120;

/** Captured values as JSON text, so that two are the same if their texts are. */
export type Captured = Readonly<Record<string, string>>;

export interface Matcher {
  /** What the step's own part says; the expressions are asked by `captures`. */
  gates(step: Step): boolean;
  /** What it adds to `captured`; `undefined` if an expression is not true, or a value is another than the one captured before. */
  captures(scope: Scope, captured: Captured): Captured | undefined;
  /** Facts without which nothing can match. */
  readonly needs: ReadonlySet<Fact>;
  /** Members of `step` that are read. */
  readonly reads: ReadonlySet<string>;
}

/** `names`: those captured before it. Throws if an expression is wrong: rules that were read have none. */
export function matcherOf(spec: MatcherSpec, names: ReadonlySet<string>): Matcher {
  const types = typesOf(names);
  const gates = gatesOf(spec);
  const condition = spec.if === undefined ? undefined : compile(spec.if, types, 'bool');
  const captures = Object.entries(spec.capture ?? {}).map(([name, text]) => [name, compile(text, types, 'any')] as const);
  const all = [...(condition === undefined ? [] : [condition]), ...captures.map(([, one]) => one)];
  const reads = new Set(all.flatMap(membersOf));
  const facts = [...reads, ...(spec.tool === undefined ? [] : ['tool']), ...(spec.agent === undefined ? [] : ['agent'])];
  return {
    gates: (step) => gates.every((gate) => gate(step)),
    captures(scope, captured) {
      if (condition !== undefined && condition.run(scope) !== true) return undefined;
      if (captures.length === 0) return captured;
      const added: Record<string, string> = { ...captured };
      for (const [name, expression] of captures) {
        const value = expression.run(scope);
        if (value === undefined) return undefined;
        const text = textOf(value);
        if (Object.hasOwn(captured, name) && captured[name] !== text) return undefined;
        added[name] = text;
      }
      return added;
    },
    needs: new Set(facts.flatMap((name) => factOf[name] ?? [])),
    reads,
  };
}

function membersOf({ reads }: Compiled): string[] {
  return [...reads].flatMap((path) => (path.startsWith('step.') ? path.slice('step.'.length) : []));
}

function textOf(value: Value): string {
  const text = JSON.stringify(value);
  return text.length > MOST_CAPTURED ? `${text.slice(0, MOST_CAPTURED - 1)}…` : text;
}

/** As expressions and messages see them: what was cut is text. */
export function valuesOf(captured: Captured): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    Object.entries(captured).map(([name, text]) => [name, text.endsWith('…') ? text : (JSON.parse(text) as Value)]),
  );
}

type Gate = (step: Step) => boolean;

function gatesOf({ kind, outcome, tool, agent, model, name }: MatcherSpec): Gate[] {
  const gates: Gate[] = [];
  const words = (given: string | readonly string[] | undefined, of: (step: Step) => string): void => {
    if (given === undefined) return;
    const known = new Set([given].flat());
    gates.push((step) => known.has(of(step)));
  };
  const globs = (given: string | readonly string[] | undefined, of: (step: Step) => string | undefined): void => {
    if (given === undefined) return;
    const tests = [given].flat().map(globOf);
    gates.push((step) => {
      const value = of(step);
      return value !== undefined && tests.some((test) => test(value));
    });
  };
  words(kind, (step) => step.kind);
  words(outcome, (step) => step.outcome);
  globs(tool, (step) => step.tool?.name);
  globs(agent, (step) => step.agent);
  globs(model, (step) => step.responseModel ?? step.requestModel);
  globs(name, (step) => step.name);
  return gates;
}

/** `*` stands for anything; everything else for itself. Takes time in proportion to the text for each `*`. */
export function globOf(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*');
  const [first = ''] = parts;
  if (parts.length === 1) return (text) => text === pattern;
  const last = parts.at(-1) as string;
  const middle = parts.slice(1, -1);
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
    let from = first.length;
    for (const part of middle) {
      const at = text.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return from <= text.length - last.length;
  };
}

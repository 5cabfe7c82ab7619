/**
 * Reads `<id>.scenarios.yaml`: named scripts, a step a line, and what must be found in them. The
 * language is described in docs/scenarios.md. Small and bounded on purpose: no variables but `$i` in
 * repeated lines, no conditions. Every mistake is an error with file, scenario and line.
 */
import { parse } from 'yaml';
import type { Step } from '../../step/step.ts';
import { type LlmLike, type MessageLike, type StepLike, toSteps } from './builders.ts';

export interface ScenarioExpect {
  readonly message: string;
  /** 1-based place of the step, counted after repeats are spread out. */
  readonly at?: number;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly severity?: string;
}

export interface Scenario {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly steps: readonly StepLike[];
  readonly expect: readonly ScenarioExpect[];
}

const MAX_FILE = 256 * 1024;
const MAX_STEPS = 500;
const MAX_REPEAT = 200;

export function readScenarios(text: string, file: string): Scenario[] {
  if (text.length > MAX_FILE) throw new Error(`${file}: ${text.length} characters; a scenario file holds at most ${MAX_FILE}.`);
  const parsed: unknown = parse(text, { maxAliasCount: 0 });
  if (!Array.isArray(parsed)) throw new Error(`${file}: must be a list of scenarios (name, script, expect).`);
  const names = new Set<string>();
  return parsed.map((entry, i) => {
    const raw = record(entry, `${file}[${i}]`);
    const where = `${file}[${i}] '${String(raw['name'])}'`;
    for (const key of Object.keys(raw))
      if (!['name', 'options', 'script', 'expect'].includes(key))
        throw new Error(`${where}: unknown key '${key}'. Known: name, options, script, expect.`);
    const { name, script } = raw;
    if (typeof name !== 'string' || name === '') throw new Error(`${where}: needs a name.`);
    if (names.has(name)) throw new Error(`${where}: the name stands twice.`);
    names.add(name);
    if (typeof script !== 'string') throw new Error(`${where}: needs a script.`);
    return {
      name,
      options: record(raw['options'] ?? {}, `${where}.options`),
      steps: parseScript(script, where),
      expect: readExpect(raw['expect'], where),
    };
  });
}

export function scenarioSteps(scenario: Scenario): Step[] {
  return toSteps(scenario.steps);
}

function readExpect(raw: unknown, where: string): ScenarioExpect[] {
  if (!Array.isArray(raw)) throw new Error(`${where}: needs a list 'expect' (empty if nothing must be found).`);
  return raw.flatMap((item) => {
    const { message, at, count, data, severity, ...rest } = record(item, `${where}.expect`);
    const unknown = Object.keys(rest)[0];
    if (unknown !== undefined)
      throw new Error(`${where}: unknown key '${unknown}' in expect. Known: message, at, count, data, severity.`);
    if (typeof message !== 'string') throw new Error(`${where}: an expectation needs a message.`);
    if (at !== undefined && !Number.isInteger(at)) throw new Error(`${where}: 'at' is the place of a step, got ${String(at)}.`);
    const one: ScenarioExpect = {
      message,
      ...(at === undefined ? {} : { at: at as number }),
      ...(data === undefined ? {} : { data: record(data, `${where}.expect.data`) }),
      ...(typeof severity === 'string' ? { severity } : {}),
    };
    const wanted = count ?? 1;
    if (!Number.isInteger(wanted) || (wanted as number) < 1 || (wanted as number) > 100)
      throw new Error(`${where}: 'count' must be 1 to 100, got ${String(count)}.`);
    return new Array<ScenarioExpect>(wanted as number).fill(one);
  });
}

/** What later lines inherit. */
interface Scope {
  agent: string | undefined;
  session: string | undefined;
  trace: string | undefined;
  limits: Record<string, number>;
  waiting: MessageLike[];
  system: string | undefined;
}

export function parseScript(script: string, where: string): StepLike[] {
  const steps: StepLike[] = [];
  const scope: Scope = { agent: undefined, session: undefined, trace: undefined, limits: {}, waiting: [], system: undefined };
  for (const [i, line] of script.split('\n').entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const place = `${where} line ${i + 1}`;
    try {
      for (const one of spread(text)) {
        const step = parseLine(one, scope);
        if (step) steps.push(step);
      }
    } catch (error) {
      throw new Error(`${place}: ${(error as Error).message} Line: ${text}`);
    }
    if (steps.length > MAX_STEPS) throw new Error(`${place}: more than ${MAX_STEPS} steps.`);
  }
  return steps;
}

/** `4x tool get {"page": $i}` is four lines, `$i` from 1. */
function spread(line: string): string[] {
  const match = /^(\d{1,3})x (.*)$/.exec(line);
  if (!match) return [line];
  const count = Number(match[1]);
  if (count < 1 || count > MAX_REPEAT) throw new Error(`repeats must be 1 to ${MAX_REPEAT}, got ${count}.`);
  return Array.from({ length: count }, (_, i) => (match[2] as string).replaceAll('$i', String(i + 1)));
}

function parseLine(line: string, scope: Scope): StepLike | undefined {
  const timed = /^@(\d{1,9})(ms|s) (.*)$/.exec(line);
  const at = timed ? Number(timed[1]) * (timed[2] === 's' ? 1_000 : 1) : undefined;
  const text = timed ? (timed[3] as string) : line;
  const space = text.indexOf(' ');
  const verb = space < 0 ? text : text.slice(0, space);
  const rest = space < 0 ? '' : text.slice(space + 1).trim();
  const common = {
    ...(at === undefined ? {} : { at }),
    ...(scope.agent === undefined ? {} : { agent: scope.agent }),
    ...(scope.session === undefined ? {} : { session: scope.session }),
    ...(scope.trace === undefined ? {} : { trace: scope.trace }),
  };
  switch (verb) {
    case 'agent':
      scope.agent = word(rest, 'agent');
      return undefined;
    case 'session':
      scope.session = word(rest, 'session');
      return undefined;
    case 'trace':
      if (!/^[0-9a-f]{32}$/.test(rest)) throw new Error(`a trace id is 32 hex digits, got '${rest}'.`);
      scope.trace = rest;
      return undefined;
    case 'limit': {
      const [name = '', value] = rest.split('=');
      scope.limits = { ...scope.limits, [name]: count(value, name) };
      return undefined;
    }
    case 'user':
      scope.waiting.push({ role: 'user', text: string(rest).value });
      return undefined;
    case 'system':
      scope.system = string(rest).value;
      return undefined;
    case 'tool':
      return { kind: 'tool', ...common, ...parseTool(rest) };
    case 'llm':
      return { kind: 'llm', model: 'gpt-4o', ...common, ...withScope(parseLlm(rest), scope) };
    case 'retrieve': {
      const query = string(rest);
      const answer = arrow(query.rest);
      if (!Array.isArray(answer)) throw new Error('retrieve needs `-> [documents]`.');
      return {
        kind: 'retriever',
        ...common,
        query: query.value,
        documents: answer.map((document) => (typeof document === 'string' ? document : JSON.stringify(document))),
      };
    }
    default:
      throw new Error(`unknown verb '${verb}'. Known: agent, session, trace, limit, user, system, tool, llm, retrieve.`);
  }
}

function withScope(step: Partial<StepLike>, scope: Scope): Partial<StepLike> {
  const input = scope.waiting;
  scope.waiting = [];
  return {
    ...step,
    ...(input.length === 0 ? {} : { input }),
    ...(scope.system === undefined ? {} : { system: scope.system }),
    ...(Object.keys(scope.limits).length === 0 ? {} : { limits: scope.limits }),
  };
}

/** `search {"q":"x"} -> error timeout` */
function parseTool(text: string): Partial<StepLike> & { readonly tool: string } {
  const space = text.search(/\s/);
  const name = word(space < 0 ? text : text.slice(0, space), 'tool');
  let rest = space < 0 ? '' : text.slice(space).trim();
  let args: unknown;
  if (rest.startsWith('{') || rest.startsWith('[')) {
    const length = jsonLength(rest);
    args = JSON.parse(rest.slice(0, length));
    rest = rest.slice(length).trim();
  }
  const base = { tool: name, ...(args === undefined ? {} : { args }) };
  if (rest === '') return base;
  if (rest.startsWith('-> error ')) return { ...base, error: rest.slice(9).trim() };
  return { ...base, result: arrow(rest) };
}

/** `"text" model=gpt-4o in=1200 out=80 cost=0.01 finish=length`, or `- in=…` for a call without text, or `error …`. */
function parseLlm(text: string): LlmLike {
  if (text.startsWith('error ')) return { error: text.slice(6).trim() };
  const { value, rest } = text.startsWith('-') ? { value: undefined, rest: text.slice(1) } : string(text);
  let model: string | undefined;
  let cost: number | undefined;
  let finish: string | undefined;
  let error: string | undefined;
  const tokens: { input?: number; output?: number } = {};
  for (const pair of rest.split(/\s+/).filter((part) => part !== '')) {
    const [key = '', given = ''] = pair.split('=');
    if (key === 'model') model = given;
    else if (key === 'in') tokens.input = count(given, key);
    else if (key === 'out') tokens.output = count(given, key);
    else if (key === 'cost') cost = count(given, key);
    else if (key === 'finish') finish = given;
    else if (key === 'error') error = given;
    else throw new Error(`unknown '${pair}'. Known: model=, in=, out=, cost=, finish=, error=.`);
  }
  return {
    ...(value === undefined ? {} : { output: value }),
    ...(model === undefined ? {} : { model }),
    ...(Object.keys(tokens).length === 0 ? {} : { tokens }),
    ...(cost === undefined ? {} : { cost }),
    ...(finish === undefined ? {} : { finish }),
    ...(error === undefined ? {} : { error }),
  };
}

/** What stands after `->`: JSON if it is JSON, else the text. */
function arrow(text: string): unknown {
  if (!text.startsWith('->')) throw new Error(`expected '->', got '${text.slice(0, 20)}'.`);
  const rest = text.slice(2).trim();
  if (!/^[[{"]/.test(rest)) return rest;
  return JSON.parse(rest);
}

/** A quoted JSON string at the start, and what follows it. */
function string(text: string): { readonly value: string; readonly rest: string } {
  if (!text.startsWith('"')) throw new Error(`expected a quoted text, got '${text.slice(0, 20)}'.`);
  const length = jsonLength(text);
  return { value: JSON.parse(text.slice(0, length)) as string, rest: text.slice(length).trim() };
}

/** Length of the JSON value at the start of the text. */
function jsonLength(text: string): number {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (depth === 0 && !quoted) return i + 1;
  }
  throw new Error('JSON does not end on this line.');
}

function word(text: string, what: string): string {
  if (!/^[\w.:-]+$/.test(text)) throw new Error(`${what} needs one word, got '${text}'.`);
  return text;
}

function count(text: string | undefined, what: string): number {
  const value = Number(text);
  if (text === undefined || text === '' || !Number.isFinite(value))
    throw new Error(`${what} needs a number, got '${String(text)}'.`);
  return value;
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where}: must be a map.`);
  return value as Record<string, unknown>;
}

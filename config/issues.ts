/** From what zod found to problems with position, value and advice. Secrets are never shown. */
import type { z } from 'zod';
import type { LoadedConfig } from './load.ts';
import { type Node, nodeAt } from './node.ts';
import { didYouMean, nearest, type Path, type Problem, problem } from './problem.ts';
import { REDACTED, withoutCredentials } from './secret.ts';
import { childOf, inputFor, keysOf, placesOf, type Schema, schemaAt, shapeOf } from './shape.ts';

type Issue = z.core.$ZodIssue;

/** Names under which people keep secrets, also where the schema does not say so. */
const SECRET_KEY = /pass|secret|token|credential|authorization|api_?key|key_pem|cookie/i;
/** Longest piece of a value that is shown. */
const SHOWN = 60;

/** A part of the configuration read by its schema: the output, or the problems. */
export function parseAt<S extends z.ZodType>(
  loaded: LoadedConfig,
  path: Path,
  schema: S,
  problems: Problem[],
): { readonly output: z.output<S> } | undefined {
  const node = nodeAt(loaded.root, path);
  const input = node === undefined ? undefined : inputFor(schema, node);
  const result = schema.safeParse(input === null ? undefined : input);
  problems.push(...unitless(loaded, path, schema, node));
  if (result.success) return { output: result.data };
  problems.push(...problemsOf(loaded, path, schema, result.error.issues));
  return undefined;
}

function problemsOf(loaded: LoadedConfig, base: Path, schema: Schema, issues: readonly Issue[]): Problem[] {
  return issues.flatMap((issue) => convert({ loaded, base, schema }, issue));
}

interface Scope {
  readonly loaded: LoadedConfig;
  readonly base: Path;
  readonly schema: Schema;
}

function convert(scope: Scope, issue: Issue): Problem[] {
  const { loaded, base, schema } = scope;
  const inner = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const path = [...base, ...inner];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const at = loaded.locate([...path, key], 'key');
      return problem('error', at, [...path, key], `unknown key, ${key}. ${unknownKey(schema, inner, key)}`);
    });
  }
  const node = nodeAt(loaded.root, path);
  const at = loaded.locate(path);
  const say = (what: string, todo: string) => {
    const value = isMissing(node) ? '' : `, ${isSecret(schema, inner) ? redacted(node) : showNode(node)}`;
    const message = `${what}${value}.${todo === '' ? '' : ` ${todo}`}`;
    return [problem('error', at, path, message)];
  };
  const here = schemaAt(schema, inner);
  const kind = here === undefined ? undefined : shapeOf(here).kind;
  if (isMissing(node) && issue.code !== 'custom') {
    return [problem('error', loaded.locate(path, 'key'), path, `missing, nothing is written. ${missing(here, kind)}`)];
  }
  switch (issue.code) {
    case 'custom': {
      const todo = typeof issue.params?.['todo'] === 'string' ? issue.params['todo'] : '';
      if (!isSentence(issue.message)) return say(issue.message, todo);
      // `params.key`: the key itself is what is wrong.
      return [problem('error', issue.params?.['key'] === true ? loaded.locate(path, 'key') : at, path, issue.message)];
    }
    case 'invalid_type':
      return say(`not ${named(issue.expected)}`, advice(issue.expected, node));
    case 'invalid_value':
      return say(`not ${oneOf(issue.values)}`, choice(node, issue.values));
    case 'too_small':
      return say(
        `too ${sized(issue.origin, 'small')}`,
        `Write ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}.`,
      );
    case 'too_big':
      if (isSentence(issue.message)) return [problem('error', at, path, issue.message)];
      return say(
        `too ${sized(issue.origin, 'large')}`,
        `Write ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}.`,
      );
    case 'invalid_union': {
      const best = bestOf(issue.errors);
      if (kind !== 'duration' && best !== undefined) {
        return best.flatMap((each) => convert(scope, { ...each, path: [...issue.path, ...each.path] } as Issue));
      }
      const todo = kind === 'duration' ? 'Write a number with a unit, for example 300ms, 5s or 1h30m.' : '';
      return say(issue.message === 'Invalid input' ? `not ${alternatives(issue.errors)}` : issue.message, todo);
    }
    case 'invalid_key':
      return say('not a valid key', '');
    default:
      return isSentence(issue.message) ? [problem('error', at, path, issue.message)] : say(lower(issue.message), '');
  }
}

/** The alternative that failed deepest: the one that was meant. None when each fails at the very value. */
function bestOf(alternatives: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  let best: readonly Issue[] | undefined;
  for (const issues of alternatives) {
    const fits = issues.every(
      (issue) => issue.path.length > 0 || (issue.code !== 'invalid_type' && issue.code !== 'invalid_value'),
    );
    if (issues.length > 0 && fits && (best === undefined || issues.length < best.length)) best = issues;
  }
  return best;
}

function alternatives(errors: readonly (readonly Issue[])[]): string {
  const types = errors.flat().flatMap((issue) => {
    if (issue.code === 'invalid_type') return [named(issue.expected)];
    return issue.code === 'invalid_value' ? issue.values.map(String) : [];
  });
  return types.length === 0 ? 'valid' : [...new Set(types)].join(' or ');
}

/** Spellings of earlier Collectors and of habit. */
const RENAMED: Readonly<Record<string, string>> = {
  tls_settings: 'tls',
  ca_cert: 'ca_file',
  max_recv_msg_size: 'max_recv_msg_size_mib',
};

function unknownKey(schema: Schema, inner: Path, key: string): string {
  const here = schemaAt(schema, inner);
  const known = here === undefined ? [] : keysOf(here);
  const renamed = RENAMED[key];
  if (renamed !== undefined && known.includes(renamed)) return `It is called '${renamed}'.`;
  const near = nearest(key, known);
  if (near !== undefined && near.length > 2) return `Did you mean '${near}'?`;
  const places = placesOf(schema, key).filter((place) => place !== inner.join('.'));
  if (inner.length > 0 && keysOf(schema).includes(key)) places.unshift('the component itself');
  if (places.length > 0)
    return `It belongs under ${places.map((place) => (place.includes(' ') ? place : `'${place}'`)).join(' or ')}.`;
  return didYouMean(key, known);
}

function missing(schema: Schema | undefined, kind: string | undefined): string {
  if (kind === 'duration') return 'Write a duration, for example 5s.';
  if (schema === undefined) return 'Add it.';
  const keys = keysOf(schema);
  return keys.length === 0 ? 'Add it.' : `Add it; its keys are ${keys.join(', ')}.`;
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  null: 'empty',
  undefined: 'to be set',
};
const named = (type: string) => NAMES[type] ?? `a valid ${type}`;

function advice(expected: string, node: Node | undefined): string {
  if (expected === 'string' && node?.kind === 'scalar') return 'Put it in quotes.';
  if (expected === 'array') return 'Write it as [a, b] or with a dash before each item.';
  if (expected === 'boolean') return 'Write true or false, without quotes.';
  if (expected === 'int') return 'Write it without a fraction or unit.';
  if (expected === 'number') return 'Write digits, without quotes or unit.';
  return expected === 'object' || expected === 'record' ? 'Write keys with values below it.' : '';
}

/** `a, b or c`: a comma before the value seen must not read as one of the list. */
function oneOf(values: readonly unknown[]): string {
  const words = values.map((value) => (value === '' ? "''" : String(value)));
  const last = words.pop() ?? '';
  return words.length === 0 ? last : `${words.join(', ')} or ${last}`;
}

function choice(node: Node | undefined, values: readonly unknown[]): string {
  const words = values.filter((value) => typeof value === 'string');
  const near = node?.kind === 'scalar' ? nearest(String(node.value), words) : undefined;
  return near === undefined ? 'Write one of them.' : `Did you mean '${near}'?`;
}

const sized = (origin: string, way: 'small' | 'large') => {
  if (origin === 'string' || origin === 'array') return way === 'small' ? 'short' : 'long';
  return way;
};

/** A message that says all by itself; to others the value seen is added. */
const isSentence = (text: string) => /[.?]$/.test(text);
const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);
const isMissing = (node: Node | undefined) => node === undefined || (node.kind === 'scalar' && node.value === null);

function isSecret(schema: Schema, inner: Path): boolean {
  if (inner.some((part) => SECRET_KEY.test(String(part)))) return true;
  let at: Schema | undefined = schema;
  for (const part of [undefined, ...inner]) {
    if (part !== undefined) at = at === undefined ? undefined : childOf(at, part);
    const kind = at === undefined ? undefined : shapeOf(at).kind;
    if (kind === 'secret' || kind === 'headers') return true;
  }
  return false;
}

const redacted = (node: Node | undefined) => (node?.kind === 'scalar' ? REDACTED : showNode(node));

/** The value as it may be shown: no credentials in URLs, nothing out of a file or a variable that is named like a secret, not long. */
function showNode(node: Node | undefined): string {
  if (node === undefined) return 'nothing';
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  const from = node.via === undefined ? '' : ` (from ${node.via})`;
  if (node.via !== undefined && (node.via.startsWith('${file:') || SECRET_KEY.test(node.via))) return `${REDACTED}${from}`;
  if (typeof node.value !== 'string') return `${String(node.value)}${from}`;
  const text = withoutCredentials(node.value);
  return `'${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}'${from}`;
}

/** Durations written as a number: nanoseconds in the Collector, seldom meant. */
function unitless(loaded: LoadedConfig, path: Path, schema: Schema | undefined, node: Node | undefined): Problem[] {
  if (schema === undefined || node === undefined) return [];
  if (node.kind === 'map') {
    return [...node.entries].flatMap(([key, { value }]) => unitless(loaded, [...path, key], childOf(schema, key), value));
  }
  if (node.kind === 'list') return node.items.flatMap((item, i) => unitless(loaded, [...path, i], childOf(schema, i), item));
  const { value } = node;
  if (typeof value !== 'number' || value === 0 || shapeOf(schema).kind !== 'duration') return [];
  return [
    problem('warning', loaded.locate(path), path, `a number without a unit, ${value} is ${value} ns; did you mean ${value}s?`),
  ];
}

/**
 * A bounded check of a value against the part of JSON Schema that tool definitions use: type, required, properties, additionalProperties,
 * items, prefixItems, enum, const, bounds, local $ref, allOf, anyOf, oneOf. No patterns and no formats: what is not understood is not judged.
 * Both the schema and the value come from outside: depth, work and the number of violations are limited, nothing throws, nothing recurses for ever.
 */
import { compareNumber, isRecord, jsonEqual, typeMatches, typeName } from './value.ts';

export type ViolationKind = 'type' | 'required' | 'unknown' | 'enum' | 'bound' | 'variant';

export interface Violation {
  readonly kind: ViolationKind;
  /** Dotted path from the arguments, `filters.0.name`; empty for the whole value. */
  readonly path: string;
  /** What the schema asks for, short. */
  readonly expected: string;
  /** What stands there: a type or a short value; never a long text. */
  readonly seen: string;
}

export interface CheckOptions {
  /**
   * Treat an object whose schema lists `properties` and says nothing of `additionalProperties` as closed: a model that invents a parameter
   * breaks the call, though JSON Schema by itself would let it pass. Default false.
   */
  readonly closed?: boolean;
}

export interface CheckResult {
  readonly violations: readonly Violation[];
  /** False if the limits were reached or the schema is none: silence then means nothing. */
  readonly complete: boolean;
}

const MAX_DEPTH = 24;
/** Schema nodes visited for one value; tool definitions have tens. */
const MAX_WORK = 4_096;
const MAX_VIOLATIONS = 16;

interface Run {
  readonly root: unknown;
  readonly closed: boolean;
  work: number;
  complete: boolean;
}

export function checkSchema(schema: unknown, value: unknown, options: CheckOptions = {}): CheckResult {
  const run: Run = { root: schema, closed: options.closed === true, work: 0, complete: true };
  if (!isRecord(schema) && typeof schema !== 'boolean') return { violations: [], complete: false };
  const violations: Violation[] = [];
  visit(run, schema, value, '', 0, violations);
  return { violations: violations.slice(0, MAX_VIOLATIONS), complete: run.complete };
}

/**
 * True of a schema of arguments that no call can meet: closed, and it requires a name that it does not list. Such a definition was garbled on
 * its way (a schema written as text, names in quotes), or is wrong; it says nothing of a call.
 */
export function fitsNothing(schema: unknown): boolean {
  if (!isRecord(schema) || schema['additionalProperties'] !== false || isOpen(schema)) return false;
  const { required, properties } = schema;
  if (!Array.isArray(required)) return false;
  return required
    .slice(0, 256)
    .some((name) => typeof name === 'string' && !(isRecord(properties) && Object.hasOwn(properties, name)));
}

/** Names may be allowed elsewhere than in `properties`. */
function isOpen(schema: Readonly<Record<string, unknown>>): boolean {
  return 'patternProperties' in schema || 'allOf' in schema || 'anyOf' in schema || 'oneOf' in schema || '$ref' in schema;
}

function visit(run: Run, schema: unknown, value: unknown, path: string, depth: number, out: Violation[]): void {
  if (schema === true) return;
  if (schema === false) {
    out.push({ kind: 'unknown', path, expected: 'nothing', seen: typeName(value) });
    return;
  }
  if (++run.work > MAX_WORK || depth > MAX_DEPTH || !isRecord(schema)) {
    run.complete = false;
    return;
  }
  if (out.length >= MAX_VIOLATIONS) return;
  if (typeof schema['$ref'] === 'string') {
    const target = resolve(run.root, schema['$ref']);
    if (target === undefined) run.complete = false;
    else visit(run, target, value, path, depth + 1, out);
  }
  if (!typeOk(schema, value)) {
    out.push({ kind: 'type', path, expected: typeList(schema['type']), seen: typeName(value) });
    return;
  }
  if ('const' in schema && !jsonEqual(schema['const'], value)) {
    out.push({ kind: 'enum', path, expected: short(schema['const']), seen: short(value) });
  }
  const { enum: allowed } = schema;
  if (Array.isArray(allowed) && !allowed.slice(0, 1_000).some((one) => jsonEqual(one, value))) {
    if (allowed.length > 1_000) run.complete = false;
    else out.push({ kind: 'enum', path, expected: `one of ${allowed.slice(0, 5).map(short).join(', ')}`, seen: short(value) });
  }
  bounds(schema, value, path, out);
  if (isRecord(value)) object(run, schema, value, path, depth, out);
  else if (Array.isArray(value)) array(run, schema, value, path, depth, out);
  combined(run, schema, value, path, depth, out);
}

function object(
  run: Run,
  schema: Readonly<Record<string, unknown>>,
  value: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
  out: Violation[],
): void {
  const { required, additionalProperties } = schema;
  const properties = isRecord(schema['properties']) ? schema['properties'] : undefined;
  if (Array.isArray(required)) {
    for (const name of required.slice(0, 256)) {
      if (typeof name === 'string' && !Object.hasOwn(value, name))
        out.push({ kind: 'required', path: join(path, name), expected: 'a value', seen: 'nothing' });
    }
  }
  const open = isOpen(schema);
  for (const [name, item] of Object.entries(value)) {
    const known = properties !== undefined && Object.hasOwn(properties, name);
    if (known) visit(run, properties[name], item, join(path, name), depth + 1, out);
    else if (additionalProperties === false && !('patternProperties' in schema)) unknown(properties, path, name, out);
    else if (additionalProperties === undefined) {
      if (run.closed && properties !== undefined && !open) unknown(properties, path, name, out);
    } else if (typeof additionalProperties === 'object') visit(run, additionalProperties, item, join(path, name), depth + 1, out);
    if (out.length >= MAX_VIOLATIONS) return;
  }
}

function unknown(properties: Readonly<Record<string, unknown>> | undefined, path: string, name: string, out: Violation[]): void {
  const names = Object.keys(properties ?? {});
  const listed = names.length === 0 ? 'no property' : `one of ${names.slice(0, 8).join(', ')}`;
  out.push({ kind: 'unknown', path: join(path, name), expected: listed, seen: short(name) });
}

function array(
  run: Run,
  schema: Readonly<Record<string, unknown>>,
  value: readonly unknown[],
  path: string,
  depth: number,
  out: Violation[],
): void {
  const prefix = Array.isArray(schema['prefixItems']) ? schema['prefixItems'] : [];
  const { items } = schema;
  for (let i = 0; i < value.length && out.length < MAX_VIOLATIONS && run.complete; i++) {
    if (i < prefix.length) visit(run, prefix[i], value[i], join(path, String(i)), depth + 1, out);
    else if (isRecord(items) || items === false) visit(run, items, value[i], join(path, String(i)), depth + 1, out);
    else return;
  }
}

/** Lengths, counts and ranges. */
function bounds(schema: Readonly<Record<string, unknown>>, value: unknown, path: string, out: Violation[]): void {
  const say = (expected: string, seen: string): void => void out.push({ kind: 'bound', path, expected, seen });
  if (typeof value === 'number') {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
    if (compareNumber(value, minimum) < 0) say(`at least ${String(minimum)}`, String(value));
    if (compareNumber(value, maximum) > 0) say(`at most ${String(maximum)}`, String(value));
    if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) say(`more than ${exclusiveMinimum}`, String(value));
    if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum) say(`less than ${exclusiveMaximum}`, String(value));
  } else if (typeof value === 'string' && ('minLength' in schema || 'maxLength' in schema)) {
    // JSON Schema counts code points.
    const length = value.length > 65_536 ? value.length : [...value].length;
    if (compareNumber(length, schema['minLength']) < 0) say(`at least ${String(schema['minLength'])} characters`, String(length));
    if (compareNumber(length, schema['maxLength']) > 0) say(`at most ${String(schema['maxLength'])} characters`, String(length));
  } else if (Array.isArray(value)) {
    if (compareNumber(value.length, schema['minItems']) < 0)
      say(`at least ${String(schema['minItems'])} items`, String(value.length));
    if (compareNumber(value.length, schema['maxItems']) > 0)
      say(`at most ${String(schema['maxItems'])} items`, String(value.length));
  }
}

/** What a variant says is not reported one by one: which of them was meant is unknown. */
function combined(
  run: Run,
  schema: Readonly<Record<string, unknown>>,
  value: unknown,
  path: string,
  depth: number,
  out: Violation[],
): void {
  const { allOf, anyOf, oneOf } = schema;
  if (Array.isArray(allOf)) for (const one of allOf.slice(0, 64)) visit(run, one, value, path, depth + 1, out);
  for (const [variants, most] of [
    [anyOf, Number.POSITIVE_INFINITY],
    [oneOf, 1],
  ] as const) {
    if (!Array.isArray(variants)) continue;
    let fitting = 0;
    for (const one of variants.slice(0, 64)) {
      const tried: Violation[] = [];
      visit(run, one, value, path, depth + 1, tried);
      if (tried.length === 0) fitting++;
      if (fitting > most || (fitting > 0 && most > 1)) break;
    }
    if (!run.complete) return;
    if (fitting === 0) out.push({ kind: 'variant', path, expected: `one of ${variants.length} variants`, seen: typeName(value) });
    else if (fitting > most) out.push({ kind: 'variant', path, expected: 'exactly one variant', seen: 'several' });
  }
}

function typeOk(schema: Readonly<Record<string, unknown>>, value: unknown): boolean {
  const { type } = schema;
  if (typeof type === 'string') return typeMatches(type, value) || (value === null && schema['nullable'] === true);
  if (Array.isArray(type)) return type.slice(0, 16).some((one) => typeof one === 'string' && typeMatches(one, value));
  return true;
}

function typeList(type: unknown): string {
  return Array.isArray(type) ? type.slice(0, 16).map(String).join(' or ') : String(type);
}

/** `#`, `#/$defs/Name`, `#/definitions/Name`: only inside this schema. */
function resolve(root: unknown, ref: string): unknown {
  if (ref === '#') return root;
  if (!ref.startsWith('#/')) return undefined;
  let node = root;
  for (const part of ref.slice(2).split('/').slice(0, MAX_DEPTH)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isRecord(node) || !Object.hasOwn(node, name)) return undefined;
    node = node[name];
  }
  return node;
}

function join(path: string, name: string): string {
  return (path === '' ? name : `${path}.${name}`).slice(0, 200);
}

function short(value: unknown): string {
  if (typeof value === 'object' && value !== null) return typeName(value);
  const text = typeof value === 'string' ? value : String(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

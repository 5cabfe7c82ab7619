/** Looks into zod schemas: which keys exist where, what a value may be, what stands when nothing is written. */
import type { z } from 'zod';
import { type Kind, kindOf } from './kind.ts';
import type { Node } from './node.ts';
import type { Path } from './problem.ts';

export type Schema = z.core.$ZodType;

/** What is left of a schema without defaults, transforms and the like. */
export interface Shape {
  readonly schema: Schema;
  readonly kind?: Kind;
  readonly nullable: boolean;
  /** Input when nothing is written. */
  readonly fallback?: { readonly value: unknown };
}

// zod keeps its definitions under `_zod.def`; the types of all of them in one would say no more than this.
interface Def {
  readonly type: string;
  readonly innerType?: Schema;
  readonly defaultValue?: unknown;
  readonly in?: Schema;
  readonly out?: Schema;
  readonly getter?: () => Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly catchall?: Schema;
  readonly valueType?: Schema;
  readonly element?: Schema;
  readonly options?: readonly Schema[];
  readonly left?: Schema;
  readonly right?: Schema;
}

const defOf = (schema: Schema) => schema._zod.def as unknown as Def;

export function shapeOf(start: Schema): Shape {
  let schema = start;
  let nullable = false;
  let fallback: Shape['fallback'];
  let kind = kindOf(schema);
  for (let def = defOf(schema); ; def = defOf(schema)) {
    let next: Schema | undefined;
    if (def.type === 'nullable') nullable = true;
    if (def.type === 'default' || def.type === 'prefault') fallback ??= { value: def.defaultValue };
    if (def.innerType !== undefined) next = def.innerType;
    else if (def.type === 'pipe') next = def.in !== undefined && defOf(def.in).type === 'transform' ? def.out : def.in;
    else if (def.type === 'lazy') next = def.getter?.();
    if (next === undefined) break;
    schema = next;
    kind ??= kindOf(schema);
  }
  if (defOf(schema).type === 'null') nullable = true;
  const options = defOf(schema).options ?? [];
  if (options.some((option) => shapeOf(option).nullable)) nullable = true;
  return { schema, nullable, ...(kind === undefined ? {} : { kind }), ...(fallback === undefined ? {} : { fallback }) };
}

/** The plain types that are taken: `string`, `number`, `boolean`, `object`, `record`, `array`, `enum`, … */
function typesOf(start: Schema): string[] {
  const def = defOf(shapeOf(start).schema);
  if (def.type === 'union') return (def.options ?? []).flatMap(typesOf);
  if (def.type === 'intersection') return [def.left, def.right].flatMap((side) => (side === undefined ? [] : typesOf(side)));
  return [def.type === 'int' ? 'number' : def.type];
}

/** Objects in it: one, or those of a union. */
function objects(start: Schema): Def[] {
  const def = defOf(shapeOf(start).schema);
  if (def.type === 'union') return (def.options ?? []).flatMap(objects);
  if (def.type === 'intersection') return [def.left, def.right].flatMap((side) => (side === undefined ? [] : objects(side)));
  return [def];
}

/** Keys of the map that the schema describes; what is not available yet is not named. */
export function keysOf(schema: Schema): string[] {
  const all = objects(schema).flatMap((def) => Object.entries(def.shape ?? {}));
  return [...new Set(all.filter(([, inner]) => shapeOf(inner).kind !== 'unavailable').map(([key]) => key))];
}

export function childOf(schema: Schema, part: string | number): Schema | undefined {
  for (const def of objects(schema)) {
    const own = def.shape !== undefined && Object.hasOwn(def.shape, part) ? def.shape[part] : undefined;
    const child = own ?? (typeof part === 'number' ? def.element : (def.valueType ?? def.catchall));
    if (child !== undefined) return child;
  }
  return undefined;
}

export function schemaAt(schema: Schema, path: Path): Schema | undefined {
  let at: Schema | undefined = schema;
  for (const part of path) at = at === undefined ? undefined : childOf(at, part);
  return at;
}

/** Places where `key` exists, at most 4 levels deep and 3 places: for "it belongs under …". */
export function placesOf(schema: Schema, key: string, at: readonly string[] = []): string[] {
  const found: string[] = [];
  for (const def of objects(schema)) {
    for (const [name, inner] of Object.entries(def.shape ?? {})) {
      if (name === key && at.length > 0 && shapeOf(inner).kind !== 'unavailable') found.push(at.join('.'));
      else if (at.length < 4) found.push(...placesOf(inner, key, [...at, name]));
    }
  }
  return [...new Set(found)].slice(0, 3);
}

const MAPS = ['object', 'record'];

/**
 * What the schema gets to read: null is an empty map where a map is wanted, and nothing elsewhere; a value that came
 * by substitution is the text it was read from where text is wanted, as in the Collector.
 */
export function inputFor(schema: Schema | undefined, node: Node): unknown {
  const types = schema === undefined ? [] : typesOf(schema);
  const takesText = types.includes('string');
  if (node.kind === 'scalar') {
    const { value, text, via } = node;
    if (value === null) {
      if (schema === undefined || shapeOf(schema).nullable) return null;
      return types.some((type) => MAPS.includes(type)) ? {} : undefined;
    }
    if (text === undefined) return value;
    if (via !== undefined && takesText && (typeof value === 'string' || !types.includes(typeof value))) return text;
    return typeof value !== 'string' && types.every((type) => type === 'enum' || type === 'literal') && takesWord(schema, text)
      ? text
      : value;
  }
  if (node.text !== undefined && takesText && !types.some((type) => MAPS.includes(type) || type === 'array')) return node.text;
  if (node.kind === 'list') {
    return node.items.map((item, i) => {
      const input = inputFor(schema === undefined ? undefined : childOf(schema, i), item);
      return input === undefined ? null : input;
    });
  }
  return Object.fromEntries(
    [...node.entries].flatMap(([key, { value }]) => {
      const input = inputFor(schema === undefined ? undefined : childOf(schema, key), value);
      return input === undefined ? [] : [[key, input]];
    }),
  );
}

/** An unquoted `1.3` or `true` is a number or boolean in YAML; for a choice of words it is the word. */
function takesWord(schema: Schema | undefined, text: string): boolean {
  if (schema === undefined) return false;
  const { entries, values } = shapeOf(schema).schema._zod.def as unknown as {
    entries?: Record<string, unknown>;
    values?: unknown[];
  };
  return Object.values(entries ?? {}).includes(text) || (values ?? []).includes(text);
}

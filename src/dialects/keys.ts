/**
 * The tables compiled for one pass over a span: every key's row id leads to the fields it can fill and
 * to its place among their aliases. Arrays only, so that a span costs no Map and no allocation.
 */
import { compileKeys, type KeyTable } from '../otlp/keys.ts';
import { kindKeys } from './kinds.ts';
import {
  callKeys,
  exclusiveKeys,
  type Field,
  facts,
  fields,
  guards,
  modelKeys,
  ownScopes,
  scopes,
  vocabularies,
  weakKeys,
} from './tables.ts';

/** Keys that share a prefix of the tables but are something else: known, so that the prefix does not get them. */
const setAside = ['gen_ai.prompt.name', 'gen_ai.prompt.version', 'gen_ai.prompt.prompt_filter_results'];

/** What findings write; a span that carries them back is not an agent's for that alone. */
const findingKeys = ['misstep.detections'];

/** What samplers write: Jaeger's SDKs, Datadog's tracers, Honeycomb's, and programs by hand. */
const samplingKeys = ['sampler.type', 'sampler.param', '_dd.rule_psr', '_dd.agent_psr', 'SampleRate', 'sampling.probability'];

export const fieldNames = Object.keys(fields) as readonly Field[];

const guardNames = Object.keys(guards);

function split(alias: string): { readonly key: string; readonly guard: string | undefined } {
  const at = alias.indexOf('@');
  return at < 0 ? { key: alias, guard: undefined } : { key: alias.slice(0, at), guard: alias.slice(at + 1) };
}

const aliases = Object.values(fields).flat().map(split);
const named = [
  ...kindKeys.map((entry) => entry.key),
  ...aliases.map((alias) => alias.key),
  ...modelKeys,
  ...callKeys,
  ...setAside,
  ...findingKeys,
  ...samplingKeys,
];

export const dialectKeys: KeyTable = compileKeys(
  [...new Set(named.filter((key) => !key.endsWith('.')))],
  [...new Set(named.filter((key) => key.endsWith('.')))],
  [...scopes, ...ownScopes],
);

/** Row id of an exact key or a prefix. */
export function rowId(key: string): number {
  const id = key.endsWith('.') ? dialectKeys.prefixId(key) : dialectKeys.id(key);
  if (id < 0) throw new Error(`'${key}' is not in the key table`);
  return id;
}

const rows = dialectKeys.keys.length + dialectKeys.prefixes.length;

/** Index of a field in the pass's result. */
export const fieldIndex = Object.fromEntries(fieldNames.map((name, i) => [name, i])) as Readonly<Record<Field, number>>;

/** Row ids of a field's aliases, in order. */
export const aliasRows: readonly Int16Array[] = fieldNames.map((name) =>
  Int16Array.from(fields[name].map((alias) => rowId(split(alias).key))),
);

/** Guard bit that each alias needs; 0 = none. */
export const aliasGuards: readonly Uint8Array[] = fieldNames.map((name) =>
  Uint8Array.from(fields[name].map((alias) => guardBit(split(alias).guard))),
);

export function guardBit(guard: string | undefined): number {
  if (guard === undefined) return 0;
  const at = guardNames.indexOf(guard);
  if (at < 0) throw new Error(`no guard '${guard}'`);
  return 1 << at;
}

/** Guards that a scope name opens. */
export function scopeGuards(scope: string): number {
  let open = 0;
  for (const name of guardNames) {
    for (const start of guards[name] ?? []) if (scope.startsWith(start)) open |= guardBit(name);
  }
  return open;
}

/** `slots[slotStart[row] … slotStart[row + 1])` = field, alias place, guard bit of each use of a row. */
export const slotStart = new Int16Array(rows + 1);
export const slots: Int16Array = (() => {
  const flat: number[] = [];
  for (let row = 0; row < rows; row++) {
    slotStart[row] = flat.length;
    for (let field = 0; field < fieldNames.length; field++) {
      const of = aliasRows[field]!;
      for (let place = 0; place < of.length; place++) if (of[place] === row) flat.push(field, place, aliasGuards[field]![place]!);
    }
  }
  slotStart[rows] = flat.length;
  return Int16Array.from(flat);
})();

/** Place of a row among the keys that state a kind, or -1. */
export const kindPlace: Int8Array = (() => {
  const places = new Int8Array(rows).fill(-1);
  for (let i = kindKeys.length - 1; i >= 0; i--) places[rowId(kindKeys[i]!.key)] = i;
  return places;
})();

export const kindRows = Int16Array.from(kindKeys.map((entry) => rowId(entry.key)));

/** 1 for a row whose presence alone marks a span as an agent's. */
export const strong: Uint8Array = (() => {
  const marks = new Uint8Array(rows).fill(1);
  for (const { key, guard } of aliases) if (guard !== undefined) marks[rowId(key)] = 0;
  for (const key of weakKeys) marks[rowId(key)] = 0;
  for (const key of [...setAside, ...findingKeys, ...samplingKeys, 'sdk_span_type']) marks[rowId(key)] = 0;
  // A bare name that is guarded in one field and open in another counts where it is open.
  for (const { key, guard } of aliases) if (guard === undefined && !weakKeys.includes(key)) marks[rowId(key)] = 1;
  return marks;
})();

/** 1 for rows that a sampler writes. */
export const samplingMark: Uint8Array = (() => {
  const marks = new Uint8Array(rows);
  for (const key of samplingKeys) marks[rowId(key)] = 1;
  return marks;
})();

/** 1 for rows that say, beside a model, that a call was made. */
export const callMark: Uint8Array = (() => {
  const marks = new Uint8Array(rows);
  for (const key of callKeys) marks[rowId(key)] = 1;
  return marks;
})();

export const modelRows = Int16Array.from(modelKeys.map(rowId));

/** 1 for a row that names the model of a call. */
export const modelMark: Uint8Array = (() => {
  const marks = new Uint8Array(rows);
  for (const row of modelRows) marks[row] = 1;
  return marks;
})();

/** Names of `Step.extra` with the rows that can fill each. */
export const factRows: readonly (readonly [name: string, rows: readonly number[]])[] = Object.entries(facts).map(
  ([name, keys]) => [name, keys.map(rowId)],
);

export const exclusiveRow: Uint8Array = (() => {
  const marks = new Uint8Array(rows);
  for (const key of exclusiveKeys) marks[rowId(key)] = 1;
  return marks;
})();

/** Names of the vocabularies; `noVocabulary` marks keys that are everybody's. */
export const vocabularyNames: readonly string[] = [...new Set([...Object.values(vocabularies), ...guardNames])];
export const noVocabulary = 255;

function vocabularyOf(key: string, guard: string | undefined): number {
  // Guards are dialects of their own but for the one within Logfire.
  if (guard !== undefined) return vocabularyNames.indexOf(guard === 'agents' ? 'logfire' : guard);
  let best = '';
  for (const start of Object.keys(vocabularies)) {
    const open = start.endsWith('.') || start.endsWith(':') || start.endsWith('_');
    if ((open ? key.startsWith(start) : key === start) && start.length > best.length) best = start;
  }
  return best === '' ? noVocabulary : vocabularyNames.indexOf(vocabularies[best]!);
}

/** Per field, the vocabulary of each alias. */
export const aliasVocabularies: readonly Uint8Array[] = fieldNames.map((name) =>
  Uint8Array.from(fields[name].map((alias) => vocabularyOf(split(alias).key, split(alias).guard))),
);

export const kindVocabularies = Uint8Array.from(kindKeys, (entry) => vocabularyOf(entry.key, undefined));

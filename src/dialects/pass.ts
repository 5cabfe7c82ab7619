/**
 * One pass over a span's matched rows fills, for every field, the place of its best alias. The result
 * lives in module-level arrays: it is valid until the next `pass`, and nothing else keeps it.
 */
import type { SpanReader, Value } from '../otlp/span.ts';
import {
  aliasGuards,
  aliasRows,
  aliasVocabularies,
  callMark,
  dialectKeys,
  fieldIndex,
  fieldNames,
  guardBit,
  kindPlace,
  kindRows,
  kindVocabularies,
  noVocabulary,
  rowId,
  scopeGuards,
  slotStart,
  slots,
  strong,
  vocabularyNames,
} from './keys.ts';
import { type KindValue, kindKeys, nameKinds } from './kinds.ts';
import { type Field, ownScopes, scopes } from './tables.ts';

const none = 0x7fff;
const best = new Int16Array(fieldNames.length);
const kindFound = new Uint8Array(kindKeys.length);
const spanType = rowId('span.type');
const exactRows = dialectKeys.keys.length;

interface ScopeFacts {
  readonly guards: number;
  readonly agent: boolean;
  readonly own: boolean;
}

/** Facts of scope names. Bounded: names come from the wire. */
const scopeFacts = new Map<string, ScopeFacts>();
const maxScopes = 1000;

export function factsOf(scope: string): ScopeFacts {
  let facts = scopeFacts.get(scope);
  if (facts === undefined) {
    facts = {
      guards: scopeGuards(scope),
      agent: scopes.some((start) => scope.startsWith(start)),
      own: ownScopes.some((start) => scope === start || scope.startsWith(`${start}.`)),
    };
    if (scopeFacts.size >= maxScopes) scopeFacts.clear();
    scopeFacts.set(scope, facts);
  }
  return facts;
}

export interface Pass {
  guards: number;
  strong: boolean;
  call: boolean;
  firstKind: number;
}

const result: Pass = { guards: 0, strong: false, call: false, firstKind: -1 };

/** Looks at every matched row once. */
export function pass(reader: SpanReader): Pass {
  let open = factsOf(reader.scopeName()).guards;
  if (open === 0 && reader.has(spanType) && kindAt(reader, kindPlace[spanType]!) !== undefined) open = guardBit('claude_code');
  best.fill(none);
  kindFound.fill(0);
  let isStrong = false;
  let call = false;
  let firstKind = -1;
  const count = reader.rowCount();
  for (let i = 0; i < count; i++) {
    const row = reader.keyAt(i);
    if (strong[row] === 1) isStrong = true;
    if (callMark[row] === 1) call = true;
    const place = kindPlace[row]!;
    if (place >= 0) {
      kindFound[place] = 1;
      if (firstKind < 0 || place < firstKind) firstKind = place;
    }
    const end = slotStart[row + 1]!;
    for (let s = slotStart[row]!; s < end; s += 3) {
      const guard = slots[s + 2]!;
      if (guard !== 0 && (guard & open) === 0) continue;
      const field = slots[s]!;
      if (slots[s + 1]! < best[field]!) best[field] = slots[s + 1]!;
    }
  }
  result.guards = open;
  result.strong = isStrong;
  result.call = call;
  result.firstKind = firstKind;
  return result;
}

/** True if the span has a key of the field (an index of `fieldIndex`: names would cost a look-up each). */
export function present(field: number): boolean {
  return best[field] !== none;
}

/** Row of the field's best alias, or -1. */
export function bestRow(field: number): number {
  const place = best[field]!;
  return place === none ? -1 : aliasRows[field]![place]!;
}

/** The first usable value of a field: `accept` says what is usable by not returning `undefined`. */
export function pick<T>(
  reader: SpanReader,
  field: number,
  guards: number,
  accept: (value: Value, row: number) => T | undefined,
): T | undefined {
  const place = best[field]!;
  return place === none ? undefined : from(reader, field, place, guards, accept);
}

/** The same without a pass before it: for heavy fields, which are read later. */
export function find<T>(
  reader: SpanReader,
  field: Field,
  guards: number,
  accept: (value: Value, row: number) => T | undefined,
): T | undefined {
  return from(reader, fieldIndex[field], 0, guards, accept);
}

function from<T>(
  reader: SpanReader,
  index: number,
  place: number,
  guards: number,
  accept: (value: Value, row: number) => T | undefined,
): T | undefined {
  const rows = aliasRows[index]!;
  const need = aliasGuards[index]!;
  for (let i = place; i < rows.length; i++) {
    const row = rows[i]!;
    if (need[i] !== 0 && (need[i]! & guards) === 0) continue;
    if (row >= exactRows) {
      if (!reader.hasPrefix(row)) continue;
    } else if (!reader.has(row)) continue;
    const value = accept(row >= exactRows ? undefined : reader.value(row), row);
    if (value !== undefined) return value;
  }
  return undefined;
}

function kindAt(reader: SpanReader, place: number): KindValue | undefined {
  const value = reader.string(kindRows[place]!);
  return value === undefined ? undefined : kindKeys[place]!.kind(value);
}

/** The kind that a key of the span states, best first. */
export function statedKind(reader: SpanReader, firstKind: number): KindValue | undefined {
  if (firstKind < 0) return undefined;
  for (let place = firstKind; place < kindFound.length; place++) {
    if (kindFound[place] === 0) continue;
    const kind = kindAt(reader, place);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

/** The kind that the span's name settles. */
export function namedKind(scope: string, name: string): KindValue | undefined {
  for (const row of nameKinds) if (name.startsWith(row.start) && scope.startsWith(row.scope)) return row.kind;
  return undefined;
}

/** Lists of vocabularies by the sequence in which they were met: spans of one program share a few. Bounded by their number. */
const sequences = new Map<number, readonly string[]>();
const maxSequences = 4096;
const seen = new Uint8Array(vocabularyNames.length);

/** Vocabularies that filled a field, in field order, the kind's first; at most seven. */
export function vocabulariesOf(firstKind: number): readonly string[] {
  seen.fill(0);
  let sequence = 0;
  let length = 0;
  const base = vocabularyNames.length + 1;
  for (let field = -1; field < best.length && length < 7; field++) {
    const place = field < 0 ? firstKind : best[field]!;
    if (place < 0 || place === none) continue;
    const id = field < 0 ? kindVocabularies[place]! : aliasVocabularies[field]![place]!;
    if (id === noVocabulary || seen[id] === 1) continue;
    seen[id] = 1;
    sequence = sequence * base + id + 1;
    length++;
  }
  let names = sequences.get(sequence);
  if (names === undefined) {
    names = decodeSequence(sequence, base);
    if (sequences.size >= maxSequences) sequences.clear();
    sequences.set(sequence, names);
  }
  return names;
}

function decodeSequence(sequence: number, base: number): readonly string[] {
  const names: string[] = [];
  for (let rest = sequence; rest > 0; rest = Math.floor(rest / base)) names.unshift(vocabularyNames[(rest % base) - 1]!);
  return names;
}

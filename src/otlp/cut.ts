/**
 * Cutting requests of any signal at item boundaries. All three have the same three levels: groups by
 * resource, groups by scope, items (spans, metrics, log records), with the group in field 1 of the
 * request and the next level in field 2 of each. A group's own fields (resource, scope, schema URL,
 * unknown ones) go byte for byte into every part that has an item of it, ahead of its items.
 */
import { Piece } from './piece.ts';
import { cursor, lengthEnd, skip, tag } from './wire.ts';

/** Offsets in wire order. Flat, because a request may have a million items. */
export interface Layout {
  readonly body: Uint8Array;
  readonly resources: Groups;
  readonly scopes: Groups;
  /** Rows of `ITEM.width` numbers. */
  readonly items: readonly number[];
  /** Ranges (from, to) of the request's own fields. */
  readonly own: readonly number[];
}

/** One level of groups. */
export interface Groups {
  /** Rows of `GROUP.width` numbers. */
  readonly rows: number[];
  /** Ranges (from, to) of the groups' own fields, one group's behind the other's. */
  readonly own: number[];
}

/** `parent`: row of the resource; `bytes`: of the own fields and the framing; `own`: index of the first range in `Groups.own`. */
const GROUP = { parent: 0, bytes: 1, own: 2, width: 3 } as const;
/** `parent`: row of the scope. */
export const ITEM = { tag: 0, body: 1, end: 2, parent: 3, width: 4 } as const;

type Visit = (start: number, from: number, end: number) => void;

/**
 * Calls `visit(tag's offset, content's offset, end)` for each field with tag `wanted` of the message in
 * [from, end), and notes the ranges of all others in `own`. Throws `WireError`.
 */
export function eachField(body: Uint8Array, from: number, end: number, wanted: number, visit: Visit, own?: number[]): void {
  let at = from;
  let gap = from;
  while (at < end) {
    const start = at;
    const field = tag(body, at, end);
    if (field === wanted) {
      at = lengthEnd(body, cursor.at, end);
      if (own && gap < start) own.push(gap, start);
      gap = at;
      visit(start, cursor.at, at);
    } else at = skip(body, cursor.at, end, field);
  }
  if (own && gap < end) own.push(gap, end);
}

/** The levels of a request. Throws `WireError`. */
export function layoutOf(body: Uint8Array): Layout {
  const resources: Groups = { rows: [], own: [] };
  const scopes: Groups = { rows: [], own: [] };
  const items: number[] = [];
  const own: number[] = [];
  const inRequest: Visit = (start, from, end) => {
    const base = resources.rows.length;
    resources.rows.push(0, end - start, resources.own.length);
    const inResource: Visit = (scopeStart, scopeFrom, scopeEnd) => {
      resources.rows[base + GROUP.bytes]! -= scopeEnd - scopeStart;
      const scope = scopes.rows.length;
      scopes.rows.push(base / GROUP.width, scopeEnd - scopeStart, scopes.own.length);
      const inScope: Visit = (itemStart, itemFrom, itemEnd) => {
        scopes.rows[scope + GROUP.bytes]! -= itemEnd - itemStart;
        items.push(itemStart, itemFrom, itemEnd, scope / GROUP.width);
      };
      eachField(body, scopeFrom, scopeEnd, 18, inScope, scopes.own);
    };
    eachField(body, from, end, 18, inResource, resources.own);
  };
  eachField(body, 0, body.length, 10, inRequest, own);
  return { body, resources, scopes, items, own };
}

function itemCount({ items }: Layout): number {
  return items.length / ITEM.width;
}

function scopeOf({ items }: Layout, item: number): number {
  return items[item * ITEM.width + ITEM.parent] as number;
}

function resourceOf({ scopes }: Layout, scope: number): number {
  return scopes.rows[scope * GROUP.width + GROUP.parent] as number;
}

function addOwn(piece: Piece, { rows, own }: Groups, row: number): void {
  const end = rows[(row + 1) * GROUP.width + GROUP.own] ?? own.length;
  for (let i = rows[row * GROUP.width + GROUP.own] as number; i < end; i += 2) piece.add(own[i] as number, own[i + 1] as number);
}

/**
 * The request with only those of the items [first, last) for which `keep(item)` says so, as a chunk list;
 * groups without a kept item are left out. `undefined` if nothing is left.
 */
export function project(layout: Layout, first: number, last: number, keep: (item: number) => boolean): Uint8Array[] | undefined {
  const { body, resources, scopes, items } = layout;
  const out = new Piece(body);
  for (let i = 0; i < layout.own.length; i += 2) out.add(layout.own[i] as number, layout.own[i + 1] as number);
  let any = false;
  let item = first;
  while (item < last) {
    const resource = resourceOf(layout, scopeOf(layout, item));
    let inResource: Piece | undefined;
    while (item < last && resourceOf(layout, scopeOf(layout, item)) === resource) {
      const scope = scopeOf(layout, item);
      let inScope: Piece | undefined;
      for (; item < last && scopeOf(layout, item) === scope; item++) {
        if (!keep(item)) continue;
        if (!inScope) {
          inScope = new Piece(body);
          addOwn(inScope, scopes, scope);
        }
        inScope.add(items[item * ITEM.width + ITEM.tag] as number, items[item * ITEM.width + ITEM.end] as number);
      }
      if (!inScope) continue;
      if (!inResource) {
        inResource = new Piece(body);
        addOwn(inResource, resources, resource);
      }
      inResource.addFramed(2, inScope);
    }
    if (!inResource) continue;
    out.addFramed(1, inResource);
    any = true;
  }
  out.flush();
  return any ? out.chunks : undefined;
}

/** What copies of groups' own fields may add to all parts together: four times the request, and enough for any small one. */
const COPIES_PER_BYTE = 4;
const COPIES_FREE = 4 * 1024 * 1024;

export type Weight = (item: number, firstOfScope: boolean, firstOfResource: boolean) => number;

/**
 * Cuts into consecutive runs of items whose weights sum to at most `most`; an item heavier than that is
 * alone. Each cut copies the fields of the resource and scope that it cuts through. A hostile request could
 * grow by that without bound (a resource of megabytes, spans of two bytes), so once the copies add up to
 * several times the request, parts are made larger than asked instead.
 */
export function split(layout: Layout, most: number, weight: Weight): Uint8Array[] {
  const { body, scopes, resources } = layout;
  const count = itemCount(layout);
  const always = ownBytes(layout);
  let allowance = body.length * COPIES_PER_BYTE + COPIES_FREE;
  const parts: Uint8Array[] = [];
  const close = (first: number, last: number): void => {
    const chunks = project(layout, first, last, () => true);
    if (chunks) parts.push(join(chunks));
  };
  let start = 0;
  let sum = 0;
  let scope = -1;
  let resource = -1;
  for (let item = 0; item < count; item++) {
    const itsScope = scopeOf(layout, item);
    const itsResource = resourceOf(layout, itsScope);
    const heavy = weight(item, itsScope !== scope, itsResource !== resource);
    sum += heavy;
    if (item > start && sum > most) {
      let copied = always;
      if (itsScope === scope) copied += scopes.rows[scope * GROUP.width + GROUP.bytes] as number;
      if (itsResource === resource) copied += resources.rows[resource * GROUP.width + GROUP.bytes] as number;
      if (copied <= allowance) {
        allowance -= copied;
        close(start, item);
        start = item;
        sum = weight(item, true, true);
      }
    }
    scope = itsScope;
    resource = itsResource;
  }
  if (start === 0) return [body];
  close(start, count);
  return parts;
}

/** Cuts into parts of at most `maxBytes`; an item that alone is larger gets a part of its own. */
export function splitBytes(layout: Layout, maxBytes: number): Uint8Array[] {
  if (layout.body.length <= maxBytes) return [layout.body];
  const parts = split(layout, maxBytes - ownBytes(layout), byteWeight(layout));
  if (parts.length > 1) return parts;
  // Too large only by groups that have no items.
  const chunks = project(layout, 0, itemCount(layout), () => true);
  return chunks ? [join(chunks)] : parts;
}

function byteWeight({ items, scopes, resources }: Layout): Weight {
  return (item, firstOfScope, firstOfResource) => {
    const base = item * ITEM.width;
    let bytes = (items[base + ITEM.end] as number) - (items[base + ITEM.tag] as number);
    if (!firstOfScope) return bytes;
    const scope = (items[base + ITEM.parent] as number) * GROUP.width;
    bytes += scopes.rows[scope + GROUP.bytes] as number;
    if (firstOfResource)
      bytes += resources.rows[(scopes.rows[scope + GROUP.parent] as number) * GROUP.width + GROUP.bytes] as number;
    return bytes;
  };
}

function ownBytes({ own }: Layout): number {
  let bytes = 0;
  for (let i = 0; i < own.length; i += 2) bytes += (own[i + 1] as number) - (own[i] as number);
  return bytes;
}

/** One array of all chunks; the chunk itself if there is only one. */
export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

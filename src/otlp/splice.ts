/**
 * Adds to spans of a received body without re-encoding it: the result is a chunk list of `subarray`s
 * of the body, new bytes, and rewritten length prefixes. Unknown fields survive byte for byte.
 */
import { layoutOf, project, splitBytes } from './cut.ts';
import { RESOURCE, SCOPE, SPAN, type TraceIndex } from './traces.ts';
import { LENGTH, putVarint, varintSize } from './wire.ts';

/** Bytes to append to one span: whole, tagged fields (`5a <len> <Event>`, `4a <len> <KeyValue>`, `7a <len> <Status>`). */
export interface SpanEdit {
  readonly row: number;
  readonly append: Uint8Array;
}

/** `edits` in any order, several per row allowed. Returns `[body]` if there are none. */
export function spliceSpans(index: TraceIndex, edits: readonly SpanEdit[]): Uint8Array[] {
  const { body, spans, scopes, resources } = index;
  if (edits.length === 0) return [body];
  const sorted = [...edits].sort((a, b) => a.row - b.row);

  // First the new lengths, inside out: a longer span may lengthen its own prefix, its scope's and its resource's.
  const added = new Map<number, number>();
  for (const { row, append } of sorted) added.set(row, (added.get(row) ?? 0) + append.length);
  const scopeGrowth = new Map<number, number>();
  for (const [row, bytes] of added) {
    const base = row * SPAN.width;
    const scope = spans[base + SPAN.scope] as number;
    scopeGrowth.set(scope, (scopeGrowth.get(scope) ?? 0) + growth(spans, base, bytes));
  }
  const resourceGrowth = new Map<number, number>();
  for (const [scope, bytes] of scopeGrowth) {
    const base = scope * SCOPE.width;
    const resource = scopes[base + SCOPE.resource] as number;
    resourceGrowth.set(resource, (resourceGrowth.get(resource) ?? 0) + growth(scopes, base, bytes));
  }

  const chunks: Uint8Array[] = [];
  let at = 0;
  const copy = (to: number): void => {
    if (to > at) chunks.push(body.subarray(at, to));
    at = to;
  };
  const reframe = (rows: Uint32Array, base: number, field: number, bytes: number): void => {
    copy(rows[base] as number);
    const length = (rows[base + 2] as number) - (rows[base + 1] as number) + bytes;
    const head = new Uint8Array(1 + varintSize(length));
    head[0] = (field << 3) | LENGTH;
    putVarint(head, 1, length);
    chunks.push(head);
    at = rows[base + 1] as number;
  };
  let lastScope = -1;
  let lastResource = -1;
  for (let i = 0; i < sorted.length; ) {
    const { row } = sorted[i] as SpanEdit;
    const scope = spans[row * SPAN.width + SPAN.scope] as number;
    const resource = scopes[scope * SCOPE.width + SCOPE.resource] as number;
    if (resource !== lastResource) reframe(resources, resource * RESOURCE.width, 1, resourceGrowth.get(resource) as number);
    if (scope !== lastScope) reframe(scopes, scope * SCOPE.width, 2, scopeGrowth.get(scope) as number);
    lastResource = resource;
    lastScope = scope;
    reframe(spans, row * SPAN.width, 2, added.get(row) as number);
    copy(spans[row * SPAN.width + SPAN.end] as number);
    for (; i < sorted.length && (sorted[i] as SpanEdit).row === row; i++) chunks.push((sorted[i] as SpanEdit).append);
  }
  copy(body.length);
  return chunks;
}

/** By how much a framed message [tag, body, end) grows when `bytes` are added to its content. A non-minimal prefix is replaced. */
function growth(rows: Uint32Array, base: number, bytes: number): number {
  const tagAt = rows[base] as number;
  const bodyAt = rows[base + 1] as number;
  const length = (rows[base + 2] as number) - bodyAt + bytes;
  return bytes + 1 + varintSize(length) - (bodyAt - tagAt);
}

/**
 * Cuts a request into requests of at most `maxBytes` each at span boundaries; a span that alone is larger gets a request of its own.
 * Requests made mostly of resource attributes may come in larger parts, see `split`.
 */
export function splitTraces(index: TraceIndex, maxBytes: number): Uint8Array[] {
  return splitBytes(layoutOf(index.body), maxBytes);
}

/** Keeps only the spans for which `keep(row)` says so; empty scopes and resources are left out. `undefined` if none is left. */
export function filterSpans(index: TraceIndex, keep: (row: number) => boolean): Uint8Array[] | undefined {
  return project(layoutOf(index.body), 0, index.spanCount, keep);
}

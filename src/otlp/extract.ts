/** Spans as requests of their own, copied: what outlives the body it came in, and must not pin it. */

import { gather } from './anyvalue.ts';
import { RESOURCE, SCOPE, SPAN, SPLIT, type TraceIndex } from './traces.ts';
import { LENGTH, putVarint, varintSize } from './wire.ts';

/**
 * Copies are cut from slabs: an allocation of its own for each is what a kept step costs most. A slab lives as long as one of
 * its copies, so it is small (the worst case is one kept step a slab), and what is larger than a quarter of it stands alone.
 */
const SLAB = 64 * 1024;
let slab = new Uint8Array(0);
let used = 0;

function allocate(length: number): Uint8Array {
  if (length > SLAB / 4) return Buffer.allocUnsafeSlow(length);
  if (used + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB);
    used = 0;
  }
  const from = used;
  used += length;
  return slab.subarray(from, used);
}

export function extractSpan(index: TraceIndex, row: number): Uint8Array {
  const { body, spans, scopes, resources } = index;
  const span = row * SPAN.width;
  const scope = (spans[span + SPAN.scope] as number) * SCOPE.width;
  const resource = (scopes[scope + SCOPE.resource] as number) * RESOURCE.width;
  const resourceBytes = message(index, resources, resource + RESOURCE.message, resource + RESOURCE.body);
  const scopeBytes = message(index, scopes, scope + SCOPE.message, scope + SCOPE.body);
  const spanBytes = body.subarray(spans[span + SPAN.body] as number, spans[span + SPAN.end] as number);

  const scopeLength = framed(scopeBytes.length) + framed(spanBytes.length);
  const resourceLength = framed(resourceBytes.length) + framed(scopeLength);
  const out = allocate(framed(resourceLength));
  let at = head(out, 0, 1, resourceLength);
  at = head(out, at, 1, resourceBytes.length);
  out.set(resourceBytes, at);
  at = head(out, at + resourceBytes.length, 2, scopeLength);
  at = head(out, at, 1, scopeBytes.length);
  out.set(scopeBytes, at);
  at = head(out, at + scopeBytes.length, 2, spanBytes.length);
  out.set(spanBytes, at);
  return out;
}

/**
 * A request with the spans of `rows` (ascending), their resources and scopes, and below an empty scope the spans of `links` with
 * nothing but their ids. It has a buffer of its own, which may be transferred.
 */
export function extractSpans(index: TraceIndex, rows: readonly number[], links: readonly number[]): Uint8Array<ArrayBuffer> {
  const { body, spans, scopes, resources } = index;
  const groups: Group[] = [];
  for (const row of rows) {
    const span = row * SPAN.width;
    const scope = spans[span + SPAN.scope] as number;
    let group = groups[groups.length - 1];
    if (group?.scope !== scope) {
      const at = scope * SCOPE.width;
      const resource = (scopes[at + SCOPE.resource] as number) * RESOURCE.width;
      group = {
        scope,
        resourceBytes: message(index, resources, resource + RESOURCE.message, resource + RESOURCE.body),
        scopeBytes: message(index, scopes, at + SCOPE.message, at + SCOPE.body),
        spans: [],
        length: 0,
      };
      groups.push(group);
    }
    const bytes = body.subarray(spans[span + SPAN.body] as number, spans[span + SPAN.end] as number);
    group.spans.push(bytes);
    group.length += framed(bytes.length);
  }
  if (links.length > 0) {
    const none = new Uint8Array(0);
    const ids = links.map((row) => idsOf(index, row));
    const length = ids.reduce((sum, bytes) => sum + framed(bytes.length), 0);
    groups.push({ scope: -1, resourceBytes: none, scopeBytes: none, spans: ids, length });
  }
  let total = 0;
  for (const group of groups) total += framed(resourceLength(group));
  const out = new Uint8Array(total);
  let at = 0;
  for (const group of groups) {
    at = head(out, at, 1, resourceLength(group));
    at = put(out, at, 1, group.resourceBytes);
    at = head(out, at, 2, framed(group.scopeBytes.length) + group.length);
    at = put(out, at, 1, group.scopeBytes);
    for (const bytes of group.spans) at = put(out, at, 2, bytes);
  }
  return out;
}

/** The spans of one scope. */
interface Group {
  readonly scope: number;
  readonly resourceBytes: Uint8Array;
  readonly scopeBytes: Uint8Array;
  readonly spans: Uint8Array[];
  /** Of the spans, framed. */
  length: number;
}

function resourceLength({ resourceBytes, scopeBytes, length }: Group): number {
  return framed(resourceBytes.length) + framed(framed(scopeBytes.length) + length);
}

/** A span's trace, own and parent's id as a span. */
function idsOf({ body, spans }: TraceIndex, row: number): Uint8Array {
  const out = new Uint8Array(18 + 10 + 10);
  let at = 0;
  for (const [slot, field, size] of [
    [SPAN.traceId, 1, 16],
    [SPAN.spanId, 2, 8],
    [SPAN.parentId, 4, 8],
  ] as const) {
    const from = spans[row * SPAN.width + slot] as number;
    if (from !== 0) at = put(out, at, field, body.subarray(from, from + size));
  }
  return out.subarray(0, at);
}

function put(out: Uint8Array, at: number, field: number, bytes: Uint8Array): number {
  const from = head(out, at, field, bytes.length);
  out.set(bytes, from);
  return from + bytes.length;
}

function message(index: TraceIndex, rows: Uint32Array, slot: number, body: number): Uint8Array {
  const from = rows[slot] as number;
  const end = rows[slot + 1] as number;
  if (end === SPLIT) return gather(index.buffer, rows[body] as number, rows[body + 1] as number, 10);
  return index.body.subarray(from, end);
}

function framed(length: number): number {
  return 1 + varintSize(length) + length;
}

function head(out: Uint8Array, at: number, field: number, length: number): number {
  out[at] = (field << 3) | LENGTH;
  return putVarint(out, at + 1, length);
}

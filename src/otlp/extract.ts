/** One span as a request of its own, copied: what a step keeps, so that it does not pin the body it came in. */

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

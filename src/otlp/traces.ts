/**
 * The lazy walk over an ExportTraceServiceRequest: one pass, offsets only, no object per span.
 *
 * Ownership: a `TraceIndex` describes exactly one body and is valid as long as that body is not
 * changed. Every offset is a byte offset into that body. Nothing is decoded until a `SpanReader` asks.
 * Order: any field order, split submessages, overlong varints and duplicate fields are accepted;
 * for a scalar that occurs twice the last one stands (protobuf), for an attribute key that occurs
 * twice the first one stands (as in the Collector's pdata).
 * What the walk accepts a `SpanReader` can read: values of known keys, resources, scopes, events and links
 * are checked here, though not decoded. Values of other keys are checked in their framing only.
 */
import { checkKeyValue, checkKeyValues, checkValue } from './check.ts';
import { WireError } from './error.ts';
import type { KeyTable } from './keys.ts';
import { cursor, fixed32, lengthEnd, skip, tag, varint } from './wire.ts';

/** Limits of one request. Exceeding one is a `WireError`, never a truncation. */
export interface WireLimits {
  /** Nesting of AnyValue / KeyValueList. */
  readonly depth: number;
  /** Spans, ScopeSpans and ResourceSpans in one request, each. */
  readonly spans: number;
  /** Attributes of one span that match the key table. */
  readonly attributes: number;
}

/** 32 levels: the Collector's own decoders stop at 100, real values at 6. Counts: 64 MiB of the smallest spans, and ten times the SDKs' cap. */
export const defaultWireLimits: WireLimits = { depth: 32, spans: 1_000_000, attributes: 10_000 };

/** Fields of one row of `spans`, `scopes`, `resources`, `attributes`. */
export const SPAN = {
  tag: 0,
  body: 1,
  end: 2,
  scope: 3,
  traceId: 4,
  spanId: 5,
  parentId: 6,
  name: 7,
  nameEnd: 8,
  startLow: 9,
  startHigh: 10,
  endLow: 11,
  endHigh: 12,
  firstAttribute: 13,
  attributes: 14,
  bits: 15,
  width: 16,
} as const;
export const SCOPE = { tag: 0, body: 1, end: 2, resource: 3, message: 4, messageEnd: 5, width: 6 } as const;
export const RESOURCE = { tag: 0, body: 1, end: 2, message: 3, messageEnd: 4, width: 5 } as const;
/** `value` is the AnyValue's range, or the whole KeyValue's when the value is split (`SPLIT` in `row`). */
export const ATTRIBUTE = { row: 0, key: 1, keyEnd: 2, value: 3, valueEnd: 4, width: 5 } as const;

/** `bits` of a span: kind in 0–7, status code in 8–15. */
const AGENT = 1 << 16;
export const HAS_EVENTS = 1 << 17;
export const HAS_LINKS = 1 << 18;
/** A trace_state or flags field: read by a scan, and seldom set. */
export const HAS_STATE_OR_FLAGS = 1 << 19;
/** The message or value comes in several pieces: its range covers the parent, whoever decodes gathers them. */
export const SPLIT = 0x80000000;

/** The offsets of one body. Read it through `SpanReader`. */
export interface TraceIndex {
  readonly body: Uint8Array;
  /** `body` as a Buffer over the same bytes. */
  readonly buffer: Buffer;
  readonly keys: KeyTable;
  readonly limits: WireLimits;
  readonly spanCount: number;
  readonly spans: Uint32Array;
  readonly scopes: Uint32Array;
  readonly resources: Uint32Array;
  readonly attributes: Uint32Array;
  /** Decoded resources and scopes by row, filled by readers. */
  readonly decoded: { readonly resources: unknown[]; readonly resourceBytes: Uint8Array[]; readonly scopes: unknown[] };
  /** True if span `row` has a key of the table or its scope name starts with one of `keys.scopes`. */
  isAgent(row: number): boolean;
}

class Index implements TraceIndex {
  readonly body: Uint8Array;
  readonly buffer: Buffer;
  readonly keys: KeyTable;
  readonly limits: WireLimits;
  readonly spanCount: number;
  readonly spans: Uint32Array;
  readonly scopes: Uint32Array;
  readonly resources: Uint32Array;
  readonly attributes: Uint32Array;
  readonly decoded = { resources: [] as unknown[], resourceBytes: [] as Uint8Array[], scopes: [] as unknown[] };

  constructor(body: Uint8Array, keys: KeyTable, limits: WireLimits) {
    this.body = body;
    this.buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.keys = keys;
    this.limits = limits;
    this.spanCount = spanCount;
    this.spans = spans.slice(0, spanCount * SPAN.width);
    this.scopes = scopes.slice(0, scopeCount * SCOPE.width);
    this.resources = resources.slice(0, resourceCount * RESOURCE.width);
    this.attributes = attributes.slice(0, attributeCount * ATTRIBUTE.width);
  }

  isAgent(row: number): boolean {
    return ((this.spans[row * SPAN.width + SPAN.bits] as number) & AGENT) !== 0;
  }
}

// Scratch of the walk at hand, reused from body to body; an index takes exact copies. The walk is synchronous, so one is enough.
let spans = new Uint32Array(1_024 * SPAN.width);
let scopes = new Uint32Array(64 * SCOPE.width);
let resources = new Uint32Array(64 * RESOURCE.width);
let attributes = new Uint32Array(16_384 * ATTRIBUTE.width);
let spanCount = 0;
let scopeCount = 0;
let resourceCount = 0;
let attributeCount = 0;
let table: KeyTable;
let bounds: WireLimits;

function grown(array: Uint32Array<ArrayBuffer>, needed: number): Uint32Array<ArrayBuffer> {
  if (needed <= array.length) return array;
  const larger = new Uint32Array(Math.max(needed, array.length * 2));
  larger.set(array);
  return larger;
}

/** Scratch beyond this is given back after the body that needed it. */
const KEEP_WORDS = 4 * 1024 * 1024;

/** Walks `body`. Throws `WireError` (what is wrong, at which byte) on anything that is not a well-formed request. */
export function walkTraces(body: Uint8Array, keys: KeyTable, limits: WireLimits = defaultWireLimits): TraceIndex {
  if (body.length > 0x7fffffff) throw new WireError(`request of ${body.length} bytes is over 2 GiB`, 0);
  try {
    walk(body, keys, limits);
    return new Index(body, keys, limits);
  } finally {
    if (spans.length > KEEP_WORDS) spans = new Uint32Array(1_024 * SPAN.width);
    if (scopes.length > KEEP_WORDS) scopes = new Uint32Array(64 * SCOPE.width);
    if (resources.length > KEEP_WORDS) resources = new Uint32Array(64 * RESOURCE.width);
    if (attributes.length > KEEP_WORDS) attributes = new Uint32Array(16_384 * ATTRIBUTE.width);
  }
}

function walk(body: Uint8Array, keys: KeyTable, limits: WireLimits): void {
  spanCount = scopeCount = resourceCount = attributeCount = 0;
  table = keys;
  bounds = limits;
  const end = body.length;
  let at = 0;
  while (at < end) {
    const start = at;
    const field = tag(body, at, end);
    if (field === 10) {
      const stop = lengthEnd(body, cursor.at, end);
      resourceSpans(body, start, cursor.at, stop);
      at = stop;
    } else at = skip(body, cursor.at, end, field);
  }
}

function resourceSpans(body: Uint8Array, start: number, from: number, end: number): void {
  if (resourceCount >= bounds.spans) throw new WireError(`more than ${bounds.spans} resources in one request`, start);
  const row = resourceCount++;
  resources = grown(resources, resourceCount * RESOURCE.width);
  const base = row * RESOURCE.width;
  resources[base + RESOURCE.tag] = start;
  resources[base + RESOURCE.body] = from;
  resources[base + RESOURCE.end] = end;
  resources[base + RESOURCE.message] = 0;
  resources[base + RESOURCE.messageEnd] = 0;
  let at = from;
  while (at < end) {
    const began = at;
    const field = tag(body, at, end);
    if (field === 18) {
      const stop = lengthEnd(body, cursor.at, end);
      scopeSpans(body, row, began, cursor.at, stop);
      at = stop;
    } else if (field === 10) {
      at = lengthEnd(body, cursor.at, end);
      noteMessage(resources, base + RESOURCE.message, cursor.at, at);
      checkKeyValues(body, cursor.at, at, 10, bounds.depth);
    } else at = skip(body, cursor.at, end, field);
  }
}

/** Range of a singular submessage; a second piece makes it `SPLIT`. */
function noteMessage(array: Uint32Array, slot: number, from: number, end: number): void {
  if ((array[slot] as number) !== 0) {
    array[slot + 1] = SPLIT;
    return;
  }
  array[slot] = from;
  array[slot + 1] = end;
}

function scopeSpans(body: Uint8Array, resource: number, start: number, from: number, end: number): void {
  if (scopeCount >= bounds.spans) throw new WireError(`more than ${bounds.spans} scopes in one request`, start);
  const row = scopeCount++;
  scopes = grown(scopes, scopeCount * SCOPE.width);
  const base = row * SCOPE.width;
  scopes[base + SCOPE.tag] = start;
  scopes[base + SCOPE.body] = from;
  scopes[base + SCOPE.end] = end;
  scopes[base + SCOPE.resource] = resource;
  scopes[base + SCOPE.message] = 0;
  scopes[base + SCOPE.messageEnd] = 0;
  const first = spanCount;
  let agent = false;
  let at = from;
  while (at < end) {
    const began = at;
    const field = tag(body, at, end);
    if (field === 18) {
      const stop = lengthEnd(body, cursor.at, end);
      span(body, row, began, cursor.at, stop);
      at = stop;
    } else if (field === 10) {
      at = lengthEnd(body, cursor.at, end);
      noteMessage(scopes, base + SCOPE.message, cursor.at, at);
      agent = isAgentScope(body, cursor.at, at, agent);
    } else at = skip(body, cursor.at, end, field);
  }
  if (agent) for (let i = first; i < spanCount; i++) spans[i * SPAN.width + SPAN.bits]! |= AGENT;
}

/** `before` is what earlier pieces of a split scope said; the last name stands. */
function isAgentScope(body: Uint8Array, from: number, end: number, before: boolean): boolean {
  checkKeyValues(body, from, end, 26, bounds.depth);
  let found = before;
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === 10) {
      at = lengthEnd(body, cursor.at, end);
      found = table.matchScope(body, cursor.at, at - cursor.at);
    } else at = skip(body, cursor.at, end, field);
  }
  return found;
}

function span(body: Uint8Array, scope: number, start: number, from: number, end: number): void {
  if (spanCount >= bounds.spans) throw new WireError(`more than ${bounds.spans} spans in one request`, start);
  const row = spanCount++;
  const base = row * SPAN.width;
  spans = grown(spans, base + SPAN.width);
  spans.fill(0, base, base + SPAN.width);
  spans[base + SPAN.tag] = start;
  spans[base + SPAN.body] = from;
  spans[base + SPAN.end] = end;
  spans[base + SPAN.scope] = scope;
  const firstAttribute = attributeCount;
  let bits = 0;
  let at = from;
  while (at < end) {
    let field = body[at] as number;
    let next = at + 1;
    // Known fields have one-byte tags; an overlong or unknown one goes the general way.
    if (field >= 0x80 || field < 8) {
      field = tag(body, at, end);
      next = cursor.at;
    }
    switch (field) {
      case 74: {
        const stop = lengthEnd(body, next, end);
        keyValue(body, cursor.at, stop, firstAttribute);
        at = stop;
        break;
      }
      case 10:
        at = identifier(body, next, end, 16, base + SPAN.traceId);
        break;
      case 18:
        at = identifier(body, next, end, 8, base + SPAN.spanId);
        break;
      case 34:
        at = identifier(body, next, end, 8, base + SPAN.parentId);
        break;
      case 42:
        at = lengthEnd(body, next, end);
        spans[base + SPAN.name] = cursor.at;
        spans[base + SPAN.nameEnd] = at;
        break;
      case 48:
        bits = (bits & ~0xff) | enumeration(varint(body, next, end));
        at = cursor.at;
        break;
      case 57:
        at = fixed64(body, next, end, base + SPAN.startLow);
        break;
      case 65:
        at = fixed64(body, next, end, base + SPAN.endLow);
        break;
      case 90:
        bits |= HAS_EVENTS;
        at = lengthEnd(body, next, end);
        checkKeyValues(body, cursor.at, at, 26, bounds.depth);
        break;
      case 106:
        bits |= HAS_LINKS;
        at = lengthEnd(body, next, end);
        checkKeyValues(body, cursor.at, at, 34, bounds.depth);
        break;
      case 122: {
        const stop = lengthEnd(body, next, end);
        bits = statusCode(body, cursor.at, stop, bits);
        at = stop;
        break;
      }
      case 26:
      case 133:
        bits |= HAS_STATE_OR_FLAGS;
        at = skip(body, next, end, field);
        break;
      default:
        at = skip(body, next, end, field);
    }
  }
  const count = attributeCount - firstAttribute;
  spans[base + SPAN.firstAttribute] = firstAttribute;
  spans[base + SPAN.attributes] = count;
  spans[base + SPAN.bits] = count > 0 ? bits | AGENT : bits;
}

/** An id field: stores its offset (0 if empty) and returns the position after it. */
function identifier(body: Uint8Array, from: number, end: number, length: number, slot: number): number {
  const stop = lengthEnd(body, from, end);
  const size = stop - cursor.at;
  if (size !== 0 && size !== length) throw new WireError(`id of ${size} bytes, must be ${length} or none`, from);
  spans[slot] = size === 0 ? 0 : cursor.at;
  return stop;
}

function fixed64(body: Uint8Array, at: number, end: number, slot: number): number {
  if (at + 8 > end) throw new WireError('64-bit value is cut off', at);
  spans[slot] = fixed32(body, at);
  spans[slot + 1] = fixed32(body, at + 4);
  return at + 8;
}

/** An enum in a byte. What no version of the specification names counts as unspecified. */
function enumeration(value: number): number {
  return value < 0x100 ? value : 0;
}

/** A second piece of a split Status changes only what it says. */
function statusCode(body: Uint8Array, from: number, end: number, bits: number): number {
  let result = bits;
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === 24) {
      result = (result & ~0xff00) | (enumeration(varint(body, cursor.at, end)) << 8);
      at = cursor.at;
    } else at = skip(body, cursor.at, end, field);
  }
  return result;
}

function keyValue(body: Uint8Array, from: number, end: number, firstAttribute: number): void {
  let key = 0;
  let keyEnd = 0;
  let value = 0;
  let valueEnd = 0;
  let split = false;
  let at = from;
  while (at < end) {
    let field = body[at] as number;
    let next = at + 1;
    if (field >= 0x80 || field < 8) {
      field = tag(body, at, end);
      next = cursor.at;
    }
    if (field === 10) {
      keyEnd = lengthEnd(body, next, end);
      key = cursor.at;
      at = keyEnd;
    } else if (field === 18) {
      if (value !== 0) split = true;
      valueEnd = lengthEnd(body, next, end);
      value = cursor.at;
      at = valueEnd;
    } else at = skip(body, next, end, field);
  }
  const row = table.match(body, key, keyEnd - key);
  if (row < 0) return;
  if (attributeCount - firstAttribute >= bounds.attributes)
    throw new WireError(`more than ${bounds.attributes} known attributes on one span`, from);
  if (split) checkKeyValue(body, from, end, bounds.depth);
  else checkValue(body, value, valueEnd, bounds.depth);
  const base = attributeCount++ * ATTRIBUTE.width;
  attributes = grown(attributes, base + ATTRIBUTE.width);
  attributes[base + ATTRIBUTE.row] = split ? row | SPLIT : row;
  attributes[base + ATTRIBUTE.key] = key;
  attributes[base + ATTRIBUTE.keyEnd] = keyEnd;
  attributes[base + ATTRIBUTE.value] = split ? from : value;
  attributes[base + ATTRIBUTE.valueEnd] = split ? end : valueEnd;
}

const nothing: KeyTable = {
  keys: [],
  prefixes: [],
  scopes: [],
  id: () => -1,
  prefixId: () => -1,
  match: () => -1,
  matchScope: () => false,
};

/** Number of spans, by a walk that checks the framing but records no attribute. Throws `WireError`. */
export function countSpans(body: Uint8Array): number {
  return walkTraces(body, nothing).spanCount;
}

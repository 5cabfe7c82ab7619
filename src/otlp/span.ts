/**
 * A cursor over one span of a `TraceIndex`. Reused: `at(row)` moves it; nothing it returns points back
 * into the body. What the walk accepted is read without an error, except by `attributes()`, which also
 * decodes keys that the walk passed over.
 */
import { decodeKeyValues, decodeSplitValue, decodeValue, gather } from './anyvalue.ts';
import { extractSpan } from './extract.ts';
import { textAt } from './text.ts';
import { ATTRIBUTE, HAS_EVENTS, HAS_LINKS, HAS_STATE_OR_FLAGS, RESOURCE, SCOPE, SPAN, SPLIT, type TraceIndex } from './traces.ts';
import { cursor, lengthEnd, skip, tag, varint } from './wire.ts';

/** A decoded AnyValue. int64 beyond 2^53 and bytes come as `bigint` and `Uint8Array`. */
export type Value = undefined | string | number | bigint | boolean | Uint8Array | readonly Value[] | ReadonlyMap<string, Value>;

export interface SpanEvent {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: ReadonlyMap<string, Value>;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: ReadonlyMap<string, Value>;
}

export interface SpanReader {
  /** Moves to span `row` of `index`; returns itself. */
  at(index: TraceIndex, row: number): SpanReader;
  readonly index: TraceIndex;
  readonly row: number;
  /** 32 lower-case hex digits; empty if absent or all zero. */
  traceId(): string;
  /** 16 lower-case hex digits; empty if absent or all zero. */
  spanId(): string;
  parentId(): string;
  traceState(): string;
  flags(): number;
  name(): string;
  /** SpanKind enum. */
  kind(): number;
  /** Unix ms, with the fraction. */
  startMs(): number;
  endMs(): number;
  /** Unix nanoseconds, exact. */
  startNs(): bigint;
  endNs(): bigint;
  /** 0 unset, 1 ok, 2 error. */
  statusCode(): number;
  statusMessage(): string;
  /** Value of an exact key of the table (`keys.id(...)`), decoded; `undefined` if the span has none. */
  value(keyId: number): Value;
  /** The string value of a key, or `undefined` if absent or not a string. */
  string(keyId: number): string | undefined;
  /** int, double, or a string that is wholly a finite number; else `undefined`. */
  number(keyId: number): number | undefined;
  has(keyId: number): boolean;
  /** Bytes of the key's value on the wire (0 if absent): a gate before a heavy `string()`. */
  size(keyId: number): number;
  /** Calls `visit(rest of the key, value)` for each attribute under a prefix of the table, in wire order. */
  each(prefixId: number, visit: (rest: string, value: Value) => void): void;
  hasPrefix(prefixId: number): boolean;
  /** Attributes of the span that match the key table: `keyAt(0 … rowCount() - 1)`. One pass over them resolves every field. */
  rowCount(): number;
  /** Row id (exact key or prefix) of matched attribute `i`, in wire order; a key that occurs twice may appear twice. */
  keyAt(i: number): number;
  events(): readonly SpanEvent[];
  hasEvents(): boolean;
  links(): readonly SpanLink[];
  droppedAttributes(): number;
  /** Decoded once per ResourceSpans / ScopeSpans and shared by its spans. */
  resource(): ReadonlyMap<string, Value>;
  /** The encoded Resource message, copied; the same array for all spans of one ResourceSpans. */
  resourceBytes(): Uint8Array;
  scopeName(): string;
  scopeVersion(): string;
  scopeAttributes(): ReadonlyMap<string, Value>;
  /** All attributes, decoded: for tools and tests, not for the span path. Throws `WireError` on a malformed value of a key outside the table. */
  attributes(): ReadonlyMap<string, Value>;
  /**
   * A self-contained request body that holds this span alone with its resource and scope, copied.
   * Walking it with the same table gives the same span at row 0.
   */
  extract(): Uint8Array;
}

interface Scope {
  readonly name: string;
  readonly version: string;
  readonly attributes: ReadonlyMap<string, Value>;
}

const zeroId = /^0*$/;

export function spanReader(): SpanReader {
  return new Reader();
}

class Reader implements SpanReader {
  index!: TraceIndex;
  row = 0;
  private base = 0;
  private firstAttribute = 0;
  private attributeEnd = 0;

  at(index: TraceIndex, row: number): SpanReader {
    if (row < 0 || row >= index.spanCount) throw new RangeError(`span ${row} of ${index.spanCount}`);
    this.index = index;
    this.row = row;
    this.base = row * SPAN.width;
    this.firstAttribute = (index.spans[this.base + SPAN.firstAttribute] as number) * ATTRIBUTE.width;
    this.attributeEnd = this.firstAttribute + (index.spans[this.base + SPAN.attributes] as number) * ATTRIBUTE.width;
    return this;
  }

  private field(slot: number): number {
    return this.index.spans[this.base + slot] as number;
  }

  private identifier(slot: number, bytes: number): string {
    const from = this.field(slot);
    if (from === 0) return '';
    const hex = this.index.buffer.toString('hex', from, from + bytes);
    return hex.charCodeAt(0) === 48 && zeroId.test(hex) ? '' : hex;
  }

  traceId(): string {
    return this.identifier(SPAN.traceId, 16);
  }

  spanId(): string {
    return this.identifier(SPAN.spanId, 8);
  }

  parentId(): string {
    return this.identifier(SPAN.parentId, 8);
  }

  traceState(): string {
    return this.field(SPAN.bits) & HAS_STATE_OR_FLAGS ? (this.scan(26)?.text ?? '') : '';
  }

  flags(): number {
    const found = this.field(SPAN.bits) & HAS_STATE_OR_FLAGS ? this.scan(133) : undefined;
    return found ? this.index.buffer.readUInt32LE(found.from) : 0;
  }

  name(): string {
    return textAt(this.index.buffer, this.field(SPAN.name), this.field(SPAN.nameEnd));
  }

  kind(): number {
    return this.field(SPAN.bits) & 0xff;
  }

  startMs(): number {
    return milliseconds(this.field(SPAN.startLow), this.field(SPAN.startHigh));
  }

  endMs(): number {
    return milliseconds(this.field(SPAN.endLow), this.field(SPAN.endHigh));
  }

  startNs(): bigint {
    return (BigInt(this.field(SPAN.startHigh)) << 32n) | BigInt(this.field(SPAN.startLow));
  }

  endNs(): bigint {
    return (BigInt(this.field(SPAN.endHigh)) << 32n) | BigInt(this.field(SPAN.endLow));
  }

  statusCode(): number {
    return (this.field(SPAN.bits) >>> 8) & 0xff;
  }

  statusMessage(): string {
    const { buffer } = this.index;
    const status = gather(buffer, this.field(SPAN.body), this.field(SPAN.end), 122);
    let message = '';
    let at = 0;
    while (at < status.length) {
      const field = tag(status, at, status.length);
      const next = cursor.at;
      at = skip(status, next, status.length, field);
      if (field === 18) message = textOf(status, next, status.length);
    }
    return message;
  }

  /** Offset of the attribute row of a key, or -1. */
  private find(id: number): number {
    const { attributes } = this.index;
    for (let i = this.firstAttribute; i < this.attributeEnd; i += ATTRIBUTE.width) {
      if (((attributes[i] as number) & ~SPLIT) === id) return i;
    }
    return -1;
  }

  private decode(at: number): Value {
    const { attributes, buffer, limits } = this.index;
    const from = attributes[at + ATTRIBUTE.value] as number;
    const end = attributes[at + ATTRIBUTE.valueEnd] as number;
    if (((attributes[at] as number) & SPLIT) !== 0) return decodeSplitValue(buffer, from, end, limits.depth);
    return from === 0 ? undefined : decodeValue(buffer, from, end, limits.depth);
  }

  value(keyId: number): Value {
    const at = this.find(keyId);
    return at < 0 ? undefined : this.decode(at);
  }

  string(keyId: number): string | undefined {
    const value = this.value(keyId);
    return typeof value === 'string' ? value : undefined;
  }

  number(keyId: number): number | undefined {
    const value = this.value(keyId);
    if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
    if (typeof value === 'bigint') return Number(value);
    if (typeof value !== 'string' || value.trim() === '') return undefined;
    const parsed = Number(value);
    return Number.isFinite(parsed) ? parsed : undefined;
  }

  has(keyId: number): boolean {
    return this.find(keyId) >= 0;
  }

  size(keyId: number): number {
    const at = this.find(keyId);
    if (at < 0) return 0;
    return (this.index.attributes[at + ATTRIBUTE.valueEnd] as number) - (this.index.attributes[at + ATTRIBUTE.value] as number);
  }

  each(prefixId: number, visit: (rest: string, value: Value) => void): void {
    const { attributes, buffer, keys } = this.index;
    const length = Buffer.byteLength(keys.prefixes[prefixId - keys.keys.length] ?? '');
    for (let i = this.firstAttribute; i < this.attributeEnd; i += ATTRIBUTE.width) {
      if (((attributes[i] as number) & ~SPLIT) !== prefixId) continue;
      const from = (attributes[i + ATTRIBUTE.key] as number) + length;
      visit(textAt(buffer, from, attributes[i + ATTRIBUTE.keyEnd] as number), this.decode(i));
    }
  }

  hasPrefix(prefixId: number): boolean {
    return this.find(prefixId) >= 0;
  }

  rowCount(): number {
    return (this.attributeEnd - this.firstAttribute) / ATTRIBUTE.width;
  }

  keyAt(i: number): number {
    return (this.index.attributes[this.firstAttribute + i * ATTRIBUTE.width] as number) & ~SPLIT;
  }

  hasEvents(): boolean {
    return (this.field(SPAN.bits) & HAS_EVENTS) !== 0;
  }

  events(): readonly SpanEvent[] {
    if (!this.hasEvents()) return [];
    const { buffer, limits } = this.index;
    const events: SpanEvent[] = [];
    this.submessages(90, (from, end) => {
      const attributes = new Map<string, Value>();
      decodeKeyValues(buffer, from, end, 26, limits.depth, attributes);
      let name = '';
      let timeMs = 0;
      let at = from;
      while (at < end) {
        const field = tag(buffer, at, end);
        const next = cursor.at;
        at = skip(buffer, next, end, field);
        if (field === 9) timeMs = milliseconds(buffer.readUInt32LE(next), buffer.readUInt32LE(next + 4));
        else if (field === 18) name = textOf(buffer, next, end);
      }
      events.push({ name, timeMs, attributes });
    });
    return events;
  }

  links(): readonly SpanLink[] {
    if ((this.field(SPAN.bits) & HAS_LINKS) === 0) return [];
    const { buffer, limits } = this.index;
    const links: SpanLink[] = [];
    this.submessages(106, (from, end) => {
      const attributes = new Map<string, Value>();
      decodeKeyValues(buffer, from, end, 34, limits.depth, attributes);
      let traceId = '';
      let spanId = '';
      let at = from;
      while (at < end) {
        const field = tag(buffer, at, end);
        const next = cursor.at;
        at = skip(buffer, next, end, field);
        if (field === 10) traceId = hexOf(buffer, next, end);
        else if (field === 18) spanId = hexOf(buffer, next, end);
      }
      links.push({ traceId, spanId, attributes });
    });
    return links;
  }

  droppedAttributes(): number {
    const found = this.scan(80);
    return found ? varint(this.index.buffer, found.from, this.field(SPAN.end)) : 0;
  }

  resource(): ReadonlyMap<string, Value> {
    const { decoded } = this.index;
    const row = this.resourceRow();
    decoded.resources[row] ??= this.decodeResource(row);
    return decoded.resources[row] as ReadonlyMap<string, Value>;
  }

  resourceBytes(): Uint8Array {
    const { decoded, resources, buffer } = this.index;
    const row = this.resourceRow();
    let bytes = decoded.resourceBytes[row];
    if (!bytes) {
      const base = row * RESOURCE.width;
      const split = this.message(resources, base + RESOURCE.message, base + RESOURCE.body, base + RESOURCE.end);
      bytes = new Uint8Array(split ?? buffer.subarray(...this.range(split, resources, base + RESOURCE.message)));
      decoded.resourceBytes[row] = bytes;
    }
    return bytes;
  }

  private resourceRow(): number {
    return this.index.scopes[this.field(SPAN.scope) * SCOPE.width + SCOPE.resource] as number;
  }

  private decodeResource(row: number): ReadonlyMap<string, Value> {
    const { resources, buffer, limits } = this.index;
    const base = row * RESOURCE.width;
    const map = new Map<string, Value>();
    const message = this.message(resources, base + RESOURCE.message, base + RESOURCE.body, base + RESOURCE.end);
    decodeKeyValues(message ?? buffer, ...this.range(message, resources, base + RESOURCE.message), 10, limits.depth, map);
    return map;
  }

  /** The gathered bytes of a split submessage; `undefined` if it is in one piece. */
  private message(rows: Uint32Array, slot: number, body: number, end: number): Buffer | undefined {
    if (rows[slot + 1] !== SPLIT) return undefined;
    return gather(this.index.buffer, rows[body] as number, rows[end] as number, 10);
  }

  private range(message: Buffer | undefined, rows: Uint32Array, slot: number): [number, number] {
    return message ? [0, message.length] : [rows[slot] as number, rows[slot + 1] as number];
  }

  private scope(): Scope {
    const { decoded, scopes, buffer, limits } = this.index;
    const row = this.field(SPAN.scope);
    const known = decoded.scopes[row] as Scope | undefined;
    if (known) return known;
    const base = row * SCOPE.width;
    const message = this.message(scopes, base + SCOPE.message, base + SCOPE.body, base + SCOPE.end);
    const [from, end] = this.range(message, scopes, base + SCOPE.message);
    const bytes = message ?? buffer;
    const attributes = new Map<string, Value>();
    decodeKeyValues(bytes, from, end, 26, limits.depth, attributes);
    let name = '';
    let version = '';
    let at = from;
    while (at < end) {
      const field = tag(bytes, at, end);
      const next = cursor.at;
      at = skip(bytes, next, end, field);
      if (field === 10) name = textOf(bytes, next, end);
      else if (field === 18) version = textOf(bytes, next, end);
    }
    const scope: Scope = { name, version, attributes };
    decoded.scopes[row] = scope;
    return scope;
  }

  scopeName(): string {
    return this.scope().name;
  }

  scopeVersion(): string {
    return this.scope().version;
  }

  scopeAttributes(): ReadonlyMap<string, Value> {
    return this.scope().attributes;
  }

  attributes(): ReadonlyMap<string, Value> {
    const map = new Map<string, Value>();
    decodeKeyValues(this.index.buffer, this.field(SPAN.body), this.field(SPAN.end), 74, this.index.limits.depth, map);
    return map;
  }

  extract(): Uint8Array {
    return extractSpan(this.index, this.row);
  }

  /** The last field with this tag, for the rare ones that the walk does not note. */
  private scan(wanted: number): { readonly from: number; readonly text: string } | undefined {
    const { buffer } = this.index;
    const end = this.field(SPAN.end);
    let found: { readonly from: number; readonly text: string } | undefined;
    let at = this.field(SPAN.body);
    while (at < end) {
      const field = tag(buffer, at, end);
      const next = cursor.at;
      at = skip(buffer, next, end, field);
      if (field === wanted) found = { from: next, text: (field & 7) === 2 ? textOf(buffer, next, end) : '' };
    }
    return found;
  }

  private submessages(wanted: number, visit: (from: number, end: number) => void): void {
    const { buffer } = this.index;
    const end = this.field(SPAN.end);
    let at = this.field(SPAN.body);
    while (at < end) {
      const field = tag(buffer, at, end);
      if (field === wanted) {
        at = lengthEnd(buffer, cursor.at, end);
        visit(cursor.at, at);
      } else at = skip(buffer, cursor.at, end, field);
    }
  }
}

/** 2^32 ns = 4,294.967296 ms. All parts stay below 2^53: whole milliseconds are whole, the rest is the nearest double. */
function milliseconds(low: number, high: number): number {
  const rest = high * 967296 + low;
  const whole = Math.floor(rest / 1e6);
  return high * 4294 + whole + (rest - whole * 1e6) / 1e6;
}

/** The string whose length prefix stands at `at`. */
function textOf(buffer: Buffer, at: number, end: number): string {
  const stop = lengthEnd(buffer, at, end);
  return textAt(buffer, cursor.at, stop);
}

function hexOf(buffer: Buffer, at: number, end: number): string {
  const stop = lengthEnd(buffer, at, end);
  return buffer.toString('hex', cursor.at, stop);
}

/** Decodes AnyValue and the messages made of KeyValues. For agent spans only; the walk never comes here. */
import { WireError } from './error.ts';
import type { Value } from './span.ts';
import { textAt } from './text.ts';
import { cursor, FIXED64, LENGTH, lengthEnd, skip, tag, VARINT, varint, varint64 } from './wire.ts';

/** int64 as a number while it is exact, else as bigint. */
function integer(value: bigint): number | bigint {
  const signed = BigInt.asIntN(64, value);
  return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(signed) : signed;
}

/** The value in [from, end). `depth` levels of nesting are left. An AnyValue without a value is `undefined`. */
export function decodeValue(buffer: Buffer, from: number, end: number, depth: number): Value {
  if (depth < 0) throw new WireError('value is nested too deep', from);
  let value: Value;
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    const next = cursor.at;
    at = skip(buffer, next, end, field);
    const start = (field & 7) === LENGTH ? contentStart(buffer, next, end) : next;
    switch (field) {
      case (1 << 3) | LENGTH:
        value = textAt(buffer, start, at);
        break;
      case (2 << 3) | VARINT:
        value = varint(buffer, start, end) !== 0;
        break;
      case (3 << 3) | VARINT:
        value = at - start < 8 ? varint(buffer, start, end) : integer(varint64(buffer, start, end));
        break;
      case (4 << 3) | FIXED64:
        value = buffer.readDoubleLE(start);
        break;
      case (5 << 3) | LENGTH:
        // Pieces of a split array are merged in place: copying each time would be quadratic in their number.
        value = decodeArray(buffer, start, at, depth - 1, Array.isArray(value) ? value : []);
        break;
      case (6 << 3) | LENGTH: {
        const map: Map<string, Value> = value instanceof Map ? value : new Map();
        decodeKeyValues(buffer, start, at, 10, depth - 1, map);
        value = map;
        break;
      }
      case (7 << 3) | LENGTH:
        value = new Uint8Array(buffer.subarray(start, at));
        break;
    }
  }
  cursor.at = end;
  return value;
}

function contentStart(buffer: Buffer, at: number, end: number): number {
  lengthEnd(buffer, at, end);
  return cursor.at;
}

function decodeArray(buffer: Buffer, from: number, end: number, depth: number, values: Value[]): Value[] {
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    if (field === 10) {
      at = lengthEnd(buffer, cursor.at, end);
      values.push(decodeValue(buffer, cursor.at, at, depth));
    } else at = skip(buffer, cursor.at, end, field);
  }
  return values;
}

/** Adds the KeyValue fields with tag `wanted` of a message to `into`; a key that is there already stands. */
export function decodeKeyValues(
  buffer: Buffer,
  from: number,
  end: number,
  wanted: number,
  depth: number,
  into: Map<string, Value>,
): void {
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    if (field === wanted) {
      at = lengthEnd(buffer, cursor.at, end);
      const [key, value] = decodeKeyValue(buffer, cursor.at, at, depth);
      if (!into.has(key)) into.set(key, value);
    } else at = skip(buffer, cursor.at, end, field);
  }
}

function decodeKeyValue(buffer: Buffer, from: number, end: number, depth: number): readonly [string, Value] {
  let key = '';
  let start = 0;
  let stop = 0;
  let pieces = 0;
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    if (field === 10) {
      at = lengthEnd(buffer, cursor.at, end);
      key = textAt(buffer, cursor.at, at);
    } else if (field === 18) {
      at = lengthEnd(buffer, cursor.at, end);
      start = cursor.at;
      stop = at;
      pieces++;
    } else at = skip(buffer, cursor.at, end, field);
  }
  if (pieces === 0) return [key, undefined];
  return [key, pieces === 1 ? decodeValue(buffer, start, stop, depth) : decodeSplitValue(buffer, from, end, depth)];
}

/** The key of the KeyValue in [from, end), and in how many pieces its value comes. */
export function keyOf(body: Buffer, from: number, end: number): { readonly key: string; readonly values: number } {
  let key = '';
  let values = 0;
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === 10) {
      at = lengthEnd(body, cursor.at, end);
      key = textAt(body, cursor.at, at);
    } else {
      at = skip(body, cursor.at, end, field);
      if (field === 18) values++;
    }
  }
  return { key, values };
}

/** The value of a KeyValue in [from, end) whose AnyValue comes in several pieces: protobuf merges them. */
export function decodeSplitValue(buffer: Buffer, from: number, end: number, depth: number): Value {
  const whole = gather(buffer, from, end, 18);
  return decodeValue(whole, 0, whole.length, depth);
}

/** All pieces of a submessage field (tag `wanted`) of the message in [from, end), one behind the other, copied. */
export function gather(buffer: Buffer, from: number, end: number, wanted: number): Buffer {
  const pieces: Buffer[] = [];
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    if (field === wanted) {
      at = lengthEnd(buffer, cursor.at, end);
      pieces.push(buffer.subarray(cursor.at, at));
    } else at = skip(buffer, cursor.at, end, field);
  }
  return Buffer.concat(pieces);
}

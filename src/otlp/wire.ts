/**
 * Bounds-checked reading of protobuf. Every function takes the end of what it may read and throws
 * `WireError` before it reads past it. The position after a read is in `cursor.at`: a module-level
 * register instead of a result object, so that reading allocates nothing.
 */
import { WireError } from './error.ts';

export const cursor = { at: 0 };

export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH = 2;
export const FIXED32 = 5;

/** An unsigned varint up to 2^53; overlong forms of up to 10 bytes are read. Higher bits of a larger one are kept as a double. */
export function varint(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  if (at >= end) throw new WireError('varint is cut off', from);
  let byte = bytes[at++] as number;
  if (byte < 0x80) {
    cursor.at = at;
    return byte;
  }
  let value = byte & 0x7f;
  let scale = 0x80;
  for (let i = 1; i < 10; i++) {
    if (at >= end) throw new WireError('varint is cut off', from);
    byte = bytes[at++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      cursor.at = at;
      return value;
    }
    scale *= 0x80;
  }
  throw new WireError('varint is longer than 10 bytes', from);
}

/** The exact value of a varint, for int64. */
export function varint64(bytes: Uint8Array, from: number, end: number): bigint {
  let value = 0n;
  let shift = 0n;
  for (let at = from; at < end && at < from + 10; at++) {
    const byte = bytes[at] as number;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = at + 1;
      return BigInt.asUintN(64, value);
    }
    shift += 7n;
  }
  throw new WireError('varint is cut off or longer than 10 bytes', from);
}

/** A field's tag: (number << 3) | wire type. Field number 0 and numbers over 2^29 - 1 are malformed. */
export function tag(bytes: Uint8Array, from: number, end: number): number {
  const value = varint(bytes, from, end);
  if (value < 8 || value > 0xffffffff) throw new WireError('field number is out of range', from);
  return value;
}

/** Length prefix of a submessage, string or bytes; the content is [cursor.at, result). */
export function lengthEnd(bytes: Uint8Array, from: number, end: number): number {
  const length = varint(bytes, from, end);
  const stop = cursor.at + length;
  if (stop > end) throw new WireError(`field of ${length} bytes does not fit in the ${end - cursor.at} left`, from);
  return stop;
}

/** Position after the value of a field whose tag has just been read. */
export function skip(bytes: Uint8Array, from: number, end: number, tagValue: number): number {
  switch (tagValue & 7) {
    case VARINT:
      varint(bytes, from, end);
      return cursor.at;
    case FIXED64:
      if (from + 8 > end) throw new WireError('64-bit value is cut off', from);
      return from + 8;
    case LENGTH:
      return lengthEnd(bytes, from, end);
    case FIXED32:
      if (from + 4 > end) throw new WireError('32-bit value is cut off', from);
      return from + 4;
    default:
      throw new WireError(`wire type ${tagValue & 7} is not used by OTLP`, from);
  }
}

export function fixed32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

/** Bytes that `value` takes as a minimal varint. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Writes a minimal varint at `at`; returns the position after it. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let to = at;
  while (rest >= 0x80) {
    bytes[to++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[to++] = rest;
  return to;
}

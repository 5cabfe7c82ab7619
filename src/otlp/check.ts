/**
 * Checks, without decoding, what a `SpanReader` may decode later: so that whatever the walk accepts can
 * be read without an error. Framing, wire types and nesting; the same rules as `anyvalue.ts`.
 */
import { WireError } from './error.ts';
import { cursor, FIXED64, LENGTH, lengthEnd, skip, tag, VARINT, varint } from './wire.ts';

const STRING = (1 << 3) | LENGTH;
const INT = (3 << 3) | VARINT;
const DOUBLE = (4 << 3) | FIXED64;
const ARRAY = (5 << 3) | LENGTH;
const MAP = (6 << 3) | LENGTH;

/** The AnyValue in [from, end), with `depth` levels of nesting left. Throws `WireError`. */
export function checkValue(body: Uint8Array, from: number, end: number, depth: number): void {
  if (depth < 0) throw new WireError('value is nested too deep', from);
  let at = from;
  while (at < end) {
    const field = body[at] as number;
    // One scalar field is what nearly every value is.
    if (field === STRING) at = lengthEnd(body, at + 1, end);
    else if (field === INT) {
      varint(body, at + 1, end);
      at = cursor.at;
    } else if (field === DOUBLE) at = skip(body, at + 1, end, field);
    else at = checkRareField(body, at, end, depth);
  }
}

function checkRareField(body: Uint8Array, at: number, end: number, depth: number): number {
  const field = tag(body, at, end);
  if (field !== ARRAY && field !== MAP) return skip(body, cursor.at, end, field);
  const stop = lengthEnd(body, cursor.at, end);
  if (field === MAP) checkKeyValues(body, cursor.at, stop, 10, depth - 1);
  else checkArray(body, cursor.at, stop, depth - 1);
  return stop;
}

function checkArray(body: Uint8Array, from: number, end: number, depth: number): void {
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === 10) {
      at = lengthEnd(body, cursor.at, end);
      checkValue(body, cursor.at, at, depth);
    } else at = skip(body, cursor.at, end, field);
  }
}

/** A message in [from, end) whose KeyValues have tag `wanted`: a Resource, a scope, an event, a link, a KeyValueList. */
export function checkKeyValues(body: Uint8Array, from: number, end: number, wanted: number, depth: number): void {
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === wanted) {
      at = lengthEnd(body, cursor.at, end);
      checkKeyValue(body, cursor.at, at, depth);
    } else at = skip(body, cursor.at, end, field);
  }
}

/** All pieces of the value of one KeyValue. */
export function checkKeyValue(body: Uint8Array, from: number, end: number, depth: number): void {
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === 18) {
      at = lengthEnd(body, cursor.at, end);
      checkValue(body, cursor.at, at, depth);
    } else at = skip(body, cursor.at, end, field);
  }
}

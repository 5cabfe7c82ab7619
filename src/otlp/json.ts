/**
 * OTLP/JSON at the door: turned into protobuf on the way in, so there is one path; and back for the
 * file and debug exporters and JSON replies. hex ids, 64-bit integers as strings or numbers, enums as
 * integers (or their names, leniently), unknown members ignored and counted.
 */
import protobuf from 'protobufjs/minimal.js';
import { WireError } from './error.ts';
import { boundJson, parseJson } from './parse.ts';
import { type Field, type Message, messages, requestOf } from './schema.ts';
import type { Signal } from './signal.ts';
import { cursor, FIXED32, FIXED64, LENGTH, lengthEnd, skip, tag, VARINT, varint, varint64 } from './wire.ts';

export interface JsonResult {
  readonly body: Uint8Array;
  /** Members that no field of the schema has. */
  readonly unknownMembers: number;
}

/** Messages within messages. A request of the specification needs 9, an attribute value two more a level. */
const MAX_DEPTH = 100;

const wireTypes: Readonly<Record<string, number>> = {
  string: LENGTH,
  bytes: LENGTH,
  bool: VARINT,
  double: FIXED64,
  int64: VARINT,
  uint64: VARINT,
  fixed64: FIXED64,
  sfixed64: FIXED64,
  uint32: VARINT,
  int32: VARINT,
  sint32: VARINT,
  fixed32: FIXED32,
  enum: VARINT,
};

function wireType(field: Field): number {
  return wireTypes[field.type] ?? LENGTH;
}

/** `text` is one Export…ServiceRequest. Throws `WireError` with the path of the member that is wrong. */
export function jsonToProtobuf(signal: Signal, text: string): JsonResult {
  if (text.length > SMALL_TEXT) boundJson(text, { depth: MAX_JSON_DEPTH });
  return documentToProtobuf(signal, parseJson(text));
}

/** Below this a text cannot make `JSON.parse` take memory that matters, and the depth of messages is bounded below. */
const SMALL_TEXT = 1024 * 1024;
/** Levels of nesting: three a message level. */
const MAX_JSON_DEPTH = 3 * MAX_DEPTH;

/** The same for a parsed document (replay reads JSON itself). */
export function documentToProtobuf(signal: Signal, document: unknown): JsonResult {
  const writer = protobuf.Writer.create();
  const state = { unknown: 0 };
  writeMessage(writer, requestOf[signal], document, '$', 0, state);
  return { body: writer.finish(), unknownMembers: state.unknown };
}

function writeMessage(
  writer: protobuf.Writer,
  name: string,
  value: unknown,
  path: string,
  depth: number,
  state: { unknown: number },
): void {
  if (depth > MAX_DEPTH) throw new WireError(`${path}: nested deeper than ${MAX_DEPTH} levels`);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WireError(`${path}: must be an object, is ${kindOf(value)}`);
  const message = messages[name] as Message;
  for (const key of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    const field = fieldNamed(message, key);
    if (!field) {
      state.unknown++;
      continue;
    }
    if (member === null || member === undefined) continue;
    const at = `${path}.${key}`;
    if (!field.repeated) {
      writeField(writer, field, member, at, depth, state);
      continue;
    }
    if (!Array.isArray(member)) throw new WireError(`${at}: must be an array, is ${kindOf(member)}`);
    if (packs(field)) {
      if (member.length === 0) continue;
      writer.uint32((field.number << 3) | LENGTH).fork();
      for (let i = 0; i < member.length; i++) writeScalar(writer, field, member[i], `${at}[${i}]`);
      writer.ldelim();
      continue;
    }
    for (let i = 0; i < member.length; i++) writeField(writer, field, member[i], `${at}[${i}]`, depth, state);
  }
}

/** By the JSON mapping's name or, as the Collector takes it too, the specification's own (`trace_id`). */
function fieldNamed(message: Message, key: string): Field | undefined {
  if (Object.hasOwn(message, key)) return message[key];
  if (!key.includes('_') || key.length > 64) return undefined;
  const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(message, camel) ? message[camel] : undefined;
}

/** Repeated numbers are written packed, as proto3 does. */
function packs(field: Field): boolean {
  return field.repeated === true && wireType(field) !== LENGTH;
}

function writeField(
  writer: protobuf.Writer,
  field: Field,
  value: unknown,
  path: string,
  depth: number,
  state: { unknown: number },
): void {
  const tagValue = (field.number << 3) | wireType(field);
  if (messages[field.type]) {
    writer.uint32(tagValue).fork();
    writeMessage(writer, field.type, value, path, depth + 1, state);
    writer.ldelim();
    return;
  }
  if (field.type === 'string') {
    if (typeof value !== 'string') throw new WireError(`${path}: must be a string, is ${kindOf(value)}`);
    if (value !== '' || field.oneof || field.repeated) writer.uint32(tagValue).string(value);
  } else if (field.type === 'bytes') {
    const bytes = readBytes(field, value, path);
    if (bytes.length > 0 || field.oneof) writer.uint32(tagValue).bytes(bytes);
  } else writeScalar(writer.uint32(tagValue), field, value, path);
}

/** The value alone of a numeric or boolean field. */
function writeScalar(writer: protobuf.Writer, { type, values }: Field, value: unknown, path: string): void {
  switch (type) {
    case 'bool':
      if (typeof value !== 'boolean') throw new WireError(`${path}: must be true or false, is ${kindOf(value)}`);
      writer.bool(value);
      return;
    case 'double':
      writer.double(readDouble(value, path));
      return;
    case 'enum':
      writer.int32(readEnum(values, value, path));
      return;
    case 'uint32':
    case 'int32':
    case 'sint32':
    case 'fixed32':
      writer[type](Number(readInteger(type, value, path, 32)));
      return;
    default:
      writer[type as 'int64'](bits(readInteger(type, value, path, 64)));
  }
}

/** What protobufjs takes for a 64-bit integer without the `long` package. */
export function bits(value: bigint): protobuf.Long {
  return {
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: false,
  } as protobuf.Long;
}

function readBytes(field: Field, value: unknown, path: string): Uint8Array {
  if (typeof value !== 'string') throw new WireError(`${path}: must be a string, is ${kindOf(value)}`);
  if (value === '') return new Uint8Array(0);
  if (field.hex !== undefined) {
    if (value.length === field.hex * 2 && /^[0-9a-fA-F]+$/.test(value)) return Buffer.from(value, 'hex');
    // Exporters older than the specification's JSON mapping write ids in base64.
    const decoded = Buffer.from(value, 'base64');
    if (decoded.length === field.hex && decoded.toString('base64').replace(/=+$/, '') === value.replace(/=+$/, ''))
      return decoded;
    throw new WireError(`${path}: must be ${field.hex * 2} hex digits, is ${value.length} characters`);
  }
  const decoded = Buffer.from(value, 'base64');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw new WireError(`${path}: must be base64`);
  return decoded;
}

function readDouble(value: unknown, path: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw new WireError(`${path}: must be a number, is ${kindOf(value)}`);
  return number;
}

function readInteger(type: string, value: unknown, path: string, width: number): bigint {
  let number: bigint;
  if (typeof value === 'number' && Number.isInteger(value)) number = BigInt(value);
  else if (typeof value === 'string' && value.length <= 24 && /^-?[0-9]+$/.test(value)) number = BigInt(value);
  else
    throw new WireError(
      `${path}: must be a whole number or a string of digits, is ${typeof value === 'number' ? value : kindOf(value)}`,
    );
  const unsigned = type.startsWith('u') || type.startsWith('f');
  if ((unsigned ? BigInt.asUintN(width, number) : BigInt.asIntN(width, number)) !== number) {
    throw new WireError(`${path}: ${number} does not fit ${type}`);
  }
  return number;
}

function readEnum(values: readonly string[] | undefined, value: unknown, path: string): number {
  const index = typeof value === 'string' ? (values?.indexOf(value) ?? -1) : -1;
  return index >= 0 ? index : Number(readInteger('int32', value, path, 32));
}

function kindOf(value: unknown): string {
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`;
}

// ---- and back ----

const byNumber = new Map<string, Map<number, readonly [string, Field]>>();
for (const [name, message] of Object.entries(messages)) {
  byNumber.set(name, new Map(Object.entries(message).map(([key, field]) => [field.number, [key, field]])));
}

/** One line of OTLP/JSON: hex ids, 64-bit integers as strings, lowerCamelCase. Throws `WireError` on malformed bytes. */
export function protobufToJson(signal: Signal, body: Uint8Array): string {
  return JSON.stringify(protobufToDocument(signal, body));
}

/** The same as a plain object. Unknown fields have no name and are left out. */
export function protobufToDocument(signal: Signal, body: Uint8Array): Record<string, unknown> {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const document: Record<string, unknown> = {};
  readMessage(buffer, 0, buffer.length, requestOf[signal], document, 0);
  return document;
}

function readMessage(
  buffer: Buffer,
  from: number,
  end: number,
  name: string,
  into: Record<string, unknown>,
  depth: number,
): void {
  if (depth > MAX_DEPTH) throw new WireError(`nested deeper than ${MAX_DEPTH} levels`, from);
  const fields = byNumber.get(name) as ReadonlyMap<number, readonly [string, Field]>;
  let at = from;
  while (at < end) {
    const tagValue = tag(buffer, at, end);
    const next = cursor.at;
    at = skip(buffer, next, end, tagValue);
    const known = fields.get(tagValue >>> 3);
    if (!known) continue;
    const [key, field] = known;
    const packed = field.repeated && (tagValue & 7) === LENGTH && wireType(field) !== LENGTH;
    if (!packed && (tagValue & 7) !== wireType(field)) continue;
    if (field.oneof) clearOthers(fields, key, into);
    if (packed) {
      const list = listAt(into, key);
      const stop = lengthEnd(buffer, next, end);
      let item = cursor.at;
      while (item < stop) {
        const after = skip(buffer, item, stop, wireType(field));
        list.push(readScalar(buffer, item, stop, field));
        item = after;
      }
    } else if (messages[field.type]) {
      const stop = lengthEnd(buffer, next, end);
      const start = cursor.at;
      const object = (field.repeated ? {} : (into[key] ?? {})) as Record<string, unknown>;
      readMessage(buffer, start, stop, field.type, object, depth + 1);
      if (field.repeated) listAt(into, key).push(object);
      else into[key] = object;
    } else {
      const value = readScalar(buffer, next, end, field);
      if (field.repeated) listAt(into, key).push(value);
      else into[key] = value;
    }
  }
}

function listAt(into: Record<string, unknown>, key: string): unknown[] {
  into[key] ??= [];
  return into[key] as unknown[];
}

/** The last member of a oneof stands. */
function clearOthers(fields: ReadonlyMap<number, readonly [string, Field]>, key: string, into: Record<string, unknown>): void {
  for (const [other, { oneof }] of fields.values()) if (oneof && other !== key && into[other] !== undefined) delete into[other];
}

function readScalar(buffer: Buffer, at: number, end: number, field: Field): unknown {
  switch (field.type) {
    case 'string': {
      const stop = lengthEnd(buffer, at, end);
      return buffer.toString('utf8', cursor.at, stop);
    }
    case 'bytes': {
      const stop = lengthEnd(buffer, at, end);
      return buffer.toString(field.hex === undefined ? 'base64' : 'hex', cursor.at, stop);
    }
    case 'bool':
      return varint(buffer, at, end) !== 0;
    case 'double': {
      const value = buffer.readDoubleLE(at);
      return Number.isFinite(value) ? value : String(value);
    }
    case 'fixed32':
      return buffer.readUInt32LE(at);
    case 'fixed64':
      return buffer.readBigUInt64LE(at).toString();
    case 'sfixed64':
      return buffer.readBigInt64LE(at).toString();
    case 'int64':
      return BigInt.asIntN(64, varint64(buffer, at, end)).toString();
    case 'uint64':
      return varint64(buffer, at, end).toString();
    case 'sint32': {
      const value = Number(BigInt.asUintN(32, varint64(buffer, at, end)));
      return (value >>> 1) ^ -(value & 1);
    }
    case 'uint32':
      return Number(BigInt.asUintN(32, varint64(buffer, at, end)));
    default:
      return Number(BigInt.asIntN(32, varint64(buffer, at, end)));
  }
}

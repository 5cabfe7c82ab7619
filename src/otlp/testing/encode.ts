/**
 * A protobuf encoder for tests that writes what real exporters avoid but the format allows: any field
 * order, submessages in two pieces, overlong varints. It reads the OTLP/JSON form of a message and
 * shares nothing with the code under test but the schema table.
 */
import { type Field, type Message, messages } from '../schema.ts';

export type Document = Readonly<Record<string, unknown>>;

export interface Shape {
  /** `descending` is how the Go Collector writes: value before key, trace_id and resource last. Elements of one field keep their order. */
  readonly order: 'ascending' | 'descending' | 'shuffled';
  /** Every singular submessage in two pieces. */
  readonly split?: boolean;
  /** Varints of tags, lengths and values are padded with up to this many needless bytes, to 10 at most. */
  readonly padding?: number;
  /** 0 ≤ x < 1; needed for `shuffled` and `padding`. */
  readonly random?: () => number;
}

export const ascending: Shape = { order: 'ascending' };
export const descending: Shape = { order: 'descending' };

/** A small seeded generator (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function encode(name: string, document: Document, shape: Shape): Uint8Array {
  return Buffer.concat(inOrder(fieldsOf(name, document, shape), shape));
}

interface Entry {
  readonly number: number;
  readonly bytes: Uint8Array;
}

function fieldsOf(name: string, document: Document, shape: Shape): Entry[] {
  const entries: Entry[] = [];
  for (const [key, field] of Object.entries(messages[name] as Message).sort((a, b) => a[1].number - b[1].number)) {
    const value = document[key];
    if (value === undefined) continue;
    const values = field.repeated ? (value as readonly unknown[]) : [value];
    for (const one of values) for (const bytes of encodeField(field, one, shape)) entries.push({ number: field.number, bytes });
  }
  return entries;
}

function inOrder(entries: readonly Entry[], { order, random = Math.random }: Shape): Uint8Array[] {
  if (order === 'ascending') return entries.map(({ bytes }) => bytes);
  const queues = new Map<number, Uint8Array[]>();
  for (const { number, bytes } of entries) queues.set(number, [...(queues.get(number) ?? []), bytes]);
  if (order === 'descending') return [...queues].sort((a, b) => b[0] - a[0]).flatMap(([, queue]) => queue);
  const rest = [...queues.values()];
  const out: Uint8Array[] = [];
  while (rest.length > 0) {
    const at = Math.floor(random() * rest.length);
    const queue = rest[at] as Uint8Array[];
    out.push(queue.shift() as Uint8Array);
    if (queue.length === 0) rest.splice(at, 1);
  }
  return out;
}

function encodeField(field: Field, value: unknown, shape: Shape): Uint8Array[] {
  if (!messages[field.type]) return [encodeScalar(field, value, shape)];
  const fields = fieldsOf(field.type, value as Document, shape);
  if (!shape.split || field.repeated) return [framed(field.number, inOrder(fields, shape), shape)];
  const middle = fields.length >> 1;
  return [fields.slice(0, middle), fields.slice(middle)].map((piece) => framed(field.number, inOrder(piece, shape), shape));
}

function framed(number: number, content: readonly Uint8Array[], shape: Shape): Uint8Array {
  const bytes = Buffer.concat(content);
  return Buffer.concat([varint(BigInt((number << 3) | 2), shape), varint(BigInt(bytes.length), shape), bytes]);
}

function encodeScalar(field: Field, value: unknown, shape: Shape): Uint8Array {
  const tagged = (wireType: number, ...bytes: Uint8Array[]): Uint8Array =>
    Buffer.concat([varint(BigInt((field.number << 3) | wireType), shape), ...bytes]);
  switch (field.type) {
    case 'string':
      return framed(field.number, [Buffer.from(value as string)], shape);
    case 'bytes':
      return framed(field.number, [Buffer.from(value as string, field.hex === undefined ? 'base64' : 'hex')], shape);
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(Number(value));
      return tagged(1, bytes);
    }
    case 'fixed32': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value as number);
      return tagged(5, bytes);
    }
    case 'fixed64':
    case 'sfixed64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as string)));
      return tagged(1, bytes);
    }
    case 'sint32': {
      const number = BigInt(value as number);
      return tagged(0, varint(number < 0n ? -2n * number - 1n : 2n * number, shape));
    }
    case 'bool':
      return tagged(0, varint(value ? 1n : 0n, shape));
    default:
      return tagged(0, varint(BigInt.asUintN(64, BigInt(value as string | number)), shape));
  }
}

function varint(value: bigint, { padding = 0, random = Math.random }: Shape): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  } while (rest > 0n);
  const length = Math.min(
    bytes.length > 5 ? 10 : Math.max(bytes.length, 5),
    bytes.length + Math.floor(random() * (padding + 1)),
    10,
  );
  while (bytes.length < length) bytes.push(0x80);
  bytes[bytes.length - 1]! &= 0x7f;
  return Uint8Array.from(bytes);
}

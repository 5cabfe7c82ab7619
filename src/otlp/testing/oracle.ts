/** protobufjs' full decoder over the schema table: the second opinion that the walk, the splice and the JSON mapping are checked against. */
import protobuf from 'protobufjs/light.js';
import { type Field, type Message, messages, requestOf } from '../schema.ts';
import type { Signal } from '../signal.ts';
import type { Document } from './encode.ts';

const root = new protobuf.Root();
for (const [name, message] of Object.entries(messages)) {
  const type = new protobuf.Type(name);
  for (const [key, { number, type: kind, repeated }] of Object.entries(message)) {
    type.add(new protobuf.Field(key, number, kind === 'enum' ? 'int32' : kind, repeated ? 'repeated' : undefined));
  }
  const members = Object.entries(message).flatMap(([key, { oneof }]) => (oneof ? [key] : []));
  if (members.length > 0) type.add(new protobuf.OneOf('which', members));
  root.add(type);
}

/** The request as an OTLP/JSON document with the fields that are on the wire. Throws on malformed bytes. */
export function decode(signal: Signal, body: Uint8Array): Document {
  return decodeMessage(requestOf[signal], body);
}

export function decodeMessage(name: string, body: Uint8Array): Document {
  const type = root.lookupType(name);
  return toDocument(name, type.toObject(type.decode(body), { longs: String, bytes: Uint8Array, json: false }));
}

export function encodeDocument(signal: Signal, document: Document): Uint8Array {
  const type = root.lookupType(requestOf[signal]);
  return type.encode(type.fromObject(fromDocument(requestOf[signal], document))).finish();
}

function mapFields(
  name: string,
  document: Document,
  leaf: (field: Field, value: unknown) => unknown,
  message: typeof toDocument,
): Document {
  const out: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(messages[name] as Message)) {
    const value = document[key];
    if (value === undefined) continue;
    const one = (item: unknown): unknown => (messages[field.type] ? message(field.type, item as Document) : leaf(field, item));
    if (Array.isArray(value) && value.length === 0) continue;
    out[key] = field.repeated ? (value as readonly unknown[]).map(one) : one(value);
  }
  return out;
}

function toDocument(name: string, object: Document): Document {
  return mapFields(
    name,
    object,
    (field, value) => {
      if (field.type === 'bytes') return Buffer.from(value as Uint8Array).toString(field.hex === undefined ? 'base64' : 'hex');
      return field.type === 'double' && !Number.isFinite(value) ? String(value) : value;
    },
    toDocument,
  );
}

function fromDocument(name: string, document: Document): Document {
  return mapFields(
    name,
    document,
    (field, value) => {
      if (field.type === 'bytes') return Buffer.from(value as string, field.hex === undefined ? 'base64' : 'hex');
      return field.type === 'double' ? Number(value) : value;
    },
    fromDocument,
  );
}

/**
 * Plain data as few bytes, for this process only: states of runs that are packed in memory. What is written to disk is `record.ts`.
 *
 * `decode(encode(value))` is what JSON would make of it: objects lose fields that are undefined. Beside that
 * - keys of objects are told once a process: an object is the number of its keys and its values;
 * - a string is told once a value, and one that values of several owners have in common once a process; ids in hex are bytes;
 * - ascending numbers, which sets of hashes are, are told as their distances (Rice code: 2 bits over the information in them).
 * The two tables of the process are bounded. What finds no place in them is told in full.
 */
const TAG = {
  null: 0,
  true: 1,
  false: 2,
  float: 3,
  positive: 4,
  negative: 5,
  latin1: 6,
  utf16: 7,
  hex: 8,
  again: 9,
  common: 10,
  array: 11,
  ascending: 12,
  words: 13,
  unsigned: 14,
  object: 15,
  loose: 16,
  /** And up to 255: 0 to 238. */
  small: 17,
} as const;

/** The shipped detectors have about 200 kinds of objects; keys that spans name may be any. */
const MAX_SHAPES = 4_096;
/** More fields than any object of the shipped detectors has. */
const MAX_KEYS = 32;
/** Names of models, tools, agents and services. */
const MAX_COMMON = 4_096;
const MAX_COMMON_LENGTH = 64;
/** Below it the head of a run of numbers costs what it saves. */
const MIN_NUMBERS = 4;

interface Shape {
  readonly id: number;
  readonly keys: readonly string[];
  readonly next: Map<string, Shape>;
}

const shapes: Shape[] = [{ id: 0, keys: [], next: new Map() }];
const common: string[] = [];
const placeOfCommon = new Map<string, number>();
/** Strings that one owner has had, so far. */
const ownerOf = new Map<string, string>();

let out = Buffer.allocUnsafeSlow(64 * 1024);
let at = 0;
let owner = '';
const told = new Map<string, number>();

function room(bytes: number): void {
  if (at + bytes <= out.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(out.length * 2, at + bytes));
  out.copy(larger, 0, 0, at);
  out = larger;
}

/** The bytes are overwritten by the next call. `of` is whose value it is. */
export function encode(value: unknown, of: string): Buffer {
  at = 0;
  owner = of;
  write(value);
  told.clear();
  const bytes = out.subarray(0, at);
  // One huge value does not hold its room for ever.
  if (out.length > 1024 * 1024) out = Buffer.allocUnsafeSlow(64 * 1024);
  return bytes;
}

function write(value: unknown): void {
  room(16);
  if (typeof value === 'string') writeString(value);
  else if (typeof value === 'number') writeNumber(value);
  else if (value === true) out[at++] = TAG.true;
  else if (value === false) out[at++] = TAG.false;
  else if (typeof value !== 'object' || value === null) out[at++] = TAG.null;
  else if (Array.isArray(value)) writeArray(value);
  else writeObject(value as Readonly<Record<string, unknown>>);
}

function writeNumber(value: number): void {
  if (!Number.isSafeInteger(value)) {
    out[at++] = TAG.float;
    at = out.writeDoubleLE(value, at);
  } else if (value >= 0 && value < 256 - TAG.small) out[at++] = TAG.small + value;
  else {
    out[at++] = value < 0 ? TAG.negative : TAG.positive;
    varint(Math.abs(value));
  }
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): void {
  let rest = value;
  while (rest >= 0x8000_0000) {
    out[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    out[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[at++] = rest;
}

function writeString(text: string): void {
  const again = told.get(text);
  if (again !== undefined) {
    out[at++] = TAG.again;
    varint(again);
    return;
  }
  const known = placeOfCommon.get(text);
  if (known !== undefined) {
    out[at++] = TAG.common;
    varint(known);
    return;
  }
  told.set(text, told.size);
  let isHex = text.length >= 8 && text.length % 2 === 0;
  let isLatin = true;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) isHex = false;
    if (code > 255) {
      isLatin = false;
      break;
    }
  }
  room(16 + 2 * text.length);
  if (isHex && isLatin) {
    out[at++] = TAG.hex;
    varint(text.length / 2);
    at += out.write(text, at, 'hex');
    return;
  }
  out[at++] = isLatin ? TAG.latin1 : TAG.utf16;
  varint(text.length);
  const start = at;
  at += out.write(text, at, isLatin ? 'latin1' : 'utf16le');
  if (isLatin && text.length <= MAX_COMMON_LENGTH && common.length < MAX_COMMON) learn(text, start);
}

/** What a second owner has too is common from now on. The text that is kept is a copy: another may hold the request that it was cut from. */
function learn(text: string, start: number): void {
  const first = ownerOf.get(text);
  if (first === undefined) {
    if (ownerOf.size >= MAX_COMMON) ownerOf.clear();
    ownerOf.set(out.toString('latin1', start, at), owner);
  } else if (first !== owner) {
    ownerOf.delete(text);
    const own = out.toString('latin1', start, at);
    placeOfCommon.set(own, common.length);
    common.push(own);
  }
}

function writeArray(values: readonly unknown[]): void {
  const { length } = values;
  const kind = length < MIN_NUMBERS ? TAG.array : kindOf(values);
  room(16 + 5 * length);
  out[at++] = kind;
  varint(length);
  if (kind === TAG.ascending) writeAscending(values as readonly number[]);
  else if (kind !== TAG.array) for (const value of values) at = out.writeInt32LE((value as number) | 0, at);
  else for (const value of values) write(value);
}

/** Words are numbers of 32 bits. */
function kindOf(values: readonly unknown[]): number {
  let before = 0;
  let ascends = true;
  let large = 0;
  let low = 0;
  let high = 0;
  for (const value of values) {
    if (typeof value !== 'number' || !Number.isInteger(value)) return TAG.array;
    if (value < before) ascends = false;
    before = value;
    if (value >= 2 ** 21 || value <= -(2 ** 21)) large++;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (high >= 2 ** 32 || low < -(2 ** 31) || (low < 0 && high >= 2 ** 31)) return TAG.array;
  if (ascends) return TAG.ascending;
  if (large * 4 < values.length * 3) return TAG.array;
  return low < 0 ? TAG.words : TAG.unsigned;
}

/** Of every distance the low `k` bits, and before them the rest as that many ones and a zero. */
function writeAscending(values: readonly number[]): void {
  const first = values[0] as number;
  const span = (values[values.length - 1] as number) - first;
  const k = Math.max(0, Math.min(31, Math.floor(Math.log2(Math.max(1, span / values.length)))));
  varint(first);
  out[at++] = k;
  let bits = 0;
  let filled = 0;
  let before = first;
  const put = (value: number, width: number): void => {
    bits |= value << filled;
    filled += width;
    while (filled >= 8) {
      out[at++] = bits & 255;
      bits >>>= 8;
      filled -= 8;
    }
  };
  for (let i = 1; i < values.length; i++) {
    const distance = (values[i] as number) - before;
    before = values[i] as number;
    let ones = Math.floor(distance / 2 ** k);
    const low = distance % 2 ** k;
    // The sum of all distances is `span`: of ones there are at most two a value.
    for (; ones >= 8; ones -= 8) put(255, 8);
    put((1 << ones) - 1, ones + 1);
    put(low & 0xffff, Math.min(k, 16));
    if (k > 16) put(low >>> 16, k - 16);
  }
  if (filled > 0) out[at++] = bits & 255;
}

function writeObject(value: Readonly<Record<string, unknown>>): void {
  let shape: Shape | undefined = shapes[0];
  const keys = Object.keys(value);
  let fields = 0;
  for (const key of keys) {
    if (value[key] === undefined) continue;
    fields++;
    shape = shape === undefined ? undefined : nextOf(shape, key);
  }
  if (shape === undefined) {
    out[at++] = TAG.loose;
    varint(fields);
  } else {
    out[at++] = TAG.object;
    varint(shape.id);
  }
  for (const key of keys) {
    const field = value[key];
    if (field === undefined) continue;
    if (shape === undefined) write(key);
    write(field);
  }
}

function nextOf(shape: Shape, key: string): Shape | undefined {
  let next = shape.next.get(key);
  if (next === undefined && shapes.length < MAX_SHAPES && shape.keys.length < MAX_KEYS && key.length <= MAX_COMMON_LENGTH) {
    if (key === '__proto__') return undefined;
    const own = Buffer.from(key).toString();
    next = { id: shapes.length, keys: [...shape.keys, own], next: new Map() };
    shapes.push(next);
    shape.next.set(own, next);
  }
  return next;
}

let source: Buffer = out;
let place = 0;
let heard: string[] = [];

/** Only what `encode` of this process gave. */
export function decode(bytes: Buffer): unknown {
  source = bytes;
  place = 0;
  const value = read();
  heard = [];
  return value;
}

function read(): unknown {
  const tag = source[place++] as number;
  if (tag >= TAG.small) return tag - TAG.small;
  switch (tag) {
    case TAG.true:
      return true;
    case TAG.false:
      return false;
    case TAG.float:
      place += 8;
      return source.readDoubleLE(place - 8);
    case TAG.positive:
      return readVarint();
    case TAG.negative:
      return -readVarint();
    case TAG.latin1:
      return readString('latin1', 1);
    case TAG.utf16:
      return readString('utf16le', 2);
    case TAG.hex:
      return readString('hex', 1);
    case TAG.again:
      return heard[readVarint()];
    case TAG.common:
      return common[readVarint()];
    case TAG.array: {
      const values: unknown[] = [];
      for (let left = readVarint(); left > 0; left--) values.push(read());
      return values;
    }
    case TAG.ascending:
      return readAscending();
    case TAG.words: {
      const values: number[] = [];
      for (let left = readVarint(); left > 0; left--, place += 4) values.push(source.readInt32LE(place));
      return values;
    }
    case TAG.unsigned: {
      const values: number[] = [];
      for (let left = readVarint(); left > 0; left--, place += 4) values.push(source.readUInt32LE(place));
      return values;
    }
    case TAG.object: {
      const value: Record<string, unknown> = {};
      for (const key of (shapes[readVarint()] as Shape).keys) value[key] = read();
      return value;
    }
    case TAG.loose: {
      const value: Record<string, unknown> = {};
      for (let left = readVarint(); left > 0; left--) {
        const key = read() as string;
        // As JSON.parse has it: a field, even with the name of the prototype.
        Object.defineProperty(value, key, { value: read(), writable: true, enumerable: true, configurable: true });
      }
      return value;
    }
    default:
      return null;
  }
}

function readVarint(): number {
  let value = 0;
  let unit = 1;
  for (;;) {
    const byte = source[place++] as number;
    value += (byte & 127) * unit;
    if (byte < 128) return value;
    unit *= 128;
  }
}

function readString(encoding: 'latin1' | 'utf16le' | 'hex', width: number): string {
  const end = readVarint() * width + place;
  const text = source.toString(encoding, place, end);
  place = end;
  heard.push(text);
  return text;
}

function readAscending(): number[] {
  const length = readVarint();
  let value = readVarint();
  const k = source[place++] as number;
  const values = [value];
  let bit = 0;
  const take = (width: number): number => {
    let taken = 0;
    for (let i = 0; i < width; i++, bit++) taken += (((source[place + (bit >> 3)] as number) >> (bit & 7)) & 1) * 2 ** i;
    return taken;
  };
  for (let i = 1; i < length; i++) {
    let ones = 0;
    while (take(1) === 1) ones++;
    value += ones * 2 ** k + take(k);
    values.push(value);
  }
  place += (bit + 7) >> 3;
  return values;
}

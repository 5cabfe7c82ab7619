/**
 * One record of a segment, little endian:
 *
 *     0  u32  magic: format and its version
 *     4  u32  CRC-32 of everything after it
 *     8  u32  bytes of payload
 *    12  u32  stream      CRC-32 of its name
 *    16  f64  sequence    one more than the record's before it, over all segments
 *    24  f64  key         whole and not negative
 *    32  u32  tag         the stream's own
 *    36  u32  1 = removes the key
 *    40       payload
 *
 * Each record stands for itself: after damage the next one is found by its magic and its CRC.
 */
import { crc32 } from 'node:zlib';

export const HEADER_BYTES = 40;
/** "MSL1". A later format has another magic; records of both may stand in one directory. */
const MAGIC = 0x314c534d;
const magicBytes = Buffer.from('MSL1', 'latin1');

export interface RecordHeader {
  readonly stream: number;
  readonly remove: boolean;
  readonly sequence: number;
  readonly key: number;
  readonly tag: number;
  /** Bytes of payload. */
  readonly length: number;
}

/** Writes the header of a record at `at` of `into`, CRC included. */
export function writeHeader(into: Buffer, at: number, record: RecordHeader, chunks: readonly Uint8Array[]): void {
  into.writeUInt32LE(MAGIC, at);
  into.writeUInt32LE(record.length, at + 8);
  into.writeUInt32LE(record.stream, at + 12);
  into.writeDoubleLE(record.sequence, at + 16);
  into.writeDoubleLE(record.key, at + 24);
  into.writeUInt32LE(record.tag, at + 32);
  into.writeUInt32LE(record.remove ? 1 : 0, at + 36);
  let sum = crc32(into.subarray(at + 8, at + HEADER_BYTES));
  for (const chunk of chunks) sum = crc32(chunk, sum);
  into.writeUInt32LE(sum, at + 4);
}

/** The record at `at`, or `undefined` if there is none that is whole. */
export function readRecord(bytes: Buffer, at: number): RecordHeader | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== MAGIC) return undefined;
  const length = bytes.readUInt32LE(at + 8);
  const end = at + HEADER_BYTES + length;
  if (end > bytes.length) return undefined;
  if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return undefined;
  return {
    stream: bytes.readUInt32LE(at + 12),
    remove: bytes.readUInt32LE(at + 36) === 1,
    sequence: bytes.readDoubleLE(at + 16),
    key: bytes.readDoubleLE(at + 24),
    tag: bytes.readUInt32LE(at + 32),
    length,
  };
}

/** What a walk over a segment met: a record, or bytes that are none. */
export type Met =
  | { readonly kind: 'record'; readonly at: number; readonly record: RecordHeader }
  | { readonly kind: 'damage'; readonly at: number; readonly bytes: number; readonly atEnd: boolean };

/** Walks a segment from its start. Never throws; every byte is part of exactly one answer. */
export function* walkSegment(bytes: Buffer): Generator<Met> {
  let at = 0;
  while (at < bytes.length) {
    const record = readRecord(bytes, at);
    if (record !== undefined) {
      yield { kind: 'record', at, record };
      at += HEADER_BYTES + record.length;
      continue;
    }
    const next = nextRecord(bytes, at + 1);
    yield { kind: 'damage', at, bytes: next - at, atEnd: next === bytes.length };
    at = next;
  }
}

/** Offset of the first whole record at or after `from`; the end if there is none. */
function nextRecord(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(magicBytes, from); at >= 0; at = bytes.indexOf(magicBytes, at + 1)) {
    if (readRecord(bytes, at) !== undefined) return at;
  }
  return bytes.length;
}

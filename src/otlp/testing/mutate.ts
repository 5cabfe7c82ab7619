/** Broken bodies: what unit tests run some of and the nightly fuzzer runs millions of. */
import { WireError } from '../error.ts';
import type { KeyTable } from '../keys.ts';
import { spanReader } from '../span.ts';
import { walkTraces } from '../traces.ts';

/** A copy of `body` with one to four faults: bits, bytes, lengths, cuts, repeats, swaps. */
export function mutated(body: Uint8Array, random: () => number): Uint8Array {
  let bytes = Uint8Array.from(body);
  for (let faults = 1 + Math.floor(random() * 4); faults > 0; faults--) bytes = fault(bytes, random);
  return bytes;
}

const telling = [0x00, 0x01, 0x0a, 0x12, 0x4a, 0x7f, 0x80, 0xff, 0x2a, 0x32];

function fault(bytes: Uint8Array<ArrayBuffer>, random: () => number): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return Uint8Array.of(Math.floor(random() * 256));
  const at = Math.floor(random() * bytes.length);
  const other = Math.floor(random() * bytes.length);
  const [from, to] = [Math.min(at, other), Math.min(Math.max(at, other), Math.min(at, other) + 64)];
  switch (Math.floor(random() * 8)) {
    case 0:
      bytes[at]! ^= 1 << Math.floor(random() * 8);
      return bytes;
    case 1:
      bytes[at] = Math.floor(random() * 256);
      return bytes;
    case 2:
      bytes[at] = telling[Math.floor(random() * telling.length)] as number;
      return bytes;
    case 3:
      bytes[at] = (bytes[at] as number) + (random() < 0.5 ? 1 : -1);
      return bytes;
    case 4:
      return bytes.slice(0, at);
    case 5:
      return splice(bytes, from, to, new Uint8Array(0));
    case 6:
      return splice(bytes, other, other, bytes.slice(from, to));
    default:
      return splice(bytes, at, at, Uint8Array.of(0x80, 0x80, 0x80));
  }
}

function splice(bytes: Uint8Array, from: number, to: number, put: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]));
}

const reader = spanReader();

/**
 * Walks `body` and reads all that a detector can. Throws `WireError` if the walk does; an error of a reader
 * is a fault of the walk, which let it through, and is thrown as a plain `Error`.
 */
export function readEverything(body: Uint8Array, keys: KeyTable): void {
  const index = walkTraces(body, keys);
  try {
    for (let row = 0; row < index.spanCount; row++) {
      reader.at(index, row);
      const values = [
        reader.traceId(),
        reader.spanId(),
        reader.parentId(),
        reader.name(),
        reader.kind(),
        reader.startMs(),
        reader.endNs(),
      ];
      values.push(reader.traceState(), reader.flags(), reader.statusCode(), reader.statusMessage(), reader.droppedAttributes());
      reader.events();
      reader.links();
      reader.resource();
      reader.resourceBytes();
      reader.scopeName();
      for (let i = 0; i < reader.rowCount(); i++) {
        const key = reader.keyAt(i);
        if (key < keys.keys.length) reader.value(key);
        else reader.each(key, () => undefined);
      }
      if (values.some((value) => value === undefined || Number.isNaN(value)))
        throw new Error(`span ${row} has an undefined field`);
    }
  } catch (error) {
    throw new Error('the walk accepted what the reader cannot read', { cause: error });
  }
  for (let row = 0; row < index.spanCount; row++) {
    try {
      reader.at(index, row).attributes();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
}

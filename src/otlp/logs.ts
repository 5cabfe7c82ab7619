/**
 * Reads the log records of an ExportLogsServiceRequest that are events, one at a time. Records without an event name, or with
 * one that nobody wants, are passed over: of those only the name is decoded.
 */
import { decodeKeyValues, decodeValue, gather } from './anyvalue.ts';
import { eachField } from './cut.ts';
import { WireError } from './error.ts';
import type { Value } from './span.ts';
import { textAt } from './text.ts';
import { defaultWireLimits } from './traces.ts';
import { cursor, lengthEnd, skip, tag } from './wire.ts';

export interface LogEvent {
  /** `event_name`, else the attribute `event.name`. */
  readonly name: string;
  /** Unix nanoseconds; the time of observation where the record has no other, 0 without both. */
  readonly timeNs: bigint;
  readonly body: Value;
  readonly attributes: ReadonlyMap<string, Value>;
  /** 32 and 16 hex digits; empty if absent or all zero. */
  readonly traceId: string;
  readonly spanId: string;
  readonly scope: string;
  /** The encoded Resource message, copied; the same array for all records of one ResourceLogs. */
  readonly resource: Uint8Array;
}

export interface LogEvents {
  readonly events: readonly LogEvent[];
  /** Records with another name or none. */
  readonly others: number;
  /** Wanted, and nested too deep or broken within a value. */
  readonly unreadable: number;
}

/** Values of attributes and bodies nest as deep as those of spans. */
const { depth } = defaultWireLimits;

/** In wire order. `wanted` sees an event's name and its scope's. Throws `WireError` on malformed framing down to the record. */
export function readEvents(body: Uint8Array, wanted: (name: string, scope: string) => boolean): LogEvents {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const events: LogEvent[] = [];
  let others = 0;
  let unreadable = 0;
  eachField(buffer, 0, buffer.length, 10, (_start, from, end) => {
    let resource: Uint8Array | undefined;
    eachField(buffer, from, end, 18, (_at, scopeFrom, scopeEnd) => {
      const scope = scopeName(buffer, scopeFrom, scopeEnd);
      eachField(buffer, scopeFrom, scopeEnd, 18, (_record, recordFrom, recordEnd) => {
        const name = eventName(buffer, recordFrom, recordEnd);
        if (name === '' || !wanted(name, scope)) {
          others++;
          return;
        }
        resource ??= new Uint8Array(gather(buffer, from, end, 10));
        try {
          events.push({ name, scope, resource, ...readRecord(buffer, recordFrom, recordEnd) });
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
          unreadable++;
        }
      });
    });
  });
  return { events, others, unreadable };
}

function scopeName(buffer: Buffer, from: number, end: number): string {
  const scope = gather(buffer, from, end, 10);
  let name = '';
  eachField(scope, 0, scope.length, 10, (_start, nameFrom, nameEnd) => {
    name = textAt(scope, nameFrom, nameEnd);
  });
  return name;
}

/** Keys are compared as bytes; no value but the name's is decoded. */
function eventName(buffer: Buffer, from: number, end: number): string {
  let stated = '';
  let attribute = '';
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    const next = cursor.at;
    at = skip(buffer, next, end, field);
    if (field === 98) {
      lengthEnd(buffer, next, end);
      stated = textAt(buffer, cursor.at, at);
    } else if (field === 50 && attribute === '') {
      lengthEnd(buffer, next, end);
      if (isNameAttribute(buffer, cursor.at, at)) {
        const found = new Map<string, Value>();
        decodeKeyValues(buffer, next - 1, at, 50, 1, found);
        const value = found.get('event.name');
        if (typeof value === 'string') attribute = value;
      }
    }
  }
  return stated === '' ? attribute : stated;
}

const nameKey = Buffer.from('event.name');

function isNameAttribute(buffer: Buffer, from: number, end: number): boolean {
  let found = false;
  eachField(buffer, from, end, 10, (_start, keyFrom, keyEnd) => {
    found = keyEnd - keyFrom === nameKey.length && buffer.compare(nameKey, 0, nameKey.length, keyFrom, keyEnd) === 0;
  });
  return found;
}

function readRecord(
  buffer: Buffer,
  from: number,
  end: number,
): Pick<LogEvent, 'timeNs' | 'body' | 'attributes' | 'traceId' | 'spanId'> {
  const attributes = new Map<string, Value>();
  decodeKeyValues(buffer, from, end, 50, depth, attributes);
  let time = 0n;
  let observed = 0n;
  let traceId = '';
  let spanId = '';
  let at = from;
  while (at < end) {
    const field = tag(buffer, at, end);
    const next = cursor.at;
    at = skip(buffer, next, end, field);
    if (field === 9) time = buffer.readBigUInt64LE(next);
    else if (field === 89) observed = buffer.readBigUInt64LE(next);
    else if (field === 74) traceId = idAt(buffer, next, at, 16);
    else if (field === 82) spanId = idAt(buffer, next, at, 8);
  }
  const body = gather(buffer, from, end, 42);
  return {
    timeNs: time === 0n ? observed : time,
    body: body.length === 0 ? undefined : decodeValue(body, 0, body.length, depth),
    attributes,
    traceId,
    spanId,
  };
}

function idAt(buffer: Buffer, at: number, end: number, bytes: number): string {
  lengthEnd(buffer, at, end);
  const hex = end - cursor.at === bytes ? buffer.toString('hex', cursor.at, end) : '';
  return /^0*$/.test(hex) ? '' : hex;
}

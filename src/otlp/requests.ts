/** Metrics and logs are forwarded, not examined: this knows just enough of them to count, check and cut. And the replies. */
import protobuf from 'protobufjs/minimal.js';
import { eachField, ITEM, layoutOf, split, splitBytes } from './cut.ts';
import { WireError } from './error.ts';
import { bits } from './json.ts';
import type { Signal } from './signal.ts';
import { countSpans, defaultWireLimits } from './traces.ts';
import { cursor, lengthEnd, skip, tag, varint, varint64 } from './wire.ts';

/** Metrics or log records, and groups of them, in one request: as many as `defaultWireLimits` grants spans. */
const MAX_ITEMS = defaultWireLimits.spans;

/** Spans, data points or log records of a request. Throws `WireError` on malformed framing down to the item and on too many of them. */
export function countItems(signal: Signal, body: Uint8Array): number {
  if (signal === 'traces') return countSpans(body);
  let count = 0;
  let rows = 0;
  const bounded = (start: number): void => {
    if (++rows > MAX_ITEMS)
      throw new WireError(
        `more than ${MAX_ITEMS} ${signal === 'logs' ? 'log records' : signal} and groups in one request`,
        start,
      );
  };
  const item = (start: number, from: number, end: number): void => {
    bounded(start);
    count += signal === 'metrics' ? dataPoints(body, from, end) : 1;
    if (signal === 'logs') checkFraming(body, from, end);
  };
  const scope = (start: number, from: number, end: number): void => {
    bounded(start);
    eachField(body, from, end, 18, item);
  };
  eachField(body, 0, body.length, 10, (start, from, end) => {
    bounded(start);
    eachField(body, from, end, 18, scope);
  });
  return count;
}

/** Points of one metric. gauge, sum, histogram, exponential_histogram and summary all hold them in field 1. */
function dataPoints(body: Uint8Array, from: number, end: number): number {
  let count = 0;
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    if (field === 42 || field === 58 || field === 74 || field === 82 || field === 90) {
      const stop = lengthEnd(body, cursor.at, end);
      let inner = cursor.at;
      while (inner < stop) {
        const innerField = tag(body, inner, stop);
        inner = skip(body, cursor.at, stop, innerField);
        if (innerField === 10) count++;
      }
      at = stop;
    } else at = skip(body, cursor.at, end, field);
  }
  return count;
}

function checkFraming(body: Uint8Array, from: number, end: number): void {
  let at = from;
  while (at < end) {
    const field = tag(body, at, end);
    at = skip(body, cursor.at, end, field);
  }
}

/**
 * Cuts a request into requests of at most `maxBytes` at item boundaries; an item that alone is larger gets a request of its own.
 * Requests made mostly of resource attributes may come in larger parts, see `split`. Returns the body itself if nothing is to be cut.
 */
export function splitRequest(_signal: Signal, body: Uint8Array, maxBytes: number): Uint8Array[] {
  return body.length <= maxBytes ? [body] : splitBytes(layoutOf(body), maxBytes);
}

/** Cuts a request into requests of at most `maxItems` items (spans, log records, data points) each; a metric with more points than that is alone. */
export function splitItems(signal: Signal, body: Uint8Array, maxItems: number): Uint8Array[] {
  const layout = layoutOf(body);
  const { items } = layout;
  if (signal !== 'metrics') return split(layout, maxItems, () => 1);
  return split(layout, maxItems, (item) =>
    Math.max(1, dataPoints(body, items[item * ITEM.width + ITEM.body] as number, items[item * ITEM.width + ITEM.end] as number)),
  );
}

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** Export…ServiceResponse. Without `partial` it is empty: 0 bytes, as the specification asks. */
export function writeResponse(_signal: Signal, partial?: PartialSuccess): Uint8Array {
  const writer = protobuf.Writer.create();
  if (partial) {
    writer.uint32(10).fork();
    writer.uint32(8).int64(bits(BigInt(partial.rejected)));
    if (partial.message !== '') writer.uint32(18).string(partial.message);
    writer.ldelim();
  }
  return writer.finish();
}

/** `undefined` if no partial_success is set or it is empty. Throws `WireError`. */
export function readResponse(_signal: Signal, body: Uint8Array): PartialSuccess | undefined {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let rejected = 0;
  let message = '';
  for (let at = 0; at < buffer.length; ) {
    const field = tag(buffer, at, buffer.length);
    if (field !== 10) {
      at = skip(buffer, cursor.at, buffer.length, field);
      continue;
    }
    const stop = lengthEnd(buffer, cursor.at, buffer.length);
    let inner = cursor.at;
    while (inner < stop) {
      const innerField = tag(buffer, inner, stop);
      const next = cursor.at;
      inner = skip(buffer, next, stop, innerField);
      if (innerField === 8) rejected = Number(BigInt.asIntN(64, varint64(buffer, next, stop)));
      else if (innerField === 18) message = textOf(buffer, next, stop);
    }
    at = stop;
  }
  return rejected === 0 && message === '' ? undefined : { rejected, message };
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** google.rpc.Status, with a RetryInfo detail when `retryAfterMs` is given. */
export function writeStatus(code: number, message: string, retryAfterMs?: number): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(8).int32(code).uint32(18).string(message);
  if (retryAfterMs !== undefined) {
    writer.uint32(26).fork().uint32(10).string(RETRY_INFO).uint32(18).fork().uint32(10).fork();
    const seconds = Math.floor(retryAfterMs / 1_000);
    if (seconds > 0) writer.uint32(8).int64(bits(BigInt(seconds)));
    const nanos = Math.round((retryAfterMs - seconds * 1_000) * 1e6);
    if (nanos > 0) writer.uint32(16).int32(nanos);
    writer.ldelim().ldelim().ldelim();
  }
  return writer.finish();
}

export interface Status {
  readonly code: number;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

/** Throws `WireError` on malformed bytes. */
export function readStatus(body: Uint8Array): Status {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let code = 0;
  let message = '';
  let retryAfterMs: number | undefined;
  for (let at = 0; at < buffer.length; ) {
    const field = tag(buffer, at, buffer.length);
    const next = cursor.at;
    at = skip(buffer, next, buffer.length, field);
    if (field === 8) code = varint(buffer, next, buffer.length);
    else if (field === 18) message = textOf(buffer, next, buffer.length);
    else if (field === 26) retryAfterMs = retryInfo(contentOf(buffer, next)) ?? retryAfterMs;
  }
  return { code, message, retryAfterMs };
}

function retryInfo(any: Buffer): number | undefined {
  let type = '';
  let value: Buffer | undefined;
  for (let at = 0; at < any.length; ) {
    const field = tag(any, at, any.length);
    const next = cursor.at;
    at = skip(any, next, any.length, field);
    if (field === 10) type = textOf(any, next, any.length);
    else if (field === 18) value = contentOf(any, next);
  }
  if (!type.endsWith('/google.rpc.RetryInfo') || !value) return undefined;
  for (let at = 0; at < value.length; ) {
    const field = tag(value, at, value.length);
    const next = cursor.at;
    at = skip(value, next, value.length, field);
    if (field === 10) return durationMs(contentOf(value, next));
  }
  return 0;
}

function durationMs(duration: Buffer): number {
  let ms = 0;
  for (let at = 0; at < duration.length; ) {
    const field = tag(duration, at, duration.length);
    const next = cursor.at;
    at = skip(duration, next, duration.length, field);
    if (field === 8) ms += Number(BigInt.asIntN(64, varint64(duration, next, duration.length))) * 1_000;
    else if (field === 16) ms += Number(BigInt.asIntN(32, varint64(duration, next, duration.length))) / 1e6;
  }
  return Math.max(0, ms);
}

function textOf(buffer: Buffer, at: number, end: number): string {
  const stop = lengthEnd(buffer, at, end);
  return buffer.toString('utf8', cursor.at, stop);
}

function contentOf(buffer: Buffer, at: number): Buffer {
  const stop = lengthEnd(buffer, at, buffer.length);
  return buffer.subarray(cursor.at, stop);
}

/**
 * The lazy walk over an ExportTraceServiceRequest: one pass, offsets only, no object per span.
 *
 * Ownership: a `TraceIndex` describes exactly one body and is valid as long as that body is not
 * changed. Every offset is a byte offset into that body. Nothing is decoded until a `SpanReader` asks.
 * Order: any field order, split submessages, overlong varints and duplicate fields are accepted;
 * for a scalar that occurs twice the last one stands (protobuf), for an attribute key that occurs
 * twice the first one stands (as in the Collector's pdata).
 */
import type { KeyTable } from './keys.ts';

/** Limits of one request. Exceeding one is a `WireError`, never a truncation. */
export interface WireLimits {
  /** Nesting of AnyValue / KeyValueList. Default 32. */
  readonly depth: number;
  /** Spans in one request. Default 1,000,000. */
  readonly spans: number;
  /** Attributes of one span that match the key table. Default 10,000. */
  readonly attributes: number;
}

/** The offsets of one body. Read it through `SpanReader`. */
export interface TraceIndex {
  readonly body: Uint8Array;
  readonly keys: KeyTable;
  readonly spanCount: number;
  /** True if span `row` has a key of the table or its scope name starts with one of `keys.scopes`. */
  isAgent(row: number): boolean;
}

/** Walks `body`. Throws `WireError` (what is wrong, at which byte) on anything that is not a well-formed request. */
export declare function walkTraces(body: Uint8Array, keys: KeyTable, limits?: WireLimits): TraceIndex;

/** Number of spans, by a walk that reads nothing but lengths. Throws `WireError`. */
export declare function countSpans(body: Uint8Array): number;

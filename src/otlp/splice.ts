/**
 * Adds to spans of a received body without re-encoding it: the result is a chunk list of `subarray`s
 * of the body, new bytes, and rewritten length prefixes. Unknown fields survive byte for byte.
 */
import type { TraceIndex } from './traces.ts';

/** Bytes to append to one span: whole, tagged fields (`5a <len> <Event>`, `4a <len> <KeyValue>`, `7a <len> <Status>`). */
export interface SpanEdit {
  readonly row: number;
  readonly append: Uint8Array;
}

/** `edits` in any order, several per row allowed. Returns `[body]` if there are none. */
export declare function spliceSpans(index: TraceIndex, edits: readonly SpanEdit[]): Uint8Array[];

/** Cuts a request into requests of at most `maxBytes` each at span boundaries; a span that alone is larger gets a request of its own. */
export declare function splitTraces(index: TraceIndex, maxBytes: number): Uint8Array[];

/** Keeps only the spans for which `keep(row)` says so; empty scopes and resources are left out. `undefined` if none is left. */
export declare function filterSpans(index: TraceIndex, keep: (row: number) => boolean): Uint8Array[] | undefined;

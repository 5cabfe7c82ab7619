/** Metrics and logs are forwarded, not examined: this knows just enough of them to count, check and cut. And the replies. */
import type { Signal } from '../batch/batch.ts';

/** Spans, data points or log records of a request. Throws `WireError` on malformed framing down to the item. */
export declare function countItems(signal: Signal, body: Uint8Array): number;

/** Cuts a request into requests of at most `maxBytes` at item boundaries (see `splitTraces`). */
export declare function splitRequest(signal: Signal, body: Uint8Array, maxBytes: number): Uint8Array[];

/** Cuts a request into requests of at most `maxItems` items each. */
export declare function splitItems(signal: Signal, body: Uint8Array, maxItems: number): Uint8Array[];

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** Export…ServiceResponse. Without `partial` it is empty: 0 bytes, as the specification asks. */
export declare function writeResponse(signal: Signal, partial?: PartialSuccess): Uint8Array;
/** `undefined` if no partial_success is set or it is empty. Throws `WireError`. */
export declare function readResponse(signal: Signal, body: Uint8Array): PartialSuccess | undefined;

/** google.rpc.Status, with a RetryInfo detail when `retryAfterMs` is given. */
export declare function writeStatus(code: number, message: string, retryAfterMs?: number): Uint8Array;
export declare function readStatus(body: Uint8Array): { readonly code: number; readonly message: string; readonly retryAfterMs: number | undefined };

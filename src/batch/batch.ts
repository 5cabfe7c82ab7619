/**
 * What flows between components: received bytes, never decoded objects.
 *
 * Ownership: a batch and its chunks are immutable. A consumer that wants to change one makes a new
 * batch from chunks of the old (see `withFindings`); so fan-out never copies.
 * Lifetime: after `consume` has settled the producer may drop the batch; a consumer that keeps bytes
 * longer keeps whole chunks (a queue) or copies what it needs (a window); it never keeps a
 * `subarray`, which would pin the whole body.
 */
import type { TraceIndex } from '../otlp/traces.ts';

export type Signal = 'traces' | 'metrics' | 'logs';

export interface Batch {
  readonly signal: Signal;
  /** The concatenation is one valid Export…ServiceRequest: protobuf merges repeated fields. */
  readonly chunks: readonly Uint8Array[];
  /** Sum of the chunks' lengths. */
  readonly bytes: number;
  /** Spans, data points or log records. */
  readonly items: number;
  /**
   * The walk of `chunks`, when there is exactly one chunk and somebody has walked it. Its key table
   * may differ from yours: compare `index.keys` before you trust attribute rows.
   */
  readonly index?: TraceIndex;
  /** Tenant set by the authenticator, else `default`. */
  readonly tenant: string;
  /** Request metadata (lower-case header names), only with `include_metadata`. */
  readonly metadata?: ReadonlyMap<string, readonly string[]>;
}

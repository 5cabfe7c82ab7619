/**
 * What flows between components: received bytes, never decoded objects.
 *
 * Ownership: a batch and its chunks are immutable. A consumer that wants to change one makes a new
 * batch from chunks of the old (see `withFindings`); so fan-out never copies.
 * Lifetime: after `consume` has settled the producer may drop the batch; a consumer that keeps bytes
 * longer keeps whole chunks (a queue) or copies what it needs (a window); it never keeps a
 * `subarray`, which would pin the whole body.
 */
import { countItems } from '../otlp/requests.ts';
import type { Signal } from '../otlp/signal.ts';
import type { TraceIndex } from '../otlp/traces.ts';

export type { Signal } from '../otlp/signal.ts';

export interface Batch {
  readonly signal: Signal;
  /** The concatenation is one valid Export…ServiceRequest: protobuf merges repeated fields. */
  readonly chunks: readonly Uint8Array[];
  /** Sum of the chunks' lengths. */
  readonly bytes: number;
  /** Spans, data points or log records. */
  readonly items: number;
  /** Of these, the ones misstep itself made (carriers, metrics, log events); the ledger counts them apart. Absent = none. */
  readonly generated?: number;
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

/** The whole body in one piece; copies only if there are several chunks. */
export function bodyOf(batch: Batch): Uint8Array {
  const [only] = batch.chunks;
  return only && batch.chunks.length === 1 ? only : Buffer.concat(batch.chunks);
}

/** A batch of one received or written body, counted. Throws `WireError` if the body is malformed. */
export function batchOf(signal: Signal, body: Uint8Array, tenant = 'default'): Batch {
  return { signal, chunks: [body], bytes: body.length, items: countItems(signal, body), tenant };
}

/**
 * One batch of several, by concatenation; nothing is copied or decoded. They must be of one signal and tenant,
 * and have the same metadata, which is taken from the first. Throws if `batches` is empty or they differ.
 */
export function mergeBatches(batches: readonly Batch[]): Batch {
  const [first, ...rest] = batches;
  if (!first) throw new Error('mergeBatches: no batches');
  if (rest.length === 0) return first;
  let bytes = 0;
  let items = 0;
  let generated = 0;
  for (const batch of batches) {
    if (batch.signal !== first.signal) throw new Error(`mergeBatches: ${batch.signal} with ${first.signal}`);
    if (batch.tenant !== first.tenant) throw new Error('mergeBatches: batches of two tenants');
    bytes += batch.bytes;
    items += batch.items;
    generated += batch.generated ?? 0;
  }
  const { signal, tenant, metadata } = first;
  const chunks = batches.flatMap((batch) => batch.chunks);
  return { signal, chunks, bytes, items, tenant, ...(generated > 0 ? { generated } : {}), ...(metadata ? { metadata } : {}) };
}

/**
 * Fills batches. What is added stays the property of the queue (it is counted as queued and was acknowledged); here it
 * waits for company: `min` items or bytes, or the flush timeout. Batches of different tenants or metadata are never
 * mixed. Merging is concatenation of chunk lists; bytes are copied only to cut a request that alone is above `max`.
 */
import type { Batch } from '../batch/batch.ts';
import { splitItems, splitRequest } from '../otlp/requests.ts';
import type { Clock } from './component.ts';
import { cut } from './delivery.ts';

export interface BatchSizes {
  readonly flushTimeoutMs: number;
  readonly min: number;
  /** 0 = no upper bound. */
  readonly max: number;
  readonly sizer: 'items' | 'bytes';
}

/** Whoever put a request in. One request may be cut into several `pieces`. */
export interface Owner {
  pieces: number;
}

/** A batch to send and those whose requests are in it, once for each piece. */
export interface Group<O> {
  readonly batch: Batch;
  readonly owners: readonly O[];
}

interface Open<O> {
  batches: Batch[];
  owners: O[];
  size: number;
  /** Monotonic ms at which the oldest piece came. */
  since: number;
  timer: NodeJS.Timeout | undefined;
}

export class Batcher<O extends Owner> {
  private readonly sizes: BatchSizes;
  private readonly clock: Clock;
  private readonly emit: (group: Group<O>) => void;
  private readonly partitions = new Map<string, Open<O>>();

  constructor(sizes: BatchSizes, clock: Clock, emit: (group: Group<O>) => void) {
    this.sizes = sizes;
    this.clock = clock;
    this.emit = emit;
  }

  /** `owner.pieces` is 1 and is raised if the request is cut. Full batches are emitted before this returns. */
  add(batch: Batch, owner: O): void {
    const { max } = this.sizes;
    const key = partitionOf(batch);
    const size = this.sizeOf(batch);
    let open = this.partitions.get(key);
    if (open !== undefined && max > 0 && open.size + size > max) this.close(open);
    if (max > 0 && size > max) {
      const parts = this.cut(batch);
      owner.pieces = parts.length;
      const rest = parts.pop() as Batch;
      for (const each of parts) this.emit({ batch: each, owners: [owner] });
      if (this.sizeOf(rest) >= this.sizes.min) this.emit({ batch: rest, owners: [owner] });
      else this.put(open ?? this.partition(key), rest, owner);
      return;
    }
    open ??= this.partition(key);
    this.put(open, batch, owner);
    if (open.size >= this.sizes.min) this.close(open);
  }

  /** Sends what waits. */
  flush(): void {
    for (const open of this.partitions.values()) this.close(open);
  }

  /** Sends what waits and lets go of all timers. */
  stop(): void {
    this.flush();
    for (const { timer } of this.partitions.values()) clearTimeout(timer);
    this.partitions.clear();
  }

  private put(open: Open<O>, batch: Batch, owner: O): void {
    if (open.batches.length === 0) open.since = this.clock.monotonic();
    open.batches.push(batch);
    open.owners.push(owner);
    open.size += this.sizeOf(batch);
  }

  private partition(key: string): Open<O> {
    const open: Open<O> = { batches: [], owners: [], size: 0, since: 0, timer: undefined };
    this.partitions.set(key, open);
    this.arm(key, open, this.sizes.flushTimeoutMs);
    return open;
  }

  /** One timer a partition, moved on when a batch went out in the meantime; an idle partition is forgotten. */
  private arm(key: string, open: Open<O>, delay: number): void {
    open.timer = setTimeout(() => {
      if (open.batches.length === 0) {
        this.partitions.delete(key);
        return;
      }
      const left = open.since + this.sizes.flushTimeoutMs - this.clock.monotonic();
      if (left > 0.5) this.arm(key, open, left);
      else {
        this.close(open);
        this.arm(key, open, this.sizes.flushTimeoutMs);
      }
    }, delay);
  }

  private close(open: Open<O>): void {
    if (open.batches.length === 0) return;
    const group: Group<O> = { batch: merge(open.batches), owners: open.owners };
    open.batches = [];
    open.owners = [];
    open.size = 0;
    this.emit(group);
  }

  private cut(batch: Batch): Batch[] {
    const { max, sizer } = this.sizes;
    return [...cut(batch, (body) => (sizer === 'items' ? splitItems : splitRequest)(batch.signal, body, max))];
  }

  private sizeOf(batch: Batch): number {
    return this.sizes.sizer === 'items' ? batch.items : batch.bytes;
  }
}

/** Batches of one partition as one. */
function merge(batches: readonly Batch[]): Batch {
  const [first] = batches;
  if (first === undefined) throw new Error('Batcher: nothing to merge.');
  if (batches.length === 1) return first;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let items = 0;
  for (const batch of batches) {
    for (const chunk of batch.chunks) chunks.push(chunk);
    bytes += batch.bytes;
    items += batch.items;
  }
  const { signal, tenant, metadata } = first;
  return metadata === undefined ? { signal, chunks, bytes, items, tenant } : { signal, chunks, bytes, items, tenant, metadata };
}

function partitionOf(batch: Batch): string {
  const { metadata, tenant } = batch;
  if (metadata === undefined || metadata.size === 0) return tenant;
  return JSON.stringify([tenant, [...metadata].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

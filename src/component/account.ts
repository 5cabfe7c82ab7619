/** One signal of one exporter in the books: every item is in exactly one place after each call. */
import type { Batch, Signal } from '../batch/batch.ts';
import type { ExporterLedger } from './component.ts';

/** Books what an exporter was handed: the part that came in, and the part that misstep made. */
export function bookIn(ledger: ExporterLedger, { signal, items, generated = 0 }: Batch): void {
  if (items > generated) ledger.offered(signal, items - generated);
  if (generated > 0) ledger.generated(signal, generated);
}

export class Account {
  queued = 0;
  inFlight = 0;
  private readonly ledger: ExporterLedger;
  private readonly signal: Signal;

  constructor(ledger: ExporterLedger, signal: Signal) {
    this.ledger = ledger;
    this.signal = signal;
  }

  /** New items, into the queue. */
  enqueued(batch: Batch): void {
    bookIn(this.ledger, batch);
    this.hold(batch.items, 0);
  }

  /** New items that are sent at once. */
  started(batch: Batch): void {
    bookIn(this.ledger, batch);
    this.hold(0, batch.items);
  }

  /** Into the queue, from an earlier process or a predecessor: booked there as kept. */
  restored(items: number): void {
    this.ledger.restored(this.signal, items);
    this.hold(items, 0);
  }

  /** Queued, and left in the storage for the next start. */
  kept(items: number): void {
    this.ledger.kept(this.signal, items);
    this.hold(-items, 0);
  }

  /** From the queue to a sender. */
  taken(items: number): void {
    this.hold(-items, items);
  }

  /** In flight, and left in the storage for the next start. */
  returned(items: number): void {
    this.ledger.kept(this.signal, items);
    this.hold(0, -items);
  }

  /** In flight, and the backend took them, all but the `rejected`. */
  sent(items: number, rejected = 0): void {
    if (items > rejected) this.ledger.sent(this.signal, items - rejected);
    if (rejected > 0) this.ledger.rejected(this.signal, rejected);
    this.hold(0, -items);
  }

  /** In flight, and lost. */
  dropped(items: number, reason: string): void {
    this.ledger.dropped(this.signal, items, reason);
    this.hold(0, -items);
  }

  /** Queued, and lost. */
  abandoned(items: number, reason: string): void {
    this.ledger.dropped(this.signal, items, reason);
    this.hold(-items, 0);
  }

  private hold(queued: number, inFlight: number): void {
    if (queued !== 0) {
      this.queued += queued;
      this.ledger.queued(this.signal, this.queued);
    }
    if (inFlight !== 0) {
      this.inFlight += inFlight;
      this.ledger.inFlight(this.signal, this.inFlight);
    }
  }
}

/**
 * An exporter with queue and retries around a transport: everything about sending that does not depend on the
 * protocol. One lane a signal, as in the Collector: each has its own queue and its own senders.
 */
import type { SendingQueue as QueueOptions, RetryOnFailure } from '../../config/queue.ts';
import type { Batch, Signal } from '../batch/batch.ts';
import type { Storage } from '../storage/storage.ts';
import { Account } from './account.ts';
import { type Component, type Consumer, type ExporterHints, type Host, Refused } from './component.ts';
import { Delivery, messageOf, Reporter, type Transport } from './delivery.ts';
import { batchSizes, SendingQueue } from './queue.ts';
import { QueueStore, storageOf } from './stored.ts';

export interface SenderOptions {
  readonly sending_queue: QueueOptions;
  readonly retry_on_failure: RetryOnFailure;
}

/** What the Collector calls the items of a signal in metric names. */
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];
const ITEMS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'metric_points', logs: 'log_records' };

interface Lane {
  readonly account: Account;
  readonly delivery: Delivery;
  /** Absent if `sending_queue.enabled` is false: then `consume` answers when the backend has answered. */
  readonly queue: SendingQueue | undefined;
}

interface Running {
  readonly host: Host;
  readonly transport: Transport;
  readonly reporter: Reporter;
  readonly storage: Storage | undefined;
}

/** `connect` is called at start; it may throw, and must not wait for the backend. */
export function createSender(
  id: string,
  options: SenderOptions,
  hints: ExporterHints,
  connect: (host: Host) => Transport,
): Component & Consumer {
  return new Sender(id, options, hints, connect);
}

class Sender implements Component, Consumer {
  private readonly id: string;
  private readonly options: SenderOptions;
  private readonly hints: ExporterHints;
  private readonly connect: (host: Host) => Transport;
  private readonly lanes = new Map<Signal, Lane>();
  private running: Running | undefined;
  private stopped: Promise<void> | undefined;
  /** Called when the last delivery without a queue is over. */
  private idle: (() => void) | undefined;

  constructor(id: string, options: SenderOptions, hints: ExporterHints, connect: (host: Host) => Transport) {
    this.id = id;
    this.options = options;
    this.hints = hints;
    this.connect = connect;
  }

  async start(host: Host): Promise<void> {
    const { enabled, storage: id } = this.options.sending_queue;
    const storage = id === undefined || !enabled ? undefined : storageOf(id, host.extension(id));
    this.running = { host, transport: this.connect(host), reporter: new Reporter(host), storage };
    // What an earlier process left must go out even if nothing comes in.
    for (const signal of SIGNALS) if (storage !== undefined && this.hasLeft(storage, signal)) this.open(signal, this.running);
    host.status({ state: 'ok' });
  }

  get keepsIn(): Storage | undefined {
    // A producer that is made to wait puts its request later.
    return this.options.sending_queue.block_on_overflow ? undefined : this.running?.storage;
  }

  consume(batch: Batch): Promise<void> | undefined {
    if (this.running === undefined || this.stopped !== undefined) {
      return Promise.reject(new Refused('shutdown', 'the exporter is not running', 1_000));
    }
    if (batch.items === 0) return undefined;
    const lane = this.lanes.get(batch.signal) ?? this.open(batch.signal, this.running);
    return lane.queue === undefined ? this.direct(lane, batch) : lane.queue.consume(batch);
  }

  shutdown(signal: AbortSignal): Promise<void> {
    this.stopped ??= this.stop(signal);
    return this.stopped;
  }

  private hasLeft(storage: Storage, signal: Signal): boolean {
    for (const _ of storage.stream(this.streamOf(signal)).entries()) return true;
    return false;
  }

  private streamOf(signal: Signal): string {
    return `exporter ${this.id} ${signal}`;
  }

  private async direct({ account, delivery }: Lane, batch: Batch): Promise<void> {
    account.started(batch);
    const error = await delivery.deliver(batch);
    this.idle?.();
    if (error !== undefined) throw error;
  }

  private open(signal: Signal, { host, transport, reporter, storage }: Running): Lane {
    const { sending_queue, retry_on_failure } = this.options;
    const account = new Account(host.ledger.exporter(this.id), signal);
    // What is on disk is not given up after the Collector's five minutes: it is stored for longer troubles than that.
    const retry =
      storage === undefined
        ? retry_on_failure
        : { ...retry_on_failure, max_elapsed_time: retry_on_failure.max_elapsed_time ?? 0 };
    const delivery = new Delivery(transport, retry, account, reporter, host.clock, storage !== undefined);
    const labels = { exporter: this.id, data_type: signal };
    host.meter.observe('otelcol_exporter_in_flight_requests', labels, () => delivery.active, 'Requests being sent or retried.');
    let queue: SendingQueue | undefined;
    if (sending_queue.enabled) {
      const failed = host.meter.counter(`otelcol_exporter_enqueue_failed_${ITEMS[signal]}`, { exporter: this.id });
      const made = new SendingQueue({
        options: sending_queue,
        batch: batchSizes(sending_queue.batch, this.hints.batch),
        budget: this.hints.budget,
        account,
        clock: host.clock,
        deliver: (batch) => delivery.deliver(batch),
        refused: (items) => failed.add(items),
        ...(storage === undefined ? {} : { store: new QueueStore(storage, this.streamOf(signal), signal) }),
        unreadable: (error) =>
          reporter.trouble('unreadable', 'A stored request cannot be read and is lost.', { error: messageOf(error) }),
      });
      queue = made;
      host.meter.observe('otelcol_exporter_queue_size', labels, () => made.used, 'Room taken in the queue, in its sizer.');
      host.meter.observe('otelcol_exporter_queue_capacity', labels, () => made.capacity, 'Room of the queue, in its sizer.');
      host.meter.observe('misstep_exporter_queue_bytes', labels, () => made.usedBytes, 'Bytes held by the queue.');
    }
    const lane: Lane = { account, delivery, queue };
    this.lanes.set(signal, lane);
    void queue?.restore();
    return lane;
  }

  /** Retries end first (each gets one last try), then the queue drains with one try a batch, then the rest is dropped. */
  private async stop(signal: AbortSignal): Promise<void> {
    if (this.running === undefined) return;
    const { host, transport } = this.running;
    const lanes = [...this.lanes.values()];
    for (const { delivery } of lanes) delivery.patience.end();
    const drained = this.options.sending_queue.enabled ? Promise.all(lanes.map(({ queue }) => queue?.drain())) : this.untilIdle();
    const giveUp = () => {
      for (const { delivery } of lanes) delivery.kill();
      for (const { queue } of lanes) queue?.abandon();
      transport.close();
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    await drained;
    await Promise.all(lanes.map(({ queue }) => queue?.release()));
    signal.removeEventListener('abort', giveUp);
    transport.close();
    host.status({ state: 'stopped' });
  }

  private untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.idle = () => {
        for (const { delivery } of this.lanes.values()) if (delivery.active > 0) return;
        resolve();
      };
      this.idle();
    });
  }
}

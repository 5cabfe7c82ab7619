/**
 * The database's thread, as `Records`. When the thread ends, what was asked of it is answered with an error and it is started again, with
 * back-off.
 */
import { Worker } from 'node:worker_threads';
import { Permanent } from '../../src/component/component.ts';
import { type Ingested, type Records, RecordsError, type TenantRecords } from '../../src/component/records.ts';
import { type Answer, type Ask, METHODS, type Setup } from './protocol.ts';

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 30_000;
/** What may wait for the thread: a request is some 100 KB, and a queue stands before it. */
const MOST_ASKED = 1_000;

type Question = Ask extends infer A ? (A extends Ask ? Omit<A, 'id'> : never) : never;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface ClientEvents {
  /** It works, for the first time or again. */
  working(): void;
  failed(error: Error): void;
}

export class Client implements Records {
  private readonly entry: URL;
  private readonly setup: Setup;
  private readonly events: ClientEvents;
  private readonly pending = new Map<number, Pending>();
  private worker: Worker | undefined;
  private timer: NodeJS.Timeout | undefined;
  private retryMs = FIRST_RETRY_MS;
  private nextId = 1;
  private closed = false;

  constructor(entry: URL, setup: Setup, events: ClientEvents) {
    this.entry = entry;
    this.setup = setup;
    this.events = events;
  }

  /** Rejects if the database cannot be opened. */
  async open(): Promise<void> {
    this.launch();
    await this.ask({ kind: 'size' });
  }

  of(tenant: string): TenantRecords {
    const methods = METHODS.map((method) => [method, (...args: unknown[]) => this.ask({ kind: 'ask', tenant, method, args })]);
    return Object.fromEntries(methods) as unknown as TenantRecords;
  }

  ingest(tenant: string, chunks: readonly Uint8Array[]): Promise<Ingested> {
    // A copy of its own, which goes over without another.
    const body = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    return this.ask({ kind: 'ingest', tenant, body }, [body.buffer]) as Promise<Ingested>;
  }

  retain(): Promise<number> {
    return this.ask({ kind: 'retain' }) as Promise<number>;
  }

  size(): Promise<number> {
    return this.ask({ kind: 'size' }) as Promise<number>;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.ask({ kind: 'close' }).catch(() => undefined);
    await this.worker?.terminate();
  }

  /** For tests: as if the thread had crashed before it answered anything that it has been asked. */
  kill(): void {
    this.worker?.removeAllListeners('message');
    void this.worker?.terminate();
  }

  private ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const { worker } = this;
    if (worker === undefined) return Promise.reject(new RecordsError('the database does not answer; it is being opened again'));
    if (this.pending.size >= MOST_ASKED) return Promise.reject(new RecordsError(`${MOST_ASKED} questions wait for the database`));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      worker.postMessage({ ...question, id }, transfer);
    });
  }

  private launch(): void {
    const worker = new Worker(this.entry, { workerData: this.setup });
    this.worker = worker;
    worker.on('message', (answer: Answer) => {
      const asked = this.pending.get(answer.id);
      this.pending.delete(answer.id);
      if (asked === undefined) return;
      if ('error' in answer) {
        asked.reject(errorOf(answer));
        return;
      }
      if (this.retryMs !== FIRST_RETRY_MS || answer.id === 1) this.events.working();
      this.retryMs = FIRST_RETRY_MS;
      asked.resolve(answer.value);
    });
    let reason = new Error('the thread ended');
    worker.on('error', (error) => {
      reason = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', () => this.ended(worker, reason));
  }

  private ended(worker: Worker, reason: Error): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    for (const { reject } of this.pending.values()) reject(new RecordsError(`the database's thread ended: ${reason.message}`));
    this.pending.clear();
    if (this.closed) return;
    this.events.failed(reason);
    this.timer = setTimeout(() => this.launch(), this.retryMs);
    this.timer.unref();
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
  }
}

/** Errors lose their class on the way from thread to thread. */
function errorOf({ name, error }: { readonly name: string; readonly error: string }): Error {
  if (name === 'RangeError') return new RangeError(error);
  return name === 'WireError' ? new Permanent(error) : new RecordsError(error);
}

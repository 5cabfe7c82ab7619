/**
 * What of a pool of workers outlives them and the process, in three streams of a storage: the journals of the workers, one stream for
 * all, as a `DetectorHost` without workers writes it; requests that wait for a worker's answer; findings that are not handed on yet.
 *
 * Law:
 * - What a worker's answer brings is written in one group: its records, its findings, and after that is committed the removal of what
 *   they stand for and of the request that was answered. So at any time a request or what became of it is on disk.
 * - A group that cannot be written is owed and tried again before anything else is acknowledged.
 */

import { type Numbers, nextNumber, runIn } from '../../src/detector/journal.ts';
import { type Emission, noTarget } from '../../src/detector/run.ts';
import { type Storage, StorageError, type Stream } from '../../src/storage/storage.ts';
import type { Changes, StoredRecord } from './recorder.ts';

/** Between the numbers of a pool and those of the one that it replaces, which may still count on. */
const GAP = 2 ** 32;

interface Put {
  readonly stream: Stream;
  readonly key: number;
  readonly tag: number;
  readonly bytes: readonly Uint8Array[];
}

interface Change {
  readonly puts: readonly Put[];
  readonly removes: readonly (readonly [Stream, number])[];
}

export interface WaitingRequest {
  readonly key: number;
  readonly tenant: string;
  readonly body: Uint8Array;
}

export class WorkerStore {
  readonly storage: Storage;
  /** So that it can stand for a host where findings are answered for. */
  readonly journal: { readonly storage: Storage };
  private readonly windows: Stream;
  private readonly requests: Stream;
  private readonly findings: Stream;
  /** Keys of records, by worker. */
  private readonly keys: readonly Set<number>[];
  private readonly outbox = new Map<Emission, number>();
  /** Keys of findings that are to be on disk. */
  private readonly kept = new Set<number>();
  /** By worker, above all that it has used. */
  private readonly firsts: number[];
  private nextKey: number;
  private owed: Change[] = [];
  private open: boolean;

  /** With `open` false nothing is written until `begin`: a predecessor still has the streams. */
  constructor(storage: Storage, name: string, workers: number, open: boolean) {
    this.storage = storage;
    this.journal = { storage };
    this.windows = storage.stream(name);
    this.requests = storage.stream(`${name} requests`);
    this.findings = storage.stream(`${name} findings`);
    this.keys = Array.from({ length: workers }, () => new Set<number>());
    this.open = open;
    const gap = open ? 0 : GAP;
    const first = nextNumber(this.windows) + gap;
    this.firsts = this.keys.map((_, worker) => first + worker);
    this.nextKey = Math.max(nextNumber(this.requests), nextNumber(this.findings)) + gap;
  }

  /** For the journal of a worker: numbers that neither another one nor the one before it has given. */
  numbers(worker: number): Numbers {
    return { first: this.firsts[worker] as number, step: this.keys.length };
  }

  /** The streams are this one's. */
  begin(): void {
    this.open = true;
    this.retry();
  }

  /** Gives every record to the worker that `placeOf` its run's key says. Once, at the start. */
  async assign(placeOf: (runKey: string) => number, unreadable: (error: Error) => void): Promise<void> {
    // What is there is the predecessor's, which still works on it.
    if (!this.open) return;
    const runOf = new Map<number, number>();
    const keyOf = new Map<number, string>();
    const took = new Map<number, number>();
    for (const [key, { tag }] of this.windows.entries()) {
      try {
        const record = runIn(tag, await this.windows.read(key));
        runOf.set(key, record.run);
        if (record.key !== undefined) keyOf.set(record.run, record.key);
        for (const one of record.took) took.set(one, record.run);
      } catch (error) {
        unreadable(error instanceof Error ? error : new Error(String(error)));
        this.windows.remove(key);
      }
    }
    for (const [key, number] of runOf) {
      let run = number;
      const met = new Set<number>();
      for (let next = took.get(run); next !== undefined && !met.has(next); next = took.get(run)) {
        met.add(next);
        run = next;
      }
      this.keys[placeOf(keyOf.get(run) ?? keyOf.get(number) ?? '')]?.add(key);
    }
  }

  /** What the worker's journal holds on disk. */
  async records(worker: number, unreadable: (error: Error) => void): Promise<StoredRecord[]> {
    await this.storage.committed().catch(() => undefined);
    const tags = new Map<number, number>();
    for (const [key, { tag }] of this.windows.entries()) tags.set(key, tag);
    const found: StoredRecord[] = [];
    for (const key of this.keys[worker] as Set<number>) {
      try {
        const bytes = await this.windows.read(key);
        found.push({ key, tag: tags.get(key) ?? 0, bytes: new Uint8Array(bytes) });
      } catch (error) {
        unreadable(error instanceof Error ? error : new Error(String(error)));
      }
    }
    return found;
  }

  /** The worker's windows are given up. */
  drop(worker: number): void {
    const keys = this.keys[worker] as Set<number>;
    this.write({ puts: [], removes: [...keys].map((key) => [this.windows, key] as const) });
    keys.clear();
  }

  /** What waits for a worker's answer. Throws `StorageError`. */
  wait(tenant: string, body: Uint8Array): number {
    const head = Buffer.from(tenant);
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(head.length);
    const key = this.nextKey++;
    const put = { stream: this.requests, key, tag: 0, bytes: [size, head, body] };
    if (this.open) this.requests.put(key, 0, put.bytes);
    else this.owed.push({ puts: [put], removes: [] });
    return key;
  }

  /** An answer of a worker: what changed, what it found, and the request that is over with it. */
  keep(worker: number, changes: Changes, emissions: readonly Emission[], request: number | undefined): void {
    const keys = this.keys[worker] as Set<number>;
    const puts: Put[] = [];
    for (const { key, tag, bytes } of changes.puts) {
      keys.add(key);
      this.firsts[worker] = Math.max(this.firsts[worker] as number, key + this.keys.length);
      puts.push({ stream: this.windows, key, tag, bytes: [bytes] });
    }
    for (const emission of emissions) puts.push(this.owe(emission));
    const removes = changes.removes.map((key) => [this.windows, key] as const);
    for (const key of changes.removes) keys.delete(key);
    if (puts.length + removes.length > 0 || request !== undefined) {
      this.write({ puts, removes: request === undefined ? removes : [...removes, [this.requests, request]] });
    }
  }

  /** The records of a run that is on its way to another worker: if this process ends before it is there, they are what is left of it. */
  leave(worker: number, removes: readonly number[]): void {
    for (const key of removes) (this.keys[worker] as Set<number>).delete(key);
  }

  /** What an earlier process left waiting, oldest first. Each is to be ended by `over`. */
  async waiting(unreadable: (error: Error) => void): Promise<WaitingRequest[]> {
    if (!this.open) return [];
    const found: WaitingRequest[] = [];
    for (const [key] of [...this.requests.entries()].sort(([a], [b]) => a - b)) {
      try {
        const record = await this.requests.read(key);
        const at = 4 + record.readUInt32LE(0);
        found.push({ key, tenant: record.toString('utf8', 4, at), body: new Uint8Array(record.subarray(at)) });
      } catch (error) {
        this.requests.remove(key);
        unreadable(error instanceof Error ? error : new Error(String(error)));
      }
    }
    return found;
  }

  /** Another has taken its place, or it is given up. */
  over(request: number): void {
    this.write({ puts: [], removes: [[this.requests, request]] });
  }

  /** Findings that an earlier process did not hand on, oldest first. */
  async left(unreadable: (error: Error) => void): Promise<Emission[]> {
    const found: Emission[] = [];
    for (const [key] of [...this.findings.entries()].sort(([a], [b]) => a - b)) {
      try {
        const record = await this.findings.read(key);
        const at = 4 + record.readUInt32LE(0);
        const emission: Emission = {
          ...noTarget,
          ...JSON.parse(record.toString('utf8', 4, at)),
          resource: new Uint8Array(record.subarray(at)),
        };
        this.outbox.set(emission, key);
        this.kept.add(key);
        found.push(emission);
      } catch (error) {
        this.findings.remove(key);
        unreadable(error instanceof Error ? error : new Error(String(error)));
      }
    }
    return found;
  }

  // What became of findings, as a `DetectorHost` is told it.

  /** They are handed on in this turn. */
  handed(emissions: readonly Emission[]): void {
    for (const emission of emissions) {
      const key = this.outbox.get(emission);
      if (key === undefined) continue;
      this.outbox.delete(emission);
      this.kept.delete(key);
      this.remove(this.findings, key);
    }
  }

  /** Accepted, or not worth handing on; refused ones are still owed. */
  answered(emissions: readonly Emission[], done: boolean): void {
    if (done) this.handed(emissions);
    else this.write({ puts: emissions.filter((one) => !this.outbox.has(one)).map((one) => this.owe(one)), removes: [] });
  }

  /** Given up in this process. They are handed on after a restart. */
  abandoned(emissions: readonly Emission[]): void {
    for (const emission of emissions) this.outbox.delete(emission);
  }

  /** Writes what could not be written before. Throws `StorageError` if it still cannot. */
  settle(): void {
    if (!this.open) return;
    this.retry();
    if (this.owed.length > 0) throw new StorageError('FULL', 'what the workers said is not stored yet');
  }

  private retry(): void {
    const { owed } = this;
    this.owed = [];
    for (const { puts, removes } of owed) {
      // Findings may have been handed on since.
      this.write({ puts: puts.filter(({ stream, key }) => stream !== this.findings || this.kept.has(key)), removes });
    }
  }

  private owe(emission: Emission): Put {
    const { resource, ...rest } = emission;
    const json = Buffer.from(JSON.stringify(rest));
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(json.length);
    const key = this.nextKey++;
    this.outbox.set(emission, key);
    this.kept.add(key);
    return { stream: this.findings, key, tag: 0, bytes: [size, json, resource] };
  }

  private write(change: Change): void {
    if (!this.open || this.owed.length > 0) {
      this.owed.push(change);
      return;
    }
    try {
      for (const { stream, key, tag, bytes } of change.puts) stream.put(key, tag, bytes);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.owed.push(change);
      return;
    }
    void this.storage.committed().then(
      () => {
        // What is owed may be what these are replaced by.
        if (this.owed.length > 0) this.owed.push({ puts: [], removes: change.removes });
        else for (const [stream, key] of change.removes) this.remove(stream, key);
      },
      () => this.owed.push(change),
    );
  }

  private remove(stream: Stream, key: number): void {
    try {
      stream.remove(key);
    } catch (error) {
      // Closed: the next start finds it and does it again.
      if (!(error instanceof StorageError)) throw error;
    }
  }
}

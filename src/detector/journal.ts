/**
 * What outlives the process of a host's runs, as records of one stream of a storage. A record is of one kind (its tag):
 *
 * - `steps`: spans that a run took from one request, as they came in, and its spans that are no steps, by their ids;
 * - `said`: findings that were handed on;
 * - `end`: why a run ended, until its last findings are handed on;
 * - `state`: a run's checkpoint (`record.ts`). It stands for the records that it names.
 *
 * A run is its last checkpoint and the records after it, in the order of their keys. Every put is part of the group that the
 * storage commits for this turn; what is replaced is removed when that is committed, because a removal is never undone.
 */
import type { Link } from '../dialects/resolve.ts';
import { type Storage, StorageError, type Stream } from '../storage/storage.ts';
import { RecordError, readRecord, writeRecord } from './record.ts';
import type { Ledger, Run, SavedDetector, SavedRun, SavedSaid, Target } from './run.ts';
import { saveRun, tableOf } from './run.ts';

const TAG = { state: 1, steps: 2, said: 3, end: 4 } as const;

interface StepsHead {
  readonly run: number;
  /** Key of the run. */
  readonly key: string;
  readonly tenant: string;
  /** The host's clock when they came. Unix ms. */
  readonly at?: number | undefined;
  readonly links?: readonly Link[] | undefined;
  /** Numbers of runs that turned out to be of this one: their records are its records. */
  readonly took?: readonly number[] | undefined;
}

interface StateHead {
  readonly run: SavedRun;
  readonly detectors: readonly SavedDetector[];
  readonly targets: readonly SavedTarget[];
  /** Resources of the targets, base64; a target names its own by place. */
  readonly resources: readonly string[];
  /** Keys of the records that this one stands for. */
  readonly replaces: readonly number[];
}

type SavedTarget = readonly [traceId: string, resource: number, traceState: string, flags: number];

/** One record, as it is read again. */
export type Recorded =
  | ({ readonly kind: 'steps'; readonly record: number; readonly spans: Uint8Array } & StepsHead)
  | { readonly kind: 'said'; readonly record: number; readonly run: number; readonly said: readonly SavedSaid[] }
  | { readonly kind: 'end'; readonly record: number; readonly run: number; readonly reason: string }
  | {
      readonly kind: 'state';
      readonly record: number;
      readonly bytes: number;
      readonly run: SavedRun;
      readonly detectors: readonly SavedDetector[];
      readonly targets: ReadonlyMap<string, Target>;
      readonly spans: Uint8Array;
    };

/** Numbers of a journal that shares its stream with others: `first`, `first + step`, … */
export interface Numbers {
  readonly first: number;
  readonly step: number;
}

/** One above all numbers that are in use there. */
export function nextNumber(stream: Stream): number {
  let next = 1;
  for (const [key] of stream.entries()) next = Math.max(next, key + 1);
  return next;
}

export class Journal {
  readonly storage: Storage;
  private readonly stream: Stream;
  private readonly step: number;
  private next: number;

  constructor(storage: Storage, name: string, numbers?: Numbers) {
    this.storage = storage;
    this.stream = storage.stream(name);
    this.next = numbers?.first ?? nextNumber(this.stream);
    this.step = numbers?.step ?? 1;
  }

  /** A number that no run and no record of this journal has had. */
  number(): number {
    const number = this.next;
    this.next += this.step;
    return number;
  }

  /** Spans are not copied and must not change until committed. Throws `StorageError`. */
  steps(run: Run, spans: readonly Uint8Array[], at: number | undefined): void {
    const { id, key, tenant } = run;
    const head: StepsHead = {
      run: id,
      key,
      tenant,
      at,
      links: run.links.length === 0 ? undefined : [...run.links],
      took: run.took.length === 0 ? undefined : run.took.splice(0),
    };
    run.logged += this.put(run, TAG.steps, head, spans);
  }

  said(run: Run, said: readonly SavedSaid[]): void {
    this.put(run, TAG.said, { run: run.id, said }, []);
  }

  end(run: Run, reason: string): void {
    this.put(run, TAG.end, { run: run.id, reason }, []);
  }

  /** Puts the run's state; what it stands for is removed when that is committed. Throws `StorageError`. */
  checkpoint(run: Run): void {
    const replaces = run.records;
    const resources = new Map<string, number>();
    const targets = [...run.targets].map(([traceId, { resource, traceState, flags }]): SavedTarget => {
      const encoded = Buffer.from(resource).toString('base64');
      if (!resources.has(encoded)) resources.set(encoded, resources.size);
      return [traceId, resources.get(encoded) as number, traceState, flags];
    });
    const detectors = tableOf(run.detectors);
    const head: StateHead = { run: saveRun(run), detectors, targets, resources: [...resources.keys()], replaces };
    const spans = run.rows.map(({ body }) => body ?? new Uint8Array(0));
    const record = writeRecord(head, spans);
    const key = this.number();
    this.stream.put(key, TAG.state, [record]);
    run.records = [key];
    run.logged = 0;
    run.saved = record.length;
    void this.storage.committed().then(
      () => this.remove(replaces),
      // It does not stand, so what it was to replace does.
      () => {
        run.records = [...replaces, ...run.records.filter((one) => one !== key)];
      },
    );
  }

  /** The run is over and everything it found is handed on. */
  forget(run: Ledger): void {
    this.remove(run.records);
    run.records = [];
  }

  committed(): Promise<void> {
    return this.storage.committed();
  }

  /** Every record that counts, oldest first. What cannot be read is told and left out. */
  async *read(unreadable: (error: Error) => void): AsyncGenerator<Recorded> {
    const keys = [...this.stream.entries()].sort(([a], [b]) => a - b);
    const states = new Map<
      number,
      { readonly head: StateHead; readonly spans: Buffer; readonly targets: Map<string, Target>; readonly bytes: number }
    >();
    const gone = new Set<number>();
    for (const [key, { tag }] of keys) {
      if (tag !== TAG.state) continue;
      try {
        const record = await this.stream.read(key);
        const { state, steps } = readRecord(record);
        const head = state as StateHead;
        states.set(key, { head, spans: steps, targets: targetsOf(head), bytes: record.length });
        for (const one of head.replaces) gone.add(one);
      } catch (error) {
        gone.add(key);
        unreadable(asError(error));
      }
    }
    this.remove([...gone]);
    for (const [key, { tag }] of keys) {
      if (gone.has(key)) continue;
      const state = states.get(key);
      if (state !== undefined) {
        states.delete(key);
        const { run, detectors } = state.head;
        const { bytes, targets, spans } = state;
        yield {
          kind: 'state',
          record: key,
          bytes,
          run,
          detectors,
          targets,
          spans,
        };
        continue;
      }
      try {
        yield recordOf(key, tag, await this.stream.read(key));
      } catch (error) {
        this.remove([key]);
        unreadable(asError(error));
      }
    }
  }

  private put(run: Ledger, tag: number, head: object, chunks: readonly Uint8Array[]): number {
    const json = Buffer.from(JSON.stringify(head));
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(json.length);
    const key = this.number();
    this.stream.put(key, tag, [size, json, ...chunks]);
    run.records.push(key);
    return chunks.reduce((sum, { length }) => sum + length, json.length);
  }

  private remove(keys: readonly number[]): void {
    try {
      for (const key of keys) this.stream.remove(key);
    } catch (error) {
      // Closed: the next start finds them replaced and removes them.
      if (!(error instanceof StorageError)) throw error;
    }
  }
}

/** Of which run a record is, and which runs that one took in. Throws for what cannot be read. */
export function runIn(
  tag: number,
  bytes: Buffer,
): { readonly run: number; readonly key: string | undefined; readonly took: readonly number[] } {
  if (tag === TAG.state) {
    const { run } = readRecord(bytes).state as StateHead;
    return { run: run.id, key: run.key, took: [] };
  }
  const record = recordOf(0, tag, bytes);
  if (record.kind === 'steps') return { run: record.run, key: record.key, took: record.took ?? [] };
  return { run: (record as { readonly run: number }).run, key: undefined, took: [] };
}

/** Whatever is wrong with a record, it never stops a start. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function targetsOf({ targets, resources }: StateHead): Map<string, Target> {
  const known = resources.map((encoded) => new Uint8Array(Buffer.from(encoded, 'base64')));
  return new Map(
    targets.map(([traceId, resource, traceState, flags]) => [
      traceId,
      { resource: known[resource] ?? new Uint8Array(0), traceState, flags },
    ]),
  );
}

function recordOf(record: number, tag: number, bytes: Buffer): Recorded {
  const end = 4 + (bytes.length < 4 ? 0 : bytes.readUInt32LE(0));
  const head = JSON.parse(bytes.toString('utf8', 4, end));
  switch (tag) {
    case TAG.steps:
      return { kind: 'steps', record, ...(head as StepsHead), spans: bytes.subarray(end) };
    case TAG.said:
      return { kind: 'said', record, ...(head as { readonly run: number; readonly said: readonly SavedSaid[] }) };
    case TAG.end:
      return { kind: 'end', record, ...(head as { readonly run: number; readonly reason: string }) };
    default:
      throw new RecordError(`records of kind ${tag} are not known`);
  }
}

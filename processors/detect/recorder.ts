/**
 * The storage that a worker's journal writes to: nothing is on disk here. What is put and removed goes to the main thread with the next
 * answer, which writes it; what it was started with is read again from here.
 */
import { type Storage, StorageError, type Stream } from '../../src/storage/storage.ts';

export interface StoredRecord {
  readonly key: number;
  readonly tag: number;
  /** Has its buffer to itself. */
  readonly bytes: Uint8Array;
}

/** What changed in a journal since it was last asked. */
export interface Changes {
  readonly puts: readonly StoredRecord[];
  /** What the puts stand for: to be removed when they are committed. */
  readonly removes: readonly number[];
}

export class Recorder implements Storage {
  readonly unclaimed = 0;
  readonly largest = Number.MAX_SAFE_INTEGER;
  readonly bytes = 0;
  readonly liveBytes = 0;
  readonly maxBytes = Number.MAX_SAFE_INTEGER;
  readonly segments = 0;
  private records = new Map<number, StoredRecord>();
  private puts: StoredRecord[] = [];
  private removes: number[] = [];

  /** What was stored before, to be read again. */
  load(records: readonly StoredRecord[]): void {
    this.records = new Map(records.map((record) => [record.key, record]));
  }

  take(): Changes {
    const { puts, removes } = this;
    this.puts = [];
    this.removes = [];
    return { puts, removes };
  }

  stream(): Stream {
    return {
      put: (key, tag, chunks) => {
        const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
        let at = 0;
        for (const chunk of chunks) {
          bytes.set(chunk, at);
          at += chunk.length;
        }
        this.puts.push({ key, tag, bytes });
      },
      remove: (key) => {
        const at = this.puts.findIndex((put) => put.key === key);
        if (at >= 0) this.puts.splice(at, 1);
        else this.removes.push(key);
      },
      read: async (key) => {
        const record = this.records.get(key);
        if (record === undefined) throw new StorageError('MISSING', `there is no record ${key}`);
        return Buffer.from(record.bytes.buffer, record.bytes.byteOffset, record.bytes.length);
      },
      entries: () => [...this.records].map(([key, { tag, bytes }]) => [key, { tag, bytes: bytes.length }] as const),
    };
  }

  fits(): boolean {
    return true;
  }

  async committed(): Promise<void> {}

  async close(): Promise<void> {}
}

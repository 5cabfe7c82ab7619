/**
 * The requests of one sending queue in a storage, from their acceptance to their end. A record is a header and the body
 * as it came: u32 bytes of the header, the header as JSON, the chunks; its tag is the number of items.
 *
 * One owner at a time: over a reload the successor takes requests at once, and those that its predecessor leaves once
 * that one is released.
 */
import type { Batch, Signal } from '../batch/batch.ts';
import { type Storage, StorageError, type Stream } from '../storage/storage.ts';
import type { Component } from './component.ts';

/** An extension that exporters and processors can name as `storage`. */
export interface StorageExtension extends Component {
  /** Present while it runs. */
  readonly storage: Storage;
}

/** Throws with what to do if `id` is no storage that runs. */
export function storageOf(id: string, extension: Component | undefined): Storage {
  if (extension === undefined) throw new Error(`storage: '${id}' does not run. Name it in service.extensions.`);
  if (!('storage' in extension)) throw new Error(`storage: '${id}' stores nothing. Name a file_storage.`);
  return (extension as StorageExtension).storage;
}

/** A stored request without its body. */
export interface Stored {
  readonly key: number;
  readonly items: number;
  readonly bytes: number;
}

interface Header {
  readonly tenant: string;
  readonly generated?: number;
  readonly metadata?: readonly (readonly [string, readonly string[]])[];
}

/** By storage and name: the key to use next and when the present owner lets go. */
interface Shared {
  nextKey: number;
  released: Promise<void>;
}

const shared = new WeakMap<Storage, Map<string, Shared>>();

export class QueueStore {
  private readonly storage: Storage;
  private readonly stream: Stream;
  private readonly signal: Signal;
  private readonly own: Shared;
  private readonly mine = new Set<number>();
  private readonly before: Promise<void>;
  private letGo: () => void = () => {};

  constructor(storage: Storage, name: string, signal: Signal) {
    this.storage = storage;
    this.stream = storage.stream(name);
    this.signal = signal;
    let names = shared.get(storage);
    if (names === undefined) {
      names = new Map();
      shared.set(storage, names);
    }
    let own = names.get(name);
    if (own === undefined) {
      let nextKey = 1;
      for (const [key] of this.stream.entries()) nextKey = Math.max(nextKey, key + 1);
      own = { nextKey, released: Promise.resolve() };
      names.set(name, own);
    }
    this.own = own;
    this.before = own.released;
    own.released = new Promise((resolve) => {
      this.letGo = resolve;
    });
  }

  /** Requests that an earlier process or a predecessor left, oldest first. Resolves when nobody else brings them to their end. */
  async left(): Promise<Stored[]> {
    await this.before;
    const left: Stored[] = [];
    for (const [key, { tag, bytes }] of this.stream.entries()) {
      if (!this.mine.has(key)) left.push({ key, items: tag, bytes });
    }
    for (const { key } of left) this.mine.add(key);
    return left;
  }

  /** True if the storage has room for it. */
  fits(bytes: number): boolean {
    return this.storage.fits(bytes);
  }

  get largest(): number {
    return this.storage.largest;
  }

  /** Written with whatever else is put in this turn; it stands when `committed` resolves. */
  put({ tenant, generated, metadata, chunks, items }: Batch): number {
    const header: Header = {
      tenant,
      ...(generated === undefined ? {} : { generated }),
      ...(metadata === undefined ? {} : { metadata: [...metadata] }),
    };
    const json = Buffer.from(JSON.stringify(header));
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(json.length);
    const key = this.own.nextKey++;
    this.stream.put(key, items, [size, json, ...chunks]);
    this.mine.add(key);
    return key;
  }

  committed(): Promise<void> {
    return this.storage.committed();
  }

  /** Rejects if the record is damaged. */
  async load({ key, items }: Stored): Promise<Batch> {
    const record = await this.stream.read(key);
    const size = record.readUInt32LE(0);
    const { tenant, generated, metadata } = JSON.parse(record.toString('utf8', 4, 4 + size)) as Header;
    const body = record.subarray(4 + size);
    return {
      signal: this.signal,
      chunks: [body],
      bytes: body.length,
      items,
      tenant,
      ...(generated === undefined ? {} : { generated }),
      ...(metadata === undefined ? {} : { metadata: new Map(metadata) }),
    };
  }

  done(key: number): void {
    this.mine.delete(key);
    try {
      this.stream.remove(key);
    } catch (error) {
      // Stopped before its exporter: the request is sent again after the next start, never lost.
      if (!(error instanceof StorageError)) throw error;
    }
  }

  /** It was not committed. */
  forget(key: number): void {
    this.mine.delete(key);
  }

  /** What is left is the successor's. */
  async release(): Promise<void> {
    await this.storage.committed().catch(() => undefined);
    this.mine.clear();
    this.letGo();
  }
}

/**
 * Deliveries that come again. What the pipeline has acknowledged is remembered for a day with its answer, under the
 * sender's own key and under a hash of what was made of the payload; a delivery that was refused is forgotten at once,
 * so that it may come again.
 */
import type { Clock } from '../../src/component/component.ts';
import type { Failure } from '../../src/component/transport/intake.ts';

const MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** A busy n8n makes some 10,000 executions a day; a key costs some 300 bytes. */
const MAX_KEYS = 40_000;
/** Of all answers together. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface Reply {
  readonly status: number;
  readonly body: Uint8Array;
}

export type Outcome = { readonly reply: Reply } | { readonly failure: Failure };

interface Entry {
  readonly content: string;
  /** Monotonic ms. */
  readonly since: number;
  readonly keys: readonly string[];
  bytes: number;
  outcome: Outcome | Promise<Outcome>;
}

/** A delivery that is the first under its keys. `settle` is called once, with what it is answered. */
export interface Claim {
  settle(outcome: Outcome): void;
}

export type Begun = { readonly claim: Claim } | { readonly repeat: Outcome | Promise<Outcome> } | { readonly conflict: true };

export class Repeats {
  private readonly entries = new Map<string, Entry>();
  private readonly clock: Clock;
  private bytes = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** `content` tells whether two bodies say the same; a known key with another content is a conflict. */
  begin(keys: readonly string[], content: string): Begun {
    this.forgetOld();
    const known = keys.map((key) => this.entries.get(key)).find((entry) => entry !== undefined);
    if (known !== undefined) return known.content === content ? { repeat: known.outcome } : { conflict: true };
    let resolve: (outcome: Outcome) => void = () => {};
    const outcome = new Promise<Outcome>((done) => {
      resolve = done;
    });
    const entry: Entry = { content, since: this.clock.monotonic(), keys, bytes: 0, outcome };
    for (const key of keys) this.entries.set(key, entry);
    const settle = (settled: Outcome) => {
      resolve(settled);
      entry.outcome = settled;
      if ('failure' in settled) this.forget(entry);
      else if (this.entries.get(keys[0] ?? '') === entry) {
        entry.bytes = settled.reply.body.length;
        this.bytes += entry.bytes;
      }
    };
    return { claim: { settle } };
  }

  get size(): number {
    return this.entries.size;
  }

  private forgetOld(): void {
    const oldest = this.clock.monotonic() - MAX_AGE_MS;
    for (const entry of this.entries.values()) {
      if (entry.since > oldest && this.entries.size < MAX_KEYS && this.bytes < MAX_BYTES) return;
      this.forget(entry);
    }
  }

  private forget(entry: Entry): void {
    for (const key of entry.keys) if (this.entries.get(key) === entry) this.entries.delete(key);
    this.bytes -= entry.bytes;
    entry.bytes = 0;
  }
}

/** When to try again, under the Collector's `retry_on_failure`, and when to give up. */
import type { RetryOnFailure } from '../../config/queue.ts';
import type { Clock } from './component.ts';

/** The Collector's default end of retries. */
const MAX_ELAPSED_MS = 300_000;

/** What one try came to. */
export type Outcome =
  /** Taken; of these `rejected` items were refused for good (partial success), `message` says why or warns. */
  | { readonly kind: 'sent'; readonly rejected: number; readonly message: string }
  /** May be tried again, not before `retryAfterMs` (0 = the backend did not say). */
  | { readonly kind: 'retry'; readonly message: string; readonly retryAfterMs: number }
  /** Refused for good. `status` is the google.rpc.Code. */
  | { readonly kind: 'permanent'; readonly message: string; readonly status: number }
  /** Too large for the backend; a part of it may pass. */
  | { readonly kind: 'oversize'; readonly message: string };

/** One request; each call is one try. Settles always and never rejects. */
export type Attempt = () => Promise<Outcome>;

/** A request that is not tried again. `reason` is what the ledger calls the loss. */
export interface GivenUp {
  readonly kind: 'given_up';
  readonly reason: 'unavailable' | 'retries_exhausted' | 'shutdown';
  readonly message: string;
  readonly retryAfterMs: number;
}

/** A backend that refuses at once must not spin a core, whatever `initial_interval` and `multiplier` say. */
const MIN_DELAY_MS = 10;

/** Longest wait that a backend may ask for: an hour. A date far off would hold the queue for ever. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Retry-After: seconds or an HTTP date. 0 if absent, past or unreadable. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - now;
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : 0;
}

/** Delays before retry 1, 2, …: interval ± randomization_factor, the interval growing by `multiplier` up to `max_interval`. */
export function backoff(options: RetryOnFailure, random: () => number = Math.random): () => number {
  let interval = options.initial_interval;
  return () => {
    const spread = options.randomization_factor * interval;
    const delay = interval - spread + random() * 2 * spread;
    interval = Math.min(interval * options.multiplier, options.max_interval);
    return Math.max(delay, MIN_DELAY_MS);
  };
}

/** Waits that all end early together: an exporter that stops tries once more at once instead of waiting out its delays. */
export class Patience {
  over = false;
  private readonly sleepers = new Set<() => void>();

  wait(ms: number): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.sleepers.add(wake);
    });
  }

  end(): void {
    this.over = true;
    for (const wake of [...this.sleepers]) wake();
  }
}

/**
 * Tries until the answer is final. Gives up when the next try would come later than `max_elapsed_time` after the
 * first, or when patience is over: a wait that it cuts short is followed by one last try.
 * `failed` is called for each try that will be repeated.
 */
export async function withRetries(
  attempt: Attempt,
  options: RetryOnFailure,
  patience: Patience,
  clock: Clock,
  failed: (message: string) => void,
): Promise<Exclude<Outcome, { kind: 'retry' }> | GivenUp> {
  const start = clock.monotonic();
  let next: (() => number) | undefined;
  for (;;) {
    const last = patience.over;
    const outcome = await attempt();
    if (outcome.kind !== 'retry') return outcome;
    const { message, retryAfterMs } = outcome;
    if (last) return { kind: 'given_up', reason: 'shutdown', message, retryAfterMs };
    if (!options.enabled) return { kind: 'given_up', reason: 'unavailable', message, retryAfterMs };
    next ??= backoff(options);
    const delay = Math.max(next(), retryAfterMs);
    const end = options.max_elapsed_time ?? MAX_ELAPSED_MS;
    if (end > 0 && clock.monotonic() + delay - start > end) {
      return { kind: 'given_up', reason: 'retries_exhausted', message, retryAfterMs };
    }
    failed(message);
    await patience.wait(delay);
  }
}

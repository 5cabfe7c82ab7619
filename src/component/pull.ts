/** What receivers that ask an API have in common: rounds that wait longer after each failure, and handing on what they read. */
import { documentToProtobuf } from '../otlp/json.ts';
import { countItems } from '../otlp/requests.ts';
import { type Consumer, type Host, Permanent, Refused } from './component.ts';
import { backoff, Patience } from './retry.ts';
import { ApiError } from './transport/api.ts';

/** A payload of a framework to OTLP/JSON documents. Pure; throws where the payload is none. */
export type Convert = (payload: unknown) => readonly { readonly resourceSpans: readonly unknown[] }[];

/** Waits after a failure: half a minute is what APIs ask for, ten minutes an outage. */
const RETRY = {
  enabled: true,
  initial_interval: 1_000,
  randomization_factor: 0.5,
  multiplier: 2,
  max_interval: 600_000,
  max_elapsed_time: 0,
};

/** One round after the other until `end`. */
export class Rounds {
  readonly #patience = new Patience();
  #running: Promise<void> = Promise.resolve();

  /** A round looks at this between two requests and leaves off. */
  get over(): boolean {
    return this.#patience.over;
  }

  /** `round` throws what the API or the pipeline says; `failed` is what the log then says. */
  begin(host: Host, intervalMs: number, round: () => Promise<void>, failed: string): void {
    this.#running = this.#run(host, intervalMs, round, failed);
  }

  /** Resolves when the round that runs has left off, or when `signal` says that the time is up: an API may take long to answer. */
  async end(signal: AbortSignal): Promise<void> {
    this.#patience.end();
    if (!signal.aborted)
      await Promise.race([this.#running, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))]);
  }

  async #run(host: Host, intervalMs: number, round: () => Promise<void>, failed: string): Promise<void> {
    let delays = backoff(RETRY);
    while (!this.over) {
      let pause = intervalMs;
      try {
        await round();
        host.status({ state: 'ok' });
        delays = backoff(RETRY);
      } catch (error) {
        if (this.over) return;
        const reason = error instanceof Error ? error.message : String(error);
        const asked = error instanceof ApiError ? error.retryMs : error instanceof Refused ? error.retryAfterMs : undefined;
        // A key that is wrong stays wrong until somebody changes it there.
        const least = error instanceof ApiError && error.final ? RETRY.max_interval : 0;
        pause = Math.max(delays(), asked ?? 0, least);
        host.status({ state: least > 0 ? 'failing' : 'degraded', reason });
        host.logger.log('warn', failed, { reason, in_ms: Math.round(pause) });
      }
      await this.#patience.wait(pause);
    }
  }
}

/**
 * Hands what an adapter made to the pipeline, as the receiver `id`. What the pipeline refuses for good is logged with `about` and
 * done with; otherwise it rejects with `Refused`, and the same may be handed on again.
 */
export async function handOn(
  host: Host,
  id: string,
  next: Consumer | undefined,
  documents: ReturnType<Convert>,
  about: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { body } = documentToProtobuf('traces', { resourceSpans: documents.flatMap((one) => one.resourceSpans) });
  const items = countItems('traces', body);
  if (items === 0) return;
  const refusal = host.admission.admit(body.length);
  if (refusal !== undefined) throw new Refused('memory', 'the memory limiter refuses', refusal.retryAfterMs);
  const ledger = host.ledger.receiver(id, 'http');
  try {
    await next?.consume({ signal: 'traces', chunks: [body], bytes: body.length, items, tenant: 'default' });
    ledger.accepted('traces', items);
  } catch (error) {
    ledger.refused('traces', items);
    if (!(error instanceof Permanent)) throw error;
    host.logger.log('warn', 'The pipeline refused for good what was read.', { ...about, reason: error.message });
  } finally {
    host.admission.release(body.length);
  }
}

/**
 * What exporters to score APIs share: JSON over HTTP, one or several calls for a batch of findings. A call that was answered is not
 * made again when a later one of the batch has to be tried again; should the process end in between it is, so calls must bear repeating.
 */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import { headers, REDACTED, type Secret } from '../../config/secret.ts';
import { duration } from '../../config/units.ts';
import type { Batch } from '../batch/batch.ts';
import { redact } from '../text/redact.ts';
import type { Component, Consumer, ExporterHints, Host } from './component.ts';
import { messageOf, type Transport } from './delivery.ts';
import { type Attempt, type Outcome, retryAfterMs } from './retry.ts';
import { createSender, type SenderOptions } from './sender.ts';
import { sparing, whenFull } from './spare.ts';
import { allowLinkLocal, checkLinkLocal, type GuardedAnswer, lookupOutside, requestGuarded } from './transport/guard.ts';

/** One request of a score API. */
export interface Call {
  readonly method: 'POST' | 'DELETE';
  /** Added to the endpoint; with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Findings that it is about. */
  readonly items: number;
  /** Statuses that say there is nothing to delete. */
  readonly gone?: readonly number[];
}

/** The calls for the findings of a batch, in order, and the records that have no place in the API, with the reason. */
export interface Calls {
  readonly calls: readonly Call[];
  readonly refused: number;
  readonly reason: string;
}

export interface ScoreApi {
  readonly endpoint: string;
  /** Credentials among them. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** By status: what to look at then. */
  readonly check: Readonly<Record<number, string>>;
  /** May throw on bytes that cannot be read: the batch is dropped, counted. */
  calls(batch: Batch): Calls;
}

/** `max_size` items a request; without company a finding waits for a second. Order counts: a later revision must not come first, so one consumer. */
export function scoreOptions(max_size: number) {
  return {
    headers: headers().describe('Sent with each request, beside the key.'),
    timeout: duration('30s', { min: '100ms' }).describe('For one request, answer included.'),
    allow_link_local: allowLinkLocal(),
    when_full: whenFull('findings'),
    sending_queue: sendingQueue().prefault({
      num_consumers: 1,
      batch: { min_size: max_size, max_size, flush_timeout: '1s' },
    }),
    retry_on_failure: retryOnFailure(),
  };
}

/** A base URL without credentials, query or fragment; a trailing slash is taken off. */
export function apiEndpoint() {
  return z
    .string()
    .superRefine((text, ctx) => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
        wrong(ctx, 'not a URL with http:// or https://', 'Write for example https://host.');
      else if (url.username + url.password + url.search + url.hash !== '')
        wrong(
          ctx,
          'a URL with credentials, a query or a fragment',
          'Write host, port and path only; the key has its own option.',
        );
    })
    .transform((text) => text.replace(/\/+$/, ''));
}

/** Complains of an endpoint that is a link-local address. */
export function checkEndpoint(endpoint: string, allowed: boolean, ctx: z.core.$RefinementCtx): void {
  if (URL.canParse(endpoint)) checkLinkLocal(new URL(endpoint).hostname, allowed, ctx);
}

/** Complains of a key that is empty, as of a variable that is not set, or that no header can hold. */
export function checkKey(key: Secret, path: string[], ctx: z.core.$RefinementCtx): void {
  if (!/^[\x21-\x7e]+$/.test(key.reveal())) wrong(ctx, 'empty, or with spaces or line breaks', 'Write the key alone.', path);
}

interface Options extends SenderOptions {
  readonly timeout: number;
  readonly allow_link_local: boolean;
  readonly when_full: 'drop' | 'refuse';
}

/** An exporter of log records; those that are findings go to `api`. */
export function scoreExporter(id: string, options: Options, hints: ExporterHints, api: ScoreApi): Component & Consumer {
  const help = 'Findings that found the queue full: forwarded elsewhere, not scored here.';
  const sender = createSender(id, options, hints, (host) => new ScoreTransport(api, options, host));
  return sparing(id, options.when_full, { name: 'misstep_scores_not_kept', help }, sender);
}

/** What one call came to. */
type Answer =
  | { readonly kind: 'done' | 'oversize' }
  | { readonly kind: 'refused'; readonly message: string; readonly all: boolean }
  | { readonly kind: 'retry'; readonly message: string; readonly retryAfterMs: number };

class ScoreTransport implements Transport {
  private readonly api: ScoreApi;
  private readonly options: Options;
  private readonly host: Host;
  private readonly live = new Set<AbortController>();
  private closed = false;

  constructor(api: ScoreApi, options: Options, host: Host) {
    this.api = api;
    this.options = options;
    this.host = host;
  }

  request(batch: Batch): Attempt {
    const { calls, refused, reason } = this.api.calls(batch);
    let next = 0;
    let rejected = refused;
    let message = refused > 0 ? reason : '';
    return async (): Promise<Outcome> => {
      for (let call = calls[next]; call !== undefined; call = calls[next]) {
        const answer = await this.made(call);
        if (answer.kind === 'retry') return answer;
        // Smaller requests may pass; what was taken already bears being sent again.
        if (answer.kind === 'oversize' && call.items > 1) return { kind: 'oversize', message: 'HTTP 413' };
        if (answer.kind !== 'done') {
          const all = answer.kind === 'refused' && answer.all;
          message = answer.kind === 'refused' ? answer.message : 'HTTP 413';
          rejected += all ? calls.slice(next).reduce((sum, { items }) => sum + items, 0) : call.items;
          if (all) next = calls.length;
        }
        next++;
      }
      if (rejected > 0 && rejected >= batch.items) return { kind: 'permanent', message, status: 3 };
      return { kind: 'sent', rejected, message };
    };
  }

  close(): void {
    this.closed = true;
    for (const one of this.live) one.abort(new Error('the exporter was stopped'));
  }

  private async made(call: Call): Promise<Answer> {
    if (this.closed) return { kind: 'retry', message: 'the exporter was stopped', retryAfterMs: 0 };
    const { endpoint, headers } = this.api;
    const { timeout, allow_link_local } = this.options;
    const end = new AbortController();
    this.live.add(end);
    try {
      const answer = await requestGuarded(`${endpoint}${call.path}`, {
        method: call.method,
        headers: {
          'content-type': 'application/json',
          'user-agent': `misstep/${this.host.buildVersion}`,
          ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()])),
        },
        ...(call.body === undefined ? {} : { body: Buffer.from(JSON.stringify(call.body)) }),
        allow: [new URL(endpoint).host, new URL(endpoint).hostname],
        ...(allow_link_local ? {} : { lookup: lookupOutside(['link-local']) }),
        // A redirect would carry the key elsewhere.
        maxRedirects: 0,
        timeoutMs: timeout,
        signal: end.signal,
      });
      return this.judged(call, answer);
    } catch (error) {
      return { kind: 'retry', message: this.closed ? 'the exporter was stopped' : messageOf(error), retryAfterMs: 0 };
    } finally {
      this.live.delete(end);
    }
  }

  private judged(call: Call, { status, headers, body }: GuardedAnswer): Answer {
    if ((status >= 200 && status <= 299) || call.gone?.includes(status)) return { kind: 'done' };
    if (status === 413) return { kind: 'oversize' };
    const said = this.saidIn(body);
    const check = this.api.check[status];
    const message = `HTTP ${status}${said === '' ? '' : `: ${said}`}${check === undefined ? '' : ` ${check}`}`;
    if (status === 408 || status === 429 || status >= 500) {
      return { kind: 'retry', message, retryAfterMs: retryAfterMs(headers['retry-after'], this.host.clock.now()) };
    }
    // Whoever may not write one may not write any.
    return { kind: 'refused', message, all: status === 401 || status === 403 };
  }

  /** What the API says, without what it must not repeat. */
  private saidIn(body: Uint8Array): string {
    let text = Buffer.from(body).toString('utf8').slice(0, MAX_SAID);
    for (const value of Object.values(this.api.headers)) {
      for (const part of secretsIn(value.reveal())) text = text.replaceAll(part, REDACTED);
    }
    return redact(text).replaceAll(/\s+/g, ' ').trim();
  }
}

/** Characters of an answer that are logged. */
const MAX_SAID = 300;
/** Shorter parts of a header are words of any text. */
const MIN_SECRET = 6;

/** The value, what follows its scheme, and what Basic hides in that. */
function secretsIn(value: string): readonly string[] {
  const [scheme = '', rest = ''] = value.split(' ', 2);
  const basic = scheme.toLowerCase() === 'basic' ? Buffer.from(rest, 'base64').toString('utf8').split(':') : [];
  return [value, rest, ...basic].filter(({ length }) => length >= MIN_SECRET);
}

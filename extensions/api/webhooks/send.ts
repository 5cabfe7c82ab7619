/** One event to one address, signed as Standard Webhooks asks (specification 1.0): HMAC-SHA-256 over `id.timestamp.body`. */
import { createHash, createHmac } from 'node:crypto';
import { Blocked, requestGuarded } from '../../../src/component/transport/guard.ts';

/** Standard Webhooks recommends 15 to 30 s. */
const TIMEOUT_MS = 15_000;
const MOST_ANSWER_BYTES = 64 * 1024;

export interface Message {
  readonly id: string;
  readonly body: string;
}

export type Sent =
  | { readonly kind: 'ok' }
  /** The receiver wants no more. */
  | { readonly kind: 'gone'; readonly error: string }
  /** The same message will be refused again. */
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'failed'; readonly error: string; readonly retryAfterMs: number };

export function messageOf(key: string, type: string, atMs: number, data: unknown): Message {
  const id = `msg_${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
  return { id, body: JSON.stringify({ type, timestamp: new Date(atMs).toISOString(), data }) };
}

function signature(secret: Uint8Array, id: string, seconds: number, body: string): string {
  return `v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}`;
}

export async function send(
  url: string,
  { id, body }: Message,
  {
    secrets,
    nowMs,
    allow,
    version,
  }: { secrets: readonly Uint8Array[]; nowMs: number; allow: readonly string[]; version: string },
): Promise<Sent> {
  const seconds = Math.floor(nowMs / 1_000);
  try {
    const { status, headers } = await requestGuarded(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': `misstep/${version}`,
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': secrets.map((secret) => signature(secret, id, seconds, body)).join(' '),
      },
      body: Buffer.from(body),
      allow,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MOST_ANSWER_BYTES,
      maxRedirects: 0,
    });
    if (status >= 200 && status < 300) return { kind: 'ok' };
    const error = `answered ${status}`;
    if (status === 410) return { kind: 'gone', error };
    const retryable = status >= 500 || status === 408 || status === 425 || status === 429;
    if (!retryable) return { kind: 'refused', error };
    const after = Number(headers['retry-after']);
    return { kind: 'failed', error, retryAfterMs: Number.isFinite(after) ? Math.min(after, 3_600) * 1_000 : 0 };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof Blocked ? { kind: 'refused', error: message } : { kind: 'failed', error: message, retryAfterMs: 0 };
  }
}

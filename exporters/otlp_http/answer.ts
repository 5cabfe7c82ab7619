/** What an HTTP answer means for the request (OTLP specification, "OTLP/HTTP Response"). */
import type { Signal } from '../../src/batch/batch.ts';
import { type Outcome, retryAfterMs } from '../../src/component/retry.ts';
import { type PartialSuccess, readResponse, readStatus } from '../../src/otlp/requests.ts';

export interface Answer {
  readonly status: number;
  /** Undefined if absent. */
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}

/** google.rpc.Code for what the client behind a queueless exporter is told; anything else is Internal. */
const codes: Readonly<Record<number, number>> = { 400: 3, 401: 16, 403: 7, 404: 12 };

/** `now` in Unix ms, for a Retry-After that is a date. Never throws: what cannot be read is left out. */
export function outcomeOf(signal: Signal, answer: Answer, now: number): Outcome {
  const { status } = answer;
  if (status >= 200 && status <= 299) {
    const partial = partialSuccess(signal, answer);
    return { kind: 'sent', rejected: partial?.rejected ?? 0, message: partial?.message ?? '' };
  }
  const told = statusOf(answer);
  const message = told.message === '' ? `HTTP ${status}` : `HTTP ${status}: ${told.message}`;
  switch (status) {
    case 429:
    case 502:
    case 503:
    case 504:
      return { kind: 'retry', message, retryAfterMs: Math.max(retryAfterMs(answer.retryAfter, now), told.retryAfterMs ?? 0) };
    case 413:
      return { kind: 'oversize', message };
    default:
      return { kind: 'permanent', message, status: codes[status] ?? 13 };
  }
}

function isJson(answer: Answer): boolean {
  return answer.contentType?.startsWith('application/json') ?? false;
}

const rejectedKeys: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

function partialSuccess(signal: Signal, answer: Answer): PartialSuccess | undefined {
  if (answer.body.length === 0) return undefined;
  try {
    if (!isJson(answer)) return answer.contentType?.includes('protobuf') ? readResponse(signal, answer.body) : undefined;
    const partial = member(JSON.parse(textOf(answer)), 'partialSuccess');
    const rejected = Number(member(partial, rejectedKeys[signal]) ?? 0);
    const message = member(partial, 'errorMessage');
    return { rejected: Number.isSafeInteger(rejected) ? rejected : 0, message: typeof message === 'string' ? message : '' };
  } catch {
    return undefined;
  }
}

/** Characters of a backend's message that are logged. */
const MESSAGE_LENGTH = 500;

function statusOf(answer: Answer): { message: string; retryAfterMs: number | undefined } {
  try {
    if (answer.contentType?.includes('protobuf')) {
      const { message, retryAfterMs } = readStatus(answer.body);
      return { message: message.slice(0, MESSAGE_LENGTH), retryAfterMs };
    }
    if (isJson(answer)) {
      const message = member(JSON.parse(textOf(answer)), 'message');
      if (typeof message === 'string') return { message: message.slice(0, MESSAGE_LENGTH), retryAfterMs: undefined };
    }
  } catch {
    // Not what its Content-Type says; shown as text.
  }
  return { message: textOf(answer).slice(0, MESSAGE_LENGTH).trim(), retryAfterMs: undefined };
}

function textOf({ body }: Answer): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

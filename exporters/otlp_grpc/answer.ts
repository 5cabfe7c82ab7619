/** What a gRPC answer means for the request (OTLP specification, "OTLP/gRPC Response"). */
import type { Signal } from '../../src/batch/batch.ts';
import type { Outcome } from '../../src/component/retry.ts';
import { readResponse, readStatus } from '../../src/otlp/requests.ts';

/** CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS. */
const retryable = new Set([1, 4, 10, 11, 14, 15]);
const RESOURCE_EXHAUSTED = 8;

const names = ['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS']
  .concat(['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'])
  .concat(['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED']);

/** How servers say that a message is too large: grpc-go, grpc-js and C++ ("larger than max"), Java ("exceeds maximum size"), proxies. */
const TOO_LARGE = /larger than|exceeds|too large|too big/i;

/** Longest wait that a backend may ask for: an hour. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** Characters of a backend's message that are logged. */
const MESSAGE_LENGTH = 500;

export type Trailers = Readonly<Record<string, unknown>>;

/** `undefined` if the trailers hold no status. Never throws. */
export function outcomeOf(signal: Signal, trailers: Trailers, message: Uint8Array): Outcome | undefined {
  const text = trailers['grpc-status'];
  if (typeof text !== 'string' || !/^\d+$/.test(text)) return undefined;
  const code = Number(text);
  if (code === 0) return taken(signal, message);
  const said = `${names[code] ?? `code ${code}`}: ${grpcMessage(trailers['grpc-message'])}`;
  const wait = retryInfo(trailers['grpc-status-details-bin']);
  if (retryable.has(code) || (code === RESOURCE_EXHAUSTED && wait !== undefined)) {
    return { kind: 'retry', message: said, retryAfterMs: Math.min(wait ?? 0, MAX_RETRY_AFTER_MS) };
  }
  if (code === RESOURCE_EXHAUSTED && TOO_LARGE.test(said)) return { kind: 'oversize', message: said };
  return { kind: 'permanent', message: said, status: code };
}

/** What an HTTP status without a gRPC status means (gRPC specification, "HTTP to gRPC Status Code Mapping"). */
export function outcomeOfHttp(status: number): Outcome {
  const message = `HTTP ${status} from something that does not speak gRPC`;
  if (status === 429 || status === 502 || status === 503 || status === 504) return { kind: 'retry', message, retryAfterMs: 0 };
  if (status === 413) return { kind: 'oversize', message };
  const codes: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12 };
  return { kind: 'permanent', message, status: codes[status] ?? 2 };
}

function taken(signal: Signal, message: Uint8Array): Outcome {
  try {
    const partial = message.length === 0 ? undefined : readResponse(signal, message);
    return { kind: 'sent', rejected: partial?.rejected ?? 0, message: partial?.message ?? '' };
  } catch {
    return { kind: 'sent', rejected: 0, message: '' };
  }
}

function retryInfo(header: unknown): number | undefined {
  if (typeof header !== 'string') return undefined;
  try {
    return readStatus(Buffer.from(header, 'base64')).retryAfterMs;
  } catch {
    return undefined;
  }
}

/** grpc-message is percent-encoded. */
function grpcMessage(header: unknown): string {
  if (typeof header !== 'string') return '';
  const text = header.slice(0, MESSAGE_LENGTH);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

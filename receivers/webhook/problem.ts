/** Refusals as RFC 9457 problem details. They say what is wrong and where, never what the payload or the credentials hold. */
import { httpStatus, INVALID_ARGUMENT, UNAUTHENTICATED, UNAVAILABLE } from '../../src/component/transport/code.ts';
import type { Failure } from '../../src/component/transport/intake.ts';

/** Code → status and title. The codes stand in docs/webhooks.md: clients may rely on them. */
const problems = {
  'unknown-path': [404, 'There is no such path'],
  'method-not-allowed': [405, 'The method is not allowed'],
  unauthenticated: [401, 'Credentials are missing or wrong'],
  'bad-signature': [401, 'The signature does not hold'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'unsupported-encoding': [415, 'The content encoding is not supported'],
  'bad-idempotency-key': [400, 'The idempotency key is none'],
  'idempotency-key-reused': [422, 'The idempotency key was used for another body'],
  'too-large': [413, 'The body is too large'],
  'malformed-body': [400, 'The body cannot be read'],
  'malformed-payload': [400, 'The payload is not what its path takes'],
  'rate-limited': [429, 'Too much at once'],
  unavailable: [503, 'It cannot be taken now'],
  refused: [400, 'The pipeline refused it for good'],
  internal: [500, 'The request could not be handled'],
} as const;

export type ProblemCode = keyof typeof problems;

/** Where in the body: a JSON pointer, '' for all of it. */
export interface ProblemError {
  readonly pointer: string;
  readonly detail: string;
}

export interface Problem {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly ProblemError[];
  /** Where the code leaves it open. */
  readonly status?: number;
  /** Members of its own. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export function statusOf({ code, status }: Problem): number {
  return status ?? problems[code][0];
}

/** `instance` is the path without its query, which may hold a token. */
export function writeProblem(problem: Problem, instance: string, requestId: string): Buffer {
  const title = problems[problem.code][1];
  const status = statusOf(problem);
  const { code, detail, errors = [], more } = problem;
  const type = `urn:misstep:problem:${code}`;
  return Buffer.from(JSON.stringify({ type, title, status, detail, instance, code, errors, request_id: requestId, ...more }));
}

export function problemOf({ code, message, oversize }: Failure): Problem {
  const detail = `${message}.`;
  return oversize ? { code: 'too-large', detail } : { code: codeOf(code), detail, status: httpStatus(code) };
}

function codeOf(code: number): ProblemCode {
  if (code === INVALID_ARGUMENT) return 'malformed-body';
  if (code === UNAUTHENTICATED) return 'unauthenticated';
  if (code === UNAVAILABLE) return 'unavailable';
  const status = httpStatus(code);
  if (status === 503) return 'unavailable';
  if (status === 429) return 'rate-limited';
  return status < 500 ? 'refused' : 'internal';
}

/** google.rpc.Code as OTLP uses it, and what it is in HTTP. */
export const OK = 0;
const CANCELLED = 1;
export const INVALID_ARGUMENT = 3;
export const DEADLINE_EXCEEDED = 4;
export const NOT_FOUND = 5;
export const RESOURCE_EXHAUSTED = 8;
export const UNIMPLEMENTED = 12;
export const INTERNAL = 13;
export const UNAVAILABLE = 14;
export const UNAUTHENTICATED = 16;

const http = new Map<number, number>([
  [CANCELLED, 503],
  [INVALID_ARGUMENT, 400],
  [DEADLINE_EXCEEDED, 503],
  [7, 403],
  [RESOURCE_EXHAUSTED, 429],
  [10, 503],
  [11, 503],
  [UNIMPLEMENTED, 404],
  [UNAVAILABLE, 503],
  [15, 503],
  [UNAUTHENTICATED, 401],
]);

/** The Collector's table. An unknown code is 500. */
export function httpStatus(code: number): number {
  return http.get(code) ?? 500;
}

/** Retry-After: whole seconds, at least 1, for 0 would invite a storm. */
export function retryAfterSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}

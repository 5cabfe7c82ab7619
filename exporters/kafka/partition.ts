/**
 * A request as one request a partition key. The key is the session that the steps of a trace name (what `detect` keys its windows by),
 * else the trace id. All spans of a trace in one request go together, those that name no session with those that do: a request
 * that has only the former goes by the trace id, so a trace whose spans do not all name their session is better split by `trace`.
 */
import { dialectKeys } from '../../src/dialects/keys.ts';
import { sessionOfStep } from '../../src/dialects/normalise.ts';
import { join, layoutOf, project } from '../../src/otlp/cut.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';

export interface Keyed {
  /** Undefined for spans without a trace id, which may go anywhere. */
  readonly key: string | undefined;
  readonly body: Uint8Array;
}

/** A conversation may be named at any length. */
const MAX_KEY = 256;

/** Parts in the order of their first span; spans keep theirs. The body itself if it has one key. Throws `WireError`. */
export function partitioned(body: Uint8Array, by: 'conversation' | 'trace'): readonly Keyed[] {
  const index = walkTraces(body, dialectKeys);
  const reader = spanReader();
  const traces: string[] = [];
  const sessions = new Map<string, string>();
  for (let row = 0; row < index.spanCount; row++) {
    const trace = reader.at(index, row).traceId();
    traces.push(trace);
    if (by === 'trace' || sessions.has(trace)) continue;
    const session = sessionOfStep(reader)?.sessionId;
    if (session !== undefined && session !== '') sessions.set(trace, session.slice(0, MAX_KEY));
  }
  const keys = traces.map((trace) => sessions.get(trace) ?? trace);
  if (new Set(keys).size <= 1) return [{ key: keys[0] || undefined, body }];
  const layout = layoutOf(body);
  // Each key looks only at the rows between its first and its last: a request is mostly runs of one trace.
  const ends = new Map<string, { readonly first: number; last: number }>();
  keys.forEach((key, row) => {
    const seen = ends.get(key);
    if (seen === undefined) ends.set(key, { first: row, last: row });
    else seen.last = row;
  });
  return [...ends].map(([key, { first, last }]) => ({
    key: key === '' ? undefined : key,
    body: join(project(layout, first, last + 1, (row) => keys[row] === key) ?? []),
  }));
}

/** A route called for one tenant: what comes in is checked, what is wrong is a `Problem`. */
import type { z } from 'zod';
import { RecordsError } from '../../src/component/records.ts';
import { invalid, Problem } from './problem.ts';
import type { Route, Services } from './route.ts';

/** As they came: nothing of it has been checked. */
export interface Given {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly from: string;
  /** Absent: whoever asks has no headers. */
  readonly header?: (name: string) => string | undefined;
}

export async function dispatch(route: Route, services: Services, tenant: string, given: Given): Promise<unknown> {
  return route.handle({
    ...services,
    tenant,
    mine: services.records.of(tenant),
    params: read(route.params, given.params, 'path'),
    query: read(route.query, given.query, 'query'),
    body: read(route.body, given.body ?? {}, 'body'),
    from: given.from,
    nowMs: services.host.clock.now(),
    header: given.header ?? (() => undefined),
  });
}

function read(schema: z.ZodType | undefined, value: unknown, where: 'path' | 'query' | 'body'): unknown {
  if (schema === undefined) return undefined;
  const { data, error } = schema.safeParse(value);
  if (error !== undefined) throw invalid(where, error);
  return data;
}

/** What a route threw, as the caller may see it; 500 stands for a fault of ours, whose message is for the log alone. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof RecordsError) {
    return new Problem(503, 'database-unavailable', 'The database does not answer.', { headers: { 'retry-after': '5' } });
  }
  if (error instanceof RangeError) return new Problem(400, 'bad-cursor', 'The cursor is none that a page gave.');
  return new Problem(500, 'internal', 'Something failed here; the log says what, by the request id.');
}

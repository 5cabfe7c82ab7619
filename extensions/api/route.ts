/**
 * One route of the API: what it takes and gives, as schemas that both validate and document it, and what it does.
 *
 * Law: a handler sees one tenant only, through `records`; what it gives is JSON that its `reply` describes; what is wrong it throws as a
 * `Problem`.
 */
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { Host } from '../../src/component/component.ts';
import type { Records, TenantRecords } from '../../src/component/records.ts';
import type { Analyses } from './analysis/analysis.ts';
import type { Keys } from './auth.ts';
import type { Catalogue } from './catalogue.ts';
import type { Feed } from './feed.ts';
import type { DatadogOptions } from './metrics/datadog.ts';
import type { Sources } from './sources.ts';
import type { Vault } from './vault.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

/** What routes share. */
export interface Services {
  readonly host: Host;
  readonly records: Records;
  readonly keys: Keys;
  readonly catalogue: Catalogue;
  readonly feed: Feed;
  readonly analyses: Analyses;
  /** Absent: metrics are not sent there. */
  readonly datadog: DatadogOptions | undefined;
  readonly webhooks: Webhooks;
  /** Keeps keys of tenants for other APIs. */
  readonly vault: Vault;
  /** Hosts of n8n that may be asked though their addresses are private. */
  readonly n8nHosts: readonly string[];
  /** Absent: no file of a user is read. */
  readonly sources: Sources | undefined;
}

export interface Call<P, Q, B> extends Services {
  readonly tenant: string;
  readonly mine: TenantRecords;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Address of the client, for limits. */
  readonly from: string;
  readonly nowMs: number;
  /** A header of the request, by its name in small letters. */
  readonly header: (name: string) => string | undefined;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

// biome-ignore lint/suspicious/noExplicitAny: each route has its own types; lists hold them all.
type Any = any;

export interface Route<
  P extends z.ZodType = Any,
  Q extends z.ZodType = Any,
  B extends z.ZodType = Any,
  R extends z.ZodType = Any,
> {
  readonly method: Method;
  /** Under `/api/v1`, parameters as `{name}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** Asks nobody who they are. */
  readonly open?: boolean;
  /** Requests a client may make in an hour; the general limit stands besides. */
  readonly perHour?: number;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Absent: 204 without a body. */
  readonly reply?: R;
  /** Of success; 200, or 204 without `reply`. */
  readonly status?: number;
  /** The answer holds something that is shown once: it is not kept for a repetition. */
  readonly secret?: boolean;
  /** `text/plain` and the like: `reply` is then a string, or a stream of it. */
  readonly type?: string;
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<z.input<R> | Readable | undefined>;
}

/** Gives a route its types. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  one: Route<P, Q, B, R>,
): Route {
  return one;
}

/** The API over a real database, in tests: the thread of the database runs from the source. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiFactory } from '../../extensions/api/api.ts';
import { databaseFactory } from '../../extensions/database/database.ts';
import { finding, request, type SpanSaid } from '../../extensions/database/testing/suite.ts';
import type { DatabaseExtension } from '../../src/component/records.ts';
import { type TestHost, testHost } from '../../src/component/testing.ts';
import { analysisIn } from '../analysis.ts';
import { catalogued } from '../catalogued.ts';
import { embeddingFile } from '../shipped.ts';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it.
  readonly body: any;
  readonly headers: Headers;
}

export interface Platform {
  readonly host: TestHost;
  readonly url: string;
  readonly database: DatabaseExtension;
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  ingest(spans: readonly SpanSaid[], tenant?: string, scope?: string): Promise<void>;
  /** Stops the API, does `meanwhile`, and starts it on the same database, at another port. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export { finding };

/** As `detect` announces the detection of that number, so many ms after a time in the past. */
export function announce({ host }: Platform, id: number, more: object = {}): void {
  host.announce(() => ({
    kind: 'detection',
    tenant: 'default',
    time_unix_ms: 1_790_000_000_000 + id,
    id: id.toString(16).padStart(32, '0'),
    trace_id: '1'.padStart(32, '0'),
    span_id: '2'.padStart(16, '0'),
    session_id: null,
    agent: 'a',
    detector: 'loop',
    message: 'repeated',
    category: 'execution',
    severity: 'high',
    tier: 1,
    confidence: 0.9,
    explanation: 'Ran again.',
    revision: 0,
    version: 1,
    evidence: { span_ids: [] },
    data: { tool: 'ls' },
    taxonomy: {},
    ...more,
  }));
}

const signal = new AbortController().signal;

const fromSource = analysisIn(new URL('./analysis-worker.mjs', import.meta.url));

/** `local: false` = as on an address that others reach: everybody needs a key. `shared`: options of a database that others are on too. */
export async function startPlatform(
  options: object = {},
  local = true,
  analysis = fromSource,
  shared?: { readonly directory: string } | { readonly url: string },
): Promise<Platform> {
  const directory = mkdtempSync(join(tmpdir(), 'misstep-api-'));
  const databases = databaseFactory(embeddingFile, new URL('../../extensions/database/testing/worker.mjs', import.meta.url));
  const database = databases.create('database', databases.options.parse(shared ?? { directory })) as DatabaseExtension;
  const host = testHost(undefined, { database });
  await database.start(host);
  const apis = apiFactory(catalogued, analysis, new URL('./analysis-worker.mjs', import.meta.url));
  const given = {
    endpoint: local ? '127.0.0.1:0' : '0.0.0.0:0',
    requests_per_minute: 100_000,
    tenant_requests_per_minute: 100_000,
    ...options,
  };
  const open = async () => {
    const one = apis.create('api', apis.options.parse(given));
    await one.start(host);
    return { one, url: `http://127.0.0.1:${(one as unknown as { readonly port: number }).port}` };
  };
  let api = await open();
  return {
    host,
    get url() {
      return api.url;
    },
    database,
    async ask(method, path, body, headers = {}) {
      const given = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await fetch(api.url + (path.startsWith('/docs') || path.startsWith('/v1') ? path : `/api/v1${path}`), {
        method,
        headers: { ...type, ...headers },
        ...given,
      });
      const text = await answer.text();
      const json = answer.headers.get('content-type')?.includes('json') === true;
      return { status: answer.status, body: json ? JSON.parse(text) : text, headers: answer.headers };
    },
    async ingest(spans, tenant = 'default', scope = 'app') {
      await database.records.ingest(tenant, [request(spans, scope)]);
    },
    async restart(meanwhile) {
      await api.one.shutdown(signal);
      await meanwhile();
      api = await open();
    },
    async stop() {
      await api.one.shutdown(signal);
      await database.shutdown(signal);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * The two lists of the Managed Agents API that are read: sessions, and the events of one. Source: platform.claude.com/docs,
 * beta managed-agents-2026-04-01. Every answer is bounded, and so is the number of pages.
 */
import { type GuardedAnswer, requestGuarded } from '../../src/component/transport/guard.ts';
import { isObject, member } from '../../src/dialects/json.ts';

/** Of one list. A page of events with tool results of the API's longest is below 8 MiB. */
const MAX_PAGES = 100;
const MAX_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 30_000;
const PAGE = 100;

export interface Access {
  /** URL without a path. */
  readonly endpoint: string;
  readonly key: string;
}

export interface Session {
  readonly id: string;
  readonly status: string | undefined;
  readonly updated: string | undefined;
  /** As given, for the name of the agent. */
  readonly about: unknown;
}

/** The API answered with an error, or not at all. `retryMs` is what it asks for; `final` says that asking again is no use. */
export class ApiError extends Error {
  readonly retryMs: number | undefined;
  readonly final: boolean;
  constructor(message: string, retryMs: number | undefined, final: boolean) {
    super(message);
    this.name = 'ApiError';
    this.retryMs = retryMs;
    this.final = final;
  }
}

/** Sessions, the newest first; `most` at most. */
export async function sessions(access: Access, most: number): Promise<readonly Session[]> {
  const found = await pages(access, '/v1/sessions', { order: 'desc', limit: String(Math.min(PAGE, most)) }, most);
  return found.items.flatMap((one) => {
    const id = word(member(one, 'id'));
    return id === undefined
      ? []
      : [{ id, status: word(member(one, 'status')), updated: word(member(one, 'updated_at')), about: one }];
  });
}

/** Events of a session in order, those after `after` (ISO 8601, exclusive). `whole` is false if there are more than are read. */
export async function events(access: Access, session: string, after: string | undefined) {
  const query = { order: 'asc', limit: String(PAGE), ...(after === undefined ? {} : { 'created_at[gt]': after }) };
  const { items, whole } = await pages(access, `/v1/sessions/${encodeURIComponent(session)}/events`, query, MAX_PAGES * PAGE);
  return { events: items, whole };
}

async function pages(access: Access, path: string, query: Readonly<Record<string, string>>, most: number) {
  const items: unknown[] = [];
  let page: string | undefined;
  for (let n = 0; n < MAX_PAGES && items.length < most; n++) {
    const url = new URL(path, access.endpoint);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    if (page !== undefined) url.searchParams.set('page', page);
    const body = await get(access, url);
    const data = member(body, 'data');
    if (Array.isArray(data)) items.push(...data);
    page = word(member(body, 'next_page'));
    if (page === undefined) return { items, whole: true };
  }
  return { items: items.slice(0, most), whole: false };
}

async function get({ key }: Access, url: URL): Promise<unknown> {
  const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'anthropic-beta': 'managed-agents-2026-04-01' };
  // The endpoint is of the configuration; redirects that leave it go to public addresses only.
  const allow = [url.host];
  const answer = await requestGuarded(url.href, { headers, allow, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }).catch(
    (error: unknown) => {
      throw new ApiError(`the API does not answer: ${reasonOf(error)}`, undefined, false);
    },
  );
  if (answer.status !== 200) throw refusal(answer);
  const body = parsed(answer.body);
  if (!isObject(body)) throw new ApiError('the API answers with something that is no JSON object', undefined, false);
  return body;
}

function refusal({ status, headers, body }: GuardedAnswer): ApiError {
  const type = word(member(member(parsed(body), 'error'), 'type'))
    ?.replaceAll(/[^a-z_]/g, '')
    .slice(0, 100);
  const after = Number(headers['retry-after']);
  const retryMs = Number.isFinite(after) && after >= 0 ? Math.min(after, 3600) * 1000 : undefined;
  const final = status === 400 || status === 401 || status === 403;
  const hint = status === 401 || status === 403 ? ' Check api_key and what its workspace may read.' : '';
  return new ApiError(`the API answers with status ${status}${type === undefined ? '' : ` (${type})`}.${hint}`, retryMs, final);
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : 'unknown';
}

/** A string that says something. */
export function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

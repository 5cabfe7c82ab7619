/**
 * The two lists of the Managed Agents API that are read: sessions, and the events of one. Source: platform.claude.com/docs,
 * beta managed-agents-2026-04-01. Every answer is bounded, and so is the number of pages.
 */
import { getJson } from '../../src/component/transport/api.ts';
import { member } from '../../src/dialects/json.ts';

/** Of one list. A page of events with tool results of the API's longest is below 8 MiB. */
const MAX_PAGES = 100;
const MAX_BYTES = 32 * 1024 * 1024;
const PAGE = 100;
const CHECK_KEY = 'Check api_key and what its workspace may read.';

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

function get({ key }: Access, url: URL): Promise<object> {
  return getJson(url, {
    headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'anthropic-beta': 'managed-agents-2026-04-01' },
    maxBytes: MAX_BYTES,
    check: { 401: CHECK_KEY, 403: CHECK_KEY },
    typeOf: (body) => member(member(body, 'error'), 'type'),
  });
}

/** A string that says something. */
export function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * The two calls of n8n's public API that are read: the list of executions without their data, and one execution with it. Source:
 * n8n 2.41.1, public-api/v1/controllers/executions. Every answer is bounded, and so is the number of pages.
 */
import { type ApiOptions, getJson } from '../../src/component/transport/api.ts';
import { member } from '../../src/dialects/json.ts';

/** The API's most. */
const PAGE = 250;
/** Of one list: 10,000 executions. */
const MAX_PAGES = 40;
const MAX_LIST_BYTES = 8 * 1024 * 1024;
/** Of one execution; n8n itself stores payloads of 16 MiB by default, and what passes through several nodes stands in each. */
const MAX_EXECUTION_BYTES = 32 * 1024 * 1024;
/** A cursor is two numbers in base64. */
const MAX_CURSOR = 1_000;

const CHECK: ApiOptions['check'] = {
  400: 'Its n8n may be older than the filter by status=running.',
  401: 'Check api_key, and that endpoint is what n8n is reached at without a redirect.',
  403: 'Check the scopes of api_key: execution:list and execution:read.',
  404: 'Check endpoint, and that the public API is on (N8N_PUBLIC_API_DISABLED).',
};

export interface Access {
  /** URL of the editor, a path of its own included. */
  readonly endpoint: string;
  readonly key: string;
}

export interface Listed {
  readonly id: number;
  readonly status: string;
  /** Unix ms; what is queued has none. */
  readonly startedMs: number | undefined;
}

export interface List {
  readonly found: readonly Listed[];
  readonly newest: Listed | undefined;
  readonly beyond: Listed | undefined;
  readonly whole: boolean;
}

/**
 * Executions by falling id, up to the first of which `enough` says so, which is `beyond` and not among them. `newest` is the first
 * of all. `whole` is false where the list goes on beyond what is read. Items that are no executions are left out.
 */
export async function list(access: Access, status: string | undefined, enough: (one: Listed) => boolean): Promise<List> {
  const found: Listed[] = [];
  let newest: Listed | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { includeData: 'false', limit: String(PAGE), status, cursor };
    const body = await get(access, '/executions', query, MAX_LIST_BYTES);
    const data = member(body, 'data');
    const before = lowest;
    for (const item of Array.isArray(data) ? data.slice(0, PAGE) : []) {
      const one = listed(item);
      // Also a list that begins anew by a cursor does not bring an execution twice.
      if (one === undefined || one.id >= lowest) continue;
      lowest = one.id;
      newest ??= one;
      if (enough(one)) return { found, newest, beyond: one, whole: true };
      found.push(one);
    }
    const next = member(body, 'nextCursor');
    if (typeof next !== 'string' || next === '' || next.length > MAX_CURSOR)
      return { found, newest, beyond: undefined, whole: true };
    // Nothing older came with that page, nor will it with the next.
    if (lowest === before) return { found, newest, beyond: undefined, whole: false };
    cursor = next;
  }
  return { found, newest, beyond: undefined, whole: false };
}

/** As the API gives it, with data and workflow. */
export function execution(access: Access, id: number): Promise<object> {
  return get(access, `/executions/${id}`, { includeData: 'true' }, MAX_EXECUTION_BYTES);
}

export function idOf(one: unknown): number | undefined {
  const given = member(one, 'id');
  const id = typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : given;
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

export function statusOf(one: unknown): string {
  const status = member(one, 'status');
  return typeof status === 'string' ? status : 'unknown';
}

function listed(item: unknown): Listed | undefined {
  const id = idOf(item);
  const started = Date.parse(String(member(item, 'startedAt')));
  return id === undefined ? undefined : { id, status: statusOf(item), startedMs: Number.isFinite(started) ? started : undefined };
}

function get({ endpoint, key }: Access, path: string, query: Readonly<Record<string, string | undefined>>, maxBytes: number) {
  const url = new URL(`${endpoint.replace(/\/+$/, '')}/api/v1${path}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  const options: ApiOptions = {
    headers: { 'X-N8N-API-KEY': key, accept: 'application/json' },
    maxBytes,
    check: CHECK,
  };
  return getJson(url, options);
}

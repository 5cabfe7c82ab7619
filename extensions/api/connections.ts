/** Connections to n8n: an address and a key, of one tenant. The key is sealed for the tenant and the connection, and never shown again. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DocumentRow, TenantRecords } from '../../src/component/records.ts';
import { Healer, toProblem } from './healing.ts';
import { checkUrl, N8n } from './n8n.ts';
import { notFound, Problem } from './problem.ts';
import type { Services } from './route.ts';
import { readSource } from './sources.ts';

export const CONNECTION = 'n8n-connection';
/** More instances than a tenant runs. */
const MOST = 100;

export const connectionBody = z.object({ name: z.string(), url: z.string(), sealed: z.string() });

export interface Caller extends Services {
  readonly tenant: string;
  readonly mine: TenantRecords;
  readonly nowMs: number;
}

export interface GivenConnection {
  readonly name: string;
  readonly url: string;
  readonly api_key?: string | undefined;
}

export async function createConnection(
  call: Caller,
  given: GivenConnection & { readonly api_key: string },
): Promise<DocumentRow> {
  checked(call, given.url);
  const { total } = await call.mine.documents(CONNECTION, { limit: 1, offset: 0 });
  if ((total ?? 0) >= MOST) throw new Problem(409, 'too-many', `A tenant has at most ${MOST} connections.`);
  const id = randomUUID();
  const row = await call.mine.put(CONNECTION, id, bodyOf(call, id, given, given.api_key), 0);
  return row as DocumentRow;
}

/** Another address needs the key again: a key is only sent where it was given for. */
export async function replaceConnection(call: Caller, id: string, given: GivenConnection): Promise<DocumentRow> {
  checked(call, given.url);
  const row = await call.mine.document(CONNECTION, id);
  if (row === undefined) throw notFound('connection', id);
  const before = connectionBody.parse(row.body);
  if (given.api_key === undefined && new URL(before.url).origin !== new URL(given.url).origin)
    throw new Problem(422, 'not-valid', 'Another address needs its api_key.');
  const body =
    given.api_key === undefined ? { ...before, name: given.name, url: given.url } : bodyOf(call, id, given, given.api_key);
  const written = await call.mine.put(CONNECTION, id, body, row.version);
  if (written === undefined) throw new Problem(409, 'changed', 'The connection was changed at the same time. Read it again.');
  return written;
}

export async function clientOf(call: Caller, id: string): Promise<N8n> {
  const row = await call.mine.document(CONNECTION, id);
  if (row === undefined) throw notFound('connection', id);
  const { url, sealed } = connectionBody.parse(row.body);
  const key = call.vault.open(sealed, placeOf(call, id));
  if (key === undefined)
    throw new Problem(
      409,
      'key-unreadable',
      'The key of the connection was encrypted with another encryption_key. PUT it again.',
    );
  try {
    return new N8n({ url, key }, call.n8nHosts);
  } catch (error) {
    return toProblem(error);
  }
}

export function healerOf(call: Caller): Healer {
  const { mine, catalogue, nowMs } = call;
  return new Healer({
    mine,
    catalogue,
    nowMs,
    n8n: (id) => clientOf(call, id),
    source: (path) => readSource(call.sources, call.tenant, path),
  });
}

function checked({ n8nHosts }: Caller, url: string): void {
  try {
    checkUrl(url, n8nHosts);
  } catch (error) {
    toProblem(error);
  }
}

function bodyOf(call: Caller, id: string, { name, url }: GivenConnection, key: string): z.output<typeof connectionBody> {
  return { name, url, sealed: call.vault.seal(key, placeOf(call, id)) };
}

function placeOf({ tenant }: Caller, id: string): string {
  return `${tenant} ${CONNECTION} ${id}`;
}

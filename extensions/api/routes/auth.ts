import { z } from 'zod';
import { notFound, Problem } from '../problem.ts';
import { route } from '../route.ts';
import { iso } from './shared.ts';

const name = z.string().trim().min(1).max(100);
const listedKey = z.object({ id: z.string(), name: z.string(), key_prefix: z.string(), created_at: z.string() });

export const authRoutes = [
  route({
    method: 'POST',
    path: '/auth/tenants',
    tag: 'auth',
    summary: 'Makes a tenant with a first key, which is shown once.',
    open: true,
    perHour: 5,
    status: 201,
    body: z.object({ name }),
    reply: z.object({ id: z.string(), name: z.string(), api_key: z.string(), created_at: z.string() }),
    async handle({ body, keys }) {
      const { id, key } = await keys.tenant(body.name);
      return { id, name: body.name, api_key: key.key, created_at: key.created_at };
    },
  }),
  route({
    method: 'POST',
    path: '/auth/token',
    tag: 'auth',
    summary: 'A token of an hour for a key.',
    open: true,
    body: z.object({ api_key: z.string().min(1).max(1_000) }),
    reply: z.object({ access_token: z.string(), token_type: z.literal('bearer'), expires_in: z.number() }),
    async handle({ body, keys }) {
      const token = await keys.token(body.api_key);
      if (token === undefined) throw new Problem(401, 'unknown-key', 'The key is unknown or revoked.');
      return { access_token: token, token_type: 'bearer' as const, expires_in: 3_600 };
    },
  }),
  route({
    method: 'POST',
    path: '/auth/api-keys',
    tag: 'auth',
    summary: 'A further key of the tenant, shown once.',
    status: 201,
    secret: true,
    body: z.object({ name }),
    reply: listedKey.extend({ key: z.string() }),
    handle: ({ tenant, body, keys }) => keys.create(tenant, body.name),
  }),
  route({
    method: 'GET',
    path: '/auth/api-keys',
    tag: 'auth',
    summary: 'The keys of the tenant, by their beginnings.',
    reply: z.array(listedKey),
    handle: async ({ tenant, keys }) => [...(await keys.list(tenant))],
  }),
  route({
    method: 'DELETE',
    path: '/auth/api-keys/{key_id}',
    tag: 'auth',
    summary: 'Revokes a key and its tokens, within a second.',
    params: z.object({ key_id: z.string().max(100) }),
    async handle({ tenant, params, keys }) {
      if (!(await keys.revoke(tenant, params.key_id))) throw notFound('key', params.key_id);
      return undefined;
    },
  }),
  route({
    method: 'GET',
    path: '/auth/me',
    tag: 'auth',
    summary: 'Whose key this is.',
    reply: z.object({ id: z.string(), name: z.string(), now: z.string() }),
    handle: async ({ tenant, keys, nowMs }) => ({ id: tenant, name: await keys.nameOf(tenant), now: iso(nowMs) }),
  }),
];

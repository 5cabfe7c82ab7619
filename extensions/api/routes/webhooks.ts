import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DocumentRow, TenantRecords } from '../../../src/component/records.ts';
import { notFound } from '../problem.ts';
import { route } from '../route.ts';
import {
  deadKind,
  deadLetter,
  freshState,
  KIND,
  type Registration,
  registrationOf,
  STATE,
  state,
  wanted,
} from '../webhooks/registration.ts';
import { messageOf } from '../webhooks/send.ts';
import { FORMER_MS } from '../webhooks/webhooks.ts';
import { id, iso, paged, paging, windowOf } from './shared.ts';

const webhook = wanted.extend({
  id: z.string(),
  delivered: z.number(),
  failed: z.number().describe('Among the dead letters, or were.'),
  last_error: z.string().nullable(),
  last_attempt_at: z.string().nullable(),
  retry_at: z.string().nullable(),
  switched_off: z.string().nullable().describe('Why, if the receiver did it. PUT switches it on again.'),
});
const withSecret = webhook.extend({ secret: z.string().describe('`whsec_…`; shown once.') });
const letter = z.object({
  event_id: z.string(),
  type: z.string(),
  error: z.string(),
  failed_at: z.string(),
  payload: z.unknown(),
});
const MOST_REDELIVERED = 100;

async function wire(mine: TenantRecords, registration: Registration): Promise<z.input<typeof webhook>> {
  const { tenant: _, salt: __, former: ___, ...plain } = registration;
  const row = await mine.document(STATE, registration.id);
  const at = state.safeParse(row?.body).data ?? freshState(0);
  return {
    ...plain,
    delivered: at.delivered,
    failed: at.failed,
    last_error: at.lastError,
    last_attempt_at: at.lastMs === null ? null : iso(at.lastMs),
    retry_at: at.attempts > 0 ? iso(at.retryAtMs) : null,
    switched_off: at.off,
  };
}

async function found(mine: TenantRecords, tenant: string, key: string): Promise<Registration> {
  const row = await mine.document(KIND, key);
  if (row === undefined) throw notFound('webhook', key);
  return registrationOf(tenant, row);
}

const letterOf = ({ body, created_ms }: DocumentRow): z.input<typeof letter> => {
  const { event, type, error, body: payload } = deadLetter.parse(body);
  return { event_id: event, type, error, failed_at: iso(created_ms), payload: JSON.parse(payload) as unknown };
};

export const webhookRoutes = [
  route({
    method: 'POST',
    path: '/webhooks',
    tag: 'webhooks',
    summary: 'Sends detections from now on to an address, signed as Standard Webhooks says. The secret is shown once.',
    status: 201,
    secret: true,
    body: wanted,
    reply: withSecret,
    async handle({ tenant, mine, body, webhooks }) {
      const { registration, secret } = await webhooks.register(tenant, body);
      return { ...(await wire(mine, registration)), secret };
    },
  }),
  route({
    method: 'GET',
    path: '/webhooks',
    tag: 'webhooks',
    summary: 'Where detections are sent.',
    query: z.object(paging),
    reply: z.object({ items: z.array(webhook), ...paged }),
    async handle({ tenant, mine, query }) {
      const { items, total, next } = await mine.documents(KIND, windowOf(query));
      const shown = await Promise.all(items.map((row) => wire(mine, registrationOf(tenant, row))));
      return { items: shown, total, page: query.page, per_page: query.per_page, next_cursor: next };
    },
  }),
  route({
    method: 'GET',
    path: '/webhooks/{id}',
    tag: 'webhooks',
    summary: 'One of them, and how its deliveries stand.',
    params: id,
    reply: webhook,
    handle: async ({ tenant, mine, params }) => wire(mine, await found(mine, tenant, params.id)),
  }),
  route({
    method: 'PUT',
    path: '/webhooks/{id}',
    tag: 'webhooks',
    summary: 'Replaces what is sent and where; the secret stays.',
    params: id,
    body: wanted,
    reply: webhook,
    async handle({ tenant, mine, params, body, webhooks }) {
      const changed = await webhooks.change(tenant, params.id, (before) => ({ ...before, ...body }));
      if (changed === undefined) throw notFound('webhook', params.id);
      return wire(mine, changed);
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/{id}/rotate',
    tag: 'webhooks',
    summary: 'A new secret, shown once. The one before signs too for a day.',
    secret: true,
    params: id,
    reply: withSecret,
    async handle({ tenant, mine, params, webhooks, nowMs }) {
      const changed = await webhooks.change(tenant, params.id, (before) => ({
        ...before,
        salt: randomUUID(),
        former: { salt: before.salt, untilMs: nowMs + FORMER_MS },
      }));
      if (changed === undefined) throw notFound('webhook', params.id);
      return { ...(await wire(mine, changed)), secret: webhooks.secret(changed) };
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/{id}/test',
    tag: 'webhooks',
    summary: 'Sends an event of type `ping` now and says what came of it.',
    params: id,
    reply: z.object({ success: z.boolean(), error: z.string().nullable() }),
    async handle({ tenant, mine, params, webhooks, nowMs }) {
      const registration = await found(mine, tenant, params.id);
      const message = messageOf(`${registration.id} ping ${nowMs}`, 'ping', nowMs, { webhook_id: registration.id });
      const sent = await webhooks.send(registration.url, message, registration);
      return { success: sent.kind === 'ok', error: sent.kind === 'ok' ? null : sent.error };
    },
  }),
  route({
    method: 'GET',
    path: '/webhooks/{id}/dead-letters',
    tag: 'webhooks',
    summary: 'Events that were refused, or failed too often; at most 1,000 are kept.',
    params: id,
    query: z.object(paging),
    reply: z.object({ items: z.array(letter), ...paged }),
    async handle({ tenant, mine, params, query }) {
      await found(mine, tenant, params.id);
      const { items, total, next } = await mine.documents(deadKind(params.id), windowOf(query));
      return { items: items.map(letterOf), total, page: query.page, per_page: query.per_page, next_cursor: next };
    },
  }),
  route({
    method: 'POST',
    path: '/webhooks/{id}/redeliver',
    tag: 'webhooks',
    summary: `Sends dead letters again, at most ${MOST_REDELIVERED} or the one that is named; what is taken is a dead letter no more.`,
    params: id,
    body: z.object({ event_id: z.string().max(200).optional() }),
    reply: z.object({ delivered: z.number(), failed: z.number() }),
    async handle({ tenant, mine, params, body, webhooks }) {
      const registration = await found(mine, tenant, params.id);
      const kind = deadKind(registration.id);
      const one = body.event_id === undefined ? undefined : await mine.document(kind, body.event_id);
      if (body.event_id !== undefined && one === undefined) throw notFound('dead letter', body.event_id);
      const rows = one === undefined ? (await mine.documents(kind, { limit: MOST_REDELIVERED })).items : [one];
      const count = { delivered: 0, failed: 0 };
      for (const row of rows.toReversed()) {
        const sent = await webhooks.send(registration.url, { id: row.id, body: deadLetter.parse(row.body).body }, registration);
        if (sent.kind === 'ok') await mine.remove(kind, row.id);
        count[sent.kind === 'ok' ? 'delivered' : 'failed']++;
        // A receiver that is away is not asked a hundred times.
        if (sent.kind === 'failed') break;
      }
      return count;
    },
  }),
  route({
    method: 'DELETE',
    path: '/webhooks/{id}',
    tag: 'webhooks',
    summary: 'Sends nothing there any more.',
    params: id,
    async handle({ tenant, params, webhooks }) {
      if (!(await webhooks.remove(tenant, params.id))) throw notFound('webhook', params.id);
      return undefined;
    },
  }),
];

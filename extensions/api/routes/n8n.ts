import { z } from 'zod';
import type { DocumentRow } from '../../../src/component/records.ts';
import { CONNECTION, clientOf, connectionBody, createConnection, healerOf, replaceConnection } from '../connections.ts';
import { toProblem } from '../healing.ts';
import { notFound } from '../problem.ts';
import { route } from '../route.ts';
import { asked, healing, wireHealing, wirePlan } from './healing-shapes.ts';
import { id, iso, paged, paging, windowOf } from './shared.ts';

const name = z.string().trim().min(1).max(200);
const url = z.string().min(1).max(2_000).describe('Where n8n is, without /api/v1.');
const key = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII')
  .describe(
    'Of n8n’s public API, with the scopes workflow:read, workflow:list, workflow:update, and workflow:activate for published ones.',
  );
const connection = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});

function wire({ id: key_, body, created_ms, updated_ms }: DocumentRow): z.input<typeof connection> {
  const { name: called, url: at } = connectionBody.parse(body);
  return { id: key_, name: called, url: at, created_at: iso(created_ms), updated_at: iso(updated_ms) };
}

const kept = z.object({
  connection_id: z.string(),
  workflow_id: z.string(),
  active: z.boolean(),
  before: z.object({ name: z.string(), nodes: z.array(z.unknown()) }),
  before_hash: z.string(),
  after_hash: z.string(),
});

export const n8nRoutes = [
  route({
    method: 'POST',
    path: '/healing/n8n/connections',
    tag: 'healing',
    summary: 'Keeps where an n8n is and its key, encrypted.',
    status: 201,
    body: z.object({ name, url, api_key: key }),
    reply: connection,
    async handle(call) {
      return wire(await createConnection(call, call.body));
    },
  }),
  route({
    method: 'GET',
    path: '/healing/n8n/connections',
    tag: 'healing',
    summary: 'Connections to n8n, the latest first; keys are not shown.',
    query: z.object(paging),
    reply: z.object({ items: z.array(connection), ...paged }),
    async handle({ mine, query }) {
      const { items, total, next } = await mine.documents(CONNECTION, windowOf(query));
      return { items: items.map(wire), total, page: query.page, per_page: query.per_page, next_cursor: next };
    },
  }),
  route({
    method: 'GET',
    path: '/healing/n8n/connections/{id}',
    tag: 'healing',
    summary: 'A connection to n8n.',
    params: id,
    reply: connection,
    async handle({ mine, params }) {
      const row = await mine.document(CONNECTION, params.id);
      if (row === undefined) throw notFound('connection', params.id);
      return wire(row);
    },
  }),
  route({
    method: 'PUT',
    path: '/healing/n8n/connections/{id}',
    tag: 'healing',
    summary: 'Replaces a connection; without api_key the key stays, if the address does.',
    params: id,
    body: z.object({ name, url, api_key: key.optional() }),
    reply: connection,
    async handle(call) {
      return wire(await replaceConnection(call, call.params.id, call.body));
    },
  }),
  route({
    method: 'DELETE',
    path: '/healing/n8n/connections/{id}',
    tag: 'healing',
    summary: 'Forgets a connection. What was applied through it can then not be rolled back from here.',
    params: id,
    async handle({ mine, params }) {
      if (!(await mine.remove(CONNECTION, params.id))) throw notFound('connection', params.id);
      return undefined;
    },
  }),
  route({
    method: 'GET',
    path: '/healing/n8n/connections/{id}/workflows/{workflow_id}',
    tag: 'healing',
    summary: 'Asks n8n for a workflow: whether the connection works, and what could be patched.',
    params: id.extend({ workflow_id: z.string().min(1).max(200) }),
    reply: z.object({
      workflow_id: z.string(),
      name: z.string(),
      nodes: z.number(),
      active: z.boolean(),
      unpublished_changes: z.boolean(),
    }),
    async handle(call) {
      const client = await clientOf(call, call.params.id);
      const { workflow, active, unpublished } = await client.workflow(call.params.workflow_id).catch(toProblem);
      return {
        workflow_id: call.params.workflow_id,
        name: workflow.name,
        nodes: workflow.nodes.length,
        active,
        unpublished_changes: unpublished,
      };
    },
  }),
  route({
    method: 'POST',
    path: '/healing/apply-to-n8n/{detection_id}',
    tag: 'healing',
    summary:
      'A patch of the workflow in n8n. A dry run unless `dry_run` is false; `stage` keeps it ready without writing to n8n.',
    params: z.object({ detection_id: z.string().min(1).max(200) }),
    body: z.object({
      ...asked,
      connection_id: z.string().min(1).max(200),
      fix_id: z.string().min(1).max(200).optional(),
      dry_run: z.boolean().default(true),
      stage: z.boolean().default(false),
    }),
    reply: healing,
    async handle(call) {
      const { dry_run, ...wanted } = call.body;
      const healer = healerOf(call);
      if (dry_run) return wirePlan(await healer.plan(call.params.detection_id, wanted));
      return wireHealing(await healer.trigger(call.params.detection_id, wanted));
    },
  }),
  route({
    method: 'GET',
    path: '/healing/n8n/versions',
    tag: 'healing',
    summary: 'Workflows as they were before they were patched, the latest first.',
    query: z.object(paging),
    reply: z.object({
      items: z.array(
        z.object({
          id: z.string().describe('That of the healing.'),
          connection_id: z.string(),
          workflow_id: z.string(),
          workflow_name: z.string(),
          nodes: z.number(),
          active: z.boolean(),
          before_hash: z.string(),
          after_hash: z.string(),
          taken_at: z.string(),
        }),
      ),
      ...paged,
    }),
    async handle({ mine, query }) {
      const { items, total, next } = await mine.documents('healing-snapshot', windowOf(query));
      const shown = items.map(({ id: of, body, created_ms }) => {
        const { before, ...rest } = kept.parse(body);
        return { id: of, ...rest, workflow_name: before.name, nodes: before.nodes.length, taken_at: iso(created_ms) };
      });
      return { items: shown, total, page: query.page, per_page: query.per_page, next_cursor: next };
    },
  }),
  route({
    method: 'POST',
    path: '/healing/n8n/versions/{id}/restore',
    tag: 'healing',
    summary: 'Puts a workflow back as it was: the rollback of that healing.',
    params: id,
    body: z.object({ approver_id: z.string().trim().min(1).max(200).default('api') }),
    reply: healing,
    async handle(call) {
      return wireHealing(await healerOf(call).rollback(call.params.id, call.body.approver_id));
    },
  }),
];

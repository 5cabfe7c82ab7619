import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DocumentRow, TenantRecords, TraceRow } from '../../../src/component/records.ts';
import { notFound, Problem } from '../problem.ts';
import { route } from '../route.ts';
import { id, iso, paged, paging, windowOf } from './shared.ts';

const MOST_WORKFLOWS = 1_000;
/** Of the latest traces. */
const MOST_LOOKED_AT = 1_000;
const workflow = z.string().min(1).max(200);
const rule = z
  .object({
    framework: z.string().min(1).max(100).optional(),
    service: z.string().min(1).max(200).optional(),
    name_contains: z.string().min(1).max(200).optional(),
  })
  .refine((one) => Object.values(one).some((value) => value !== undefined), 'must name framework, service or name_contains');
const rules = z.array(rule).max(20);
const given = z.object({
  name: z.string().trim().min(1).max(200),
  description: z.string().max(2_000).optional(),
  workflow_ids: z.array(workflow).max(MOST_WORKFLOWS).default([]),
  auto_detect_rules: rules
    .default([])
    .describe('A trace is of the group if all that one rule names is so; `POST …/auto-detect` puts the names of such traces in.'),
});
const kept = z.object({
  name: z.string(),
  description: z.string().nullable(),
  workflow_ids: z.array(z.string()),
  auto_detect_rules: rules.default([]),
});
const group = kept.extend({ id: z.string(), created_at: z.string(), updated_at: z.string() });

function wire({ id: key, body, created_ms, updated_ms }: DocumentRow): z.input<typeof group> {
  return { id: key, ...kept.parse(body), created_at: iso(created_ms), updated_at: iso(updated_ms) };
}

const changed = (key: string) => new Problem(409, 'changed', `The group ${key} was changed at the same time. Read it again.`);

export const groupRoutes = [
  route({
    method: 'POST',
    path: '/workflow-groups',
    tag: 'workflow groups',
    summary: 'Makes a group of workflows.',
    status: 201,
    body: given,
    reply: group,
    async handle({ mine, body }) {
      const row = await mine.put('workflow-group', randomUUID(), { ...body, description: body.description ?? null }, 0);
      return wire(row as DocumentRow);
    },
  }),
  route({
    method: 'GET',
    path: '/workflow-groups',
    tag: 'workflow groups',
    summary: 'Groups, the latest first.',
    query: z.object(paging),
    reply: z.object({ items: z.array(group), ...paged }),
    async handle({ mine, query }) {
      const { items, total, next } = await mine.documents('workflow-group', windowOf(query));
      return { items: items.map(wire), total, page: query.page, per_page: query.per_page, next_cursor: next };
    },
  }),
  route({
    method: 'PUT',
    path: '/workflow-groups/{id}',
    tag: 'workflow groups',
    summary: 'Replaces a group.',
    params: id,
    body: given,
    reply: group,
    async handle({ mine, params, body }) {
      const before = await mine.document('workflow-group', params.id);
      if (before === undefined) throw notFound('group', params.id);
      const row = await mine.put('workflow-group', params.id, { ...body, description: body.description ?? null }, before.version);
      if (row === undefined) throw changed(params.id);
      return wire(row);
    },
  }),
  route({
    method: 'DELETE',
    path: '/workflow-groups/{id}',
    tag: 'workflow groups',
    summary: 'Takes a group away; its workflows stay.',
    params: id,
    async handle({ mine, params }) {
      if (!(await mine.remove('workflow-group', params.id))) throw notFound('group', params.id);
      return undefined;
    },
  }),
  route({
    method: 'POST',
    path: '/workflow-groups/{id}/assign',
    tag: 'workflow groups',
    summary: 'Puts workflows into a group.',
    params: id,
    body: z.object({ workflow_ids: z.array(workflow).min(1).max(MOST_WORKFLOWS) }),
    reply: group,
    handle: ({ mine, params, body }) => assign(mine, params.id, () => body.workflow_ids),
  }),
  route({
    method: 'POST',
    path: '/workflow-groups/{id}/auto-detect',
    tag: 'workflow groups',
    summary: `Puts the names of the latest ${MOST_LOOKED_AT} traces that a rule of the group fits into the group.`,
    params: id,
    reply: group,
    async handle({ mine, params }) {
      const { items } = await mine.traces({}, { limit: MOST_LOOKED_AT });
      return assign(mine, params.id, ({ auto_detect_rules }) => {
        const fit = items.filter((trace) => auto_detect_rules.some((one) => fits(one, trace)));
        return fit.map(({ name, service }) => (name ?? service ?? '').slice(0, 200)).filter((name) => name !== '');
      });
    },
  }),
];

function fits({ framework, service, name_contains }: z.output<typeof rule>, trace: TraceRow): boolean {
  return (
    (framework === undefined || trace.framework === framework) &&
    (service === undefined || trace.service === service) &&
    (name_contains === undefined || (trace.name ?? '').toLowerCase().includes(name_contains.toLowerCase()))
  );
}

async function assign(
  mine: TenantRecords,
  key: string,
  more: (now: z.output<typeof kept>) => readonly string[],
): Promise<z.input<typeof group>> {
  const before = await mine.document('workflow-group', key);
  if (before === undefined) throw notFound('group', key);
  const now = kept.parse(before.body);
  const workflow_ids = [...new Set([...now.workflow_ids, ...more(now)])];
  if (workflow_ids.length > MOST_WORKFLOWS) {
    const detail = `A group holds at most ${MOST_WORKFLOWS} workflows; this would be ${workflow_ids.length}.`;
    throw new Problem(422, 'not-valid', detail);
  }
  const row = await mine.put('workflow-group', key, { ...now, workflow_ids }, before.version);
  if (row === undefined) throw changed(key);
  return wire(row);
}

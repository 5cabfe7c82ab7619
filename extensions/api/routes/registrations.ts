/** What the seed has registered before it sends: workflows, deployments, instances. Webhooks are taken without; this is a list of names. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { DocumentRow } from '../../../src/component/records.ts';
import { notFound, Problem } from '../problem.ts';
import { route } from '../route.ts';
import { iso, paged, paging, windowOf } from './shared.ts';

/** Framework, what is registered with it, and the members of a body that name one, the surest first. */
const AREAS: readonly (readonly [framework: string, things: string, ids: readonly string[]])[] = [
  ['n8n', 'workflows', ['workflow_id', 'workflowId', 'n8n_workflow_id', 'id']],
  ['langgraph', 'deployments', ['deployment_id', 'id', 'api_url', 'url', 'name']],
  ['langgraph', 'assistants', ['assistant_id', 'id', 'name']],
  ['dify', 'instances', ['instance_id', 'id', 'base_url', 'url', 'name']],
  ['dify', 'apps', ['app_id', 'id', 'name']],
  ['openclaw', 'instances', ['instance_id', 'id', 'gateway_url', 'url', 'name']],
  ['openclaw', 'agents', ['agent_id', 'agent_key', 'id', 'name']],
];
const NAMES = ['name', 'workflow_name', 'workflowName', 'app_name', 'agent_name', 'graph_id'];
/** Members that hold secrets are not kept: nothing here needs them. */
const SECRET = /key|token|secret|password|credential|authorization/i;
const MOST = 1_000;

const value = z.union([z.string().max(2_000), z.number(), z.boolean(), z.null()]);
const given = z
  .looseObject({ ingestion_mode: z.enum(['full', 'trace_only']).default('full') })
  .refine((body) => Object.keys(body).length <= 40, 'has more than 40 members');
const kept = z.object({
  external_id: z.string(),
  name: z.string(),
  mode: z.enum(['full', 'trace_only']),
  more: z.record(z.string(), value),
});
const registered = z.looseObject({
  id: z.string(),
  external_id: z.string(),
  name: z.string(),
  ingestion_mode: z.enum(['full', 'trace_only']).describe('As it was given; detectors run over everything that is sent.'),
  webhook_url: z.string(),
  registered_at: z.string(),
  updated_at: z.string(),
});
const params = z.object({ registration_id: z.string().min(1).max(100) });

function wire(framework: string, row: DocumentRow): z.input<typeof registered> {
  const { external_id, name, mode, more } = kept.parse(row.body);
  return {
    ...more,
    id: row.id,
    external_id,
    name,
    ingestion_mode: mode,
    webhook_url: `/api/v1/${framework}/webhook`,
    registered_at: iso(row.created_ms),
    updated_at: iso(row.updated_ms),
  };
}

function keptOf(body: z.output<typeof given>, ids: readonly string[]): z.output<typeof kept> {
  const { ingestion_mode: mode, ...rest } = body;
  const text = (names: readonly string[]): string | undefined =>
    names
      .map((name) => rest[name])
      .filter((one) => typeof one === 'string' || typeof one === 'number')
      .map((one) => String(one).slice(0, 500))
      .find((one) => one !== '');
  const external_id = text(ids);
  if (external_id === undefined) {
    const detail = `One of ${ids.join(', ')} must name it.`;
    throw new Problem(422, 'not-valid', detail, { errors: [{ pointer: `/${ids[0]}`, detail }] });
  }
  const more = Object.entries(rest).filter(([key, one]) => key !== 'id' && !SECRET.test(key) && value.safeParse(one).success);
  return {
    external_id,
    name: text(NAMES) ?? external_id,
    mode,
    more: Object.fromEntries(more) as Record<string, z.output<typeof value>>,
  };
}

export const registrationRoutes = AREAS.flatMap(([framework, things, ids]) => {
  const kind = `${framework}-${things}`;
  const path = `/${framework}/${things}`;
  const tag = `${framework} ${things}`;
  return [
    route({
      method: 'POST',
      path,
      tag,
      summary: `Registers one by its own id (${ids.slice(0, 2).join(' or ')}); again, it replaces what was there. Secrets in it are not kept.`,
      status: 201,
      body: given,
      reply: registered,
      async handle({ mine, body }) {
        const one = keptOf(body, ids);
        const id = createHash('sha256').update(`${kind} ${one.external_id}`).digest('hex').slice(0, 32);
        const there = await mine.document(kind, id);
        if (there === undefined && ((await mine.documents(kind, { limit: 1 })).total ?? 0) >= MOST) {
          throw new Problem(409, 'too-many', `At most ${MOST} ${things} of a tenant. Take one away first.`);
        }
        return wire(framework, (await mine.put(kind, id, one)) as DocumentRow);
      },
    }),
    route({
      method: 'GET',
      path,
      tag,
      summary: 'Those that are registered, the latest first.',
      query: z.object(paging),
      reply: z.object({ [things]: z.array(registered), ...paged }),
      async handle({ mine, query }) {
        const { items, total, next } = await mine.documents(kind, windowOf(query));
        const listed = items.map((row) => wire(framework, row));
        return { [things]: listed, total, page: query.page, per_page: query.per_page, next_cursor: next };
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/{registration_id}`,
      tag,
      summary: 'Takes a registration away; traces stay.',
      params,
      async handle({ mine, params: { registration_id } }) {
        if (!(await mine.remove(kind, registration_id))) throw notFound('registration', registration_id);
        return undefined;
      },
    }),
  ];
});

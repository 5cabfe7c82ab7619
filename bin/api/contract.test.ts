// Every route that the OpenAPI document names, asked over HTTP: it answers as the document says, and two tenants see nothing of each other.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Route } from '../../extensions/api/route.ts';
import { routes } from '../../extensions/api/routes.ts';
import { circle, type N8nStub, startN8n } from './n8n.ts';
import { type Answer, finding, type Platform, startPlatform } from './testing.ts';

const TRACE = '1'.padStart(32, '0');
const DETECTION = '7'.padStart(32, '0');
/** Of a workflow of n8n that goes in a circle. */
const CIRCLE = '9'.padStart(32, '0');

let platform: Platform;
let n8n: N8nStub;
/** The tenant that has data, and one that has none. */
const keys: Record<'full' | 'other', string> = { full: '', other: '' };
const ids: Record<string, string> = {};

beforeAll(async () => {
  n8n = await startN8n('n8n-key');
  platform = await startPlatform({ signup: true, n8n_hosts: [n8n.host] }, false);
  for (const name of ['full', 'other'] as const) {
    const { body } = await platform.ask('POST', '/auth/tenants', { name });
    keys[name] = body.api_key;
    ids[name] = body.id;
  }
  await platform.ingest(
    [
      { span: 1, kind: 'invoke_agent', at: Date.now() - 1_790_000_000_000, attributes: { 'gen_ai.agent.name': 'shopper' } },
      {
        span: 2,
        parent: 1,
        kind: 'chat',
        attributes: { 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 9, 'gen_ai.usage.output_tokens': 1 },
        events: [finding(7), finding(8), finding(9, endless)],
      },
    ],
    ids['full'],
  );
  const group = await ask('full', 'POST', '/workflow-groups', { name: 'g' });
  ids['group'] = group.body.id;
  const key = await ask('full', 'POST', '/auth/api-keys', { name: 'k' });
  ids['key'] = key.body.id;
  await startHealings();
});

afterAll(async () => {
  await platform.stop();
  await n8n.stop();
});

/** One healing in the right state for each route that takes one. */
async function startHealings(): Promise<void> {
  for (const name of ['w1', 'w2', 'w3']) n8n.workflows.set(name, circle(name));
  await ask('full', 'PUT', '/healing/policy', { max_per_hour: 100, max_per_agent_per_hour: 100, cooldown_seconds: 0 });
  const { body } = await ask('full', 'POST', '/healing/n8n/connections', { name: 'n', url: n8n.url, api_key: 'n8n-key' });
  ids['connection'] = body.id;
  const pending = async () => (await ask('full', 'POST', `/healing/trigger/${DETECTION}`, {})).body.id as string;
  const inN8n = async (workflow_id: string, more: object) => {
    const given = { connection_id: ids['connection'], workflow_id, dry_run: false, ...more };
    return (await ask('full', 'POST', `/healing/apply-to-n8n/${CIRCLE}`, given)).body.id as string;
  };
  const on = async (id: string, verb: string) => {
    const { status, body: said } = await ask('full', 'POST', `/healing/${id}/${verb}`, {});
    expect([status, said.detail]).toEqual([200, undefined]);
    return id;
  };
  ids['/healing/{id}'] = await pending();
  ids['/healing/{id}/approve'] = await pending();
  ids['/healing/{id}/reject'] = await pending();
  ids['/healing/{id}/complete'] = await on(await pending(), 'approve');
  ids['/healing/{id}/rollback'] = await on(await on(await pending(), 'approve'), 'complete');
  ids['/healing/{id}/promote'] = await inN8n('w1', { stage: true });
  ids['/healing/n8n/versions/{id}/restore'] = await on(await inN8n('w2', {}), 'approve');
}

function ask(who: 'full' | 'other' | undefined, method: string, path: string, body?: unknown): Promise<Answer> {
  return platform.ask(method, path, body, who === undefined ? {} : { authorization: `Bearer ${keys[who]}` });
}

/** What fills `{name}` in the order of the table: things of the tenant `full`. */
function fill(path: string): string {
  const of = path.startsWith('/detections')
    ? DETECTION
    : path.startsWith('/healing/n8n/connections')
      ? ids['connection']
      : (ids[path] ?? ids[path.startsWith('/healing') ? '/healing/{id}' : 'group']);
  return path
    .replace('{trace_id}', TRACE)
    .replace('{key_id}', ids['key'] as string)
    .replace('{detection_id}', path.includes('to-n8n') ? CIRCLE : DETECTION)
    .replace('{fix_id}', `retry_limit-${DETECTION.slice(0, 12)}`)
    .replace('{workflow_id}', 'w3')
    .replace('{id}', of as string);
}

const endless = {
  'gen_ai.evaluation.name': 'n8n_cycle',
  'misstep.detection.message': 'endless',
  'misstep.detection.data.node': 'Round',
};
const connection = () => ({ name: 'n8n', url: n8n.url, api_key: 'n8n-key' });

const bodies: Readonly<Record<string, unknown>> = {
  'POST /auth/tenants': { name: 'third' },
  'POST /auth/api-keys': { name: 'other' },
  'PUT /detections/{id}/validate': { false_positive: true, notes: 'no' },
  'POST /detections/{id}/validate': { false_positive: false },
  'POST /feedback': { detection_id: DETECTION, is_correct: true, reason: 'yes', severity_rating: 3 },
  'POST /workflow-groups': { name: 'new' },
  'PUT /workflow-groups/{id}': { name: 'other name', workflow_ids: ['a'] },
  'POST /workflow-groups/{id}/assign': { workflow_ids: ['b'] },
  'PUT /healing/policy': { max_per_hour: 50 },
};
/** Those that name what is there only when the platform runs. */
const later: Readonly<Record<string, () => unknown>> = {
  'POST /auth/token': () => ({ api_key: keys.full }),
  'POST /healing/n8n/connections': connection,
  'PUT /healing/n8n/connections/{id}': connection,
  'POST /healing/apply-to-n8n/{detection_id}': () => ({ connection_id: ids['connection'], workflow_id: 'w3' }),
};
const bodyOf = ({ method, path }: Route) =>
  later[`${method} ${path}`]?.() ??
  bodies[`${method} ${path}`] ??
  (/^.healing|apply$/.test(path) && method === 'POST' ? {} : undefined);

/** What takes things away comes last. */
const ordered = [...routes].sort((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
const guarded = ordered.filter(({ open }) => open !== true);
const named = (list: readonly Route[]) => list.map((route) => [`${route.method} ${route.path}`, route] as const);

test('the document lists every route and its schemas are JSON Schemas', async () => {
  const { body } = await platform.ask('GET', '/openapi.json');
  const listed = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(listed.sort()).toEqual(routes.map(({ method, path }) => `${method} /api/v1${path}`).sort());
  expect(JSON.stringify(body)).not.toContain('$schema');
});

test.each(named(guarded))('%s asks who it is', async (_, route) => {
  const nobody = await ask(undefined, route.method, fill(route.path), bodyOf(route));
  expect([nobody.status, nobody.body.code]).toEqual([401, 'no-credentials']);
  const wrong = await platform.ask(route.method, fill(route.path), bodyOf(route), { 'x-api-key': 'msk_wrong' });
  expect([wrong.status, wrong.body.code]).toEqual([401, 'unknown-key']);
});

test.each(named(guarded))('claim 24: %s shows and changes nothing of another tenant', async (_, route) => {
  const { status, body } = await ask('other', route.method, fill(route.path), bodyOf(route));
  if (route.params !== undefined) {
    expect(status).toBe(404);
    return;
  }
  const text = JSON.stringify(body);
  for (const foreign of [TRACE, DETECTION, 'shopper', ids['group'], ids['key'], ids['connection']] as string[]) {
    // What the request named itself may be in the answer.
    if (!JSON.stringify(bodyOf(route) ?? '').includes(foreign)) expect(text).not.toContain(foreign);
  }
});

test.each(named(ordered))('%s answers as the document says', async (_, route) => {
  const answer = await ask('full', route.method, fill(route.path), bodyOf(route));
  expect([answer.status, answer.body]).toEqual([route.status ?? (route.reply === undefined ? 204 : 200), expect.anything()]);
  if (route.reply !== undefined) expect(route.reply.safeParse(answer.body).error?.issues).toBeUndefined();
  expect(answer.headers.get('x-request-id')).toBeTruthy();
});

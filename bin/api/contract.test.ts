// Every route that the OpenAPI document names, asked over HTTP: it answers as the document says, and two tenants see nothing of each other.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Route } from '../../extensions/api/route.ts';
import { routes } from '../../extensions/api/routes.ts';
import { circle, type N8nStub, startN8n } from './n8n.ts';
import { type Answer, finding, type Platform, startPlatform } from './testing.ts';

const TRACE = '1'.padStart(32, '0');
/** A trace without a detection. */
const QUIET = '2'.padStart(32, '0');
const CONVERSATION = '3'.padStart(32, '0');
const DETECTION = '7'.padStart(32, '0');
/** Of a workflow of n8n that goes in a circle. */
const CIRCLE = '9'.padStart(32, '0');

let platform: Platform;
/** Stands in for Datadog: takes everything. */
const datadog = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(202).end());
});
let n8n: N8nStub;
/** The tenant that has data, and one that has none. */
const keys: Record<'full' | 'other', string> = { full: '', other: '' };
const ids: Record<string, string> = {};

beforeAll(async () => {
  await new Promise<void>((resolve) => datadog.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(datadog.address() as AddressInfo).port}`;
  n8n = await startN8n('n8n-key');
  const options = { signup: true, n8n_hosts: [n8n.host], webhook_hosts: ['127.0.0.1:9'], datadog: { api_key: 'k', endpoint } };
  platform = await startPlatform(options, false);
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
  await platform.ingest([{ trace: 2, span: 9, at: Date.now() - 1_790_000_000_000 }], ids['full']);
  const audit = await ask('full', 'POST', '/feedback/audit', { seed: 's' });
  ids['audit'] = audit.body.id;
  const until = new Date(Date.now() + 86_400_000).toISOString();
  const silenced = await ask('full', 'POST', '/suppressions', { detection_type: 'cost', owner: 'o', reason: 'r', until });
  ids['suppression'] = silenced.body.id;
  bodies['POST /suppressions'] = { detection_type: 'cost', owner: 'o', reason: 'r', until };
  const incidents = await ask('full', 'GET', '/incidents?days=365');
  ids['fingerprint'] = incidents.body.items[0].fingerprint;
  await platform.ingest(
    [
      { trace: 3, span: 30, kind: 'invoke_workflow' },
      { trace: 3, span: 31, parent: 30, kind: 'chat' },
    ],
    ids['full'],
    'webhook.conversation',
  );
  const group = await ask('full', 'POST', '/workflow-groups', { name: 'g' });
  ids['group'] = group.body.id;
  const key = await ask('full', 'POST', '/auth/api-keys', { name: 'k' });
  ids['key'] = key.body.id;
  await ask('full', 'PUT', '/settings/thresholds/n8n', { thresholds: { min_matches_for_loop: 4 } });
  for (const { path } of routes.filter(({ path }) => path.endsWith('/{registration_id}'))) {
    const at = path.replace('/{registration_id}', '');
    ids[at] = (await ask('full', 'POST', at, { id: 'shopper-one' })).body.id;
  }
  const webhook = await ask('full', 'POST', '/webhooks', { url: 'http://127.0.0.1:9/full' });
  ids['webhook'] = webhook.body.id;
  await startHealings();
});

afterAll(async () => {
  await platform.stop();
  datadog.close();
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
  const [, area = ''] = path.split('/');
  const things: Record<string, string | undefined> = {
    detections: DETECTION,
    review: DETECTION,
    suppressions: ids['suppression'],
    feedback: ids['audit'],
    'workflow-groups': ids['group'],
    webhooks: ids['webhook'],
    healing: path.startsWith('/healing/n8n/connections') ? ids['connection'] : (ids[path] ?? ids['/healing/{id}']),
  };
  const of = things[area] ?? 'nothing';
  return (
    path
      .replace('{trace_id}', path.startsWith('/feedback') ? QUIET : TRACE)
      .replace('{conversation_id}', CONVERSATION)
      .replace('{registration_id}', ids[path.replace('/{registration_id}', '')] as string)
      .replace('{key_id}', ids['key'] as string)
      .replace('{framework}', 'n8n')
      .replace('{fingerprint}', ids['fingerprint'] as string)
      .replace('{detection_id}', path.includes('to-n8n') ? CIRCLE : DETECTION)
      .replace('{fix_id}', `retry_limit-${DETECTION.slice(0, 12)}`)
      .replace('{workflow_id}', 'w3')
      .replace('{id}', of)
      // Else it stays open.
      .replace(/stream$/, 'stream?seconds=0')
  );
}

const endless = {
  'gen_ai.evaluation.name': 'n8n_cycle',
  'misstep.detection.message': 'endless',
  'misstep.detection.data.node': 'Round',
};
const connection = () => ({ name: 'n8n', url: n8n.url, api_key: 'n8n-key' });

const bodies: Record<string, unknown> = {
  'POST /auth/tenants': { name: 'third' },
  'POST /auth/api-keys': { name: 'other' },
  'PUT /detections/{id}/validate': { false_positive: true, notes: 'no' },
  'POST /detections/{id}/validate': { false_positive: false },
  'POST /feedback': { detection_id: DETECTION, is_correct: true, reason: 'yes', severity_rating: 3 },
  'PATCH /incidents/{fingerprint}': { state: 'acknowledged', note: 'seen' },
  'POST /review/batch': { verdicts: [{ detection_id: DETECTION, is_correct: true }] },
  'POST /review/{id}': { is_correct: true },
  'POST /feedback/audit': { size: 1 },
  'PUT /feedback/audit/{id}/traces/{trace_id}': { failed: true, notes: 'lost the order' },
  'PUT /settings/thresholds': { global_thresholds: { min_matches_for_loop: 3 } },
  'PATCH /settings/thresholds': { global_thresholds: { semantic_threshold: 0.7 } },
  'POST /settings/thresholds/preview': { detectors: { loop: { min_repeats: 5 } } },
  'PUT /settings/thresholds/{framework}': { thresholds: { semantic_threshold: 0.75 } },
  'POST /webhooks': { url: 'http://127.0.0.1:9/hook' },
  'PUT /webhooks/{id}': { url: 'http://127.0.0.1:9/other', events: ['detection.created'] },
  'POST /webhooks/{id}/redeliver': {},
  'POST /traces/analyze': [
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', content: 'Rain.' },
  ],
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
function bodyOf({ method, path, body }: Route): unknown {
  const given = later[`${method} ${path}`]?.() ?? bodies[`${method} ${path}`];
  if (given !== undefined) return given;
  if (/^.healing|apply$/.test(path) && method === 'POST') return {};
  return body === undefined ? undefined : { id: 'one', name: 'any' };
}

/** What takes things away comes last, what takes all away behind what takes one. */
const last = ({ method, params, path }: Route) =>
  method === 'DELETE' || path.endsWith('/reset') ? (params === undefined ? 2 : 1) : 0;
const ordered = [...routes].sort((a, b) => last(a) - last(b));
/** What its path names is made if it is not there. */
const makes = ['PUT /settings/thresholds/{framework}'];
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

const isMaking = ({ method, path }: Route) => makes.includes(`${method} ${path}`);
const strangers = [...guarded].sort((a, b) => Number(isMaking(a)) - Number(isMaking(b)));

test.each(named(strangers))('claim 24: %s shows and changes nothing of another tenant', async (_, route) => {
  const { status, body } = await ask('other', route.method, fill(route.path), bodyOf(route));
  if (route.params !== undefined && !isMaking(route)) {
    expect(status).toBe(404);
    return;
  }
  const text = JSON.stringify(body);
  for (const foreign of [
    TRACE,
    DETECTION,
    'shopper',
    ...['group', 'key', 'webhook', 'connection'].map((one) => ids[one] as string),
  ]) {
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

// What the routes say and refuse, beyond their shapes.
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { finding, type Platform, startPlatform } from './testing.ts';

const hex = (n: number) => n.toString(16).padStart(32, '0');
let platform: Platform;
const ask: Platform['ask'] = (...args) => platform.ask(...args);

beforeAll(async () => {
  platform = await startPlatform();
  for (let trace = 1; trace <= 5; trace++) {
    await platform.ingest([
      {
        trace,
        span: trace * 10,
        kind: 'invoke_agent',
        attributes: { 'gen_ai.agent.name': 'a' },
        ...(trace === 5 ? { error: 'x' } : {}),
      },
    ]);
  }
  const low = { 'gen_ai.evaluation.name': 'cost', 'gen_ai.evaluation.score.value': 0.455 };
  await platform.ingest([{ span: 2, events: [finding(7), finding(8, low)] }]);
});
afterAll(() => platform.stop());

describe('lists', () => {
  test('pages, and a cursor through all of it', async () => {
    const first = await ask('GET', '/traces?per_page=2');
    expect(first.body).toMatchObject({ total: 5, page: 1, per_page: 2 });
    const seen = first.body.traces.map(({ id }: { id: string }) => id);
    for (let cursor = first.body.next_cursor; cursor !== null; ) {
      const { body } = await ask('GET', `/traces?per_page=2&cursor=${cursor}`);
      seen.push(...body.traces.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4, 5].map(hex)));
    expect(seen).toHaveLength(5);
  });

  test.each([
    ['page=0', 422, 'not-valid'],
    ['per_page=101', 422, 'not-valid'],
    ['per_page=100&page=101', 400, 'page-too-deep'],
    ['cursor=zzz', 400, 'bad-cursor'],
    ['status=nope', 422, 'not-valid'],
    ['date_from=yesterday', 422, 'not-valid'],
  ])('%s is refused', async (query, status, code) => {
    const { body, headers, ...answer } = await ask('GET', `/traces?${query}`);
    expect([answer.status, body.code]).toEqual([status, code]);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(body.request_id).toBe(headers.get('x-request-id'));
  });

  test('filters', async () => {
    const count = async (path: string) => (await ask('GET', path)).body.total;
    expect(await count('/traces?status=failed')).toBe(1);
    expect(await count('/traces?date_to=2001-01-01')).toBe(0);
    expect(await count('/detections?detection_type=cost')).toBe(1);
    expect(await count('/detections?confidence_min=80')).toBe(1);
    // 45.5 % is shown as 46.
    expect(await count('/detections?confidence_min=46')).toBe(1 + 1);
    expect(await count('/detections?confidence_max=45')).toBe(0);
    expect(await count('/detections?validated=true')).toBe(0);
  });
});

test('a detection has what its detector says of it, in the words of the seed', async () => {
  const { body } = await ask('GET', `/detections/${hex(7)}`);
  expect(body).toMatchObject({
    detection_type: 'loop',
    confidence: 90,
    confidence_tier: 'HIGH',
    method: 'structural',
    validated: false,
    false_positive: null,
    details: { tool: 'ls' },
  });
  expect(body.business_impact).toMatch(/\w/);
  expect(body.suggested_action).toMatch(/\w/);
});

test('feedback once, then statistics with an interval', async () => {
  const label = { detection_id: hex(8), is_correct: false, reason: 'polling' };
  expect((await ask('POST', '/feedback', label)).status).toBe(201);
  expect(await ask('POST', '/feedback', label)).toMatchObject({ status: 409, body: { code: 'already-judged' } });
  expect(await ask('POST', '/feedback', { ...label, detection_id: hex(99) })).toMatchObject({ status: 404 });
  const { body } = await ask('GET', '/feedback/stats');
  expect(body).toMatchObject({
    total: 1,
    recall_observable: false,
    by_type: [{ detection_type: 'cost', precision: 0, recall: null }],
  });
  expect(body.by_type[0].precision_high).toBeCloseTo(0.793, 3);
  expect((await ask('GET', `/detections/${hex(8)}`)).body).toMatchObject({
    validated: true,
    false_positive: true,
    notes: 'polling',
  });
});

test('every verdict is a label, the last one stands; precision by detector, version and tier', async () => {
  const before = (await ask('GET', '/feedback/stats')).body;
  await ask('PUT', `/detections/${hex(7)}/validate`, { false_positive: true });
  await ask('PUT', `/detections/${hex(7)}/validate`, { false_positive: false });
  const { body } = await ask('GET', '/feedback/stats');
  expect(body.total).toBe(before.total + 1);
  expect(body.by_version).toContainEqual(expect.objectContaining({ detection_type: 'loop', judged: 1, correct: 1 }));
  expect(body.by_confidence_tier).toContainEqual(
    expect.objectContaining({ detection_type: 'loop', confidence_tier: 'HIGH', precision: 1 }),
  );
  expect(body.by_method).toContainEqual(expect.objectContaining({ method: 'structural' }));
  expect(body.recall).toMatchObject({ measured: false, recall: null });
});

test('an audit draws traces without a detection, the same for the same seed, and says what it cannot say yet', async () => {
  const draw = (more: object = {}) => ask('POST', '/feedback/audit', { seed: 's', days: 365, ...more });
  const first = (await draw()).body;
  expect(first).toMatchObject({ labelled: 0, missed: 0, estimate: { measured: false } });
  expect(first.traces.map(({ trace_id }: { trace_id: string }) => trace_id)).not.toContain(hex(1));
  expect((await draw()).body.traces).toEqual(first.traces);
  const [{ trace_id }] = first.traces;
  const said = await ask('PUT', `/feedback/audit/${first.id}/traces/${trace_id}`, { failed: true, notes: 'gave up' });
  expect(said.body).toMatchObject({ labelled: 1, missed: 1 });
  expect((await ask('PUT', `/feedback/audit/${first.id}/traces/${hex(1)}`, { failed: true })).status).toBe(404);
  expect((await ask('GET', '/feedback/audit')).body.items).toHaveLength(2);
  expect((await ask('POST', '/feedback/audit', { size: 0 })).status).toBe(422);
});

test('recommendations: nothing below the minimum, and never a lower one than 30', async () => {
  const { body } = await ask('GET', '/feedback/recommendations?min_samples=5');
  expect(body).toMatchObject({ measured: false, min_samples: 30, yaml: '', diff: '', settings: { detectors: {} } });
  expect(body.reason).toMatch(/No detector has 30 verdicts yet/);
  expect((await ask('GET', '/feedback/recommendations?min_samples=1')).status).toBe(422);
  expect((await ask('GET', '/feedback/recommendations?target=2')).status).toBe(422);
});

test('recommendations from verdicts, relative to what is set', async () => {
  const many = await startPlatform();
  const events = Array.from({ length: 72 }, (_, i) =>
    finding(100 + i, { 'gen_ai.evaluation.score.value': i < 30 ? 0.62 : 0.85 }),
  );
  await many.ingest([{ span: 2, events }]);
  for (let i = 0; i < 72; i++)
    await many.ask('PUT', `/detections/${hex(100 + i)}/validate`, { false_positive: i < 25 || i >= 70 });
  const { body } = await many.ask('GET', '/feedback/recommendations');
  expect(body.recommendations).toMatchObject([
    {
      detection_type: 'loop',
      action: 'raise',
      threshold: 0.6,
      recommended_threshold: 0.65,
      predicted: { true_positives_lost: 5, false_positives_removed: 25 },
    },
  ]);
  expect(body.diff).toContain('+        emit_above: 0.65');
  await many.ask('PATCH', '/settings/thresholds', body.settings);
  expect((await many.ask('GET', '/feedback/recommendations')).body.recommendations).toMatchObject([
    { action: 'keep', threshold: 0.65 },
  ]);
  await many.stop();
});

describe('who asks', () => {
  test('every way of sending a key; a token; revocation counts within a second', async () => {
    const { body: tenant } = await ask('POST', '/auth/tenants', { name: 'acme' });
    const { body: key } = await ask('POST', '/auth/api-keys', { name: 'ci' }, { 'x-misstep-api-key': tenant.api_key });
    const me = (headers: Record<string, string>) => ask('GET', '/auth/me', undefined, headers);
    const basic = `Basic ${Buffer.from(`any:${key.key}`).toString('base64')}`;
    const { body: token } = await ask('POST', '/auth/token', { api_key: key.key });
    const ways = [
      { authorization: `Bearer ${key.key}` },
      { authorization: `bearer ${token.access_token}` },
      { authorization: basic },
      { 'x-misstep-api-key': key.key },
      { 'x-pisama-api-key': key.key },
      { 'x-api-key': key.key },
    ];
    for (const way of ways) expect((await me(way)).body).toMatchObject({ id: tenant.id, name: 'acme' });
    const listed = await ask('GET', '/auth/api-keys', undefined, { 'x-api-key': tenant.api_key });
    expect(JSON.stringify(listed.body)).not.toContain(key.key);
    expect((await ask('DELETE', `/auth/api-keys/${key.id}`, undefined, { 'x-api-key': tenant.api_key })).status).toBe(204);
    for (const way of ways) expect((await me(way)).status).toBe(401);
    expect((await me({ 'x-api-key': tenant.api_key })).status).toBe(200);
  });

  test('tokens of another secret, without signature, or over, are nobody', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = part({ k: 'x', sub: 'default', exp: 4e9 });
    for (const forged of [
      `${part({ alg: 'none' })}.${body}.`,
      `${part({ alg: 'HS256' })}.${body}.AAAA`,
      'a.b.c',
      'x'.repeat(5_000),
    ]) {
      const { status } = await ask('GET', '/auth/me', undefined, { authorization: `Bearer ${forged}` });
      expect(status).toBe(401);
    }
  });

  test('five tenants an hour from one address', async () => {
    const few = await startPlatform();
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await few.ask('POST', '/auth/tenants', { name: `t${i}` }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 429]);
    expect(answers[5]?.headers.get('retry-after')).toBeTruthy();
    expect(answers[5]?.body.code).toBe('too-many-requests');
    await few.stop();
  });

  test('where others reach it nobody is let in without a key, and no stranger makes a tenant', async () => {
    const open = await startPlatform({}, false);
    expect((await open.ask('GET', '/traces')).status).toBe(401);
    expect(await open.ask('POST', '/auth/tenants', { name: 'x' })).toMatchObject({ status: 403, body: { code: 'no-signup' } });
    expect((await open.ask('GET', '/health')).status).toBe(200);
    await open.stop();
  });
});

describe('hostile requests', () => {
  test.each([
    ['no JSON', '{"name":', 400, 'malformed-body'],
    ['a prototype', '{"name":"x","__proto__":{"a":1}}', 400, 'malformed-body'],
    ['a list', '[]', 422, 'not-valid'],
    ['wrong types', '{"name":1}', 422, 'not-valid'],
    ['10,000 levels', `{"name":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 422, 'not-valid'],
    ['9 MB', `{"name":"${'x'.repeat(9_000_000)}"}`, 413, 'too-large'],
  ])('%s', async (_, body, status, code) => {
    const answer = await ask('POST', '/workflow-groups', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(JSON.stringify(answer.body).length).toBeLessThan(2_000);
  });

  test('another media type, an unknown path, another method', async () => {
    expect((await ask('POST', '/workflow-groups', 'name=x', { 'content-type': 'text/plain' })).body.code).toBe('media-type');
    expect((await ask('GET', '/nope')).body.code).toBe('no-such-path');
    expect((await ask('DELETE', '/traces')).status).toBe(405);
  });

  test('SQL in every text is text', async () => {
    const text = "x'; DROP TABLE misstep_traces; --";
    expect((await ask('GET', `/detections?detection_type=${encodeURIComponent(text)}`)).body.total).toBe(0);
    expect((await ask('GET', `/traces?session_id=${encodeURIComponent(text)}`)).body.total).toBe(0);
    const { body } = await ask('POST', '/workflow-groups', { name: text });
    expect((await ask('GET', '/workflow-groups')).body.items).toContainEqual(
      expect.objectContaining({ id: body.id, name: text }),
    );
    expect((await ask('GET', '/traces')).body.total).toBe(5);
  });
});

test('the documents as a page', async () => {
  const { status, body, headers } = await ask('GET', '/docs');
  expect(status).toBe(200);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(body).toContain('/api/v1/detections/{id}/validate');
});

test('spans and webhooks go to the receiver as they are, and its answer comes back', async () => {
  const got: { path: string | undefined; type: string | undefined; body: string }[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ path: request.url, type: request.headers['content-type'], body: Buffer.concat(chunks).toString('latin1') });
      response.writeHead(202, { 'content-type': 'application/json', 'idempotency-replayed': 'true' }).end('{"accepted":1}');
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const forwarding = await startPlatform({ ingest_endpoint: endpoint });
  const answer = await forwarding.ask('POST', '/traces/ingest?token=t', 'not \u00ff JSON', {
    'content-type': 'application/x-protobuf',
  });
  expect(answer).toMatchObject({ status: 202, body: { accepted: 1 } });
  expect(answer.headers.get('idempotency-replayed')).toBe('true');
  expect(got).toEqual([
    { path: '/api/v1/traces/ingest?token=t', type: 'application/x-protobuf', body: expect.stringContaining('JSON') },
  ]);
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  expect(await forwarding.ask('POST', '/n8n/webhook', '{}')).toMatchObject({ status: 503, body: { code: 'no-receiver' } });
  await forwarding.stop();
});

test('a group finds its workflows by its rules', async () => {
  const other = hex(60);
  await platform.ingest([{ trace: 60, span: 60, kind: 'chat' }]);
  const rules = (auto_detect_rules: object[]) =>
    ask('POST', '/workflow-groups', { name: 'g', workflow_ids: ['kept'], auto_detect_rules });
  const found = async (auto_detect_rules: object[]) => {
    const { body } = await rules(auto_detect_rules);
    return (await ask('POST', `/workflow-groups/${body.id}/auto-detect`)).body.workflow_ids.sort();
  };
  expect(await found([{ name_contains: 'INVOKE' }])).toEqual(['invoke_agent x', 'kept']);
  expect(await found([{ service: 'shop' }])).toEqual(['chat x', 'execute_tool x', 'invoke_agent x', 'kept']);
  expect(await found([{ name_contains: 'chat' }, { framework: 'none', name_contains: 'invoke' }])).toEqual(['chat x', 'kept']);
  expect(await found([])).toEqual(['kept']);
  expect(await rules([{}])).toMatchObject({ status: 422, body: { errors: [{ pointer: '/auto_detect_rules/0' }] } });
  await ask('DELETE', `/traces/${other}`);
});

test('a database that is away: 503, and health says so', async () => {
  const away = await startPlatform();
  await away.database.shutdown(new AbortController().signal);
  expect(await away.ask('GET', '/traces')).toMatchObject({ status: 503, body: { code: 'database-unavailable' } });
  expect((await away.ask('GET', '/health')).body).toMatchObject({ status: 'unhealthy', database: 'unavailable' });
  await away.stop();
});

describe('metrics', () => {
  test('for Prometheus, under the names of misstep and those of the seed', async () => {
    const { status, body, headers } = await ask('GET', '/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    for (const name of ['misstep_traces', 'mao_traces_total']) expect(body).toContain(`\n${name}{status="failed"} 1\n`);
    expect(body).toContain('\nmao_detections_total{detection_type="loop"} 1\n');
    expect(body).toContain('\nmao_detection_confidence{detection_type="loop"} 0.9\n');
    expect(body).toContain('\nmao_healing_applied_total{} 0\n');
    for (const name of ['mao_detection_latency_seconds', 'mao_ingestion_latency_seconds'])
      expect(body).toContain(`# TYPE ${name} gauge`);
    expect(body).toMatch(/\npisama_detector_f1\{detection_type="loop"\} 0\.\d+\n/);
    for (const line of body.trim().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|[a-z_0-9]+\{([a-z_]+="[^"\n]*",?)*\} -?\d+(\.\d+)?(e-?\d+)?)$/);
  });

  test('as JSON', async () => {
    const { body } = await ask('GET', '/metrics/json');
    expect(body).toMatchObject({ traces: { total: 5, by_status: { failed: 1 } }, detections: { by_type: { loop: 1 } } });
    expect(body).toMatchObject({ detections: { confidence: { loop: 0.9 } }, healing: { total: 0, by_status: { applied: 0 } } });
    expect(body.detectors.loop).toEqual({ f1: expect.any(Number), threshold: null, ece: expect.any(Number) });
  });

  test('Datadog: refused until it is configured; then series with their tags', async () => {
    expect(await ask('POST', '/metrics/datadog/flush')).toMatchObject({ status: 409, body: { code: 'datadog-not-configured' } });
    const got: { readonly key: unknown; readonly path: unknown; readonly body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (some) => {
        body += some;
      });
      request.on('end', () => {
        got.push({ key: request.headers['dd-api-key'], path: request.url, body });
        response.writeHead(got.length === 1 ? 202 : 403).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const other = await startPlatform({ datadog: { api_key: 'dd-secret', endpoint } });
    const { body } = await other.ask('POST', '/metrics/datadog/flush');
    expect(got[0]).toMatchObject({ key: 'dd-secret', path: '/api/v2/series' });
    const { series } = JSON.parse(got[0]?.body as string);
    expect(series).toHaveLength(body.metrics_sent);
    expect(series[0]).toEqual({
      metric: 'misstep.traces',
      type: 3,
      points: [{ timestamp: expect.any(Number), value: 0 }],
      tags: ['tenant:default', 'status:running'],
    });
    const refused = await other.ask('POST', '/metrics/datadog/flush');
    expect([refused.status, refused.body.code]).toEqual([502, 'datadog-refused']);
    expect(JSON.stringify(refused.body)).not.toContain('dd-secret');
    await other.stop();
    server.close();
    const { body: dashboard } = await ask('GET', '/metrics/datadog/dashboard');
    const shown = dashboard.widgets.map((one: { definition: { requests: { q: string }[] } }) => one.definition.requests[0]?.q);
    expect(shown).toContain('sum:misstep.traces{$tenant} by {status}');
  });
});

describe('registrations', () => {
  test('by the names that frameworks use; again is the same one; secrets are not kept', async () => {
    const first = await ask('POST', '/n8n/workflows', { workflowId: 'w1', workflowName: 'Orders', api_key: 'n8n-secret' });
    expect(first).toMatchObject({
      status: 201,
      body: { external_id: 'w1', name: 'Orders', ingestion_mode: 'full', webhook_url: '/api/v1/n8n/webhook' },
    });
    const again = await ask('POST', '/n8n/workflows', { workflow_id: 'w1', ingestion_mode: 'trace_only' });
    expect(again.body).toMatchObject({ id: first.body.id, ingestion_mode: 'trace_only' });
    const { body } = await ask('GET', '/n8n/workflows');
    expect(body).toMatchObject({ total: 1, workflows: [{ external_id: 'w1' }] });
    expect(JSON.stringify([first.body, body])).not.toContain('n8n-secret');
  });

  test.each([
    ['/n8n/workflows', {}],
    ['/n8n/workflows', { workflow_id: '' }],
    ['/dify/instances', { ingestion_mode: 'some' }],
    ['/langgraph/deployments', []],
  ])('%s with %j is refused', async (path, body) => {
    expect(await ask('POST', path, body)).toMatchObject({ status: 422, body: { code: 'not-valid' } });
  });
});

test.each([
  ['PATCH', '/traces', 'GET'],
  ['DELETE', '/detections/x/validate', 'PUT, POST'],
  ['PUT', '/webhooks/x/test', 'POST'],
])('%s %s has other methods: %s', async (method, path, allow) => {
  const { status, body, headers } = await ask(method, path);
  expect([status, body.code, headers.get('allow')]).toEqual([405, 'method-not-allowed', allow]);
});

test('an Authorization of a scheme that is not taken is nobody, whatever else is sent', async () => {
  const { body } = await ask('POST', '/auth/tenants', { name: 'two ways' });
  const headers = { authorization: 'Digest x', 'x-misstep-api-key': body.api_key };
  expect(await ask('GET', '/auth/me', undefined, headers)).toMatchObject({ status: 401, body: { code: 'unknown-key' } });
});

test.each([
  [{ host: 'rebound.example:8000' }, 403],
  [{ host: '127.0.0.1.example' }, 403],
  [{ origin: 'https://page.example' }, 403],
  [{ origin: 'null' }, 403],
  [{ host: 'localhost:8000', origin: 'http://localhost:3000' }, 200],
  [{ host: '[::1]:8000' }, 200],
  [{}, 200],
])('without a key only this machine may ask: %j is %i', async (headers, status) => {
  const local = await startPlatform();
  const answered = await new Promise<number | undefined>((resolve, reject) => {
    request(`${local.url}/api/v1/traces`, { headers }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(answered).toBe(status);
  await local.stop();
});

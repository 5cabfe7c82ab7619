// Healing over HTTP: what is planned, approved, applied, refused and taken back. n8n's API stands in memory; the real one is in test:frameworks.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewSpan } from '../../src/otlp/write.ts';
import { circle, type N8nStub, startN8n } from '../api/n8n.ts';
import { type Answer, finding, type Platform, startPlatform } from '../api/testing.ts';

const hex = (n: number) => n.toString(16).padStart(32, '0');
const [LOOP, CIRCLE, GONE, FULL] = [1, 2, 3, 4].map(hex) as [string, string, string, string];
const of = (evaluation: string, message: string, trace: number, more: NewSpan['attributes'] = {}): NewSpan['attributes'] => ({
  'gen_ai.evaluation.name': evaluation,
  'misstep.detection.message': message,
  'misstep.detection.target.trace_id': hex(trace),
  ...more,
});

let platform: Platform;
let n8n: N8nStub;
let connection: string;
const ask = (method: string, path: string, body?: unknown): Promise<Answer> => platform.ask(method, path, body);
const post = (path: string, body: unknown = {}) => ask('POST', path, body);

beforeAll(async () => {
  n8n = await startN8n('secret-key');
});
afterAll(() => n8n.stop());

beforeEach(async () => {
  platform = await startPlatform({ n8n_hosts: [n8n.host] });
  n8n.workflows.clear();
  n8n.puts.length = 0;
  n8n.onPut = undefined;
  for (const id of ['w1', 'w2', 'w3', 'w4', 'w5', 'w6']) n8n.workflows.set(id, circle(id));
  const calls = [1, 2, 3, 4].map((span) => ({
    span,
    at: span * 1_000,
    attributes: {
      'gen_ai.agent.name': 'shopper',
      'gen_ai.tool.name': 'search',
      'gen_ai.tool.call.arguments': '{"q":"shoes"}',
      'gen_ai.tool.call.result': 'nothing found for this query',
    },
  }));
  await platform.ingest(calls);
  await platform.ingest([
    {
      trace: 2,
      span: 9,
      kind: 'invoke_agent',
      attributes: { 'gen_ai.agent.name': 'a' },
      events: [
        finding(1, of('loop', 'repeated', 1, { 'gen_ai.agent.name': 'shopper' })),
        finding(2, of('n8n_cycle', 'endless', 2, { 'misstep.detection.data.node': 'Round' })),
        finding(3, of('loop', 'repeated', 77)),
        finding(4, of('hallucination', 'unsupported_fact', 1)),
      ],
    },
  ]);
  connection = (await post('/healing/n8n/connections', { name: 'n', url: n8n.url, api_key: 'secret-key' })).body.id;
});
afterEach(() => platform.stop());

const inN8n = (more: object = {}) =>
  post(`/healing/apply-to-n8n/${CIRCLE}`, { connection_id: connection, workflow_id: 'w1', ...more });
const audit = async (id: string) =>
  (await ask('GET', `/healing/${id}/audit`)).body.items.map(
    ({ action, from, to }: Record<string, string>) => `${action} ${from}>${to}`,
  );
const wide = { max_per_hour: 100, max_per_agent_per_hour: 100, max_per_workflow_per_hour: 100, cooldown_seconds: 0 };

describe('fixes', () => {
  test('of a loop: those first that can be replayed, with code of the framework that is asked for', async () => {
    const { body } = await ask('GET', `/detections/${LOOP}/fixes?framework=langgraph`);
    expect(
      body.fixes.map(({ fix_type, metadata }: { fix_type: string; metadata: { verifiable: boolean } }) => [
        fix_type,
        metadata.verifiable,
      ]),
    ).toEqual([
      ['retry_limit', true],
      ['circuit_breaker', true],
      ['exponential_backoff', false],
    ]);
    expect(body.fixes[0]).toMatchObject({
      detection_id: LOOP,
      confidence: 81,
      metadata: { framework: 'langgraph', generator: 'loop' },
    });
    expect(body.fixes[0].code_changes[0].suggested_code).toContain('ToolCallLimitMiddleware');
    expect((await ask('GET', `/detections/${LOOP}`)).body.fixes).toHaveLength(3);
  });
  test('as a diff against a file of the user: git applies it, and nothing was written', async () => {
    const root = mkdtempSync(join(tmpdir(), 'misstep-user-'));
    const source = 'from langchain.agents import create_agent\r\n\r\nagent = create_agent(\r\n    model,\r\n    tools\r\n)';
    writeFileSync(join(root, 'agent.py'), source);
    const own = await startPlatform({ sources: { root } });
    await own.ingest([{ span: 9, kind: 'invoke_agent', events: [finding(1)] }]);
    const { status, body } = await own.ask('GET', `/detections/${LOOP}/fixes?framework=langgraph&file=agent.py`);
    expect([status, body.total]).toEqual([200, 3]);
    const [change] = body.fixes.find((one: { fix_type: string }) => one.fix_type === 'retry_limit').code_changes;
    expect(change).toMatchObject({ file_path: 'agent.py', start_line: 2, end_line: 5, original_code: expect.any(String) });
    expect(change.description).toContain('Into the call of create_agent in line 3.');
    expect(readFileSync(join(root, 'agent.py'), 'utf8')).toBe(source);
    for (const { code_changes } of body.fixes) {
      writeFileSync(join(root, 'agent.py'), source);
      execFileSync('git', ['apply', '--whitespace=nowarn', '-'], { cwd: root, input: code_changes[0].diff });
      expect(readFileSync(join(root, 'agent.py'), 'utf8')).not.toBe(source);
    }
    writeFileSync(join(root, 'agent.py'), source);
    const healing = await own.ask('POST', `/healing/trigger/${LOOP}`, { file: 'agent.py' });
    expect([healing.status, healing.body.target, healing.body.fix.code_changes[0].file_path]).toEqual([
      200,
      'proposal',
      'agent.py',
    ]);
    expect(await own.ask('GET', `/detections/${LOOP}/fixes?file=..%2Fx.py`)).toMatchObject({
      status: 422,
      body: { code: 'not-valid' },
    });
    // Of where nobody named a root nothing is read.
    expect(await ask('GET', `/detections/${LOOP}/fixes?file=agent.py`)).toMatchObject({
      status: 409,
      body: { code: 'no-sources' },
    });
    await own.stop();
    rmSync(root, { recursive: true });
  });

  test.each([
    ['GET', `/detections/${hex(99)}/fixes`, undefined, 404, 'not-found'],
    ['GET', `/detections/${LOOP}/fixes?framework=cobol`, undefined, 422, 'not-valid'],
    ['POST', `/detections/${LOOP}/fixes/none/apply`, {}, 404, 'not-found'],
    ['POST', `/healing/trigger/${hex(99)}`, {}, 404, 'not-found'],
    ['POST', `/healing/trigger/${LOOP}`, { fix_id: 7 }, 422, 'not-valid'],
  ] as const)('%s %s: %s', async (method, path, body, status, code) => {
    const answer = await ask(method, path, body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe('a proposal', () => {
  test('claim 30: is replayed, waits, is approved, completed and rolled back; each step is written down', async () => {
    const { body } = await post(`/healing/trigger/${LOOP}`, {});
    expect(body).toMatchObject({
      status: 'pending',
      target: 'proposal',
      approval_reason: 'the policy applies nothing by itself',
      verification: { verdict: 'verified', steps_without: 4, steps_with: 2, said_with: [] },
    });
    expect(await post(`/healing/${body.id}/complete`)).toMatchObject({ status: 400, body: { code: 'illegal-transition' } });
    expect((await post(`/healing/${body.id}/approve`, { approved: true, approver_id: 'ann', notes: 'yes' })).body).toMatchObject({
      status: 'in_progress',
      approver_id: 'ann',
    });
    expect((await post(`/healing/${body.id}/complete`, { success: true })).body.status).toBe('applied');
    expect((await post(`/healing/${body.id}/rollback`)).body.status).toBe('rolled_back');
    expect(await post(`/healing/${body.id}/rollback`)).toMatchObject({ status: 400, body: { code: 'illegal-transition' } });
    expect(await audit(body.id)).toEqual([
      'triggered null>pending',
      'approved pending>in_progress',
      'completed in_progress>applied',
      'rolled_back applied>rolled_back',
    ]);
    for (const path of ['', '/status', '/progress'])
      expect((await ask('GET', `/healing/${body.id}${path}`)).body.status).toBe('rolled_back');
  });
  test('whose steps are not stored, or whose effect no recording holds, is not called verified', async () => {
    const said = async (id: string) => (await post(`/healing/trigger/${id}`, {})).body.verification;
    expect(await said(GONE)).toMatchObject({ verdict: 'not_verifiable', reason: 'The steps of the run are not stored.' });
    expect(await said(FULL)).toMatchObject({ verdict: 'not_verifiable', steps_with: null });
    expect((await ask('GET', '/healing/verification-metrics')).body).toMatchObject({ total: 2, verified_share: null });
  });
  test('begins by itself where the policy says so, and not where the request asks for a person', async () => {
    await ask('PUT', '/healing/policy', { auto_apply: 'safe' });
    expect((await post(`/healing/trigger/${LOOP}`, {})).body.status).toBe('in_progress');
    expect((await post(`/healing/trigger/${LOOP}`, { approval_required: true })).body.status).toBe('pending');
    expect((await post(`/healing/trigger/${FULL}`, {})).body).toMatchObject({
      status: 'pending',
      approval_reason: expect.stringContaining('medium'),
    });
  });
  test('a no is final', async () => {
    const { id } = (await post(`/healing/trigger/${LOOP}`, {})).body;
    expect((await post(`/healing/${id}/approve`, { approved: false })).body.status).toBe('rejected');
    expect((await post(`/healing/${id}/approve`, { approved: true })).status).toBe(400);
  });
});

describe('a patch of a workflow', () => {
  test('claim 30: a dry run writes nothing anywhere', async () => {
    const before = structuredClone(n8n.workflows.get('w1'));
    const { body } = await inN8n();
    expect(body).toMatchObject({
      id: null,
      status: 'dry_run',
      target: 'n8n',
      limit: null,
      verification: { verdict: 'verified', said_with: [] },
      n8n: { workflow_id: 'w1', patch: 'loop_limit' },
    });
    expect(body.n8n.diff).toContain('+++ b/w1.json');
    expect([n8n.workflows.get('w1'), n8n.puts]).toEqual([before, []]);
    expect((await ask('GET', '/healing')).body.total).toBe(0);
  });

  test('claim 30: approved: applied once, and rolled back to what it was; what n8n keeps besides stays', async () => {
    const before = structuredClone(n8n.workflows.get('w1'));
    const { id, status } = (await inN8n({ dry_run: false })).body;
    expect([status, n8n.puts]).toEqual(['pending', []]);
    expect((await post(`/healing/${id}/approve`, { approver_id: 'ann' })).body).toMatchObject({ status: 'applied', error: null });
    expect(n8n.workflows.get('w1').nodes).toHaveLength(5);
    expect((await ask('GET', '/healing/n8n/versions')).body.items).toMatchObject([{ id, workflow_id: 'w1', nodes: 3 }]);
    expect((await post(`/healing/${id}/verify`)).body).toMatchObject({
      verification: { verdict: 'verified' },
      since: { runs: 0 },
    });
    expect((await post(`/healing/${id}/rollback`)).body.status).toBe('rolled_back');
    // n8n has made up ids of webhooks with the patch; the rollback leaves them.
    const nodes = before.nodes.map((node: object) => ({ ...node, webhookId: 'made-up-1' }));
    expect({ ...n8n.workflows.get('w1'), versionId: '1' }).toEqual({ ...before, nodes });
    expect(n8n.puts).toEqual(['w1', 'w1']);
    expect(await audit(id)).toEqual([
      'triggered null>pending',
      'approved pending>in_progress',
      'writing in_progress>in_progress',
      'applied in_progress>applied',
      'verified applied>applied',
      'rolled_back applied>rolled_back',
    ]);
  });

  test('a setting that was added is taken away again, though n8n adds what it is sent to what it has', async () => {
    await platform.ingest([{ trace: 4, span: 9, events: [finding(7, of('n8n_timeout', 'no_limit', 4))] }]);
    n8n.workflows.get('w1').nodes[1].type = 'n8n-nodes-base.httpRequest';
    const before = structuredClone(n8n.workflows.get('w1').settings);
    const { id } = (
      await post(`/healing/apply-to-n8n/${hex(7)}`, { connection_id: connection, workflow_id: 'w1', dry_run: false })
    ).body;
    expect((await post(`/healing/${id}/approve`)).body.status).toBe('applied');
    expect(n8n.workflows.get('w1').settings).toEqual({ ...before, executionTimeout: 300 });
    expect((await post(`/healing/${id}/rollback`)).body.status).toBe('rolled_back');
    expect(n8n.workflows.get('w1').settings).toEqual(before);
  });

  test('staged: nothing is written before it is promoted; a yes promotes', async () => {
    const { id, status } = (await inN8n({ dry_run: false, stage: true })).body;
    expect([status, n8n.puts]).toEqual(['staged', []]);
    expect((await post(`/healing/${id}/approve`, { approved: true })).body.status).toBe('applied');
    const other = (await inN8n({ dry_run: false, stage: true, workflow_id: 'w2' })).body.id;
    expect((await post(`/healing/${other}/rollback`)).body.status).toBe('rolled_back');
    expect(await post(`/healing/${other}/promote`)).toMatchObject({ status: 400, body: { code: 'not-staged' } });
    expect(n8n.puts).toEqual(['w1']);
  });

  test('by the name of the run, if one workflow has it', async () => {
    const named = (id?: string) =>
      post(`/healing/apply-to-n8n/${CIRCLE}`, { connection_id: connection, ...(id === undefined ? {} : { workflow_id: id }) });
    expect(await named()).toMatchObject({ status: 422, body: { code: 'which-workflow' } });
    n8n.workflows.set('w9', circle('invoke_agent x'));
    expect((await named()).body.n8n.workflow_id).toBe('w9');
    n8n.workflows.set('w8', circle('invoke_agent x'));
    expect(await named()).toMatchObject({ status: 422, body: { code: 'which-workflow' } });
  });

  test('a workflow that was changed since is left alone, before the patch and before the rollback', async () => {
    const first = (await inN8n({ dry_run: false })).body.id;
    n8n.workflows.get('w1').nodes[1].parameters.jsCode = 'return []';
    expect(await post(`/healing/${first}/approve`)).toMatchObject({ status: 409, body: { code: 'workflow-changed' } });
    expect((await ask('GET', `/healing/${first}`)).body).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('changed in n8n'),
    });
    const second = (await inN8n({ dry_run: false })).body.id;
    expect((await post(`/healing/${second}/approve`)).body.status).toBe('applied');
    n8n.workflows.get('w1').nodes[0].name = 'Mine';
    const mine = structuredClone(n8n.workflows.get('w1'));
    expect(await post(`/healing/${second}/rollback`)).toMatchObject({ status: 409, body: { code: 'workflow-changed' } });
    expect(n8n.workflows.get('w1')).toEqual(mine);
    expect((await ask('GET', `/healing/${second}`)).body.status).toBe('applied');
  });

  test('saved changes that are not published are not published by a patch', async () => {
    const { id } = (await inN8n({ dry_run: false })).body;
    Object.assign(n8n.workflows.get('w1'), { active: true, versionId: '2', activeVersionId: '1' });
    expect(await post(`/healing/${id}/approve`)).toMatchObject({ status: 409, body: { code: 'unpublished-changes' } });
    expect(n8n.puts).toEqual([]);
  });

  test('n8n that saves and refuses: put back, failed, 502', async () => {
    const { id } = (await inN8n({ dry_run: false })).body;
    const before = structuredClone(n8n.workflows.get('w1'));
    n8n.onPut = (given) => {
      n8n.onPut = undefined;
      Object.assign(n8n.workflows.get('w1'), given);
      throw 403;
    };
    expect(await post(`/healing/${id}/approve`)).toMatchObject({ status: 502, body: { code: 'n8n-refused' } });
    expect(n8n.workflows.get('w1').nodes).toMatchObject(before.nodes);
    expect((await ask('GET', `/healing/${id}`)).body.status).toBe('failed');
    expect((await ask('GET', `/healing/${id}/audit`)).body.items.at(-1)).toMatchObject({
      action: 'failed',
      notes: 'n8n answered 403: refused.',
    });
  });

  test('n8n that makes something else of it: put back', async () => {
    const { id } = (await inN8n({ dry_run: false })).body;
    const before = structuredClone(n8n.workflows.get('w1').nodes);
    n8n.onPut = (given) => {
      n8n.onPut = undefined;
      return { ...given, nodes: given.nodes.slice(1) };
    };
    expect(await post(`/healing/${id}/approve`)).toMatchObject({ status: 502, body: { code: 'n8n-differs' } });
    expect(n8n.workflows.get('w1').nodes).toMatchObject(before);
  });

  test('without a replay that passed only with skip_verification, and that is written down', async () => {
    await platform.ingest([
      { trace: 3, span: 9, events: [finding(5, of('n8n_cycle', 'many_runs', 3, { 'misstep.detection.data.node': 'Round' }))] },
    ]);
    const { id, verification } = (
      await post(`/healing/apply-to-n8n/${hex(5)}`, { connection_id: connection, workflow_id: 'w1', dry_run: false })
    ).body;
    expect(verification.verdict).toBe('not_verifiable');
    expect(await post(`/healing/${id}/approve`)).toMatchObject({ status: 400, body: { code: 'not-verified' } });
    expect((await post(`/healing/${id}/approve`, { skip_verification: true })).body.status).toBe('applied');
    expect((await ask('GET', `/healing/${id}/audit`)).body.items.at(-1).notes).toBe('verification skipped');
  });

  test('no patch for what no patch answers; nothing to patch; no such workflow; a fix beside', async () => {
    const code = async (path: string, body: object) => {
      const { status, body: said } = await post(path, { connection_id: connection, workflow_id: 'w1', ...body });
      return [status, said.code];
    };
    expect(await code(`/healing/apply-to-n8n/${LOOP}`, {})).toEqual([422, 'no-patch']);
    expect(await code(`/healing/apply-to-n8n/${CIRCLE}`, { workflow_id: 'none' })).toEqual([404, 'not-found']);
    expect(await code(`/healing/apply-to-n8n/${CIRCLE}`, { connection_id: 'none' })).toEqual([404, 'not-found']);
    expect(await code(`/healing/apply-to-n8n/${CIRCLE}`, { options: { max_rounds: 0 } })).toEqual([422, 'not-valid']);
    n8n.workflows.get('w1').connections = {};
    expect(await code(`/healing/apply-to-n8n/${CIRCLE}`, {})).toEqual([422, 'nothing-to-patch']);
    n8n.workflows.get('w1').nodes = 'none';
    expect(await code(`/healing/apply-to-n8n/${CIRCLE}`, {})).toEqual([502, 'n8n-malformed']);
  });

  test('a policy that lets it begin applies it at once', async () => {
    await ask('PUT', '/healing/policy', { auto_apply: 'medium' });
    expect((await inN8n({ dry_run: false })).body).toMatchObject({ status: 'applied', approval_required: false });
  });

  test('a new finding in a run that began since proposes a rollback', async () => {
    await ask('PUT', '/healing/policy', { auto_apply: 'medium' });
    const { id } = (await inN8n({ dry_run: false })).body;
    const again = finding(6, of('n8n_cycle', 'endless', 8, { 'misstep.detection.data.node': 'Round' }));
    const at = Date.now() + 1_000 - 1_790_000_000_000;
    await platform.ingest([
      { trace: 8, span: 1, kind: 'invoke_agent', at, attributes: { 'gen_ai.agent.name': 'a' }, events: [again] },
    ]);
    expect((await post(`/healing/${id}/verify`)).body.since).toEqual({ runs: 1, with_finding: 1, rollback_proposed: true });
  });
});

describe('limits', () => {
  test('claim 30: one change of a workflow an hour; others go on; five in all', async () => {
    const go = async (workflow_id: string) => {
      const { id } = (await inN8n({ dry_run: false, workflow_id })).body;
      return post(`/healing/${id}/approve`);
    };
    expect((await go('w1')).status).toBe(200);
    expect((await post(`/healing/${(await ask('GET', '/healing')).body.items[0].id}/rollback`)).status).toBe(200);
    const again = await go('w1');
    expect([again.status, again.body.code]).toEqual([429, 'healing-limit']);
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect((await ask('GET', '/healing')).body.items[0].status).toBe('pending');
    for (const one of ['w2', 'w3', 'w4', 'w5']) expect((await go(one)).status).toBe(200);
    expect((await go('w6')).body.detail).toContain('max_per_hour is 5');
    expect((await inN8n({ workflow_id: 'w6' })).body.limit).toContain('max_per_hour');
  });

  test('of eighteen approvals at once no more pass than the limit lets, and each workflow is written once; a place that was given back is free', async () => {
    await ask('PUT', '/healing/policy', { ...wide, max_per_hour: 3 });
    const made = await Promise.all(
      ['w1', 'w2', 'w3', 'w4', 'w5', 'w6'].map(async (workflow_id) => (await inN8n({ dry_run: false, workflow_id })).body.id),
    );
    const answers = await Promise.all([...made, ...made, ...made].map((id) => post(`/healing/${id}/approve`)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(3);
    expect(answers.filter(({ status }) => ![200, 400, 409, 429].includes(status))).toEqual([]);
    // Approvals of one healing may have held places for each other for a moment.
    for (const id of made) await post(`/healing/${id}/approve`);
    const left = (await ask('GET', '/healing')).body.items.map(({ status }: { status: string }) => status);
    expect(left.toSorted()).toEqual(['applied', 'applied', 'applied', 'pending', 'pending', 'pending']);
    expect(n8n.puts.toSorted()).toEqual([...new Set(n8n.puts)].toSorted());
    expect(n8n.puts).toHaveLength(3);
  });

  test('three failures in a row stop everything until a person says so', async () => {
    await ask('PUT', '/healing/policy', wide);
    n8n.onPut = () => {
      throw 500;
    };
    for (let i = 0; i < 3; i++) {
      const { id } = (await inN8n({ dry_run: false })).body;
      expect((await post(`/healing/${id}/approve`)).status).toBe(502);
    }
    n8n.onPut = undefined;
    const { id } = (await inN8n({ dry_run: false })).body;
    expect(await post(`/healing/${id}/approve`)).toMatchObject({
      status: 429,
      body: { detail: expect.stringContaining('resume: true') },
    });
    expect((await ask('PUT', '/healing/policy', { resume: true })).body.resumed_at).toMatch(/^20/);
    expect((await post(`/healing/${id}/approve`)).body.status).toBe('applied');
  });

  test('a policy that somebody else changed is not overwritten', async () => {
    const { version } = (await ask('GET', '/healing/policy')).body;
    expect((await ask('PUT', '/healing/policy', { max_per_hour: 9, version })).body).toMatchObject({
      max_per_hour: 9,
      min_confidence: 80,
    });
    expect(await ask('PUT', '/healing/policy', { max_per_hour: 1, version })).toMatchObject({
      status: 409,
      body: { code: 'changed' },
    });
    expect((await ask('PUT', '/healing/policy', { max_per_hour: 101 })).status).toBe(422);
  });
});

describe('a process that died', () => {
  const mine = () => platform.database.records.of('default');

  test('between the write and its record: complete finds the patch in n8n', async () => {
    const { id } = (await inN8n({ dry_run: false })).body;
    await post(`/healing/${id}/approve`);
    const row = await mine().document('healing', id);
    const body = row?.body as Record<string, unknown>;
    await mine().put(
      'healing',
      id,
      { ...body, status: 'in_progress', busy_ms: Date.now() - 200_000, applied_ms: null },
      row?.version,
    );
    expect((await post(`/healing/${id}/complete`)).body.status).toBe('applied');
    expect(n8n.puts).toEqual(['w1']);
    expect((await post(`/healing/${id}/rollback`)).body.status).toBe('rolled_back');
  });

  test('before the write: complete says that it failed', async () => {
    const { id } = (await inN8n({ dry_run: false })).body;
    const row = await mine().document('healing', id);
    await mine().put(
      'healing',
      id,
      { ...(row?.body as object), status: 'in_progress', busy_ms: Date.now() - 200_000 },
      row?.version,
    );
    expect((await post(`/healing/${id}/complete`)).body).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('not as the patch'),
    });
  });

  test('who holds a claim is waited for', async () => {
    const { id } = (await inN8n({ dry_run: false, stage: true })).body;
    const row = await mine().document('healing', id);
    await mine().put('healing', id, { ...(row?.body as object), busy_ms: Date.now() }, row?.version);
    expect(await post(`/healing/${id}/promote`)).toMatchObject({ status: 409, body: { code: 'busy' } });
  });

  test('an entry of the history that was not copied is copied when it is read, and none is overwritten', async () => {
    const { id } = (await post(`/healing/trigger/${LOOP}`, {})).body;
    await mine().remove('healing-audit', `${id}:0001`);
    expect(await audit(id)).toEqual(['triggered null>pending']);
    const row = await mine().document('healing', id);
    const body = row?.body as { history: { action: string }[] };
    await mine().put('healing', id, { ...body, history: [{ ...body.history[0], action: 'forged' }] }, row?.version);
    expect(await audit(id)).toEqual(['triggered null>pending']);
  });
});

describe('connections', () => {
  test('the key is shown to nobody and lies nowhere in clear', async () => {
    const shown = JSON.stringify([
      (await ask('GET', '/healing/n8n/connections')).body,
      (await ask('GET', `/healing/n8n/connections/${connection}`)).body,
    ]);
    const row = await platform.database.records.of('default').document('n8n-connection', connection);
    expect(shown + JSON.stringify(row)).not.toContain('secret-key');
    expect((await ask('GET', `/healing/n8n/connections/${connection}/workflows/w1`)).body).toMatchObject({
      name: 'w1',
      nodes: 3,
    });
  });
  test('a sealed key that is moved to another connection is not opened', async () => {
    const mine = platform.database.records.of('default');
    const other = (await post('/healing/n8n/connections', { name: 'm', url: n8n.url, api_key: 'other' })).body.id;
    await mine.put('n8n-connection', other, (await mine.document('n8n-connection', connection))?.body);
    expect(await ask('GET', `/healing/n8n/connections/${other}/workflows/w1`)).toMatchObject({
      status: 409,
      body: { code: 'key-unreadable' },
    });
  });
  test('a key is not sent to another address than it was given for', async () => {
    const put = (body: object) => ask('PUT', `/healing/n8n/connections/${connection}`, { name: 'n', ...body });
    expect((await put({ url: `${n8n.url}/` })).status).toBe(200);
    expect(await put({ url: 'https://n8n.example.com' })).toMatchObject({ status: 422, body: { code: 'not-valid' } });
    expect((await put({ url: 'https://n8n.example.com', api_key: 'k' })).status).toBe(200);
  });
  test.each([
    ['http://127.0.0.1:1', 403, 'host-not-allowed'],
    ['http://n8n.example.com', 403, 'host-not-allowed'],
    ['https://user:pass@n8n.example.com', 403, 'host-not-allowed'],
    ['file:///etc/passwd', 403, 'host-not-allowed'],
    ['n8n', 403, 'host-not-allowed'],
  ])('%s is no address for one', async (url, status, code) => {
    const answer = await post('/healing/n8n/connections', { name: 'n', url, api_key: 'k' });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
  test.each(['https://127.0.0.1:1', 'https://169.254.169.254', 'https://[::1]', 'https://localhost'])(
    '%s is not asked',
    async (url) => {
      const { id } = (await post('/healing/n8n/connections', { name: 'n', url, api_key: 'k' })).body;
      expect(await ask('GET', `/healing/n8n/connections/${id}/workflows/w1`)).toMatchObject({
        status: 403,
        body: { code: 'host-not-allowed' },
      });
    },
  );
  test('a wrong key, and an n8n that is away: 502', async () => {
    const { id } = (await post('/healing/n8n/connections', { name: 'n', url: n8n.url, api_key: 'wrong' })).body;
    expect(await ask('GET', `/healing/n8n/connections/${id}/workflows/w1`)).toMatchObject({
      status: 502,
      body: { code: 'n8n-refused' },
    });
    const gone = await startN8n('k');
    await gone.stop();
    const alone = await startPlatform({ n8n_hosts: ['127.0.0.1'] });
    const made = await alone.ask('POST', '/healing/n8n/connections', { name: 'n', url: gone.url, api_key: 'k' });
    expect(await alone.ask('GET', `/healing/n8n/connections/${made.body.id}/workflows/w1`)).toMatchObject({
      status: 502,
      body: { code: 'n8n-unreachable' },
    });
    await alone.stop();
  });
  test('a key that a header cannot hold', async () => {
    expect((await post('/healing/n8n/connections', { name: 'n', url: n8n.url, api_key: 'a\r\nx: y' })).status).toBe(422);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PayloadError } from '../payload.ts';
import { stepsOf } from '../testing.ts';
import { hints, managedAgents, thinSession } from './managed-agents.ts';

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const events = (...given: readonly object[]) => given.map((one, i) => ({ id: `sevt_${i}`, processed_at: at(i), ...one }));
const steps = (...given: readonly object[]) => stepsOf(managedAgents({ session_id: 'sesn_1', events: events(...given) }));
const text = (one: string) => [{ type: 'text', text: one }];
const use = (more: object = {}) => ({ type: 'agent.tool_use', id: 'sevt_use', name: 'bash', input: { command: 'ls' }, ...more });
const idle = (type: string) => ({ type: 'session.status_idle', stop_reason: { type } });

it('a turn is a request with its tokens, a call with its result, and an end', () => {
  const [root, request, call, ...rest] = steps(
    { type: 'user.message', content: text('List the files.') },
    { type: 'span.model_request_start', id: 'sevt_start' },
    { type: 'agent.thinking', content: text('ls') },
    use(),
    {
      type: 'span.model_request_end',
      model_request_start_id: 'sevt_start',
      model_usage: { input_tokens: 5, cache_read_input_tokens: 90, cache_creation_input_tokens: 5, output_tokens: 7 },
    },
    { type: 'agent.tool_result', tool_use_id: 'sevt_use', content: text('a.txt') },
    { type: 'session.usage', list_cost: '0.25' },
    idle('end_turn'),
  );
  expect(rest).toEqual([]);
  expect(root).toMatchObject({ kind: 'agent', sessionId: 'sesn_1', outcome: 'ok', cost: 0.25 });
  expect(root!.extra['run.status']).toBe('end_turn');
  expect(root!.endMs - root!.startMs).toBe(7000);
  expect(request).toMatchObject({ kind: 'llm', tokens: { input: 100, output: 7, cacheRead: 90, cacheWrite: 5 } });
  expect([request!.input[0]?.text, request!.output[0]?.reasoning, request!.output[0]?.toolCalls[0]?.name]).toEqual([
    'List the files.',
    'ls',
    'bash',
  ]);
  expect(call).toMatchObject({
    kind: 'tool',
    outcome: 'ok',
    tool: { name: 'bash', arguments: '{"command":"ls"}', result: 'a.txt' },
  });
});

it('without span events, what is said between two things heard is one request', () => {
  const requests = steps(
    { type: 'user.message', content: 'go' },
    { type: 'agent.message', content: text('one') },
    use(),
    { type: 'agent.tool_result', tool_use_id: 'sevt_use', content: 'x' },
    { type: 'agent.message', content: text('two') },
  ).filter(({ kind }) => kind === 'llm');
  expect(requests.map((one) => [one.input.length, one.output[0]?.text, one.output[0]?.toolCalls.length])).toEqual([
    [1, 'one', 1],
    [1, 'two', 0],
  ]);
});

it.each<[string, readonly object[], string]>([
  [
    'an error',
    [use(), { type: 'agent.tool_result', tool_use_id: 'sevt_use', is_error: true, content: text('no such file') }],
    'handled_error',
  ],
  [
    'a time limit',
    [use(), { type: 'agent.tool_result', tool_use_id: 'sevt_use', is_error: true, content: text('timed out') }],
    'timeout',
  ],
  ['a policy', [use({ evaluated_permission: 'deny' })], 'blocked'],
  [
    'a person',
    [
      use({ evaluated_permission: 'ask' }),
      { type: 'user.tool_confirmation', tool_use_id: 'sevt_use', result: 'deny', deny_message: 'no' },
    ],
    'blocked',
  ],
  ['an interrupt', [use(), { type: 'user.interrupt' }], 'cancelled'],
  ['nothing yet', [use()], 'unknown'],
  [
    'the user, for a tool of theirs',
    [
      use({ type: 'agent.custom_tool_use' }),
      { type: 'user.custom_tool_result', custom_tool_use_id: 'sevt_use', content: text('x') },
    ],
    'ok',
  ],
  [
    'a server',
    [
      use({ type: 'agent.mcp_tool_use', mcp_server_name: 'git' }),
      { type: 'agent.mcp_tool_result', mcp_tool_use_id: 'sevt_use', content: text('x') },
    ],
    'ok',
  ],
])('a call ended by %s', (_, given, outcome) => {
  expect(steps(...given).find(({ kind }) => kind === 'tool')!.outcome).toBe(outcome);
});

it.each<[object, string]>([
  [idle('end_turn'), 'ok'],
  [idle('requires_action'), 'unknown'],
  [idle('retries_exhausted'), 'error'],
  [idle('budget_reached'), 'error'],
  [idle('refusal'), 'blocked'],
  [{ type: 'session.status_running' }, 'unknown'],
  [{ type: 'session.status_terminated' }, 'error'],
])('%j ends the session %s', (status, outcome) => {
  expect(steps({ type: 'user.message', content: 'go' }, status)[0]!.outcome).toBe(outcome);
});

it('errors that are tried again are handled; evaluations and compactions are steps', () => {
  const all = steps(
    { type: 'user.define_outcome', rubric: 'r', max_iterations: 3 },
    { type: 'session.error', error: { type: 'overloaded', message: 'busy', retry_status: { type: 'retrying' } } },
    { type: 'session.error', error: { type: 'overloaded', message: 'busy', retry_status: { type: 'exhausted' } } },
    { type: 'span.outcome_evaluation_end', result: 'needs_revision', iteration: 1, explanation: 'not yet' },
    { type: 'agent.thread_context_compacted' },
  );
  expect(all.slice(1).map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['task', 'ok'],
    ['task', 'handled_error'],
    ['task', 'error'],
    ['evaluator', 'ok'],
    [expect.any(String), 'ok'],
  ]);
  expect(all[4]!.extra).toMatchObject({ 'node.status': 'needs_revision', 'iteration.index': 1 });
});

it('threads are agents of their own, and a message between them is a handoff', () => {
  const all = steps(
    { type: 'user.message', content: 'go', session_thread_id: 'sthr_0' },
    { type: 'session.thread_created', session_thread_id: 'sthr_1', agent_name: 'critic' },
    {
      type: 'agent.thread_message_sent',
      session_thread_id: 'sthr_0',
      to_session_thread_id: 'sthr_1',
      to_agent_name: 'critic',
      content: text('look'),
    },
    { type: 'agent.message', session_thread_id: 'sthr_1', content: text('fine') },
  );
  const critic = all.find((one) => one.kind === 'agent' && one.agent === 'critic')!;
  expect(critic.parentId).toBe(all[0]!.spanId);
  expect(all.find(({ kind }) => kind === 'handoff')).toMatchObject({ handoff: { to: 'critic' } });
  expect(all.find(({ kind }) => kind === 'llm')).toMatchObject({ agent: 'critic', parentId: critic.spanId });
});

it('a later page has no root and the same ids', () => {
  const given = events(
    { type: 'user.message', content: 'go' },
    { type: 'agent.message', content: text('hi') },
    idle('retries_exhausted'),
  );
  const whole = stepsOf(managedAgents({ session_id: 'sesn_1', events: given }));
  const later = stepsOf(managedAgents({ session_id: 'sesn_1', after: at(0), events: given }));
  expect(later.map(({ spanId }) => spanId)).toContain(whole[1]!.spanId);
  expect(later.every(({ parentId }) => parentId === whole[0]!.spanId)).toBe(true);
  expect(later.find(({ name }) => name === 'session.status_idle')).toMatchObject({
    outcome: 'error',
    error: { type: 'retries_exhausted' },
  });
});

it.each<[string, unknown]>([
  ['a page of the API', { data: events({ type: 'agent.message', content: 'x' }), next_page: null }],
  ['a list', events({ type: 'agent.message', content: 'x' })],
  ['a recorded stream', [{ event: 'message', data: { id: 'e', type: 'agent.message', content: 'x' } }]],
  [
    'a session with its events',
    { session: { id: 'sesn_1', agent: { name: 'coder' } }, events: events({ type: 'agent.message', content: 'x' }) },
  ],
])('%s is read', (_, payload) => {
  expect(stepsOf(managedAgents(payload)).map(({ kind }) => kind)).toEqual(['agent', 'llm']);
});

describe('the webhook', () => {
  const thin = (data: object) => ({ id: 'whe_1', type: 'event', created_at: at(0), data });

  it('holds no content: no span, and a hint where the content is', () => {
    const body = thin({ id: 'sesn_1', type: 'session.status_idled' });
    expect(managedAgents(body)).toEqual([]);
    expect(thinSession(body)).toBe('sesn_1');
    expect(hints(body)[0]).toMatch(/managed_agents/);
  });

  it('of another object asks for nothing, and one that names nothing is refused', () => {
    expect(hints(thin({ id: 'dep_1', type: 'deployment.created' }))[0]).toMatch(/not of a session/);
    expect(() => managedAgents(thin({ type: 'session.status_idled' }))).toThrow(PayloadError);
    expect(() => managedAgents(thin({}))).toThrow(PayloadError);
  });

  const sample = join(
    resolve(import.meta.dirname, '../../../../shared/eval/frameworks'),
    'claude-managed-agents/webhook_session.status_idled.json',
  );
  it.runIf(existsSync(sample) || process.env['CI'] !== undefined)('as the SDK tests it', () => {
    const body: unknown = JSON.parse(readFileSync(sample, 'utf8'));
    expect(managedAgents(body)).toEqual([]);
    expect(thinSession(body)).toMatch(/^sesn_/);
  });
});

it.each([null, [], {}, 'x', { events: [] }, { session_id: 's', events: [{ type: 'x' }] }])('%j is refused', (payload) => {
  expect(() => managedAgents(payload)).toThrow(PayloadError);
});

import { describe, expect, it } from 'vitest';
import { PayloadError } from '../payload.ts';
import { stepsOf } from '../testing.ts';
import { claudeCode, hints } from './claude-code.ts';
import { hookEvents } from './hooks.ts';

const session = '11111111-2222-4333-8444-555555555555';
const trace = session.replaceAll('-', '');
const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
let n = 0;
const line = (type: string, content: unknown, more: object = {}) => ({
  type,
  uuid: `u${++n}`,
  parentUuid: null,
  isSidechain: false,
  sessionId: session,
  timestamp: at(n % 60),
  message: { role: type, content },
  ...more,
});
const use = (id: string, name = 'Bash', input: object = { command: 'ls' }) => ({ type: 'tool_use', id, name, input });
const result = (id: string, content: unknown, more: object = {}) => ({ type: 'tool_result', tool_use_id: id, content, ...more });
const steps = (payload: unknown, receivedMs?: number) => stepsOf(claudeCode(payload, receivedMs));
const tool = (payload: unknown) => steps(payload).find(({ kind }) => kind === 'tool')!;

describe('transcripts', () => {
  it('a request is one step with one usage, whatever number of lines it takes', () => {
    const usage = { input_tokens: 5, cache_read_input_tokens: 90, cache_creation_input_tokens: 5, output_tokens: 7 };
    const answer = (content: readonly object[]) =>
      line('assistant', content, {
        requestId: 'r',
        message: { id: 'm', model: 'claude-x', content, usage, stop_reason: 'tool_use' },
      });
    const [root, request, call] = steps([
      line('user', 'List the files.'),
      answer([{ type: 'thinking', thinking: 'ls will do' }]),
      answer([{ type: 'text', text: 'Listing.' }]),
      answer([use('t1')]),
      line('user', [result('t1', 'a.txt')], { toolUseResult: { stdout: 'a.txt', interrupted: false } }),
    ]);
    expect(root).toMatchObject({ traceId: trace, kind: 'agent', agent: 'claude-code', sessionId: session });
    expect(root!.input[0]!.text).toBe('List the files.');
    expect(request).toMatchObject({ kind: 'llm', responseModel: 'claude-x' });
    // The conventions' word for tool_use.
    expect(request!.finishReasons).toEqual(['tool_call']);
    expect(request!.tokens).toMatchObject({ input: 100, output: 7, cacheRead: 90, cacheWrite: 5 });
    expect(request!.input.map(({ role, text }) => [role, text])).toEqual([['user', 'List the files.']]);
    expect(request!.output[0]).toMatchObject({
      text: 'Listing.',
      reasoning: 'ls will do',
      toolCalls: [{ id: 't1', name: 'Bash' }],
    });
    expect(call).toMatchObject({
      kind: 'tool',
      outcome: 'ok',
      tool: { name: 'Bash', callId: 't1', arguments: '{"command":"ls"}', result: 'a.txt' },
    });
  });

  it.each<[string, object, object, string]>([
    ['an answer', { content: 'ok' }, {}, 'ok'],
    ['an error that the model reads', { content: 'Exit code 1', is_error: true }, {}, 'handled_error'],
    ['a time limit', { content: 'Command timed out after 2m 0s', is_error: true }, {}, 'timeout'],
    ['a refusal', { content: "The user doesn't want to proceed with this tool use.", is_error: true }, {}, 'blocked'],
    ['a rule', { content: 'Permission to use Bash has been denied.', is_error: true }, {}, 'blocked'],
    ['a stop', { content: '[Request interrupted by user for tool use]', is_error: true }, {}, 'cancelled'],
    ['a stop that the tool tells', { content: 'part' }, { toolUseResult: { stdout: 'part', interrupted: true } }, 'cancelled'],
    ['near miss: output that speaks of permission', { content: 'Permission to use Bash has been denied.' }, {}, 'ok'],
  ])('%s ends a call so', (_, end, more, outcome) => {
    const call = tool([line('assistant', [use('t')]), line('user', [{ ...result('t', ''), ...end }], more)]);
    expect(call.outcome).toBe(outcome);
    expect(call.error === undefined).toBe(outcome === 'ok' || 'toolUseResult' in more);
  });

  it('a call without a result has no end, and one that the user broke off was cancelled', () => {
    expect(tool([line('assistant', [use('t')])]).outcome).toBe('unknown');
    const broken = [line('assistant', [use('t')]), line('user', [{ type: 'text', text: '[Request interrupted by user]' }])];
    expect(tool(broken).outcome).toBe('cancelled');
  });

  it('a result joins its call in either order of other lines, and a foreign one joins nothing', () => {
    const found = steps([
      line('assistant', [use('a'), use('b')]),
      line('user', [result('b', 'B')]),
      line('user', [result('c', 'C')]),
      line('user', [result('a', 'A')]),
    ]).filter(({ kind }) => kind === 'tool');
    expect(found.map((one) => [one.tool?.callId, one.tool?.result])).toEqual([
      ['a', 'A'],
      ['b', 'B'],
    ]);
  });

  it.each<[string, (head: string) => object, object]>([
    ['by the chain of parents and the prompt', () => ({ isSidechain: true }), {}],
    ['by the id of the agent', () => ({ isSidechain: true, agentId: 'a1' }), { toolUseResult: { agentId: 'a1' } }],
    ['by the call of the SDK', () => ({ isSidechain: false, parent_tool_use_id: 'task' }), {}],
  ])('a started agent is found %s and stands below its call', (_, mark, ended) => {
    const inner = (type: string, content: unknown, parent: string | null) => {
      const made = line(type, content, { parentUuid: parent });
      return { ...made, ...mark(made.uuid) };
    };
    const first = inner('user', 'Look around.', null);
    const second = inner('assistant', [use('in', 'Grep')], first.uuid);
    const all = steps([
      line('assistant', [use('task', 'Task', { prompt: 'Look around.', subagent_type: 'Explore' })]),
      first,
      second,
      inner('user', [result('in', 'found')], second.uuid),
      line('user', [result('task', 'done')], ended),
    ]);
    const task = all.find((one) => one.tool?.name === 'Task')!;
    const started = all.find((one) => one.kind === 'agent' && one.parentId !== '')!;
    expect(started).toMatchObject({ agent: 'Explore', parentId: task.spanId });
    expect(all.find((one) => one.tool?.name === 'Grep')).toMatchObject({ parentId: started.spanId, agent: 'Explore' });
    expect(task.agent).toBe('claude-code');
  });

  it('what the user went back from is a run of its own, cancelled; calls side by side are no choice', () => {
    const first = line('user', 'one');
    const answer = line('assistant', [use('a'), use('b')], { parentUuid: first.uuid });
    const resultA = line('user', [result('a', 'A')], { parentUuid: answer.uuid });
    const resultB = line('user', [result('b', 'B')], { parentUuid: answer.uuid });
    const left = line('user', 'two', { parentUuid: resultB.uuid });
    const leftAnswer = line('assistant', [use('x', 'Write')], { parentUuid: left.uuid });
    const again = line('user', 'three', { parentUuid: resultB.uuid });
    const documents = claudeCode([first, answer, resultA, resultB, left, leftAnswer, again]);
    const [current, branch] = documents.map((one) => stepsOf([one]));
    expect(documents.length).toBe(2);
    expect(current!.flatMap((one) => one.tool?.callId ?? [])).toEqual(['a', 'b']);
    expect(branch!.flatMap((one) => one.tool?.callId ?? [])).toEqual(['x']);
    expect(branch![0]).toMatchObject({ outcome: 'cancelled', sessionId: session });
    expect(branch![0]!.traceId).not.toBe(trace);
  });

  it('compactions, refused requests and counts of what was read', () => {
    const all = steps([
      line('user', 'go'),
      {
        type: 'system',
        subtype: 'api_error',
        uuid: 'e1',
        sessionId: session,
        timestamp: at(1),
        retryAttempt: 2,
        error: { status: 529, message: 'Overloaded' },
      },
      line('assistant', [{ type: 'text', text: 'API Error: limit' }], { isApiErrorMessage: true, error: 'rate_limit' }),
      {
        type: 'system',
        subtype: 'compact_boundary',
        uuid: 'c1',
        sessionId: session,
        timestamp: at(2),
        compactMetadata: { trigger: 'auto', preTokens: 150_000 },
      },
      { type: 'file-history-snapshot', messageId: 'x' },
      7,
    ]);
    expect(all.filter(({ kind }) => kind === 'llm').map(({ outcome, error }) => [outcome, error?.type])).toEqual([
      ['error', '529'],
      ['error', 'rate_limit'],
    ]);
    expect(all.find(({ name }) => name === 'compact')!.extra).toMatchObject({
      'compaction.before': 150_000,
      'event.data': { trigger: 'auto' },
    });
    expect(all[0]!.extra['run.total']).toMatchObject({ records: { user: 1, system: 2, 'file-history-snapshot': 1 }, unread: 1 });
    expect(all[0]!.extra['truncated']).toEqual(['1 records: not objects']);
  });
});

describe('the Agent SDK', () => {
  const stream = (end: object, more: readonly object[] = []) => [
    { type: 'system', subtype: 'init', session_id: session, model: 'claude-x', tools: ['Bash'], permissionMode: 'default' },
    {
      type: 'assistant',
      session_id: session,
      parent_tool_use_id: null,
      uuid: 'a',
      message: { id: 'm', model: 'claude-x', content: [use('t')] },
    },
    ...more,
    {
      type: 'result',
      session_id: session,
      num_turns: 3,
      total_cost_usd: 0.5,
      usage: { input_tokens: 1, output_tokens: 2 },
      ...end,
    },
  ];

  it.each<[object, string, string | undefined]>([
    [{ subtype: 'success', is_error: false, result: 'done' }, 'ok', undefined],
    [{ subtype: 'error_max_turns', is_error: true }, 'error', 'error_max_turns'],
    [{ subtype: 'error_during_execution', errors: ['boom'] }, 'error', 'error_during_execution'],
    [{ subtype: 'success', is_error: true, result: 'API Error: 500' }, 'error', 'api_error'],
  ])('%j ends %s', (end, outcome, type) => {
    const [root] = steps(stream(end));
    expect([root!.outcome, root!.error?.type]).toEqual([outcome, type]);
    expect(root).toMatchObject({ cost: 0.5, requestModel: 'claude-x' });
    expect(root!.extra).toMatchObject({
      'run.mode': 'default',
      'run.tokens': 3,
      'tools.allowed': ['Bash'],
      'run.total': { turns: 3 },
    });
  });

  it.each<[string, readonly object[], object]>([
    ['the result message', [], { permission_denials: [{ tool_name: 'Bash', tool_use_id: 't', tool_input: {} }] }],
    [
      'the answer to can_use_tool',
      [
        { type: 'control_request', request_id: 'q', request: { subtype: 'can_use_tool', tool_use_id: 't', tool_name: 'Bash' } },
        {
          type: 'control_response',
          response: { subtype: 'success', request_id: 'q', response: { behavior: 'deny', message: 'no' } },
        },
      ],
      {},
    ],
    [
      'the answer to a hook',
      [
        {
          direction: 'recv',
          message: {
            type: 'control_request',
            request_id: 'q',
            request: {
              subtype: 'hook_callback',
              input: { hook_event_name: 'PreToolUse', session_id: session, tool_use_id: 't' },
            },
          },
        },
        {
          direction: 'send',
          message: {
            type: 'control_response',
            response: {
              request_id: 'q',
              response: { hookSpecificOutput: { permissionDecision: 'deny', permissionDecisionReason: 'no' } },
            },
          },
        },
      ],
      {},
    ],
  ])('a call is blocked by %s', (_, more, end) => {
    const call = tool(stream({ subtype: 'success', ...end }, more));
    expect(call).toMatchObject({ outcome: 'blocked', error: { type: 'permission_denied' } });
  });
});

describe('hooks', () => {
  const input = (hook_event_name: string, more: object = {}) => ({
    session_id: session,
    transcript_path: '/home/u/.claude/projects/x.jsonl',
    cwd: '/home/u',
    prompt_id: 'p1',
    hook_event_name,
    ...more,
  });
  const call = { tool_name: 'Bash', tool_input: { command: 'ls' }, tool_use_id: 't1' };
  const now = Date.UTC(2026, 0, 1);

  it('PreToolUse tells nothing; PostToolUse is the call, with its duration up to when it came', () => {
    expect(claudeCode(input('PreToolUse', call), now)).toEqual([]);
    const [step, ...rest] = steps(input('PostToolUse', { ...call, tool_response: { stdout: 'a' }, duration_ms: 40 }), now);
    expect(rest).toEqual([]);
    expect(step).toMatchObject({
      traceId: trace,
      outcome: 'ok',
      startMs: now - 40,
      endMs: now,
      sessionId: session,
      agent: 'claude-code',
    });
    expect(step!.tool).toMatchObject({ name: 'Bash', callId: 't1', result: '{"stdout":"a"}' });
  });

  it('one by one, together or from the transcript a call has the same id', () => {
    const post = input('PostToolUse', { ...call, tool_response: 'a' });
    const [alone] = steps(post, now);
    const together = steps([input('PreToolUse', call), input('Notification', { message: 'm' }), post], now).find(
      ({ kind }) => kind === 'tool',
    );
    const told = tool([line('assistant', [use('t1')]), line('user', [result('t1', 'a')])]);
    expect([together!.spanId, told.spanId]).toEqual([alone!.spanId, alone!.spanId]);
    expect(told.traceId).toBe(alone!.traceId);
  });

  it.each<[string, object, string]>([
    ['PostToolUseFailure', { error: 'Exit code 1' }, 'handled_error'],
    ['PostToolUseFailure', { error: 'stopped', is_interrupt: true }, 'cancelled'],
    ['PermissionDenied', { reason: 'not on main' }, 'blocked'],
  ])('%s %j ends a call so', (event, more, outcome) => {
    const [step] = steps(input(event, { ...call, ...more }), now);
    expect([step!.outcome, step!.extra['outcome.source']]).toEqual([outcome, expect.stringContaining(`hook ${event}`)]);
  });

  it('prompts, turns, agents, compactions and the end of the session', () => {
    const kinds = (event: string, more: object = {}) =>
      steps(input(event, more), now).map((step) => [
        step.kind,
        step.name,
        step.agent,
        step.input[0]?.text ?? step.output[0]?.text,
      ]);
    expect(kinds('UserPromptSubmit', { prompt: 'hi' })).toEqual([['task', 'user_prompt', 'claude-code', 'hi']]);
    expect(kinds('Stop', { last_assistant_message: 'bye', stop_hook_active: false })).toEqual([
      ['agent', 'invoke_agent claude-code', 'claude-code', 'bye'],
    ]);
    expect(kinds('SubagentStart', { agent_id: 'a', agent_type: 'Explore' })).toContainEqual([
      'handoff',
      'handoff Explore',
      expect.anything(),
      undefined,
    ]);
    expect(kinds('SubagentStop', { agent_id: 'a', agent_type: 'Explore', last_assistant_message: 'x' })).toEqual([
      ['agent', 'invoke_agent Explore', 'Explore', 'x'],
    ]);
    expect(kinds('PreCompact', { trigger: 'auto' }).map(([kind, name]) => [kind, name])).toEqual([['task', 'compact']]);
    const [root] = steps([input('SessionStart'), input('SessionEnd', { reason: 'clear' })], now);
    expect(root).toMatchObject({ parentId: '', traceId: trace, kind: 'agent' });
    expect(root!.extra['run.status']).toBe('clear');
  });

  it('a started agent is told once, by its end, and its steps stand below it, each in a body of its own', () => {
    const agent = { agent_id: 'a', agent_type: 'Explore' };
    const [handoff, used, end] = [
      input('SubagentStart', agent),
      input('PostToolUse', { ...agent, ...call }),
      input('SubagentStop', { ...agent, last_assistant_message: 'Found.' }),
    ].map((one, i) => steps(one, now + i));
    expect(handoff!.map(({ kind }) => kind)).toEqual(['handoff']);
    expect(used!.map(({ kind, parentId }) => [kind, parentId])).toEqual([['tool', end![0]!.spanId]]);
    expect(end!.map(({ kind, startMs, output }) => [kind, startMs, output[0]?.text])).toEqual([['agent', now + 2, 'Found.']]);
  });

  it('a turn that failed says why', () => {
    const [turn] = steps(input('StopFailure', { error: 'rate_limit', error_details: '429' }), now);
    expect(turn).toMatchObject({ outcome: 'error', error: { type: 'rate_limit', message: '429' } });
  });

  it('all 34 events are known, and one that is not is an event', () => {
    expect(hookEvents.length).toBe(34);
    for (const event of hookEvents) stepsOf(claudeCode(input(event, call), now));
    expect(steps(input('ToBeInvented', { note: 'x' }), now)[0]!.extra).toMatchObject({
      'event.type': 'ToBeInvented',
      'event.data': { note: 'x' },
    });
  });

  it('paths of the user and secrets in events do not come along', () => {
    const made = JSON.stringify(
      claudeCode(
        input('TaskCreated', { config: { api_key: 'k-1', headers: { Authorization: 'Bearer b-1' } }, user_email: 'u@e' }),
        now,
      ),
    );
    expect(made).not.toMatch(/k-1|b-1|u@e|\/home\/u/);
  });
});

describe('Cursor', () => {
  const input = (hook_event_name: string, more: object = {}) => ({
    conversation_id: 'c1',
    generation_id: 'g1',
    hook_event_name,
    workspace_roots: ['/w'],
    ...more,
  });

  it.each<[string, object, object]>([
    [
      'afterShellExecution',
      { command: 'ls', output: 'a', duration: 5 },
      { kind: 'tool', tool: { name: 'Shell', arguments: '{"command":"ls"}', result: 'a' } },
    ],
    [
      'afterMCPExecution',
      { tool_name: 'find', tool_input: '{"q":1}', result_json: '{"n":2}' },
      { kind: 'tool', tool: { name: 'find', arguments: '{"q":1}', result: '{"n":2}' } },
    ],
    ['afterFileEdit', { file_path: '/w/a', edits: [] }, { kind: 'tool', tool: { name: 'Edit' } }],
    [
      'postToolUse',
      { tool_name: 'Read', tool_input: {}, tool_output: '"x"', tool_use_id: 't' },
      { kind: 'tool', tool: { name: 'Read', callId: 't', result: 'x' } },
    ],
    ['postToolUseFailure', { tool_name: 'Read', error_message: 'timed out' }, { kind: 'tool', outcome: 'timeout' }],
    ['beforeSubmitPrompt', { prompt: 'hi' }, { kind: 'task', name: 'user_prompt' }],
    ['afterAgentResponse', { text: 'bye' }, { kind: 'agent' }],
    ['subagentStop', { subagent_type: 'explore', subagent_id: 's' }, { kind: 'agent', agent: 'explore' }],
  ])('%s', (event, more, want) => {
    const [step] = steps(input(event, more));
    expect(step).toMatchObject({ sessionId: 'c1', ...want });
  });

  it.each(['preToolUse', 'beforeShellExecution', 'beforeMCPExecution', 'beforeReadFile', 'sessionStart', 'afterAgentThought'])(
    '%s tells nothing of its own',
    (event) => {
      expect(claudeCode(input(event, { command: 'ls' }))).toEqual([]);
    },
  );
});

it('the upload of the reference holds lines, inputs or traces with lines', () => {
  const upload = (traces: readonly unknown[]) => ({
    source: 'claude-code',
    version: '1',
    uploaded_at: at(0),
    trace_count: traces.length,
    traces,
  });
  const lines = [line('assistant', [use('t')]), line('user', [result('t', 'x')])];
  for (const traces of [lines, [{ session_id: session, messages: lines }]])
    expect(tool(upload(traces))).toMatchObject({ traceId: trace, tool: { result: 'x' } });
  expect(() => claudeCode(upload([]))).toThrow(PayloadError);
  expect(() => claudeCode({ type: 'nothing' })).toThrow(PayloadError);
});

it('hints name what is missing and the switch', () => {
  const post = { session_id: 's', hook_event_name: 'PostToolUse', tool_name: 'Bash' };
  expect(hints(post).join(' ')).toMatch(/tool_response.*CLAUDE_CODE_ENABLE_TELEMETRY=1/);
  expect(hints([line('user', 'hi')])).toEqual([]);
  const pre = { ...post, hook_event_name: 'PreToolUse' };
  expect(hints([pre, pre]).join(' ')).toMatch(/Add PostToolUse/);
});

it('what configures a session does not come along with it', () => {
  const secret = 'sk-ant-very-secret';
  const config = { headers: { Authorization: `Bearer ${secret}`, 'x-api-key': secret }, env: { ANTHROPIC_API_KEY: secret } };
  const records = [
    { type: 'control_request', request_id: 'q', request: { subtype: 'initialize', mcpServers: { a: config }, ...config } },
    { type: 'control_response', response: { request_id: 'q', response: { account: { token: secret }, ...config } } },
    { type: 'system', subtype: 'init', session_id: session, mcp_servers: [config], apiKey: secret, tools: ['Bash'], ...config },
    line('user', 'hi', { ...config }),
    line('assistant', [use('t')], { ...config, message: { id: 'm', role: 'assistant', content: [use('t')], ...config } }),
    line('user', [result('t', 'x')], { toolUseResult: config }),
    { type: 'result', subtype: 'success', session_id: session, ...config },
    { hook_event_name: 'Notification', session_id: session, message: 'm', ...config },
  ];
  expect(JSON.stringify(claudeCode(records))).not.toContain(secret);
});

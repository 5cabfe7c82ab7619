import { describe, expect, it } from 'vitest';
import { samplesExpected, sampleText } from '../samples.ts';
import { stepsOf } from '../testing.ts';
import { hints, openclaw } from './openclaw.ts';

const at = (second: number) => `2025-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const session = (events: readonly object[], more: object = {}) =>
  stepsOf(
    openclaw({
      session_id: 's-1',
      instance_id: 'i',
      agent_name: 'desk',
      channel: 'slack',
      inbox_type: 'dm',
      started_at: at(0),
      status: 'completed',
      message_count: 2,
      events: events.map((one, i) => ({ timestamp: at(i), ...one })),
      ...more,
    }),
  );

it('the session is an agent with its rights, channel and children on every span', () => {
  const [root, step] = session([{ type: 'agent.turn' }], {
    elevated_mode: true,
    sandbox_enabled: false,
    sandbox: { mode: 'non-main', workspaceAccess: 'rw' },
    allowed_tools: ['exec'],
    agents_mapping: { desk: { model: 'm', persona: 'Helps' } },
    spawned_sessions: ['c-1'],
    max_spawn_depth: 5,
  });
  expect(root).toMatchObject({ kind: 'agent', agent: 'desk', sessionId: 's-1', limits: { max_spawn_depth: 5 } });
  expect(root!.extra).toMatchObject({
    channel: 'slack',
    'spawn.children': ['c-1'],
    agents: { desk: { model: 'm' } },
    'run.total': { messages: 2, events: 1 },
  });
  const rights = {
    elevated: true,
    'sandbox.enabled': false,
    'sandbox.mode': 'non-main',
    'sandbox.workspaceAccess': 'rw',
    'channel.origin': 'slack',
    'channel.inbox': 'dm',
    'tools.allowed': ['exec'],
  };
  for (const one of [root!, step!]) expect(one.extra).toMatchObject(rights);
  expect(step).toMatchObject({ kind: 'llm', requestModel: 'm', system: 'Helps' });
});

it.each([
  ['error', 'error'],
  ['timeout', 'timeout'],
  ['completed', 'ok'],
])('a session that ended with %s is %s', (status, outcome) => {
  expect(session([], { status })[0]!.outcome).toBe(outcome);
});

describe('messages and turns', () => {
  it('go in and out on their channel, and a turn answers what came in', () => {
    const [, received, turn, sent] = session([
      { type: 'message.received', channel: 'slack', data: { user_id: 'u', text: 'hello' } },
      { type: 'agent.turn', data: { reasoning: 'greet', decision: 'reply' } },
      { type: 'message.sent', channel: 'whatsapp', data: { content: '**hi**', recipient: 'v' } },
    ]);
    expect(received!.extra).toMatchObject({
      'event.type': 'message.received',
      'message.direction': 'in',
      'message.sender': 'u',
      channel: 'slack',
    });
    expect(received!.input[0]!.text).toBe('hello');
    expect(turn!.input[0]!.text).toBe('hello');
    expect(turn!.output[0]).toMatchObject({ text: 'reply', reasoning: 'greet' });
    expect(sent!.extra).toMatchObject({
      'message.direction': 'out',
      'message.recipient': 'v',
      channel: 'whatsapp',
      'channel.origin': 'slack',
      'event.data': { content: '**hi**' },
    });
    expect(sent!.output[0]!.text).toBe('**hi**');
  });

  it("a turn that quotes the user is the user's word", () => {
    const [, turn] = session([{ type: 'agent.turn', role: 'user', content: 'do it' }]);
    expect([turn!.input[0]?.text, turn!.output.length]).toEqual(['do it', 0]);
  });
});

describe('tools', () => {
  it('a call and its result are one step, with the time between', () => {
    const [, tool, ...rest] = session([
      { type: 'tool.call', tool_name: 'exec', tool_input: { command: 'ls' } },
      {
        type: 'tool.result',
        tool_name: 'exec',
        tool_result: { code: 0 },
        data: { success: true },
        channel: 'whatsapp',
        token_count: 3,
      },
    ]);
    expect(rest).toEqual([]);
    expect(tool).toMatchObject({
      kind: 'tool',
      outcome: 'ok',
      tool: { name: 'exec', arguments: '{"command":"ls"}', result: '{"code":0}' },
    });
    expect(tool!.endMs - tool!.startMs).toBe(1000);
    expect(tool!.extra['event.data']).toEqual({ result_data: { success: true, channel: 'whatsapp' } });
    expect(tool!.extra['node.tokens']).toBe(3);
  });

  it.each<[string, readonly object[], readonly (readonly [string, string | undefined])[]]>([
    [
      'by call id',
      [
        { type: 'tool.call', tool_name: 'a', call_id: '1' },
        { type: 'tool.call', tool_name: 'a', call_id: '2' },
        { type: 'tool.result', call_id: '2', tool_result: 'two' },
        { type: 'tool.result', call_id: '1', tool_result: 'one' },
      ],
      [
        ['a', 'one'],
        ['a', 'two'],
      ],
    ],
    [
      'by name, oldest first',
      [
        { type: 'tool.call', tool_name: 'a' },
        { type: 'tool.call', tool_name: 'b' },
        { type: 'tool.result', tool_name: 'b', tool_result: 'B' },
        { type: 'tool.result', tool_name: 'a', tool_result: 'A' },
      ],
      [
        ['a', 'A'],
        ['b', 'B'],
      ],
    ],
    [
      'without a name',
      [
        { type: 'tool.call', tool_name: 'a' },
        { type: 'tool.result', tool_result: 'A' },
      ],
      [['a', 'A']],
    ],
    [
      'result within the call',
      [
        { type: 'tool.call', tool_name: 'a', input: {}, output: { error: 'no' }, status: 'error' },
        { type: 'tool.result', tool_name: 'a', tool_result: 'alone' },
      ],
      [
        ['a', '{"error":"no"}'],
        ['a', 'alone'],
      ],
    ],
    ['no result', [{ type: 'tool.call', tool_name: 'a' }], [['a', undefined]]],
  ])('pairs %s', (_, events, want) => {
    expect(
      session(events)
        .slice(1)
        .map((one) => [one.tool?.name, one.tool?.result]),
    ).toEqual(want);
  });

  it('an error on either side is the error of the step', () => {
    const [, tool] = session([
      { type: 'tool.call', tool_name: 'a' },
      { type: 'tool.result', tool_name: 'a', error: 'Connection timeout' },
    ]);
    expect([tool!.outcome, tool!.error?.message]).toEqual(['timeout', 'Connection timeout']);
    expect(session([{ type: 'error', error: 'boom' }])[1]!.error?.message).toBe('boom');
  });
});

it('spawns and sends are handoffs with depth, children and what was handed on', () => {
  const [root, spawn, send] = session([
    {
      type: 'session.spawn',
      data: { agent: 'child', reason: 'help', child_session_ids: ['c1', 'c2'], depth: 3, count: 2, inherited_context: 'all' },
    },
    { type: 'session.send', data: { target_agent: 'child', message: 'go', target_session_id: 'c1' } },
  ]);
  expect(spawn).toMatchObject({ kind: 'handoff', handoff: { from: 'desk', to: 'child' } });
  expect(spawn!.extra).toMatchObject({
    'spawn.children': ['c1', 'c2'],
    'spawn.agents': ['child'],
    'spawn.depth': 3,
    'spawn.count': 2,
    'spawn.reason': 'help',
    'spawn.context': 'all',
  });
  expect(root!.extra['spawn.children']).toEqual(['c1', 'c2']);
  expect(send!.extra).toMatchObject({ 'message.direction': 'internal', 'message.recipient': 'child', 'message.session': 'c1' });
  expect(send!.output[0]!.text).toBe('go');
});

describe('the session key', () => {
  it.each<[string, string | undefined, string | undefined, string | undefined]>([
    ['agent:desk:main', 'desk', undefined, undefined],
    ['agent:desk:whatsapp:direct:4711', 'desk', 'whatsapp', 'dm'],
    ['agent:desk:slack:channel:c', 'desk', 'slack', 'channel'],
    ['agent:desk:subagent:0199', 'desk', undefined, undefined],
    ['cron:daily', 'agent', 'cron', undefined],
    ['hook:1', 'agent', 'hook', undefined],
    ['nonsense', 'agent', undefined, undefined],
  ])('%s', (key, agent, channel, inbox) => {
    const [root] = stepsOf(openclaw({ session_id: 's', sessionKey: key, events: [] }));
    expect([root!.agent, root!.extra['channel'], root!.extra['channel.inbox']]).toEqual([agent, channel, inbox]);
  });
});

describe('a transcript', () => {
  const entry = (id: string, parentId: string | null, more: object, type = 'message') => ({
    type,
    id,
    parentId,
    timestamp: at(1),
    ...more,
  });
  const said = (role: string, content: unknown, more: object = {}) => ({ message: { role, content, ...more } });
  const lines = [
    { type: 'session', version: 3, id: 's-9', timestamp: at(0), cwd: '/' },
    entry('a', null, { customType: 'model-snapshot', data: { provider: 'p', modelId: 'big' } }, 'custom'),
    entry('b', 'a', said('user', 'list the files')),
    entry('x', 'b', said('assistant', [{ type: 'text', text: 'given up' }])),
    entry('c', 'b', { customType: 'model-snapshot', data: { provider: 'p', modelId: 'small' } }, 'custom'),
    entry(
      'd',
      'c',
      said(
        'assistant',
        [
          { type: 'thinking', thinking: 'a shell' },
          { type: 'toolCall', id: 't1', name: 'exec', arguments: { command: 'ls /nowhere' } },
        ],
        { model: 'small', usage: { input: 10, output: 2, cacheRead: 5, cost: { total: 0.5 } }, stopReason: 'toolUse' },
      ),
    ),
    entry(
      'e',
      'd',
      said('toolResult', [{ type: 'text', text: 'no such directory' }], {
        toolCallId: 't1',
        toolName: 'exec',
        isError: true,
        details: { exitCode: 2 },
      }),
    ),
    entry('f', 'e', said('assistant', [], { stopReason: 'error', errorMessage: '529 overloaded' })),
  ];

  it('is the path to its last entry: failover, turns, calls with their results, errors', () => {
    for (const payload of [lines, { session_id: 's-9', channel: 'slack', events: lines }]) {
      const steps = stepsOf(openclaw(payload));
      expect(steps.map(({ kind, outcome, name }) => [kind, outcome, name]).slice(1)).toEqual([
        ['task', 'ok', 'message.received'],
        ['task', 'ok', 'model.failover'],
        ['llm', 'ok', 'agent.turn'],
        ['tool', 'handled_error', 'tool.call'],
        ['llm', 'error', 'agent.turn'],
      ]);
      expect(steps[0]!.sessionId).toBe('s-9');
      expect(steps[0]!.extra['run.total']).toMatchObject({ entries: 7, abandoned: 1 });
      expect(steps[2]!.extra['model.fallback']).toEqual({ original: 'big', used: 'small' });
      expect(steps[3]).toMatchObject({ responseModel: 'small', tokens: { input: 15, output: 2, cacheRead: 5 }, cost: 0.5 });
      expect(steps[3]!.input[0]!.text).toBe('list the files');
      expect(steps[4]!.tool).toMatchObject({
        name: 'exec',
        callId: 't1',
        arguments: '{"command":"ls /nowhere"}',
        result: 'no such directory',
      });
      expect(steps[5]!.error?.message).toBe('529 overloaded');
    }
  });

  it('a parent that leads back ends', () => {
    const steps = stepsOf(openclaw([lines[0], entry('a', 'b', said('user', 'x')), entry('b', 'a', said('user', 'y'))]));
    expect(steps.length).toBe(3);
  });
});

describe('diagnostic events', () => {
  const trace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
  const event = (seq: number, type: string, more: object = {}) => ({
    type,
    ts: 1_735_689_600_000 + seq,
    seq,
    sessionKey: 'agent:desk:slack:direct:u',
    ...more,
  });

  it('join the trace that they name, under their own span ids, without a root', () => {
    const [usage, ...rest] = stepsOf(
      openclaw(
        event(1, 'model.usage', {
          trace,
          model: 'm',
          provider: 'p',
          durationMs: 850,
          costUsd: 0.5,
          usage: { input: 1, output: 2 },
        }),
      ),
    );
    expect(rest).toEqual([]);
    expect(usage).toMatchObject({ traceId: trace.traceId, spanId: trace.spanId, kind: 'llm', agent: 'desk', cost: 0.5 });
    expect(usage!.endMs - usage!.startMs).toBe(850);
    expect(usage!.extra['channel.origin']).toBe('slack');
  });

  it('without a trace they are their session’s, in the order of their numbers', () => {
    const steps = stepsOf(
      openclaw([
        event(3, 'tool.execution.blocked', { toolName: 'exec', toolCallId: '2', deniedReason: 'policy' }),
        event(2, 'tool.execution.error', { toolName: 'read', toolCallId: '1', errorCategory: 'timeout', durationMs: 1 }),
        event(4, 'tool.loop', { toolName: 'read', detector: 'generic_repeat', count: 10 }),
      ]),
    );
    expect(steps.slice(1).map(({ kind, outcome, tool }) => [kind, outcome, tool?.name])).toEqual([
      ['tool', 'timeout', 'read'],
      ['tool', 'blocked', 'exec'],
      ['task', 'ok', undefined],
    ]);
    expect(steps[2]!.extra['tools.denied']).toBe('policy');
    expect(steps[3]!.extra['event.data']).toMatchObject({ detector: 'generic_repeat', count: 10 });
  });
});

describe.runIf(samplesExpected)('the documented event', () => {
  it('model.usage', () => {
    const [usage, ...rest] = stepsOf(openclaw(JSON.parse(sampleText('openclaw', 'diagnostic_model_usage_event.json'))));
    expect(rest).toEqual([]);
    expect(usage).toMatchObject({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      sessionId: 'session-123',
      tokens: { input: 160, output: 40, cacheRead: 30, cacheWrite: 10 },
      limits: { context_window: 128_000 },
    });
  });
});

it.each<[object, readonly RegExp[]]>([
  [{ events: [] }, [/no events/, /session key/]],
  [{ channel: 'slack', events: [{ type: 'agent.turn' }] }, [/no content/]],
  [{ channel: 'slack', events: [{ type: 'tool.call', tool_input: {} }] }, []],
])('hints of %j', (more, want) => {
  const said = hints({ session_id: 's', ...more });
  expect(said.length).toBe(want.length);
  want.forEach((pattern, i) => {
    expect(said[i]).toMatch(pattern);
  });
});

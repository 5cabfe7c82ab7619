import { describe, expect, it } from 'vitest';
import { stepsOf } from '../testing.ts';
import { openclaw } from './openclaw.ts';

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

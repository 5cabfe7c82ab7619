// What holds for all adapters: same body same ids, wrong types and hostile bodies give an error or spans, nothing else.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claudeCode } from './claude-code/claude-code.ts';
import { conversation } from './conversation/conversation.ts';
import { dify } from './dify/dify.ts';
import { langgraph } from './langgraph/langgraph.ts';
import { managedAgents } from './managed-agents/managed-agents.ts';
import { n8n } from './n8n/n8n.ts';
import { openclaw } from './openclaw/openclaw.ts';
import { PayloadError } from './payload.ts';
import { maxSpans } from './run.ts';
import { lookAtAll, stepsOf } from './testing.ts';

const id = '0123456789abcdef0123456789abcdef';
const deep = (levels: number): unknown => JSON.parse(`${'{"a":['.repeat(levels / 2)}1${']}'.repeat(levels / 2)}`) as unknown;

/** JSON, and objects whose conversion to text or number fails. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  { maxDepth: 2 },
  fc.jsonValue(),
  fc.constantFrom({ toString: 1 }, { valueOf: 1, toString: [] }, [{ toString: 1 }], -1e308, 1e308, -0.0005, '', '1e999'),
);

/** Members that the adapters read. */
const names = [
  ...[
    'id',
    'status',
    'error',
    'data',
    'nodes',
    'workflow',
    'steps',
    'events',
    'edges',
    'checkpoints',
    'state_snapshots',
    'state_schema',
  ],
  ...[
    'started_at',
    'finished_at',
    'created_at',
    'elapsed_time',
    'timestamp',
    'startTime',
    'executionTime',
    'executionIndex',
    'source',
  ],
  ...[
    'node_id',
    'node_type',
    'type',
    'title',
    'name',
    'parent_node_id',
    'iteration_index',
    'predecessor_node_id',
    'process_data',
    'metadata',
  ],
  ...[
    'inputs',
    'outputs',
    'items',
    'categories',
    'category',
    'prompt',
    'prompts',
    'model',
    'model_config',
    'documents',
    'query',
    'usage',
  ],
  ...[
    'superstep',
    'parallel_group',
    'tool_call',
    'tool_calls',
    'args',
    'messages',
    'content',
    'role',
    'config',
    'kwargs',
    'configurable',
  ],
  ...[
    'tool_name',
    'tool_input',
    'tool_result',
    'agents_mapping',
    'spawned_sessions',
    'sandbox',
    'elevated_mode',
    'channel',
    'call_id',
  ],
  ...[
    'settings',
    'connections',
    'pinData',
    'parameters',
    'options',
    'credentials',
    'resultData',
    'runData',
    'main',
    'json',
    'binary',
  ],
  ...[
    'hints',
    'inputOverride',
    'previousNode',
    'tokenUsage',
    'executionStatus',
    'active',
    'executionTimeout',
    'app_type',
    'app_name',
  ],
  ...[
    'message',
    'traces',
    'hook_event_name',
    'uuid',
    'parentUuid',
    'parent_tool_use_id',
    'tool_use_id',
    'request',
    'response',
    'subtype',
  ],
  ...[
    'isSidechain',
    'toolUseResult',
    'requestId',
    'permission_denials',
    'agentId',
    'agent_id',
    'loglines',
    'sessionId',
    'stop_reason',
  ],
];

interface Case {
  readonly convert: (payload: unknown) => readonly unknown[];
  readonly name: string;
  readonly idKey: string;
  /** A body with these steps. */
  readonly body: (steps: unknown) => Record<string, unknown>;
  readonly step: (n: number, content: unknown) => unknown;
}

const cases: readonly Case[] = [
  {
    name: 'dify',
    convert: dify,
    idKey: 'workflow_run_id',
    body: (nodes) => ({ workflow_run_id: id, app_name: 'a', started_at: '2025-01-01T00:00:00Z', nodes }),
    step: (n, content) => ({ node_id: `n${n}`, node_type: 'code', title: `N${n}`, inputs: content, outputs: {} }),
  },
  {
    name: 'langgraph',
    convert: langgraph,
    idKey: 'run_id',
    body: (steps) => ({ run_id: id, thread_id: 't', steps }),
    step: (n, content) => ({
      node_id: `n${n}`,
      node_type: 'llm',
      superstep: n,
      inputs: content,
      outputs: { messages: [content] },
    }),
  },
  {
    name: 'openclaw',
    convert: openclaw,
    idKey: 'session_id',
    body: (events) => ({ session_id: id, agent_name: 'a', channel: 'slack', events }),
    step: (_, content) => ({ type: 'tool.call', timestamp: '2025-01-01T00:00:00Z', tool_name: 't', tool_input: content }),
  },
  {
    name: 'n8n',
    convert: n8n,
    idKey: 'executionId',
    body: (runs) => ({
      executionId: id,
      status: 'success',
      data: { resultData: { runData: Array.isArray(runs) ? Object.fromEntries(runs.map((one, i) => [`n${i}`, [one]])) : runs } },
    }),
    step: (n, content) => ({
      startTime: 1_735_689_600_000 + n,
      executionTime: 5,
      executionIndex: n,
      data: { main: [[{ json: content }]] },
    }),
  },
  {
    name: 'claude-code',
    convert: claudeCode,
    idKey: 'session_id',
    body: (messages) => ({
      session_id: id,
      messages: Array.isArray(messages) ? [{ type: 'system', subtype: 'init' }, ...messages] : messages,
    }),
    step: (n, content) => ({
      hook_event_name: 'PostToolUse',
      timestamp: new Date(1_735_689_600_000 + n * 1000).toISOString(),
      tool_use_id: `t${n}`,
      tool_name: 'Bash',
      tool_input: content,
    }),
  },
  {
    name: 'managed-agents',
    convert: managedAgents,
    idKey: 'session_id',
    body: (events) => ({ session_id: id, events }),
    step: (n, content) => ({
      type: 'user.define_outcome',
      id: `sevt_${n}`,
      processed_at: new Date(1_735_689_600_000 + n * 1000).toISOString(),
      rubric: content,
    }),
  },
  {
    name: 'conversation',
    convert: conversation,
    idKey: 'conversation_id',
    body: (messages) => ({ conversation_id: id, messages }),
    step: (n, content) => ({
      role: 'assistant',
      content: typeof content === 'string' ? content : [content],
      tool_calls: [{ id: `c${n}`, type: 'function', function: { name: 't', arguments: content } }],
    }),
  },
];

describe.each(cases)('$name', ({ convert, idKey, body, step }) => {
  const two = body([step(0, { a: 1 }), step(1, { b: 2 })]);

  it('keeps the run id as trace id, session aside, and gives the same ids for the same body', () => {
    const first = stepsOf(convert(structuredClone(two)));
    const again = stepsOf(convert(structuredClone(two)));
    expect(first.map((one) => one.spanId)).toEqual(again.map((one) => one.spanId));
    expect(new Set(first.map((one) => one.spanId)).size).toBe(3);
    expect(first.map((one) => one.traceId)).toEqual([id, id, id]);
    expect(first.map((one) => one.parentId)).toEqual(['', first[0]!.spanId, first[0]!.spanId]);
    expect(first.every((one) => one.extra['run.id'] === id && one.sessionId !== undefined)).toBe(true);
    const other = stepsOf(convert({ ...two, [idKey]: 'run-7' }));
    expect(other[0]!.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(other[0]!.traceId).not.toBe(id);
  });

  it('orders the steps as the body does, whatever the clock says', () => {
    const steps = stepsOf(convert(body(Array.from({ length: 50 }, (_, n) => step(n, n)))));
    const ends = steps.slice(1).map((one) => one.endMs);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    expect(new Set(steps.map((one) => one.endMs)).size).toBe(51);
    expect(steps[0]!.endMs).toBe(Math.max(...steps.map((one) => one.endMs)));
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['text', 'x'],
    ['nothing', undefined],
    ['an empty object', {}],
    ['an object as id', { [idKey]: {} }],
  ])('refuses %s and says why', (_, payload) => {
    expect(() => convert(payload)).toThrow(PayloadError);
    expect(() => convert(payload)).toThrow(/: .+ is .+, expected .+\.$/);
  });

  it('survives 10,000 levels, prototype keys and wrong types of steps', () => {
    const steps = [
      step(0, deep(10_000)),
      step(1, JSON.parse('{"__proto__":{"polluted":1},"constructor":1}')),
      null,
      7,
      'x',
      [[]],
      {},
      ...Array.from({ length: 8 }, (_, n) => step(n + 2, 'said')),
    ];
    const found = stepsOf(convert(body(steps)));
    for (const one of found) lookAtAll(one);
    expect(JSON.stringify(found.map((one) => one.extra))).not.toContain('polluted');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(found.some((one) => one.extra['truncated'] !== undefined)).toBe(true);
  });

  it('leaves out what configurations, headers and the body’s own members hold of secrets', () => {
    const secrets = Object.fromEntries(
      [
        'authorization',
        'Authorization',
        'cookie',
        'x-api-key',
        'api_key',
        'apiKey',
        'access_token',
        'password',
        'client_secret',
        'private_key',
      ].map((name, i) => [name, `leak-${i}`]),
    );
    const config = { ...secrets, configurable: { thread_id: 't', ...secrets }, headers: secrets, credentials: secrets };
    const carry = { ...config, config, metadata: config, headers: secrets, kwargs: { config } };
    // What a step was given is content; only n8n's webhooks put the headers of their callers there.
    const one = {
      ...(step(0, idKey === 'executionId' ? { headers: secrets } : { a: 1 }) as object),
      metadata: config,
      credentials: secrets,
      ...secrets,
    };
    const definition = {
      nodes: [
        {
          name: 'a',
          type: 't',
          parameters: { ...config, headerParameters: { parameters: [{ name: 'Authorization', value: 'leak-pair' }] } },
          credentials: { api: { id: 'leak-id' } },
        },
      ],
      connections: {},
      settings: config,
    };
    const found = JSON.stringify(
      convert({ ...body([one]), ...carry, ...(idKey === 'executionId' ? { workflow: definition } : {}) }),
    );
    expect(found).not.toContain('leak-');
  });

  it('bounds the number of spans and says so', () => {
    const steps = stepsOf(convert(body(Array.from({ length: maxSpans + 10 }, (_, n) => step(n, n)))));
    expect(steps.length).toBe(maxSpans + 1);
    expect(steps[0]!.extra['truncated']).toEqual([`10 of ${maxSpans + 10} steps`]);
  });

  it('bounds the size of a value and of a run', () => {
    const steps = stepsOf(convert(body(Array.from({ length: 400 }, (_, n) => step(n, 'x'.repeat(1_000_000))))));
    expect(Math.max(...steps.map((one) => one.bytes))).toBeLessThan(1_000_000);
  });

  it('takes any JSON in any place', () => {
    const odd = fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 8 });
    fc.assert(
      fc.property(odd, odd, odd, (ofBody, ofStep, inner) => {
        const good = step(0, { a: 1 }) as Record<string, unknown>;
        const steps = [{ ...good, ...ofStep }, { ...good, metadata: inner, inputs: inner, outputs: inner, data: inner }, good];
        let documents: readonly unknown[];
        try {
          documents = convert({ ...body(steps), ...ofBody });
        } catch (error) {
          expect(error).toBeInstanceOf(PayloadError);
          return;
        }
        for (const one of stepsOf(documents)) lookAtAll(one);
      }),
      { seed: 7, numRuns: 1000 },
    );
  });
});

/** The conversation adapter's other shapes, each around one text or value of anybody's. */
const shapes: readonly (readonly [name: string, body: (given: unknown) => object])[] = [
  [
    'messages',
    (given) => ({
      messages: [
        { role: 'user', content: given },
        { role: 'assistant', content: 'yes' },
      ],
    }),
  ],
  [
    'Claude',
    (given) => ({
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'n', input: given }] },
      ],
    }),
  ],
  [
    'Responses items',
    (given) => ({
      object: 'response',
      output: [
        { type: 'function_call', call_id: 'c', name: 'n', arguments: given },
        { type: 'message', role: 'assistant', content: 'x' },
      ],
    }),
  ],
  [
    'claude.ai export',
    (given) => ({
      uuid: 'u',
      chat_messages: [
        { sender: 'human', text: given },
        { sender: 'assistant', text: 'yes' },
      ],
    }),
  ],
  [
    'ShareGPT',
    (given) => ({
      conversations: [
        { from: 'human', value: typeof given === 'string' ? given : 'x', more: given },
        { from: 'gpt', value: 'yes' },
      ],
    }),
  ],
  [
    'MAST',
    (given) => ({
      mas_name: 'AG2',
      trace: { trajectory: typeof given === 'string' ? [`A (to B):`, given, 'B (to A):', 'yes'] : [given, { a: 1 }] },
    }),
  ],
  [
    'turns',
    (given) => ({
      turns: [
        { speaker: 'a', content: given },
        { speaker: 'b', content: 'yes' },
      ],
    }),
  ],
];

describe.each(shapes)('a conversation as %s', (_, body) => {
  const read = (payload: object): ReturnType<typeof stepsOf> => {
    try {
      const steps = stepsOf(conversation(payload));
      for (const one of steps) lookAtAll(one);
      return steps;
    } catch (error) {
      expect(error).toBeInstanceOf(PayloadError);
      return [];
    }
  };

  it('of 64 MiB: what is made of it is bounded', () => {
    const steps = read(body('word '.repeat((64 * 1024 * 1024) / 5)));
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(1024 * 1024);
  });

  it('10,000 levels, prototype keys and wrong types', () => {
    for (const given of [
      deep(10_000),
      JSON.parse('{"__proto__":{"polluted":1},"constructor":1}'),
      null,
      7,
      [],
      [[]],
      { toString: 1 },
    ])
      expect(JSON.stringify(read(body(given)).map(({ extra }) => extra))).not.toContain('polluted');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('secrets beside what was said are not taken along', () => {
    const secrets = {
      authorization: 'leak-1',
      api_key: 'leak-2',
      cookie: 'leak-3',
      headers: { 'x-api-key': 'leak-4' },
      account: { access_token: 'leak-5' },
    };
    const whole = body('said') as Record<string, unknown>;
    const inside = Object.fromEntries(
      Object.entries(whole).map(([key, value]) => [
        key,
        Array.isArray(value) ? value.map((one) => ({ ...(one as object), ...secrets, metadata: secrets })) : value,
      ]),
    );
    const documents = conversation({ ...inside, ...secrets, metadata: secrets, config: secrets });
    expect(JSON.stringify(documents)).not.toContain('leak-');
    expect(JSON.stringify(documents)).toContain('said');
  });
});

import { describe, expect, it } from 'vitest';
import { stepsOf } from '../testing.ts';
import { langgraph } from './langgraph.ts';

const run = (more: object) =>
  stepsOf(langgraph({ run_id: '0199-not-hex', thread_id: 't-1', graph_id: 'g', status: 'completed', ...more }));
const step = (more: object) =>
  run({
    steps: [{ node_id: 'n1', node_type: 'router', superstep: 0, status: 'succeeded', inputs: {}, outputs: {}, ...more }],
  })[1]!;

describe('the run', () => {
  it('has the graph, the limits and every state', () => {
    const [root] = run({
      recursion_limit: 25,
      total_supersteps: 2,
      edges: [
        { source: 'a', target: 'b', edge_type: 'conditional', condition: 'x', condition_result: 'b' },
        { source: 'b', target: '__end__', edge_type: 'fixed', condition: null },
      ],
      steps: [{ node_id: 'a', node_type: 'router', title: 'A' }],
      state_schema: { messages: 'Annotated[list, operator.add]', n: 'int' },
      state_snapshots: [
        { superstep: 0, state: { n: 1 } },
        { superstep: 1, state: { n: null } },
      ],
      checkpoints: [
        { checkpoint_id: 'c', superstep: 0, state: { n: 1 }, timestamp: '2025-01-01T00:00:00Z', checkpoint_ns: 'main' },
      ],
    });
    expect(root).toMatchObject({ kind: 'workflow', sessionId: 't-1', limits: { recursion_limit: 25 }, stateAfter: { n: null } });
    expect(root!.has('graph') && root!.has('state') && root!.has('limits')).toBe(true);
    expect(root!.extra).toMatchObject({
      'graph.nodes': [{ name: 'a', title: 'A', type: 'router' }, { name: 'b' }, { name: '__end__' }],
      'graph.edges': [
        { source: 'a', target: 'b', type: 'conditional', condition: 'x', result: 'b' },
        { source: 'b', target: '__end__', type: 'fixed' },
      ],
      'graph.entry': ['a'],
      'state.history': [
        { superstep: 0, state: { n: 1 } },
        { superstep: 1, state: { n: null } },
      ],
      'state.reducers': { messages: 'operator.add' },
      checkpoints: [{ id: 'c', superstep: 0, namespace: 'main', state: { n: 1 } }],
      'run.total': { supersteps: 2 },
    });
  });

  it('takes a UUID as the trace id and drops the headers of the request', () => {
    const documents = langgraph({
      run_id: '01994ed8-29c4-7108-93d4-d649c7a9e370',
      steps: [],
      config: { recursion_limit: 9, configurable: { thread_id: 't', authorization: 'Bearer secret', 'x-user-id': 'u' } },
    });
    expect(stepsOf(documents)[0]!.traceId).toBe('01994ed829c4710893d4d649c7a9e370');
    expect(JSON.stringify(documents)).not.toMatch(/secret|x-user-id/);
    expect(stepsOf(documents)[0]!.limits).toEqual({ recursion_limit: 9 });
  });

  it.each([
    ['recursion_limit', 'error', 'GRAPH_RECURSION_LIMIT'],
    ['timeout', 'timeout', 'timeout'],
    ['failed', 'error', undefined],
    ['interrupted', 'ok', undefined],
  ])('%s ends %s', (status, outcome, type) => {
    const [root] = run({ status });
    expect([root!.outcome, root!.error?.type]).toEqual([outcome, type]);
  });
});

describe('steps', () => {
  it('have the state before and after, what they write, their place and where they go', () => {
    const steps = run({
      steps: [
        {
          node_id: 'a',
          superstep: 0,
          outputs: { next: 'b' },
          metadata: { timeout: 5, retry_count: 2 },
          started_at: '2025-01-01T00:00:00Z',
          finished_at: '2025-01-01T00:00:02Z',
        },
        {
          node_id: 'b',
          superstep: 1,
          outputs: { n: 2 },
          parallel_group: 'g',
          parallel_branch: 'left',
          metadata: { checkpoint_ns: 'sub' },
        },
      ],
      state_snapshots: [
        { superstep: 0, state: { n: 1 } },
        { superstep: 1, state: { n: 2 } },
      ],
    });
    expect(steps[1]).toMatchObject({ kind: 'task', stateBefore: undefined, stateAfter: { n: 1 }, limits: { timeout_ms: 5000 } });
    expect(steps[1]!.endMs - steps[1]!.startMs).toBe(2000);
    expect(steps[1]!.extra).toMatchObject({ 'route.decision': 'b', 'route.field': 'next', 'retry.count': 2, superstep: 0 });
    expect(steps[2]).toMatchObject({ stateBefore: { n: 1 }, stateAfter: { n: 2 } });
    expect(steps[2]!.extra).toMatchObject({
      'state.delta': { n: 2 },
      'parallel.group': 'g',
      'parallel.branch': 'left',
      'node.namespace': 'sub',
    });
  });

  it('llm: messages as they are, tool calls, model', () => {
    const found = step({
      node_type: 'llm',
      metadata: { model: 'm' },
      inputs: { messages: [{ role: 'user', content: 'u' }, 'plain'] },
      outputs: { messages: [{ role: 'assistant', content: 'a' }], tool_calls: [{ name: 'f', args: { x: 1 } }] },
    });
    expect(found).toMatchObject({ kind: 'llm', requestModel: 'm' });
    expect(found.input.map((one) => [one.role, one.text])).toEqual([
      ['user', 'u'],
      ['user', 'plain'],
    ]);
    expect(found.output.flatMap((one) => one.toolCalls)).toMatchObject([{ name: 'f', arguments: '{"x":1}' }]);
  });

  it.each<[string, object, object]>([
    [
      'name of the metadata',
      { metadata: { tool_name: 'calc' }, inputs: { x: 1 }, outputs: { result: 2 } },
      { name: 'calc', arguments: '{"x":1}', result: '{"result":2}' },
    ],
    [
      'one call',
      { tool_call: { name: 'calc', args: { x: 1 } }, outputs: { result: 2 } },
      { name: 'calc', arguments: '{"x":1}', result: '{"result":2}' },
    ],
    [
      'a list of calls',
      { tool_calls: [{ tool_name: 'calc', args: { x: 1 }, result: 'two' }] },
      { name: 'calc', arguments: '{"x":1}', result: 'two' },
    ],
  ])('tool: %s', (_, more, want) => {
    expect(step({ node_type: 'tool', ...more }).tool).toMatchObject(want);
  });

  it('tool: further calls are spans below, and a call says more than its node', () => {
    const [, node, below] = run({
      steps: [
        {
          node_id: 'n',
          node_type: 'tool',
          status: 'failed',
          error: { type: 'E', message: 'outer' },
          tool_calls: [
            { name: 'a', args: {}, error: 'inner' },
            { name: 'b', args: { y: 1 }, error: 'late' },
          ],
        },
      ],
    });
    expect(node!.error).toEqual({ type: 'E', message: 'inner (outer)' });
    expect([below!.parentId, below!.tool?.name, below!.error?.message]).toEqual([node!.spanId, 'b', 'late']);
  });

  it.each([
    [{ status: 'failed', error: 'x' }, 'error'],
    [{ status: 'skipped' }, 'ok'],
    [{ status: 'interrupted' }, 'ok'],
    [{ status: 'failed', error: { type: 'TimeoutError', message: 'late' } }, 'timeout'],
  ])('%o', (more, outcome) => {
    expect(step(more).outcome).toBe(outcome);
  });
});

it('debug events are steps and checkpoints', () => {
  const event = (type: string, at: number, payload: object) => ({
    event: 'debug|sub:1',
    data: { type, step: at, timestamp: `2025-01-01T00:00:0${at + 1}Z`, payload },
  });
  const [root, found] = stepsOf(
    langgraph({
      run_id: 'r',
      steps: [
        event('checkpoint', -1, {
          config: { configurable: { checkpoint_id: 'c', authorization: 'secret' } },
          values: { n: 0 },
          next: ['a'],
          metadata: { source: 'input' },
        }),
        event('task', 0, { id: 'x', name: 'a', input: { n: 0 }, triggers: ['branch:to:a'] }),
        event('task_result', 0, {
          id: 'x',
          name: 'a',
          error: null,
          result: [
            ['n', 1],
            ['n', 2],
            ['m', 3],
          ],
        }),
        event('checkpoint', 0, { config: {}, values: { n: 2 }, next: [] }),
      ],
    }),
  );
  expect(root!.extra['checkpoints']).toMatchObject([
    { id: 'c', superstep: -1, next: ['a'], source: 'input', state: { n: 0 } },
    { superstep: 0, next: [] },
  ]);
  expect(found).toMatchObject({ name: 'a', stateBefore: { n: 0 }, stateAfter: { n: 2 } });
  expect(found!.extra).toMatchObject({
    'node.namespace': 'sub:1',
    triggers: ['branch:to:a'],
    'state.delta': { n: { $writes: [1, 2] }, m: 3 },
    'node.status': 'succeeded',
  });
});

describe('the recursion limit', () => {
  it.each<[string, object, number | undefined]>([
    ['as stated', { recursion_limit: 7, config: { recursion_limit: 8 } }, 7],
    ['of the config', { kwargs: { config: { recursion_limit: 8 } }, metadata: { langgraph_version: '1.0.2' } }, 8],
    ['of the error', { error: { message: 'Recursion limit of 12 reached without hitting a stop condition.' } }, 12],
    ['Python from 1.0 on', { metadata: { langgraph_version: '1.0.2' } }, 10_007],
    ['older Python', { metadata: { langgraph_version: '0.6.1' } }, 25],
    ['JavaScript', { metadata: { langgraph_version: '1.0.0' }, language: 'js' }, 25],
    ['nothing known', {}, undefined],
  ])('%s', (_, more, limit) => {
    expect(run(more)[0]!.limits['recursion_limit']).toBe(limit);
  });
});

describe('streams and histories', () => {
  const config = { configurable: { thread_id: 't', checkpoint_id: 'c', authorization: 'Bearer secret' } };
  const task = { id: 'x', name: 'model', input: { messages: [{ type: 'human', content: 'hi' }] }, triggers: ['start'] };
  const call = { id: 'call', name: 'clock', args: { zone: 'utc' } };
  const asks = { type: 'ai', content: '', tool_calls: [call], usage_metadata: { input_tokens: 3, output_tokens: 4 } };
  const answers = { type: 'tool', content: 'no such zone', tool_call_id: 'call', name: 'clock', status: 'error' };

  it.each<[string, (step: number, type: string, payload: object) => unknown]>([
    ['records', (step, type, payload) => ({ step, type, timestamp: '2025-01-01T00:00:00Z', payload })],
    ['events', (step, type, payload) => ({ event: 'debug', data: { step, type, timestamp: '2025-01-01T00:00:00Z', payload } })],
    ['parts', (step, type, payload) => ({ type: 'debug', ns: [], data: { step, type, payload } })],
    ['tuples', (step, type, payload) => [[], 'debug', { step, type, payload }]],
    ['tuples of one mode', (step, type, payload) => [[], { step, type, payload }]],
    [
      'modes tasks and checkpoints',
      (_, type, payload) => (type === 'checkpoint' ? [[], 'checkpoints', payload] : [[], 'tasks', payload]),
    ],
  ])('%s: a model that asks, a tool that fails and says so', (_, wrap) => {
    const documents = langgraph([
      wrap(0, 'checkpoint', { config, values: { messages: [] }, next: ['model'], metadata: { step: 0 } }),
      wrap(1, 'task', task),
      wrap(1, 'task_result', { id: 'x', name: 'model', error: null, result: [['messages', [asks]]], interrupts: [] }),
      wrap(2, 'task', { id: 'y', name: 'tools', input: { messages: [asks] }, triggers: [] }),
      wrap(2, 'task_result', { id: 'y', name: 'tools', error: null, result: [['messages', [answers]]], interrupts: [] }),
    ]);
    const [root, model, tool] = stepsOf(documents);
    expect(root!.sessionId).toBe('t');
    expect(model).toMatchObject({ kind: 'llm', tokens: { input: 3, output: 4 } });
    expect(model!.output.flatMap(({ toolCalls }) => toolCalls)).toMatchObject([{ id: 'call', name: 'clock' }]);
    expect(tool).toMatchObject({
      kind: 'tool',
      outcome: 'handled_error',
      tool: { name: 'clock', callId: 'call', arguments: '{"zone":"utc"}', result: 'no such zone' },
    });
    expect(JSON.stringify(documents)).not.toContain('secret');
  });

  it('a history is read from its oldest snapshot on', () => {
    const snapshot = (step: number, next: readonly string[], values: object, tasks: readonly object[]) => ({
      values,
      next,
      config: { configurable: { thread_id: 't', checkpoint_ns: '', checkpoint_id: `c${step}` } },
      metadata: { source: step < 0 ? 'input' : 'loop', step, run_id: 'r' },
      created_at: `2025-01-01T00:00:0${step + 1}Z`,
      tasks,
    });
    const history = [
      snapshot(1, [], { n: 1 }, []),
      snapshot(0, ['a'], { n: 0 }, [{ id: 'x', name: 'a', error: null, interrupts: [], result: { n: 1 } }]),
      snapshot(-1, ['__start__'], {}, [{ id: 's', name: '__start__', error: null, interrupts: [] }]),
    ];
    for (const payload of [history, { run_id: 'r', thread_id: 't', steps: history }]) {
      const [root, step, ...rest] = stepsOf(langgraph(payload));
      expect(rest).toEqual([]);
      expect(root!.extra['state.history']).toMatchObject([
        { superstep: -1 },
        { superstep: 0 },
        { superstep: 1, state: { n: 1 } },
      ]);
      expect(step).toMatchObject({ name: 'a', stateBefore: { n: 0 }, stateAfter: { n: 1 }, endMs: step!.startMs + 1000 });
      expect(step!.extra).toMatchObject({ superstep: 1, 'node.outputs': { n: 1 } });
    }
  });

  it('the platform’s webhook: what was said in this run are its steps', () => {
    const [root, model, tool, answer] = stepsOf(
      langgraph({
        run_id: 'r',
        thread_id: 't',
        status: 'success',
        webhook_sent_at: '2025-01-01T00:00:00Z',
        kwargs: { config: { configurable: { thread_id: 't', authorization: 'Bearer secret' } } },
        values: {
          messages: [
            { type: 'human', content: 'before' },
            { type: 'ai', content: 'of another run' },
            { type: 'human', content: 'what time is it' },
            asks,
            { ...answers, status: 'success', content: '12:00' },
            { type: 'ai', content: 'noon' },
          ],
        },
      }),
    );
    expect([root, model, tool, answer].map((step) => step!.kind)).toEqual(['workflow', 'llm', 'tool', 'llm']);
    expect(model!.input.map(({ text }) => text)).toEqual(['what time is it']);
    expect(tool!.tool).toMatchObject({ name: 'clock', arguments: '{"zone":"utc"}', result: '12:00' });
    expect(answer!.output[0]!.text).toBe('noon');
  });

  it('messages as LangChain writes their constructor (JavaScript)', () => {
    const made = (name: string, kwargs: object) => ({
      lc: 1,
      type: 'constructor',
      id: ['langchain_core', 'messages', name],
      kwargs,
    });
    const asked = made('HumanMessage', { content: 'Where?' });
    const calls = [{ id: 'c1', name: 'find', args: { what: 'it' } }];
    const spoken = made('AIMessageChunk', { content: 'I look.', tool_calls: calls, usage_metadata: { input_tokens: 7 } });
    const found = made('ToolMessage', { content: 'nowhere', tool_call_id: 'c1', name: 'find', status: 'error' });
    const [, model, tools] = run({
      steps: [
        { id: 'a', node_id: 'model', inputs: { messages: [asked] }, outputs: { messages: [spoken] } },
        { id: 'b', node_id: 'tools', inputs: { messages: [asked, spoken] }, outputs: { messages: [found] } },
      ],
    });
    expect(model).toMatchObject({ kind: 'llm', tokens: { input: 7 } });
    expect(model!.input).toMatchObject([{ role: 'user', text: 'Where?' }]);
    expect(model!.output.flatMap(({ toolCalls }) => toolCalls)).toMatchObject([{ name: 'find' }]);
    expect(tools).toMatchObject({ kind: 'tool', outcome: 'handled_error', tool: { name: 'find', result: 'nowhere' } });
    // What only looks like one is left as it is.
    for (const odd of [
      { lc: 1 },
      { lc: 1, kwargs: null },
      { lc: 1, id: ['__proto__'], kwargs: {} },
      { lc: 1, id: {}, kwargs: {} },
    ])
      expect(run({ steps: [{ node_id: 'n', inputs: { messages: [odd] }, outputs: { messages: [odd] } }] })).toHaveLength(2);
  });

  it('Deep Agents: a task starts a sub-agent, and its steps are that agent’s', () => {
    const started = { id: 'c', name: 'task', args: { description: 'look it up', subagent_type: 'researcher' } };
    const steps = stepsOf(
      langgraph([
        {
          step: 1,
          type: 'task',
          timestamp: '2025-01-01T00:00:00Z',
          payload: { id: 'y', name: 'tools', input: { tool_call: started }, triggers: [] },
        },
        {
          event: 'debug|tools:y',
          data: { step: 1, type: 'task', timestamp: '2025-01-01T00:00:01Z', payload: { ...task, id: 'z' } },
        },
        {
          step: 1,
          type: 'task_result',
          timestamp: '2025-01-01T00:00:02Z',
          payload: {
            id: 'y',
            name: 'tools',
            error: null,
            result: [['messages', [{ type: 'tool', content: 'found', tool_call_id: 'c' }]]],
          },
        },
      ]),
    );
    expect(steps[1]!.extra).toMatchObject({ 'spawn.agents': ['researcher'], 'spawn.reason': 'look it up' });
    expect(steps[2]).toMatchObject({ parentId: steps[1]!.spanId, agent: 'researcher' });
    expect(steps[2]!.extra['superstep']).toBeUndefined();
  });
});

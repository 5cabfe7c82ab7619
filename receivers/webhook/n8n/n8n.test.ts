import { describe, expect, it } from 'vitest';
import { stepsOf } from '../testing.ts';
import { hints, n8n } from './n8n.ts';

const workflow = {
  id: 'w',
  name: 'Flow',
  active: true,
  settings: { executionTimeout: 60, errorWorkflow: 'e' },
  pinData: { Start: [{ json: {} }], Empty: [] },
  nodes: [
    { id: '1', name: 'Start', type: 'n8n-nodes-base.webhook', typeVersion: 1, position: [0, 0], parameters: { path: 'x' } },
    {
      id: '2',
      name: 'Get',
      type: 'n8n-nodes-base.httpRequest',
      typeVersion: 4.2,
      parameters: { url: '={{ $json.url }}', options: { timeout: 5000 } },
      retryOnFail: true,
      maxTries: 3,
      onError: 'continueErrorOutput',
      credentials: { httpBasicAuth: { id: 'secret-id', name: 'secret-name' } },
    },
    {
      id: '3',
      name: 'Agent',
      type: '@n8n/n8n-nodes-langchain.agent',
      parameters: {},
      settings: { continueOnFail: true },
      disabled: true,
    },
    {
      id: '4',
      name: 'Model',
      type: '@n8n/n8n-nodes-langchain.lmChatOpenAi',
      parameters: { model: { __rl: true, value: 'gpt' } },
    },
    { id: '5', name: 'Note', type: 'n8n-nodes-base.stickyNote', parameters: { content: 'x' } },
  ],
  connections: {
    Start: { main: [[{ node: 'Get', type: 'main', index: 0 }]] },
    Get: { main: [[{ node: 'Agent', type: 'main', index: 0 }], [{ node: 'Gone', type: 'main', index: 1 }]] },
    Model: { ai_languageModel: [[{ node: 'Agent', type: 'ai_languageModel', index: 0 }]] },
  },
};
const body = (more: object = {}) => ({
  executionId: '7',
  workflowId: 'w',
  workflowName: 'Flow',
  mode: 'trigger',
  startedAt: '2025-01-01T00:00:00Z',
  status: 'success',
  data: {},
  workflow,
  ...more,
});
const base = 1_735_689_600_000;
const task = (index: number, more: object = {}) => ({
  startTime: base + index * 1000,
  executionTime: 900,
  executionIndex: index,
  executionStatus: 'success',
  source: [],
  ...more,
});

it('a definition is graph facts of the root', () => {
  const [root, ...rest] = stepsOf(n8n(body()));
  expect(rest).toEqual([]);
  expect(root).toMatchObject({ kind: 'workflow', name: 'Flow', sessionId: '7', limits: { timeout_ms: 60_000 } });
  expect(root!.has('graph') && root!.has('limits')).toBe(true);
  expect(root!.extra).toMatchObject({
    'workflow.active': true,
    'workflow.executed': false,
    'workflow.settings': { executionTimeout: 60, errorWorkflow: 'e' },
    'workflow.pinned': ['Start'],
    'workflow.pinned_items': { Start: [{ json: {} }] },
    'run.mode': 'trigger',
    'graph.entry': ['Start'],
    'graph.counts': { nodes: 5, edges: 4 },
    'graph.edges': [
      { source: 'Start', target: 'Get', type: 'main', branch: 0, index: 0 },
      { source: 'Get', target: 'Agent', type: 'main', branch: 0, index: 0 },
      { source: 'Get', target: 'Gone', type: 'main', branch: 1, index: 1 },
      { source: 'Model', target: 'Agent', type: 'ai_languageModel', branch: 0, index: 0 },
    ],
  });
  const nodes = root!.extra['graph.nodes'] as readonly unknown[];
  expect(nodes[1]).toEqual({
    name: 'Get',
    id: '2',
    type: 'n8n-nodes-base.httpRequest',
    version: 4.2,
    parameters: { url: '={{ $json.url }}', options: { timeout: 5000 } },
    settings: { onError: 'continueErrorOutput', retryOnFail: true, maxTries: 3 },
    credentials: ['httpBasicAuth'],
  });
  expect(nodes[2]).toMatchObject({ disabled: true, settings: { continueOnFail: true } });
  expect(JSON.stringify(n8n(body()))).not.toMatch(/secret-/);
});

it('a workflow alone is the same trace every time, and another one is another', () => {
  const [one] = stepsOf(n8n(workflow));
  expect(stepsOf(n8n(structuredClone(workflow)))[0]!.traceId).toBe(one!.traceId);
  expect(stepsOf(n8n({ ...workflow, name: 'Other' }))[0]!.traceId).not.toBe(one!.traceId);
  expect(one!.extra).toMatchObject({ 'workflow.executed': false, 'time.synthetic': true });
});

it('a workflow that is none says so and has no graph', () => {
  const [root] = stepsOf(n8n(body({ workflow: { '"nodes"': '[' } })));
  expect(root!.has('graph')).toBe(false);
  expect(root!.extra['truncated']).toEqual(['workflow.nodes: no list of nodes']);
});

it('500 nodes of 20 KB parameters survive', () => {
  const nodes = Array.from({ length: 500 }, (_, i) => ({
    name: `n${i}`,
    type: 'n8n-nodes-base.code',
    parameters: { jsCode: 'x'.repeat(20_000) },
  }));
  const [root] = stepsOf(
    n8n(
      body({
        workflow: {
          nodes,
          connections: Object.fromEntries(nodes.map(({ name }, i) => [name, { main: [[{ node: `n${i + 1}` }]] }])),
        },
      }),
    ),
  );
  const found = root!.extra['graph.nodes'] as readonly { readonly name: string; readonly parameters?: unknown }[];
  expect(found.length).toBe(500);
  expect(found[100]!.parameters).toBeDefined();
  expect(root!.extra['graph.edges']).toHaveLength(500);
  expect(root!.extra['truncated']).toEqual([expect.stringMatching(/^workflow\.nodes: parameters of \d+ nodes$/)]);
});

describe('an execution', () => {
  const runData = {
    Start: [task(0, { data: { main: [[{ json: { url: 'u', sessionId: 'chat-1' } }]] } })],
    Get: [
      task(1, {
        source: [{ previousNode: 'Start' }],
        data: {
          main: [
            [{ json: { a: 1 } }],
            [{ json: { error: 'no' }, binary: { f: { data: 'AAAA', fileName: 'f.txt', mimeType: 't' } } }],
          ],
        },
      }),
      task(3, {
        executionStatus: 'error',
        error: { message: 'Request failed', description: 'timeout of 5000ms exceeded', name: 'NodeApiError' },
      }),
    ],
    Agent: [
      task(2, {
        source: [{ previousNode: 'Get', previousNodeOutput: 0 }],
        data: { main: [[{ json: { output: 'done' } }]] },
        metadata: { tokenUsage: { inputTokens: 5, outputTokens: 6 } },
      }),
    ],
  };

  it('is a span a run of a node, in the order of execution', () => {
    const steps = stepsOf(
      n8n(
        body({
          status: 'error',
          data: { resultData: { runData, error: { message: 'Workflow failed' }, lastNodeExecuted: 'Get' } },
        }),
      ),
    );
    expect(steps.map((one) => [one.name, one.kind, one.outcome])).toEqual([
      ['Flow', 'workflow', 'error'],
      ['Start', 'task', 'ok'],
      ['Get', 'tool', 'ok'],
      ['Agent', 'agent', 'ok'],
      ['Get', 'tool', 'timeout'],
    ]);
    expect(steps[0]!.sessionId).toBe('chat-1');
    expect(steps[0]!.error?.message).toBe('Workflow failed');
    expect(steps[2]!.tool).toMatchObject({ name: 'Get', arguments: '{"url":"u","sessionId":"chat-1"}' });
    expect(steps[2]).toMatchObject({ startMs: base + 1000, endMs: base + 1900, limits: { timeout_ms: 5000, max_tries: 3 } });
    expect(steps[2]!.extra).toMatchObject({
      'node.type': 'n8n-nodes-base.httpRequest',
      'node.items.input': 1,
      'node.items.output': 2,
      'node.items.errors': 1,
      'node.source': [{ node: 'Start', branch: 0, run: 0 }],
      'node.outputs': {
        main: [[{ json: { a: 1 } }], [{ json: { error: 'no' }, binary: { f: { fileName: 'f.txt', mimeType: 't' } } }]],
      },
      'node.settings': { retryOnFail: true },
    });
    expect(steps[2]!.extra['node.output_bytes']).toBeGreaterThan(50);
    expect(steps[3]).toMatchObject({ agent: 'Agent', tokens: { input: 5, output: 6 } });
    expect(steps[3]!.output[0]!.text).toBe('done');
    expect(steps[4]!.extra['node.run']).toBe(1);
    expect(steps[4]!.error).toEqual({ type: 'NodeApiError', message: 'Request failed: timeout of 5000ms exceeded' });
  });

  const flat = JSON.parse(
    '[{"resultData":"1"},{"runData":"2"},{"Start":"3"},["4"],{"startTime":5,"executionTime":1,"executionStatus":"5"},"success"]',
  ) as unknown;
  it.each<[string, object]>([
    ['resultData', { resultData: { runData: { Start: runData.Start } } }],
    ['IRun', { data: { resultData: { runData: { Start: runData.Start } } }, mode: 'manual', status: 'success' }],
    ['runData', { runData: { Start: runData.Start } }],
    ['flatted', flat as object],
  ])('is read from %s', (_, data) => {
    expect(stepsOf(n8n(body({ data }))).map((one) => one.name)).toEqual(['Flow', 'Start']);
    expect(stepsOf(n8n(body({ data: JSON.stringify(data) }))).map((one) => one.name)).toEqual(['Flow', 'Start']);
  });

  it('final items alone are the output of the root; the API names its members otherwise', () => {
    expect(stepsOf(n8n(body({ data: [{ json: { a: 1 } }] })))[0]!.extra['node.outputs']).toEqual([{ json: { a: 1 } }]);
    const [root] = stepsOf(n8n({ id: 9, workflowData: workflow, status: 'canceled', data: {} }));
    expect([root!.extra['run.id'], root!.outcome, root!.extra['workflow.name']]).toEqual(['9', 'cancelled', 'Flow']);
  });

  it('a flatted body that refers to itself ends', () => {
    const cyclic = [
      { resultData: '1' },
      { runData: '2' },
      { A: '3' },
      ['4'],
      { data: '5', startTime: 5 },
      { main: '6' },
      ['7'],
      ['8'],
      { json: '5' },
    ];
    expect(stepsOf(n8n(body({ data: cyclic }))).length).toBe(2);
  });

  it('a flatted body in which many runs share one list costs no more than what it holds', () => {
    const items = Array.from({ length: 20_000 }, () => '8');
    const runs = Array.from({ length: 200 }, () => '4');
    const flat = [
      { resultData: '1' },
      { runData: '2' },
      { A: '3' },
      runs,
      { data: '5', startTime: 5 },
      { main: '6' },
      ['7'],
      items,
      { json: '9' },
      { a: 1 },
    ];
    const steps = stepsOf(n8n(body({ data: flat })));
    const [first, last] = [steps[1], steps.at(-1)];
    expect(first!.extra['node.items.output']).toBe(20_000);
    // 4 million looks at items would be due; a million are made, and the rest says so.
    expect(last!.extra['node.items.errors']).toBeUndefined();
    expect(last!.extra['truncated']).toContain('misstep.node.items.errors');
  });
});

describe('what else n8n gives', () => {
  const runData = { Start: [task(0, { data: { main: [[{ json: { a: 1 } }]] } })] };
  const execution = { id: '7', workflowId: 'w', status: 'success', workflowData: workflow, data: { resultData: { runData } } };

  it('a page of executions, and a list of them', () => {
    for (const payload of [
      { data: [execution, { ...execution, id: '8' }], nextCursor: null },
      [execution, { ...execution, id: '8' }],
    ])
      expect(n8n(payload).map((document) => stepsOf([document])[0]!.extra['run.id'])).toEqual(['7', '8']);
  });

  it('an execution that names no id is the same trace every time', () => {
    const run = { data: { resultData: { runData } }, mode: 'cli', startedAt: '2025-01-01T00:00:00Z', status: 'success' };
    for (const payload of [run, { resultData: { runData } }]) {
      const [first] = stepsOf(n8n(structuredClone(payload)));
      expect(stepsOf(n8n(structuredClone(payload)))[0]!.traceId).toBe(first!.traceId);
      expect(first!.outcome).toBe('ok');
    }
  });

  it('a sub-workflow has its caller’s session; a node that went on after its error handled it; one that waits has not ended', () => {
    const steps = stepsOf(
      n8n({
        ...execution,
        status: 'waiting',
        data: {
          parentExecution: { executionId: '5', workflowId: 'p' },
          resultData: {
            runData: {
              Try: [task(0, { data: { main: [[], [{ json: { error: 'no such record' } }]] } })],
              Pause: [task(1, { executionStatus: 'waiting' })],
            },
          },
        },
      }),
    );
    expect(steps.map(({ outcome, sessionId }) => [outcome, sessionId])).toEqual([
      ['unknown', '5'],
      ['handled_error', '5'],
      ['unknown', '5'],
    ]);
    expect(steps[0]!.extra['run.ids']).toEqual({ parent: '5' });
  });

  it('log streaming: nodes and tools of an execution, its root with the event that ends it', () => {
    const event = (eventName: string, second: number, more: object) => ({
      id: `e${second}`,
      ts: `2025-01-01T00:00:0${second}Z`,
      eventName,
      message: eventName,
      payload: { executionId: '7', workflowId: 'w', workflowName: 'Flow', ...more },
    });
    const started = [event('n8n.node.started', 1, { nodeName: 'Get' }), event('n8n.node.finished', 3, { nodeName: 'Get' })];
    const [node, ...rest] = stepsOf(n8n(started));
    expect(rest).toEqual([]);
    expect(node).toMatchObject({ name: 'Get', kind: 'task', sessionId: '7', endMs: node!.startMs + 2000 });
    const [root, tool] = stepsOf(
      n8n([
        event('n8n.ai.tool.called', 1, { nodeName: 'Clock', msg: '{"query":"now","response":"12:00"}' }),
        event('n8n.workflow.failed', 2, { lastNodeExecuted: 'Get', errorMessage: 'no' }),
      ]),
    );
    expect(root).toMatchObject({ kind: 'workflow', outcome: 'error', error: { message: 'no' }, spanId: node!.parentId });
    expect(tool!.tool).toMatchObject({ name: 'Clock', result: '12:00' });
    expect(n8n(event('n8n.audit.user.login', 1, { executionId: undefined }))).toEqual([]);
    expect(hints(started)[0]).toMatch(/Log streaming/);
  });

  it.each<[string, object, readonly RegExp[]]>([
    ['final items', { data: [{ json: {} }] }, [/literal "success".*OpenTelemetry/]],
    ['no data', { data: {} }, [/no run of a node/]],
    ['redacted', { data: { redactionInfo: {}, resultData: { runData } } }, [/redaction policy/]],
    ['no workflow', { workflow: undefined, data: { resultData: { runData } } }, [/no workflow/]],
    ['all of it', { data: { resultData: { runData } } }, []],
  ])('hints: %s', (_, more, want) => {
    const said = hints(body(more));
    expect(said.length).toBe(want.length);
    want.forEach((pattern, i) => {
      expect(said[i]).toMatch(pattern);
    });
  });
});

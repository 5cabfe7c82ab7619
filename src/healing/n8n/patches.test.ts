import { describe, expect, test } from 'vitest';
import { defaultPatchOptions, NothingToPatch, type PatchKind, type PatchOptions, patch } from './patches.ts';
import { contentHash, edgesOf, type Node, readWorkflow, type Workflow, WorkflowError } from './workflow.ts';

const node = (name: string, kind: string, more: object = {}): Node => ({
  name,
  type: `n8n-nodes-base.${kind}`,
  parameters: {},
  ...more,
});
const to = (...targets: string[]) => ({ main: [targets.map((target) => ({ node: target, type: 'main', index: 0 }))] });
function flow(nodes: Node[], connections: Workflow['connections'] = {}, settings = {}): Workflow {
  return freeze({ name: 'flow', nodes, connections, settings });
}
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const one of Object.values(Object.freeze(value))) freeze(one);
  return value;
}
const run = (kind: PatchKind, workflow: Workflow, name?: string, options: Partial<PatchOptions> = {}) =>
  patch(kind, workflow, name, { ...defaultPatchOptions, ...options });
const call = node('Call', 'httpRequest', { parameters: { url: 'https://x', options: { redirect: {} } } });

describe('a patch changes what it says and nothing else', () => {
  test('retry of the node that is named', () => {
    const before = flow([call, node('Other', 'httpRequest')]);
    const { workflow, changes } = run('retry', before, 'Call');
    expect(workflow).toEqual({
      ...before,
      nodes: [{ ...call, retryOnFail: true, maxTries: 3, waitBetweenTries: 1_000 }, before.nodes[1]],
    });
    expect(changes).toEqual(["Node 'Call' is tried 3 times, 1000 ms apart."]);
  });
  test('retry of every node that calls a service', () => {
    const { workflow } = run('retry', flow([node('Set', 'set'), call, node('DB', 'postgres', { retryOnFail: true })]));
    expect(workflow.nodes.map((one) => one['maxTries'])).toEqual([undefined, 3, undefined]);
  });
  test('time-outs of a node keep its other options', () => {
    const { workflow } = run('node_timeout', flow([call]), 'Call');
    expect(workflow.nodes[0]?.parameters).toEqual({ url: 'https://x', options: { redirect: {}, timeout: 60_000 } });
  });
  test('time-out of the run', () =>
    expect(run('execution_timeout', flow([call], {}, { executionOrder: 'v1' })).workflow.settings).toEqual({
      executionOrder: 'v1',
      executionTimeout: 300,
    }));
  test('error workflow', () =>
    expect(run('error_workflow', flow([call]), undefined, { error_workflow_id: 'e' }).workflow.settings).toEqual({
      errorWorkflow: 'e',
    }));
  test('tokens by the option of each model', () => {
    const model = (name: string) => ({ name, type: `@n8n/n8n-nodes-langchain.${name}`, parameters: {} });
    const { workflow } = run('token_limit', flow(['lmChatOpenAi', 'lmChatAnthropic', 'agent'].map(model)));
    expect(workflow.nodes.map((one) => one.parameters)).toEqual([
      { options: { maxTokens: 4_096 } },
      { options: { maxTokensToSample: 4_096 } },
      {},
    ]);
  });
});

describe('nothing to patch', () => {
  test.each<[string, PatchKind, Workflow, string | undefined, RegExp]>([
    ['a node that retries', 'retry', flow([{ ...call, retryOnFail: true }]), 'Call', /No node/],
    ['a node that is not there', 'retry', flow([call]), 'Gone', /0 nodes/],
    ['no node that calls', 'retry', flow([node('Set', 'set')]), undefined, /No node/],
    ['a time-out that is set', 'node_timeout', flow([{ ...call, parameters: { options: { timeout: 5 } } }]), 'Call', /No node/],
    ['a node without a time-out', 'node_timeout', flow([node('Wait', 'wait')]), 'Wait', /No node/],
    ['a run that has a limit', 'execution_timeout', flow([call], {}, { executionTimeout: 9 }), undefined, /9 s/],
    ['no error workflow named', 'error_workflow', flow([call]), undefined, /error_workflow_id/],
    ['no circle', 'loop_limit', flow([node('A', 'set'), node('B', 'set')], { A: to('B') }), 'A', /Nothing leads back/],
    ['no node named', 'loop_limit', flow([node('A', 'set')], { A: to('A') }), undefined, /0 nodes/],
  ])('%s', (_, kind, workflow, name, error) => {
    expect(() => run(kind, workflow, name)).toThrow(NothingToPatch);
    expect(() => run(kind, workflow, name)).toThrow(error);
  });
  test('-1 is n8n’s word for no limit', () =>
    expect(run('execution_timeout', flow([call], {}, { executionTimeout: -1 })).workflow.settings['executionTimeout']).toBe(300));
});

describe('loop limit', () => {
  const before = flow(
    [
      node('Hook', 'webhook'),
      node('A', 'set', { position: [200, 0] }),
      node('B', 'set'),
      node('C', 'set'),
      node('Loop limit', 'set'),
    ],
    { Hook: to('A'), A: to('B', 'C'), B: to('A'), C: to('A', 'Loop limit') },
  );
  const { workflow, changes } = run('loop_limit', before, 'A', { max_rounds: 7 });
  const edges = edgesOf(workflow).map(({ source, target, branch }) => `${source}>${target}${branch}`);
  test('every way back passes the counter, the way in does not', () => {
    expect(edges.sort()).toEqual(
      [
        'Hook>A0',
        'A>B0',
        'A>C0',
        'B>Loop limit 20',
        'C>Loop limit 20',
        'C>Loop limit0',
        'Loop limit 2>A0',
        'Loop limit 2>Loop limit reached1',
      ].sort(),
    );
    expect(changes[0]).toContain("2 ways lead back to 'A'");
  });
  test('names and ids are new; the other nodes are as they were', () => {
    expect(workflow.nodes.slice(0, 5)).toEqual(before.nodes);
    expect(new Set(workflow.nodes.map(({ name }) => name)).size).toBe(7);
  });
  test('a node that leads to itself', () =>
    expect(edgesOf(run('loop_limit', flow([node('A', 'code')], { A: to('A') }), 'A').workflow)).toHaveLength(3));
});

describe('reading', () => {
  const good = {
    name: 'f',
    nodes: [{ name: 'A', type: 't' }],
    connections: { A: { main: [null, [{ node: 'A', type: 'main', index: 0 }]] } },
  };
  test('a null for an output that leads nowhere', () =>
    expect(edgesOf(readWorkflow(good))).toMatchObject([{ source: 'A', branch: 1 }]));
  test.each([
    ['a list', []],
    ['no name', { ...good, name: 1 }],
    ['no nodes', { ...good, nodes: {} }],
    ['a node without a type', { ...good, nodes: [{ name: 'A' }] }],
    ['two of a name', { ...good, nodes: [good.nodes[0], good.nodes[0]] }],
    ['too many', { ...good, nodes: Array.from({ length: 2_001 }, (_, i) => ({ name: `${i}`, type: 't' })) }],
    ['connections that are none', { ...good, connections: { A: { main: [{ node: 'A' }] } } }],
    ['connections that are a text', { ...good, connections: { A: 'x' } }],
  ])('%s is refused', (_, value) => expect(() => readWorkflow(value)).toThrow(WorkflowError));
  test('the hash is of the meaning: order of members does not count, order of nodes does', () => {
    const one = flow([node('A', 'set'), node('B', 'set')], { A: to('B'), B: to('A') });
    const turned = {
      settings: {},
      connections: { B: one.connections['B'], A: one.connections['A'] },
      nodes: one.nodes,
      name: 'flow',
    } as Workflow;
    expect(contentHash(turned)).toBe(contentHash(one));
    expect(contentHash({ ...one, nodes: one.nodes.toReversed() })).not.toBe(contentHash(one));
    expect(contentHash({ ...one, settings: { a: undefined } })).toBe(contentHash(one));
    const named = one.nodes.map((node) => ({ ...node, id: 'made-up', webhookId: 'made-up' }));
    expect(contentHash({ ...one, nodes: named })).toBe(contentHash(one));
  });
  test('nested too deep', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 200; i++) deep = { deep };
    expect(() => contentHash(flow([node('A', 'set', { parameters: { deep } })]))).toThrow('nested deeper');
  });
});

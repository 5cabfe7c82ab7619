import fc from 'fast-check';
import { expect, test } from 'vitest';
import { step, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { isModel, isOutside, type Node, runsAlone, workflowOf } from './n8n-graph.ts';

const root = (extra: Record<string, unknown>): Step => toSteps([step('workflow', { extra })])[0] as Step;
const node = (kind: string): Node => ({ name: kind, kind, disabled: false, parameters: {}, settings: {} });

test('the workflow as the root span states it; notes and what is malformed are left out', () => {
  const nodes = [
    { name: 'Get', type: 'n8n-nodes-base.httpRequest', parameters: { url: 'x' }, disabled: true },
    { name: 'Note', type: 'n8n-nodes-base.stickyNote' },
    { type: 'nameless' },
    null,
  ];
  const edges = [{ source: 'Get', target: 'Set' }, { source: 'Get' }, 7];
  expect(workflowOf(root({ 'run.format': 'n8n', 'graph.nodes': nodes, 'graph.edges': edges }))).toEqual({
    nodes: [{ name: 'Get', kind: 'httpRequest', disabled: true, parameters: { url: 'x' }, settings: {} }],
    edges: [{ source: 'Get', target: 'Set', type: 'main', branch: 0 }],
    settings: {},
  });
});

test.each([
  [{ 'graph.nodes': [{ name: 'a' }] }],
  [{ 'run.format': 'dify', 'graph.nodes': [{ name: 'a' }] }],
  [{ 'run.format': 'n8n' }],
  [{ 'run.format': 'n8n', 'graph.nodes': [] }],
  [{ 'run.format': 'n8n', 'graph.nodes': 'a' }],
])('%j is no n8n workflow', (extra) => {
  expect(workflowOf(root(extra))).toBeUndefined();
});

test.each([
  ['webhook', true],
  ['scheduleTrigger', true],
  ['manualTrigger', false],
  ['start', false],
  ['executeWorkflowTrigger', false],
  ['set', false],
])('%s starts on its own: %s', (kind, alone) => {
  expect(runsAlone([node('set'), node(kind)])).toBe(alone);
});

test.each([
  ['agent', true, false],
  ['lmChatOpenAi', true, false],
  ['chainLlm', true, false],
  ['httpRequest', false, true],
  ['postgres', false, true],
  ['set', false, false],
])('%s: model %s, outside %s', (kind, model, outside) => {
  expect([isModel(node(kind)), isOutside(node(kind))]).toEqual([model, outside]);
});

test('any value in any place: bounded, never thrown', () => {
  fc.assert(
    fc.property(fc.anything(), fc.array(fc.anything()), fc.anything(), (settings, nodes, edges) => {
      const said = workflowOf(
        root({ 'run.format': 'n8n', 'graph.nodes': nodes, 'graph.edges': edges, 'workflow.settings': settings }),
      );
      expect(said?.nodes.length ?? 0).toBeLessThanOrEqual(nodes.length);
    }),
    { seed: 7, numRuns: 500 },
  );
  const many = Array.from({ length: 5_000 }, (_, i) => ({ name: `n${i}` }));
  expect(workflowOf(root({ 'run.format': 'n8n', 'graph.nodes': many }))?.nodes).toHaveLength(2_048);
});

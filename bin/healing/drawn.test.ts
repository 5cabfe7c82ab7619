// The drawing of a workflow that patches are verified on says the same to the detectors as the webhook's reading of its JSON.
import { describe, expect, test } from 'vitest';
import { n8n } from '../../receivers/webhook/n8n/n8n.ts';
import { stepsOf as stepsOfDocuments } from '../../receivers/webhook/testing.ts';
import type { AnyDetector } from '../../src/detector/detector.ts';
import { fold } from '../../src/detector/testing/fold.ts';
import { answers, defaultPatchOptions, patch } from '../../src/healing/n8n/patches.ts';
import { drawnStep, type Node, readWorkflow, type Workflow } from '../../src/healing/n8n/workflow.ts';
import { compare } from '../../src/healing/verify.ts';
import { circle } from '../api/n8n.ts';
import { detectors } from '../detectors.ts';

const byId = new Map<string, AnyDetector>(detectors.map((one) => [one.meta.id, one]));
const node = (name: string, type: string, more: object = {}): Node => ({ name, type, parameters: {}, ...more });
const to = (target: string) => ({ main: [[{ node: target, type: 'main', index: 0 }]] });

const calling: Workflow = {
  name: 'calling',
  nodes: [node('Hook', 'n8n-nodes-base.webhook'), node('Get', 'n8n-nodes-base.httpRequest')],
  connections: { Hook: to('Get') },
  settings: {},
};
const asking: Workflow = {
  name: 'asking',
  nodes: [node('Hook', 'n8n-nodes-base.webhook'), node('Model', '@n8n/n8n-nodes-langchain.lmChatOpenAi')],
  connections: { Model: { ai_languageModel: [[{ node: 'Hook', type: 'ai_languageModel', index: 0 }]] } },
  settings: {},
};
const agentToo: Workflow = { ...asking, nodes: [...asking.nodes, node('Agent', '@n8n/n8n-nodes-langchain.agent')] };
const endless = readWorkflow(circle('circle'));
const gated: Workflow = {
  name: 'gated',
  nodes: [node('A', 'n8n-nodes-base.if'), node('B', 'n8n-nodes-base.set'), node('C', 'n8n-nodes-base.set')],
  connections: { A: { main: [[{ node: 'B', type: 'main', index: 0 }], [{ node: 'C', type: 'main', index: 0 }]] }, B: to('A') },
  settings: {},
};

test.each([calling, asking, agentToo, endless, gated])('$name', (workflow) => {
  const received = stepsOfDocuments(n8n({ ...workflow }));
  for (const detector of detectors.filter(({ meta }) => meta.family === 'n8n' || meta.id === 'workflow')) {
    const said = (steps: Parameters<typeof fold>[1]) => fold(detector, steps).map(({ message, text }) => `${message} ${text}`);
    expect(said([drawnStep(workflow)]), detector.meta.id).toEqual(said(received));
  }
});

describe('patches on the drawing', () => {
  test.each([
    ['n8n_cycle.endless', 'circuit_breaker', endless, 'Round', 'verified'],
    ['n8n_cycle.unbounded', 'circuit_breaker', gated, 'A', 'verified'],
    ['n8n_cycle.unbounded', 'circuit_breaker', endless, 'Round', 'not_verifiable'],
    ['n8n_error.unprepared', 'retry_limit', calling, undefined, 'verified'],
    ['n8n_error.unprepared', 'workflow_guard', calling, undefined, 'verified'],
    ['n8n_timeout.no_limit', 'timeout_addition', calling, undefined, 'verified'],
    ['n8n_resource.unbounded_model', 'budget_limiter', asking, 'Model', 'verified'],
    // An agent node has no such option: the detector goes on about it.
    ['n8n_resource.unbounded_model', 'budget_limiter', agentToo, 'Model', 'not_silenced'],
  ] as const)('%s, %s: %s', (finding, fixType, workflow, name, verdict) => {
    const [detector, message] = finding.split('.') as [string, string];
    const answer = answers[finding]?.find((one) => one.fixType === fixType);
    if (answer === undefined) throw new Error(`no ${fixType} for ${finding}`);
    const options = { ...defaultPatchOptions, error_workflow_id: 'e' };
    const after = patch(answer.kind, workflow, name, options).workflow;
    const about = { detector, message, data: {} };
    const said = compare(byId.get(detector) as AnyDetector, [drawnStep(workflow)], [drawnStep(after)], about, {
      model: 'm',
      assumes: 'a',
    });
    expect(said.verdict).toBe(verdict);
  });

  test('every answer names a message that there is', () => {
    for (const finding of Object.keys(answers)) {
      const [detector, message] = finding.split('.') as [string, string];
      expect(Object.keys(byId.get(detector)?.meta.messages ?? {})).toContain(message);
    }
  });
});

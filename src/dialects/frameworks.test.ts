// Spans that n8n, Dify and OpenClaw export themselves, as their code writes them.
import { describe, expect, it } from 'vitest';
import { createResolver } from './resolve.ts';
import { type Attributes, mustStep, stepOf } from './testing/spans.ts';

describe('n8n', () => {
  const workflow = (attributes: Attributes, more: object = {}) =>
    mustStep({
      scope: 'n8n-workflow',
      name: 'workflow.execute',
      attributes: { 'n8n.execution.id': '7', ...attributes },
      ...more,
    });

  it('a workflow and its nodes say which execution, node and items', () => {
    const root = workflow({
      'n8n.workflow.id': 'w',
      'n8n.workflow.name': 'Flow',
      'n8n.execution.mode': 'webhook',
      'n8n.execution.status': 'success',
    });
    expect(root).toMatchObject({ kind: 'workflow', sessionId: '7', outcome: 'ok' });
    expect(root.extra).toMatchObject({ 'run.id': '7', 'run.status': 'success', 'workflow.id': 'w', 'workflow.name': 'Flow' });
    const node = mustStep({
      scope: 'n8n-workflow',
      name: 'node.execute',
      attributes: {
        'n8n.node.id': 'n',
        'n8n.node.name': 'Get',
        'n8n.node.type': 't',
        'n8n.node.items.input': 1,
        'n8n.node.items.output': 0,
      },
    });
    expect(node.kind).toBe('task');
    expect(node.extra).toMatchObject({ 'node.id': 'n', 'node.name': 'Get', 'node.items.input': 1, 'node.items.output': 0 });
  });

  it.each<[string, object, string]>([
    ['success', { status: 'ok' }, 'ok'],
    ['error', { status: 'error' }, 'error'],
    ['crashed', {}, 'error'],
    ['canceled', { status: 'ok' }, 'cancelled'],
    ['waiting', { status: 'ok' }, 'unknown'],
  ])('%s ends so', (status, more, outcome) => {
    expect(workflow({ 'n8n.execution.status': status }, more).outcome).toBe(outcome);
  });

  it('a node that the end of the workflow cut off was cancelled', () => {
    const attributes = { 'n8n.node.name': 'Get', 'n8n.node.termination_reason': 'workflow_cancelled' };
    expect(mustStep({ scope: 'n8n-workflow', name: 'node.execute', status: 'error', attributes }).outcome).toBe('cancelled');
  });

  it('the span that tests the settings is no step', () => {
    expect(stepOf({ scope: 'n8n-otel-test', name: 'n8n.test_trace', attributes: { 'n8n.test': true } })).toBeUndefined();
  });

  it('an agent belongs to the execution and node that it ran for, a resumed run to the one it goes on with', () => {
    const of = {
      'ai.telemetry.metadata.execution_id': '7',
      'ai.telemetry.metadata.node_id': 'n',
      'ai.telemetry.metadata.thread_id': 't',
    };
    const agent = mustStep({
      trace: 2,
      scope: '@n8n/agents',
      name: 'Desk.generate',
      attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'Desk', 'gen_ai.conversation.id': 't', ...of },
    });
    expect([agent.kind, agent.sessionId, agent.extra['node.id']]).toEqual(['agent', '7', 'n']);
    expect(workflow({}, { trace: 3 }).sessionId).toBe('7');
    // Elsewhere the same member is the program's own.
    expect(mustStep({ scope: 'ai', attributes: { 'ai.operationId': 'ai.generateText', ...of } }).sessionId).toBeUndefined();
  });

  it('one tool call is counted once, whatever wraps it', () => {
    const scope = '@n8n/agents';
    const call = { 'ai.toolCall.name': 'clock', 'ai.toolCall.id': 'c', 'ai.toolCall.args': '{}' };
    const spans = [
      { id: 1, name: 'Desk.generate', attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'Desk' } },
      {
        id: 2,
        parent: 1,
        name: 'ai.generateText',
        attributes: { 'ai.operationId': 'ai.generateText', 'ai.model.id': 'm', 'ai.usage.promptTokens': 9 },
      },
      {
        id: 3,
        parent: 2,
        name: 'ai.generateText.doGenerate',
        attributes: { 'ai.operationId': 'ai.generateText.doGenerate', 'ai.model.id': 'm', 'ai.usage.promptTokens': 9 },
      },
      { id: 4, parent: 2, name: 'ai.toolCall', attributes: { 'ai.operationId': 'ai.toolCall', ...call } },
      {
        id: 5,
        parent: 4,
        name: 'execute_tool clock',
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'clock',
          'ai.operationId': 'ai.toolCall',
          ...call,
        },
      },
    ];
    const resolver = createResolver();
    const steps = spans.map((span) => mustStep({ scope, ...span }));
    for (const step of [...steps].reverse()) resolver.add(step);
    expect(steps.filter(({ rollup }) => !rollup).map(({ name }) => name)).toEqual([
      'Desk.generate',
      'ai.generateText.doGenerate',
      'execute_tool clock',
    ]);
  });
});

describe('Dify', () => {
  it('Phoenix-style spans are OpenInference, the run is the trace root', () => {
    const root = mustStep({
      scope: 'openinference.instrumentation',
      name: 'workflow_1f',
      attributes: { 'openinference.span.kind': 'CHAIN', 'input.value': '{}' },
    });
    expect(root.kind).toBe('workflow');
  });

  it.each([
    ['ok', 'ok'],
    ['error', 'error'],
    ['handled_error', 'handled_error'],
    ['cancelled', 'cancelled'],
    ['incomplete', 'unknown'],
  ])('dify.span.status %s', (status, outcome) => {
    const step = mustStep({
      attributes: {
        'dify.span.status': status,
        'dify.span.type': 'llm',
        'dify.workflow.run_id': 'r',
        'dify.node.id': 'n',
        'dify.node.attempt': 2,
        'dify.inputs': '{"query":"hi"}',
        'dify.outputs': '{"text":"hello"}',
        'dify.conversation.id': 'c',
      },
      status: status === 'ok' ? 'ok' : 'error',
      message: 'said',
    });
    expect(step).toMatchObject({ kind: 'llm', outcome, sessionId: 'c' });
    expect(step.error?.message).toBe(status === 'ok' ? undefined : 'said');
    expect(step.extra).toMatchObject({ 'run.id': 'r', 'node.id': 'n', 'retry.attempt': 2, 'node.type': 'llm' });
    expect(step.output.map(({ text }) => text)).toEqual(['hello']);
  });

  it('a tool has its arguments and result, a retriever its kind', () => {
    const tool = mustStep({
      name: 'Get',
      attributes: { 'dify.span.type': 'tool', 'dify.inputs': '{"q":1}', 'dify.outputs': '{"a":2}' },
    });
    expect(tool.tool).toMatchObject({ name: 'Get', arguments: '{"q":1}', result: '{"a":2}' });
    expect(mustStep({ attributes: { 'dify.span.type': 'knowledge-retrieval' } }).kind).toBe('retriever');
  });
});

describe('OpenClaw', () => {
  const span = (name: string, attributes: Attributes, more: object = {}) =>
    mustStep({ scope: 'openclaw', name, attributes, ...more });

  it.each<[string, Attributes, string]>([
    ['openclaw.run', { 'openclaw.outcome': 'completed', 'openclaw.agent': 'ops' }, 'agent'],
    ['openclaw.model.call', { 'gen_ai.request.model': 'm' }, 'llm'],
    ['openclaw.tool.execution', { 'openclaw.toolName': 'read', 'gen_ai.tool.name': 'read' }, 'tool'],
    ['openclaw.exec', { 'openclaw.exec.target': 'host', 'openclaw.outcome': 'completed' }, 'task'],
    ['openclaw.message.delivery', { 'openclaw.channel': 'slack' }, 'task'],
    ['openclaw.tool.loop', { 'openclaw.toolName': 'read' }, 'other'],
    ['openclaw.session.stuck', {}, 'other'],
    ['openclaw.context.assembled', {}, 'other'],
  ])('%s', (name, attributes, kind) => {
    expect(span(name, attributes).kind).toBe(kind);
  });

  it('a call that was refused says why, and a run that failed what it said', () => {
    const refused = span('openclaw.tool.execution', {
      'gen_ai.tool.name': 'exec',
      'openclaw.outcome': 'blocked',
      'openclaw.deniedReason': 'policy',
    });
    expect([refused.outcome, refused.extra['tools.denied']]).toEqual(['blocked', 'policy']);
    const run = span(
      'openclaw.run',
      { 'openclaw.outcome': 'error', 'openclaw.errorCategory': 'timeout', 'openclaw.error': 'late' },
      { status: 'error' },
    );
    expect(run).toMatchObject({ outcome: 'timeout', error: { type: 'timeout', message: 'late' } });
    expect(span('openclaw.run', { 'openclaw.agent': 'ops', 'openclaw.channel': 'slack' })).toMatchObject({ agent: 'ops' });
  });
});

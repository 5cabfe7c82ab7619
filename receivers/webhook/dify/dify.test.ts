import { describe, expect, it } from 'vitest';
import { stepsOf } from '../testing.ts';
import { dify, hints } from './dify.ts';

const run = (nodes: readonly unknown[], more: object = {}) =>
  stepsOf(
    dify({
      workflow_run_id: '00000000000000000000000000000abc',
      app_id: 'app-1',
      app_name: 'Desk',
      app_type: 'workflow',
      started_at: '2025-01-01T00:00:00Z',
      status: 'succeeded',
      total_tokens: 7,
      total_steps: 1,
      nodes,
      ...more,
    }),
  );
const node = (more: object) => run([{ node_id: 'n1', title: 'N', status: 'succeeded', inputs: {}, outputs: {}, ...more }])[1]!;

describe('the run', () => {
  it('is a workflow with its nodes as a graph', () => {
    const [root] = run([
      { node_id: 'a', node_type: 'code', title: 'A' },
      { node_id: 'b', node_type: 'LLM', title: 'B', predecessor_node_id: 'a' },
    ]);
    expect(root).toMatchObject({
      kind: 'workflow',
      name: 'Desk',
      sessionId: '00000000000000000000000000000abc',
      outcome: 'ok',
      service: 'dify',
    });
    expect(root!.has('graph')).toBe(true);
    expect(root!.extra).toMatchObject({
      'run.format': 'dify',
      'run.status': 'succeeded',
      'run.tokens': 7,
      'run.total': { steps: 1 },
      'workflow.id': 'app-1',
      'workflow.type': 'workflow',
      'graph.nodes': [
        { name: 'a', title: 'A', type: 'code' },
        { name: 'b', title: 'B', type: 'llm' },
      ],
      'graph.edges': [{ source: 'a', target: 'b' }],
    });
  });

  it('is an agent where the app is one, and has the session of the conversation', () => {
    const [root, step] = run([{ node_id: 'a', node_type: 'llm' }], { app_type: 'agent', conversation_id: 'c-1' });
    expect([root!.kind, root!.agent, step!.sessionId]).toEqual(['agent', 'Desk', 'c-1']);
  });

  it.each([
    ['failed', 'error'],
    ['stopped', 'cancelled'],
    ['partial-succeeded', 'ok'],
  ])('%s ends %s', (status, outcome) => {
    expect(run([], { status })[0]!.outcome).toBe(outcome);
  });

  it('reads the frame of the stream as well', () => {
    const [root, step] = stepsOf(
      dify({
        workflow_run_id: 'r',
        data: {
          status: 'failed',
          error: 'boom',
          nodes: [{ id: 'x', node_id: 'n', node_type: 'http-request', created_at: 1_735_689_600, elapsed_time: 2.5 }],
        },
      }),
    );
    expect(root!.error).toEqual({ type: undefined, message: 'boom' });
    expect([step!.kind, step!.endMs - step!.startMs]).toEqual(['tool', 2500]);
    expect(step!.extra['time.synthetic']).toBeUndefined();
  });
});

describe('nodes', () => {
  it('llm: prompt, other variables, answer, models', () => {
    const step = node({
      node_type: 'llm',
      inputs: { prompt: 'Say hi', system_prompt: 'Be brief', model: 'big', retrieved_context: 'ctx' },
      outputs: { text: 'hi' },
      metadata: { model: 'small', model_fallback_reason: 'rate_limit' },
      token_count: 12,
    });
    expect(step).toMatchObject({ kind: 'llm', system: 'Be brief', requestModel: 'big', responseModel: 'small' });
    expect(step.input[0]!.text).toBe('Say hi\n{"retrieved_context":"ctx"}');
    expect(step.output[0]!.text).toBe('hi');
    expect(step.extra).toMatchObject({
      'node.tokens': 12,
      'node.inputs': { model: 'big' },
      'model.fallback': { original: 'big', used: 'small', reason: 'rate_limit' },
      'time.synthetic': true,
    });
  });

  it('llm: rendered prompts and usage of the product', () => {
    const step = node({
      node_type: 'llm',
      process_data: {
        model_name: 'm',
        prompts: [
          { role: 'system', text: 's' },
          { role: 'user', text: 'u' },
        ],
        usage: { prompt_tokens: 3, completion_tokens: 4 },
      },
      outputs: { text: 'a' },
    });
    expect(step.input.map((one) => [one.role, one.text])).toEqual([
      ['system', 's'],
      ['user', 'u'],
    ]);
    expect(step.tokens).toMatchObject({ input: 3, output: 4 });
    expect(step.responseModel).toBe('m');
  });

  it('knowledge_retrieval: query and documents in each of their shapes', () => {
    const step = node({
      node_type: 'knowledge-retrieval',
      inputs: { query: 'q' },
      outputs: { result: [{ content: 'c', metadata: { document_id: 'd', score: 0.5 } }, 'plain'] },
    });
    expect([step.kind, step.query, step.has('documents')]).toEqual(['retriever', 'q', true]);
    expect(step.documents.map(({ content, score }) => [content, score])).toEqual([
      ['c', 0.5],
      ['plain', undefined],
    ]);
    expect(
      node({ node_type: 'knowledge_retrieval', outputs: { documents: [{ title: 'T', relevance_score: 0.9 }] } }).documents,
    ).toMatchObject([{ content: 'T', score: 0.9 }]);
    expect(node({ node_type: 'knowledge_retrieval', outputs: { context: 'text' } }).documents).toMatchObject([
      { content: 'text' },
    ]);
    expect(node({ node_type: 'knowledge_retrieval', outputs: {} }).documents).toEqual([]);
  });

  it('tool: arguments, result, error and declared parameters', () => {
    const step = node({
      node_type: 'tool',
      title: 'pay',
      status: 'failed',
      error: 'amount must be a number',
      inputs: { amount: 'ten' },
      outputs: { ok: false },
      tool_schema: { type: 'object', properties: { amount: { type: 'number' } } },
    });
    expect(step.tool).toMatchObject({ name: 'pay', arguments: '{"amount":"ten"}', result: '{"ok":false}' });
    expect([step.outcome, step.error?.message]).toEqual(['error', 'amount must be a number']);
    expect(step.toolDefinitions).toMatchObject([{ name: 'pay', parameters: { type: 'object' } }]);
  });

  it('question_classifier and if_else: classes, result, confidence, route', () => {
    const step = node({
      node_type: 'question_classifier',
      inputs: { query: 'q', categories: ['a', { name: 'b' }] },
      outputs: { category: 'a', confidence: 0.4 },
    });
    expect(step.extra).toMatchObject({
      'classifier.input': 'q',
      'classifier.classes': ['a', 'b'],
      'classifier.result': 'a',
      'classifier.confidence': 0.4,
    });
    expect(node({ node_type: 'if_else', outputs: { branch: 'left' } }).extra).toMatchObject({
      'route.decision': 'left',
      'route.field': 'branch',
    });
  });

  it('iteration: what is expected, what is there, what it claims, and rounds below it', () => {
    const [, box, first, second] = run([
      {
        node_id: 'it',
        node_type: 'iteration',
        inputs: { items: [1, 2, 3], max_iterations: 5, exit_condition: 'done' },
        outputs: { completed_iterations: 3, exit_condition_met: false },
      },
      { node_id: 'n', node_type: 'llm', iteration_index: 0, parent_node_id: 'it' },
      { node_id: 'n', node_type: 'llm', execution_metadata: { iteration_index: 1, iteration_id: 'it' } },
    ]);
    expect(box!.extra).toMatchObject({
      'iteration.expected': 3,
      'iteration.count': 2,
      'iteration.completed': 3,
      'iteration.condition': 'done',
      'iteration.exited': false,
    });
    expect(box!.limits).toEqual({ max_iterations: 5 });
    expect(box!.has('limits')).toBe(true);
    expect([first!.parentId, second!.parentId]).toEqual([box!.spanId, box!.spanId]);
    expect([
      first!.extra['iteration.index'],
      second!.extra['iteration.index'],
      second!.extra['node.run'],
      second!.extra['node.parent'],
    ]).toEqual([0, 1, 1, 'it']);
  });
});

describe('the stream of a run', () => {
  const frame = (event: string, data: object, more: object = {}) => ({
    event,
    task_id: 't',
    workflow_run_id: 'r',
    ...more,
    data,
  });
  const played = (...frames: object[]) => stepsOf(dify(frames));

  it('a node is its start and its end, an attempt that failed before is one of its own', () => {
    const steps = played(
      frame('workflow_started', { id: 'r', workflow_id: 'w', inputs: { q: 'x' }, created_at: 1_735_689_600 }),
      frame('node_started', { id: 'e1', node_id: 'n', node_type: 'http-request', title: 'Get', created_at: 1_735_689_600 }),
      frame('node_retry', { id: 'e1', node_id: 'n', node_type: 'http-request', title: 'Get', retry_index: 1, error: '503' }),
      frame('node_finished', {
        id: 'e1',
        node_id: 'n',
        node_type: 'http-request',
        status: 'exception',
        error: '503',
        elapsed_time: 2,
      }),
      frame('workflow_finished', { id: 'r', status: 'partial-succeeded', exceptions_count: 1, total_tokens: 0 }),
    );
    expect(steps.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ['workflow', 'ok'],
      ['tool', 'handled_error'],
      ['tool', 'handled_error'],
    ]);
    expect(steps[1]).toMatchObject({ name: 'Get', error: { message: '503' } });
    expect(steps[1]!.endMs - steps[1]!.startMs).toBe(2000);
    expect(steps[2]!.extra['retry.count']).toBe(1);
    expect(steps[0]!.extra['run.total']).toMatchObject({ exceptions: 1, frames: 5, events: { node_retry: 1 } });
  });

  it('rounds stand in their container, and text that only streams is what the node said', () => {
    const steps = played(
      frame('iteration_started', { id: 'i1', node_id: 'it', title: 'Each', inputs: { items: ['a', 'b'] } }),
      frame('node_started', { id: 'e1', node_id: 'l', node_type: 'llm', title: 'Say', iteration_id: 'it', iteration_index: 0 }),
      frame('text_chunk', { text: 'Hel', from_variable_selector: ['l', 'text'] }),
      frame('text_chunk', { text: 'lo', from_variable_selector: ['l', 'text'] }),
      frame('iteration_completed', { id: 'i1', node_id: 'it', status: 'succeeded', steps: 2 }),
    );
    expect(steps[1]!.extra).toMatchObject({ 'node.type': 'iteration', 'iteration.expected': 2 });
    expect(steps[2]).toMatchObject({ parentId: steps[1]!.spanId, kind: 'llm' });
    expect(steps[2]!.output.map(({ text }) => text)).toEqual(['Hello']);
  });

  it('thoughts of an agent are its tool calls, and the answer is put together', () => {
    const chat = (event: string, more: object) => ({ event, task_id: 't', message_id: 'm', conversation_id: 'c', ...more });
    const steps = played(
      chat('agent_thought', {
        id: 'a',
        position: 1,
        tool: 'clock',
        tool_input: '{"clock":{"zone":"utc"}}',
        observation: '12:00',
      }),
      chat('agent_message', { answer: 'It is ' }),
      chat('agent_message', { answer: 'noon.' }),
      chat('message_end', { metadata: { usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } } }),
    );
    expect(steps[1]).toMatchObject({ kind: 'tool', sessionId: 'c', tool: { name: 'clock', arguments: '{"zone":"utc"}' } });
    expect(steps[2]).toMatchObject({ kind: 'llm', tokens: { input: 5, output: 2 } });
    expect(steps[2]!.output.map(({ text }) => text)).toEqual(['It is noon.']);
  });

  it('a pause is no end: the root of what follows is another span of the same trace', () => {
    const [paused] = played(frame('workflow_started', { id: 'r' }), frame('workflow_paused', { status: 'paused' }));
    const [ended] = played(frame('workflow_finished', { id: 'r', status: 'succeeded' }));
    expect([paused!.outcome, ended!.outcome]).toEqual(['unknown', 'ok']);
    expect(paused!.traceId).toBe(ended!.traceId);
    expect(paused!.spanId).not.toBe(ended!.spanId);
  });

  it('runs of one recording are told apart, and frames that are none are counted', () => {
    const documents = dify([
      frame('node_started', { id: 'a', node_id: 'a' }),
      7,
      { ...frame('node_started', { id: 'b' }), task_id: 'u' },
    ]);
    expect(documents).toHaveLength(2);
    expect(stepsOf(documents)[0]!.extra['run.total']).toMatchObject({ frames: 1, unread: 1 });
  });
});

it('hints name the route that shows more', () => {
  expect(hints({ workflow_run_id: 'r', status: 'succeeded' })[0]).toMatch(/no nodes.*Phoenix/);
  expect(hints({ workflow_run_id: 'r', nodes: [{ node_id: 'a' }] })[0]).toMatch(/neither inputs nor outputs/);
  expect(hints({ workflow_run_id: 'r', nodes: [{ node_id: 'a', inputs: {} }] })).toEqual([]);
});

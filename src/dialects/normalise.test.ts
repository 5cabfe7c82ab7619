import { describe, expect, it } from 'vitest';
import type { StepKind } from '../step/step.ts';
import { type Attributes, mustStep, stepOf } from './testing/spans.ts';

const gen = 'gen_ai.operation.name';
const oi = 'openinference.span.kind';

describe('kind', () => {
  const table: readonly [string, Attributes, StepKind][] = [
    ['semconv', { [gen]: 'chat' }, 'llm'],
    ['semconv tool', { [gen]: 'execute_tool', 'gen_ai.tool.name': 'x' }, 'tool'],
    ['semconv embeddings', { [gen]: 'embeddings' }, 'embedding'],
    ['semconv memory', { [gen]: 'upsert_memory' }, 'memory'],
    ['OpenLLMetry goto', { [gen]: 'goto', 'langgraph.command.goto_node': 'b' }, 'handoff'],
    ['OpenInference before the operation', { [oi]: 'AGENT', [gen]: 'chat' }, 'agent'],
    ['OpenInference chain at the root', { [oi]: 'CHAIN' }, 'workflow'],
    ['OpenInference in lower case', { [oi]: 'retriever' }, 'retriever'],
    ['Langfuse', { 'langfuse.observation.type': 'generation' }, 'llm'],
    ['LangSmith', { 'langsmith.span.kind': 'tool' }, 'tool'],
    ['AI SDK inner', { 'ai.operationId': 'ai.streamText.doStream' }, 'llm'],
    ['AI SDK outer', { 'ai.operationId': 'ai.generateText' }, 'llm'],
    ['AI SDK tool', { 'ai.operationId': 'ai.toolCall' }, 'tool'],
    ['AI SDK embedding', { 'ai.operationId': 'ai.embedMany.doEmbed' }, 'embedding'],
    ['operation before Traceloop', { [gen]: 'invoke_agent', 'traceloop.span.kind': 'workflow' }, 'agent'],
    ['unknown operation falls through', { [gen]: 'unknown', 'traceloop.span.kind': 'task' }, 'task'],
    ['Claude Code', { 'span.type': 'claude_code.llm_request' }, 'llm'],
    ['Claude Code tool execution is no second call', { 'span.type': 'tool.execution' }, 'task'],
    ['Mastra', { 'mastra.span.type': 'mcp_tool_call' }, 'tool'],
    ['ADOT', { 'aws.genai.span_kind': 'TOOL' }, 'tool'],
    ['Dify', { 'gen_ai.span.kind': 'RETRIEVER' }, 'retriever'],
    ['MLflow quotes its strings', { 'mlflow.spanType': '"CHAT_MODEL"' }, 'llm'],
    ['Genkit', { 'genkit:metadata:subtype': 'model' }, 'llm'],
    ['structure: a tool', { 'gen_ai.tool.name': 'x' }, 'tool'],
    ['structure: a call', { 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 1 }, 'llm'],
    ['structure: a call by its data', { 'gen_ai.request.model': 'm', request_data: '{}' }, 'llm'],
    ['structure: an agent run sums its calls', { agent_name: 'a', model_name: 'm', 'gen_ai.usage.input_tokens': 1 }, 'agent'],
    ['a model alone is no call', { 'gen_ai.request.model': 'm' }, 'other'],
  ];
  it.each(table)('%s', (_, attributes, kind) => {
    expect(mustStep({ attributes }).kind).toBe(kind);
  });

  it('reads ADK and Logfire from scope and name', () => {
    expect(mustStep({ scope: 'gcp.vertex.agent', name: 'invocation' }).kind).toBe('workflow');
    expect(mustStep({ scope: 'gcp.vertex.agent', name: 'agent_run [math]' })).toMatchObject({ kind: 'agent', agent: 'math' });
    const tool = mustStep({
      scope: 'logfire.openai_agents',
      name: 'Function: {name}',
      attributes: { name: 'roll', input: '{"n":1}', output: '4' },
    });
    expect(tool.tool).toMatchObject({ name: 'roll', arguments: '{"n":1}', result: '4' });
    expect(
      mustStep({ scope: 'logfire.openai_agents', name: 'Custom span: {name}', attributes: { name: 'x', data: '{}' } }).kind,
    ).toBe('other');
  });
});

describe('what is no step', () => {
  it.each<[string, Parameters<typeof stepOf>[0]]>([
    ['HTTP', { attributes: { 'http.request.method': 'GET' } }],
    ['HTTP with a session', { attributes: { 'http.request.method': 'GET', 'session.id': 's', 'gen_ai.conversation.id': 'c' } }],
    ['a span that failed', { attributes: { 'error.type': '500' }, status: 'error' }],
    ['a database client of another vendor', { attributes: { 'span.type': 'sql', 'db.query.text': 'select 1' } }],
    [
      'bare names outside their dialect',
      { attributes: { model: 'm', input_tokens: 1, tools: '[]', name: 'n', success: 'true' } },
    ],
    ["misstep's own carriers", { scope: 'misstep', attributes: { [gen]: 'chat' } }],
    ['a Logfire pending span', { scope: 'logfire.openai', attributes: { [gen]: 'chat', 'logfire.span_type': 'pending_span' } }],
    ['a Logfire log', { scope: 'logfire.openai', attributes: { [gen]: 'chat', 'logfire.span_type': 'log' } }],
    ['a span that only carries findings', { attributes: { 'misstep.detections': ['loop'] } }],
  ])('%s', (_, span) => {
    expect(stepOf(span)).toBeUndefined();
  });
});

describe('fields are resolved one by one', () => {
  it('takes each from the dialect that has it', () => {
    const step = mustStep({
      attributes: {
        [oi]: 'LLM',
        'llm.model_name': 'from-oi',
        'gen_ai.response.model': 'from-gen',
        'llm.token_count.prompt': 7,
        'gen_ai.usage.output_tokens': 3,
        'langfuse.session.id': 's-1',
        'llm.provider': 'openai',
      },
      resource: { 'service.name': 'svc', 'service.namespace': 'ns' },
    });
    expect(step).toMatchObject({
      requestModel: 'from-oi',
      responseModel: 'from-gen',
      tokens: { input: 7, output: 3 },
      sessionId: 'ns/s-1',
      provider: 'openai',
      service: 'svc',
    });
    expect(step.dialects[0]).toBe('openinference');
    expect([...step.dialects].sort()).toEqual(['gen_ai', 'langfuse', 'openinference']);
  });

  it('goes on to the next alias where the first says nothing', () => {
    expect(
      mustStep({ attributes: { [gen]: 'chat', 'gen_ai.provider.name': 'langchain', 'gen_ai.system': 'az.ai.openai' } }).provider,
    ).toBe('azure.ai.openai');
    expect(mustStep({ attributes: { [gen]: 'execute_tool', 'gen_ai.tool.name': '', 'tool.name': 'real' } }).tool?.name).toBe(
      'real',
    );
    expect(
      mustStep({ attributes: { [gen]: 'execute_tool', 'gen_ai.tool.name': 't', 'gen_ai.tool.call.id': '<not specified>' } }).tool
        ?.callId,
    ).toBeUndefined();
  });

  it.each([
    ['mcp__weather__get_weather', { name: 'get_weather', server: 'weather' }],
    ['execute_tool search', { name: 'search', server: undefined }],
    ['search.tool', { name: 'search', server: undefined }],
    ['mcp__odd', { name: 'mcp__odd', server: undefined }],
  ])('tool %s', (given, want) => {
    const step = mustStep({ attributes: { [gen]: 'execute_tool', 'gen_ai.tool.name': given } });
    expect({ name: step.tool?.name, server: step.tool?.server }).toEqual(want);
    expect(step.reportedTool).toBe(given);
  });

  it.each<[unknown, readonly string[]]>([
    [['tool_calls'], ['tool_call']],
    ['["end_turn"]', ['stop']],
    ['MAX_TOKENS', ['length']],
    [
      ['stop', 'SAFETY'],
      ['stop', 'content_filter'],
    ],
    ['', []],
    [['refusal'], ['content_filter']],
  ])('finish reasons %j', (value, want) => {
    expect(mustStep({ attributes: { [gen]: 'chat', 'gen_ai.response.finish_reasons': value } }).finishReasons).toEqual(want);
  });
});

describe('tokens', () => {
  const claude = { scope: 'com.anthropic.claude_code.tracing', name: 'claude_code.llm_request' };
  it('adds cached tokens where the dialect leaves them out, and keeps what was reported', () => {
    const attributes = {
      'span.type': 'llm_request',
      input_tokens: 2,
      output_tokens: 4,
      cache_read_tokens: 10,
      cache_creation_tokens: 100,
    };
    const step = mustStep({ ...claude, attributes });
    expect(step.tokens).toEqual({ input: 112, output: 4, cacheRead: 10, cacheWrite: 100, reasoning: undefined });
    expect(step.reportedInput).toBe(2);
  });
  it('leaves the conventions alone: their input includes them', () => {
    const attributes = { [gen]: 'chat', 'gen_ai.usage.input_tokens': 50, 'gen_ai.usage.cache_read.input_tokens': 40 };
    expect(mustStep({ attributes }).tokens?.input).toBe(50);
  });
  it('a part larger than its whole was counted apart', () => {
    const attributes = { [gen]: 'chat', 'gen_ai.usage.input_tokens': 5, 'gen_ai.usage.cache_read_input_tokens': 40 };
    expect(mustStep({ attributes }).tokens?.input).toBe(45);
  });
  it('reads numbers in strings and refuses what is none', () => {
    expect(mustStep({ attributes: { [gen]: 'chat', 'gen_ai.usage.input_tokens': '12' } }).tokens?.input).toBe(12);
    expect(mustStep({ attributes: { [gen]: 'chat', 'gen_ai.usage.input_tokens': 'many' } }).tokens).toBeUndefined();
    expect(
      mustStep({ attributes: { [gen]: 'chat', 'gen_ai.usage.input_tokens': -1, 'llm.token_count.prompt': 3 } }).tokens?.input,
    ).toBe(3);
  });
  it('reads Langfuse and MLflow objects, and costs', () => {
    const langfuse = {
      'langfuse.observation.type': 'generation',
      'langfuse.observation.usage_details': '{"input":5,"output":2}',
      'langfuse.observation.cost_details': '{"total":0.5}',
    };
    expect(mustStep({ attributes: langfuse })).toMatchObject({ tokens: { input: 5, output: 2 }, cost: 0.5 });
    const mlflow = { 'mlflow.spanType': 'LLM', 'mlflow.chat.tokenUsage': '{"input_tokens":5,"output_tokens":2}' };
    expect(mustStep({ attributes: mlflow }).tokens).toMatchObject({ input: 5, output: 2 });
  });
});

describe('outcome', () => {
  const tool = { [gen]: 'execute_tool', 'gen_ai.tool.name': 't' };
  it.each<[string, Parameters<typeof mustStep>[0], string]>([
    ['nothing said', { attributes: tool }, 'ok'],
    ['status', { attributes: tool, status: 'error', message: 'no such file' }, 'error'],
    ['status with a time-out', { attributes: { ...tool, 'error.type': 'TimeoutError' }, status: 'error' }, 'timeout'],
    ['status with a cancellation', { attributes: tool, status: 'error', message: 'the request was cancelled' }, 'cancelled'],
    [
      'status with a guardrail',
      { attributes: { [gen]: 'chat', 'error.type': 'InputGuardrailTripwireTriggered' }, status: 'error' },
      'blocked',
    ],
    ['refusal', { attributes: { [gen]: 'chat', 'gen_ai.response.finish_reasons': ['refusal'] } }, 'blocked'],
    ['content filter', { attributes: { [gen]: 'chat', 'gen_ai.response.finish_reasons': ['content_filter'] } }, 'blocked'],
    ['error.type without status', { attributes: { [gen]: 'chat', 'error.type': 'rate_limit' } }, 'error'],
    ['MCP says the result failed', { attributes: { ...tool, 'error.type': 'tool_error' } }, 'handled_error'],
    ['Strands', { attributes: { ...tool, 'gen_ai.tool.status': 'error' } }, 'handled_error'],
    ['isError', { attributes: { ...tool, 'gen_ai.tool.call.result': '{"isError":true,"content":[]}' } }, 'handled_error'],
    ['is_error', { attributes: { ...tool, 'gen_ai.tool.call.result': '{"is_error": true}' } }, 'handled_error'],
    ['error text', { attributes: { ...tool, 'gen_ai.tool.call.result': '{"error":"not found"}' } }, 'handled_error'],
    ['status in the result', { attributes: { ...tool, 'gen_ai.tool.call.result': '{"status":"error"}' } }, 'handled_error'],
    [
      'wrapped once',
      { attributes: { ...tool, 'gen_ai.tool.call.result': '{"output":{"error":"x"},"kwargs":{}}' } },
      'handled_error',
    ],
    ['error: null is none', { attributes: { ...tool, 'gen_ai.tool.call.result': '{"error":null,"rows":[]}' } }, 'ok'],
    ['error: false is none', { attributes: { ...tool, 'gen_ai.tool.call.result': '{"error":false}' } }, 'ok'],
    [
      'a text that speaks of errors is none',
      { attributes: { ...tool, 'gen_ai.tool.call.result': 'Error handling, chapter 3' } },
      'ok',
    ],
    ['a model that writes about errors is none', { attributes: { [gen]: 'chat', 'gen_ai.completion': '{"error":"x"}' } }, 'ok'],
    ['Logfire level', { attributes: { ...tool, 'logfire.level_num': 17 } }, 'error'],
    [
      'Claude Code',
      { scope: 'com.anthropic.claude_code.tracing', attributes: { 'span.type': 'tool', tool_name: 'Bash', success: 'false' } },
      'handled_error',
    ],
  ])('%s', (_, span, outcome) => {
    expect(mustStep(span).outcome).toBe(outcome);
  });

  it('says what the result said', () => {
    expect(mustStep({ attributes: { ...tool, 'gen_ai.tool.call.result': '{"error":{"message":"quota"}}' } }).error).toEqual({
      type: undefined,
      message: 'quota',
    });
  });
});

describe('tool arguments and results', () => {
  const cases: readonly [string, Parameters<typeof mustStep>[0], string | undefined, string | undefined][] = [
    [
      'semconv',
      { attributes: { [gen]: 'execute_tool', 'gen_ai.tool.call.arguments': '{"q":1}', 'gen_ai.tool.call.result': 'r' } },
      '{"q":1}',
      'r',
    ],
    [
      'structured values',
      { attributes: { [gen]: 'execute_tool', 'gen_ai.tool.call.arguments': { q: 1 } } },
      '{"q":1}',
      undefined,
    ],
    ['JSON in JSON', { attributes: { 'mlflow.spanType': 'TOOL', 'mlflow.spanInputs': '"{\\"q\\":1}"' } }, '{"q":1}', undefined],
    [
      'LangChain wrapper',
      {
        attributes: {
          'traceloop.span.kind': 'tool',
          'traceloop.entity.input': '{"input_str":"","inputs":{"q":1},"tags":[],"kwargs":{"run_id":"7"}}',
          'traceloop.entity.output': '{"output":"r","kwargs":{}}',
        },
      },
      '{"q":1}',
      'r',
    ],
    [
      'OpenInference values in tool.parameters',
      { attributes: { [oi]: 'TOOL', 'tool.parameters': '{"q":1}', 'output.value': 'r' } },
      '{"q":1}',
      'r',
    ],
    [
      'OpenInference schema in tool.parameters',
      { attributes: { [oi]: 'TOOL', 'tool.parameters': '{"type":"object","properties":{"q":{}}}', 'input.value': '{"q":1}' } },
      '{"q":1}',
      undefined,
    ],
    [
      'smolagents schema',
      {
        attributes: {
          [oi]: 'TOOL',
          'tool.parameters': '{"q":{"type":"string","description":"d"}}',
          'input.value': '{"args":[],"kwargs":{"q":1}}',
        },
      },
      '{"q":1}',
      undefined,
    ],
    [
      'a placeholder gives way',
      { attributes: { [gen]: 'execute_tool', 'tool.parameters': '{}', 'input.value': '{"q":1}' } },
      '{"q":1}',
      undefined,
    ],
    [
      'Claude Code markers',
      {
        scope: 'com.anthropic.claude_code.tracing',
        attributes: {
          'span.type': 'tool',
          tool_input: '[TOOL INPUT: Bash]\n{"command":"ls"}',
          new_context: '[TOOL RESULT: Bash]\na.txt',
        },
      },
      '{"command":"ls"}',
      'a.txt',
    ],
    [
      'Claude Code redacted',
      {
        scope: 'com.anthropic.claude_code.tracing',
        attributes: { 'span.type': 'tool', tool_input: '<REDACTED>', full_command: 'ls' },
      },
      '{"command":"ls"}',
      undefined,
    ],
    [
      'Claude Code output event',
      {
        scope: 'com.anthropic.claude_code.tracing',
        attributes: { 'span.type': 'tool' },
        events: [{ name: 'tool.output', attributes: { output: 'a.txt' } }],
      },
      undefined,
      'a.txt',
    ],
    [
      'ADK',
      {
        attributes: {
          [gen]: 'execute_tool',
          'gcp.vertex.agent.tool_call_args': '{"q":1}',
          'gcp.vertex.agent.tool_response': '{"result":"r"}',
        },
      },
      '{"q":1}',
      '{"result":"r"}',
    ],
    [
      'LangSmith',
      {
        attributes: {
          'langsmith.span.kind': 'tool',
          'gen_ai.prompt': '{"input":{"q":1}}',
          'gen_ai.completion': '{"output":"r"}',
        },
      },
      '{"q":1}',
      'r',
    ],
  ];
  it.each(cases)('%s', (_, span, args, result) => {
    const { tool } = mustStep(span);
    expect({ args: tool?.arguments, result: tool?.result }).toEqual({ args, result });
  });
});

describe('retrieval, definitions, state, limits, extra', () => {
  it('reads OpenInference documents', () => {
    const step = mustStep({
      attributes: {
        [oi]: 'RETRIEVER',
        'input.value': 'why',
        'retrieval.documents.0.document.id': 'd',
        'retrieval.documents.0.document.content': 'text',
        'retrieval.documents.0.document.score': 0.5,
        'retrieval.documents.7.document.content': 'later',
      },
    });
    expect(step.query).toBe('why');
    expect(step.documents).toEqual([
      { id: 'd', content: 'text', score: 0.5 },
      { id: undefined, content: 'later', score: undefined },
    ]);
    expect(step.has('documents')).toBe(true);
  });

  it.each<[string, Attributes]>([
    [
      'semconv',
      {
        [gen]: 'chat',
        'gen_ai.tool.definitions': '[{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}]',
      },
    ],
    [
      'OpenAI',
      {
        [gen]: 'chat',
        'gen_ai.tool.definitions':
          '[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}]',
      },
    ],
    [
      'Anthropic',
      { [gen]: 'chat', 'gen_ai.tool.definitions': '[{"name":"f","description":"d","input_schema":{"type":"object"}}]' },
    ],
    [
      'OpenInference',
      {
        [oi]: 'LLM',
        'llm.tools.0.tool.json_schema':
          '{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}',
      },
    ],
    [
      'AI SDK',
      {
        'ai.operationId': 'ai.generateText.doGenerate',
        'ai.prompt.tools': ['{"type":"function","name":"f","description":"d","inputSchema":{"type":"object"}}'],
      },
    ],
    [
      'OpenLLMetry',
      {
        'llm.request.type': 'chat',
        'llm.request.functions.0.name': 'f',
        'llm.request.functions.0.description': 'd',
        'llm.request.functions.0.parameters': '{"type":"object"}',
      },
    ],
    [
      'ADK',
      {
        [gen]: 'chat',
        'gcp.vertex.agent.llm_request':
          '{"config":{"tools":[{"function_declarations":[{"name":"f","description":"d","parameters":{"type":"object"}}]}]}}',
      },
    ],
    [
      'Pydantic AI',
      {
        [gen]: 'chat',
        model_request_parameters:
          '{"function_tools":[{"name":"f","description":"d","parameters_json_schema":{"type":"object"}}]}',
      },
    ],
  ])('definitions: %s', (_, attributes) => {
    expect(mustStep({ attributes }).toolDefinitions).toEqual([{ name: 'f', description: 'd', parameters: { type: 'object' } }]);
  });

  it('reads the state of LangGraph nodes, and of nodes only', () => {
    const node = {
      'traceloop.span.kind': 'task',
      'traceloop.association.properties.langgraph_node': 'router',
      'traceloop.association.properties.langgraph_step': 1,
      'traceloop.entity.input': '{"inputs":{"n":1},"kwargs":{}}',
      'traceloop.entity.output': '{"outputs":{"graph":null,"update":{"n":2},"goto":"b"}}',
    };
    const step = mustStep({ attributes: node });
    expect(step).toMatchObject({ stateBefore: { n: 1 }, stateAfter: { n: 2 } });
    expect(step.extra).toEqual({ 'graph.node': 'router', 'graph.step': 1 });
    expect(step.has('state')).toBe(true);
    const tool = mustStep({ attributes: { ...node, 'traceloop.span.kind': 'tool' } });
    expect(tool.has('state')).toBe(false);
    expect(tool.stateBefore).toBeUndefined();
  });

  it("reads OpenInference's metadata", () => {
    const metadata = '{"langgraph_node":"plan","langgraph_step":2,"thread_id":"t-1"}';
    const step = mustStep({ attributes: { [oi]: 'CHAIN', metadata, 'input.value': '{"n":1}', 'output.value': '{"n":2}' } });
    expect(step).toMatchObject({ sessionId: 't-1', stateBefore: { n: 1 }, stateAfter: { n: 2 } });
  });

  it('takes an object in the output of an agent for the state that it left', () => {
    const agent = { 'gen_ai.operation.name': 'invoke_agent', 'output.value': '{"task":"parse","status":"pending"}' };
    expect(mustStep({ attributes: agent }).stateAfter).toEqual({ task: 'parse', status: 'pending' });
    expect(mustStep({ attributes: { ...agent, 'output.value': '["parse"]' } }).stateAfter).toBeUndefined();
    expect(mustStep({ attributes: { ...agent, 'gen_ai.operation.name': 'chat' } }).stateAfter).toBeUndefined();
  });

  it("reads misstep's own facts and leaves findings out", () => {
    const step = mustStep({
      attributes: {
        'misstep.state.before': '{"a":1}',
        'misstep.limit.recursion': 25,
        'misstep.channel': 'slack',
        'misstep.graph.nodes': ['a', 'b'],
        'misstep.detection.id': 'x',
        'misstep.__proto__': 'evil',
        'gen_ai.request.max_tokens': 100,
      },
    });
    expect(step.stateBefore).toEqual({ a: 1 });
    expect(step.limits).toEqual({ recursion: 25, max_tokens: 100 });
    expect(step.extra).toEqual({ channel: 'slack', 'graph.nodes': ['a', 'b'] });
    expect(step.has('limits') && step.has('graph') && step.has('state')).toBe(true);
  });
});

describe('handoffs', () => {
  it.each<[string, Attributes, unknown]>([
    ['stated', { [gen]: 'handoff', 'gen_ai.handoff.from_agent': 'a', 'gen_ai.handoff.to_agent': 'b' }, { from: 'a', to: 'b' }],
    [
      'unknown is nothing',
      { [gen]: 'handoff', 'gen_ai.handoff.from_agent': 'a', 'gen_ai.handoff.to_agent': 'unknown' },
      { from: 'a', to: undefined },
    ],
    [
      'a tool that transfers',
      { [gen]: 'execute_tool', 'gen_ai.tool.name': 'transfer_to_billing' },
      { from: undefined, to: 'billing' },
    ],
    [
      'ADK names it in the arguments',
      { [gen]: 'execute_tool', 'gen_ai.tool.name': 'transfer_to_agent', 'gen_ai.tool.call.arguments': '{"agent_name":"b"}' },
      { from: undefined, to: 'b' },
    ],
    [
      'LangGraph',
      { [gen]: 'goto', 'langgraph.command.source_node': 'a', 'langgraph.command.goto_node': 'b' },
      { from: 'a', to: 'b' },
    ],
  ])('%s', (_, attributes, want) => {
    expect(mustStep({ attributes }).handoff).toEqual(want);
  });

  it('no other tool hands over', () => {
    expect(mustStep({ attributes: { [gen]: 'execute_tool', 'gen_ai.tool.name': 'transfer_money' } }).handoff).toBeUndefined();
  });
});

describe('detach', () => {
  it('changes nothing that can be read, and counts what is kept', () => {
    const span = {
      attributes: {
        [gen]: 'chat',
        'gen_ai.request.model': 'm',
        'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
        'gen_ai.system_instructions': '[{"type":"text","content":"be brief"}]',
      },
    };
    const attached = mustStep(span);
    const detached = mustStep(span);
    detached.detach();
    expect(detached.input).toEqual(attached.input);
    expect(detached.system).toBe('be brief');
    expect(detached.models).toEqual(['m']);
    expect(detached.outcome).toBe('ok');
    expect(detached.bytes).toBeGreaterThan(200);
    detached.detach();
    expect(detached.input[0]?.text).toBe('hi');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../step/step.ts';
import { readMessages } from './messages.ts';
import { type Attributes, mustStep } from './testing/spans.ts';

/** The members that matter, absent ones left out. */
function brief(messages: readonly Message[]): unknown[] {
  return messages.map((message) => ({
    role: message.role,
    ...(message.text === '' ? {} : { text: message.text }),
    ...(message.reasoning === undefined ? {} : { reasoning: message.reasoning }),
    ...(message.toolCalls.length === 0 ? {} : { calls: message.toolCalls.map((call) => [call.id, call.name, call.arguments]) }),
    ...(message.toolResults.length === 0 ? {} : { results: message.toolResults.map((result) => [result.id, result.text]) }),
    ...(message.truncated ? { truncated: true } : {}),
  }));
}

/** One conversation, told in every shape: each must read the same. */
const told = [
  { role: 'user', text: 'weather?' },
  { role: 'assistant', calls: [['c1', 'get', '{"city":"Paris"}']] },
  { role: 'tool', results: [['c1', 'rain']] },
];
const shapes: readonly [string, unknown][] = [
  [
    'semconv parts',
    [
      { role: 'user', parts: [{ type: 'text', content: 'weather?' }] },
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'get', arguments: { city: 'Paris' } }] },
      { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'rain' }] },
    ],
  ],
  [
    'semconv parts with result and JSON arguments',
    [
      { role: 'user', parts: [{ type: 'text', content: 'weather?' }] },
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'get', arguments: '{"city":"Paris"}' }] },
      { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', result: 'rain' }] },
    ],
  ],
  [
    'OpenAI',
    [
      { role: 'user', content: 'weather?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'get', arguments: '{"city":"Paris"}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'rain' },
    ],
  ],
  [
    'OpenAI Responses',
    [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'weather?' }] },
      { type: 'function_call', id: 'fc_9', call_id: 'c1', name: 'get', arguments: '{"city":"Paris"}' },
      { type: 'function_call_output', call_id: 'c1', output: 'rain' },
    ],
  ],
  [
    'Vercel',
    [
      { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'get', input: { city: 'Paris' } }] },
      {
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: 'c1', toolName: 'get', output: { type: 'text', value: 'rain' } }],
      },
    ],
  ],
  [
    'LangChain constructors',
    [
      { lc: 1, type: 'constructor', id: ['langchain', 'HumanMessage'], kwargs: { content: 'weather?' } },
      {
        lc: 1,
        type: 'constructor',
        id: ['langchain', 'AIMessage'],
        kwargs: { content: '', tool_calls: [{ id: 'c1', name: 'get', args: { city: 'Paris' } }] },
      },
      { lc: 1, type: 'constructor', id: ['langchain', 'ToolMessage'], kwargs: { content: 'rain', tool_call_id: 'c1' } },
    ],
  ],
  [
    'LangChain dictionaries',
    [
      { type: 'human', data: { content: 'weather?' } },
      { type: 'ai', data: { content: '', tool_calls: [{ id: 'c1', name: 'get', args: { city: 'Paris' } }] } },
      { type: 'tool', data: { content: 'rain', tool_call_id: 'c1' } },
    ],
  ],
  [
    'event records',
    [
      { 'event.name': 'gen_ai.user.message', content: 'weather?' },
      {
        'event.name': 'gen_ai.assistant.message',
        tool_calls: [{ id: 'c1', function: { name: 'get', arguments: '{"city":"Paris"}' } }],
      },
      { 'event.name': 'gen_ai.tool.message', id: 'c1', content: 'rain' },
    ],
  ],
];

describe('message shapes', () => {
  it.each(shapes)('%s', (_, list) => {
    expect(brief(readMessages(list, 'user'))).toEqual(told);
    expect(brief(readMessages(JSON.stringify(list), 'user'))).toEqual(told);
    expect(brief(readMessages({ messages: list }, 'user'))).toEqual(told);
  });

  it('Anthropic blocks: results come from the user', () => {
    const list = [
      { role: 'user', content: 'weather?' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'let me see' },
          { type: 'tool_use', id: 'c1', name: 'get', input: { city: 'Paris' } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'rain' }] }] },
    ];
    expect(brief(readMessages(list, 'user'))).toEqual([
      { role: 'user', text: 'weather?' },
      { role: 'assistant', text: 'let me see', reasoning: 'hm', calls: [['c1', 'get', '{"city":"Paris"}']] },
      { role: 'user', results: [['c1', 'rain']] },
    ]);
  });

  it('Gemini contents', () => {
    const contents = [
      { role: 'user', parts: [{ text: 'weather?' }] },
      { role: 'model', parts: [{ function_call: { id: 'c1', name: 'get', args: { city: 'Paris' } } }] },
      { role: 'user', parts: [{ functionResponse: { id: 'c1', name: 'get', response: { result: 'rain' } } }] },
    ];
    expect(brief(readMessages({ contents }, 'user'))).toEqual([
      { role: 'user', text: 'weather?' },
      { role: 'assistant', calls: [['c1', 'get', '{"city":"Paris"}']] },
      { role: 'user', results: [['c1', '{"result":"rain"}']] },
    ]);
  });

  it.each<[string, unknown, string]>([
    ['choices', { choices: [{ message: { role: 'assistant', content: 'yes' } }], usage: {} }, 'yes'],
    ['generations', { generations: [[{ text: 'yes', generation_info: {} }]] }, 'yes'],
    ['candidates', { candidates: [{ content: { role: 'model', parts: [{ text: 'yes' }] } }] }, 'yes'],
    [
      'Responses output',
      { id: 'r', output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'yes' }] }] },
      'yes',
    ],
    ['one text', 'yes', 'yes'],
    ['a list of texts', ['yes'], 'yes'],
    ['stream summary', { combined_chunk_content: 'yes', chunk_count: 3 }, 'yes'],
  ])('answers: %s', (_, value, want) => {
    expect(readMessages(value, 'assistant')).toMatchObject([{ role: 'assistant', text: want }]);
  });

  it('keeps what it cannot read, and marks what was cut', () => {
    expect(brief(readMessages({ odd: 1 }, 'user'))).toEqual([{ role: 'user', text: '{"odd":1}' }]);
    expect(brief(readMessages('[{"role":"user","content":"wea', 'user'))).toEqual([
      { role: 'user', text: '[{"role":"user","content":"wea', truncated: true },
    ]);
    expect(brief(readMessages('[sic] not JSON', 'user'))).toEqual([{ role: 'user', text: '[sic] not JSON' }]);
  });

  it('leaves base64 and redactions out', () => {
    const list = [
      {
        role: 'user',
        parts: [
          { type: 'blob', mime_type: 'image/png', content: 'AAAA' },
          { type: 'text', content: 'see' },
        ],
      },
    ];
    expect(brief(readMessages(list, 'user'))).toEqual([{ role: 'user', text: 'see' }]);
    expect(readMessages('<REDACTED>', 'user')).toEqual([]);
  });

  it('reads a transcript', () => {
    expect(brief(readMessages('system: be brief\nuser: one\ntwo', 'user'))).toEqual([
      { role: 'system', text: 'be brief' },
      { role: 'user', text: 'one\ntwo' },
    ]);
    expect(brief(readMessages('user story: as a user', 'user'))).toEqual([{ role: 'user', text: 'user story: as a user' }]);
  });

  it('takes a role that names a called tool for its answer', () => {
    const list = [
      { role: 'assistant', content: '', tool_calls: [{ id: 'c1', function: { name: 'get', arguments: '{}' } }] },
      { role: 'get', content: 'rain' },
    ];
    expect(brief(readMessages(list, 'user'))[1]).toEqual({ role: 'tool', results: [[undefined, 'rain']] });
  });

  it('never throws and stays bounded, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (value) => {
        expect(readMessages(value, 'user').length).toBeLessThanOrEqual(2000);
      }),
      { seed: 3, numRuns: 500 },
    );
    const deep = JSON.parse(`${'[{"messages":'.repeat(500)}[]${'}]'.repeat(500)}`) as unknown;
    expect(readMessages(deep, 'user').length).toBeLessThanOrEqual(1);
    expect(
      readMessages(
        Array.from({ length: 5000 }, () => ({ role: 'user', content: 'x' })),
        'user',
      ),
    ).toHaveLength(2000);
  });

  it('own members only', () => {
    const list = JSON.parse(
      '[{"role":"user","content":"hi","__proto__":{"role":"system","tool_calls":[{"name":"x"}]}}]',
    ) as unknown;
    expect(brief(readMessages(list, 'user'))).toEqual([{ role: 'user', text: 'hi' }]);
  });
});

describe('messages of spans', () => {
  const chat = { 'gen_ai.operation.name': 'chat' };
  const llm = { 'openinference.span.kind': 'LLM' };

  it("reads OpenInference's flattened lists", () => {
    const step = mustStep({
      attributes: {
        ...llm,
        'llm.input_messages.0.message.role': 'user',
        'llm.input_messages.0.message.contents.0.message_content.type': 'text',
        'llm.input_messages.0.message.contents.0.message_content.text': 'weather?',
        'llm.input_messages.1.message.role': 'assistant',
        'llm.input_messages.1.message.tool_calls.0.tool_call.id': 'c1',
        'llm.input_messages.1.message.tool_calls.0.tool_call.function.name': 'get',
        'llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments': '"{\\"city\\":\\"Paris\\"}"',
        'llm.input_messages.2.message.role': 'tool',
        'llm.input_messages.2.message.tool_call_id': 'c1',
        'llm.input_messages.2.message.content': 'rain',
        'llm.output_messages.0.message.role': 'assistant',
        'llm.output_messages.0.message.content.0': 'It rains.',
      },
    });
    expect(brief(step.input)).toEqual(told);
    expect(brief(step.output)).toEqual([{ role: 'assistant', text: 'It rains.' }]);
  });

  it('sparse indices order and never size; hostile segments are dropped', () => {
    const step = mustStep({
      attributes: {
        ...llm,
        'llm.input_messages.900000000.message.role': 'user',
        'llm.input_messages.900000000.message.content': 'second',
        'llm.input_messages.7.message.role': 'user',
        'llm.input_messages.7.message.content': 'first',
        'llm.input_messages.x.message.content': 'no index',
        'llm.input_messages.1e3.message.content': 'no index',
        'llm.input_messages.0.__proto__.content': 'evil',
        'llm.input_messages.1.constructor.prototype.role': 'evil',
      },
    });
    expect(step.input.map((message) => message.text).filter((text) => text !== '')).toEqual(['first', 'second']);
    expect(({} as Record<string, unknown>)['content']).toBeUndefined();
  });

  it('caps flattened lists at 2,000', () => {
    const attributes: Record<string, unknown> = { ...llm };
    for (let i = 0; i < 2500; i++) attributes[`llm.input_messages.${i * 3}.message.content`] = 'x';
    expect(mustStep({ attributes }).input).toHaveLength(2000);
  });

  it('joins the chunks of a stream', () => {
    const attributes: Record<string, unknown> = { ...llm };
    for (const [i, text] of ['It ', 'ra', 'ins.'].entries()) {
      attributes[`llm.output_messages.${233 + i}.message.role`] = 'assistant';
      attributes[`llm.output_messages.${233 + i}.message.content`] = text;
    }
    expect(brief(mustStep({ attributes }).output)).toEqual([{ role: 'assistant', text: 'It rains.' }]);
  });

  it("reads OpenLLMetry's indexed prompts, and not the prompt's name", () => {
    const attributes = {
      ...chat,
      'gen_ai.prompt.0.role': 'user',
      'gen_ai.prompt.0.content': 'weather?',
      'gen_ai.prompt.1.role': 'assistant',
      'gen_ai.prompt.1.tool_calls.0.id': 'c1',
      'gen_ai.prompt.1.tool_calls.0.name': 'get',
      'gen_ai.prompt.1.tool_calls.0.arguments': '{"city":"Paris"}',
      'gen_ai.prompt.2.role': 'tool',
      'gen_ai.prompt.2.tool_call_id': 'c1',
      'gen_ai.prompt.2.content': 'rain',
      'gen_ai.completion.0.role': 'assistant',
      'gen_ai.completion.0.content': 'It rains.',
      'gen_ai.completion.0.finish_reason': 'stop',
    };
    const step = mustStep({ attributes });
    expect(brief(step.input)).toEqual(told);
    expect(brief(step.output)).toEqual([{ role: 'assistant', text: 'It rains.' }]);
    expect(step.finishReasons).toEqual(['stop']);
    expect(mustStep({ attributes: { ...chat, 'gen_ai.prompt.name': 'greeting' } }).has('messages.input')).toBe(false);
  });

  it.each<[string, Attributes]>([
    [
      'choice records',
      {
        events: JSON.stringify([
          { role: 'user', content: 'hi' },
          { index: 0, message: { role: 'assistant', content: 'ho' } },
        ]),
      },
    ],
    [
      'assistant at the end',
      {
        events: JSON.stringify([
          { 'event.name': 'gen_ai.user.message', content: 'hi' },
          { role: 'assistant', content: 'ho' },
        ]),
      },
    ],
    [
      'request and response',
      {
        request_data: '{"messages":[{"role":"user","content":"hi"}]}',
        response_data: '{"message":{"role":"assistant","content":"ho"}}',
      },
    ],
    [
      'whole conversation',
      {
        'pydantic_ai.all_messages':
          '[{"role":"user","parts":[{"type":"text","content":"hi"}]},{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]',
      },
    ],
    [
      'ADK',
      {
        'gcp.vertex.agent.llm_request': '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
        'gcp.vertex.agent.llm_response': '{"content":{"role":"model","parts":[{"text":"ho"}]}}',
      },
    ],
    [
      'LangSmith',
      { 'gen_ai.prompt': '{"role":"user","content":"hi"}', 'gen_ai.completion': '{"role":"assistant","content":"ho"}' },
    ],
    ['AI SDK', { 'ai.prompt': '{"prompt":"hi"}', 'ai.response.text': 'ho' }],
    ['Langfuse', { 'langfuse.observation.input': '[{"role":"user","content":"hi"}]', 'langfuse.observation.output': 'ho' }],
    [
      'an output that repeats the history',
      {
        'input.value': 'hi',
        'output.value': '{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}',
      },
    ],
    [
      'MLflow, JSON in JSON',
      {
        'mlflow.spanInputs': '"{\\"messages\\":[{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"}]}"',
        'mlflow.spanOutputs': '{"choices":[{"message":{"role":"assistant","content":"ho"}}]}',
      },
    ],
  ])('%s', (_, attributes) => {
    const step = mustStep({ attributes: { ...chat, ...attributes } });
    expect(brief(step.input)).toEqual([{ role: 'user', text: 'hi' }]);
    expect(brief(step.output)).toEqual([{ role: 'assistant', text: 'ho' }]);
    expect(step.has('messages.input') && step.has('messages.output')).toBe(true);
  });

  it.each<[string, NonNullable<Parameters<typeof mustStep>[0]['events']>]>([
    [
      'old conventions',
      [
        { name: 'gen_ai.user.message', attributes: { content: 'hi' } },
        { name: 'gen_ai.choice', attributes: { index: 0, message: '{"role":"assistant","content":"ho"}' } },
      ],
    ],
    [
      'Semantic Kernel',
      [
        { name: 'gen_ai.user.message', attributes: { 'gen_ai.event.content': '{"role":"user","content":"hi"}' } },
        { name: 'gen_ai.choice', attributes: { 'gen_ai.event.content': '{"message":{"role":"assistant","content":"ho"}}' } },
      ],
    ],
    [
      'Strands',
      [
        { name: 'gen_ai.user.message', attributes: { content: '[{"text":"hi"}]' } },
        { name: 'gen_ai.choice', attributes: { finish_reason: 'end_turn', message: '[{"text":"ho"}]' } },
      ],
    ],
    [
      'OpenLIT',
      [
        { name: 'gen_ai.content.prompt', attributes: { 'gen_ai.prompt': 'user: hi' } },
        { name: 'gen_ai.content.completion', attributes: { 'gen_ai.completion': 'ho' } },
      ],
    ],
    [
      'operation details',
      [
        {
          name: 'gen_ai.client.inference.operation.details',
          attributes: {
            'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
            'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]',
          },
        },
      ],
    ],
  ])('span events: %s', (_, events) => {
    const step = mustStep({ attributes: chat, events });
    expect(brief(step.input)).toEqual([{ role: 'user', text: 'hi' }]);
    expect(brief(step.output)).toEqual([{ role: 'assistant', text: 'ho' }]);
    expect(step.has('messages.input')).toBe(true);
  });

  it("reads Claude Code's markers", () => {
    const new_context = '[USER]\nlist files\n[TOOL RESULT: toolu_1]\na.txt';
    const step = mustStep({
      scope: 'com.anthropic.claude_code.tracing',
      attributes: { 'span.type': 'llm_request', new_context, 'response.model_output': 'done' },
    });
    expect(brief(step.input)).toEqual([
      { role: 'user', text: 'list files' },
      { role: 'tool', results: [['toolu_1', 'a.txt']] },
    ]);
    expect(brief(step.output)).toEqual([{ role: 'assistant', text: 'done' }]);
  });

  it.each([
    ['an assistant is made', '{"model":"m","instructions":"You are a tutor.","name":"Tutor","tools":[]}', []],
    ['a file is made', '{"purpose":"fine-tune"}', []],
    ['a prompt', '{"model":"m","prompt":"You are a tutor."}', ['You are a tutor.']],
    ['an input', '{"model":"m","instructions":"You are a tutor.","input":"2 + 2?"}', ['2 + 2?']],
  ])('a request: %s', (_, request_data, texts) => {
    expect(mustStep({ attributes: { ...chat, request_data } }).input.map(({ text }) => text)).toEqual(texts);
  });

  it.each<[string, Attributes, string]>([
    ['parts', { 'gen_ai.system_instructions': '[{"type":"text","content":"be brief"}]' }, 'be brief'],
    ['text', { 'gen_ai.system_instructions': 'be brief' }, 'be brief'],
    ['Anthropic request', { request_data: '{"system":"be brief","messages":[]}' }, 'be brief'],
    ['ADK', { 'gcp.vertex.agent.llm_request': '{"config":{"system_instruction":"be brief"}}' }, 'be brief'],
    ['first message', { 'gen_ai.input.messages': '[{"role":"developer","content":"be brief"}]' }, 'be brief'],
    ['persona', { crew_agents: '[{"role":"Editor","goal":"cut"}]' }, 'Editor. cut'],
  ])('system: %s', (_, attributes, want) => {
    const step = mustStep({ attributes: { ...chat, ...attributes } });
    expect(step.system).toBe(want);
    expect(step.has('system')).toBe(true);
  });
});

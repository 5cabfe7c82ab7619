// Each shape of a conversation: told with a confidence, turned into steps in order, near misses refused by name.
import { describe, expect, it } from 'vitest';
import { PayloadError } from '../payload.ts';
import { stepsOf } from '../testing.ts';
import { conversation, hints } from './conversation.ts';
import { detect } from './shapes.ts';

const args = '{"city":"Bonn"}';
const openai = {
  id: 'conv-1',
  model: 'm-1',
  messages: [
    { role: 'system', content: 'You know the weather.' },
    { role: 'user', content: 'Weather in Bonn?' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: args } }],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'rain' },
    { role: 'assistant', content: 'It rains.' },
  ],
};
const responses = {
  id: 'resp_1',
  object: 'response',
  model: 'm-1',
  input: 'Weather in Bonn?',
  output: [
    { type: 'reasoning', summary: [{ type: 'summary_text', text: 'I look it up.' }] },
    { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'weather', arguments: args },
    { type: 'function_call_output', call_id: 'c1', output: 'rain' },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'It rains.' }] },
  ],
  usage: { input_tokens: 7, output_tokens: 3 },
};
const claude = {
  system: 'You know the weather.',
  messages: [
    { role: 'user', content: 'Weather in Bonn?' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'weather', input: { city: 'Bonn' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'rain' }] }] },
    { role: 'assistant', content: [{ type: 'text', text: 'It rains.' }] },
  ],
};
const said = ['agent user: Weather in Bonn?', 'llm assistant: It rains.'];
const withTool = [said[0], 'llm assistant: calls weather', `tool weather ${args} = rain`, said[1]];

/** Steps without the root, one line each. */
function lines(payload: unknown): string[] {
  return stepsOf(conversation(payload))
    .slice(1)
    .map(({ kind, agent, tool, output }) => {
      if (kind === 'tool') return `tool ${tool?.name} ${tool?.arguments} = ${tool?.result}`;
      const text = output.map((one) => one.text).join('|');
      const calls = output.flatMap((one) => one.toolCalls.map(({ name }) => name));
      return `${kind} ${agent}: ${text}${calls.length > 0 ? `calls ${calls.join()}` : ''}`;
    });
}

describe('shapes', () => {
  it.each<[string, number, unknown, readonly (string | undefined)[]]>([
    ['openai', 0.95, openai, withTool],
    ['openai', 0.95, openai.messages, withTool],
    ['openai', 0.8, { messages: [openai.messages[1], openai.messages[4]] }, said],
    [
      'openai',
      0.95,
      { id: 'x', object: 'chat.completion', choices: [{ message: { role: 'assistant', content: 'It rains.' } }] },
      [said[1]],
    ],
    ['responses', 0.95, responses, withTool],
    ['responses', 0.95, responses.output, withTool.slice(1)],
    ['claude', 0.95, claude, withTool],
    [
      'claude-export',
      0.98,
      {
        uuid: 'u',
        name: 'Weather',
        chat_messages: [
          { uuid: 'a', sender: 'human', text: 'Weather in Bonn?', created_at: '2026-01-01T10:00:00Z' },
          {
            uuid: 'b',
            sender: 'assistant',
            text: '',
            content: [{ type: 'text', text: 'It rains.' }],
            created_at: '2026-01-01T10:00:02Z',
          },
        ],
      },
      said,
    ],
    [
      'sharegpt',
      0.95,
      {
        conversations: [
          { from: 'human', value: 'Weather in Bonn?' },
          { from: 'gpt', value: 'It rains.' },
        ],
      },
      said,
    ],
    [
      'turns',
      0.7,
      {
        turns: [
          { speaker: 'Planner', text: 'Ask for the weather.' },
          { agent: 'Forecaster', content: 'It rains.' },
          { role: 'user', value: 'Thanks' },
        ],
      },
      ['agent Planner: Ask for the weather.', 'agent Forecaster: It rains.', 'agent user: Thanks'],
    ],
    [
      'mast',
      0.95,
      {
        mas_name: 'AG2',
        benchmark_name: 'b',
        trace_id: 3,
        trace: {
          trajectory: [
            { role: 'user', name: 'proxy', content: ['What is', '6*7?'] },
            { role: 'user', name: 'assistant', content: '42' },
          ],
        },
      },
      ['agent proxy: What is\n6*7?', 'agent assistant: 42'],
    ],
  ])('%s, confidence %d', (format, confidence, payload, expected) => {
    expect(detect(payload)).toMatchObject({ format, confidence });
    expect(lines(payload)).toEqual(expected);
    expect(conversation(payload)).toEqual(conversation(structuredClone(payload)));
  });

  it.each<[string, string, readonly string[]]>([
    [
      'AG2',
      'proxy (to assistant):\n\nSolve it.\n\n----\nassistant (to proxy):\n\n42\n',
      ['agent proxy: Solve it.\n\n----', 'agent assistant: 42'],
    ],
    [
      'ChatDev',
      '[2026-01-02 10:00:00 INFO] **[Preprocessing]**\n\na task\n[2026-01-02 10:00:01 INFO] HTTP Request: POST x\n[2026-01-02 10:00:02 INFO] Programmer: **Programmer<->Reviewer on : Coding, turn 0**\ncode\n',
      ['agent System: **[Preprocessing]**\n\na task', 'agent Programmer: **Programmer<->Reviewer on : Coding, turn 0**\ncode'],
    ],
    [
      'HyperAgent',
      "HyperAgent_x - INFO - Initialized tools\nHyperAgent_x - INFO - Planner's Response: look\nthere\nHyperAgent_x - INFO - Navigator->Planner: found",
      ['agent System: Initialized tools', 'agent Planner: look\nthere', 'agent Navigator: found'],
    ],
    [
      'MetaGPT',
      "=== MetaGPT Agent Communication Log - Started at 2026-01-02 10:00:00 ===\n\n[2026-01-02 10:00:00] FROM: Human TO: {'<all>'}\nACTION: a.b\nCONTENT:\nWrite it.\n--------------------\n\n[2026-01-02 10:00:09] NEW MESSAGES:\n\nCoder: \ndef f(): pass\n--------------------\n\n=== Communication Log Ended at 2026-01-02 10:00:10 ===\n",
      ['agent Human: Write it.', 'agent Coder: def f(): pass'],
    ],
    [
      'AppWorld',
      '**** Task 1/1 (x) ****\nDo it.\nResponse from Supervisor Agent\nsend(1)\n  Entering Music Agent message loop\n    Response from Music Agent\n    play()\n    Code Execution Output\n    done\n',
      ['agent Supervisor: send(1)', 'agent Music: play()', 'tool Code Execution undefined = done'],
    ],
    [
      'Magentic-One',
      '---------- user ----------\nFind it.\n---------- WebSurfer ----------\nFound.',
      ['agent user: Find it.', 'agent WebSurfer: Found.'],
    ],
  ])('a text of %s', (system, trajectory, expected) => {
    const row = { mas_name: system, trace_id: 1, trace: { trajectory }, mast_annotation: { '1.1': 1 } };
    expect(detect(row)).toMatchObject({ format: 'mast', confidence: 0.95 });
    expect(lines(row)).toEqual(expected);
    expect(JSON.stringify(conversation(row))).not.toContain('annotation');
  });
});

describe('steps', () => {
  it('an answer knows the question and the results since, the model and the instructions', () => {
    const steps = stepsOf(conversation(openai));
    const [, , first, tool, last] = steps;
    expect(first!.input.map(({ text }) => text)).toEqual(['Weather in Bonn?']);
    expect(last!.input.map(({ role, text, toolResults }) => [role, text, toolResults[0]?.text])).toEqual([
      ['user', 'Weather in Bonn?', undefined],
      ['tool', '', 'rain'],
    ]);
    expect(last).toMatchObject({ system: 'You know the weather.', sessionId: 'conv-1' });
    expect(tool!.tool).toMatchObject({ callId: 'c1' });
    expect(steps.every(({ extra }) => extra['time.synthetic'] === true)).toBe(true);
  });

  it('usage is that of the answer', () => {
    expect(stepsOf(conversation(responses)).at(-1)!.tokens).toMatchObject({ input: 7, output: 3 });
  });

  it('a result that Claude flags is an error', () => {
    const failed = structuredClone(claude) as unknown as { messages: { content: Record<string, unknown>[] }[] };
    failed.messages[2]!.content[0]!['is_error'] = true;
    expect(stepsOf(conversation(failed))[3]).toMatchObject({ outcome: 'error' });
    expect(stepsOf(conversation(claude))[3]!.outcome).not.toBe('error');
  });

  it('whom a participant speaks to', () => {
    const trajectory = 'proxy (to assistant):\nSolve it.\nassistant (to proxy):\n42';
    const steps = stepsOf(conversation({ mas_name: 'AG2', trace: { trajectory } }));
    expect(steps.map(({ extra }) => extra['message.recipient'])).toEqual([undefined, 'assistant', 'proxy']);
  });

  it('says what cannot be seen', () => {
    expect(hints({ messages: [openai.messages[1], openai.messages[4]] })).toHaveLength(2);
    expect(hints(openai)).toHaveLength(1);
  });
});

describe('near misses', () => {
  it.each<[string, unknown, number]>([
    ['no list', { anything: 1 }, 0],
    ['an empty list', { messages: [] }, 0],
    ['numbers', [1, 2, 3], 0],
    ['one message in three', { messages: [{ role: 'user', content: 'a' }, 1, 2] }, 0.27],
    ['a text without headings', { mas_name: 'AG2', trace: { trajectory: 'one text' } }, 0],
    ['spans', { resourceSpans: [] }, 0],
  ])('%s', (_, payload, confidence) => {
    expect(detect(payload).confidence).toBe(confidence);
    expect(() => conversation(payload)).toThrow(PayloadError);
    expect(() => conversation(payload)).toThrow(/expected a conversation: messages\[\] with role and content .+ShareGPT/);
  });
});

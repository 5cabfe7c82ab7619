// Bedrock Agents: every recorded stream against the counts taken from it, and parts of ours.
import { describe, expect, test } from 'vitest';
import { PayloadError } from '../payload.ts';
import { expectedOf, sampleNames, samplesExpected, sampleText } from '../samples.ts';
import { stepsOf } from '../testing.ts';
import { bedrock, hints } from './bedrock.ts';

interface Expected {
  readonly collaborators: readonly string[];
  readonly events: number;
  readonly invocations: Readonly<Record<string, number>>;
  readonly trace_parts: Readonly<Record<string, number>>;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

describe.runIf(samplesExpected)('recorded streams', () => {
  test.each(sampleNames('bedrock-agents'))('%s', (name) => {
    const { collaborators, input_tokens, output_tokens, ...total } = expectedOf<Expected>('bedrock-agents', name) as Expected;
    const steps = stepsOf(bedrock(JSON.parse(sampleText('bedrock-agents', name))));
    expect(steps[0]?.extra['run.total']).toEqual(total);
    // The same from the spans themselves: an invocation and what was observed of it are one.
    const invoked = (type: string) => total.invocations[type] ?? 0;
    const count = (kind: string, name?: string) =>
      steps.filter((step) => step.kind === kind && (name === undefined || step.name.endsWith(name))).length;
    expect({ tools: count('tool'), code: count('tool', 'code_interpreter'), handoffs: count('handoff') }).toEqual({
      tools: invoked('ACTION_GROUP') + invoked('ACTION_GROUP_CODE_INTERPRETER'),
      code: invoked('ACTION_GROUP_CODE_INTERPRETER'),
      handoffs: invoked('AGENT_COLLABORATOR'),
    });
    if (total.events > 1) expect(count('retriever')).toBe(invoked('KNOWLEDGE_BASE'));
    expect(count('guardrail')).toBe(total.trace_parts['guardrailTrace'] ?? 0);
    const sum = (of: 'input' | 'output') =>
      steps.reduce((all, { kind, tokens }) => all + (kind === 'llm' ? (tokens?.[of] ?? 0) : 0), 0);
    expect([sum('input'), sum('output')]).toEqual([input_tokens, output_tokens]);
    const agents = new Set(steps.filter(({ kind, parentId }) => kind === 'agent' && parentId !== '').map(({ agent }) => agent));
    for (const collaborator of collaborators) expect(agents).toContain(collaborator);
  });

  test('what boto3 gives and what stands in the stream are the same spans', () => {
    const { events } = JSON.parse(sampleText('bedrock-agents', 'test_multi_agent_collaborator.json')) as {
      events: { eventType: string; payload: object }[];
    };
    const given = events.map(({ eventType, payload }) => ({ [eventType]: payload }));
    const ids = (payload: unknown) =>
      stepsOf(bedrock(payload)).map(({ traceId, spanId, name }) => `${traceId} ${spanId} ${name}`);
    expect(ids(given)).toEqual(ids(events));
  });
});

const uuid = '203bd987-ced4-4ddd-a370-633c8b668e7f';
const part = (trace: object, more: object = {}) => ({
  agentId: 'A1',
  sessionId: 's1',
  eventTime: '2026-01-01T00:00:00Z',
  callerChain: [{ agentAliasArn: 'arn:a' }],
  trace,
  ...more,
});
const orchestration = (inner: object) => part({ orchestrationTrace: inner });

test('a tool call and its answer are one tool; a malformed call is handled, a guardrail blocks, a failure fails the run', () => {
  const steps = stepsOf(
    bedrock([
      orchestration({
        invocationInput: {
          traceId: `${uuid}-0`,
          invocationType: 'ACTION_GROUP',
          actionGroupInvocationInput: {
            actionGroupName: 'g',
            function: 'add',
            parameters: [{ name: 'a', type: 'number', value: '1' }],
          },
        },
      }),
      orchestration({ observation: { traceId: `${uuid}-0`, type: 'ACTION_GROUP', actionGroupInvocationOutput: { text: '2' } } }),
      orchestration({
        observation: { traceId: `${uuid}-1`, type: 'REPROMPT', repromptResponse: { source: 'PARSER', text: 'no such tool' } },
      }),
      part({ guardrailTrace: { traceId: `${uuid}-2`, action: 'INTERVENED' } }),
      part({ failureTrace: { traceId: `${uuid}-3`, failureReason: 'Throttled', failureCode: 429 } }),
    ]),
  );
  expect(steps.map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['agent', 'error'],
    ['tool', 'ok'],
    ['task', 'handled_error'],
    ['guardrail', 'blocked'],
    ['task', 'error'],
  ]);
  expect(steps[1]?.tool).toMatchObject({ name: 'add', arguments: '{"a":"1"}', result: '2' });
  expect(steps[0]).toMatchObject({
    traceId: uuid.replaceAll('-', ''),
    sessionId: 's1',
    error: { type: '429', message: 'Throttled' },
  });
});

test.each([
  [{ executionError: 'EOFError', executionTimeout: false }, 'handled_error', { type: 'execution_error', message: 'EOFError' }],
  [{ executionTimeout: true }, 'timeout', { type: 'timeout', message: 'The code ran too long.' }],
  [{ executionOutput: '4' }, 'ok', undefined],
])('code that answers %j is %s', (output, outcome, error) => {
  const steps = stepsOf(
    bedrock([
      orchestration({
        invocationInput: {
          traceId: `${uuid}-0`,
          invocationType: 'ACTION_GROUP_CODE_INTERPRETER',
          codeInterpreterInvocationInput: { code: '2 + 2' },
        },
      }),
      orchestration({
        observation: { traceId: `${uuid}-0`, type: 'ACTION_GROUP_CODE_INTERPRETER', codeInterpreterInvocationOutput: output },
      }),
    ]),
  );
  expect(steps[1]).toMatchObject({ kind: 'tool', outcome, error });
});

const model = (asked: string, answered: string) =>
  stepsOf(
    bedrock([
      orchestration({ modelInvocationInput: { traceId: `${uuid}-0`, type: 'ORCHESTRATION', text: asked } }),
      orchestration({ modelInvocationOutput: { traceId: `${uuid}-0`, rawResponse: { content: answered } } }),
    ]),
  ).find(({ kind }) => kind === 'llm');
const told = (content: string) => JSON.stringify({ system: 'Be brief.', messages: [{ role: 'user', content }] });

test.each([
  ['a user', told('[{text=Add 1, 2., type=text}]'), ['user', 'Add 1, 2.', '']],
  ['a user of Converse', told('[{text=Add 1, 2.}]'), ['user', 'Add 1, 2.', '']],
  [
    'a result as XML',
    told(' <function_results> <result> <tool_name>add</tool_name> <stdout>3</stdout> </result> </function_results>'),
    ['tool', '', '3'],
  ],
  [
    'a result as an object',
    told('[{tool_use_id=t1, type=tool_result, content=[Content{type=text, source=null, text=3, 4, reasoningText=null}]}]'),
    ['tool', '', '3, 4'],
  ],
  ['a line break that is no JSON', told('one').replace('one', 'one\\ two'), ['user', 'one\ntwo', '']],
])('what the model is told: %s', (_, asked, expected) => {
  const step = model(asked, 'ok');
  expect(step?.input.map(({ role, text, toolResults }) => [role, text, toolResults.map((one) => one.text).join()])).toEqual([
    expected,
  ]);
  expect(step?.system).toBe('Be brief.');
});

test('a prompt of one text is the instructions of the service', () => {
  expect(model('You answer questions. Here are the results: …', 'ok')).toMatchObject({
    input: [],
    system: 'You answer questions. Here are the results: …',
  });
});

test.each([
  ['text', '<answer>3', ['<answer>3', []]],
  [
    'calls as XML',
    'I add. <function_calls><invoke><tool_name>add</tool_name><parameters><a>1</a></parameters></invoke>',
    ['I add.', [['add', '{"a":"1"}']]],
  ],
  [
    'Claude',
    JSON.stringify({
      content: [
        { type: 'text', text: 'I add.', name: null },
        { type: 'tool_use', id: 't1', name: 'add', input: { a: 1 }, text: null },
      ],
    }),
    ['I add.', [['add', '{"a":1}']]],
  ],
  [
    'Converse',
    JSON.stringify({
      output: { message: { content: [{ text: null, toolUse: { toolUseId: 't1', name: 'add', input: { a: 1 } } }] } },
    }),
    ['', [['add', '{"a":1}']]],
  ],
])('what the model answers: %s', (_, answered, expected) => {
  const [said] = model(told('Add 1, 2.'), answered)?.output ?? [];
  expect([said?.text, said?.toolCalls.map(({ name, arguments: args }) => [name, args])]).toEqual(expected);
});

test('events without a trace say how to get one', () => {
  expect(hints([{ chunk: { bytes: 'eA==' } }])).toEqual([expect.stringMatching(/enableTrace=True/)]);
  expect(hints(orchestration({ rationale: { traceId: `${uuid}-0`, text: 'x' } }))).toEqual([]);
});

test.each([[null], [7], ['x'], [[]], [[1]]])('%j is refused', (payload) => {
  expect(() => bedrock(payload)).toThrow(PayloadError);
});

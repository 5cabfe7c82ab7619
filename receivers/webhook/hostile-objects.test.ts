// The adapters of objects and streams, as `hostile.test.ts` has it for those of runs: any JSON in any place gives spans or a `PayloadError`,
// the same body the same ids, 10,000 levels and prototype keys nothing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adk } from './adk/adk.ts';
import { bedrock } from './bedrock/bedrock.ts';
import { openai } from './openai/openai.ts';
import { openclaw } from './openclaw/openclaw.ts';
import { PayloadError } from './payload.ts';
import { lookAtAll, stepsOf } from './testing.ts';

const deep = (levels: number): unknown => JSON.parse(`${'{"a":['.repeat(levels / 2)}1${']}'.repeat(levels / 2)}`) as unknown;

const anything: fc.Arbitrary<unknown> = fc.oneof(
  { maxDepth: 2 },
  fc.jsonValue(),
  fc.constantFrom({ toString: 1 }, { valueOf: 1, toString: [] }, [{ toString: 1 }], -1e308, 1e308, '', '1e999', [null], [[]]),
);

interface Case {
  readonly name: string;
  readonly convert: (payload: unknown) => readonly unknown[];
  /** Bodies that go, with every member that is read somewhere. */
  readonly bodies: readonly unknown[];
}

const part = {
  agentId: 'a',
  sessionId: 's',
  eventTime: '2026-01-01T00:00:00Z',
  callerChain: [{ agentAliasArn: 'arn' }],
  collaboratorName: 'c',
};
const traced = (inner: object) => ({ ...part, trace: { orchestrationTrace: inner } });

const cases: readonly Case[] = [
  {
    name: 'openai',
    convert: openai,
    bodies: [
      {
        data: [
          { object: 'trace', id: 'trace_1', workflow_name: 'w', group_id: 'g', metadata: {} },
          ...['agent', 'function', 'generation', 'response', 'handoff', 'guardrail', 'custom', 'mcp_tools'].map((type, i) => ({
            object: 'trace.span',
            id: `span_${i}`,
            trace_id: 'trace_1',
            parent_id: 'span_0',
            started_at: '2026-01-01T00:00:00Z',
            ended_at: '2026-01-01T00:00:01Z',
            error: { message: 'm', data: { error: 'e' } },
            span_data: {
              type,
              name: 'n',
              input: 'i',
              output: 'o',
              model: 'm',
              usage: { input_tokens: 1 },
              data: {},
              result: ['r'],
              response: { output: [] },
            },
          })),
        ],
      },
      {
        id: 'resp_1',
        object: 'response',
        status: 'failed',
        error: { code: 'c', message: 'm' },
        incomplete_details: { reason: 'r' },
        conversation: { id: 'c' },
        previous_response_id: 'resp_0',
        created_at: 1_760_000_000,
        model: 'm',
        instructions: 'i',
        tools: [{ type: 'function' }],
        input: [
          { type: 'function_call_output', call_id: 'c1', output: 'o' },
          { role: 'user', content: 'hi' },
        ],
        output: [
          { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 't' }] },
          { type: 'function_call', call_id: 'c1', name: 'n', arguments: '{}' },
          { type: 'file_search_call', id: 'f', results: [] },
          { type: 'mcp_call', name: 'n', error: 'e' },
        ],
        usage: { input_tokens: 1, output_tokens: 1, input_tokens_details: { cached_tokens: 1 } },
      },
      [
        {
          object: 'thread.run',
          id: 'run_1',
          thread_id: 't',
          assistant_id: 'a',
          status: 'failed',
          last_error: { code: 'c', message: 'm' },
          started_at: 1,
        },
        {
          object: 'thread.run.step',
          id: 'step_1',
          run_id: 'run_1',
          status: 'expired',
          usage: {},
          step_details: { tool_calls: [{ id: 'c', type: 'function', function: { name: 'n', arguments: '{}', output: 'o' } }] },
        },
      ],
      [{ event: 'thread.run.completed', data: { object: 'thread.run', id: 'run_1' } }],
      [
        { type: 'response.created', response: { id: 'resp_1', object: 'response', status: 'in_progress', output: [] } },
        { type: 'response.output_item.done', item: { type: 'message', content: 'c' } },
        { type: 'error', code: 'c', message: 'm' },
      ],
      {
        interactions: [
          {
            request: { uri: 'u', body: '{"input":"i"}' },
            response: { body: { string: '{"id":"resp_1","object":"response","output":[]}' } },
          },
        ],
      },
    ],
  },
  {
    name: 'bedrock',
    convert: bedrock,
    bodies: [
      {
        request: { sessionId: 's' },
        events: [
          {
            eventType: 'trace',
            payload: traced({
              modelInvocationInput: {
                traceId: 't-0',
                foundationModel: 'm',
                text: '{"system":"s","messages":[{"role":"user","content":"c"}]}',
              },
            }),
          },
          traced({
            modelInvocationOutput: {
              traceId: 't-0',
              metadata: { usage: { inputTokens: 1, outputTokens: 1 }, startTime: 'x' },
              rawResponse: { content: 'c' },
              parsedResponse: { isValid: false },
            },
          }),
          traced({
            invocationInput: {
              traceId: 't-0',
              invocationType: 'ACTION_GROUP',
              actionGroupInvocationInput: {
                function: 'f',
                parameters: [{ name: 'a', value: 'v' }],
                requestBody: { content: { json: [{ name: 'b', value: 1 }] } },
              },
            },
          }),
          traced({
            invocationInput: {
              traceId: 't-0',
              invocationType: 'AGENT_COLLABORATOR',
              agentCollaboratorInvocationInput: { agentCollaboratorName: 'c', input: { text: 't' } },
            },
          }),
          traced({ observation: { traceId: 't-0', type: 'REPROMPT', repromptResponse: { source: 'ACTION_GROUP', text: 't' } } }),
          traced({
            observation: {
              traceId: 't-0',
              type: 'KNOWLEDGE_BASE',
              knowledgeBaseLookupOutput: {
                retrievedReferences: [{ content: { text: 't' }, location: { s3Location: { uri: 'u' } } }],
              },
            },
          }),
          { trace: { ...part, trace: { guardrailTrace: { action: 'INTERVENED', metadata: { startTime: 'x' } } } } },
          { trace: { ...part, trace: { failureTrace: { failureReason: 'r', failureCode: 1 } } } },
          traced({
            invocationInput: {
              traceId: 't-1',
              invocationType: 'ACTION_GROUP_CODE_INTERPRETER',
              codeInterpreterInvocationInput: { code: 'c' },
            },
          }),
          traced({
            observation: {
              traceId: 't-1',
              type: 'ACTION_GROUP_CODE_INTERPRETER',
              codeInterpreterInvocationOutput: { executionError: 'e', executionTimeout: true },
            },
          }),
          { chunk: { bytes: 'eA==' } },
          { retrievalResults: [{ content: { text: 't' } }], citations: [{ retrievedReferences: [] }], output: { text: 't' } },
        ],
      },
    ],
  },
  {
    name: 'adk',
    convert: adk,
    bodies: [
      {
        id: 's',
        appName: 'a',
        eventLogs: [
          {
            eventId: 'e',
            modelRequest: { model: 'm', contents: [], config: { systemInstruction: 's' } },
            modelResponse: { candidates: [{ content: {} }], usageMetadata: {} },
          },
        ],
        events: [
          { id: 'e', invocationId: 'i', author: 'user', content: { parts: [{ text: 't' }] }, timestamp: 1_760_000_000 },
          {
            id: 'f',
            invocationId: 'i',
            author: 'a',
            content: { parts: [{ functionCall: { id: 'c', name: 'n', args: {} } }, { text: 't', thought: true }] },
            usageMetadata: { promptTokenCount: 1 },
            longRunningToolIds: ['c'],
            branch: 'b.c',
            interrupted: false,
          },
          {
            id: 'g',
            invocationId: 'i',
            author: 'a',
            content: { parts: [{ functionResponse: { id: 'c', name: 'n', response: { error: 'e' } } }] },
            actions: { stateDelta: { a: 1 }, transferToAgent: 'b' },
            errorCode: 'c',
            errorMessage: 'm',
          },
        ],
      },
      {
        eval_cases: [
          {
            eval_id: 'e',
            conversation: [
              {
                invocation_id: 'i',
                user_content: { parts: [] },
                final_response: {},
                intermediate_data: { tool_uses: [{ name: 'n', args: {} }] },
              },
            ],
          },
        ],
      },
      {
        root_span: {
          name: 'n',
          attributes: { 'error.type': 'x' },
          status: 'ERROR',
          children: [{ name: 'c', attributes: {}, children: [] }],
        },
      },
    ],
  },
];

/** The body with what stands at one of its places replaced. */
function replaced(body: unknown, place: number, by: unknown): unknown {
  let left = place;
  const walk = (value: unknown): unknown => {
    if (left-- === 0) return by;
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(body);
}

const places = (body: unknown): number =>
  typeof body === 'object' && body !== null ? 1 + Object.values(body).reduce((sum: number, inner) => sum + places(inner), 0) : 1;

describe.each(cases)('$name', ({ convert, bodies }) => {
  it('the same body has the same ids', () => {
    for (const body of bodies) {
      const ids = () => stepsOf(convert(structuredClone(body))).map(({ traceId, spanId }) => traceId + spanId);
      expect(ids()).toEqual(ids());
      expect(new Set(ids()).size).toBe(ids().length);
    }
  });

  it('takes any JSON in any place', () => {
    const body = fc.constantFrom(...bodies);
    fc.assert(
      fc.property(body, fc.nat(500), anything, (good, place, odd) => {
        let documents: readonly unknown[];
        try {
          documents = convert(replaced(good, place % places(good), odd));
        } catch (error) {
          expect(error).toBeInstanceOf(PayloadError);
          return;
        }
        for (const step of stepsOf(documents)) lookAtAll(step);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  it('10,000 levels and prototype keys in every place', () => {
    const odd = [deep(10_000), JSON.parse('{"__proto__":{"polluted":1},"constructor":1,"parts":[{"__proto__":{"polluted":1}}]}')];
    for (const good of bodies) {
      for (let place = 0; place < places(good); place++) {
        for (const value of odd) {
          try {
            for (const step of stepsOf(convert(replaced(good, place, value)))) lookAtAll(step);
          } catch (error) {
            expect(error).toBeInstanceOf(PayloadError);
          }
        }
      }
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('a list longer than a call has room for arguments', () => {
  it.each<[string, () => readonly unknown[]]>([
    ['bedrock', () => bedrock({ events: Array(200_000).fill(traced({ rationale: { text: 'x', traceId: 't' } })) })],
    [
      'openclaw',
      () =>
        openclaw([
          { type: 'session', id: 's' },
          { type: 'message', id: 'm', message: { role: 'assistant', content: Array(200_000).fill({ type: 'text', text: 'x' }) } },
        ]),
    ],
    [
      'adk',
      () => adk({ id: 's', events: Array(60_000).fill({ invocationId: 'i', author: 'a', content: { parts: [{ text: 'x' }] } }) }),
    ],
  ])('%s', (_, make) => {
    for (const one of stepsOf(make()).slice(0, 100)) lookAtAll(one);
  });
});

it('openclaw: an event of 5,000 members keeps the first thousand and says how many are not there', () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i]));
  const [, event] = stepsOf(openclaw({ session_id: 's', events: [{ type: 'message.received', data: many }] }));
  expect(event!.extra['event.data']).toMatchObject({ k999: 999, '[left out]': 4_000 });
});

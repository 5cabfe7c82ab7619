// OpenAI: every sample against its counts, and bodies of ours.
import { describe, expect, test } from 'vitest';
import { PayloadError } from '../payload.ts';
import { expectedOf, sampleNames, samplesExpected, sampleText } from '../samples.ts';
import { serverSentEvents } from '../sse.ts';
import { stepsOf } from '../testing.ts';
import { hints, openai } from './openai.ts';

const names = sampleNames('openai');

/** The documentation's runs have a brace too many, and one no `data:`; the wire has neither fault. */
const repaired = (text: string) =>
  text.replaceAll('"parallel_tool_calls":true}}', '"parallel_tool_calls":true}').replace(/^\{/gm, 'data: {');

describe.runIf(samplesExpected)('samples', () => {
  test.each(names.filter((name) => name.endsWith('.json')))('%s', (name) => {
    const expected = expectedOf<Readonly<Record<string, number>>>('openai', name) as Readonly<Record<string, number>>;
    const { total_tokens, ...counts } = expected;
    const steps = stepsOf(openai(JSON.parse(sampleText('openai', name))));
    const roots = steps.filter(({ parentId }) => parentId === '');
    const total: Record<string, number> = {};
    for (const { extra } of roots)
      for (const [key, n] of Object.entries((extra['run.total'] ?? {}) as Record<string, number>))
        total[key] = (total[key] ?? 0) + n;
    for (const [key, n] of Object.entries(counts)) {
      // A step alone is no run: how it ended stands on itself.
      const seen = key.startsWith('thread.run.step:')
        ? steps.filter(({ extra }) => `thread.run.step:${extra['node.status']}` === key).length
        : total[key];
      expect([key, seen]).toEqual([key, n]);
    }
    // The counts take tokens of Responses objects only.
    const tokens = steps.reduce((sum, { tokens: one }) => sum + (one?.input ?? 0) + (one?.output ?? 0), 0);
    if (counts['responses'] !== undefined) expect(tokens).toBe(total_tokens);
  });

  test.each(names.filter((name) => name.endsWith('.sse.txt')))('%s', (name) => {
    const steps = stepsOf(openai(serverSentEvents(repaired(sampleText('openai', name)))));
    expect(steps.find(({ parentId }) => parentId === '')?.extra['run.status']).toBe('completed');
    expect(steps.length).toBeGreaterThan(1);
  });
});

const trace = { object: 'trace', id: `trace_${'a'.repeat(32)}`, workflow_name: 'support', group_id: 'chat-1' };
const span = (id: string, parent: string | null, span_data: object, more: object = {}) => ({
  object: 'trace.span',
  id: `span_${id}`,
  trace_id: trace.id,
  parent_id: parent === null ? null : `span_${parent}`,
  started_at: '2026-01-01T00:00:00Z',
  ended_at: '2026-01-01T00:00:01Z',
  span_data,
  error: null,
  ...more,
});
const spans = [
  span('1', null, { type: 'agent', name: 'triage' }),
  span('2', '1', {
    type: 'generation',
    model: 'gpt',
    input: [{ role: 'user', content: 'hi' }],
    output: [{ role: 'assistant', content: 'yo' }],
    usage: { input_tokens: 5, output_tokens: 2 },
  }),
  span(
    '3',
    '1',
    { type: 'function', name: 'search', input: '{"q":1}', output: 'none' },
    { error: { message: 'Error running tool', data: { error: 'boom' } } },
  ),
  span('4', '1', { type: 'handoff', from_agent: 'triage', to_agent: 'billing' }),
  span('5', '1', { type: 'guardrail', name: 'pii', triggered: true }),
];

describe('the exporter of the Agents SDK', () => {
  test('kinds, content, errors, blocks and the session', () => {
    const steps = stepsOf(openai({ data: [trace, ...spans] }));
    expect(steps.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ['workflow', 'ok'],
      ['agent', 'ok'],
      ['llm', 'ok'],
      ['tool', 'error'],
      ['handoff', 'ok'],
      ['guardrail', 'blocked'],
    ]);
    expect(steps.every(({ traceId, sessionId }) => traceId === 'a'.repeat(32) && sessionId === 'chat-1')).toBe(true);
    expect(steps[2]).toMatchObject({
      tokens: { input: 5, output: 2 },
      input: [{ role: 'user', text: 'hi' }],
      output: [{ text: 'yo' }],
    });
    expect(steps[3]).toMatchObject({
      tool: { name: 'search', arguments: '{"q":1}', result: 'none' },
      error: { message: 'Error running tool: boom' },
    });
    expect(steps[4]?.handoff).toEqual({ from: 'triage', to: 'billing' });
  });

  test('the trace and its spans in bodies of their own, in any order, are the same spans', () => {
    const ids = (documents: readonly unknown[]) =>
      stepsOf(documents as never).map(({ spanId, parentId }) => `${spanId}<${parentId}`);
    const whole = ids(openai({ data: [trace, ...spans] }));
    const apart = [...spans].reverse().flatMap((one) => ids(openai({ data: [one] })));
    expect(new Set([...apart, ...ids(openai({ data: [trace] }))])).toEqual(new Set(whole));
  });

  test('a response span without content says where content is', () => {
    expect(hints({ data: [span('9', null, { type: 'response', response_id: 'resp_1' })] })).toEqual([
      expect.stringMatching(/OpenInference/),
    ]);
    expect(hints({ data: [trace, ...spans] })).toEqual([]);
  });
});

describe('responses', () => {
  test('a chain is one session; calls and what answered them', () => {
    const call = { type: 'function_call', call_id: 'c1', name: 'add', arguments: '{"a":1}' };
    const first = { id: 'resp_1', object: 'response', status: 'completed', model: 'gpt', output: [call] };
    const second = {
      id: 'resp_2',
      object: 'response',
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      previous_response_id: 'resp_1',
      input: [call, { type: 'function_call_output', call_id: 'c1', output: '3' }],
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'It is' }] }],
    };
    const steps = stepsOf(openai([first, second]));
    expect(new Set(steps.map(({ sessionId }) => sessionId))).toEqual(new Set(['resp_1']));
    expect(steps.find(({ kind }) => kind === 'tool')).toMatchObject({ tool: { name: 'add', arguments: '{"a":1}', result: '3' } });
    expect(steps.filter(({ kind }) => kind === 'llm')[1]).toMatchObject({
      outcome: 'error',
      error: { type: 'max_output_tokens' },
    });
  });

  test('the event of a webhook is the response’s trace and says how it ended', () => {
    const event = { id: 'evt_1', type: 'response.cancelled', created_at: 1_719_168_000, data: { id: 'resp_1' } };
    const [thin] = stepsOf(openai(event));
    const [full] = stepsOf(openai({ id: 'resp_1', object: 'response', status: 'cancelled', output: [] }));
    expect(thin).toMatchObject({ traceId: full?.traceId, outcome: 'cancelled' });
    expect(hints(event)).toEqual([expect.stringMatching(/GET \/v1\/responses/)]);
  });
});

test.each([[null], [7], ['x'], [{}], [{ object: 'response' }], [[{}]]])('%j is refused', (payload) => {
  expect(() => openai(payload)).toThrow(PayloadError);
});

// OpenAI: every sample against its counts, and bodies of ours.
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
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

  test.each(names.filter((name) => name.endsWith('.yaml')))('%s', (name) => {
    const cassette = parse(sampleText('openai', name)) as { interactions: { request: { uri: string } }[] };
    const asked = cassette.interactions.filter(({ request }) => request.uri.endsWith('/v1/responses')).length;
    const calls = stepsOf(openai(cassette)).filter(({ kind }) => kind === 'llm');
    expect(calls).toHaveLength(asked);
    for (const { input, output } of calls) expect([input.length > 0, output.length > 0]).toEqual([true, true]);
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
      ['tool', 'handled_error'],
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

  test('what a turn or task sums is no usage; a limit that ended a run; tools of an agent; secrets of metadata', () => {
    const steps = stepsOf(
      openai({
        data: [
          { ...trace, group_id: null, metadata: { api_key: 'leak', plan: 'free' } },
          span('1', null, { type: 'custom', name: 'task', data: { sdk_span_type: 'task', usage: { input_tokens: 5 } } }),
          span(
            '2',
            '1',
            { type: 'agent', name: 'a', tools: ['add', 7] },
            { error: { message: 'Max turns exceeded', data: { max_turns: 4 } } },
          ),
          span('3', '1', { type: 'custom', name: 'turn', data: { agent_name: 'a', usage: { input_tokens: 5 } } }),
          span('4', '2', { type: 'function', name: 'add', output: null }, { error: { message: 'broke', data: null } }),
          span('5', '1', { type: 'speech', model: 'tts', input: 'hello', output: { data: 'UklGRg==', format: 'pcm' } }),
          span('6', '1', { type: 'transcription', model: 'stt', input: { data: 'UklGRg==' }, output: 'hello' }),
          span('7', '1', { type: 'mcp_tools', server: 's', result: ['a', 'b'] }),
        ],
      }),
    );
    expect(steps.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ['workflow', 'ok'],
      ['task', 'ok'],
      ['agent', 'error'],
      ['task', 'ok'],
      ['tool', 'error'],
      ['task', 'ok'],
      ['task', 'ok'],
      ['task', 'ok'],
    ]);
    expect(steps.map(({ tokens }) => tokens)).toEqual(Array(8).fill(undefined));
    expect(steps[2]).toMatchObject({ limits: { max_turns: 4 }, toolDefinitions: [{ name: 'add', parameters: undefined }] });
    expect(steps[3]?.agent).toBe('a');
    expect(steps[7]?.extra['node.outputs']).toEqual({ server: 's', tools: ['a', 'b'] });
    // Without a group each trace is a session.
    expect(new Set(steps.map(({ sessionId }) => sessionId))).toEqual(new Set([trace.id]));
    expect(steps[0]?.extra['node.metadata']).toEqual({ plan: 'free' });
  });

  test('a trace begins with the first of its spans', () => {
    expect(stepsOf(openai({ data: [trace, ...spans] }))[0]?.startMs).toBe(Date.parse('2026-01-01T00:00:00Z'));
  });

  test('bodies as lines are one payload', () => {
    const lines = [{ data: [trace] }, ...spans.map((one) => ({ data: [one] }))];
    expect(stepsOf(openai(lines)).map(({ spanId }) => spanId)).toEqual(
      stepsOf(openai({ data: [trace, ...spans] })).map(({ spanId }) => spanId),
    );
  });

  test('a response span without content says where content is', () => {
    expect(hints({ data: [span('9', null, { type: 'response', response_id: 'resp_1' })] })).toEqual([
      expect.stringMatching(/OpenInference/),
    ]);
    expect(hints({ data: [trace, ...spans] })).toEqual([]);
  });
});

test('run steps as the API lists them, the newest first', () => {
  const step = (n: number) => ({
    object: 'thread.run.step',
    id: `step_${n}`,
    run_id: 'run_1',
    created_at: 1_760_000_000 + n,
    status: 'completed',
    step_details: { type: 'tool_calls', tool_calls: [{ id: `call_${n}`, type: 'function', function: { name: `f${n}` } }] },
  });
  const steps = stepsOf(openai({ object: 'list', data: [step(2), step(1)] }));
  expect(steps.filter(({ kind }) => kind === 'tool').map(({ tool }) => tool?.name)).toEqual(['f1', 'f2']);
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

  test('who sends the history again is one session, and each result is one tool', () => {
    const call = (id: string) => ({ type: 'function_call', call_id: id, name: 'add', arguments: '{}' });
    const result = (id: string) => ({ type: 'function_call_output', call_id: id, output: `${id} done` });
    const said = (id: string, input: unknown, ...output: object[]) => ({
      id,
      object: 'response',
      status: 'completed',
      input,
      output,
    });
    const first = [call('c1'), result('c1')];
    const steps = stepsOf(
      openai([
        said('resp_1', 'go', call('c1')),
        said('resp_2', [{ role: 'user', content: 'go' }, ...first], call('c2'), call('c3')),
        said('resp_3', [{ role: 'user', content: 'go' }, ...first, call('c2'), call('c3'), result('c2'), result('c3')]),
      ]),
    );
    expect(new Set(steps.map(({ sessionId }) => sessionId))).toEqual(new Set(['resp_1']));
    expect(steps.filter(({ kind }) => kind === 'tool').map(({ tool }) => tool?.result)).toEqual([
      'c1 done',
      'c2 done',
      'c3 done',
    ]);
    expect(steps.find(({ kind }) => kind === 'llm')?.input).toMatchObject([{ role: 'user', text: 'go' }]);
    // A model is told a result before it answers.
    const last = steps.slice(-3);
    expect(last.map(({ kind }) => kind)).toEqual(['tool', 'tool', 'llm']);
    expect(last[2]!.endMs).toBeGreaterThan(last[1]!.endMs);
  });

  test('a stream that breaks keeps its items and its error', () => {
    const item = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'half' }] };
    const open = { id: 'resp_1', object: 'response', status: 'in_progress', output: [] };
    const events = [
      { type: 'response.created', response: open },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'error', code: 'server_error', message: 'gone' },
    ];
    const sdk = stepsOf(openai(events));
    expect(sdk.at(-1)).toMatchObject({
      outcome: 'error',
      error: { type: 'server_error', message: 'gone' },
      output: [{ text: 'half' }],
    });
    const wire = serverSentEvents(events.map((one) => `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join(''));
    expect(stepsOf(openai(wire)).map(({ spanId, outcome }) => [spanId, outcome])).toEqual(
      sdk.map(({ spanId, outcome }) => [spanId, outcome]),
    );
    expect(stepsOf(openai(events.slice(0, 2))).at(-1)).toMatchObject({ outcome: 'unknown', output: [{ text: 'half' }] });
  });

  test('recorded requests: packed or not, what was asked beside what was answered', () => {
    const answer = JSON.stringify({ id: 'resp_1', object: 'response', status: 'completed', output: [] });
    const packed = gzipSync(answer);
    const one = (string: unknown) => ({
      request: { uri: 'https://api.openai.com/v1/responses', body: '{"input":"hi"}', headers: { authorization: 'Bearer leak' } },
      response: { body: { string } },
    });
    for (const body of [answer, packed, packed.toString('base64')]) {
      const documents = openai({ version: 1, interactions: [one(body), one('not json'), null, one(null)] });
      expect(stepsOf(documents).at(-1)).toMatchObject({ kind: 'llm', input: [{ role: 'user', text: 'hi' }] });
      expect(JSON.stringify(documents)).not.toContain('leak');
    }
    // What unpacks to more than a bound is left out.
    const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024)).toString('base64');
    expect(openai({ interactions: [one(answer), one(bomb)] })).toHaveLength(1);
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

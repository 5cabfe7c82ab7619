/** What each event becomes: as the step that detectors see. */
import { describe, expect, test } from 'vitest';
import { recordsOf } from '../../src/dialects/testing/requests.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import type { Step } from '../../src/step/step.ts';
import { agentEvents } from './events.ts';
import {
  claudeCode,
  claudeScope,
  codexCli,
  codexScope,
  geminiCli,
  geminiScope,
  logsBody,
  spanId,
  startMs,
  type TestRecord,
  traceId,
} from './testing.ts';

function stepsOf(scope: string, ...records: readonly TestRecord[]): readonly Step[] {
  const { groups } = agentEvents(logsBody(scope, records));
  return recordsOf([writeTraces(groups)]).steps;
}

function stepOf(scope: string, ...records: readonly TestRecord[]): Step {
  const steps = stepsOf(scope, ...records);
  expect(steps).toHaveLength(1);
  return steps[0] as Step;
}

const resultsOf = (scope: string, ...records: readonly TestRecord[]) =>
  Object.fromEntries(agentEvents(logsBody(scope, records)).counts);

const usage = { input_tokens: '10', output_tokens: '20', cache_read_tokens: '300', cache_creation_tokens: '4' };

describe('Claude Code', () => {
  const one = (kind: string, attributes = {}) => stepOf(claudeScope, claudeCode(kind, attributes));

  test('a prompt opens a turn, to which requests and calls belong', () => {
    const [turn, request, tool] = stepsOf(
      claudeScope,
      claudeCode('user_prompt', { prompt_length: '3', prompt: 'Fix' }, 1),
      claudeCode('api_request', { model: 'claude-x', duration_ms: '250', cost_usd: '0.5', request_id: 'r1', ...usage }, 2),
      claudeCode('tool_result', { tool_name: 'Read', tool_use_id: 't1', success: 'true', duration_ms: '40' }, 3),
    );
    expect(turn).toMatchObject({ kind: 'agent', agent: 'claude-code', sessionId: 'session-1', parentId: '' });
    expect(turn?.input).toMatchObject([{ role: 'user', text: 'Fix' }]);
    expect(request).toMatchObject({ kind: 'llm', models: ['claude-x'], cost: 0.5, outcome: 'ok', parentId: turn?.spanId });
    expect(request?.tokens).toMatchObject({ input: 314, output: 20, cacheRead: 300, cacheWrite: 4 });
    expect([request?.startMs, request?.endMs]).toEqual([startMs + 1_750, startMs + 2_000]);
    expect(tool).toMatchObject({ kind: 'tool', outcome: 'ok', tool: { name: 'Read', callId: 't1' }, traceId: turn?.traceId });
    expect([tool?.startMs, tool?.endMs]).toEqual([startMs + 2_960, startMs + 3_000]);
  });

  test.each([['<REDACTED>'], ['']])('a prompt that is withheld (%j) is no content', (prompt) => {
    expect(one('user_prompt', { prompt }).input).toEqual([]);
  });

  test('arguments, the failure and its class', () => {
    const failed = {
      tool_name: 'Bash',
      success: 'false',
      error_type: 'ShellError',
      error: 'exit 1',
      tool_input: '{"command":"ls"}',
    };
    const step = one('tool_result', failed);
    expect(step).toMatchObject({ outcome: 'handled_error', error: { type: 'tool_error', message: 'ShellError: exit 1' } });
    expect(step.tool?.arguments).toBe('{"command":"ls"}');
  });

  test('at default settings a failure has its class alone', () => {
    expect(one('tool_result', { tool_name: 'Bash', success: 'false', error_type: 'ShellError' })).toMatchObject({
      outcome: 'handled_error',
      error: { message: 'ShellError' },
    });
  });

  test('parameters stand for arguments, and name an MCP tool', () => {
    const parameters = '{"mcp_server_name":"files","mcp_tool_name":"find"}';
    const step = one('tool_result', { tool_name: 'mcp_tool', success: 'true', tool_parameters: parameters });
    expect(step.tool).toMatchObject({ name: 'find', server: 'files' });
  });

  test.each([
    ['api_error', { error: 'overloaded', status_code: '529', model: 'm' }, 'error', 'overloaded'],
    ['api_error', { error: 'Request timed out.', model: 'm' }, 'timeout', 'Request timed out.'],
    ['tool_decision', { decision: 'reject', source: 'user_reject', tool_name: 'Bash' }, 'blocked', 'blocked by user_reject'],
    ['compaction', { success: 'false', error: 'too long' }, 'error', 'too long'],
    ['compaction', { success: 'true', pre_tokens: '900', post_tokens: '90' }, 'ok', undefined],
  ])('%s %j ends as %s', (kind, attributes, outcome, message) => {
    const step = one(kind, attributes);
    expect([step.outcome, step.error?.message]).toEqual([outcome, message]);
  });

  test('a compaction has the tokens before and after it, and is no model call', () => {
    const step = one('compaction', { success: 'true', pre_tokens: '900', post_tokens: '90' });
    expect(step).toMatchObject({ kind: 'other', extra: { 'compaction.before': 900, 'compaction.after': 90 } });
  });

  test('a subagent is named on its requests', () => {
    expect(one('api_request', { model: 'm', 'agent.name': 'Explore' }).agent).toBe('Explore');
  });

  const request = claudeCode('api_request', { model: 'm', request_id: 'r1', ...usage }, 1);

  test('an answer in text goes to its request, before or after it', () => {
    const answer = claudeCode('assistant_response', { response: 'Done.', request_id: 'r1' }, 2);
    for (const order of [
      [request, answer],
      [answer, request],
    ]) {
      expect(stepOf(claudeScope, ...order).output).toMatchObject([{ role: 'assistant', text: 'Done.' }]);
    }
  });

  test('a raw answer gives calls and why it stopped', () => {
    const content = [
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', id: 't1', name: 'Read', input: { path: 'a' } },
    ];
    const body = JSON.stringify({ content, stop_reason: 'tool_use' });
    const step = stepOf(claudeScope, request, claudeCode('api_response_body', { body, request_id: 'r1' }, 2));
    expect(step.output).toMatchObject([{ text: 'I look.', toolCalls: [{ id: 't1', name: 'Read', arguments: '{"path":"a"}' }] }]);
    expect(step.finishReasons).toEqual(['tool_call']);
  });

  test('a refusal is why its request stopped, unless another model answered', () => {
    const refusal = (hop: boolean) => claudeCode('api_refusal', { request_id: 'r1', server_fallback_hop: hop }, 2);
    expect(stepOf(claudeScope, request, refusal(false)).outcome).toBe('blocked');
    expect(stepOf(claudeScope, request, refusal(true)).outcome).toBe('ok');
  });

  test.each<[string, TestRecord, string]>([
    ['an accepted call is told by its result', claudeCode('tool_decision', { decision: 'accept' }), 'repeated'],
    ['spent retries are told by the last error', claudeCode('api_retries_exhausted', { total_attempts: '9' }), 'repeated'],
    ['a title for the session', claudeCode('api_request', { query_source: 'generate_session_title' }), 'auxiliary'],
    ['a hook', claudeCode('hook_execution_complete'), 'unread'],
    ['an event of a later version', claudeCode('brand_new'), 'unread'],
    ['a name of every object', claudeCode('constructor'), 'unread'],
    ['no session and no prompt', claudeCode('api_request', { 'session.id': '', 'prompt.id': '' }), 'unplaced'],
    ['an answer without request id', claudeCode('assistant_response', { response: 'x' }), 'unplaced'],
    ['an agent that traces', { ...claudeCode('tool_result', { tool_name: 'Read' }), traceId, spanId }, 'traced'],
    ['a record without event name', { body: 'started' }, 'other'],
    ['an event of others', { eventName: 'device.app.lifecycle' }, 'other'],
  ])('%s: no step', (what, record, result) => {
    const scope = result === 'other' ? 'test' : claudeScope;
    expect(resultsOf(scope, record), what).toEqual({ [result]: 1 });
  });

  test('an agent that traces elsewhere, if asked for', () => {
    const { spans } = agentEvents(logsBody(claudeScope, [{ ...claudeCode('tool_result'), traceId, spanId }]), true);
    expect(spans).toBe(1);
  });

  test('without a session a prompt still makes a trace', () => {
    const step = one('api_request', { 'session.id': '', model: 'm' });
    expect(step.sessionId).toBeUndefined();
  });

  test('the name may stand in event_name, in full', () => {
    const { attributes } = claudeCode('api_request', { 'event.name': 'claude_code.api_request' });
    expect(stepOf('anything', { eventName: 'claude_code.api_request', attributes: attributes ?? {} }).kind).toBe('llm');
  });
});

describe('Gemini CLI', () => {
  const one = (kind: string, attributes = {}) => stepOf(geminiScope, geminiCli(kind, attributes));

  test('an answer: model, tokens with thoughts, why it stopped', () => {
    const tokens = { input_token_count: 100, output_token_count: 10, cached_content_token_count: 60, thoughts_token_count: 5 };
    const step = one('api_response', { model: 'g', duration_ms: 500, finish_reasons: ['stop'], ...tokens });
    expect(step).toMatchObject({
      kind: 'llm',
      models: ['g'],
      sessionId: 'session-2',
      agent: 'gemini-cli',
      finishReasons: ['stop'],
    });
    expect(step.tokens).toMatchObject({ input: 100, output: 15, cacheRead: 60, reasoning: 5 });
    expect(step.endMs - step.startMs).toBe(500);
  });

  test('messages come in the event of the same instant', () => {
    const said = (role: string, text: string) => JSON.stringify([{ role, parts: [{ type: 'text', content: text }] }]);
    const details = geminiCli('gen_ai.client.inference.operation.details', {
      'gen_ai.input.messages': said('user', 'Hi'),
      'gen_ai.output.messages': said('assistant', 'Hello'),
      'gen_ai.system_instructions': '[{"type":"text","content":"Be kind."}]',
    });
    const step = stepOf(geminiScope, geminiCli('api_response', { model: 'g' }), details);
    expect([step.input[0]?.text, step.output[0]?.text, step.system]).toEqual(['Hi', 'Hello', 'Be kind.']);
  });

  test('an error, a call, a prompt, a compression', () => {
    expect(one('api_error', { model: 'g', error: 'quota', status_code: 429 })).toMatchObject({
      outcome: 'error',
      error: { type: '429' },
    });
    const call = { function_name: 'read_file', function_args: '{"path":"a"}', duration_ms: 7, success: true };
    expect(one('tool_call', call)).toMatchObject({
      kind: 'tool',
      outcome: 'ok',
      tool: { name: 'read_file', arguments: '{"path":"a"}' },
    });
    const failed = { ...call, success: false, error: 'no such file', error_type: 'file_not_found' };
    expect(one('tool_call', failed)).toMatchObject({
      outcome: 'handled_error',
      error: { message: 'file_not_found: no such file' },
    });
    expect(one('tool_call', { ...failed, decision: 'reject' }).outcome).toBe('blocked');
    expect(one('tool_call', { ...call, mcp_server_name: 's' }).tool).toMatchObject({ name: 'read_file', server: 's' });
    expect(one('user_prompt', { prompt: 'Go' })).toMatchObject({ kind: 'agent', input: [{ text: 'Go' }] });
    expect(one('chat_compression', { tokens_before: 9, tokens_after: 3 }).extra).toMatchObject({ 'compaction.before': 9 });
  });

  test.each<[TestRecord, string]>([
    [geminiCli('api_request', { model: 'g' }), 'repeated'],
    [geminiCli('flash_fallback'), 'unread'],
    [{ ...geminiCli('api_response'), traceId, spanId }, 'traced'],
    [geminiCli('api_response', { 'session.id': '' }), 'unplaced'],
  ])('%j: %s', (record, result) => {
    expect(resultsOf(geminiScope, record)).toEqual({ [result]: 1 });
  });
});

describe('Codex CLI', () => {
  const one = (kind: string, attributes = {}) => stepOf(codexScope, codexCli(kind, attributes));
  const tokens = { input_token_count: '100', output_token_count: '10', cached_token_count: 60, reasoning_token_count: 5 };

  test('the end of a stream, a call, a prompt', () => {
    const answer = one('sse_event', { 'event.kind': 'response.completed', ...tokens });
    expect(answer).toMatchObject({ kind: 'llm', models: ['gpt-5'], sessionId: 'session-3', agent: 'codex' });
    expect(answer.tokens).toMatchObject({ input: 100, output: 10, cacheRead: 60, reasoning: 5 });
    const call = {
      tool_name: 'shell',
      call_id: 'c',
      arguments: '{"cmd":"ls"}',
      duration_ms: '30',
      success: 'true',
      output: 'a b',
    };
    expect(one('tool_result', call)).toMatchObject({ outcome: 'ok', tool: { arguments: '{"cmd":"ls"}', result: 'a b' } });
    expect(one('tool_result', { ...call, success: 'false', output: 'no' })).toMatchObject({
      outcome: 'handled_error',
      error: { message: 'no' },
    });
    expect(one('user_prompt', { prompt: '[REDACTED]' })).toMatchObject({ kind: 'agent', input: [] });
  });

  test('a call is a child of the span in which Codex wrote it', () => {
    const step = stepOf(codexScope, { ...codexCli('tool_result', { tool_name: 'shell', call_id: 'c' }), traceId, spanId });
    expect(step).toMatchObject({ traceId, parentId: spanId });
  });

  test.each<[TestRecord, string]>([
    [codexCli('sse_event', { 'event.kind': 'response.output_text.delta' }), 'unread'],
    [codexCli('tool_result', { target: 'codex_otel.trace_safe' }), 'repeated'],
    [codexCli('api_request', { 'http.response.status_code': 200 }), 'repeated'],
    [codexCli('api_request', { 'http.response.status_code': 500, endpoint: '/models' }), 'auxiliary'],
    [codexCli('api_request', { 'http.response.status_code': 500, endpoint: '/responses' }), 'step'],
    [codexCli('sse_event', { 'error.message': 'idle timeout waiting for SSE' }), 'step'],
    [{ ...codexCli('sse_event', { 'event.kind': 'response.completed', ...tokens }), traceId, spanId }, 'traced'],
    [codexCli('tool_result', { 'conversation.id': '' }), 'unplaced'],
  ])('%j: %s', (record, result) => {
    expect(resultsOf(codexScope, record)).toEqual({ [result]: 1 });
  });
});

describe('ids', () => {
  const records = [
    claudeCode('user_prompt', {}, 1),
    claudeCode('api_request', { request_id: 'r' }, 2),
    claudeCode('api_request', {}, 3),
    claudeCode('api_request', {}, 4),
  ];
  const ids = (list: readonly TestRecord[]) => stepsOf(claudeScope, ...list).map((step) => `${step.traceId} ${step.spanId}`);

  test('the same events are the same spans, in whatever batches', () => {
    expect(records.flatMap((record) => ids([record]))).toEqual(ids(records));
    expect(new Set(ids(records)).size).toBe(records.length);
  });

  test('twice in one batch is once', () => {
    expect(ids([...records, ...records])).toEqual(ids(records));
  });

  test('a sequence that starts anew with a resumed session is another event', () => {
    const again = { ...claudeCode('api_request', { 'event.timestamp': 'later' }, 3), atMs: startMs + 90_000 };
    expect(ids([again])).not.toEqual(ids([records[2] as TestRecord]));
  });
});

describe('hostile records', () => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const kinds: readonly (readonly [
    string,
    (kind: string, attributes: Record<string, never>) => TestRecord,
    readonly string[],
  ])[] = [
    [
      claudeScope,
      claudeCode,
      [
        'user_prompt',
        'api_request',
        'api_error',
        'api_refusal',
        'assistant_response',
        'api_response_body',
        'tool_result',
        'tool_decision',
        'compaction',
      ],
    ],
    [
      geminiScope,
      geminiCli,
      ['user_prompt', 'api_response', 'api_error', 'tool_call', 'chat_compression', 'gen_ai.client.inference.operation.details'],
    ],
    [codexScope, codexCli, ['user_prompt', 'sse_event', 'api_request', 'tool_result']],
  ];
  const names = [
    'prompt',
    'response',
    'body',
    'error',
    'error.message',
    'tool_input',
    'tool_parameters',
    'tool_name',
    'model',
    'duration_ms',
    'input_tokens',
    'cost_usd',
    'request_id',
    'success',
    'decision',
    'finish_reasons',
    'function_args',
    'output',
    'arguments',
    'event.timestamp',
    'event.sequence',
    'gen_ai.output.messages',
    'gen_ai.input.messages',
    'event.kind',
    'http.response.status_code',
  ];
  const values = [
    deep,
    '',
    ' ',
    'NaN',
    '-1',
    '1e999',
    1e300,
    true,
    [],
    [[]],
    { a: { b: 1 } },
    '{"__proto__":{"x":1}}',
    'x'.repeat(300_000),
    '\u0000\ud800',
  ];

  test.each(kinds)('%s: any value anywhere makes bounded spans or none', (scope, make, list) => {
    for (const kind of list) {
      for (const value of values) {
        const record = make(kind, Object.fromEntries(names.map((name) => [name, value])) as Record<string, never>);
        const { groups } = agentEvents(logsBody(scope, [record]));
        const body = writeTraces(groups);
        expect(body.length).toBeLessThan(700_000);
        for (const { endMs, startMs: from, outcome, input, output, tool } of recordsOf([body]).steps) {
          expect(endMs - from).toBeLessThanOrEqual(86_400_000);
          void [outcome, input, output, tool?.arguments];
        }
      }
    }
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  test('who the user is does not leave the record', () => {
    const text = JSON.stringify(stepsTexts());
    expect(text).not.toMatch(/someone@|account-1|Bearer/);
  });
  function stepsTexts(): unknown[] {
    const own = { 'auth.header': 'Bearer x', 'user.id': 'account-1' };
    return kinds.flatMap(([scope, make, list]) =>
      list.flatMap((kind) =>
        agentEvents(logsBody(scope, [make(kind, own as unknown as Record<string, never>)])).groups.flatMap(({ spans }) =>
          spans.map(({ attributes }) => attributes),
        ),
      ),
    );
  }

  test('a value that is nested too deep costs its record alone', () => {
    let nested: unknown = 'x';
    for (let i = 0; i < 40; i++) nested = [nested];
    const records = [claudeCode('tool_result', { tool_input: nested as string }, 1), claudeCode('tool_result', {}, 2)];
    expect(resultsOf(claudeScope, ...records)).toEqual({ unreadable: 1, step: 1 });
  });
});

// ADK: every sample against its counts, and events of ours.
import { describe, expect, test } from 'vitest';
import { PayloadError } from '../payload.ts';
import { expectedOf, sampleNames, samplesExpected, sampleText } from '../samples.ts';
import { stepsOf } from '../testing.ts';
import { adk } from './adk.ts';

interface Expected {
  readonly events?: number | null;
  readonly spans?: readonly string[];
  readonly errors?: number;
}

describe.runIf(samplesExpected)('samples', () => {
  test.each(sampleNames('google-adk'))('%s', (name) => {
    const expected = expectedOf<Expected>('google-adk', name) as Expected;
    const steps = stepsOf(adk(JSON.parse(sampleText('google-adk', name))));
    if (expected.spans !== undefined) {
      expect(steps.map((step) => step.name)).toEqual(expected.spans);
      expect(steps.filter(({ outcome }) => outcome === 'error')).toHaveLength(expected.errors as number);
      return;
    }
    const total: Record<string, number> = {};
    for (const { extra, parentId } of steps) {
      if (parentId !== '') continue;
      for (const [key, n] of Object.entries(extra['run.total'] as Record<string, number>)) total[key] = (total[key] ?? 0) + n;
    }
    for (const [key, n] of Object.entries(expected)) if (n !== null) expect([key, total[key] ?? 0]).toEqual([key, n]);
  });
});

const event = (author: string, parts: object[], more: object = {}) => ({
  invocationId: 'i1',
  author,
  content: { parts },
  ...more,
});

test('calls and answers by id, in either spelling; errors in answers; transfers; state', () => {
  const steps = stepsOf(
    adk({
      id: 's1',
      appName: 'shop',
      events: [
        event('user', [{ text: 'Order it' }], { timestamp: 1_760_000_000 }),
        event('triage', [{ functionCall: { id: 'c1', name: 'find', args: { q: 'x' } } }], {
          timestamp: 1_760_000_001,
          usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3 },
        }),
        event('triage', [{ text: 'half' }], { partial: true }),
        {
          invocation_id: 'i1',
          author: 'triage',
          content: { parts: [{ function_response: { id: 'c1', name: 'find', response: { error: 'none' } } }] },
          timestamp: 1_760_000_002,
          actions: { stateDelta: { found: 0 } },
        },
        event('triage', [{ text: 'Over to billing' }], { actions: { transferToAgent: 'billing' }, timestamp: 1_760_000_003 }),
        { invocationId: 'i1', author: 'billing', errorCode: '429', errorMessage: 'Slow down', timestamp: 1_760_000_004 },
      ],
    }),
  );
  expect(steps.map(({ kind, agent, outcome }) => [kind, agent, outcome])).toEqual([
    ['workflow', undefined, 'error'],
    ['llm', 'triage', 'ok'],
    ['tool', 'triage', 'handled_error'],
    ['llm', 'triage', 'ok'],
    ['handoff', 'triage', 'ok'],
    ['llm', 'billing', 'error'],
  ]);
  expect(steps[1]).toMatchObject({
    tokens: { input: 9, output: 3 },
    input: [{ role: 'user', text: 'Order it' }],
    output: [{ toolCalls: [{ id: 'c1', name: 'find' }] }],
  });
  expect(steps[2]).toMatchObject({
    tool: { name: 'find', arguments: '{"q":"x"}', result: '{"error":"none"}' },
    stateAfter: { found: 0 },
  });
  expect(steps[4]?.handoff).toEqual({ from: 'triage', to: 'billing' });
  expect(steps.every(({ sessionId }) => sessionId === 's1')).toBe(true);
});

const call = (id: string, name: string) => ({ functionCall: { id, name, args: {} } });
const answer = (id: string, name: string, response: unknown) => ({ functionResponse: { id, name, response } });
const shape = (events: readonly object[]) =>
  stepsOf(adk({ id: 's1', events: events.map((one, i) => ({ ...one, timestamp: 1_760_000_000 + i })) }));

test('a transfer by tool is one step, and its tool says whom to', () => {
  const steps = shape([
    event('triage', [call('c1', 'transfer_to_agent')]),
    event('triage', [answer('c1', 'transfer_to_agent', { result: null })], { actions: { transferToAgent: 'billing' } }),
    event('billing', [{ text: 'Paid' }]),
  ]);
  expect(steps.map(({ kind }) => kind)).toEqual(['workflow', 'llm', 'tool', 'llm']);
  expect(steps[2]?.handoff).toEqual({ from: 'triage', to: 'billing' });
});

test('a tool that raises ends the run: no model was called', () => {
  const steps = shape([
    event('a', [call('c1', 'broken')]),
    { invocationId: 'i1', author: 'a', errorCode: 'RuntimeError', errorMessage: 'no table' },
  ]);
  expect(steps.map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['workflow', 'error'],
    ['llm', 'ok'],
    ['tool', 'error'],
  ]);
  expect(steps[2]?.error).toEqual({ type: 'RuntimeError', message: 'no table' });
});

test('a long-running tool waits until the answer itself comes', () => {
  const asked = [
    event('a', [call('c1', 'approve')], { longRunningToolIds: ['c1'] }),
    event('a', [answer('c1', 'approve', { status: 'pending' })]),
    event('a', [{ text: 'I asked' }]),
  ];
  const tool = (events: readonly object[]) => shape(events).filter(({ kind }) => kind === 'tool');
  expect(tool(asked)).toMatchObject([{ outcome: 'unknown', tool: { result: '{"status":"pending"}' } }]);
  expect(tool([...asked, event('user', [answer('c1', 'approve', { status: 'approved' })])])).toMatchObject([
    { outcome: 'ok', tool: { result: '{"status":"approved"}' } },
  ]);
  expect(tool([...asked, event('user', [answer('c1', 'approve', { status: 'error' })])])).toMatchObject([
    { outcome: 'handled_error' },
  ]);
});

test('an answer held back is blocked, an interrupted one cancelled; state where no tool wrote it', () => {
  const steps = shape([
    event('a', [{ text: 'Well' }], { interrupted: true, finishReason: 'STOP' }),
    event('a', [{ text: 'Kept' }], { actions: { stateDelta: { answer: 'Kept' } } }),
    event('a', [], { actions: { stateDelta: { n: 1 } } }),
    { invocationId: 'i1', author: 'a', errorCode: 'SAFETY', usageMetadata: { promptTokenCount: 9, cachedContentTokenCount: 4 } },
  ]);
  expect(steps.map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['workflow', 'blocked'],
    ['llm', 'cancelled'],
    ['llm', 'ok'],
    ['task', 'ok'],
    ['llm', 'blocked'],
  ]);
  expect(steps.map(({ stateAfter }) => stateAfter)).toEqual([undefined, undefined, { answer: 'Kept' }, { n: 1 }, undefined]);
  expect(steps[4]?.tokens).toMatchObject({ input: 9, cacheRead: 4 });
});

test('an agent in a branch is told what leads to it, not what its neighbours say', () => {
  const steps = shape([
    event('user', [{ text: 'Go' }]),
    event('left', [{ text: 'L' }], { branch: 'both.left' }),
    event('right', [{ text: 'R' }], { branch: 'both.right' }),
    event('left', [{ text: 'L2' }], { branch: 'both.left' }),
    event('after', [{ text: 'A' }], { branch: 'both.left.after' }),
  ]);
  const heard = steps.filter(({ kind }) => kind === 'llm').map(({ input }) => input.map(({ text }) => text).join(' '));
  expect(heard).toEqual(['Go', 'Go', 'Go L', 'Go L L2']);
});

test('credentials that ADK asks for, or keeps in its state, stay out', () => {
  const oauth = {
    rawAuthCredential: { oauth2: { clientId: 'c', clientSecret: 'leak', authResponseUri: 'https://x?code=leak' } },
  };
  const documents = adk({
    id: 's1',
    events: [
      event(
        'a',
        [{ functionCall: { id: 'c1', name: 'adk_request_credential', args: { functionCallId: 'c0', authConfig: oauth } } }],
        {
          longRunningToolIds: ['c1'],
          actions: { requestedAuthConfigs: { c0: oauth }, stateDelta: { token_of: { accessToken: 'leak' }, n: 1 } },
        },
      ),
      event('user', [answer('c1', 'adk_request_credential', oauth)]),
      event('a', [{ text: 'Done' }]),
    ],
  });
  expect(JSON.stringify(documents)).not.toContain('leak');
  expect(stepsOf(documents).map(({ kind }) => kind)).toEqual(['workflow', 'llm', 'tool', 'llm']);
});

test('an answer is what the next call of the model is told', () => {
  const steps = shape([
    event('a', [call('c1', 'find')]),
    event('a', [answer('c1', 'find', { hits: 2 })]),
    event('a', [{ text: 'Two' }]),
  ]);
  expect(steps.at(-1)?.input.flatMap(({ toolResults }) => toolResults.map(({ text }) => text))).toEqual(['{"hits":2}']);
});

test.each([[null], [7], ['x'], [{}], [[]], [[{}]]])('%j is refused', (payload) => {
  expect(() => adk(payload)).toThrow(PayloadError);
});

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
    ['workflow', undefined, 'ok'],
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

test.each([[null], [7], ['x'], [{}], [[]], [[{}]]])('%j is refused', (payload) => {
  expect(() => adk(payload)).toThrow(PayloadError);
});

/** Content events as emitters write them: in bodies, in attributes, as JSON in either. */
import { describe, expect, test } from 'vitest';
import { recordsOf } from '../../src/dialects/testing/requests.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import type { Step } from '../../src/step/step.ts';
import { agentEvents, spansOfContent } from './events.ts';
import { logsBody, spanId, type TestRecord, traceId } from './testing.ts';

const on = { traceId, spanId };

/** The model call that the events describe. */
function stepOf(...records: readonly Omit<TestRecord, 'traceId' | 'spanId'>[]): Step {
  const { contents } = agentEvents(
    logsBody(
      'opentelemetry.instrumentation.openai_v2',
      records.map((record) => ({ ...record, ...on })),
    ),
  );
  const { steps } = recordsOf([writeTraces(spansOfContent(contents))]);
  expect(steps).toHaveLength(1);
  return steps[0] as Step;
}

const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } };

test('a conversation in bodies, as openai-v2 writes it, in the order of its times', () => {
  const step = stepOf(
    {
      eventName: 'gen_ai.choice',
      body: { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Sunny.' } },
      atMs: 5_000,
    },
    { eventName: 'gen_ai.system.message', body: { content: 'Be brief.' }, atMs: 1_000 },
    { eventName: 'gen_ai.tool.message', body: { id: 'c1', content: '25 degrees' }, atMs: 4_000 },
    { eventName: 'gen_ai.assistant.message', body: { tool_calls: [call] }, atMs: 3_000 },
    { eventName: 'gen_ai.user.message', body: { content: 'Weather?' }, atMs: 2_000 },
  );
  expect(step).toMatchObject({ kind: 'llm', traceId, spanId, system: 'Be brief.' });
  expect(step.input).toMatchObject([
    { role: 'user', text: 'Weather?' },
    { role: 'assistant', toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Rome"}' }] },
    { role: 'tool', toolResults: [{ id: 'c1', text: '25 degrees' }] },
  ]);
  expect(step.output).toMatchObject([{ role: 'assistant', text: 'Sunny.' }]);
});

describe('where the payload stands', () => {
  const user = 'gen_ai.user.message';
  test.each<[string, Omit<TestRecord, 'traceId' | 'spanId'>]>([
    ['body', { eventName: user, body: { content: 'Hi' } }],
    ['body, JSON in a text', { eventName: user, body: '{"content":"Hi"}' }],
    ['body, a plain text', { eventName: user, body: 'Hi' }],
    ['body, parts', { eventName: user, body: { content: [{ type: 'text', text: 'Hi' }] } }],
    ['attributes', { eventName: user, attributes: { role: 'user', content: 'Hi' } }],
    ['attribute gen_ai.event.content', { eventName: user, attributes: { 'gen_ai.event.content': '{"content":"Hi"}' } }],
    ['event.name as an attribute', { attributes: { 'event.name': user, content: 'Hi' } }],
    [
      'details',
      {
        eventName: 'gen_ai.client.inference.operation.details',
        attributes: { 'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]' },
      },
    ],
    [
      'details, structured',
      {
        eventName: 'gen_ai.client.inference.operation.details',
        attributes: { 'gen_ai.input.messages': [{ role: 'user', parts: [{ type: 'text', content: 'Hi' }] }] },
      },
    ],
  ])('%s', (_where, record) => {
    expect(stepOf(record).input).toMatchObject([{ role: 'user', text: 'Hi' }]);
  });
});

test('a choice with calls and no text', () => {
  const step = stepOf({
    eventName: 'gen_ai.choice',
    body: { index: 0, finish_reason: 'tool_calls', message: { tool_calls: [call] } },
  });
  expect(step.output).toMatchObject([{ role: 'assistant', toolCalls: [{ id: 'c1', name: 'weather' }] }]);
});

test('the conventions’ own event rules over the older ones, and brings the rest of the call', () => {
  const messages = '[{"role":"user","parts":[{"type":"text","content":"new"}]}]';
  const attributes = {
    'gen_ai.input.messages': messages,
    'gen_ai.usage.input_tokens': 7,
    'gen_ai.response.finish_reasons': ['stop'],
    'other.key': 'x',
  };
  const details = { eventName: 'gen_ai.client.inference.operation.details', attributes };
  const step = stepOf({ eventName: 'gen_ai.user.message', body: { content: 'old' } }, details);
  expect([step.input[0]?.text, step.tokens?.input, step.finishReasons]).toEqual(['new', 7, ['stop']]);
});

test.each<[string, TestRecord, string]>([
  ['names no span', { eventName: 'gen_ai.user.message', body: { content: 'Hi' } }, 'unplaced'],
  ['bears no content', { eventName: 'gen_ai.choice', body: { index: 0 }, ...on }, 'unread'],
  [
    'details without messages',
    { eventName: 'gen_ai.client.inference.operation.details', attributes: { 'gen_ai.usage.input_tokens': 1 }, ...on },
    'unread',
  ],
  ['misstep’s own', { eventName: 'gen_ai.evaluation.result', ...on }, 'other'],
])('%s: %s', (_what, record, result) => {
  expect(Object.fromEntries(agentEvents(logsBody('test', [record])).counts)).toEqual({ [result]: 1 });
});

test('a text beyond the bound is cut, an attribute beyond it left out', () => {
  const long = 'x'.repeat(2_000_000);
  const step = stepOf({ eventName: 'gen_ai.user.message', body: { content: long } });
  expect(step.input[0]?.text.length).toBeLessThan(66_000);
  const attributes = {
    'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: long }] }]),
    'gen_ai.output.messages': '[]',
  };
  expect(stepOf({ eventName: 'gen_ai.client.inference.operation.details', attributes }).input).toEqual([]);
});

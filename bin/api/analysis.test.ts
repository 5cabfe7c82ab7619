// Runs that are looked at because somebody asks: the demo, what is kept, what is sent, conversations.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Analyses } from '../../extensions/api/analysis/analysis.ts';
import { conversation } from '../../receivers/webhook/conversation/conversation.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { type Platform, startPlatform } from './testing.ts';

let platform: Platform;
const ask: Platform['ask'] = (...args) => platform.ask(...args);

/** An agent that says the same thing again and again. */
const messages = [
  { role: 'user', content: 'Book a table for two in Bonn.' },
  ...Array.from({ length: 6 }, (_, i) => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: `c${i}`, type: 'function', function: { name: 'find_tables', arguments: '{"city":"Bonn","guests":2}' } }],
    },
    { role: 'tool', tool_call_id: `c${i}`, content: 'error: no such restaurant' },
  ]).flat(),
  { role: 'assistant', content: 'I booked it.' },
];

beforeAll(async () => {
  platform = await startPlatform();
  for (const id of ['talk-1', 'talk-2']) {
    const [document] = conversation({ id, messages: id === 'talk-1' ? messages : messages.slice(0, 1) });
    await platform.database.records.ingest('default', [documentToProtobuf('traces', document).body]);
  }
});
afterAll(() => platform.stop());

test('the demo is a run with detections, and twice it is the same', async () => {
  const { status, body } = await ask('POST', '/onboarding/demo');
  expect([status, body.traces_created]).toEqual([201, 1]);
  expect(body.detections_created).toBeGreaterThan(0);
  const [id] = body.trace_ids;
  const shown = await ask('GET', `/traces/${id}`);
  expect(shown.body).toMatchObject({ state_count: body.states_created, detection_count: body.detections_created });
  expect(Date.now() - Date.parse(shown.body.completed_at)).toBeLessThan(60_000);
  const before = await ask('GET', '/traces');
  await ask('POST', '/onboarding/demo');
  expect((await ask('GET', '/traces')).body.total).toBe(before.body.total);
  expect((await ask('GET', '/onboarding/status')).body).toEqual({ has_traces: true, has_detections: true });
});

test('a kept trace looked at again has the findings that it had', async () => {
  const { body: demo } = await ask('POST', '/onboarding/demo');
  const [id] = demo.trace_ids;
  const of = async () => (await ask('GET', `/detections?trace_id=${id}`)).body.items.map((one: { id: string }) => one.id).sort();
  const before = await of();
  const { status, body } = await ask('POST', `/traces/${id}/analyze`);
  expect(status).toBe(200);
  expect(body.states_analyzed).toBe(demo.states_created);
  expect(body.detections_run ?? body.detectors_run).toContain('loop');
  expect(await of()).toEqual(expect.arrayContaining(before));
  expect(body.detections.every((one: { occurrences: number }) => one.occurrences === 1)).toBe(true);
  expect((await ask('POST', '/onboarding/run-detection')).body.traces_analyzed).toBeGreaterThan(0);
});

describe('conversations', () => {
  test('listed, with pages and cursors', async () => {
    const { body } = await ask('GET', '/conversations?per_page=1');
    expect(body).toMatchObject({ total: 2, page: 1, per_page: 1 });
    const next = await ask('GET', `/conversations?per_page=1&cursor=${body.next_cursor}`);
    const ids = [body, next.body].flatMap(({ conversations }) =>
      conversations.map((one: { conversation_id: string }) => one.conversation_id),
    );
    expect(ids.sort()).toEqual(['talk-1', 'talk-2']);
    expect(next.body.next_cursor).toBeNull();
  });

  test('by its own id or ours, with its turns', async () => {
    const { body } = await ask('GET', '/conversations/talk-1');
    expect((await ask('GET', `/conversations/${body.id}`)).body).toEqual(body);
    expect(body).toMatchObject({ turn_count: 14, conversation_id: 'talk-1' });
    expect(body.turns[0]).toMatchObject({ turn_number: 1, participant_type: 'user', content: 'Book a table for two in Bonn.' });
    expect(body.turns[2]).toMatchObject({ participant_type: 'tool', tool: 'find_tables', content: 'error: no such restaurant' });
    expect((await ask('GET', '/conversations/talk-1/turns')).body.total).toBe(14);
    expect((await ask('GET', '/conversations/talk-9')).status).toBe(404);
  });

  test('analysed: what is found stands on its turns, and twice is once', async () => {
    const { body } = await ask('POST', '/conversations/talk-1/analyze');
    expect(body).toMatchObject({ conversation_id: 'talk-1', turns_analyzed: 14 });
    expect(body.detections.map((one: { detection_type: string }) => one.detection_type)).toContain('loop');
    expect((await ask('POST', '/conversations/talk-1/analyze')).body.total).toBe(body.total);
    const { body: shown } = await ask('GET', '/conversations/talk-1');
    expect(shown.detection_count).toBe(body.total);
    expect(shown.turns.some((one: { detection_ids: string[] }) => one.detection_ids.length > 0)).toBe(true);
  });

  test('taken out', async () => {
    expect((await ask('DELETE', '/conversations/talk-2')).status).toBe(204);
    expect((await ask('DELETE', '/conversations/talk-2')).status).toBe(404);
  });
});

describe('what is sent', () => {
  test('OTLP/JSON is looked at and not kept', async () => {
    const recording = JSON.parse(readFileSync(new URL('../../examples/demo/recording.json', import.meta.url), 'utf8'));
    const before = (await ask('GET', '/traces')).body.total;
    const { status, body } = await ask('POST', '/traces/analyze', recording);
    expect([status, body.format_detected]).toEqual([200, 'otlp']);
    expect(body.total).toBeGreaterThan(0);
    expect((await ask('GET', '/traces')).body.total).toBe(before);
  });

  test('a conversation too', async () => {
    const { body } = await ask('POST', '/traces/analyze', { messages });
    expect(body.format_detected).toBe('conversation');
    expect(body.detections.map((one: { detection_type: string }) => one.detection_type)).toContain('loop');
  });

  test.each([
    [{ anything: 1 }, 422],
    [{ resourceSpans: [] }, 422],
    [{ resourceSpans: 'no' }, 422],
    [[], 422],
    ['"text"', 422],
    ['{', 400],
  ])('%j is refused', async (payload, status) => {
    const answer = await ask('POST', '/traces/analyze', payload);
    expect([answer.status, answer.body.code]).toEqual([status, expect.any(String)]);
  });
});

describe('the thread', () => {
  const entry = new URL('./analysis-worker.mjs', import.meta.url);
  const patience = () => new AbortController().signal;
  const opened: Analyses[] = [];
  const analyses = (timeoutMs?: number) => {
    const one = new Analyses(entry, timeoutMs);
    opened.push(one);
    return one;
  };
  afterAll(() => Promise.all(opened.map((one) => one.close())));
  const sent = (count: number) => ({
    kind: 'sent' as const,
    payload: JSON.stringify(Array.from({ length: count }, () => messages).flat()),
  });

  test('routes and MCP have the same findings of the same payload', async () => {
    const one = analyses();
    const [{ detections }, { findings }] = await Promise.all([
      one.of('default', sent(1)),
      one.explain(messages, 'auto', patience()),
    ]);
    const said = (all: readonly { detector: string; message: string; confidence: number }[]) =>
      all.map(({ detector, message, confidence }) => `${detector} ${message} ${confidence.toFixed(4)}`).sort();
    expect(said(detections)).toEqual(said(findings));
    expect(findings.length).toBeGreaterThan(0);
  });

  test('what takes too long ends with its thread, and what waits has another', async () => {
    const one = analyses(1);
    await expect(one.of('default', sent(1))).rejects.toMatchObject({ status: 422, code: 'too-long' });
    const patient = analyses();
    const control = new AbortController();
    const first = patient.explain(messages, 'auto', control.signal);
    const queued = new AbortController();
    const second = patient.explain(messages, 'auto', queued.signal);
    const third = patient.of('default', sent(1));
    queued.abort(new Error('not wanted'));
    control.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await expect(second).rejects.toThrow('not wanted');
    expect((await third).steps).toBeGreaterThan(0);
    await expect(patient.explain(messages, 'auto', control.signal)).rejects.toThrow('gone');
  });

  test('seventeen are one too many; what is wrong is wrong alone', async () => {
    const one = analyses();
    const all = Array.from({ length: 16 }, (_, i) => one.explain(i === 0 ? 7 : messages, i === 0 ? 'n8n' : 'auto', patience()));
    await expect(one.of('default', sent(1))).rejects.toMatchObject({ status: 503, code: 'busy' });
    const settled = await Promise.allSettled(all);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', ...Array(15).fill('fulfilled')]);
    expect((settled[0] as PromiseRejectedResult).reason).toMatchObject({ status: 422, code: 'not-readable' });
  });
});

// What time a step has where its payload gives none: one rule, for every adapter, and through the receiver.
import { afterEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { type Rig, rig } from './rig.ts';
import { routes } from './routes.ts';
import { arrived } from './run.ts';
import { stepsOf } from './testing.ts';

const hook = { session_id: 'h', agent_id: 'a', agent_type: 'Explore' };
const at = '2026-03-01T10:00:00Z';

/** Path, a payload without any time, and the same with a time on one of its last parts. */
const payloads: readonly (readonly [path: string, timeless: object, timed: object | undefined])[] = [
  [
    '/api/v1/n8n/webhook',
    { executionId: '1', workflowId: 'w', status: 'success' },
    { executionId: '1', workflowId: 'w', stoppedAt: at },
  ],
  [
    '/api/v1/dify/webhook',
    {
      workflow_run_id: 'r',
      nodes: [
        { node_id: 'a', node_type: 'llm' },
        { node_id: 'b', node_type: 'end' },
      ],
    },
    {
      workflow_run_id: 'r',
      nodes: [
        { node_id: 'a', node_type: 'llm' },
        { node_id: 'b', node_type: 'end', finished_at: at },
      ],
    },
  ],
  [
    '/api/v1/langgraph/webhook',
    { run_id: 'r', steps: [{ node: 'a' }, { node: 'b' }] },
    { run_id: 'r', steps: [{ node: 'a' }, { node: 'b', finished_at: at }] },
  ],
  [
    '/api/v1/openclaw/webhook',
    { session_id: 's', events: [{ type: 'message.received' }, { type: 'message.sent' }] },
    { session_id: 's', events: [{ type: 'message.received' }, { type: 'message.sent', timestamp: at }] },
  ],
  [
    '/api/v1/managed-agents/webhook',
    {
      data: [
        { id: 'e1', type: 'user.message', session_id: 's', content: [] },
        { id: 'e2', type: 'session.status_idle', session_id: 's' },
      ],
    },
    undefined,
  ],
  [
    '/api/v1/traces/claude-code/ingest',
    { traces: [{ type: 'user', uuid: 'u', message: { role: 'user', content: 'x' } }] },
    undefined,
  ],
  ['/api/v1/hooks/claude-code', { ...hook, hook_event_name: 'SubagentStop', last_assistant_message: 'x' }, undefined],
  ['/api/v1/hooks/claude-code', { ...hook, hook_event_name: 'SessionEnd', reason: 'clear' }, undefined],
  ['/api/v1/openai/webhook', { id: 'resp_1', object: 'response', model: 'm', output: [] }, undefined],
  ['/v1/traces/ingest', { data: [{ object: 'trace', id: 'trace_1', workflow_name: 'w' }] }, undefined],
  [
    '/v1/traces/ingest',
    { data: [{ object: 'trace.span', id: 'span_1', trace_id: 'trace_1', span_data: { type: 'agent', name: 'a' } }] },
    undefined,
  ],
  [
    '/api/v1/bedrock/webhook',
    { events: [{ sessionId: 's', trace: { orchestrationTrace: { rationale: { text: 'x', traceId: 't' } } } }] },
    undefined,
  ],
  [
    '/api/v1/adk/webhook',
    { id: 's', events: [{ invocationId: 'i', author: 'a', content: { role: 'model', parts: [{ text: 'x' }] } }] },
    undefined,
  ],
  [
    '/api/v1/conversations/ingest',
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
    },
    undefined,
  ],
];

const receivedMs = Date.UTC(2026, 5, 1);
const documentsOf = (path: string, payload: object, ms: number) => {
  const route = routes.get(path);
  if (route?.kind !== 'adapter') throw new Error(`${path} has no adapter`);
  return route.adapter.convert(payload, ms);
};

test('every adapter is here', () => {
  const paths = new Set(payloads.map(([path]) => path));
  const formats = [...routes.values()].flatMap((route) => (route.kind === 'adapter' ? [route.format] : []));
  const here = [...paths].map((path) => routes.get(path)).flatMap((route) => (route?.kind === 'adapter' ? [route.format] : []));
  expect(new Set(here)).toEqual(new Set(formats));
});

describe.each(payloads)('%s %j', (path, timeless, timed) => {
  test('without a time: the last step ends when the body came, the others shortly before, in order', () => {
    const steps = stepsOf(documentsOf(path, timeless, receivedMs).map((one) => arrived(one, receivedMs)));
    expect(steps.length).toBeGreaterThan(0);
    for (const { startMs, endMs } of steps) {
      expect(startMs).toBeGreaterThan(receivedMs - 100);
      expect(endMs).toBeGreaterThanOrEqual(startMs);
      // Ends that tie are set apart by microseconds.
      expect(endMs).toBeLessThan(receivedMs + 1);
    }
    const below = steps.filter(({ parentId }) => parentId !== '').map(({ endMs }) => endMs);
    expect(below).toEqual([...below].sort((a, b) => a - b));
  });

  test('what is made does not depend on when it came, so that a repeat is known', () => {
    if (path.includes('/hooks/')) return;
    expect(documentsOf(path, timeless, receivedMs)).toEqual(documentsOf(path, timeless, receivedMs + 5_000));
  });

  test.skipIf(timed === undefined)('with one time: all stand around it', () => {
    const steps = stepsOf(documentsOf(path, timed as object, receivedMs).map((one) => arrived(one, receivedMs)));
    for (const { startMs, endMs } of steps) {
      expect(Math.abs(startMs - Date.parse(at))).toBeLessThan(100);
      expect(Math.abs(endMs - Date.parse(at))).toBeLessThan(100);
    }
  });
});

describe('through the receiver', () => {
  let on: Rig | undefined;
  afterEach(() => on?.stop());

  const timesOf = ({ chunks }: Batch) => {
    const index = walkTraces(Buffer.concat(chunks), dialectKeys);
    return Array.from({ length: index.spanCount }, (_, row) => spanReader().at(index, row).startMs());
  };

  test.each(payloads)('%s %j', async (path, timeless) => {
    on = await rig({}, { clock: { now: () => receivedMs, monotonic: () => performance.now() } });
    expect((await on.send(path, timeless)).status).toBeLessThan(300);
    expect(on.got).toHaveLength(1);
    for (const ms of timesOf(on.got[0] as Batch)) expect(Math.abs(ms - receivedMs)).toBeLessThan(100);
    if (path.includes('/hooks/')) return;
    // The same again is known, however much later.
    expect((await on.send(path, timeless)).status).toBeLessThan(300);
    expect(on.got).toHaveLength(1);
  });
});

/** The connector between real batches: content and spans in either order, refusals, bounds, reload, end. */
import { describe, expect, test } from 'vitest';
import { type Batch, bodyOf, type Signal } from '../../src/batch/batch.ts';
import { type Clock, type Consumer, Permanent, Refused } from '../../src/component/component.ts';
import { testHost, tracesOf, until } from '../../src/component/testing.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { recordsOf } from '../../src/dialects/testing/requests.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { factory } from './agent_events.ts';
import { claudeCode, claudeScope, logsBatch, modelCall, spanId, type TestRecord, traceId } from './testing.ts';

const on = { traceId, spanId };
const question: TestRecord = { eventName: 'gen_ai.user.message', body: { content: 'Weather?' }, atMs: 1_000, ...on };
const answer: TestRecord = { eventName: 'gen_ai.choice', body: { index: 0, message: { content: 'Sunny.' } }, atMs: 2_000, ...on };
const elsewhere = { traceId, spanId: 'eeeeeeeeeeeeeeee' };
const content = (...records: readonly TestRecord[]) => logsBatch('opentelemetry.instrumentation.openai_v2', records);
/** After this the connector knows that the service writes content as events. */
const known = content({ ...answer, ...elsewhere });

async function connector(options: object = {}, clock?: Clock) {
  const got: Batch[] = [];
  const behind: { answer: Error | Promise<void> | undefined } = { answer: undefined };
  const next: Consumer = {
    consume(batch) {
      if (behind.answer instanceof Error) return Promise.reject(behind.answer);
      got.push(batch);
      return behind.answer;
    },
  };
  const component = factory.create('agent_events', factory.options.parse(options), new Map<Signal, Consumer>([['traces', next]]));
  const host = testHost(clock);
  await component.start(host);
  return {
    component,
    host,
    got,
    behind,
    consume: (batch: Batch) => component.consume(batch),
    end: () => component.shutdown(AbortSignal.abort()),
  };
}

/** Input and output of each model call of the batch. */
function said(batch: Batch | undefined) {
  const { steps } = recordsOf(batch === undefined ? [] : [bodyOf(batch)]);
  return steps.map((step) => [step.input.map(({ text }) => text), step.output.map(({ text }) => text)]);
}
const whole = [[['Weather?'], ['Sunny.']]];
const bare = [[[], []]];

describe('spans of events', () => {
  test('leave at once, as made here, with the tenant and resource of their batch', async () => {
    const { consume, got, end } = await connector();
    const batch = logsBatch(
      claudeScope,
      [claudeCode('api_request', { model: 'm' }), claudeCode('hook_execution_start')],
      'claude-code',
    );
    await consume({ ...batch, tenant: 'blue', metadata: new Map([['x-a', ['1']]]) });
    expect(got).toMatchObject([
      { signal: 'traces', items: 1, generated: 1, tenant: 'blue', metadata: new Map([['x-a', ['1']]]) },
    ]);
    const reader = spanReader().at(walkTraces(bodyOf(got[0] as Batch), dialectKeys), 0);
    expect(reader.resource().get('service.name')).toBe('claude-code');
    await end();
  });

  test('logs without an agent’s event go no further', async () => {
    const { consume, got, end } = await connector();
    expect(consume(logsBatch('app', [{ body: 'started' }, { body: 'stopped' }]))).toBeUndefined();
    expect(got).toEqual([]);
    await end();
  });

  test('a refusal behind is a refusal of the logs', async () => {
    const { consume, behind, end } = await connector();
    behind.answer = new Refused('queue_full', 'full', 1_000);
    await expect(consume(logsBatch(claudeScope, [claudeCode('api_request')]))).rejects.toBe(behind.answer);
    await end();
  });

  test('an answer in a later batch waits for nothing, one in an earlier batch finds its request', async () => {
    const { consume, got, end } = await connector();
    await consume(logsBatch(claudeScope, [claudeCode('assistant_response', { response: 'Done.', request_id: 'r' }, 1)]));
    await consume(logsBatch(claudeScope, [claudeCode('api_request', { request_id: 'r', model: 'm' }, 2)]));
    expect(said(got[0])).toEqual([[[], ['Done.']]]);
    await end();
  });

  test('broken bytes are refused for good', async () => {
    const { consume, end } = await connector();
    const chunk = Uint8Array.of(10, 5, 1);
    expect(() => consume({ signal: 'logs', chunks: [chunk], bytes: 3, items: 1, tenant: 'default' })).toThrow(Permanent);
    await end();
  });
});

describe('content and its span', () => {
  test('nothing seen yet: traces pass as they are', async () => {
    const { consume, got, end } = await connector();
    const batch = modelCall();
    await consume(batch);
    expect(got[0]).toBe(batch);
    await end();
  });

  test('content first', async () => {
    const { consume, got, end, host } = await connector();
    await consume(content(question));
    await consume(content(answer));
    expect(got).toEqual([]);
    await consume(modelCall());
    expect(said(got[0])).toEqual(whole);
    expect(host.metric('misstep_agent_events_kept_bytes')).toBe(0);
    await end();
  });

  test('the span first: it waits, and goes when its content is whole', async () => {
    const { consume, got, end } = await connector({ wait: '10s' });
    await consume(known);
    const handed = consume(modelCall());
    await consume(content(question));
    expect(got).toEqual([]);
    await consume(content(answer));
    await handed;
    expect(said(got[0])).toEqual(whole);
    await end();
  });

  test('the span first, and content that never comes: it goes without, in time', async () => {
    const { consume, got, end } = await connector({ wait: '5ms' });
    await consume(known);
    await consume(modelCall());
    expect(said(got[0])).toEqual(bare);
    await end();
  });

  test.each<[string, Batch, object]>([
    ['a service that writes no events', modelCall({}, 'other'), {}],
    [
      'a call that bears its content',
      modelCall({ attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.output.messages': '[]' } }),
      {},
    ],
    ['a call that failed', modelCall({ status: { code: 2, message: 'no' } }), {}],
    ['a tool', modelCall({ attributes: { 'gen_ai.operation.name': 'execute_tool' } }), {}],
    ['no span of an agent', tracesOf(['GET /'], 10), {}],
    ['wait: 0', modelCall(), { wait: '0s' }],
    ['another tenant', { ...modelCall(), tenant: 'blue' }, {}],
  ])('%s is not held', async (_what, batch, options) => {
    const { consume, got, end } = await connector({ wait: '10s', ...options });
    await consume(known);
    expect(consume(batch)).toBeUndefined();
    expect(bodyOf(got[0] as Batch)).toEqual(bodyOf(batch));
    await end();
  });

  test('what a span says itself stands', async () => {
    const { consume, got, end } = await connector();
    await consume(content(question, answer));
    const own = JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'Own.' }] }]);
    await consume(modelCall({ attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.input.messages': own } }));
    expect(said(got[0])).toEqual([[['Own.'], ['Sunny.']]]);
    await end();
  });

  test('another tenant’s content stays its own', async () => {
    const { consume, got, end } = await connector();
    await consume({ ...content(question, answer), tenant: 'blue' });
    await consume(modelCall());
    expect(said(got[0])).toEqual(bare);
    await end();
  });

  test('a batch of logs that comes twice says it once', async () => {
    const { consume, got, end } = await connector();
    await consume(content(question, answer));
    await consume(content(question, answer));
    await consume(modelCall());
    expect(said(got[0])).toEqual(whole);
    await end();
  });

  test('a batch that is refused behind finds its content again', async () => {
    const { consume, got, behind, end } = await connector();
    await consume(content(question, answer));
    behind.answer = new Refused('queue_full', 'full', 1_000);
    await expect(consume(modelCall())).rejects.toBe(behind.answer);
    behind.answer = Promise.resolve();
    await consume(modelCall());
    expect(said(got[0])).toEqual(whole);
    await end();
  });

  test('a held batch is refused as the pipeline behind refuses', async () => {
    const { consume, behind, end } = await connector({ wait: '1ms' });
    await consume(known);
    behind.answer = new Refused('queue_full', 'full', 1_000);
    await expect(consume(modelCall())).rejects.toBe(behind.answer);
    await end();
  });

  test('the other bytes of a batch stay as they are', async () => {
    const { consume, got, end } = await connector();
    await consume(content(question, answer));
    const call = modelCall();
    const others = tracesOf(['GET /', 'SELECT'], 100);
    const chunks = [...others.chunks, ...call.chunks];
    await consume({ ...call, chunks, items: 3, bytes: others.bytes + call.bytes });
    const body = bodyOf(got[0] as Batch);
    expect(body.subarray(0, others.bytes)).toEqual(bodyOf(others));
    expect([got[0]?.items, got[0]?.bytes, got[0]?.generated]).toEqual([3, body.length, undefined]);
    await end();
  });
});

describe('bounds, reload, end', () => {
  test('the oldest content goes first when the bytes are full, and is counted', async () => {
    const { consume, got, host, end } = await connector({ max_mib: 1 });
    const long = (id: number): TestRecord => ({
      eventName: 'gen_ai.choice',
      body: { message: { content: `${id}${'x'.repeat(60_000)}` } },
      traceId,
      spanId: id.toString(16).padStart(16, '0'),
    });
    for (let id = 1; id <= 20; id++) await consume(content(long(id)));
    expect(host.metric('misstep_agent_events_kept_bytes')).toBeLessThanOrEqual(1_048_576);
    await consume(modelCall({ spanId: '0000000000000001' }, 'other'));
    await consume(modelCall({ spanId: '0000000000000014' }, 'other'));
    expect(said(got[0])).toEqual(bare);
    expect(said(got[1])[0]?.[1]).toHaveLength(1);
    await end();
  });

  test('batches beyond the bytes are not held', async () => {
    const { consume, end } = await connector({ wait: '10s', max_mib: 1 });
    await consume(known);
    const big = { 'gen_ai.operation.name': 'chat', padding: 'x'.repeat(1_100_000) };
    expect(consume(modelCall({ attributes: big }))).toBeUndefined();
    await end();
  });

  test('content that waits too long is forgotten', async () => {
    let ms = 0;
    const { consume, host, end } = await connector({ keep: '1s' }, { now: () => ms, monotonic: () => ms });
    await consume(content(question));
    ms = 5_000;
    await until(() => host.metric('misstep_agent_events_kept_bytes') === 0);
    expect(host.metric('misstep_agent_events_contents')).toBe(1);
    await end();
  });

  test('the end hands on what is held, and waits for its answer', async () => {
    const { consume, got, end, behind } = await connector({ wait: '10s' });
    await consume(known);
    await consume(content(question));
    const handed = consume(modelCall());
    behind.answer = Promise.resolve();
    await end();
    expect(said(got[0])).toEqual([[['Weather?'], []]]);
    await handed;
    await end();
  });

  test('a reload takes over what waits', async () => {
    const before = await connector({ wait: '10s' });
    await before.consume(known);
    await before.consume(content(question, answer));
    const held = before.consume(modelCall({ spanId: 'dddddddddddddddd' }));
    const after = await connector({ wait: '10s' });
    after.component.adopt?.(before.component);
    await before.end();
    await held;
    await after.consume(modelCall());
    expect(said(after.got[0])).toEqual(whole);
    await after.end();
  });

  test('shutdown without start, and twice', async () => {
    const component = factory.create('agent_events', factory.options.parse({}), new Map());
    await component.shutdown(AbortSignal.abort());
    await component.shutdown(AbortSignal.abort());
  });
});

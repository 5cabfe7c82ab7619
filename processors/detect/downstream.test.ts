// What becomes of findings when what stands behind `detect` refuses: a full queue, one of two exporters.
import { expect, test } from 'vitest';
import { sendingQueue } from '../../config/queue.ts';
import type { Batch } from '../../src/batch/batch.ts';
import { Account } from '../../src/component/account.ts';
import { createBudget } from '../../src/component/budget.ts';
import { type Consumer, Refused } from '../../src/component/component.ts';
import { batchSizes, SendingQueue } from '../../src/component/queue.ts';
import { clock, testHost, until } from '../../src/component/testing.ts';
import { defineDetector } from '../../src/detector/detector.ts';
import { documentToProtobuf, protobufToJson } from '../../src/otlp/json.ts';
import { fanOut } from '../../src/service/fanout.ts';
import { detectFactory } from './detect.ts';

const calls = defineDetector({
  meta: {
    id: 'calls',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Speaks at calls.',
    docs: { what: '', why: '', fix: '', limits: '', sources: [] },
    options: {},
    messages: { called: { text: "'{{tool}}' ran.", tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} } },
  },
  init: () => undefined,
  onStep(state, step, ctx) {
    if (step.tool) ctx.report('called', { at: step, key: step.spanId, score: 0.9, data: { tool: step.tool.name } });
    return state;
  },
});

function request(first: number, count: number): Batch {
  const spans = Array.from({ length: count }, (_, i) => ({
    traceId: '1'.padStart(32, '0'),
    spanId: (first + i).toString(16).padStart(16, '0'),
    parentSpanId: 'f'.repeat(16),
    name: 'execute_tool rm',
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000001000000',
    attributes: [{ key: 'gen_ai.tool.name', value: { stringValue: 'rm' } }],
  }));
  const { body } = documentToProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ scope: { name: 'gen_ai' }, spans }] }] });
  return { signal: 'traces', chunks: [body], bytes: body.length, items: count, tenant: 'default' };
}

/** Ids of findings in what was let out, in order, each as often as it is there. */
function idsIn(batches: readonly Batch[]): string[] {
  const text = batches.map(({ chunks }) => protobufToJson('traces', Buffer.concat(chunks))).join('');
  return [...text.matchAll(/"misstep\.detection\.target\.span_id","value":\{"stringValue":"(\w+)"\}/g)].map(([, id]) => id ?? '');
}

async function detectInto(next: Consumer, options: object) {
  const factory = detectFactory([{ detector: calls }]);
  const detect = factory.create({ id: 'detect', signal: 'traces' }, factory.options.parse(options), next);
  const host = testHost();
  await detect.start(host);
  return { detect, host };
}

test('carriers into a full queue wait in the outbox, counted, and go when there is room; the oldest give way beyond 10,000', async () => {
  const got: Batch[] = [];
  const ends: (() => void)[] = [];
  const books = testHost();
  const account = new Account(books.ledger.exporter('out'), 'traces');
  const options = sendingQueue().parse({ queue_size: 1, num_consumers: 1 });
  const queue = new SendingQueue({
    options,
    batch: batchSizes(options.batch, undefined),
    budget: createBudget(1e9),
    account,
    clock,
    deliver: (batch) =>
      new Promise((resolve) => {
        got.push(batch);
        ends.push(() => {
          account.sent(batch.items);
          resolve(undefined);
        });
      }),
    refused: () => undefined,
  });
  const { detect, host } = await detectInto(queue, { output: 'detections' });
  await detect.consume(request(1, 1));
  for (let i = 0; i < 2; i++) await expect(detect.consume(request(2, 5_000))).rejects.toBeInstanceOf(Refused);
  expect(host.metric('misstep_detect_outbox_size')).toBe(5_000);
  await expect(detect.consume(request(10_000, 5_001))).rejects.toBeInstanceOf(Refused);
  expect([host.metric('misstep_detect_outbox_size'), host.metric('misstep_detect_outbox_dropped')]).toEqual([10_000, 1]);
  expect(host.facts()['detect']).toMatchObject({ outbox: 10_000, outbox_dropped: 1 });
  ends.shift()?.();
  // No batch brings them: the next tick does.
  await until(() => got.length === 2);
  expect(host.metric('misstep_detect_outbox_size')).toBe(0);
  const ids = idsIn(got);
  // On the carrier and on its event.
  expect([ids.length, new Set(ids).size]).toEqual([2 * 10_001, 10_001]);
  ends.shift()?.();
  await detect.shutdown(new AbortController().signal);
});

test('two exporters of which one refuses: the one gets each finding once, the other again with the batch that is repeated', async () => {
  const [one, other]: [Batch[], Batch[]] = [[], []];
  let full = true;
  const both = fanOut([
    { consume: (batch) => void one.push(batch) },
    {
      consume(batch) {
        if (full) return Promise.reject(new Refused('queue_full', 'full', 1_000));
        other.push(batch);
        return undefined;
      },
    },
  ]);
  const { detect, host } = await detectInto(both, {});
  await expect(detect.consume(request(1, 2))).rejects.toBeInstanceOf(Refused);
  expect(host.metric('misstep_detect_outbox_size')).toBe(2);
  full = false;
  await detect.consume(request(1, 2));
  expect(host.metric('misstep_detect_outbox_size')).toBe(0);
  expect(idsIn(other)).toHaveLength(2);
  // At least once for who had accepted: the same findings on the same spans, told apart by id.
  expect([idsIn(one).length, new Set(idsIn(one)).size]).toEqual([4, 2]);
  await detect.shutdown(new AbortController().signal);
});

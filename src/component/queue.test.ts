import { describe, expect, test } from 'vitest';
import { sendingQueue } from '../../config/queue.ts';
import type { Batch } from '../batch/batch.ts';
import { Account } from './account.ts';
import { createBudget } from './budget.ts';
import { Oversize, Permanent, Refused } from './component.ts';
import { batchSizes, SendingQueue } from './queue.ts';
import { clock, testHost, tracesOf, until } from './testing.ts';

const names = (n: number) => Array.from({ length: n }, (_, i) => `span ${i}`);
type Written = Parameters<ReturnType<typeof sendingQueue>['parse']>[0];

/** A queue whose sender ends a delivery when the test says so. */
function queueOf(written: Written, budget = createBudget(1e9), hint?: Parameters<typeof batchSizes>[1], time = clock) {
  const host = testHost();
  const options = sendingQueue().parse(written);
  const account = new Account(host.ledger.exporter('out'), 'traces');
  const sending: { batch: Batch; end: (error?: Error) => void }[] = [];
  let refused = 0;
  const queue = new SendingQueue({
    options,
    batch: batchSizes(options.batch, hint),
    budget,
    account,
    clock: time,
    deliver: (batch) =>
      new Promise((resolve) => {
        const end = (error?: Error) => {
          if (error === undefined) account.sent(batch.items);
          else account.dropped(batch.items, 'permanent');
          resolve(error);
        };
        sending.push({ batch, end });
      }),
    refused: (items) => {
      refused += items;
    },
  });
  return { host, queue, sending, budget, refused: () => refused };
}

const settled = async (promise: Promise<void> | undefined): Promise<unknown> => {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
};

describe('SendingQueue', () => {
  test('accepts synchronously, sends with num_consumers at once, and counts what is sent as room taken', async () => {
    const { host, queue, sending } = queueOf({ queue_size: 3, num_consumers: 2 });
    for (let i = 0; i < 3; i++) expect(queue.consume(tracesOf(names(2)))).toBeUndefined();
    expect([sending.length, queue.used, host.books.queued, host.books.inFlight]).toEqual([2, 3, 2, 4]);
    const refusal = await settled(queue.consume(tracesOf(names(2))));
    expect(refusal).toBeInstanceOf(Refused);
    expect(refusal).toMatchObject({ reason: 'queue_full', message: 'sending queue is full', retryAfterMs: 5_000 });
    expect(host.books.offered).toBe(6);
    sending[0]?.end();
    await until(() => sending.length === 3);
    expect(queue.consume(tracesOf(names(2)))).toBeUndefined();
    expect(host.difference()).toBe(0);
  });

  test.each([
    ['items', 5, 3],
    ['bytes', tracesOf(names(1)).bytes * 2, 1],
    ['requests', 1, 4],
  ] as const)('measures by %s', async (sizer, queue_size, items) => {
    const { queue, refused } = queueOf({ sizer, queue_size });
    expect(queue.consume(tracesOf(names(items)))).toBeUndefined();
    if (sizer === 'bytes') expect(queue.consume(tracesOf(names(items)))).toBeUndefined();
    expect(await settled(queue.consume(tracesOf(names(items))))).toBeInstanceOf(Refused);
    expect(refused()).toBe(items);
  });

  test('bytes are bounded for the queue and for all queues together, and given back', async () => {
    const batch = tracesOf(names(1), 1_000);
    const own = queueOf({ max_bytes: batch.bytes });
    expect(own.queue.consume(batch)).toBeUndefined();
    expect(await settled(own.queue.consume(batch))).toBeInstanceOf(Refused);
    const budget = createBudget(batch.bytes);
    const a = queueOf({}, budget);
    const b = queueOf({}, budget);
    expect(a.queue.consume(batch)).toBeUndefined();
    expect(await settled(b.queue.consume(batch))).toBeInstanceOf(Refused);
    a.sending[0]?.end();
    await until(() => budget.used === 0);
    expect(b.queue.consume(batch)).toBeUndefined();
  });

  test('what could never fit is refused for good', async () => {
    const { queue } = queueOf({ max_bytes: 100 });
    expect(await settled(queue.consume(tracesOf(names(1), 200)))).toBeInstanceOf(Oversize);
  });

  test('block_on_overflow waits for room, in order, even if another queue gives it', async () => {
    const batch = tracesOf(names(1));
    const budget = createBudget(batch.bytes);
    const other = queueOf({}, budget);
    other.queue.consume(batch);
    const { queue, sending } = queueOf({ block_on_overflow: true }, budget);
    const order: number[] = [];
    const waits = [1, 2].map((n) => settled(queue.consume(batch)).then(() => order.push(n)));
    expect(sending).toHaveLength(0);
    other.sending[0]?.end();
    await until(() => sending.length === 1);
    sending[0]?.end();
    await Promise.all(waits);
    expect(order).toEqual([1, 2]);
  });

  test('says when to come back from the measured drain rate', async () => {
    const still = { now: () => 0, monotonic: () => 0 };
    const { queue, sending } = queueOf({ queue_size: 2, num_consumers: 1 }, createBudget(1e9), undefined, still);
    const batch = tracesOf(names(1), 10_000);
    queue.consume(batch);
    queue.consume(batch);
    sending[0]?.end();
    await until(() => sending.length === 2);
    queue.consume(batch);
    const refusal = await settled(queue.consume(batch));
    // One batch drained: the decayed rate says that another one takes half-life / ln 2.
    expect((refusal as Refused).retryAfterMs).toBe(7_214);
  });

  test('wait_for_result hands the result back to everyone in the batch', async () => {
    const { queue, sending } = queueOf({ wait_for_result: true, batch: { min_size: 4, max_size: 4, flush_timeout: '1h' } });
    const waits = [names(2), names(6)].map((spans) => settled(queue.consume(tracesOf(spans))));
    queue.drain();
    await until(() => sending.length === 3);
    sending[0]?.end();
    sending[1]?.end(new Permanent('no'));
    sending[2]?.end();
    const results = await Promise.all(waits);
    expect(results[0]).toBeUndefined();
    expect(results[1]).toBeInstanceOf(Permanent);
  });

  test('what a batcher holds is acknowledged, counted as queued, and sent when the queue would be full', async () => {
    const hint = { flushTimeoutMs: 3_600_000, minItems: 8_192, maxItems: 0 };
    const { host, queue, sending } = queueOf({ queue_size: 2 }, createBudget(1e9), hint);
    expect(queue.consume(tracesOf(names(3)))).toBeUndefined();
    expect(queue.consume(tracesOf(names(3)))).toBeUndefined();
    expect([sending.length, host.books.queued]).toEqual([0, 6]);
    expect(await settled(queue.consume(tracesOf(names(3))))).toBeInstanceOf(Refused);
    expect([sending.length, sending[0]?.batch.items, host.books.inFlight]).toEqual([1, 6, 6]);
    expect(host.difference()).toBe(0);
  });

  test('drain flushes, refuses newcomers and waits; abandon drops what nobody took', async () => {
    const { host, queue, sending } = queueOf({ num_consumers: 1 });
    for (let i = 0; i < 3; i++) queue.consume(tracesOf(names(1)));
    let over = false;
    const drained = queue.drain().then(() => {
      over = true;
    });
    expect(await settled(queue.consume(tracesOf(names(1))))).toMatchObject({ reason: 'shutdown' });
    queue.abandon();
    expect(over).toBe(false);
    sending[0]?.end();
    await drained;
    expect([host.books.sent, host.books.dropped['shutdown'], host.books.queued, queue.usedBytes]).toEqual([1, 2, 0, 0]);
    expect(host.difference()).toBe(0);
  });
});

// `store` before a database that is slow, away, or refuses.
import { expect, test } from 'vitest';
import { createBudget } from '../../src/component/budget.ts';
import { type Component, Permanent } from '../../src/component/component.ts';
import type { Ingested, Records } from '../../src/component/records.ts';
import { testHost, tracesOf, until } from '../../src/component/testing.ts';
import { factory } from './store.ts';

const signal = new AbortController().signal;
const none: Ingested = { steps: 0, detections: 0 };

async function start(ingest: (tenant: string, bytes: number) => Promise<Ingested>, options: object = {}) {
  const records = {
    ingest: (tenant: string, chunks: readonly Uint8Array[]) =>
      ingest(
        tenant,
        chunks.reduce((sum, { length }) => sum + length, 0),
      ),
  } as Records;
  const database = { start: async () => {}, shutdown: async () => {}, records } as Component;
  const host = testHost(undefined, { database });
  const store = factory.create('store', factory.options.parse(options), { budget: createBudget(1e9) });
  await store.start(host);
  return { store, host };
}

test('batches reach the database with their tenant; small ones together', async () => {
  const got: [string, number][] = [];
  const { store } = await start(async (tenant, bytes) => {
    got.push([tenant, bytes]);
    return none;
  });
  const batch = tracesOf(['a', 'b'], 0, 'acme');
  await store.consume(batch);
  await store.consume(batch);
  await store.shutdown(signal);
  expect(got).toEqual([['acme', 2 * batch.bytes]]);
});

test('a database that hangs refuses nobody: what finds the queue full is not kept, and counted', async () => {
  let release: () => void = () => {};
  const { store, host } = await start(
    () =>
      new Promise((resolve) => {
        release = () => resolve(none);
      }),
    { sending_queue: { num_consumers: 1, queue_size: 2 } },
  );
  const batch = tracesOf(['a']);
  for (let i = 0; i < 5; i++) await store.consume(batch);
  expect(host.metric('misstep_store_not_kept_spans')).toBe(3);
  const stopped = store.shutdown(AbortSignal.timeout(2_000));
  await until(() => {
    release();
    return host.books.sent === 2;
  });
  await stopped;
});

test('`when_full: refuse` makes the sender wait', async () => {
  const { store } = await start(() => new Promise(() => {}), { when_full: 'refuse', sending_queue: { queue_size: 1 } });
  await store.consume(tracesOf(['a']));
  await expect(store.consume(tracesOf(['a']))).rejects.toMatchObject({ name: 'Refused' });
  await store.shutdown(AbortSignal.timeout(1));
});

test('away it is tried again; what is malformed is dropped', async () => {
  let tries = 0;
  const { store, host } = await start(
    async () => {
      if (++tries < 3) throw new Error('away');
      if (tries === 4) throw new Permanent('malformed');
      return none;
    },
    { retry_on_failure: { initial_interval: '1ms' }, sending_queue: { num_consumers: 1 } },
  );
  await store.consume(tracesOf(['a']));
  await until(() => host.books.sent === 1);
  await store.consume(tracesOf(['a']));
  await until(() => Object.values(host.books.dropped).join() === '1');
  await store.shutdown(signal);
});

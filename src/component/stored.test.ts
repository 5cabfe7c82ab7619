import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { retryOnFailure, sendingQueue } from '../../config/queue.ts';
import type { Batch } from '../batch/batch.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import { createBudget } from './budget.ts';
import type { Component, Consumer, Host } from './component.ts';
import type { Outcome } from './retry.ts';
import { createSender } from './sender.ts';
import { storageOf } from './stored.ts';
import { type TestHost, testHost, tracesOf, until } from './testing.ts';

let directory = '';
let storage: Storage;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'misstep-queue-'));
  storage = await opened();
});

afterEach(async () => {
  await storage.close();
  rmSync(directory, { recursive: true, force: true });
});

function opened(maxBytes = 50_000_000): Promise<Storage> {
  const quiet = { damaged() {}, missing() {}, failed() {}, working() {} };
  return openStorage({ directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 100_000, maxBytes }, quiet);
}

const retry: Outcome = { kind: 'retry', message: 'away', retryAfterMs: 0 };
const sent: Outcome = { kind: 'sent', rejected: 0, message: '' };

/** An exporter whose backend answers as `answer` says; `got` is what it took. */
async function exporter(answer: (batch: Batch) => Outcome, queue: object = {}) {
  const extension = { start: async () => {}, shutdown: async () => {}, storage };
  const base = testHost();
  const host: TestHost = { ...base, extension: () => extension } as TestHost & Host;
  const got: Batch[] = [];
  const options = {
    sending_queue: sendingQueue().parse({ storage: 'file_storage', ...queue }),
    retry_on_failure: retryOnFailure().parse({ initial_interval: '10ms', max_interval: '10ms' }),
  };
  const component: Component & Consumer = createSender('otlp_http', options, { budget: createBudget(1e9) }, () => ({
    request: (batch) => async () => {
      const outcome = answer(batch);
      if (outcome.kind === 'sent') got.push(batch);
      return outcome;
    },
    close() {},
  }));
  await component.start(host);
  const stop = () => component.shutdown(AbortSignal.timeout(2_000));
  return { component, host, got, stop };
}

const items = (batches: readonly Batch[]) => batches.reduce((sum, batch) => sum + batch.items, 0);
const names = (n: number, prefix = 'span') => Array.from({ length: n }, (_, i) => `${prefix} ${i}`);

test('what a stop leaves is sent after the next start, with tenant and metadata, and the books say so', async () => {
  const first = await exporter(() => retry);
  const metadata = new Map([['x-team', ['a', 'b']]]);
  await first.component.consume({ ...tracesOf(names(3), 0, 'acme'), metadata, generated: 1 });
  for (let i = 0; i < 20; i++) await first.component.consume(tracesOf(names(1)));
  await first.stop();
  expect(first.host.books).toMatchObject({ offered: 22, generated: 1, kept: 23, queued: 0, inFlight: 0, sent: 0 });
  expect(first.host.difference()).toBe(0);
  await storage.close();
  storage = await opened();
  const second = await exporter(() => sent);
  await until(() => items(second.got) === 23);
  expect(second.got[0]).toMatchObject({ tenant: 'acme', metadata, generated: 1, items: 3 });
  await second.stop();
  expect(second.host.books).toMatchObject({ offered: 0, restored: 23, sent: 23, kept: 0 });
  expect([second.host.difference(), storage.liveBytes]).toEqual([0, 0]);
});

test.each([{}, { batch: { flush_timeout: '5ms', min_size: 50, max_size: 80 } }])(
  'more than fits in memory is read back, in order, nothing twice (%j)',
  async (queue) => {
    let open = false;
    const { component, got, host, stop } = await exporter(() => (open ? sent : retry), {
      num_consumers: 1,
      queue_size: 10_000,
      ...queue,
    });
    for (let i = 0; i < 30; i++) await component.consume(tracesOf(names(10, `request ${i}`), 50_000));
    expect(host.metric('misstep_exporter_queue_bytes')).toBeGreaterThan(12_000_000);
    open = true;
    await until(() => items(got) === 300, 20_000);
    const seen =
      Buffer.concat(got.flatMap(({ chunks }) => [...chunks]))
        .toString('latin1')
        .match(/request \d+ \d/g) ?? [];
    expect(seen.filter((one) => one.endsWith(' 0'))).toEqual(Array.from({ length: 30 }, (_, i) => `request ${i} 0`));
    expect(new Set(seen).size).toBe(300);
    await stop();
    expect([host.books.sent, host.difference(), storage.liveBytes]).toEqual([300, 0, 0]);
  },
);

test('a full storage refuses before it acknowledges, and takes again when there is room', async () => {
  await storage.close();
  storage = await opened(400_000);
  let open = false;
  const { component, got, stop } = await exporter(() => (open ? sent : retry));
  let taken = 0;
  const fill = async () => {
    for (;;) {
      await component.consume(tracesOf(names(1), 50_000));
      taken++;
    }
  };
  await expect(fill()).rejects.toMatchObject({ name: 'Refused', reason: 'queue_full' });
  expect(taken).toBeGreaterThan(5);
  await expect(component.consume(tracesOf(names(1), 500_000))).rejects.toMatchObject({ name: 'Oversize' });
  open = true;
  await until(() => items(got) === taken, 10_000);
  await until(() => storage.liveBytes === 0);
  await component.consume(tracesOf(names(1), 50_000));
  await stop();
  expect(items(got)).toBe(taken + 1);
});

test('block_on_overflow waits for room in the storage', async () => {
  const { component, got, stop } = await exporter(() => sent, { block_on_overflow: true, queue_size: 2 });
  await Promise.all(Array.from({ length: 50 }, () => component.consume(tracesOf(names(2)))));
  await until(() => items(got) === 100);
  await stop();
});

test('a damaged record is told, counted as lost, and stops nothing', async () => {
  const first = await exporter(() => retry, { num_consumers: 1 });
  for (let i = 0; i < 3; i++) await first.component.consume(tracesOf(names(1, `request ${i}`)));
  await first.stop();
  const [file] = readdirSync(directory).filter((name) => name.endsWith('.seg'));
  const path = join(directory, file as string);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('request 1')] = 0;
  writeFileSync(path, bytes);
  const { got, host, stop } = await exporter(() => sent);
  await until(() => items(got) === 2);
  await stop();
  expect(host.books).toMatchObject({ restored: 3, sent: 2, dropped: { unreadable: 1 } });
  expect(host.difference()).toBe(0);
  expect(host.logs.map(({ message }) => message)).toContain('A stored request cannot be read and is lost.');
});

test('over a reload the successor takes new requests at once and the old ones when its predecessor has stopped', async () => {
  const old = await exporter(() => retry);
  await old.component.consume(tracesOf(names(1, 'old')));
  const heir = await exporter(() => sent);
  await heir.component.consume(tracesOf(names(1, 'new')));
  await until(() => items(heir.got) === 1);
  await old.stop();
  await until(() => items(heir.got) === 2);
  expect(Buffer.concat(heir.got[1]?.chunks as Uint8Array[]).toString('latin1')).toContain('old 0');
  await heir.stop();
  expect([old.host.books.kept, heir.host.books.restored, heir.host.difference()]).toEqual([1, 1, 0]);
});

test('a name that is no running storage says what to do', () => {
  expect(() => storageOf('fs', undefined)).toThrow("storage: 'fs' does not run. Name it in service.extensions.");
  expect(() => storageOf('health', { start: async () => {}, shutdown: async () => {} })).toThrow('Name a file_storage.');
});

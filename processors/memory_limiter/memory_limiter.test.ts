import { afterEach, expect, test, vi } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import type { Consumer, Host, Status } from '../../src/component/component.ts';
import { createAdmission } from '../../src/service/admission.ts';
import { createRegistry } from '../../src/service/meter.ts';
import { createMemoryLimiter, factory, limits, type Memory } from './memory_limiter.ts';

const MIB = 1024 * 1024;
const options = (value: unknown) => factory.options.parse(value);
afterEach(() => {
  vi.useRealTimers();
});

const batch: Batch = { signal: 'traces', chunks: [], bytes: 0, items: 3, tenant: 'default' };

/** 100 MiB limit, 80 MiB soft. `freed` is what a collection gives back. */
async function limiter(rss: number, freed = 0) {
  vi.useFakeTimers();
  const memory = { now: rss * MIB, collections: 0, total: 1024 * MIB };
  const source: Memory = {
    rss: () => memory.now,
    total: memory.total,
    collect() {
      memory.collections += 1;
      memory.now -= freed * MIB;
    },
  };
  const queue = { bytes: 0 };
  const admission = createAdmission(() => queue.bytes);
  const statuses: Status[] = [];
  const registry = createRegistry();
  const host = {
    admission,
    clock: { now: () => Date.now(), monotonic: () => Date.now() },
    meter: registry,
    logger: { log() {} },
    status: (status: Status) => statuses.push(status),
  } as unknown as Host;
  const passed: Batch[] = [];
  const next: Consumer = {
    consume(one) {
      passed.push(one);
      return undefined;
    },
  };
  const made = createMemoryLimiter({ id: 'memory_limiter', signal: 'traces' }, options({ limit_mib: 100 }), next, source);
  await made.start(host);
  return { memory, queue, admission, statuses, registry, passed, made, tick: () => vi.advanceTimersByTime(1000) };
}

test('between two samples the bytes at the door count: a burst is refused before it is read', async () => {
  const { admission, queue, memory, tick, made } = await limiter(70);
  expect(admission.admit(6 * MIB)).toBeUndefined();
  expect(admission.admit(5 * MIB)).toEqual({ retryAfterMs: 1000 });
  // What leaves the door for a queue is still held.
  admission.release(6 * MIB);
  queue.bytes = 6 * MIB;
  expect(admission.admit(5 * MIB)).toEqual({ retryAfterMs: 1000 });
  queue.bytes = 0;
  expect(admission.admit(5 * MIB)).toBeUndefined();
  admission.release(5 * MIB);
  // The next sample sees more room.
  memory.now = 20 * MIB;
  tick();
  expect(admission.admit(59 * MIB)).toBeUndefined();
  await made.shutdown(new AbortController().signal);
  expect(admission.admit(1e12)).toBeUndefined();
});

test('above the soft limit everything is refused, also what has no size, until memory is below it again', async () => {
  const { admission, memory, tick, made, statuses, passed, registry } = await limiter(70);
  await made.consume(batch);
  memory.now = 80 * MIB;
  tick();
  expect(admission.admit(0)).toBeUndefined();
  expect(admission.admit(1)).toEqual({ retryAfterMs: 1000 });
  await expect(made.consume(batch)).rejects.toMatchObject({ name: 'Refused', message: 'data refused due to high memory usage' });
  expect(statuses.at(-1)).toEqual({
    state: 'failing',
    reason: 'All data is refused: resident memory is 80 MiB, the soft limit 80 MiB.',
  });
  memory.now = 81 * MIB;
  tick();
  expect(admission.admit(0)).toEqual({ retryAfterMs: 1000 });
  memory.now = 79 * MIB;
  tick();
  expect(admission.admit(MIB)).toBeUndefined();
  await made.consume(batch);
  expect(statuses.at(-1)).toEqual({ state: 'ok' });
  expect(passed).toHaveLength(2);
  expect(registry.read('otelcol_processor_memory_limiter_accepted_spans')[0]?.value).toBe(6);
  expect(registry.read('otelcol_processor_memory_limiter_refused_spans')[0]?.value).toBe(3);
});

test('garbage is collected before it refuses, at most every 10 s', async () => {
  const { admission, memory, tick, made } = await limiter(90, 30);
  expect(memory.collections).toBe(1);
  expect(admission.admit(MIB)).toBeUndefined();
  memory.now = 90 * MIB;
  for (let i = 0; i < 9; i++) tick();
  expect(memory.collections).toBe(1);
  await expect(made.consume(batch)).rejects.toThrow();
  tick();
  expect(memory.collections).toBe(2);
  await made.consume(batch);
});

test.each<[unknown, number, number]>([
  [{ limit_mib: 100 }, 100, 80],
  [{ limit_mib: 100, spike_limit_mib: 30 }, 100, 70],
  [{ limit_percentage: 50 }, 512, 409.6],
  [{ limit_percentage: 50, spike_limit_percentage: 10 }, 512, 409.6],
  [{ limit_mib: 100, limit_percentage: 50 }, 100, 80],
])('%o of 1 GiB: hard %d MiB, soft %d MiB', (value, hard, soft) => {
  const found = limits(options(value), 1024 * MIB);
  expect(found.hard / MIB).toBeCloseTo(hard);
  expect(found.soft / MIB).toBeCloseTo(soft);
});

test.each<[unknown, string]>([
  [{}, 'one of limit_mib and limit_percentage must be greater than zero'],
  [{ limit_mib: 10, check_interval: '0s' }, 'must be greater than zero'],
  [{ limit_mib: 10, spike_limit_mib: 10 }, 'must be smaller than limit_mib (10), is 10'],
  [{ limit_percentage: 101 }, 'Too big'],
  [{ limit_percentage: 50, spike_limit_percentage: 60 }, 'must be smaller than limit_percentage (50), is 60'],
  [{ limit_mib: 10, limit: 10 }, 'limit'],
])('%o is refused: %s', (value, wrong) => {
  expect(factory.options.safeParse(value).error?.message).toContain(wrong);
});

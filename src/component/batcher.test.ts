import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../batch/batch.ts';
import { countItems } from '../otlp/requests.ts';
import { Batcher, type BatchSizes, type Group } from './batcher.ts';
import { clock, tracesOf, until } from './testing.ts';

const hour = 3_600_000;
const names = (n: number) => Array.from({ length: n }, (_, i) => `span ${i}`);

interface Owner {
  pieces: number;
}

function batcherOf(sizes: Partial<BatchSizes>) {
  const groups: Group<Owner>[] = [];
  const batcher = new Batcher<Owner>({ flushTimeoutMs: hour, min: 10, max: 0, sizer: 'items', ...sizes }, clock, (group) =>
    groups.push(group),
  );
  return { batcher, groups, add: (batch: Batch) => batcher.add(batch, { pieces: 1 }) };
}

describe('Batcher', () => {
  test('waits for min_size and then joins chunk lists without copying', () => {
    const { batcher, groups, add } = batcherOf({ min: 10 });
    const a = tracesOf(names(4));
    const b = tracesOf(names(6));
    add(a);
    expect(groups).toHaveLength(0);
    add(b);
    expect(groups).toHaveLength(1);
    const [group] = groups;
    expect(group?.batch.items).toBe(10);
    expect(group?.batch.chunks[0]).toBe(a.chunks[0]);
    expect(group?.batch.chunks[1]).toBe(b.chunks[0]);
    expect(countItems('traces', Buffer.concat(group?.batch.chunks ?? []))).toBe(10);
    batcher.stop();
  });

  test('sends what waits when the flush timeout has passed', async () => {
    const { batcher, groups, add } = batcherOf({ flushTimeoutMs: 5 });
    add(tracesOf(names(1)));
    await until(() => groups.length === 1);
    add(tracesOf(names(2)));
    await until(() => groups.length === 2);
    batcher.stop();
  });

  test('never mixes tenants or metadata', () => {
    const { batcher, groups, add } = batcherOf({});
    const one = tracesOf(names(3));
    const metadata = (value: string) => new Map([['x-team', [value]]]);
    add(one);
    add({ ...one, tenant: 'other' });
    add({ ...one, metadata: metadata('a') });
    add({ ...one, metadata: metadata('b') });
    add({ ...one, metadata: metadata('a') });
    batcher.stop();
    expect(groups.map(({ batch }) => [batch.tenant, batch.metadata?.get('x-team')?.[0], batch.items])).toEqual([
      ['default', undefined, 3],
      ['other', undefined, 3],
      ['default', 'a', 6],
      ['default', 'b', 3],
    ]);
  });

  test('no batch is above max_size, no span is lost, and each owner knows its pieces', () => {
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 15 }),
      fc.integer({ min: 0, max: 10 }),
      fc.integer({ min: 10, max: 20 }),
      (sizes, min, max) => {
        const { batcher, groups } = batcherOf({ min, max });
        const owners = sizes.map((n) => {
          const owner: Owner = { pieces: 1 };
          batcher.add(tracesOf(names(n)), owner);
          return owner;
        });
        batcher.stop();
        for (const { batch } of groups) {
          expect(batch.items).toBeLessThanOrEqual(max);
          expect(countItems('traces', Buffer.concat(batch.chunks))).toBe(batch.items);
        }
        expect(groups.reduce((sum, { batch }) => sum + batch.items, 0)).toBe(sizes.reduce((sum, n) => sum + n, 0));
        for (const owner of owners) {
          const pieces = groups.filter((group) => group.owners.includes(owner)).length;
          expect(pieces).toBe(owner.pieces);
        }
      },
    );
    fc.assert(property, { seed: 2, numRuns: 60 });
  });

  test('counts bytes when told to', () => {
    const { batcher, groups, add } = batcherOf({ sizer: 'bytes', min: 1_000, max: 1_500 });
    add(tracesOf(names(10), 400));
    batcher.stop();
    expect(groups.length).toBeGreaterThan(2);
    for (const { batch } of groups) expect(batch.bytes).toBeLessThanOrEqual(1_500);
    expect(groups.reduce((sum, { batch }) => sum + batch.items, 0)).toBe(10);
  });
});

import { expect, test } from 'vitest';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import { type Consumer, Permanent, Refused } from '../../src/component/component.ts';
import { testHost, tracesOf } from '../../src/component/testing.ts';
import { factory } from './forward.ts';

async function forward(next: ReadonlyMap<Signal, Consumer>) {
  const component = factory.create('forward', factory.options.parse({}), next);
  await component.start(testHost());
  return component;
}

test('hands on the same batch, and the answer back', async () => {
  const got: Batch[] = [];
  const refusal = new Refused('queue_full', 'full', 1_000);
  const accepts: Consumer = {
    consume(batch) {
      got.push(batch);
      return undefined;
    },
  };
  const batch = tracesOf(['a']);
  expect((await forward(new Map([['traces', accepts]]))).consume(batch)).toBeUndefined();
  expect(got[0]).toBe(batch);
  const refuses: Consumer = { consume: () => Promise.reject(refusal) };
  await expect((await forward(new Map([['traces', refuses]]))).consume(batch)).rejects.toBe(refusal);
});

test('refuses a signal that no pipeline takes', async () => {
  await expect((await forward(new Map())).consume(tracesOf(['a']))).rejects.toBeInstanceOf(Permanent);
});

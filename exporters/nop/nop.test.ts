import { expect, test } from 'vitest';
import { createBudget } from '../../src/component/budget.ts';
import { testHost, tracesOf } from '../../src/component/testing.ts';
import { factory } from './nop.ts';

test('takes everything at once and counts it as sent', async () => {
  const host = testHost();
  const nop = factory.create('nop', factory.options.parse({}), { budget: createBudget(0) });
  await nop.start(host);
  expect(nop.consume(tracesOf(['a', 'b']))).toBeUndefined();
  expect(nop.consume({ ...tracesOf(['received', 'a carrier']), generated: 1 })).toBeUndefined();
  await nop.shutdown(AbortSignal.abort());
  expect([host.books.offered, host.books.generated, host.books.sent, host.difference()]).toEqual([3, 1, 4, 0]);
});

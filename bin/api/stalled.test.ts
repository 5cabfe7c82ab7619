// A database that is really stuck: another process's transaction holds the file. The store takes what comes, and nobody waits.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { factory as storeFactory } from '../../exporters/store/store.ts';
import { databaseFactory } from '../../extensions/database/database.ts';
import { openSqlite } from '../../extensions/database/sqlite.ts';
import { request } from '../../extensions/database/testing/suite.ts';
import { createBudget } from '../../src/component/budget.ts';
import type { DatabaseExtension } from '../../src/component/records.ts';
import { testHost, until } from '../../src/component/testing.ts';

const signal = new AbortController().signal;

test('while the database is stuck spans are taken at once; what fits the queue is written later, the rest is counted', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'misstep-stalled-'));
  const databases = databaseFactory(undefined, new URL('../../extensions/database/testing/worker.mjs', import.meta.url));
  const database = databases.create('database', databases.options.parse({ directory })) as DatabaseExtension;
  const host = testHost(undefined, { database });
  await database.start(host);
  const queue = {
    sending_queue: { num_consumers: 1, queue_size: 20, batch: { min_size: 1 } },
    retry_on_failure: { initial_interval: '10ms' },
  };
  const store = storeFactory.create('store', storeFactory.options.parse(queue), { budget: createBudget(1e9) });
  await store.start(host);
  const other = openSqlite(join(directory, 'misstep.db'));
  await other.run('BEGIN EXCLUSIVE');
  let slowest = 0;
  for (let trace = 1; trace <= 50; trace++) {
    const body = request([{ trace, span: trace }]);
    const from = performance.now();
    await store.consume({
      signal: 'traces',
      chunks: [body],
      bytes: body.length,
      items: 1,
      tenant: 'default',
    });
    slowest = Math.max(slowest, performance.now() - from);
  }
  // The database's own thread waits up to 5 s for the file; who sends does not.
  expect(slowest).toBeLessThan(1_000);
  const dropped = host.metric('misstep_store_not_kept_spans');
  expect(dropped).toBeGreaterThanOrEqual(50 - 20 - 2);
  await other.run('ROLLBACK');
  await other.close();
  await until(() => host.books.sent === 50 - dropped, 30_000);
  expect((await database.records.of('default').traces({}, { limit: 1 })).total).toBe(50 - dropped);
  await store.shutdown(signal);
  await database.shutdown(signal);
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

// The suite of the drivers, and two sidecars at once, on a real PostgreSQL: from $PG_BIN, or where Debian puts it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../extensions/database/migrations.ts';
import { openPostgres } from '../../extensions/database/postgres.ts';
import { TenantReader } from '../../extensions/database/read.ts';
import { rowsOf } from '../../extensions/database/rows.ts';
import { driverSuite, finding, request } from '../../extensions/database/testing/suite.ts';
import { write } from '../../extensions/database/write.ts';
import { type Postgres, startPostgres } from './postgres.ts';

const debian = '/usr/lib/postgresql';
const bin =
  process.env['PG_BIN'] ?? (existsSync(debian) ? join(debian, readdirSync(debian).sort().at(-1) as string, 'bin') : undefined);
if (bin === undefined) throw new Error('No PostgreSQL: install the Debian package postgresql, or set PG_BIN.');

let postgres: Postgres;
const empty = () => postgres.empty();

beforeAll(async () => {
  postgres = await startPostgres(bin);
}, 60_000);
afterAll(() => postgres.stop());

driverSuite('PostgreSQL', async () => openPostgres(await empty()));

test('two sidecars write the same rows at once, and both read them', async () => {
  const at = await empty();
  const both = [await openPostgres(at), await openPostgres(at)] as const;
  await migrate(both[0]);
  const put = (i: 0 | 1, body: Uint8Array) => write(both[i], 'default', rowsOf(body, 'default', true), Date.now());
  const bodies = Array.from({ length: 40 }, (_, i) =>
    request([{ trace: 1 + (i % 5), span: i + 1, events: [finding(1 + (i % 3))] }]),
  );
  // Each of its own order, so that locks cross.
  await Promise.all([
    (async () => {
      for (const body of bodies) await put(0, body);
    })(),
    (async () => {
      for (const body of bodies.toReversed()) await put(1, body);
    })(),
  ]);
  const reader = new TenantReader(both[1], 'default', Date.now);
  expect(await reader.traces({}, { limit: 9 })).toMatchObject({ total: 5 });
  expect((await reader.detections({}, { limit: 9 })).total).toBe(3);
  for (const driver of both) await driver.close();
});

test('of two sidecars that write a document of the same version, one does', async () => {
  const at = await empty();
  const both = [await openPostgres(at), await openPostgres(at)] as const;
  await migrate(both[0]);
  const readers = both.map((driver) => new TenantReader(driver, 'default', Date.now));
  for (let version = 0; version < 50; version++) {
    const rows = await Promise.all(readers.map((reader, i) => reader.put('lease', 'one', i, version)));
    expect(rows.filter((row) => row !== undefined)).toMatchObject([{ version: version + 1 }]);
  }
  await Promise.all(
    readers.map(async (reader) => {
      for (let times = 0; times < 25; times++) await reader.put('lease', 'one', 'anyone');
    }),
  );
  expect(await readers[0]?.document('lease', 'one')).toMatchObject({ version: 100 });
  for (const driver of both) await driver.close();
});

test('a connection that breaks is opened again', async () => {
  const at = await empty();
  const driver = await openPostgres(at);
  await migrate(driver);
  const admin = await openPostgres(postgres.url('postgres'));
  await admin.run('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?', [new URL(at).pathname.slice(1)]);
  await admin.close();
  const read = () => new TenantReader(driver, 'default', Date.now).traces({}, { limit: 1 });
  const first = await read().catch((error: Error) => error);
  expect(first instanceof Error || first.total === 0).toBe(true);
  expect(await read()).toMatchObject({ total: 0 });
  await driver.close();
});

// The suite of the drivers, and two sidecars at once, on a real PostgreSQL: from $PG_BIN, or where Debian puts it.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../extensions/database/migrations.ts';
import { openPostgres } from '../../extensions/database/postgres.ts';
import { TenantReader } from '../../extensions/database/read.ts';
import { rowsOf } from '../../extensions/database/rows.ts';
import { driverSuite, finding, request } from '../../extensions/database/testing/suite.ts';
import { write } from '../../extensions/database/write.ts';

const debian = '/usr/lib/postgresql';
const bin =
  process.env['PG_BIN'] ?? (existsSync(debian) ? join(debian, readdirSync(debian).sort().at(-1) as string, 'bin') : undefined);
if (bin === undefined) throw new Error('No PostgreSQL: install the Debian package postgresql, or set PG_BIN.');

const directory = mkdtempSync(join(tmpdir(), 'misstep-postgres-'));
/** PostgreSQL does not run as root; nobody does. */
const who = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
let server: ReturnType<typeof spawn> | undefined;
let port = 0;
let n = 0;

const url = (name: string) => `postgres://misstep@127.0.0.1:${port}/${name}`;

async function empty(): Promise<string> {
  const name = `test_${n++}`;
  const admin = await openPostgres(url('postgres'));
  await admin.run(`CREATE DATABASE ${name}`);
  await admin.close();
  return url(name);
}

beforeAll(async () => {
  chmodSync(directory, 0o777);
  if (who.uid !== undefined) chownSync(directory, who.uid, who.gid);
  const data = join(directory, 'data');
  const init = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'misstep', '-A', 'trust', '--no-sync'], {
    ...who,
    encoding: 'utf8',
  });
  if (init.status !== 0) throw new Error(`initdb: ${init.stderr}`);
  const socket = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => socket.once('listening', resolve));
  port = (socket.address() as AddressInfo).port;
  await new Promise((resolve) => socket.close(resolve));
  server = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-k', directory, '-h', '127.0.0.1', '-F'], {
    ...who,
    stdio: 'ignore',
  });
  for (let tries = 0; ; tries++) {
    const driver = await openPostgres(url('postgres')).catch(() => undefined);
    if (driver !== undefined) return driver.close();
    if (tries > 200) throw new Error('PostgreSQL does not start.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}, 60_000);

afterAll(async () => {
  const gone = new Promise((resolve) => server?.once('exit', resolve));
  server?.kill('SIGQUIT');
  await gone;
  rmSync(directory, { recursive: true, force: true });
});

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

test('a connection that breaks is opened again', async () => {
  const at = await empty();
  const driver = await openPostgres(at);
  await migrate(driver);
  const admin = await openPostgres(url('postgres'));
  await admin.run('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?', [new URL(at).pathname.slice(1)]);
  await admin.close();
  const read = () => new TenantReader(driver, 'default', Date.now).traces({}, { limit: 1 });
  const first = await read().catch((error: Error) => error);
  expect(first instanceof Error || first.total === 0).toBe(true);
  expect(await read()).toMatchObject({ total: 0 });
  await driver.close();
});

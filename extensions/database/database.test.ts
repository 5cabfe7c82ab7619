// The extension with its thread: what is asked is answered, what fails says so, what ends is started again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Permanent } from '../../src/component/component.ts';
import { type DatabaseExtension, RecordsError, recordsOf } from '../../src/component/records.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { Client } from './client.ts';
import { databaseFactory } from './database.ts';
import { finding, request } from './testing/suite.ts';

const entry = new URL('./testing/worker.mjs', import.meta.url);
const signal = new AbortController().signal;
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'misstep-database-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function start(options: object = {}) {
  const factory = databaseFactory(undefined, entry);
  const database = factory.create('database', factory.options.parse({ directory, ...options })) as DatabaseExtension;
  const host = testHost();
  await database.start(host);
  return { database, host };
}

test('what is ingested is there, also after a restart', async () => {
  const one = await start();
  const body = request([{ span: 2, events: [finding(7)] }]);
  expect(await one.database.records.ingest('default', [body.subarray(0, 10), body.subarray(10)])).toEqual({
    steps: 1,
    detections: 1,
  });
  await one.database.shutdown(signal);
  expect(() => one.database.records).toThrow("'database' does not run");
  const two = await start();
  expect(await two.database.records.of('default').trace('00000000000000000000000000000001')).toMatchObject({
    steps: 1,
    detections: 1,
  });
  await two.database.shutdown(signal);
});

test('what is malformed is refused for good, and the next goes on', async () => {
  const { database } = await start();
  await expect(database.records.ingest('default', [Buffer.from('not protobuf')])).rejects.toThrow(Permanent);
  await expect(database.records.of('default').traces({}, { limit: 1, after: '!' })).rejects.toThrow(RangeError);
  expect(await database.records.ingest('default', [request([{ span: 1 }])])).toEqual({ steps: 1, detections: 0 });
  await database.shutdown(signal);
});

test('`content: false` keeps neither what was given nor what was said', async () => {
  const { database } = await start({ content: false });
  const attributes = { 'gen_ai.tool.name': 'ls', 'gen_ai.tool.call.arguments': 'secret', 'gen_ai.tool.call.result': 'secret' };
  await database.records.ingest('default', [request([{ span: 1, attributes }])]);
  const steps = await database.records.of('default').steps('00000000000000000000000000000001', 9);
  expect(steps).toMatchObject([{ tool: 'ls', input: null, output: null }]);
  await database.shutdown(signal);
});

test('a file that is no database stops the start and says why', async () => {
  writeFileSync(join(directory, 'misstep.db'), 'x'.repeat(5_000));
  await expect(start()).rejects.toThrow(/database/);
});

test('a thread that ends fails what was asked of it and is started again', async () => {
  const told: string[] = [];
  const events = { working: () => told.push('working'), failed: () => told.push('failed') };
  const setup = { url: undefined, directory, content: true, maxAgeMs: 1e9, maxBytes: 0 };
  const client = new Client(entry, setup, events);
  await client.open();
  await client.ingest('default', [request([{ span: 1 }])]);
  const asked = client.of('default').traces({}, { limit: 1 });
  client.kill();
  await expect(asked).rejects.toThrow(RecordsError);
  await expect(client.size()).rejects.toThrow('being opened again');
  await until(() => told.at(-1) === 'failed');
  let total: number | null = 0;
  await until(() => {
    void client
      .of('default')
      .traces({}, { limit: 1 })
      .then((page) => {
        total = page.total;
      })
      .catch(() => undefined);
    return total === 1;
  });
  expect(told).toEqual(['working', 'failed', 'working']);
  await client.close();
});

test('names that are no database', () => {
  expect(() => recordsOf('database', undefined)).toThrow("'database' does not run");
  expect(() => recordsOf('x', { start: async () => {}, shutdown: async () => {} })).toThrow('Name a database');
});

// The extension `vector` of PostgreSQL, as the PyPI package pgserver has it: the database compares, and says what an exact scan says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../extensions/database/migrations.ts';
import { openPostgres } from '../../extensions/database/postgres.ts';
import { TenantReader } from '../../extensions/database/read.ts';
import { rowsOf } from '../../extensions/database/rows.ts';
import { openSqlite } from '../../extensions/database/sqlite.ts';
import { driverSuite, finding, request } from '../../extensions/database/testing/suite.ts';
import { openVectors } from '../../extensions/database/vectors.ts';
import { write } from '../../extensions/database/write.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { installed, run } from './kit.ts';
import { type Postgres, startPostgres } from './postgres.ts';

const PACKAGE = 'pgserver==0.1.4';
let postgres: Postgres;

beforeAll(async () => {
  const folder = installed('pgvector', PACKAGE, (at) => {
    run('python3', ['-m', 'venv', at], at);
    run(join(at, 'bin/pip'), ['install', '--quiet', PACKAGE], at);
  });
  const where = run(join(folder, 'bin/python'), ['-c', 'import pgserver, os; print(os.path.dirname(pgserver.__file__))'], folder);
  postgres = await startPostgres(join(where.trim(), 'pginstall/bin'));
});
afterAll(() => postgres?.stop());

driverSuite('PostgreSQL with the extension vector', async () => openPostgres(await postgres.empty()));

test('the database compares, in the order of an exact scan; what was kept before it could is filled in', async () => {
  provideEmbedding(() => readFileSync(new URL('../../src/text/embedding.bin', import.meta.url)));
  const texts = [
    'searched 9 times',
    'searched 12 times with one query',
    'spent 4 dollars',
    'forgot the question',
    'searched again',
  ];
  const events = texts.map((text, i) => finding(i + 1, { 'gen_ai.evaluation.explanation': `The agent ${text}.` }));
  const answers: unknown[] = [];
  for (const driver of [openSqlite(':memory:'), await openPostgres(await postgres.empty())]) {
    await migrate(driver);
    const put = async (i: number) => {
      const vectors = await openVectors(driver);
      await write(driver, 'default', rowsOf(request([{ span: 2, events: events.slice(i, i + 1) }]), 'default', true), i, vectors);
    };
    for (let i = 0; i < texts.length; i++) await put(i);
    if (driver.dialect === 'postgres') await driver.run('UPDATE misstep_vectors SET embedding = NULL WHERE id LIKE ?', ['%2']);
    const vectors = await openVectors(driver);
    expect(vectors.indexed).toBe(driver.dialect === 'postgres');
    const near = await new TenantReader(driver, 'default', () => 0, vectors).similar('1'.padStart(32, '0'), 9);
    answers.push(near?.map(({ detection, similarity }) => [detection.id, Math.round(similarity * 1e4)]));
    await driver.close();
  }
  expect(answers[0]).toHaveLength(4);
  expect(answers[1]).toEqual(answers[0]);
});

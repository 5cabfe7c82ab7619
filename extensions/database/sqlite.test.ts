// The suite of the drivers on each SQLite that this Node has: `libsql` everywhere, `node:sqlite` from 22.13 on.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { engines, openSqlite } from './sqlite.ts';
import { driverSuite } from './testing/suite.ts';

const root = mkdtempSync(join(tmpdir(), 'misstep-sqlite-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let n = 0;

test('there is one', () => {
  expect(engines()).toContain('libsql');
});

for (const engine of engines()) driverSuite(`SQLite of ${engine}`, async () => openSqlite(join(root, `${n++}.db`), engine));

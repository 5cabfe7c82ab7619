/** A database as it is configured, with its tables up to date. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Driver } from './driver.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';
import { type Engine, openSqlite } from './sqlite.ts';

export interface DatabaseOptions {
  /** PostgreSQL. Else a file in `directory`. */
  readonly url: string | undefined;
  readonly directory: string;
  /** For tests: which SQLite. */
  readonly engine?: Engine | undefined;
}

const FILE = 'misstep.db';

/** Throws if the database cannot be reached or is of a later version. */
export async function openDatabase({ url, directory, engine }: DatabaseOptions): Promise<Driver> {
  if (url === undefined) mkdirSync(directory, { recursive: true });
  const driver = url === undefined ? openSqlite(join(directory, FILE), engine) : await openPostgres(url);
  try {
    await migrate(driver);
  } catch (error) {
    await driver.close();
    throw error;
  }
  return driver;
}

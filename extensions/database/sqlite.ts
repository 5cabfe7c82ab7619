/**
 * SQLite in one file: `node:sqlite` where Node has it (22.13 on), else the package `libsql`. Both run in the thread that calls.
 *
 * WAL with `synchronous=NORMAL`: a kill loses nothing that was committed; a power cut may lose the last commits, never the file.
 */
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Driver, Row, Value } from './driver.ts';

/** What the two have in common. */
interface Statement {
  all(...values: Value[]): unknown[];
  run(...values: Value[]): { readonly changes: number | bigint };
}
interface Connection {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

/** Statements that are kept prepared: more than there are in this folder. */
const KEPT = 200;

export type Engine = 'node' | 'libsql';

/** The engines that this process could use, best first. */
export function engines(): Engine[] {
  return (['node', 'libsql'] as const).filter((one) => load(one) !== undefined);
}

function load(engine: Engine): (new (file: string) => Connection) | undefined {
  const require = createRequire(import.meta.url);
  try {
    if (engine === 'node') return (require('node:sqlite') as { DatabaseSync: new (file: string) => Connection }).DatabaseSync;
    return require('libsql') as new (
      file: string,
    ) => Connection;
  } catch {
    return undefined;
  }
}

export function openSqlite(file: string, engine: Engine | undefined = engines()[0]): Driver {
  const Open = engine === undefined ? undefined : load(engine);
  if (Open === undefined) {
    throw new Error(
      'database: this Node has no SQLite. Use Node 22.13 or later, install the package libsql, or name a PostgreSQL `url`.',
    );
  }
  return new Sqlite(new Open(file), file);
}

class Sqlite implements Driver {
  readonly dialect = 'sqlite';
  private readonly connection: Connection;
  private readonly file: string;
  private readonly prepared = new Map<string, Statement>();

  constructor(connection: Connection, file: string) {
    this.connection = connection;
    this.file = file;
    // Before anything is written: a file that has a page keeps the mode it was made with, and never becomes smaller.
    connection.exec('PRAGMA auto_vacuum = INCREMENTAL');
    connection.exec('PRAGMA journal_mode = WAL');
    connection.exec('PRAGMA synchronous = NORMAL');
    connection.exec('PRAGMA busy_timeout = 5000');
    const [mode] = connection.prepare('PRAGMA auto_vacuum').all() as Row[];
    if (mode?.['auto_vacuum'] !== 2) connection.exec('VACUUM');
  }

  async all(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return this.statement(sql).all(...values) as Row[];
  }

  async run(sql: string, values: readonly Value[] = []): Promise<number> {
    return Number(this.statement(sql).run(...values).changes);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    this.connection.exec('BEGIN IMMEDIATE');
    try {
      const result = await work();
      this.connection.exec('COMMIT');
      return result;
    } catch (error) {
      this.connection.exec('ROLLBACK');
      throw error;
    }
  }

  async size(): Promise<number> {
    return ['', '-wal'].reduce((sum, end) => sum + (statSync(this.file + end, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  async close(): Promise<void> {
    this.prepared.clear();
    this.connection.close();
  }

  private statement(sql: string): Statement {
    let statement = this.prepared.get(sql);
    if (statement === undefined) {
      statement = this.connection.prepare(sql);
      const [oldest] = this.prepared.keys();
      if (this.prepared.size >= KEPT && oldest !== undefined) this.prepared.delete(oldest);
      this.prepared.set(sql, statement);
    }
    return statement;
  }
}

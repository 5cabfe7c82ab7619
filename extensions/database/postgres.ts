/** PostgreSQL through the package `pg`: one connection, which is opened again when it breaks. */
import type { Driver, Row, Value } from './driver.ts';

/** A statement that takes longer is cancelled: a database that hangs must not hang the queue before it for good. */
const STATEMENT_MS = 30_000;
const CONNECT_MS = 10_000;

interface Client {
  connect(): Promise<unknown>;
  query(sql: string, values?: readonly Value[]): Promise<{ readonly rows: Row[]; readonly rowCount: number | null }>;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export async function openPostgres(url: string): Promise<Driver> {
  const pg = await import('pg').catch((error: unknown) => {
    throw new Error('database: `url` names PostgreSQL, and the package pg is not installed. Install it.', { cause: error });
  });
  // 64-bit counts fit a double up to 9e15.
  const types = {
    getTypeParser: (oid: number, format?: 'text') =>
      oid === 20 || oid === 1700 ? Number : pg.default.types.getTypeParser(oid, format),
  };
  const driver = new Postgres(
    () =>
      new pg.default.Client({
        connectionString: url,
        statement_timeout: STATEMENT_MS,
        connectionTimeoutMillis: CONNECT_MS,
        application_name: 'misstep',
        types: types as never,
      }) as unknown as Client,
  );
  await driver.connect();
  return driver;
}

class Postgres implements Driver {
  readonly dialect = 'postgres';
  private readonly make: () => Client;
  private client: Client | undefined;

  constructor(make: () => Client) {
    this.make = make;
  }

  async connect(): Promise<Client> {
    if (this.client !== undefined) return this.client;
    const client = this.make();
    client.on('error', () => {
      if (this.client === client) this.client = undefined;
    });
    await client.connect();
    this.client = client;
    return client;
  }

  async all(sql: string, values: readonly Value[] = []): Promise<Row[]> {
    return (await (await this.connect()).query(numbered(sql), values)).rows;
  }

  async run(sql: string, values: readonly Value[] = []): Promise<number> {
    return (await (await this.connect()).query(numbered(sql), values)).rowCount ?? 0;
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.run('BEGIN');
    try {
      const result = await work();
      await this.run('COMMIT');
      return result;
    } catch (error) {
      // On a broken connection there is nothing to roll back.
      await this.client?.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async size(): Promise<number> {
    const [row] = await this.all(
      "SELECT sum(pg_total_relation_size(quote_ident(tablename)::regclass)) AS bytes FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'misstep_%'",
    );
    return Number(row?.['bytes'] ?? 0);
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.end();
  }
}

/** `?` to `$1`, `$2`, …; none stands in a literal in this folder. */
function numbered(sql: string): string {
  let n = 0;
  return sql.replace(/\?/g, () => `$${++n}`);
}

/**
 * One way to speak to a database. SQL is what SQLite and PostgreSQL have in common, with `?` for parameters.
 *
 * Law: one statement or transaction at a time; `transaction` commits when `work` resolves and rolls back when it rejects.
 */

export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;

export interface Driver {
  readonly dialect: 'sqlite' | 'postgres';
  all(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /** Rows changed. */
  run(sql: string, values?: readonly Value[]): Promise<number>;
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /** Bytes on disk. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `(?,?),(?,?)`: `rows` groups of `columns`. */
export function places(rows: number, columns: number): string {
  const group = `(${Array(columns).fill('?').join(',')})`;
  return Array(rows).fill(group).join(',');
}

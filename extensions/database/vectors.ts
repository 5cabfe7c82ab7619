/**
 * Detections by what they are about: an embedding of each, of src/text. With PostgreSQL's extension `vector` the database compares
 * them, else all of the tenant's are compared here; the answer is the same.
 */
import { cosine, type Embedding, embed, embeddingAvailable } from '../../src/text/embedding.ts';
import { type Driver, places } from './driver.ts';
import type { Merged } from './merge.ts';

/** Numbers of an embedding. */
const WIDTH = 128;
/** Of one statement. */
const ROWS = 200;
/** Compared in one answer, the latest: some 50 ms. */
const MOST_SCANNED = 50_000;

export interface Near {
  readonly id: string;
  readonly similarity: number;
}

export interface Vectors {
  /** In the transaction of the detections. */
  write(tenant: string, rows: readonly Merged[]): Promise<void>;
  near(tenant: string, id: string, limit: number): Promise<readonly Near[]>;
  /** Whether the database compares. */
  readonly indexed: boolean;
}

export async function openVectors(driver: Driver): Promise<Vectors> {
  const indexed = driver.dialect === 'postgres' && (await extended(driver));
  return {
    indexed,
    write: (tenant, rows) => write(driver, tenant, rows, indexed),
    near: (tenant, id, limit) => (indexed ? compared(driver, tenant, id, limit) : scanned(driver, tenant, id, limit)),
  };
}

/** Makes the column if the extension is there or may be made. What was kept before it was there is filled in. */
async function extended(driver: Driver): Promise<boolean> {
  const [there] = await driver.all("SELECT 1 AS one FROM pg_available_extensions WHERE name = 'vector'");
  if (there === undefined) return false;
  try {
    await driver.run('CREATE EXTENSION IF NOT EXISTS vector');
  } catch {
    // Who may not make it does without, unless somebody made it before.
    const [made] = await driver.all("SELECT 1 AS one FROM pg_extension WHERE extname = 'vector'");
    if (made === undefined) return false;
  }
  await driver.run(`ALTER TABLE misstep_vectors ADD COLUMN IF NOT EXISTS embedding vector(${WIDTH})`);
  for (;;) {
    const rows = await driver.all('SELECT tenant, id, vector FROM misstep_vectors WHERE embedding IS NULL LIMIT ?', [ROWS]);
    for (const row of rows) {
      const values = [literal(decoded(row['vector'])), row['tenant'] as string, row['id'] as string];
      await driver.run('UPDATE misstep_vectors SET embedding = CAST(? AS vector) WHERE tenant = ? AND id = ?', values);
    }
    if (rows.length < ROWS) return true;
  }
}

async function write(driver: Driver, tenant: string, rows: readonly Merged[], indexed: boolean): Promise<void> {
  if (!embeddingAvailable()) return;
  for (const row of rows) {
    const vector = embed(aboutOf(row));
    // One without a direction is near to nothing.
    if (vector === undefined || vector.every((one) => one === 0)) continue;
    const values = [tenant, row.id, Buffer.from(vector.buffer, vector.byteOffset, vector.length).toString('base64')];
    await driver.run(
      `INSERT INTO misstep_vectors (tenant, id, vector${indexed ? ', embedding' : ''}) VALUES (?, ?, ?${indexed ? ', CAST(? AS vector)' : ''})
      ON CONFLICT (tenant, id) DO UPDATE SET vector = excluded.vector${indexed ? ', embedding = excluded.embedding' : ''}`,
      indexed ? [...values, literal(vector)] : values,
    );
  }
}

/** The explanation has the names and counts of the run. */
function aboutOf({ detector, message, explanation }: Merged): string {
  return `${detector} ${message}: ${explanation}`.replaceAll('_', ' ');
}

async function compared(driver: Driver, tenant: string, id: string, limit: number): Promise<readonly Near[]> {
  const rows = await driver.all(
    `SELECT v.id, 1 - (v.embedding <=> me.embedding) AS similarity FROM misstep_vectors v, misstep_vectors me
    WHERE me.tenant = ? AND me.id = ? AND v.tenant = ? AND v.id <> ? AND v.embedding IS NOT NULL
    ORDER BY v.embedding <=> me.embedding, v.id LIMIT ?`,
    [tenant, id, tenant, id, limit],
  );
  return rows.map((row) => ({ id: String(row['id']), similarity: Number(row['similarity']) }));
}

async function scanned(driver: Driver, tenant: string, id: string, limit: number): Promise<readonly Near[]> {
  const [me] = await driver.all('SELECT vector FROM misstep_vectors WHERE tenant = ? AND id = ?', [tenant, id]);
  if (me === undefined) return [];
  const rows = await driver.all(
    `SELECT v.id, v.vector FROM misstep_vectors v JOIN misstep_detections d ON d.tenant = v.tenant AND d.id = v.id
    WHERE v.tenant = ? AND v.id <> ? ORDER BY d.updated_ms DESC LIMIT ?`,
    [tenant, id, MOST_SCANNED],
  );
  const mine = decoded(me['vector']);
  return rows
    .map((row) => ({ id: String(row['id']), similarity: cosine(mine, decoded(row['vector'])) }))
    .sort((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1))
    .slice(0, limit);
}

/** Those of traces that are taken out. In the transaction that takes them out, before it does. */
export async function removeVectors(
  driver: Driver,
  traces: readonly (readonly [tenant: string, traceId: string])[],
): Promise<void> {
  await driver.run(
    `DELETE FROM misstep_vectors WHERE (tenant, id) IN (SELECT tenant, id FROM misstep_detections
      WHERE (tenant, trace_id) IN (VALUES ${places(traces.length, 2)}))`,
    traces.flat(),
  );
}

function decoded(text: unknown): Embedding {
  const bytes = Buffer.from(String(text), 'base64');
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function literal(vector: Embedding): string {
  return `[${vector.join(',')}]`;
}

/**
 * The tables, as steps that are never changed once released: a new one is added behind. Each runs once, in its own transaction with
 * its number.
 */
import type { Driver } from './driver.ts';

const migrations: readonly (readonly string[])[] = [
  [
    `CREATE TABLE misstep_traces (
      tenant TEXT NOT NULL, trace_id TEXT NOT NULL, session_id TEXT, framework TEXT, service TEXT, name TEXT,
      status TEXT NOT NULL, started_ms DOUBLE PRECISION NOT NULL, ended_ms DOUBLE PRECISION NOT NULL, seen_ms DOUBLE PRECISION NOT NULL,
      PRIMARY KEY (tenant, trace_id))`,
    'CREATE INDEX misstep_traces_started ON misstep_traces (tenant, started_ms, trace_id)',
    'CREATE INDEX misstep_traces_seen ON misstep_traces (seen_ms)',
    `CREATE TABLE misstep_steps (
      tenant TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
      agent TEXT, model TEXT, tool TEXT, outcome TEXT NOT NULL, error TEXT,
      started_ms DOUBLE PRECISION NOT NULL, ended_ms DOUBLE PRECISION NOT NULL, input_tokens BIGINT, output_tokens BIGINT, cost DOUBLE PRECISION,
      input TEXT, output TEXT, state_delta TEXT, state_hash TEXT,
      PRIMARY KEY (tenant, trace_id, span_id))`,
    'CREATE INDEX misstep_steps_parent ON misstep_steps (tenant, trace_id, parent_id)',
    'CREATE INDEX misstep_steps_ended ON misstep_steps (tenant, ended_ms)',
    `CREATE TABLE misstep_detections (
      tenant TEXT NOT NULL, id TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, session_id TEXT, agent TEXT,
      detector TEXT NOT NULL, message TEXT NOT NULL, category TEXT NOT NULL, severity TEXT NOT NULL, tier INTEGER NOT NULL,
      confidence DOUBLE PRECISION NOT NULL, explanation TEXT NOT NULL, revision INTEGER NOT NULL, label TEXT NOT NULL,
      evidence TEXT NOT NULL, data TEXT NOT NULL, taxonomy TEXT NOT NULL, version INTEGER NOT NULL, config_hash TEXT NOT NULL,
      created_ms DOUBLE PRECISION NOT NULL, updated_ms DOUBLE PRECISION NOT NULL,
      verdict TEXT, notes TEXT, judged_ms DOUBLE PRECISION,
      PRIMARY KEY (tenant, id))`,
    'CREATE INDEX misstep_detections_created ON misstep_detections (tenant, created_ms, id)',
    'CREATE INDEX misstep_detections_trace ON misstep_detections (tenant, trace_id)',
    `CREATE TABLE misstep_documents (
      tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL,
      created_ms DOUBLE PRECISION NOT NULL, updated_ms DOUBLE PRECISION NOT NULL,
      PRIMARY KEY (tenant, kind, id))`,
    'CREATE INDEX misstep_documents_created ON misstep_documents (tenant, kind, created_ms, id)',
  ],
  [
    'ALTER TABLE misstep_detections ADD COLUMN occurrences INTEGER NOT NULL DEFAULT 1',
    'ALTER TABLE misstep_detections ADD COLUMN said_ms DOUBLE PRECISION NOT NULL DEFAULT 0',
    'CREATE INDEX misstep_detections_updated ON misstep_detections (tenant, updated_ms, id)',
    // What a detection is about, as `embed` of src/text says it: 128 signed bytes in base64.
    'CREATE TABLE misstep_vectors (tenant TEXT NOT NULL, id TEXT NOT NULL, vector TEXT NOT NULL, PRIMARY KEY (tenant, id))',
  ],
  // The occurrence in the window before, as JSON: it stands again if the last one is taken back.
  ['ALTER TABLE misstep_detections ADD COLUMN former TEXT'],
];

/** Brings the tables up to date. Throws if a later version of misstep has been here. */
export async function migrate(driver: Driver): Promise<void> {
  await driver.run('CREATE TABLE IF NOT EXISTS misstep_migrations (number INTEGER PRIMARY KEY)');
  const [row] = await driver.all('SELECT max(number) AS number FROM misstep_migrations');
  const done = Number(row?.['number'] ?? 0);
  if (done > migrations.length) {
    throw new Error(
      `database: its tables are of version ${done}, this misstep knows ${migrations.length}. Use the version of misstep that wrote it, or a later one.`,
    );
  }
  for (let number = done + 1; number <= migrations.length; number++) {
    await driver.transaction(async () => {
      for (const sql of migrations[number - 1] as readonly string[]) await driver.run(sql);
      await driver.run('INSERT INTO misstep_migrations (number) VALUES (?)', [number]);
    });
  }
}

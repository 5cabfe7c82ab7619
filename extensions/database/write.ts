/** Rows into the tables. Written again they change nothing, whatever the order in which they come. */

import type { StepRow } from '../../src/component/records.ts';
import type { Driver, Value } from './driver.ts';
import { places } from './driver.ts';
import { DETECTION, known, type Merged, merge } from './merge.ts';
import type { NewDetection, Rows, TraceFacts } from './rows.ts';
import type { Vectors } from './vectors.ts';

/** Rows of one statement: SQLite keeps one statement prepared, PostgreSQL is asked seldom and takes 65,535 parameters. */
const ROWS = { sqlite: 1, postgres: 400 } as const;

const TRACE = ['trace_id', 'session_id', 'framework', 'service', 'name', 'status', 'started_ms', 'ended_ms'] as const;
const STEP = [
  ...['trace_id', 'span_id', 'parent_id', 'kind', 'name', 'agent', 'model', 'tool', 'outcome', 'error', 'started_ms', 'ended_ms'],
  ...['input_tokens', 'output_tokens', 'cost', 'input', 'output', 'state_delta', 'state_hash'],
] as readonly (keyof StepRow)[];
/** One transaction. `nowMs` is when the rows came. Without `vectors` detections are not found by what they are about. */
export async function write(driver: Driver, tenant: string, rows: Rows, nowMs: number, vectors?: Vectors): Promise<void> {
  await driver.transaction(async () => {
    await traces(driver, tenant, rows.traces, nowMs);
    await steps(driver, tenant, rows.steps);
    const changed = await detections(driver, tenant, rows.detections, nowMs);
    await vectors?.write(tenant, changed);
  });
}

/** What is known stays; a root says how it ended. */
async function traces(driver: Driver, tenant: string, rows: readonly TraceFacts[], nowMs: number): Promise<void> {
  const least = driver.dialect === 'sqlite' ? 'min' : 'least';
  const most = driver.dialect === 'sqlite' ? 'max' : 'greatest';
  const values = rows.map((row) => [tenant, ...TRACE.map((key) => row[key]), nowMs]);
  await insert(
    driver,
    'misstep_traces',
    ['tenant', ...TRACE, 'seen_ms'],
    values,
    `(tenant, trace_id) DO UPDATE SET
      session_id = coalesce(misstep_traces.session_id, excluded.session_id), framework = coalesce(misstep_traces.framework, excluded.framework),
      service = coalesce(misstep_traces.service, excluded.service), name = coalesce(excluded.name, misstep_traces.name),
      status = CASE WHEN excluded.status = 'running' THEN misstep_traces.status ELSE excluded.status END,
      started_ms = ${least}(misstep_traces.started_ms, excluded.started_ms), ended_ms = ${most}(misstep_traces.ended_ms, excluded.ended_ms),
      seen_ms = excluded.seen_ms`,
  );
}

/** A span that comes again is the same; where the first copy knew less (its agent came with another request), the fact is added. */
async function steps(driver: Driver, tenant: string, rows: readonly StepRow[]): Promise<void> {
  const once = new Map(rows.map((row) => [`${row.trace_id} ${row.span_id}`, row]));
  const values = [...once.values()].map((row) => [tenant, ...STEP.map((key) => row[key] as Value)]);
  await insert(
    driver,
    'misstep_steps',
    ['tenant', ...STEP],
    values,
    '(tenant, trace_id, span_id) DO UPDATE SET agent = coalesce(misstep_steps.agent, excluded.agent)',
  );
}

/** As `merge` says. What people said of it stays. Returns the rows that changed. */
async function detections(
  driver: Driver,
  tenant: string,
  rows: readonly NewDetection[],
  nowMs: number,
): Promise<readonly Merged[]> {
  const before = await known(
    driver,
    tenant,
    rows.map(({ id }) => id),
  );
  const changed = new Map<string, Merged>();
  for (const row of rows) {
    const merged = merge(changed.get(row.id) ?? before.get(row.id), row);
    if (merged !== undefined) changed.set(row.id, merged);
  }
  const json = (value: unknown): Value =>
    typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as Value);
  // In one order, so that two writers wait for each other and never in a circle.
  const sorted = [...changed.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const columns = [...DETECTION, 'occurrences', 'former'] as const;
  const values = sorted.map((row) => [tenant, ...columns.map((key) => json(row[key])), nowMs, nowMs]);
  const set = columns.filter((key) => key !== 'id').map((key) => `${key} = excluded.${key}`);
  await insert(
    driver,
    'misstep_detections',
    ['tenant', ...columns, 'created_ms', 'updated_ms'],
    values,
    // What another sidecar has written since it was read is not overwritten by less.
    `(tenant, id) DO UPDATE SET ${set.join(', ')}, updated_ms = excluded.updated_ms
      WHERE excluded.revision > misstep_detections.revision OR excluded.said_ms > misstep_detections.said_ms
        OR (excluded.revision = misstep_detections.revision AND excluded.label = 'withdrawn' AND misstep_detections.label = 'fail')
        OR (excluded.former IS NULL AND misstep_detections.former IS NOT NULL)`,
  );
  return sorted;
}

async function insert(
  driver: Driver,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
  conflict: string,
): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS[driver.dialect]) {
    const some = rows.slice(from, from + ROWS[driver.dialect]);
    const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${places(some.length, columns.length)} ON CONFLICT ${conflict}`;
    await driver.run(sql, some.flat());
  }
}

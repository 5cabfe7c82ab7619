/** Takes out what is too old or too much, oldest trace first, in small transactions. Documents are not touched. */
import { type Driver, places } from './driver.ts';
import { removeVectors } from './vectors.ts';

export interface Limits {
  readonly maxAgeMs: number;
  /** Bytes on disk; 0 = no limit. */
  readonly maxBytes: number;
  readonly nowMs: number;
}

/** Traces of one transaction: others wait no longer for it than some ten milliseconds. */
const TRACES = 200;
/** Transactions of one call; the rest is left to the next. */
const ROUNDS = 50;
const DAY_MS = 86_400_000;

/** Traces taken out. */
export async function retain(driver: Driver, { maxAgeMs, maxBytes, nowMs }: Limits): Promise<number> {
  // Answers to requests that may be sent again are kept for a day.
  await driver.run("DELETE FROM misstep_documents WHERE kind = 'idempotency' AND created_ms < ?", [nowMs - DAY_MS]);
  await unattached(driver, nowMs - maxAgeMs);
  let gone = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const old = await oldest(driver, nowMs - maxAgeMs);
    const full = old.length === 0 && maxBytes > 0 && (await driver.size()) > maxBytes;
    const traces = full ? await oldest(driver, nowMs) : old;
    if (traces.length === 0) break;
    await driver.transaction(() => remove(driver, traces));
    gone += traces.length;
    if (driver.dialect === 'sqlite') {
      await driver.all('PRAGMA incremental_vacuum');
      await driver.all('PRAGMA wal_checkpoint(TRUNCATE)');
    } else if (full) {
      // PostgreSQL gives no disk back; what is free is used again. One round, so that it is not emptied for want of a smaller number.
      break;
    }
  }
  return gone;
}

/** Detections without a trace: said after it was taken out, or of one that was never kept. */
async function unattached(driver: Driver, beforeMs: number): Promise<void> {
  const old = `updated_ms < ? AND NOT EXISTS (SELECT 1 FROM misstep_traces t
    WHERE t.tenant = misstep_detections.tenant AND t.trace_id = misstep_detections.trace_id)`;
  await driver.transaction(async () => {
    await driver.run(
      `DELETE FROM misstep_vectors WHERE (tenant, id) IN (SELECT tenant, id FROM misstep_detections WHERE ${old})`,
      [beforeMs],
    );
    await driver.run(`DELETE FROM misstep_detections WHERE ${old}`, [beforeMs]);
  });
}

async function oldest(driver: Driver, beforeMs: number): Promise<(readonly [tenant: string, traceId: string])[]> {
  const rows = await driver.all('SELECT tenant, trace_id FROM misstep_traces WHERE seen_ms < ? ORDER BY seen_ms LIMIT ?', [
    beforeMs,
    TRACES,
  ]);
  return rows.map((row) => [String(row['tenant']), String(row['trace_id'])]);
}

async function remove(driver: Driver, traces: readonly (readonly [string, string])[]): Promise<void> {
  const values = traces.flat();
  await removeVectors(driver, traces);
  for (const table of ['steps', 'detections', 'traces']) {
    await driver.run(`DELETE FROM misstep_${table} WHERE (tenant, trace_id) IN (VALUES ${places(traces.length, 2)})`, values);
  }
}

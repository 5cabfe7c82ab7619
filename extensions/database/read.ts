/** What components ask of one tenant. Every statement names the tenant first; there is none that does not. */
import type {
  AgentRow,
  DayRow,
  DetectionFilter,
  DetectionRow,
  DocumentRow,
  IncidentRow,
  Page,
  Similar,
  StepRow,
  TenantRecords,
  TraceFilter,
  TraceRow,
  Window,
} from '../../src/component/records.ts';
import { type Driver, places, type Row, type Value } from './driver.ts';
import { removeVectors, type Vectors } from './vectors.ts';

/** Rows of one page at the most, whatever is asked. */
const MOST_ROWS = 1_000;
const MOST_STEPS = 20_000;

/** Conditions that are joined by AND, with their values. */
class Where {
  readonly values: Value[] = [];
  private readonly parts: string[] = [];

  constructor(tenant: string) {
    this.and('tenant = ?', tenant);
  }

  /** Left out if the value is undefined. */
  and(part: string, ...values: readonly (Value | undefined)[]): this {
    if (values.includes(undefined)) return this;
    this.parts.push(part);
    this.values.push(...(values as Value[]));
    return this;
  }

  toString(): string {
    return this.parts.join(' AND ');
  }
}

/** As in `summed`, of a step `s`. Roll-ups do not count, nor does a model call around another: its tokens are that one's. */
const OWN_TOKENS = `NOT EXISTS (SELECT 1 FROM misstep_steps c WHERE c.tenant = s.tenant AND c.trace_id = s.trace_id
  AND c.parent_id = s.span_id AND c.kind = 'llm' AND c.input_tokens IS NOT NULL) AND s.kind NOT IN ('agent', 'workflow')`;

const TRACE = 'trace_id, session_id, framework, service, name, status, started_ms, ended_ms';

const STEP = `trace_id, span_id, parent_id, kind, name, agent, model, tool, outcome, error, started_ms, ended_ms, input_tokens, output_tokens,
  cost, input, output, state_delta, state_hash`;

export class TenantReader implements TenantRecords {
  private readonly driver: Driver;
  private readonly tenant: string;
  private readonly now: () => number;
  private readonly vectors: Vectors | undefined;

  constructor(driver: Driver, tenant: string, now: () => number, vectors?: Vectors) {
    this.driver = driver;
    this.tenant = tenant;
    this.now = now;
    this.vectors = vectors;
  }

  async traces(filter: TraceFilter, window: Window): Promise<Page<TraceRow>> {
    const where = new Where(this.tenant)
      .and('framework = ?', filter.framework)
      .and('status = ?', filter.status)
      .and('session_id = ?', filter.session)
      .and('started_ms >= ?', filter.fromMs)
      .and('started_ms <= ?', filter.toMs);
    const { items, ...page } = await this.page(window, where, {
      table: 'misstep_traces',
      columns: TRACE,
      time: 'started_ms',
      id: 'trace_id',
      read: (row) => row,
    });
    return { ...page, items: await this.summed(items) };
  }

  async trace(traceId: string): Promise<TraceRow | undefined> {
    const where = new Where(this.tenant).and('trace_id = ?', traceId);
    return (await this.summed(await this.driver.all(`SELECT ${TRACE} FROM misstep_traces WHERE ${where}`, where.values)))[0];
  }

  /**
   * With what their steps and detections come to. The calls around others are one set, not a question or a join for each step: with those
   * PostgreSQL takes seconds for a trace of 5,000 new rows, of which it has no statistics yet.
   */
  private async summed(traces: readonly Row[]): Promise<TraceRow[]> {
    if (traces.length === 0) return [];
    const ids = traces.map((trace) => trace['trace_id'] as string);
    const of = `tenant = ? AND trace_id IN (${ids.map(() => '?').join(', ')})`;
    const values = [this.tenant, ...ids];
    const own = (column: string) => `coalesce(sum(CASE WHEN own = 1 THEN ${column} END), 0) AS ${column}`;
    const [steps, detections] = [
      await this.driver.all(
        `SELECT trace_id, count(*) AS steps, ${own('input_tokens')}, ${own('output_tokens')}, ${own('cost')}
        FROM (SELECT trace_id, input_tokens, output_tokens, cost,
          CASE WHEN kind NOT IN ('agent', 'workflow') AND trace_id || span_id NOT IN
            (SELECT trace_id || parent_id FROM misstep_steps WHERE ${of} AND kind = 'llm' AND input_tokens IS NOT NULL)
          THEN 1 ELSE 0 END AS own FROM misstep_steps WHERE ${of}) s GROUP BY trace_id`,
        [...values, ...values],
      ),
      await this.driver.all(
        `SELECT trace_id, count(*) AS detections FROM misstep_detections WHERE ${of} AND label = 'fail' GROUP BY trace_id`,
        values,
      ),
    ];
    const none = { steps: 0, input_tokens: 0, output_tokens: 0, cost: 0 };
    const found = (rows: readonly Row[], id: unknown): Row | undefined => rows.find((row) => row['trace_id'] === id);
    return traces.map((trace) => {
      const sums = found(steps, trace['trace_id']) ?? none;
      const n = found(detections, trace['trace_id'])?.['detections'] ?? 0;
      return { ...trace, ...sums, detections: n } as unknown as TraceRow;
    });
  }

  async steps(traceId: string, limit: number): Promise<readonly StepRow[]> {
    const where = new Where(this.tenant).and('trace_id = ?', traceId);
    const sql = `SELECT ${STEP} FROM misstep_steps WHERE ${where} ORDER BY started_ms, ended_ms DESC, span_id LIMIT ?`;
    const rows = await this.driver.all(sql, [...where.values, Math.min(limit, MOST_STEPS)]);
    return withAgents(rows as unknown as StepRow[]);
  }

  detections(filter: DetectionFilter, window: Window): Promise<Page<DetectionRow>> {
    const where = new Where(this.tenant)
      .and('detector = ?', filter.detector)
      .and('message = ?', filter.message)
      .and('agent = ?', filter.agent ?? undefined)
      .and('trace_id = ?', filter.trace)
      .and('confidence >= ?', filter.confidenceMin)
      .and('confidence <= ?', filter.confidenceMax)
      .and('created_ms >= ?', filter.fromMs)
      .and('created_ms <= ?', filter.toMs);
    if (filter.agent === null) where.and('agent IS NULL');
    if (filter.judged !== undefined) where.and(`verdict IS ${filter.judged ? 'NOT ' : ''}NULL`);
    if (filter.withdrawn !== true) where.and("label = 'fail'");
    return this.page(window, where, {
      table: 'misstep_detections',
      columns: '*',
      time: 'created_ms',
      id: 'id',
      read: detection,
    });
  }

  async detection(id: string): Promise<DetectionRow | undefined> {
    const where = new Where(this.tenant).and('id = ?', id);
    const [row] = await this.driver.all(`SELECT * FROM misstep_detections WHERE ${where}`, where.values);
    return row === undefined ? undefined : detection(row);
  }

  async detectionsSince(
    { ms, id }: { readonly ms: number; readonly id: string },
    limit: number,
  ): Promise<readonly DetectionRow[]> {
    const where = new Where(this.tenant).and('(updated_ms > ? OR (updated_ms = ? AND id > ?))', ms, ms, id);
    const sql = `SELECT * FROM misstep_detections WHERE ${where} ORDER BY updated_ms, id LIMIT ?`;
    return (await this.driver.all(sql, [...where.values, Math.min(limit, MOST_ROWS)])).map(detection);
  }

  async similar(id: string, limit: number): Promise<readonly Similar[] | undefined> {
    if ((await this.detection(id)) === undefined) return undefined;
    const near = (await this.vectors?.near(this.tenant, id, Math.min(limit, MOST_ROWS))) ?? [];
    const found: Similar[] = [];
    for (const { id: other, similarity } of near) {
      const row = await this.detection(other);
      if (row !== undefined) found.push({ detection: row, similarity });
    }
    return found;
  }

  async judge(id: string, verdict: DetectionRow['verdict'], notes: string | null): Promise<DetectionRow | undefined> {
    const where = new Where(this.tenant).and('id = ?', id);
    const judged = verdict === null ? null : this.now();
    await this.driver.run(`UPDATE misstep_detections SET verdict = ?, notes = ?, judged_ms = ? WHERE ${where}`, [
      verdict,
      notes,
      judged,
      ...where.values,
    ]);
    return this.detection(id);
  }

  async agents(fromMs: number, limit: number): Promise<readonly AgentRow[]> {
    const rows = await this.driver.all(
      `SELECT agent, count(*) AS steps, count(DISTINCT trace_id) AS traces,
        sum(CASE WHEN outcome IN ('error', 'timeout') THEN 1 ELSE 0 END) AS errors,
        coalesce(sum(CASE WHEN ${OWN_TOKENS} THEN input_tokens END), 0) AS input_tokens,
        coalesce(sum(CASE WHEN ${OWN_TOKENS} THEN output_tokens END), 0) AS output_tokens,
        coalesce(sum(CASE WHEN ${OWN_TOKENS} THEN cost END), 0) AS cost,
        avg(ended_ms - started_ms) AS mean_ms, max(ended_ms) AS last_ms
      FROM misstep_steps s WHERE tenant = ? AND ended_ms >= ? AND agent IS NOT NULL GROUP BY agent ORDER BY steps DESC, agent LIMIT ?`,
      [this.tenant, fromMs, Math.min(limit, MOST_ROWS)],
    );
    return rows as unknown as AgentRow[];
  }

  async detectionDays(
    fromMs: number,
    by: 'detector' | 'severity' | 'agent',
    detectors: readonly string[] = [],
  ): Promise<readonly DayRow[]> {
    const where = new Where(this.tenant).and('created_ms >= ?', fromMs).and("label = 'fail'");
    if (detectors.length > 0) where.and(`detector IN ${places(1, detectors.length)}`, ...detectors);
    const rows = await this.driver.all(
      `SELECT ${this.day('created_ms')} AS day, coalesce(${by}, '') AS key, count(*) AS count, 0 AS input_tokens, 0 AS output_tokens, 0 AS cost
      FROM misstep_detections WHERE ${where} GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?`,
      [...where.values, MOST_STEPS],
    );
    return rows as unknown as DayRow[];
  }

  async affected(fromMs: number): Promise<{ readonly traces: number; readonly affected: number }> {
    const where = new Where(this.tenant).and('started_ms >= ?', fromMs);
    const [row] = await this.driver.all(
      `SELECT count(*) AS traces, coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM misstep_detections d
        WHERE d.tenant = t.tenant AND d.trace_id = t.trace_id AND d.label = 'fail') THEN 1 ELSE 0 END), 0) AS affected
      FROM misstep_traces t WHERE ${where}`,
      where.values,
    );
    return { traces: Number(row?.['traces']), affected: Number(row?.['affected']) };
  }

  async incidents(fromMs: number, limit: number): Promise<readonly IncidentRow[]> {
    const rank = "CASE severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END";
    const rows = await this.driver.all(
      `SELECT detector, message, agent, count(*) AS count, count(DISTINCT trace_id) AS traces, min(created_ms) AS first_ms,
        max(updated_ms) AS last_ms, max(${rank}) AS severity, max(confidence) AS confidence,
        sum(CASE WHEN verdict = 'true_positive' THEN 1 ELSE 0 END) AS right_ones,
        sum(CASE WHEN verdict = 'false_positive' THEN 1 ELSE 0 END) AS wrong_ones
      FROM misstep_detections WHERE tenant = ? AND label = 'fail' GROUP BY detector, message, agent HAVING max(updated_ms) >= ?
      ORDER BY last_ms DESC, detector, message, agent LIMIT ?`,
      [this.tenant, fromMs, Math.min(limit, MOST_ROWS)],
    );
    return rows.map(({ severity, right_ones, wrong_ones, ...row }) => ({
      ...(row as unknown as Omit<IncidentRow, 'severity' | 'right' | 'wrong'>),
      severity: ['low', 'medium', 'high', 'critical'][Number(severity) - 1] ?? 'low',
      right: Number(right_ones),
      wrong: Number(wrong_ones),
    }));
  }

  async quiet(fromMs: number, limit: number): Promise<readonly { readonly trace_id: string; readonly started_ms: number }[]> {
    const rows = await this.driver.all(
      `SELECT trace_id, started_ms FROM misstep_traces t WHERE tenant = ? AND started_ms >= ? AND NOT EXISTS (SELECT 1
        FROM misstep_detections d WHERE d.tenant = t.tenant AND d.trace_id = t.trace_id AND d.label = 'fail')
      ORDER BY started_ms DESC, trace_id LIMIT ?`,
      [this.tenant, fromMs, Math.min(limit, MOST_STEPS)],
    );
    return rows as unknown as { trace_id: string; started_ms: number }[];
  }

  async costDays(fromMs: number, by: 'model' | 'agent'): Promise<readonly DayRow[]> {
    const rows = await this.driver.all(
      `SELECT ${this.day('ended_ms')} AS day, coalesce(${by}, '') AS key, count(*) AS count, coalesce(sum(input_tokens), 0) AS input_tokens,
        coalesce(sum(output_tokens), 0) AS output_tokens, coalesce(sum(cost), 0) AS cost
      FROM misstep_steps s WHERE tenant = ? AND ended_ms >= ? AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL) AND ${OWN_TOKENS}
      GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?`,
      [this.tenant, fromMs, MOST_STEPS],
    );
    return rows as unknown as DayRow[];
  }

  deleteTrace(traceId: string): Promise<boolean> {
    return this.driver.transaction(async () => {
      const where = new Where(this.tenant).and('trace_id = ?', traceId);
      let changed = 0;
      await removeVectors(this.driver, [[this.tenant, traceId]]);
      for (const table of ['steps', 'detections', 'traces'])
        changed += await this.driver.run(`DELETE FROM misstep_${table} WHERE ${where}`, where.values);
      return changed > 0;
    });
  }

  async document(kind: string, id: string): Promise<DocumentRow | undefined> {
    const where = new Where(this.tenant).and('kind = ?', kind).and('id = ?', id);
    const [row] = await this.driver.all(`SELECT * FROM misstep_documents WHERE ${where}`, where.values);
    return row === undefined ? undefined : document(row);
  }

  documents(kind: string, window: Window): Promise<Page<DocumentRow>> {
    const where = new Where(this.tenant).and('kind = ?', kind);
    return this.page(window, where, { table: 'misstep_documents', columns: '*', time: 'created_ms', id: 'id', read: document });
  }

  /** One statement: of two that name the same version, also in two processes, one writes. */
  async put(kind: string, id: string, body: unknown, version?: number): Promise<DocumentRow | undefined> {
    const now = this.now();
    const text = JSON.stringify(body);
    const where = new Where(this.tenant).and('kind = ?', kind).and('id = ?', id).and('version = ?', version);
    const [row] =
      version !== undefined && version > 0
        ? await this.driver.all(
            `UPDATE misstep_documents SET version = version + 1, body = ?, updated_ms = ? WHERE ${where} RETURNING *`,
            [text, now, ...where.values],
          )
        : await this.driver.all(
            `INSERT INTO misstep_documents (tenant, kind, id, version, body, created_ms, updated_ms) VALUES (?, ?, ?, 1, ?, ?, ?)
            ON CONFLICT (tenant, kind, id) DO ${
              version === 0
                ? 'NOTHING'
                : 'UPDATE SET version = misstep_documents.version + 1, body = excluded.body, updated_ms = excluded.updated_ms'
            } RETURNING *`,
            [this.tenant, kind, id, text, now, now],
          );
    return row === undefined ? undefined : document(row);
  }

  async remove(kind: string, id: string): Promise<boolean> {
    const where = new Where(this.tenant).and('kind = ?', kind).and('id = ?', id);
    return (await this.driver.run(`DELETE FROM misstep_documents WHERE ${where}`, where.values)) > 0;
  }

  /** Newest first. */
  private async page<T>(
    { limit, offset, after }: Window,
    where: Where,
    of: { table: string; columns: string; time: string; id: string; read: (row: Row) => T },
  ): Promise<Page<T>> {
    const { table, columns, time, id, read } = of;
    const rows = Math.max(1, Math.min(limit, MOST_ROWS));
    const [counted] =
      after === undefined ? await this.driver.all(`SELECT count(*) AS n FROM ${table} WHERE ${where}`, where.values) : [];
    if (after !== undefined) {
      const [ms, key] = cursorOf(after);
      where.and(`(${time} < ? OR (${time} = ? AND ${id} < ?))`, ms, ms, key);
    }
    const sql = `SELECT ${columns} FROM ${table} WHERE ${where} ORDER BY ${time} DESC, ${id} DESC LIMIT ? OFFSET ?`;
    const found = await this.driver.all(sql, [...where.values, rows + 1, after === undefined ? (offset ?? 0) : 0]);
    const items = found.slice(0, rows);
    const last = items.at(-1);
    return {
      items: items.map(read),
      total: counted === undefined ? null : Number(counted['n']),
      next: found.length > rows && last !== undefined ? cursor(last[time] as number, last[id] as string) : null,
    };
  }

  private day(column: string): string {
    return this.driver.dialect === 'sqlite'
      ? `strftime('%Y-%m-%d', ${column} / 1000, 'unixepoch')`
      : `to_char(to_timestamp(${column} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')`;
  }
}

function cursor(ms: number, id: string): string {
  return Buffer.from(`${ms} ${id}`).toString('base64url');
}

/** Throws `RangeError` if it is no page's `next`. */
function cursorOf(text: string): [ms: number, id: string] {
  const [ms = '', id = ''] = Buffer.from(text, 'base64url').toString().split(' ');
  if (!Number.isFinite(Number(ms)) || ms === '' || id === '') throw new RangeError('the cursor is none that a page gave');
  return [Number(ms), id];
}

function detection(row: Row): DetectionRow {
  const { tenant: _, evidence, data, taxonomy, ...rest } = row;
  return { ...rest, evidence: parsed(evidence), data: parsed(data), taxonomy: parsed(taxonomy) } as unknown as DetectionRow;
}

function document(row: Row): DocumentRow {
  const { tenant: _, body, ...rest } = row;
  return { ...rest, body: parsed(body) } as unknown as DocumentRow;
}

function parsed(text: Value | undefined): unknown {
  return JSON.parse(String(text));
}

/** A step without an agent of its own is its nearest ancestor's: the ancestor often came in a later request. */
function withAgents(rows: readonly StepRow[]): StepRow[] {
  const byId = new Map(rows.map((row) => [row.span_id, row]));
  return rows.map((row) => {
    let above: StepRow | undefined = row;
    for (let depth = 0; above !== undefined && above.agent === null && depth < 100; depth++) above = byId.get(above.parent_id);
    return above === undefined || above.agent === row.agent ? row : { ...row, agent: above.agent };
  });
}

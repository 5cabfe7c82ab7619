/**
 * What a database keeps of traces and detections, and how components ask it. The extension `database` implements it, the exporter
 * `store` writes to it, the API reads from it.
 *
 * Law:
 * - Everything is of one tenant: what is got through `of(tenant)` cannot name rows of another.
 * - Times are Unix milliseconds, tokens counts, cost US dollars, confidence 0–1. Absent facts are null.
 * - Writing the same spans again changes nothing: rows are known by trace and span id, detections by id and revision.
 * - Nothing here is on the path of the spans: a promise may take long, and rejects with `RecordsError` when the database does not answer.
 */
import type { Component } from './component.ts';

/** Rows that belong to no tenant: keys, and what must be read of all tenants at once. No tenant is named so. */
export const SYSTEM = 'misstep:system';

export class RecordsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RecordsError';
  }
}

export interface TraceRow {
  readonly trace_id: string;
  readonly session_id: string | null;
  /** Vocabulary of most of its spans: langgraph, openinference, … */
  readonly framework: string | null;
  readonly service: string | null;
  readonly name: string | null;
  /** Of the root; `running` until one came. */
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled';
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly steps: number;
  readonly detections: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost: number;
}

export interface StepRow {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_id: string;
  readonly kind: string;
  readonly name: string;
  readonly agent: string | null;
  readonly model: string | null;
  readonly tool: string | null;
  readonly outcome: string;
  readonly error: string | null;
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost: number | null;
  /** JSON or text, redacted and cut; null unless content is kept. */
  readonly input: string | null;
  readonly output: string | null;
  /** JSON: what the step left otherwise in the state. */
  readonly state_delta: string | null;
  readonly state_hash: string | null;
}

export interface DetectionRow {
  readonly id: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly session_id: string | null;
  readonly agent: string | null;
  readonly detector: string;
  readonly message: string;
  readonly category: string;
  readonly severity: string;
  readonly tier: number;
  readonly confidence: number;
  readonly explanation: string;
  readonly revision: number;
  /** `withdrawn`: the detector has taken it back. */
  readonly label: 'fail' | 'withdrawn';
  readonly evidence: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
  readonly taxonomy: Readonly<Record<string, readonly string[]>>;
  readonly version: number;
  readonly config_hash: string;
  /** Windows of the session in which it was found. The row is that of the last. */
  readonly occurrences: number;
  /** When the detector last said it. */
  readonly said_ms: number;
  /** When it first and last came. */
  readonly created_ms: number;
  readonly updated_ms: number;
  /** What a person said of it. */
  readonly verdict: 'true_positive' | 'false_positive' | null;
  readonly notes: string | null;
  readonly judged_ms: number | null;
}

/** `similarity`: cosine of the embeddings, −1 to 1. */
export interface Similar {
  readonly detection: DetectionRow;
  readonly similarity: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Of all that the filter lets through; null where a cursor was given. */
  readonly total: number | null;
  /** Opaque; null at the end. */
  readonly next: string | null;
}

/** `offset` for pages of a user interface, `after` (a page's `next`) for an export. */
export interface Window {
  readonly limit: number;
  readonly offset?: number | undefined;
  readonly after?: string | undefined;
}

export interface TraceFilter {
  readonly framework?: string | undefined;
  readonly status?: string | undefined;
  readonly session?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface DetectionFilter {
  readonly detector?: string | undefined;
  readonly message?: string | undefined;
  /** `null`: of no agent. */
  readonly agent?: string | null | undefined;
  readonly trace?: string | undefined;
  readonly judged?: boolean | undefined;
  readonly confidenceMin?: number | undefined;
  readonly confidenceMax?: number | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** Also those that the detector took back. */
  readonly withdrawn?: boolean | undefined;
}

export interface AgentRow {
  readonly agent: string;
  readonly steps: number;
  readonly traces: number;
  readonly errors: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost: number;
  readonly mean_ms: number;
  readonly last_ms: number;
}

/** A day (UTC, `2026-11-25`) and what was counted on it. */
export interface DayRow {
  readonly day: string;
  readonly key: string;
  readonly count: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost: number;
}

/** Detections of one message of a detector about one agent. */
export interface IncidentRow {
  readonly detector: string;
  readonly message: string;
  readonly agent: string | null;
  readonly count: number;
  readonly traces: number;
  readonly first_ms: number;
  readonly last_ms: number;
  /** Of the gravest and the surest. */
  readonly severity: string;
  readonly confidence: number;
  readonly right: number;
  readonly wrong: number;
}

/** Anything that the API keeps: a key, a group, a healing record. `body` is plain JSON. */
export interface DocumentRow {
  readonly kind: string;
  readonly id: string;
  /** Raised by each write; a write that names another is refused. */
  readonly version: number;
  readonly body: unknown;
  readonly created_ms: number;
  readonly updated_ms: number;
}

export interface Means {
  /** ms from the end of a trace to the last of its spans coming in; null without traces. */
  readonly ingestion_ms: number | null;
  /** By detector; `latency_ms` from the end of the step at fault to the finding, null where none of these steps is kept. */
  readonly detectors: readonly { readonly detector: string; readonly confidence: number; readonly latency_ms: number | null }[];
}

export interface TenantRecords {
  traces(filter: TraceFilter, window: Window): Promise<Page<TraceRow>>;
  trace(traceId: string): Promise<TraceRow | undefined>;
  /** In order of time; the first `limit`. */
  steps(traceId: string, limit: number): Promise<readonly StepRow[]>;
  detections(filter: DetectionFilter, window: Window): Promise<Page<DetectionRow>>;
  detection(id: string): Promise<DetectionRow | undefined>;
  /** Those written at `ms` with a later id, or after it, withdrawn ones too, in the order of writing; the first `limit`. */
  detectionsSince(after: { readonly ms: number; readonly id: string }, limit: number): Promise<readonly DetectionRow[]>;
  /** What is said of the same thing, the nearest first; empty where no embedding is at hand. `undefined`: there is no such detection. */
  similar(id: string, limit: number): Promise<readonly Similar[] | undefined>;
  judge(id: string, verdict: DetectionRow['verdict'], notes: string | null): Promise<DetectionRow | undefined>;
  agents(fromMs: number, limit: number): Promise<readonly AgentRow[]>;
  /** Detections a day by detector, severity or agent; of these detectors only, if any are named. */
  detectionDays(fromMs: number, by: 'detector' | 'severity' | 'agent', detectors?: readonly string[]): Promise<readonly DayRow[]>;
  /** Of what is kept and stands. Means; those of times leave out what is said to have come before it happened. */
  means(): Promise<Means>;
  /** Traces, and those of them with a detection. */
  affected(fromMs: number): Promise<{ readonly traces: number; readonly affected: number }>;
  /** Those of which something came since, the latest first. */
  incidents(fromMs: number, limit: number): Promise<readonly IncidentRow[]>;
  /** Traces without a detection, the latest first. */
  quiet(fromMs: number, limit: number): Promise<readonly { readonly trace_id: string; readonly started_ms: number }[]>;
  /** Tokens and cost a day by model, agent or framework. */
  costDays(fromMs: number, by: 'model' | 'agent'): Promise<readonly DayRow[]>;
  deleteTrace(traceId: string): Promise<boolean>;

  document(kind: string, id: string): Promise<DocumentRow | undefined>;
  /** Newest first. */
  documents(kind: string, window: Window): Promise<Page<DocumentRow>>;
  /** `version` of what is replaced, 0 if nothing may be there; `undefined`: whatever is there. Resolves to `undefined` if that does not hold. */
  put(kind: string, id: string, body: unknown, version?: number): Promise<DocumentRow | undefined>;
  remove(kind: string, id: string): Promise<boolean>;
}

export interface Ingested {
  readonly steps: number;
  readonly detections: number;
}

export interface Records {
  of(tenant: string): TenantRecords;
  /** Chunks of one ExportTraceServiceRequest. Rejects with `Permanent` if it is malformed. */
  ingest(tenant: string, chunks: readonly Uint8Array[]): Promise<Ingested>;
}

/** An extension that components can name as `database`. */
export interface DatabaseExtension extends Component {
  /** Present while it runs. */
  readonly records: Records;
}

/** Throws with what to do if `id` is no database that runs. */
export function recordsOf(id: string, extension: Component | undefined): Records {
  if (extension === undefined) throw new Error(`database: '${id}' does not run. Name it in service.extensions.`);
  if (!('records' in extension)) throw new Error(`database: '${id}' keeps no records. Name a database.`);
  return (extension as DatabaseExtension).records;
}

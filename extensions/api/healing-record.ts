/**
 * A healing as it is kept: one document whose version guards every step, its history inside it, and the same history again as documents that
 * are only ever added. A step and its entry are one write; entries that a crash kept from being copied are copied at the next look.
 */
import { z } from 'zod';
import type { DocumentRow, TenantRecords } from '../../src/component/records.ts';
import { frameworks, type Risk, risks } from '../../src/healing/fix.ts';
import { patchKinds } from '../../src/healing/n8n/patches.ts';
import { checkTransition, IllegalTransition, type Status, statuses } from '../../src/healing/states.ts';
import { notFound, Problem } from './problem.ts';

export const KIND = 'healing';
const AUDIT = 'healing-audit';
/** Steps of one healing; a dozen is usual. */
const MOST_EVENTS = 200;

const change = z.object({
  file_path: z.string(),
  language: z.string(),
  original_code: z.string().nullable(),
  suggested_code: z.string(),
  start_line: z.number().nullable(),
  end_line: z.number().nullable(),
  description: z.string(),
  diff: z.string(),
});
const fix = z.object({
  id: z.string(),
  detection_id: z.string(),
  detection_type: z.string(),
  generator: z.string(),
  fix_type: z.string(),
  framework: z.enum(frameworks),
  title: z.string(),
  description: z.string(),
  rationale: z.string(),
  confidence: z.number(),
  risk: z.enum(risks as [Risk, ...Risk[]]),
  code_changes: z.array(change),
  estimated_impact: z.string(),
  does_not_solve: z.string(),
  breaking_changes: z.boolean(),
  requires_testing: z.boolean(),
  tags: z.array(z.string()),
  verifiable: z.boolean(),
});
export const verification = z.object({
  verdict: z.enum(['verified', 'improved', 'not_silenced', 'not_verifiable']),
  reason: z.string(),
  model: z.string().nullable(),
  assumes: z.string().nullable(),
  steps_without: z.number().nullable(),
  steps_with: z.number().nullable(),
  said_without: z.array(z.string()),
  said_with: z.array(z.string()),
  detector_version: z.number().nullable(),
});
export const patchOptions = z.object({
  max_tries: z.int().min(2).max(5),
  wait_ms: z.int().min(0).max(5_000),
  node_timeout_ms: z.int().min(1_000).max(3_600_000),
  execution_timeout_s: z.int().min(1).max(86_400),
  max_rounds: z.int().min(1).max(100_000),
  max_tokens: z.int().min(1).max(1_000_000),
  error_workflow_id: z.string().min(1).max(200).optional(),
});
const n8n = z.object({
  connection_id: z.string(),
  workflow_id: z.string(),
  workflow_name: z.string(),
  patch: z.enum(patchKinds),
  node: z.string().nullable(),
  options: patchOptions,
  changes: z.array(z.string()),
  diff: z.string(),
  before_hash: z.string(),
  after_hash: z.string(),
});
export const event = z.object({
  seq: z.number(),
  at_ms: z.number(),
  action: z.string(),
  actor: z.string(),
  from: z.enum(statuses).nullable(),
  to: z.enum(statuses),
  notes: z.string().nullable(),
});
export type Event = z.output<typeof event>;

export const kept = z.object({
  detection_id: z.string(),
  detection_type: z.string(),
  message: z.string(),
  trace_id: z.string(),
  agent: z.string().nullable(),
  status: z.enum(statuses),
  fix,
  /** Null: a proposal that a person puts into their own code. */
  n8n: n8n.nullable(),
  verification: verification.nullable(),
  /** Why a person has to say yes; null if nobody has to. */
  approval_reason: z.string().nullable(),
  approver_id: z.string().nullable(),
  error: z.string().nullable(),
  applied_ms: z.number().nullable(),
  rolled_back_ms: z.number().nullable(),
  /** When somebody began to change something outside; null when nobody does. */
  busy_ms: z.number().nullable(),
  history: z.array(event),
});
export type Kept = z.output<typeof kept>;

export interface Healing {
  readonly row: DocumentRow;
  readonly body: Kept;
}

export interface Said {
  readonly action: string;
  readonly actor: string;
  readonly notes?: string | null | undefined;
}

export async function load(mine: TenantRecords, id: string): Promise<Healing> {
  const row = await mine.document(KIND, id);
  if (row === undefined) throw notFound('healing', id);
  return { row, body: kept.parse(row.body) };
}

export function statusOf({ body }: DocumentRow): Status {
  return kept.shape.status.parse((body as { readonly status?: unknown }).status);
}

/** Writes the first state, or throws. */
export async function create(
  mine: TenantRecords,
  id: string,
  body: Omit<Kept, 'history'>,
  said: Said,
  nowMs: number,
): Promise<Healing> {
  const history = [entry([], null, body.status, said, nowMs)];
  const row = await mine.put(KIND, id, { ...body, history }, 0);
  if (row === undefined) throw new Problem(409, 'changed', `There is a healing ${id} already.`);
  return copied(mine, { row, body: { ...body, history } });
}

/**
 * One step: `to` another status, or the same one where only facts change. Throws 400 if the status may not become that, 409 if somebody else
 * was faster.
 */
export async function step(
  mine: TenantRecords,
  { row, body }: Healing,
  change: Partial<Omit<Kept, 'history' | 'status'>> & { readonly status?: Status },
  said: Said | undefined,
  nowMs: number,
): Promise<Healing> {
  const to = change.status ?? body.status;
  if (to !== body.status) allowed(body.status, to);
  if (body.history.length >= MOST_EVENTS)
    throw new Problem(409, 'too-many-events', `The healing ${row.id} has ${MOST_EVENTS} entries; make another.`);
  const history = said === undefined ? body.history : [...body.history, entry(body.history, body.status, to, said, nowMs)];
  const next: Kept = { ...body, ...change, history };
  const written = await mine.put(KIND, row.id, next, row.version);
  if (written === undefined)
    throw new Problem(409, 'changed', `The healing ${row.id} was changed at the same time. Read it again.`);
  return copied(mine, { row: written, body: next });
}

export function allowed(from: Status, to: Status): void {
  try {
    checkTransition(from, to);
  } catch (error) {
    if (error instanceof IllegalTransition) throw new Problem(400, 'illegal-transition', error.message);
    throw error;
  }
}

function entry(history: readonly Event[], from: Status | null, to: Status, { action, actor, notes }: Said, nowMs: number): Event {
  return { seq: history.length + 1, at_ms: nowMs, action, actor, from, to, notes: notes ?? null };
}

/** The newest entry as a document of its own; those that are missing are added by `auditOf`. */
async function copied(mine: TenantRecords, healing: Healing): Promise<Healing> {
  const last = healing.body.history.at(-1);
  if (last !== undefined) await mine.put(AUDIT, auditId(healing.row.id, last.seq), { healing_id: healing.row.id, ...last }, 0);
  return healing;
}

/** What was written down when it happened, in order; entries that are not there yet are added now. */
export async function auditOf(mine: TenantRecords, { row, body }: Healing): Promise<Event[]> {
  const events: Event[] = [];
  for (const one of body.history) {
    const id = auditId(row.id, one.seq);
    const found =
      (await mine.document(AUDIT, id)) ??
      (await mine.put(AUDIT, id, { healing_id: row.id, ...one }, 0)) ??
      (await mine.document(AUDIT, id));
    events.push(event.parse(found?.body ?? one));
  }
  return events;
}

function auditId(healing: string, seq: number): string {
  return `${healing}:${String(seq).padStart(4, '0')}`;
}

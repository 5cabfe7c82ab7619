/** What is told of a detection, live and later: one shape for the stream and for webhooks. */
import { z } from 'zod';
import type { DetectionRow } from '../../src/component/records.ts';

export const EVENT_TYPES = ['detection.created', 'detection.updated', 'detection.resolved'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The same thing said twice has the same key. */
export function keyOf({ id, revision, label, occurrences }: DetectionRow): string {
  return `${id}-${revision}-${label === 'fail' ? 'f' : 'w'}-${occurrences}`;
}

export function typeOf(row: DetectionRow): EventType {
  if (row.label === 'withdrawn') return 'detection.resolved';
  // Its revision does not say: the first that is handed on may be the third report.
  return row.created_ms === row.updated_ms ? 'detection.created' : 'detection.updated';
}

/** Of `detect`, as it announces. What it lacks is the table's to say. */
const announced = z
  .object({
    kind: z.enum(['detection', 'withdrawal']),
    tenant: z.string(),
    time_unix_ms: z.number(),
    id: z.string(),
    trace_id: z.string(),
    span_id: z.string(),
    session_id: z.string().nullable(),
    agent: z.string().nullable(),
    detector: z.string(),
    message: z.string(),
    category: z.string(),
    severity: z.string(),
    tier: z.number(),
    confidence: z.number().min(0).max(1),
    explanation: z.string(),
    revision: z.int(),
    version: z.number(),
    evidence: z.object({ span_ids: z.array(z.string()) }),
    data: z.record(z.string(), z.unknown()),
    taxonomy: z.record(z.string(), z.array(z.string())),
  })
  .transform(
    ({ kind, tenant, time_unix_ms: ms, evidence, ...rest }): { readonly tenant: string; readonly row: DetectionRow } => ({
      tenant,
      row: {
        ...rest,
        label: kind === 'detection' ? 'fail' : 'withdrawn',
        evidence: evidence.span_ids,
        config_hash: '',
        occurrences: 1,
        said_ms: ms,
        created_ms: ms,
        updated_ms: ms,
        verdict: null,
        notes: null,
        judged_ms: null,
      },
    }),
  );

/** `undefined`: it is something else. */
export function announcedOf(record: unknown): { readonly tenant: string; readonly row: DetectionRow } | undefined {
  return announced.safeParse(record).data;
}

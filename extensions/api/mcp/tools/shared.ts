/** Shapes that several tools share. */
import { z } from 'zod';
import { Problem } from '../../problem.ts';
import type { detection } from '../../routes/detections.ts';
import { NOTICE, quoted, word } from '../untrusted.ts';

export const notice = { notice: z.string().describe('How to take what stands under `untrusted`.') };
export const noticed = { notice: NOTICE };

export const text = z.string().nullable();
const hex = z
  .string()
  .trim()
  .regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hex digits');
export const detectionId = z.string().trim().min(1).max(200).describe('As list_detections gives it.');
export const traceId = hex.describe('32 hex digits, as list_traces gives it.');
export const days = z.int().min(1).max(365).default(30).describe('Days back from now.');
/** Twenty short rows are about 8 KB. */
export const limit = z.int().min(1).max(20).default(10);
export const cursor = z.string().max(200).optional().describe('`next_cursor` of the page before.');

/** What the API answered, as far as it is needed. An API of another version may answer otherwise. */
export function answered<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const { data, error } = schema.safeParse(answer);
  if (error === undefined) return data as z.output<S>;
  const at = error.issues[0]?.path.join('.') ?? '';
  throw new Problem(502, 'other-version', `The API answers otherwise than this version expects, at ${at.slice(0, 100)}.`);
}

export type Detection = z.output<typeof detection>;

export const shortDetection = z.object({
  id: z.string(),
  trace_id: z.string(),
  span_id: z.string(),
  detection_type: z.string(),
  severity: z.string(),
  confidence: z.int(),
  validated: z.boolean(),
  false_positive: z.boolean().nullable(),
  created_at: z.string(),
  untrusted: z.object({ agent: text, explanation: text }),
});

export function short(one: Detection, limit: number): z.input<typeof shortDetection> {
  return {
    id: word(one.id),
    trace_id: word(one.trace_id),
    span_id: word(one.span_id),
    detection_type: word(one.detection_type),
    severity: word(one.severity),
    confidence: one.confidence,
    validated: one.validated,
    false_positive: one.false_positive,
    created_at: one.created_at,
    untrusted: { agent: quoted(one.agent_id, Math.min(limit, 80)), explanation: quoted(one.explanation, Math.min(limit, 500)) },
  };
}

/** `1 trace`, `2 traces`. */
export function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

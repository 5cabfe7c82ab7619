import { z } from 'zod';
import type { DetectionRow } from '../../../src/component/records.ts';
import { confidenceTier } from '../../../src/detector/calibration.ts';
import type { Catalogue } from '../catalogue.ts';
import { healerOf } from '../connections.ts';
import { judge } from '../labels.ts';
import { notFound } from '../problem.ts';
import { type Call, route } from '../route.ts';
import { fix, wireFix } from './healing-shapes.ts';
import { id, iso, isoTime, millis, paged, paging, windowOf } from './shared.ts';

export const detection = z.object({
  id: z.string(),
  trace_id: z.string(),
  span_id: z.string(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  detection_type: z.string(),
  message: z.string(),
  category: z.string(),
  severity: z.string(),
  confidence: z.int().min(0).max(100),
  confidence_tier: z.enum(['HIGH', 'LIKELY', 'POSSIBLE', 'LOW']),
  method: z.string().describe('structural, delta, text, judge or person: the tier.'),
  details: z.record(z.string(), z.unknown()),
  evidence_span_ids: z.array(z.string()),
  taxonomy: z.record(z.string(), z.array(z.string())),
  explanation: z.string(),
  business_impact: z.string().nullable(),
  suggested_action: z.string().nullable(),
  validated: z.boolean(),
  false_positive: z.boolean().nullable(),
  notes: z.string().nullable(),
  quality_score: z.null().describe('Of the seed; misstep has none: `confidence` is calibrated.'),
  occurrences: z.int().describe('Windows of the session in which it was found; the rest is of the last.'),
  revision: z.number(),
  detector_version: z.number(),
  config_hash: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});

export const METHODS = ['', 'structural', 'delta', 'text', 'judge', 'person'];

export function wireDetection(row: DetectionRow, catalogue: Catalogue): z.input<typeof detection> {
  const facts = catalogue.message(row.detector, row.message);
  return {
    id: row.id,
    trace_id: row.trace_id,
    span_id: row.span_id,
    session_id: row.session_id,
    agent_id: row.agent,
    detection_type: row.detector,
    message: row.message,
    category: row.category,
    severity: row.severity,
    confidence: Math.round(row.confidence * 100),
    confidence_tier: confidenceTier(row.confidence),
    method: METHODS[row.tier] ?? String(row.tier),
    details: { ...row.data },
    evidence_span_ids: [...row.evidence],
    taxonomy: Object.fromEntries(Object.entries(row.taxonomy).map(([key, values]) => [key, [...values]])),
    explanation: row.explanation,
    business_impact: facts?.impact ?? null,
    suggested_action: facts?.action ?? null,
    validated: row.verdict !== null,
    false_positive: row.verdict === null ? null : row.verdict === 'false_positive',
    notes: row.notes,
    quality_score: null,
    occurrences: row.occurrences,
    revision: row.revision,
    detector_version: row.version,
    config_hash: row.config_hash,
    created_at: iso(row.created_ms),
    updated_at: iso(row.updated_ms),
  };
}

const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');
const percent = z.coerce.number().min(0).max(100);

const judgement = z.object({ false_positive: z.boolean(), notes: z.string().max(2_000).optional() });

async function validated({ mine, params, body, catalogue }: Call<z.output<typeof id>, unknown, z.output<typeof judgement>>) {
  const row = await judge(mine, params.id, !body.false_positive, body.notes ?? null);
  if (row === undefined) throw notFound('detection', params.id);
  return wireDetection(row, catalogue);
}

const validate = (method: 'PUT' | 'POST') =>
  route({
    method,
    path: '/detections/{id}/validate',
    tag: 'detections',
    summary: 'Says whether a detection is right.',
    params: id,
    body: judgement,
    reply: detection,
    handle: validated,
  });

export const detectionRoutes = [
  route({
    method: 'GET',
    path: '/detections',
    tag: 'detections',
    summary: 'Detections, the latest first.',
    query: z.object({
      ...paging,
      detection_type: z.string().max(100).optional(),
      validated: flag.optional(),
      confidence_min: percent.optional(),
      confidence_max: percent.optional(),
      trace_id: z.string().max(100).optional(),
      date_from: isoTime.optional(),
      date_to: isoTime.optional(),
      withdrawn: flag.optional().describe('Also those that their detector took back.'),
    }),
    reply: z.object({ items: z.array(detection), ...paged }),
    async handle({ mine, query, catalogue }) {
      const { page, per_page, confidence_min: least, confidence_max: most } = query;
      const filter = {
        detector: query.detection_type,
        trace: query.trace_id?.toLowerCase(),
        judged: query.validated,
        // The wire rounds to whole percents; what is shown as 80 is let through by 80.
        confidenceMin: least === undefined ? undefined : (least - 0.5) / 100,
        confidenceMax: most === undefined ? undefined : (most + 0.4999) / 100,
        fromMs: millis(query.date_from),
        toMs: millis(query.date_to, true),
        withdrawn: query.withdrawn,
      };
      const { items, total, next } = await mine.detections(filter, windowOf(query));
      return { items: items.map((row) => wireDetection(row, catalogue)), total, page, per_page, next_cursor: next };
    },
  }),
  route({
    method: 'GET',
    path: '/detections/{id}',
    tag: 'detections',
    summary: 'A detection with its explanation and fixes.',
    params: id,
    reply: detection.extend({ fixes: z.array(fix) }),
    async handle(call) {
      const { mine, params, catalogue } = call;
      const row = await mine.detection(params.id);
      if (row === undefined) throw notFound('detection', params.id);
      const { fixes } = await healerOf(call).fixes(row.id);
      return { ...wireDetection(row, catalogue), fixes: fixes.map(wireFix) };
    },
  }),
  route({
    method: 'GET',
    path: '/detections/{id}/similar',
    tag: 'detections',
    summary: 'Detections about the same thing, the nearest first.',
    params: id,
    query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(10) }),
    reply: z.object({
      items: z.array(
        detection.extend({ similarity: z.number().describe('Cosine of the embeddings of the explanations, −1 to 1.') }),
      ),
      total: z.int(),
    }),
    async handle({ mine, params, query, catalogue }) {
      const found = await mine.similar(params.id, query.limit);
      if (found === undefined) throw notFound('detection', params.id);
      const items = found.map(({ detection: row, similarity }) => ({
        ...wireDetection(row, catalogue),
        similarity: Math.round(similarity * 10_000) / 10_000,
      }));
      return { items, total: items.length };
    },
  }),
  validate('PUT'),
  validate('POST'),
];

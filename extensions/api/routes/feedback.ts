/** What people say of detections, and what follows from it: precision, recommended thresholds, recall from an audit (`docs/feedback.md`). */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DocumentRow, TenantRecords } from '../../../src/component/records.ts';
import { draw, LEAST_SAMPLE, MOST_SAMPLE, recallOf, usualSize } from '../audit.ts';
import { inForce } from '../in-force.ts';
import { allOf, type Group, grouped, judge, type KeptLabel, labelsOf, rightTraces, tierOf } from '../labels.ts';
import { notFound, Problem } from '../problem.ts';
import { diffOf, MIN_SAMPLES, type Recommendation, recommend, TARGET, yamlOf } from '../recommend.ts';
import { route } from '../route.ts';
import { METHODS } from './detections.ts';
import { id, iso, paged, paging, since, windowOf } from './shared.ts';

const given = z.object({
  detection_id: z.string().min(1).max(200),
  is_correct: z.boolean(),
  reason: z.string().max(2_000).optional(),
  severity_rating: z.int().min(1).max(5).optional(),
});
const kept = z.object({
  detection_id: z.string(),
  detection_type: z.string(),
  is_correct: z.boolean(),
  reason: z.string().nullable(),
  severity_rating: z.number().nullable(),
  confidence: z.number(),
});
const feedback = kept.extend({ id: z.string(), created_at: z.string() });

const figures = {
  judged: z.number(),
  correct: z.number(),
  precision: z.number(),
  precision_low: z.number().describe('95 % Wilson bound.'),
  precision_high: z.number(),
};
const recall = z.object({
  measured: z.boolean(),
  reason: z.string(),
  recall: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});

function figuresOf({ samples, correct, precision, low, high }: Group) {
  return { judged: samples, correct, precision: precision ?? 0, precision_low: low, precision_high: high };
}

const share = { samples: z.number(), correct: z.number(), precision: z.number().nullable(), low: z.number(), high: z.number() };
const recommendation = z.object({
  detection_type: z.string(),
  action: z.enum(['raise', 'lower', 'keep', 'none']),
  reason: z.string(),
  measured: z.boolean(),
  threshold: z.number(),
  recommended_threshold: z.number().nullable(),
  now: z.object(share),
  predicted: z
    .object({
      ...share,
      precision_change: z.number(),
      true_positives_lost: z.number(),
      false_positives_removed: z.number(),
    })
    .nullable(),
});

function wire({ detector, recommended, ...rest }: Recommendation): z.input<typeof recommendation> {
  return { detection_type: detector, recommended_threshold: recommended, ...rest };
}

/** Traces without a detection, of which a sample is drawn. The newest; older ones are left out, with those that have one. */
const MOST_QUIET = 20_000;
const MOST_SAMPLES = 100;
const verdict = z.object({ failed: z.boolean(), notes: z.string().nullable(), labelled_ms: z.number() });
const storedAudit = z.object({
  seed: z.string(),
  flagged: z.number(),
  quiet: z.number(),
  traces: z.array(z.string()),
  verdicts: z.record(z.string(), verdict).default({}),
});
const audit = z.object({
  id: z.string(),
  seed: z.string(),
  size: z.number(),
  flagged_traces: z.number(),
  quiet_traces: z.number(),
  labelled: z.number(),
  missed: z.number(),
  estimate: recall,
  created_at: z.string(),
});
const auditWithTraces = audit.extend({
  traces: z.array(z.object({ trace_id: z.string(), failed: z.boolean().nullable(), notes: z.string().nullable() })),
});

function auditOf({ id: key, body, created_ms }: DocumentRow, labels: readonly KeptLabel[]): z.output<typeof auditWithTraces> {
  const { seed, flagged, quiet, traces, verdicts } = storedAudit.parse(body);
  const given = Object.values(verdicts);
  const missed = { cases: given.filter(({ failed }) => failed).length, of: given.length };
  return {
    id: key,
    seed,
    size: traces.length,
    flagged_traces: flagged,
    quiet_traces: quiet,
    labelled: missed.of,
    missed: missed.cases,
    estimate: recallOf({ flagged, quiet, right: rightTraces(labels), missed }),
    created_at: iso(created_ms),
    traces: traces.map((trace_id) => {
      const said = Object.hasOwn(verdicts, trace_id) ? verdicts[trace_id] : undefined;
      return { trace_id, failed: said?.failed ?? null, notes: said?.notes ?? null };
    }),
  };
}

async function lastAudit(mine: TenantRecords): Promise<DocumentRow | undefined> {
  return (await mine.documents('audit', { limit: 1 })).items[0];
}

export const feedbackRoutes = [
  route({
    method: 'POST',
    path: '/feedback',
    tag: 'feedback',
    summary: 'Says whether a detection is right; once for each.',
    status: 201,
    body: given,
    reply: feedback,
    async handle({ mine, body }) {
      const { detection_id: key, is_correct, reason, severity_rating } = body;
      const found = await mine.detection(key);
      if (found === undefined) throw notFound('detection', key);
      const said = {
        detection_id: key,
        detection_type: found.detector,
        is_correct,
        reason: reason ?? null,
        severity_rating: severity_rating ?? null,
        confidence: Math.round(found.confidence * 100),
      };
      const row = await mine.put('feedback', key, said, 0);
      if (row === undefined) throw new Problem(409, 'already-judged', 'There is feedback on this detection already.');
      await judge(mine, key, is_correct, reason ?? null);
      return { id: key, ...said, created_at: iso(row.created_ms) };
    },
  }),
  route({
    method: 'GET',
    path: '/feedback',
    tag: 'feedback',
    summary: 'Feedback, the latest first.',
    query: z.object(paging),
    reply: z.object({ items: z.array(feedback), ...paged }),
    async handle({ mine, query }) {
      const { items, total, next } = await mine.documents('feedback', windowOf(query));
      return {
        items: items.map(({ id: key, body, created_ms }) => ({ id: key, ...kept.parse(body), created_at: iso(created_ms) })),
        total,
        page: query.page,
        per_page: query.per_page,
        next_cursor: next,
      };
    },
  }),
  route({
    method: 'GET',
    path: '/feedback/stats',
    tag: 'feedback',
    summary: 'Precision with its 95 % interval, over all verdicts. Recall only if an audit sample is labelled.',
    reply: z.object({
      total: z.number(),
      by_type: z.array(z.object({ detection_type: z.string(), ...figures, recall: z.null(), f1: z.null() })),
      by_version: z.array(z.object({ detection_type: z.string(), detector_version: z.number(), ...figures })),
      by_confidence_tier: z.array(z.object({ detection_type: z.string(), confidence_tier: z.string(), ...figures })),
      by_framework: z.array(z.object({ framework: z.string().nullable(), ...figures })),
      by_method: z.array(z.object({ method: z.string(), ...figures })),
      recall: recall.describe('Of traces in which something went wrong: the share with a right detection.'),
      recall_observable: z.boolean(),
    }),
    async handle({ mine }) {
      const labels = await labelsOf(mine);
      const by = (keyOf: (label: KeptLabel) => Record<string, string | number>) =>
        grouped(labels, keyOf).map((group) => ({ ...group.key, ...figuresOf(group) })) as never;
      const last = await lastAudit(mine);
      const estimate = last === undefined ? undefined : auditOf(last, labels).estimate;
      return {
        total: labels.length,
        by_type: grouped(labels, ({ detector }) => ({ detection_type: detector })).map((group) => ({
          detection_type: String(group.key['detection_type']),
          ...figuresOf(group),
          recall: null,
          f1: null,
        })),
        by_version: by(({ detector, version }) => ({ detection_type: detector, detector_version: version })),
        by_confidence_tier: by((label) => ({ detection_type: label.detector, confidence_tier: tierOf(label) })),
        by_framework: by(({ framework }) => ({ framework: framework as string })),
        by_method: by(({ tier }) => ({ method: METHODS[tier] ?? String(tier) })),
        recall: estimate ?? {
          measured: false,
          reason: 'Nobody judges what was not found. POST /feedback/audit draws traces to look at.',
          recall: null,
          low: null,
          high: null,
        },
        recall_observable: estimate?.measured ?? false,
      };
    },
  }),
  route({
    method: 'GET',
    path: '/feedback/recommendations',
    tag: 'feedback',
    summary: 'For each detector with verdicts: the least confidence to hand on, with what it would change in these verdicts.',
    query: z.object({
      min_samples: z.coerce
        .number()
        .int()
        .min(5)
        .max(10_000)
        .default(MIN_SAMPLES)
        .describe(`Verdicts of a detector below which nothing is said; never fewer than ${MIN_SAMPLES}.`),
      target: z.coerce.number().min(0.5).max(0.99).default(TARGET).describe('Precision that the lower 95 % bound is to reach.'),
      framework: z.string().max(64).optional().describe('Verdicts on traces of this framework alone.'),
    }),
    reply: z.object({
      measured: z.boolean(),
      reason: z.string(),
      min_samples: z.number(),
      target: z.number(),
      recommendations: z.array(recommendation),
      yaml: z.string().describe('To be pasted, or given as one more --config.'),
      diff: z.string(),
      settings: z
        .object({ detectors: z.record(z.string(), z.object({ emit_above: z.number() })) })
        .describe('The body of PATCH /settings/thresholds that has the same effect at once.'),
    }),
    async handle({ query: { min_samples, target, framework }, ...call }) {
      const labels = (await labelsOf(call.mine)).filter((label) => framework === undefined || label.framework === framework);
      const now = await inForce(call);
      const minSamples = Math.max(MIN_SAMPLES, min_samples);
      const all = recommend(labels, { minSamples, target, thresholdOf: now.of });
      const moved = all.map((one) => ({ ...one, recommended: one.recommended === null ? null : now.toReach(one.recommended) }));
      const settings = moved.flatMap(({ detector, recommended }) =>
        recommended === null ? [] : [[detector, { emit_above: recommended }] as const],
      );
      const measured = all.some((one) => one.measured);
      return {
        measured,
        reason: measured
          ? `${labels.length} verdicts. Thresholds are chosen and judged on the same verdicts: what is predicted is a little too good.`
          : `No detector has ${minSamples} verdicts yet (${labels.length} in all).`,
        min_samples: minSamples,
        target,
        recommendations: all.map(wire),
        yaml: yamlOf(moved),
        diff: diffOf(moved, now.stated),
        settings: { detectors: Object.fromEntries(settings) },
      };
    },
  }),
  route({
    method: 'POST',
    path: '/feedback/audit',
    tag: 'feedback',
    summary: 'Draws traces without a detection at random, to be looked at: what was missed shows nowhere else.',
    status: 201,
    body: z.object({
      size: z.int().min(1).max(MOST_SAMPLE).optional().describe(`Default: one in a hundred, at least ${LEAST_SAMPLE}.`),
      seed: z.string().min(1).max(100).optional().describe('The same seed draws the same traces of the same ones.'),
      days: z.int().min(1).max(365).default(30),
    }),
    reply: auditWithTraces,
    async handle({ mine, body, nowMs }) {
      const from = since(nowMs, body.days);
      const quiet = await mine.quiet(from, MOST_QUIET);
      if (quiet.length === 0) throw new Problem(409, 'nothing-to-audit', 'There is no trace without a detection in this time.');
      const oldest = quiet.length < MOST_QUIET ? from : (quiet.at(-1)?.started_ms ?? from);
      const { affected } = await mine.affected(oldest);
      const seed = body.seed ?? randomUUID();
      const ids = quiet.map(({ trace_id }) => trace_id);
      const traces = draw(ids, body.size ?? usualSize(ids.length), seed);
      const drawn = { seed, flagged: affected, quiet: ids.length, traces, verdicts: {} };
      return auditOf((await mine.put('audit', randomUUID(), drawn, 0)) as DocumentRow, await labelsOf(mine));
    },
  }),
  route({
    method: 'GET',
    path: '/feedback/audit',
    tag: 'feedback',
    summary: 'Audits, the latest first, each with what it says of recall.',
    reply: z.object({ items: z.array(audit) }),
    async handle({ mine }) {
      const labels = await labelsOf(mine);
      const rows = await allOf(mine, 'audit', MOST_SAMPLES);
      return { items: rows.map((row) => audit.parse(auditOf(row, labels))) };
    },
  }),
  route({
    method: 'GET',
    path: '/feedback/audit/{id}',
    tag: 'feedback',
    summary: 'An audit with its traces.',
    params: id,
    reply: auditWithTraces,
    async handle({ mine, params }) {
      const row = await mine.document('audit', params.id);
      if (row === undefined) throw notFound('audit', params.id);
      return auditOf(row, await labelsOf(mine));
    },
  }),
  route({
    method: 'PUT',
    path: '/feedback/audit/{id}/traces/{trace_id}',
    tag: 'feedback',
    summary: 'Says whether something went wrong in a trace of the sample.',
    params: id.extend({ trace_id: z.string().min(1).max(100) }),
    body: z.object({ failed: z.boolean(), notes: z.string().max(2_000).optional() }),
    reply: auditWithTraces,
    async handle({ mine, params, body, nowMs }) {
      for (let tries = 0; tries < 5; tries++) {
        const row = await mine.document('audit', params.id);
        if (row === undefined) throw notFound('audit', params.id);
        const now = storedAudit.parse(row.body);
        if (!now.traces.includes(params.trace_id)) throw notFound('trace of this audit', params.trace_id);
        const said = { failed: body.failed, notes: body.notes ?? null, labelled_ms: nowMs };
        const next = { ...now, verdicts: { ...now.verdicts, [params.trace_id]: said } };
        const written = await mine.put('audit', params.id, next, row.version);
        if (written !== undefined) return auditOf(written, await labelsOf(mine));
      }
      throw new Problem(409, 'changed', 'The audit was changed at the same time. Try again.');
    },
  }),
];

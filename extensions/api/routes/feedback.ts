import { z } from 'zod';
import type { TenantRecords } from '../../../src/component/records.ts';
import { notFound, Problem } from '../problem.ts';
import { route } from '../route.ts';
import { wilson } from '../wilson.ts';
import { iso, paged, paging, windowOf } from './shared.ts';

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

/** Judgements that statistics look at; beyond it the newest count. */
const MOST_LABELS = 10_000;

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
      const { detection_id: id, is_correct, reason, severity_rating } = body;
      const found = await mine.detection(id);
      if (found === undefined) throw notFound('detection', id);
      const label = {
        detection_id: id,
        detection_type: found.detector,
        is_correct,
        reason: reason ?? null,
        severity_rating: severity_rating ?? null,
        confidence: Math.round(found.confidence * 100),
      };
      const row = await mine.put('feedback', id, label, 0);
      if (row === undefined) throw new Problem(409, 'already-judged', 'There is feedback on this detection already.');
      await mine.judge(id, is_correct ? 'true_positive' : 'false_positive', reason ?? null);
      return { id, ...label, created_at: iso(row.created_ms) };
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
        items: items.map(({ id, body, created_ms }) => ({ id, ...kept.parse(body), created_at: iso(created_ms) })),
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
    summary: 'Precision by detector, with its 95 % interval. Recall cannot be seen: nobody judges what was not found.',
    reply: z.object({
      total: z.number(),
      by_type: z.array(
        z.object({
          detection_type: z.string(),
          judged: z.number(),
          correct: z.number(),
          precision: z.number(),
          precision_low: z.number(),
          precision_high: z.number(),
          recall: z.null(),
          f1: z.null(),
        }),
      ),
      recall_observable: z.literal(false),
    }),
    async handle({ mine }) {
      const labels = await labelsOf(mine);
      const by = new Map<string, typeof labels>();
      for (const label of labels) {
        const same = by.get(label.detection_type);
        if (same === undefined) by.set(label.detection_type, [label]);
        else same.push(label);
      }
      const by_type = [...by]
        .map(([detection_type, some]) => {
          const correct = some.filter(({ is_correct }) => is_correct).length;
          const { low, high } = wilson(correct, some.length);
          return {
            detection_type,
            judged: some.length,
            correct,
            precision: correct / some.length,
            precision_low: low,
            precision_high: high,
            recall: null,
            f1: null,
          };
        })
        .sort((a, b) => b.judged - a.judged);
      return { total: labels.length, by_type, recall_observable: false as const };
    },
  }),
];

async function labelsOf(mine: TenantRecords) {
  const labels: z.output<typeof kept>[] = [];
  for (let after: string | null | undefined; after !== null && labels.length < MOST_LABELS; ) {
    const page = await mine.documents('feedback', after === undefined ? { limit: 1_000 } : { limit: 1_000, after });
    labels.push(...page.items.map(({ body }) => kept.parse(body)));
    after = page.next;
  }
  return labels;
}

import { z } from 'zod';
import { route } from '../route.ts';

/** What `detect` says of each detector; the rest of its facts is for `/status`. */
const detectFacts = z.record(
  z.string(),
  z.object({
    detectors: z.record(
      z.string(),
      z.object({
        state: z.string(),
        handed_on: z.number(),
        below_emit_above: z.number(),
        suppressed: z.number(),
        windows: z.record(z.string(), z.number()),
        reasons: z.record(z.string(), z.number()),
      }),
    ),
  }),
);
type Facts = z.output<typeof detectFacts>[string]['detectors'][string];

/** Why it has not fired, in one word; `fired` if it has. */
function why(facts: Facts | undefined): string {
  if (facts === undefined) return 'not_running';
  if (facts.state !== 'on') return facts.state;
  if (facts.handed_on > 0) return 'fired';
  if (facts.suppressed > 0) return 'suppressed';
  if (facts.below_emit_above > 0) return 'below_threshold';
  const { insufficient_data: blind = 0, pass = 0 } = facts.windows;
  if (blind > 0 && pass === 0) return 'blind';
  return pass > 0 ? 'nothing_found' : 'no_data';
}

export const statusRoutes = [
  route({
    method: 'GET',
    path: '/health',
    tag: 'health',
    summary: 'Whether it can work now.',
    open: true,
    reply: z.object({
      status: z.enum(['healthy', 'unhealthy']),
      database: z.enum(['healthy', 'unavailable']),
      redis: z.literal('not_used'),
      version: z.string(),
      reasons: z.array(z.string()),
    }),
    async handle({ records, host }) {
      const { ready, reasons } = host.readiness();
      const answers = await records
        .of('default')
        .documents('health', { limit: 1 })
        .then(
          () => true,
          () => false,
        );
      return {
        status: ready && answers ? ('healthy' as const) : ('unhealthy' as const),
        database: answers ? ('healthy' as const) : ('unavailable' as const),
        redis: 'not_used' as const,
        version: host.buildVersion,
        reasons: [...reasons],
      };
    },
  }),
  route({
    method: 'GET',
    path: '/diagnostics/detector-status',
    tag: 'diagnostics',
    summary: 'Each detector: how well it is measured, and why it has or has not fired since the start.',
    reply: z.object({
      detectors: z.array(
        z.object({
          detection_type: z.string(),
          category: z.string(),
          summary: z.string(),
          readiness: z.string(),
          f1: z.number().nullable(),
          state: z.string(),
          fired: z.number(),
          blind_reasons: z.record(z.string(), z.number()),
        }),
      ),
      counts: z.record(z.string(), z.number()),
    }),
    async handle({ host, catalogue }) {
      const running = Object.values(detectFacts.safeParse(host.facts()['detect'] ?? {}).data ?? {});
      const detectors = catalogue.detectors.map(({ detector: { meta }, readiness, f1 }) => {
        const facts = running.map(({ detectors: all }) => all[meta.id]).find((one) => one !== undefined);
        return {
          detection_type: meta.id as string,
          category: meta.family as string,
          summary: meta.summary,
          readiness,
          f1,
          state: why(facts),
          fired: facts?.handed_on ?? 0,
          blind_reasons: facts?.reasons ?? {},
        };
      });
      const counts: Record<string, number> = {};
      for (const { readiness } of detectors) counts[readiness] = (counts[readiness] ?? 0) + 1;
      return { detectors, counts };
    },
  }),
  route({
    method: 'GET',
    path: '/onboarding/status',
    tag: 'onboarding',
    summary: 'Whether traces and detections have come.',
    reply: z.object({ has_traces: z.boolean(), has_detections: z.boolean() }),
    async handle({ mine }) {
      const [traces, detections] = await Promise.all([mine.traces({}, { limit: 1 }), mine.detections({}, { limit: 1 })]);
      return { has_traces: traces.items.length > 0, has_detections: detections.items.length > 0 };
    },
  }),
];

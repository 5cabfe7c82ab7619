import { z } from 'zod';
import type { TenantRecords } from '../../../src/component/records.ts';
import { type Analysis, analysed, wireAnalysis } from '../analysis/analysis.ts';
import { notFound, Problem } from '../problem.ts';
import { type Call, route } from '../route.ts';
import { detection, wireDetection } from './detections.ts';

/** As many as `traces` shows. */
const MOST_STEPS = 5_000;
const MOST_DETECTIONS = 1_000;
const MOST_TRACES = 10;

const params = z.object({ trace_id: z.string().regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hex digits') });
// biome-ignore lint/suspicious/noExplicitAny: of any route.
type Any = Call<any, any, any>;

/** Runs the detectors over what is kept of a trace, and keeps what they find: a finding that was known stays the same. */
export async function analyseKept({ analyses, records, tenant, mine }: Any, traceId: string): Promise<Analysis | undefined> {
  const [trace, steps] = await Promise.all([mine.trace(traceId), mine.steps(traceId, MOST_STEPS)]);
  if (trace === undefined) return undefined;
  const analysis = await analyses.of(tenant, { kind: 'kept', trace, steps });
  if (analysis.carriers.length > 0) await records.ingest(tenant, [analysis.carriers]);
  return analysis;
}

/** All that is known of the trace, live findings too. */
export async function detectionsOf(mine: TenantRecords, catalogue: Any['catalogue'], trace: string) {
  const { items } = await mine.detections({ trace }, { limit: MOST_DETECTIONS });
  return items.map((row) => wireDetection(row, catalogue));
}

const demo = z.object({
  success: z.literal(true),
  traces_created: z.int(),
  states_created: z.int(),
  detections_created: z.int(),
  trace_ids: z.array(z.string()),
  message: z.string(),
});

export const analysisRoutes = [
  route({
    method: 'POST',
    path: '/traces/analyze',
    tag: 'traces',
    summary: 'Runs the detectors over what is sent (OTLP/JSON, a conversation, the body of a framework) and keeps nothing of it.',
    body: z.looseObject({}).or(z.array(z.unknown()).min(1)),
    reply: z.object({
      format_detected: z.string(),
      trace_ids: z.array(z.string()),
      detections: z.array(detection),
      total: z.int(),
      ...analysed,
    }),
    async handle({ analyses, tenant, body, catalogue }) {
      const analysis = await analyses.of(tenant, { kind: 'sent', payload: JSON.stringify(body) });
      if (analysis.steps === 0) throw new Problem(422, 'not-readable', 'There is no step of an agent in it.');
      const detections = analysis.detections.map((row) => wireDetection(row, catalogue));
      const { format, traces } = analysis;
      return {
        format_detected: format,
        trace_ids: traces.slice(0, 100),
        detections,
        total: detections.length,
        ...wireAnalysis(analysis),
      };
    },
  }),
  route({
    method: 'POST',
    path: '/traces/{trace_id}/analyze',
    tag: 'traces',
    summary: 'Runs the detectors over what is kept of a trace, and keeps what they find.',
    params,
    reply: z.object({ trace_id: z.string(), detections: z.array(detection), total: z.int(), ...analysed }),
    async handle(call) {
      const id = call.params.trace_id.toLowerCase();
      const analysis = await analyseKept(call, id);
      if (analysis === undefined) throw notFound('trace', id);
      const detections = await detectionsOf(call.mine, call.catalogue, id);
      return { trace_id: id, detections, total: detections.length, ...wireAnalysis(analysis) };
    },
  }),
  route({
    method: 'POST',
    path: '/onboarding/demo',
    tag: 'onboarding',
    summary:
      'Puts a recorded run that goes wrong into the database, as of now, with what is found in it. It is sent nowhere else.',
    status: 201,
    reply: demo,
    async handle({ analyses, records, tenant, mine, nowMs }) {
      const analysis = await analyses.of(tenant, { kind: 'demo', nowMs });
      // It is always the same run: what an earlier one left would stand beside it.
      for (const id of analysis.traces) await mine.deleteTrace(id);
      await records.ingest(tenant, [analysis.annotated]);
      return {
        success: true as const,
        traces_created: analysis.traces.length,
        states_created: analysis.steps,
        detections_created: analysis.detections.length,
        trace_ids: [...analysis.traces],
        message: 'A recorded run of an agent, with what misstep finds in it. DELETE /traces/{trace_id} takes it away.',
      };
    },
  }),
  route({
    method: 'POST',
    path: '/onboarding/run-detection',
    tag: 'onboarding',
    summary: `Runs the detectors over the latest ${MOST_TRACES} traces.`,
    reply: z.object({ traces_analyzed: z.int(), detections_found: z.int() }),
    async handle(call) {
      const { items } = await call.mine.traces({}, { limit: MOST_TRACES });
      let found = 0;
      for (const { trace_id } of items) found += (await analyseKept(call, trace_id))?.detections.length ?? 0;
      return { traces_analyzed: items.length, detections_found: found };
    },
  }),
];

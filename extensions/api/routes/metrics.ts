import { z } from 'zod';
import { dashboard, flush } from '../metrics/datadog.ts';
import { type Family, familiesOf, page, totalsOf } from '../metrics/families.ts';
import { Problem } from '../problem.ts';
import { type Call, route } from '../route.ts';
import { iso } from './shared.ts';

// biome-ignore lint/suspicious/noExplicitAny: of any route.
type Any = Call<any, any, any>;

const detectFacts = z.record(z.string(), z.object({ emit_above: z.number() }));

function thresholdOf({ host }: Any): number | undefined {
  const running = Object.values(detectFacts.safeParse(host.facts()['detect'] ?? {}).data ?? {});
  return running[0]?.emit_above;
}

const totals = ({ records, tenant, mine, nowMs }: Any) => totalsOf(records, tenant, mine, nowMs);

async function families(call: Any): Promise<Family[]> {
  return familiesOf(await totals(call), call.catalogue, thresholdOf(call));
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, one) => all + one, 0);
const counted = z.object({ total: z.number() });
const counts = z.record(z.string(), z.number());

export const metricRoutes = [
  route({
    method: 'GET',
    path: '/metrics',
    tag: 'metrics',
    summary: "What the tenant's records add up to, for Prometheus. The process's own metrics are on the metrics page.",
    type: 'text/plain; version=0.0.4; charset=utf-8',
    reply: z.string(),
    handle: async (call) => page(await families(call)),
  }),
  route({
    method: 'GET',
    path: '/metrics/json',
    tag: 'metrics',
    summary: 'The same as JSON.',
    reply: z.object({
      timestamp: z.string(),
      traces: counted.extend({ by_status: counts }),
      detections: counted.extend({
        by_type: counts,
        confidence: counts.describe('Means, 0 to 1.'),
        latency_seconds: counts.describe('Means, from the end of the step at fault to the finding.'),
      }),
      ingestion: z.object({ latency_seconds: z.number().nullable() }),
      healing: counted.extend({ by_status: counts }),
      tokens: counted.extend({ input: z.number(), output: z.number(), by_model: counts }),
      cost: z.object({ total_usd: z.number(), by_model: counts }),
      detectors: z.record(
        z.string(),
        z.object({ f1: z.number().nullable(), threshold: z.number().nullable(), ece: z.number().nullable() }),
      ),
    }),
    async handle(call) {
      const { traces, detections, models, means, healings } = await totals(call);
      const input = models.reduce((all, one) => all + one.input, 0);
      const output = models.reduce((all, one) => all + one.output, 0);
      const threshold = thresholdOf(call) ?? null;
      return {
        timestamp: iso(call.nowMs),
        traces: { total: sum(traces), by_status: { ...traces } },
        detections: {
          total: sum(detections),
          by_type: { ...detections },
          confidence: Object.fromEntries(means.detectors.map(({ detector, confidence }) => [detector, confidence])),
          latency_seconds: Object.fromEntries(
            means.detectors.flatMap(({ detector, latency_ms: ms }) => (ms === null ? [] : [[detector, ms / 1_000]])),
          ),
        },
        ingestion: { latency_seconds: means.ingestion_ms === null ? null : means.ingestion_ms / 1_000 },
        healing: { total: sum(healings), by_status: { ...healings } },
        tokens: {
          total: input + output,
          input,
          output,
          by_model: Object.fromEntries(models.map((one) => [one.model, one.input + one.output])),
        },
        cost: {
          total_usd: models.reduce((all, one) => all + one.cost, 0),
          by_model: Object.fromEntries(models.map((one) => [one.model, one.cost])),
        },
        detectors: Object.fromEntries(
          call.catalogue.detectors.map(({ detector, f1, calibrationError: ece }) => [detector.meta.id, { f1, threshold, ece }]),
        ),
      };
    },
  }),
  route({
    method: 'POST',
    path: '/metrics/datadog/flush',
    tag: 'metrics',
    summary: 'Sends the same to Datadog now, if the configuration has `datadog`.',
    reply: z.object({ success: z.literal(true), metrics_sent: z.int() }),
    async handle(call) {
      const { datadog, tenant, nowMs } = call;
      if (datadog === undefined) {
        throw new Problem(409, 'datadog-not-configured', 'Set `datadog: {api_key: …}` of the extension `api`.');
      }
      return { success: true as const, metrics_sent: await flush(await families(call), tenant, nowMs, datadog) };
    },
  }),
  route({
    method: 'GET',
    path: '/metrics/datadog/dashboard',
    tag: 'metrics',
    summary: 'A dashboard for Datadog that shows them.',
    reply: z.looseObject({ title: z.string(), layout_type: z.literal('ordered'), widgets: z.array(z.unknown()) }),
    handle: async () => dashboard(),
  }),
];

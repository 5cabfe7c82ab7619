/**
 * Puts findings into Datadog's LLM Observability as external evaluations. Spans and log records go to Datadog by `otlp_http`.
 *
 * The API adds and never changes: an evaluation has no id of the sender's. What is sent twice or grows is known by its label, span and
 * tag `detection_id`; what is withdrawn is said again with score 0 and the assessment `pass`.
 */
import { z } from 'zod';
import { type Secret, secret } from '../../config/secret.ts';
import { bodyOf } from '../../src/batch/batch.ts';
import type { ExporterFactory } from '../../src/component/component.ts';
import { apiEndpoint, type Calls, checkEndpoint, checkKey, scoreExporter, scoreOptions } from '../../src/component/scores.ts';
import { type LoggedFinding, loggedFindings, NO_FINDINGS } from '../../src/detector/logged.ts';

/** A finding is at most some 3 KB here, a request at most 5 MB there. */
const MAX_EVALUATIONS = 1_000;
const PATH = '/api/intake/llm-obs/v2/eval-metric';
const NO_APP = 'findings without ml_app: their resource has no service.name. Set ml_app.';

const options = z
  .strictObject({
    api: z.strictObject({
      key: secret().describe('API key, best from the environment.'),
      site: z
        .string()
        .regex(/^[a-z0-9.-]+$/, 'not a site, for example datadoghq.eu')
        .default('datadoghq.com'),
    }),
    endpoint: apiEndpoint().optional().describe('Instead of https://api.<site>.'),
    ml_app: z
      .string()
      .min(1)
      .max(193)
      .optional()
      .describe(
        'The application in LLM Observability. Default: service.name of the span, as Datadog names spans that come by OTLP.',
      ),
    ...scoreOptions(MAX_EVALUATIONS),
  })
  .superRefine(({ endpoint, allow_link_local, api }, ctx) => {
    if (endpoint !== undefined) checkEndpoint(endpoint, allow_link_local, ctx);
    checkKey(api.key, ['api', 'key'], ctx);
  });
type Options = z.output<typeof options>;

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'datadog',
  stability: 'development',
  summary: "Puts findings into Datadog's LLM Observability as external evaluations.",
  signals: ['logs'],
  options,
  create: (id, value, hints) =>
    scoreExporter(id, value, hints, {
      endpoint: value.endpoint ?? `https://api.${value.api.site}`,
      headers: headersOf(value),
      check: { 403: 'Check api.key, and that it belongs to api.site.' },
      calls: (batch) => callsFor(bodyOf(batch), value.ml_app),
    }),
};

function headersOf({ headers, api }: Options): Readonly<Record<string, Secret>> {
  return { ...headers, 'dd-api-key': api.key };
}

function callsFor(body: Uint8Array, mlApp: string | undefined): Calls {
  const { findings, others } = loggedFindings(body);
  const metrics = findings.flatMap((finding) => {
    const app = mlApp ?? finding.resource.get('service.name');
    return typeof app === 'string' && app !== '' ? [evaluation(finding, app)] : [];
  });
  const nameless = findings.length - metrics.length;
  const payload = { data: { type: 'evaluation_metric', attributes: { metrics } } };
  const calls = metrics.length === 0 ? [] : [{ method: 'POST' as const, path: PATH, body: payload, items: metrics.length }];
  return { calls, refused: others + nameless, reason: nameless > 0 ? NO_APP : NO_FINDINGS };
}

function evaluation(finding: LoggedFinding, app: string) {
  const { id, revision, detector, withdrawn, confidence, explanation, timeMs, attributes } = finding;
  const named = (tag: string, key: string): string[] => {
    const value = attributes.get(key);
    return typeof value === 'string' ? [`${tag}:${value}`] : [];
  };
  return {
    event_kind: 'evaluation',
    // Datadog names OTLP spans by decimal numbers.
    join_on: { span: { trace_id: decimal(finding.traceId), span_id: decimal(finding.spanId) } },
    ml_app: app,
    timestamp_ms: timeMs,
    label: detector,
    metric_type: 'score',
    score_value: withdrawn ? 0 : confidence,
    assessment: withdrawn ? 'pass' : 'fail',
    reasoning: withdrawn ? 'Withdrawn: what came later says otherwise.' : explanation,
    tags: [
      // Without it the span is not waited for.
      'source:otel',
      `ml_app:${app}`,
      `detection_id:${id}`,
      `revision:${revision}`,
      ...named('severity', 'misstep.detection.severity'),
      ...named('category', 'misstep.detection.category'),
      ...named('confidence_tier', 'misstep.detection.confidence.tier'),
      ...(withdrawn ? ['withdrawn:true'] : []),
    ],
  };
}

function decimal(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}

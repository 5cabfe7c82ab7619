/** The same figures for Datadog: series of its API v2, and a dashboard of its API v1 that shows them. */
import type { Secret } from '../../../config/secret.ts';
import { requestGuarded } from '../../../src/component/transport/guard.ts';
import { Problem } from '../problem.ts';
import type { Family } from './families.ts';

export interface DatadogOptions {
  readonly api_key: Secret;
  readonly site: string;
  /** Instead of `https://api.<site>`. */
  readonly endpoint?: string | undefined;
}

/** `gauge` of MetricIntakeType. */
const GAUGE = 3;

const metricOf = (name: string): string => name.replace(/^misstep_/, 'misstep.');

/** Rejects with a `Problem` where Datadog does not take them. Returns the number of series. */
export async function flush(families: readonly Family[], tenant: string, nowMs: number, to: DatadogOptions): Promise<number> {
  const series = families.flatMap(({ name, samples }) =>
    samples.map(({ labels, value }) => ({
      metric: metricOf(name),
      type: GAUGE,
      points: [{ timestamp: Math.floor(nowMs / 1_000), value }],
      tags: [`tenant:${tenant}`, ...Object.entries(labels).map(([key, text]) => `${key}:${text}`)],
    })),
  );
  const endpoint = to.endpoint ?? `https://api.${to.site}`;
  let status: number;
  try {
    ({ status } = await requestGuarded(new URL('/api/v2/series', endpoint).href, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'dd-api-key': to.api_key.reveal() },
      body: Buffer.from(JSON.stringify({ series })),
      // The operator named it.
      allow: to.endpoint === undefined ? [] : [new URL(endpoint).hostname],
      maxRedirects: 0,
    }));
  } catch (error) {
    throw new Problem(
      502,
      'datadog-unreachable',
      `Datadog was not reached: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (status < 200 || status > 299)
    throw new Problem(502, 'datadog-refused', `Datadog answered ${status}. Check api_key and site.`);
  return series.length;
}

interface Widget {
  readonly title: string;
  readonly metric: string;
  readonly by: string;
  readonly display: 'line' | 'bars' | 'area';
}

const WIDGETS: readonly Widget[] = [
  { title: 'Traces by status', metric: 'misstep.traces', by: 'status', display: 'area' },
  { title: 'Detections by type', metric: 'misstep.detections_kept', by: 'detection_type', display: 'bars' },
  { title: 'Tokens by model', metric: 'misstep.tokens', by: 'model', display: 'area' },
  { title: 'Cost by model, US dollars', metric: 'misstep.cost_usd', by: 'model', display: 'area' },
  { title: 'F1 of the detectors', metric: 'misstep.detector_f1', by: 'detection_type', display: 'line' },
];

/** To be sent to `POST /api/v1/dashboard` of Datadog as it is. */
export function dashboard() {
  return {
    title: 'misstep',
    description: 'What misstep keeps: traces, detections, tokens, cost.',
    layout_type: 'ordered' as const,
    template_variables: [{ name: 'tenant', prefix: 'tenant', available_values: [], default: '*' }],
    widgets: WIDGETS.map(({ title, metric, by, display }) => ({
      definition: {
        type: 'timeseries' as const,
        title,
        requests: [{ q: `sum:${metric}{$tenant} by {${by}}`, display_type: display }],
      },
    })),
  };
}

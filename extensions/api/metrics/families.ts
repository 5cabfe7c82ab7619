/**
 * What a tenant's records add up to, as gauges: they fall when retention takes traces out. Each has a name of misstep's and, where the
 * seed has one, that too, so that dashboards of either work. The process's own metrics are on the metrics page, not here.
 */
import type { Means, TenantRecords } from '../../../src/component/records.ts';
import { statuses } from '../../../src/healing/states.ts';
import type { Catalogue } from '../catalogue.ts';
import { KIND as HEALING, statusOf } from '../healing-record.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly alias: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Totals {
  readonly traces: Readonly<Record<string, number>>;
  readonly detections: Readonly<Record<string, number>>;
  readonly models: readonly { readonly model: string; readonly input: number; readonly output: number; readonly cost: number }[];
  readonly means: Means;
  /** By status. */
  readonly healings: Readonly<Record<string, number>>;
}

const STATUSES = ['running', 'completed', 'failed', 'cancelled'];
/** Sums over all steps of the tenant: asked for by scrapers, every some seconds. */
const KEPT_MS = 10_000;
const MOST_KEPT = 1_000;
/** Of a page; at five an hour, which is the limit unless it is set higher, a week has 840. */
const MOST_HEALINGS = 1_000;
const kept = new WeakMap<object, Map<string, { readonly untilMs: number; readonly totals: Promise<Totals> }>>();

/** `owner` lives as long as the database that `mine` is of. */
export function totalsOf(owner: object, tenant: string, mine: TenantRecords, nowMs: number): Promise<Totals> {
  const all = kept.get(owner) ?? new Map();
  kept.set(owner, all);
  const before = all.get(tenant);
  if (before !== undefined && before.untilMs > nowMs) return before.totals;
  const totals = read(mine);
  if (all.size >= MOST_KEPT) all.clear();
  all.set(tenant, { untilMs: nowMs + KEPT_MS, totals });
  totals.catch(() => all.delete(tenant));
  return totals;
}

async function read(mine: TenantRecords): Promise<Totals> {
  const [counts, detections, models, means, healings] = await Promise.all([
    Promise.all(STATUSES.map((status) => mine.traces({ status }, { limit: 1 }))),
    mine.detectionDays(0, 'detector'),
    mine.costDays(0, 'model'),
    mine.means(),
    mine.documents(HEALING, { limit: MOST_HEALINGS }),
  ]);
  const byStatus: Record<string, number> = Object.fromEntries(statuses.map((status) => [status, 0]));
  for (const row of healings.items) byStatus[statusOf(row)] = (byStatus[statusOf(row)] ?? 0) + 1;
  const sums = new Map<string, { input: number; output: number; cost: number }>();
  for (const { key, input_tokens, output_tokens, cost } of models) {
    const sum = sums.get(key) ?? { input: 0, output: 0, cost: 0 };
    sums.set(key, { input: sum.input + input_tokens, output: sum.output + output_tokens, cost: sum.cost + cost });
  }
  const byDetector: Record<string, number> = {};
  for (const { key, count } of detections) byDetector[key] = (byDetector[key] ?? 0) + count;
  return {
    traces: Object.fromEntries(STATUSES.map((status, i) => [status, counts[i]?.total ?? 0])),
    detections: byDetector,
    models: [...sums].map(([model, sum]) => ({ model: model === '' ? 'unknown' : model, ...sum })),
    means,
    healings: byStatus,
  };
}

/** `threshold`: findings below it are not handed on; undefined where nothing detects. */
export function familiesOf(
  { traces, detections, models, means, healings }: Totals,
  catalogue: Catalogue,
  threshold: number | undefined,
): Family[] {
  const by = (label: string, counts: Readonly<Record<string, number>>): Sample[] =>
    Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }));
  const measured = (read: (one: Catalogue['detectors'][number]) => number | null | undefined): Sample[] =>
    catalogue.detectors.flatMap((one) => {
      const value = read(one);
      return value === null || value === undefined ? [] : [{ labels: { detection_type: one.detector.meta.id as string }, value }];
    });
  return [
    { name: 'misstep_traces', alias: 'mao_traces_total', help: 'Traces that are kept.', samples: by('status', traces) },
    {
      name: 'misstep_detections_kept',
      alias: 'mao_detections_total',
      help: 'Detections that are kept and stand.',
      samples: by('detection_type', detections),
    },
    {
      name: 'misstep_detection_confidence',
      alias: 'mao_detection_confidence',
      help: 'Mean confidence of the detections that are kept and stand, 0 to 1.',
      samples: means.detectors.map(({ detector, confidence }) => ({ labels: { detection_type: detector }, value: confidence })),
    },
    {
      name: 'misstep_detection_latency_seconds',
      alias: 'mao_detection_latency_seconds',
      help: 'Mean time from the end of the step at fault to the finding.',
      samples: means.detectors.flatMap(({ detector, latency_ms: ms }) =>
        ms === null ? [] : [{ labels: { detection_type: detector }, value: ms / 1_000 }],
      ),
    },
    {
      name: 'misstep_ingestion_latency_seconds',
      alias: 'mao_ingestion_latency_seconds',
      help: 'Mean time from the end of a trace to the last of its spans coming in.',
      samples: means.ingestion_ms === null ? [] : [{ labels: {}, value: means.ingestion_ms / 1_000 }],
    },
    ...Object.entries(healings).map(([status, value]) => ({
      name: `misstep_healing_${status}`,
      alias: `mao_healing_${status}_total`,
      help: `Healings that are ${status}, of the latest ${MOST_HEALINGS}.`,
      samples: [{ labels: {}, value }],
    })),
    {
      name: 'misstep_tokens',
      alias: 'mao_tokens_total',
      help: 'Tokens of the model calls that are kept.',
      samples: models.flatMap(({ model, input, output }) => [
        { labels: { model, direction: 'input' }, value: input },
        { labels: { model, direction: 'output' }, value: output },
      ]),
    },
    {
      name: 'misstep_cost_usd',
      alias: 'mao_cost_usd_total',
      help: 'Cost that spans state, US dollars.',
      samples: models.map(({ model, cost }) => ({ labels: { model }, value: cost })),
    },
    {
      name: 'misstep_detector_f1',
      alias: 'pisama_detector_f1',
      help: 'F1 of the evaluation, on the largest set of at least 30 runs.',
      samples: measured(({ f1 }) => f1),
    },
    {
      name: 'misstep_detector_threshold',
      alias: 'pisama_detector_threshold',
      help: 'Findings below this confidence are not handed on.',
      samples: measured(() => threshold),
    },
    {
      name: 'misstep_detector_ece',
      alias: 'pisama_detector_ece',
      help: 'Expected calibration error of the evaluation.',
      samples: measured(({ calibrationError }) => calibrationError),
    },
  ];
}

/** Text format 0.0.4. */
export function page(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, alias, help, samples } of families) {
    for (const one of [name, alias]) {
      lines.push(`# HELP ${one} ${help}`, `# TYPE ${one} gauge`);
      for (const { labels, value } of samples) {
        const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
        lines.push(`${one}{${pairs.join(',')}} ${value}`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/**
 * The metrics that dashboards, rules and monitors may name, and how each tool spells them.
 *
 * Law: what stands here exists. `sidecar.test.ts` brings a sidecar into every state named by `when` and finds each name with its labels
 * on /metrics, or as the OTLP metric that the `detections` connector sends. `names.test.ts` lets no file name anything else.
 */

export interface Metric {
  readonly name: string;
  /** Cumulative ones are counted up even where the page calls them gauges: the ledger and `detect` read them when the page is. */
  readonly kind: 'cumulative' | 'gauge';
  readonly labels: readonly string[];
  /** On the page from the start, after the first data, or only in a state that has to be brought about. */
  readonly when: 'start' | 'data' | 'refusal' | 'drop' | 'storage';
}

const of = (when: Metric['when'], kind: Metric['kind'], labels: readonly string[], names: readonly string[]): readonly Metric[] =>
  names.map((name) => ({ name, kind, labels, when }));

/** On /metrics, spelled as there: the page adds no `_total` and no unit. */
export const pulled: readonly Metric[] = [
  ...of(
    'start',
    'gauge',
    [],
    ['misstep_pressure', 'misstep_queue_bytes', 'misstep_queue_bytes_limit', 'misstep_admission_bytes'],
  ),
  ...of('start', 'gauge', [], ['otelcol_process_memory_rss', 'otelcol_process_uptime']),
  ...of('start', 'cumulative', [], ['otelcol_process_cpu_seconds']),
  ...of(
    'start',
    'cumulative',
    ['processor'],
    [
      'misstep_detect_steps',
      'misstep_detect_late_steps',
      'misstep_detect_duplicates',
      'misstep_detect_errors',
      'misstep_detect_overruns',
      'misstep_detect_outbox_dropped',
      'misstep_detect_suppressed',
      'misstep_detect_below_emit_above',
    ],
  ),
  ...of('start', 'cumulative', ['processor', 'way'], ['misstep_detect_findings']),
  ...of('start', 'cumulative', ['processor', 'what'], ['misstep_detect_left_out']),
  ...of(
    'start',
    'gauge',
    ['processor'],
    ['misstep_detect_windows_open', 'misstep_detect_kept_bytes', 'misstep_detect_outbox_size'],
  ),
  ...of('start', 'gauge', ['processor', 'detector'], ['misstep_detector_step_microseconds']),
  ...of('data', 'cumulative', ['processor', 'detector', 'outcome'], ['misstep_detector_windows']),
  ...of('data', 'cumulative', ['receiver', 'transport'], ['otelcol_receiver_accepted_spans', 'otelcol_receiver_refused_spans']),
  ...of('refusal', 'cumulative', ['receiver', 'transport', 'reason'], ['misstep_receiver_refused_requests']),
  ...of('data', 'cumulative', ['processor'], ['otelcol_processor_memory_limiter_refused_spans']),
  ...of('data', 'cumulative', ['exporter', 'signal'], ['misstep_ledger_sent', 'misstep_ledger_rejected_by_backend']),
  ...of(
    'data',
    'gauge',
    ['exporter', 'signal'],
    ['misstep_ledger_queued', 'misstep_ledger_in_flight', 'misstep_ledger_difference'],
  ),
  ...of('drop', 'cumulative', ['exporter', 'signal', 'reason'], ['misstep_ledger_dropped']),
  ...of('data', 'gauge', ['exporter', 'data_type'], ['otelcol_exporter_queue_size', 'otelcol_exporter_queue_capacity']),
  ...of('start', 'cumulative', ['connector'], ['misstep_detections_lost', 'misstep_detections_capped_labels']),
  ...of('storage', 'gauge', ['extension'], ['misstep_storage_bytes', 'misstep_storage_bytes_limit']),
  ...of('storage', 'cumulative', ['extension'], ['misstep_storage_damaged_records', 'misstep_storage_failures']),
];

/** Sent by the `detections` connector over OTLP, as OpenTelemetry names it. */
export const PUSHED = { name: 'misstep.detections', labels: ['gen_ai.evaluation.name', 'gen_ai.agent.name'] } as const;

/** On every series of the page, from the resource; and what Prometheus adds when it scrapes. */
export const COMMON = ['service_name', 'service_version', 'service_instance_id', 'job', 'instance'];

/** What Prometheus makes of the pushed one: dots become underscores, a monotonic sum ends in `_total`, a unit in braces leaves no suffix. */
const pushedInPrometheus: Metric = {
  name: `${PUSHED.name.replaceAll('.', '_')}_total`,
  kind: 'cumulative',
  labels: PUSHED.labels.map((label) => label.replaceAll('.', '_')),
  when: 'data',
};

export const inPrometheus: readonly Metric[] = [...pulled, pushedInPrometheus];

/** The page's names under the Datadog Agent's namespace; its check adds `.count` to what is cumulative. */
export function inDatadog(name: string): string {
  const metric = pulled.find((one) => one.name === name);
  if (metric === undefined) throw new Error(`${name} is not in scripts/dashboards/metrics.ts.`);
  return `${NAMESPACE}.${datadogStem(name)}${metric.kind === 'cumulative' ? '.count' : ''}`;
}

export const NAMESPACE = 'misstep';

/** `misstep_ledger_sent` → `ledger_sent`; the Collector's names keep theirs: `otelcol_exporter_queue_size`. */
export function datadogStem(name: string): string {
  return name.startsWith(`${NAMESPACE}_`) ? name.slice(NAMESPACE.length + 1) : name;
}

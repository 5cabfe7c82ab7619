/**
 * Datadog: what the Agent's OpenMetrics check reads off the page, a dashboard, and monitors.
 *
 * The check keeps the page's labels as tags and adds `.count` to what is cumulative (names in metrics.ts). Metadata of detectors is no
 * series there, so what Prometheus joins stands in the queries as lists of detectors.
 */
import type { Facts } from './facts.ts';
import { datadogStem, inDatadog, NAMESPACE, PUSHED, pulled } from './metrics.ts';

/** conf.d/openmetrics.d/conf.yaml of the Agent. */
export function openmetricsFile(): string {
  const rows = pulled.map(({ name, kind }) =>
    // The page calls gauges what is read when it is: the type says that they count up.
    kind === 'cumulative'
      ? `      - ${name}: {name: ${datadogStem(name)}, type: counter}\n`
      : `      - ${name}: ${datadogStem(name)}\n`,
  );
  return `# Written by \`npm run generate\`; do not edit. For conf.d/openmetrics.d/conf.yaml of the Datadog Agent.
instances:
  - openmetrics_endpoint: http://localhost:8888/metrics
    namespace: ${NAMESPACE}
    metrics:
${rows.join('')}`;
}

const windows = (filter: string): string => `${inDatadog('misstep_detector_windows')}{${filter}}`;
const among = (ids: readonly string[]): string => `detector IN (${ids.join(',')})`;
const ids = (facts: readonly Facts[], is: (one: Facts) => boolean): readonly string[] => facts.filter(is).map(({ id }) => id);

export function datadogDashboard(facts: readonly Facts[]): string {
  const families = [...new Set(facts.map(({ family }) => family))].sort();
  const count = (filter: string, by: string): string => `sum:${windows(filter)} by {${by}}.as_count()`;
  const one = (metric: string, by: string): string => {
    const name = inDatadog(metric);
    return name.endsWith('.count') ? `sum:${name}{$service} by {${by}}.as_count()` : `avg:${name}{$service} by {${by}}`;
  };
  const groups: readonly (readonly [title: string, widgets: readonly object[]])[] = [
    [
      'Findings',
      [
        chart('Failed windows by detector', count('$service,outcome:fail', 'detector'), true),
        ...families.map((family) =>
          chart(
            `Failed windows: ${family}`,
            count(`$service AND outcome:fail AND ${among(ids(facts, (fact) => fact.family === family))}`, 'detector'),
            true,
          ),
        ),
        chart('Findings by agent (pushed over OTLP)', `sum:${PUSHED.name}{*} by {${PUSHED.labels[1]}}.as_count()`, true),
      ],
    ],
    [
      'Cost',
      [
        chart(
          'Windows with waste',
          count(`$service AND outcome:fail AND ${among(ids(facts, (fact) => fact.wasteful))}`, 'detector'),
          true,
        ),
        chart('Over budget, or a call far dearer', count('$service,outcome:fail,detector:cost', 'outcome'), true),
        chart('CPU seconds of misstep', one('otelcol_process_cpu_seconds', 'service_instance_id')),
      ],
    ],
    [
      'Coverage',
      [
        chart('Windows by outcome', count('$service', 'outcome'), true),
        chart('Blind, by detector', count('$service,outcome:insufficient_data', 'detector'), true),
        chart('Left out under pressure', one('misstep_detect_left_out', 'what')),
        chart('Late steps', one('misstep_detect_late_steps', 'service_instance_id')),
      ],
    ],
    [
      'Sidecar',
      [
        chart('Spans taken', one('otelcol_receiver_accepted_spans', 'transport')),
        chart('Spans refused', one('otelcol_receiver_refused_spans', 'transport')),
        chart('Queue', one('otelcol_exporter_queue_size', 'exporter,data_type')),
        chart('Items sent', one('misstep_ledger_sent', 'exporter,signal')),
        chart('Items lost', one('misstep_ledger_dropped', 'exporter,reason')),
        chart('Pressure', one('misstep_pressure', 'service_instance_id')),
        chart('Resident bytes', one('otelcol_process_memory_rss', 'service_instance_id')),
      ],
    ],
  ];
  const json = {
    title: 'misstep',
    description: 'What agents do wrong, and whether misstep sees it. Written by npm run generate.',
    layout_type: 'ordered',
    template_variables: [{ name: 'service', prefix: 'service_name', available_values: [], defaults: ['*'] }],
    widgets: groups.map(([title, widgets]) => ({ definition: { type: 'group', title, layout_type: 'ordered', widgets } })),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function chart(title: string, query: string, bars = false): object {
  return {
    definition: {
      type: 'timeseries',
      title,
      show_legend: true,
      requests: [
        {
          response_format: 'timeseries',
          display_type: bars ? 'bars' : 'line',
          queries: [{ data_source: 'metrics', name: 'a', query }],
          formulas: [{ formula: 'a' }],
        },
      ],
    },
  };
}

interface Monitor {
  readonly name: string;
  readonly query: string;
  readonly above: number;
  readonly message: string;
  /** Where threshold and span come from. */
  readonly reason: string;
  /** 1 wakes somebody up, 3 waits for the day. */
  readonly priority: 1 | 3;
  readonly silent?: true;
}

export function datadogMonitors(facts: readonly Facts[]): string {
  const worthy = ({ readiness }: Facts): boolean => readiness !== 'failing' && readiness !== 'untested';
  const grave = ids(facts, (one) => (one.severity === 'high' || one.severity === 'critical') && worthy(one));
  const critical = ids(facts, (one) => one.severity === 'critical' && worthy(one));
  const sum = (metric: string, by: string): string => `sum:${inDatadog(metric)}{*} by {${by}}.as_count()`;
  const failed = (more: string, by: string): string => `sum:${windows(`outcome:fail AND ${more}`)} by {${by}}.as_count()`;
  const monitors: readonly Monitor[] = [
    {
      name: 'misstep: many findings of high severity',
      query: `sum(last_1h):${failed(among(grave), 'detector')} / sum:${windows(`outcome IN (fail,pass) AND ${among(grave)}`)} by {detector}.as_count() > 0.1`,
      above: 0.1,
      message:
        '{{detector.name}} fails more than a tenth of the windows that it could judge. docs/detectors has queries for the traces.',
      reason:
        'Twice the share of passing runs on which a detector may alarm before it is graded failing (.05). Detectors graded failing or untested are left out.',
      priority: 3,
    },
    {
      name: 'misstep: a critical finding',
      query: `sum(last_15m):${failed(among(critical), 'detector')} > 0`,
      above: 0,
      message: '{{detector.name}} can find what does harm at once. Look for @misstep.detection.severity:critical.',
      reason: 'One is enough. The metric carries the detector and not the message, so its lesser messages fire this too.',
      priority: 1,
    },
    {
      name: 'misstep: sessions over budget',
      query: `sum(last_1h):${failed('detector:cost', 'detector')} / sum:${windows('outcome IN (fail,pass) AND detector:cost')} by {detector}.as_count() > 0.05`,
      above: 0.05,
      message: 'One session in twenty passes its budget: the agents or the budget are wrong.',
      reason: 'One in twenty is no outlier.',
      priority: 3,
    },
    {
      name: 'misstep: data lost',
      query: `sum(last_5m):${sum('misstep_ledger_dropped', 'exporter,reason')} > 0`,
      above: 0,
      message: '{{exporter.name}} lost items: {{reason.name}}.',
      reason: 'One lost item is a loss.',
      priority: 1,
    },
    {
      name: 'misstep: spans refused',
      query: `sum(last_5m):${sum('otelcol_receiver_refused_spans', 'service_instance_id')} / (${sum('otelcol_receiver_accepted_spans', 'service_instance_id')} + ${sum('otelcol_receiver_refused_spans', 'service_instance_id')}) > 0.01`,
      above: 0.01,
      message: 'Senders are turned away at {{service_instance_id.name}}; they try again until their queues are full.',
      reason: 'Refusals in a burst slow senders down. One in a hundred over five minutes is no burst.',
      priority: 1,
    },
    {
      name: 'misstep: a queue fills',
      query: `min(last_5m):avg:${inDatadog('otelcol_exporter_queue_size')}{*} by {exporter,data_type,service_instance_id} / avg:${inDatadog('otelcol_exporter_queue_capacity')}{*} by {exporter,data_type,service_instance_id} > 0.8`,
      above: 0.8,
      message: 'The backend of {{exporter.name}} is slower than what comes.',
      reason: '/ready turns to 503 at 0.9.',
      priority: 3,
    },
    {
      name: 'misstep: findings wait',
      query: `min(last_5m):max:${inDatadog('misstep_detect_outbox_size')}{*} by {service_instance_id} > 0`,
      above: 0,
      message: 'What follows `detect` refuses.',
      reason: 'They go with the next batch that is taken; five minutes without one is no pause.',
      priority: 3,
    },
    {
      name: 'misstep: work left out',
      query: `sum(last_10m):${sum('misstep_detect_left_out', 'service_instance_id,what')} > 0`,
      above: 0,
      message: 'The sidecar is behind and leaves out {{what.name}}.',
      reason: 'It does so only after a second in which it could not keep up.',
      priority: 3,
    },
    {
      name: 'misstep: a detector fails',
      query: `sum(last_15m):sum:${windows('outcome:error')} by {detector}.as_count() > 0`,
      above: 0,
      message: '{{detector.name}} failed or overran. The log has the error once.',
      reason: 'By its contract it never fails: one is a bug.',
      priority: 3,
    },
    {
      name: 'misstep: no sidecar',
      query: `max(last_5m):max:${inDatadog('otelcol_process_uptime')}{*} < 0`,
      above: 0,
      message: 'No sidecar has said anything for five minutes.',
      reason: 'Uptime is never below 0, so only its absence notifies. A start takes 300 ms.',
      priority: 1,
      silent: true,
    },
  ];
  const json = monitors.map(({ name, query, above, message, reason, priority, silent }) => ({
    name,
    type: 'query alert',
    query,
    message: `${message}\n\nWhy this threshold: ${reason}`,
    tags: ['misstep'],
    priority,
    options: {
      thresholds: { critical: above },
      include_tags: true,
      notify_no_data: silent === true,
      ...(silent ? { no_data_timeframe: 5 } : {}),
    },
  }));
  return `${JSON.stringify(json, null, 2)}\n`;
}

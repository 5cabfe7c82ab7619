/** Prometheus' recording and alerting rules, and promtool's tests of them. */
import type { Alert } from './alert.ts';
import { coverage } from './coverage.ts';
import type { Facts } from './facts.ts';
import { findings } from './findings.ts';
import { health } from './health.ts';
import { grown, sumBy, windowsIn } from './promql.ts';

export interface Recording {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Group {
  readonly name: string;
  readonly recordings: readonly Recording[];
  readonly alerts: readonly Alert[];
}

/** What a detector is, as series that a query can join on `detector`. */
export function metadata(facts: readonly Facts[]): readonly Recording[] {
  return [
    ...facts.map(({ id, family, severity, tier, readiness, wasteful }) => ({
      record: 'misstep:detector_info',
      expr: 'vector(1)',
      labels: { detector: id, family, severity, tier: String(tier), readiness, wasteful: String(wasteful) },
    })),
    ...facts.flatMap(({ id, mast }) =>
      mast.map((mode) => ({ record: 'misstep:detector_mast', expr: 'vector(1)', labels: { detector: id, mast: mode } })),
    ),
  ];
}

export const INFO_LABELS = ['detector', 'family', 'severity', 'tier', 'readiness', 'wasteful', 'mast'];

const recorded: readonly Recording[] = [
  ...['15m', '1h'].map((window) => ({
    record: `misstep:detector_windows:increase${window}`,
    expr: sumBy(['job', 'instance', 'detector', 'outcome'], grown('misstep_detector_windows', window)),
  })),
  { record: 'misstep:detector_fail:ratio1h', expr: `${windowsIn('fail')} / (${windowsIn('fail|pass')} > 0)` },
  {
    record: 'misstep:detector_blind:ratio1h',
    // Every window of a job has some outcome; without `or` a detector that is never blind has no ratio to fall from.
    expr: `(${windowsIn('insufficient_data')} or 0 * ${windowsIn('.+')}) / (${windowsIn('.+')} > 0)`,
  },
  {
    record: 'misstep:detections:increase1h',
    expr: sumBy(
      ['job', 'detector', 'agent'],
      `label_replace(label_replace(${grown('misstep_detections_total', '1h')}, "detector", "$1", "gen_ai_evaluation_name", "(.*)"), "agent", "$1", "gen_ai_agent_name", "(.*)")`,
    ),
  },
  { record: 'misstep:agent_detections:increase1h', expr: sumBy(['job', 'agent'], 'misstep:detections:increase1h') },
];

export function groups(facts: readonly Facts[]): readonly Group[] {
  const first = (what: string, is: (one: Facts) => boolean): string => {
    const found = facts.find(is);
    if (found === undefined) throw new Error(`No detector is ${what}: the tests of the rules need one.`);
    return found.id;
  };
  const worthy = ({ readiness }: Facts): boolean => readiness !== 'failing' && readiness !== 'untested';
  const example = {
    high: first('high and measured', (one) => one.severity === 'high' && worthy(one)),
    critical: first('critical and measured', (one) => one.severity === 'critical' && worthy(one)),
    failing: first(
      'high or critical and graded failing or untested',
      (one) => /high|critical/.test(one.severity) && !worthy(one),
    ),
  };
  return [
    { name: 'misstep-metadata', recordings: metadata(facts), alerts: [] },
    { name: 'misstep-findings', recordings: recorded, alerts: findings(example) },
    { name: 'misstep-coverage', recordings: [], alerts: coverage },
    { name: 'misstep-sidecar', recordings: [], alerts: health },
  ];
}

const HEAD =
  '# Written by `npm run generate` from the detectors and scripts/dashboards; do not edit. docs/dashboards.md explains it.\n';

/** JSON strings are YAML. */
const text = (value: string): string => JSON.stringify(value);

export function rulesFile(all: readonly Group[]): string {
  const recording = ({ record, expr, labels }: Recording): string =>
    `      - record: ${record}\n        expr: ${text(expr)}\n${labels === undefined ? '' : `        labels: ${JSON.stringify(labels)}\n`}`;
  const alert = (one: Alert): string => `      # ${one.reason}
      - alert: ${one.name}
        expr: ${text(one.expr)}
        for: ${one.for}
        labels: {severity: ${one.severity}}
        annotations:
          summary: ${text(one.summary)}
          description: ${text(one.action)}
          reason: ${text(one.reason)}
          runbook: docs/dashboards.md#${one.name.toLowerCase()}
`;
  const group = ({ name, recordings, alerts }: Group): string =>
    `  - name: ${name}\n    rules:\n${[...recordings.map(recording), ...alerts.map(alert)].join('')}`;
  return `${HEAD}groups:\n${all.map(group).join('')}`;
}

/** Each alert in a case in which it fires and in a near miss: the labels it fires with, or none. */
export function testsFile(all: readonly Group[]): string {
  const cases = all.flatMap(({ alerts }) =>
    alerts.flatMap((one) => [
      { one, name: `${one.name} fires: ${one.fires.why}`, given: one.fires, count: 1 },
      { one, name: `${one.name} is quiet: ${one.quiet.why}`, given: one.quiet, count: 0 },
    ]),
  );
  const tests = cases.map(
    ({ one, name, given, count }) => `  - name: ${text(name)}
    interval: 1m
    input_series:
${Object.entries(given.series)
  .map(([series, values]) => `      - {series: ${text(series)}, values: ${text(values)}}\n`)
  .join('')}    promql_expr_test:
      - expr: ${text(`count(ALERTS{alertname="${one.name}",alertstate="firing"}) or vector(0)`)}
        eval_time: ${given.at}
        exp_samples: [{labels: '{}', value: ${count}}]
`,
  );
  return `${HEAD}rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n${tests.join('')}`;
}

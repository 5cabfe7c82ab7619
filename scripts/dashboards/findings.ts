/** Alerts on what agents do. */
import { type Alert, windowsOf } from './alert.ts';
import { sumBy, windowsIn } from './promql.ts';

const worth = (severity: string): string => `misstep:detector_info{severity=~"${severity}",readiness!~"failing|untested"}`;

/** Detectors that the cases need. */
export interface Examples {
  readonly high: string;
  readonly critical: string;
  readonly failing: string;
}

export const findings = (example: Examples): readonly Alert[] => [
  {
    name: 'MisstepHighSeverityRate',
    expr: `(misstep:detector_fail:ratio1h > 0.1 and ${windowsIn('fail')} >= 5) and on (detector) ${worth('high|critical')}`,
    for: '5m',
    severity: 'warning',
    by: ['job', 'detector'],
    summary: '{{ $labels.detector }} fails {{ $value | humanizePercentage }} of the windows that it could judge.',
    action: 'Open the dashboard of the detector, then a trace by the queries on its page in docs/detectors.',
    reason:
      '0.1 is twice the share of passing runs on which a detector may alarm before it is graded failing (eval/readiness.ts: .05). Five windows: the tenth of a few is chance. Detectors graded failing or untested are left out.',
    fires: {
      why: 'a third of the windows',
      series: { [windowsOf(example.high, 'fail')]: '0+1x90', [windowsOf(example.high, 'pass')]: '0+2x90' },
      at: '80m',
    },
    quiet: {
      why: 'one in twenty-one, and a detector graded failing that always fires',
      series: {
        [windowsOf(example.high, 'fail')]: '0+1x90',
        [windowsOf(example.high, 'pass')]: '0+20x90',
        [windowsOf(example.failing, 'fail')]: '0+5x90',
      },
      at: '80m',
    },
  },
  {
    name: 'MisstepCriticalFinding',
    expr: `${sumBy(['job', 'detector'], 'misstep:detector_windows:increase15m{outcome="fail"}')} > 0 and on (detector) ${worth('critical')}`,
    for: '0m',
    severity: 'critical',
    by: ['job', 'detector'],
    summary: '{{ $labels.detector }}, which can find what does harm at once, failed {{ $value | humanize }} windows.',
    action: 'Look at the trace now: a search for misstep.detection.severity = critical finds the span.',
    reason:
      'A critical message says that something got out or ran that must not: one is enough. Metrics carry the detector and not the message, so its lesser messages fire this too.',
    fires: {
      why: 'the first one, by which the series begins',
      series: { [windowsOf(example.critical, 'fail')]: '_x5 1x20' },
      at: '8m',
    },
    quiet: {
      why: 'one that is past, and one of a detector of high severity',
      series: { [windowsOf(example.critical, 'fail')]: '1x60', [windowsOf(example.high, 'fail')]: '_x50 1x10' },
      at: '55m',
    },
  },
  {
    name: 'MisstepAgentSurge',
    expr: 'misstep:agent_detections:increase1h >= 10 and misstep:agent_detections:increase1h > 3 * avg_over_time(misstep:agent_detections:increase1h[1d] offset 1h)',
    for: '0m',
    severity: 'warning',
    by: ['job', 'agent'],
    summary: 'Agent {{ $labels.agent }} has {{ $value | humanize }} findings in an hour, over three times its mean of a day.',
    action: 'Compare with what was deployed in that hour. Needs the `detections` connector and a metrics pipeline.',
    reason:
      'Agents differ, so each is held against itself. Were findings to come by chance at a third of ten an hour, ten would come in one hour of four hundred.',
    fires: {
      why: 'a quiet day, then one a minute',
      series: {
        'misstep_detections_total{job="misstep",gen_ai_evaluation_name="loop",gen_ai_agent_name="writer"}': '0x300 1+1x60',
      },
      at: '350m',
    },
    quiet: {
      why: 'one a minute all day',
      series: { 'misstep_detections_total{job="misstep",gen_ai_evaluation_name="loop",gen_ai_agent_name="writer"}': '0+1x360' },
      at: '350m',
    },
  },
  {
    name: 'MisstepBudgetBurn',
    expr: `misstep:detector_fail:ratio1h{detector="cost"} > 0.05 and ${windowsIn('fail')} >= 5`,
    for: '5m',
    severity: 'warning',
    by: ['job', 'detector'],
    summary: '{{ $value | humanizePercentage }} of the sessions pass their budget or have a call far dearer than the others.',
    action:
      'Open the cost dashboard: loops and growing histories stand beside it. Else the budget (detectors.cost.max_tokens, max_cost) is too small.',
    reason: 'One session in twenty is no outlier: the agents or the budget are wrong. Five: the twentieth of a few is chance.',
    fires: {
      why: 'one in ten',
      series: { [windowsOf('cost', 'fail')]: '0+1x90', [windowsOf('cost', 'pass')]: '0+9x90' },
      at: '80m',
    },
    quiet: {
      why: 'one in fifty',
      series: { [windowsOf('cost', 'fail')]: '0+1x90', [windowsOf('cost', 'pass')]: '0+49x90' },
      at: '80m',
    },
  },
];

/** Alerts on what the detectors do not see. */
import { type Alert, LABELS, windowsOf } from './alert.ts';
import { grown, sumBy } from './promql.ts';

const up = { [`up{${LABELS}}`]: '1x3000' };

export const coverage: readonly Alert[] = [
  {
    name: 'MisstepDetectorBlind',
    expr: 'misstep:detector_blind:ratio1h > 0.9 and misstep:detector_blind:ratio1h offset 1d < 0.5',
    for: '30m',
    severity: 'warning',
    by: ['job', 'detector'],
    summary:
      '{{ $labels.detector }} lacked what it needs in {{ $value | humanizePercentage }} of the windows; a day ago in less than half.',
    action:
      '`misstep doctor {{ $labels.detector }}` names the missing attribute. A changed SDK or a sampler in front is the usual cause.',
    reason:
      'Detectors of frameworks that are not used are always blind, so only a change counts: from seeing more than half to seeing next to nothing. 30 minutes: shorter gaps come from the mix of runs.',
    fires: {
      why: 'a day of passes, then none',
      series: { [windowsOf('loop', 'pass')]: '0+1x1440 1440x200', [windowsOf('loop', 'insufficient_data')]: '0x1440 0+1x200' },
      at: '1590m',
    },
    quiet: { why: 'blind yesterday too', series: { [windowsOf('loop', 'insufficient_data')]: '0+1x1700' }, at: '1590m' },
  },
  {
    name: 'MisstepDetectorOff',
    expr: '(count by (job, detector) (misstep_detector_step_microseconds offset 1h) unless count by (job, detector) (misstep_detector_step_microseconds)) and on (job) (max by (job) (up) == 1)',
    for: '10m',
    severity: 'warning',
    by: ['job', 'detector'],
    summary: '{{ $labels.detector }} ran an hour ago and runs in no sidecar of {{ $labels.job }} now.',
    action: 'If the configuration was meant to change, silence it for an hour; else `misstep print-config`.',
    reason: 'Ten minutes: a rollout that takes sidecars away one by one is over. It ends by itself after an hour.',
    fires: {
      why: 'gone for a quarter of an hour',
      series: { ...up, [`misstep_detector_step_microseconds{${LABELS},processor="detect",detector="loop"}`]: '0x60 _x60' },
      at: '80m',
    },
    quiet: {
      why: 'the sidecar is gone with it',
      series: {
        [`up{${LABELS}}`]: '1x60 0x60',
        [`misstep_detector_step_microseconds{${LABELS},processor="detect",detector="loop"}`]: '0x60 _x60',
      },
      at: '80m',
    },
  },
  {
    name: 'MisstepDetectorFails',
    expr: `${sumBy(['job', 'instance', 'detector'], 'misstep:detector_windows:increase15m{outcome="error"}')} > 0`,
    for: '0m',
    severity: 'warning',
    by: ['job', 'instance', 'detector'],
    summary: '{{ $labels.detector }} failed or overran in {{ $value | humanize }} windows of {{ $labels.instance }}.',
    action: 'The log has the error once. After three windows with an overrun the detector is off for all.',
    reason: 'A detector never fails by its contract: one is a bug, or input that should become a test.',
    fires: { why: 'the first', series: { [windowsOf('loop', 'error')]: '_x5 1x10' }, at: '8m' },
    quiet: { why: 'long ago', series: { [windowsOf('loop', 'error')]: '1x60' }, at: '50m' },
  },
  {
    name: 'MisstepSpansWithoutSteps',
    expr: `${sumBy(['job', 'instance'], 'increase(otelcol_receiver_accepted_spans[30m])')} > 100 and ${sumBy(['job', 'instance'], 'increase(misstep_detect_steps[30m])')} == 0`,
    for: '15m',
    severity: 'warning',
    by: ['job', 'instance'],
    summary: '{{ $labels.instance }} took {{ $value | humanize }} spans in half an hour; none is a step of an agent.',
    action: '`misstep connect --check` says what is missing on the spans.',
    reason:
      'Traffic of other services may come through, so share says nothing; none of a hundred does. 45 minutes in all: agents may pause.',
    fires: {
      why: 'spans, no steps',
      series: {
        [`otelcol_receiver_accepted_spans{${LABELS},receiver="otlp",transport="http"}`]: '0+10x90',
        [`misstep_detect_steps{${LABELS},processor="detect"}`]: '7x90',
      },
      at: '60m',
    },
    quiet: {
      why: 'a few steps',
      series: {
        [`otelcol_receiver_accepted_spans{${LABELS},receiver="otlp",transport="http"}`]: '0+10x90',
        [`misstep_detect_steps{${LABELS},processor="detect"}`]: '7x55 8x35',
      },
      at: '60m',
    },
  },
  {
    name: 'MisstepLeavesOut',
    expr: `${sumBy(['job', 'instance', 'what'], grown('misstep_detect_left_out', '5m'))} > 0`,
    for: '5m',
    severity: 'warning',
    by: ['job', 'instance', 'what'],
    summary: '{{ $labels.instance }} is behind and leaves out {{ $labels.what }} of {{ $value | humanize }} spans.',
    action: 'Give it a core or more sidecars, or `detect: {workers: N}`. What is left out shows as insufficient_data.',
    reason: 'A level of pressure is left after two calm seconds, so five minutes of it is no burst.',
    fires: {
      why: 'it goes on',
      series: { [`misstep_detect_left_out{${LABELS},processor="detect",what="text"}`]: '0+5x30' },
      at: '20m',
    },
    quiet: {
      why: 'one burst',
      series: { [`misstep_detect_left_out{${LABELS},processor="detect",what="text"}`]: '0x10 50x30' },
      at: '18m',
    },
  },
  {
    name: 'MisstepLateSteps',
    expr: `${sumBy(['job', 'instance'], 'increase(misstep_detect_late_steps[15m])')} / (${sumBy(['job', 'instance'], 'increase(misstep_detect_steps[15m])')} > 100) > 0.05`,
    for: '15m',
    severity: 'warning',
    by: ['job', 'instance'],
    summary: '{{ $value | humanizePercentage }} of the steps at {{ $labels.instance }} come after their place was final.',
    action: 'Raise `detect: {lateness: …}` above the delay of the exporters in front, or shorten their batches.',
    reason:
      'One in twenty: about one in each run of that many steps, and order is what loops and hand-overs are found by. Of fewer than 100 steps a share is chance.',
    fires: {
      why: 'one in ten',
      series: {
        [`misstep_detect_late_steps{${LABELS},processor="detect"}`]: '0+2x60',
        [`misstep_detect_steps{${LABELS},processor="detect"}`]: '0+20x60',
      },
      at: '45m',
    },
    quiet: {
      why: 'one in forty',
      series: {
        [`misstep_detect_late_steps{${LABELS},processor="detect"}`]: '0+1x60',
        [`misstep_detect_steps{${LABELS},processor="detect"}`]: '0+40x60',
      },
      at: '45m',
    },
  },
];

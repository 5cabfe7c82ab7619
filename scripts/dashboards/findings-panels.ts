/** What agents do wrong: the dashboards overview, one detector, cost. */
import { AT, type Dashboard, ended, joined, lost, share, sumRate } from './panels.ts';
import { grown, sumBy } from './promql.ts';

export const overview: Dashboard = {
  id: 'overview',
  title: 'misstep: overview',
  text: 'What agents do wrong, and whether misstep sees it. A window is a session, a trace or the part of an agent in one.',
  panels: [
    {
      title: 'Sidecars up',
      asks: 'How many sidecars answer?',
      as: 'stat',
      width: 4,
      queries: [[`sum(up{${AT}} == bool 1)`, '']],
    },
    {
      title: 'Failed windows, last hour',
      asks: 'How much was found?',
      as: 'stat',
      width: 5,
      queries: [[`sum(${ended('fail')})`, '']],
    },
    {
      title: 'Share of judged windows that fail',
      asks: 'Is that much? Windows of all detectors together.',
      as: 'stat',
      width: 5,
      unit: 'percentunit',
      queries: [[share('fail', 'fail|pass'), '']],
    },
    {
      title: 'Share of windows not judged',
      asks: 'How blind are the detectors? Those of other frameworks always are.',
      as: 'stat',
      width: 5,
      unit: 'percentunit',
      queries: [[share('insufficient_data|error', '.+'), '']],
    },
    {
      title: 'Items lost, last hour',
      asks: 'Did misstep lose data?',
      as: 'stat',
      width: 5,
      red: 1,
      queries: [[`sum(${lost(['exporter'])}) or vector(0)`, '']],
    },
    {
      title: 'Failed windows by family',
      asks: 'What kind of failure, and when?',
      as: 'timeseries',
      queries: [[sumBy(['family'], `${ended('fail')} ${joined('family')}`), '{{family}}']],
    },
    {
      title: 'Failed windows by severity of the detector',
      asks: 'How grave? The gravest message of a detector counts for all of it.',
      as: 'timeseries',
      queries: [[sumBy(['severity'], `${ended('fail')} ${joined('severity')}`), '{{severity}}']],
    },
    {
      title: 'Detectors that fire most',
      asks: 'Where to look first?',
      as: 'table',
      queries: [
        [
          `topk(15, ${sumBy(['detector', 'family', 'severity', 'readiness'], `${ended('fail')} ${joined('family, severity, readiness')}`)} > 0)`,
          '',
        ],
      ],
    },
    {
      title: 'Failed windows by MAST mode',
      asks: 'Which failure modes of the taxonomy? A detector of several modes counts in each.',
      as: 'bargauge',
      queries: [
        [
          sumBy(['mast'], `misstep:detector_mast * on (detector) group_left () ${sumBy(['detector'], ended('fail'))}`),
          '{{mast}}',
        ],
      ],
    },
    {
      title: 'Findings by agent, last hour',
      asks: 'Whose? Needs the `detections` connector and a metrics pipeline.',
      as: 'timeseries',
      queries: [['topk(10, sum by (agent) (misstep:detections:increase1h))', '{{agent}}']],
    },
    {
      title: 'Spans taken, steps of agents among them',
      asks: 'Is there traffic?',
      as: 'timeseries',
      unit: 'cps',
      queries: [
        [sumRate('otelcol_receiver_accepted_spans', ['job']), 'spans'],
        [sumRate('misstep_detect_steps', ['job']), 'steps'],
      ],
    },
  ],
};

const ONE = 'detector="$detector"';
export const detector: Dashboard = {
  id: 'detector',
  title: 'misstep: one detector',
  text: 'Choose a detector above. What it finds, why it matters and when it is wrong: docs/detectors.',
  choose: 'detector',
  panels: [
    {
      title: 'Family, severity, tier, grade',
      asks: 'What is it, and how well was it measured?',
      as: 'table',
      queries: [[`misstep:detector_info{${ONE}}`, '']],
    },
    {
      title: 'Share of judged windows that fail, last hour',
      asks: 'How often does it fire?',
      as: 'stat',
      width: 6,
      unit: 'percentunit',
      red: 0.1,
      queries: [[`misstep:detector_fail:ratio1h{job=~"$job",${ONE}}`, '{{job}}']],
    },
    {
      title: 'Share of windows in which it was blind, last hour',
      asks: 'Does it have what it needs?',
      as: 'stat',
      width: 6,
      unit: 'percentunit',
      red: 0.9,
      queries: [[`misstep:detector_blind:ratio1h{job=~"$job",${ONE}}`, '{{job}}']],
    },
    {
      title: 'Windows by outcome',
      asks: 'When did it change?',
      as: 'timeseries',
      queries: [[sumBy(['outcome'], grown(`misstep_detector_windows{${AT},${ONE}}`, '5m')), '{{outcome}}']],
    },
    {
      title: 'Findings by agent, last hour',
      asks: 'Whose? Needs the `detections` connector and a metrics pipeline.',
      as: 'timeseries',
      queries: [[`sum by (agent) (misstep:detections:increase1h{${ONE}})`, '{{agent}}']],
    },
    {
      title: 'Cost of a step',
      asks: 'What does it cost the sidecar? From one step in 61.',
      as: 'timeseries',
      unit: 'µs',
      queries: [[`misstep_detector_step_microseconds{${AT},${ONE}}`, '{{instance}}']],
    },
    {
      title: 'By sidecar',
      asks: 'Is it one service or all?',
      as: 'timeseries',
      queries: [[sumBy(['instance'], `misstep:detector_windows:increase1h{${AT},${ONE},outcome="fail"}`), '{{instance}}']],
    },
  ],
};

export function cost(wasteful: readonly string[]): Dashboard {
  const those = `detector=~"${wasteful.join('|')}"`;
  const failed = `misstep:detector_windows:increase1h{${AT},outcome="fail"`;
  return {
    id: 'cost',
    title: 'misstep: cost',
    text: 'What wastes tokens, from findings, and what misstep itself takes. Tokens and money are on the spans, not in metrics: misstep sums neither here.',
    panels: [
      {
        title: 'Windows over budget or with a call far dearer, last hour',
        asks: 'Do sessions keep to their budget?',
        as: 'stat',
        width: 8,
        queries: [[`sum(${failed},detector="cost"}) or vector(0)`, '']],
      },
      {
        title: 'Share of sessions over budget',
        asks: 'Are the agents or is the budget wrong?',
        as: 'stat',
        width: 8,
        unit: 'percentunit',
        red: 0.05,
        queries: [['misstep:detector_fail:ratio1h{job=~"$job",detector="cost"}', '{{job}}']],
      },
      {
        title: 'Windows with waste, last hour',
        asks: 'How much of it could be saved? Detectors with a message that stands for TRAIL’s Resource Abuse.',
        as: 'stat',
        width: 8,
        queries: [[`sum(${failed},${those}}) or vector(0)`, '']],
      },
      {
        title: 'Waste by detector',
        asks: 'What wastes it: loops, retries, spawning?',
        as: 'timeseries',
        queries: [[sumBy(['detector'], `${failed},${those}}`), '{{detector}}']],
      },
      {
        title: 'Waste by agent, last hour',
        asks: 'Who wastes it? Needs the `detections` connector and a metrics pipeline.',
        as: 'timeseries',
        queries: [[`topk(10, sum by (agent) (misstep:detections:increase1h{${those}}))`, '{{agent}}']],
      },
      {
        title: 'CPU of misstep',
        asks: 'What does watching cost?',
        as: 'timeseries',
        unit: 'percentunit',
        queries: [[sumRate('otelcol_process_cpu_seconds', ['instance']), '{{instance}}']],
      },
      {
        title: 'Dearest detectors',
        asks: 'Which of them costs it? Mean of a step, from one in 61.',
        as: 'bargauge',
        unit: 'µs',
        queries: [[`topk(10, avg by (detector) (misstep_detector_step_microseconds{${AT}}))`, '{{detector}}']],
      },
    ],
  };
}

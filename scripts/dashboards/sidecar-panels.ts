/** Whether misstep sees and works: the dashboards coverage and sidecar health. */
import { AT, type Dashboard, ended, lost, sumRate } from './panels.ts';
import { grown, sumBy } from './promql.ts';

export const coverage: Dashboard = {
  id: 'coverage',
  title: 'misstep: coverage',
  text: 'What the detectors do not see. A blind detector is not a healthy agent.',
  panels: [
    {
      title: 'Detectors on',
      asks: 'How many run?',
      as: 'stat',
      width: 6,
      queries: [[`count(count by (detector) (misstep_detector_step_microseconds{${AT}}))`, '']],
    },
    {
      title: 'Detectors that judged a window, last hour',
      asks: 'How many could say something?',
      as: 'stat',
      width: 6,
      queries: [[`count(sum by (detector) (${ended('fail|pass')}) > 0)`, '']],
    },
    {
      title: 'Windows open',
      asks: 'How many wait for their end? Until then they count nowhere.',
      as: 'stat',
      width: 6,
      queries: [[`sum(misstep_detect_windows_open{${AT}})`, '']],
    },
    {
      title: 'Detector failures, overruns',
      asks: 'Is a detector broken or too slow?',
      as: 'stat',
      width: 6,
      red: 1,
      queries: [[`sum(increase(misstep_detect_errors{${AT}}[1h]) + increase(misstep_detect_overruns{${AT}}[1h]))`, '']],
    },
    {
      title: 'Windows by outcome',
      asks: 'Which share is judged, and did it change?',
      as: 'timeseries',
      queries: [[sumBy(['outcome'], ended('.+')), '{{outcome}}']],
    },
    {
      title: 'Blindest detectors, last hour',
      asks: 'Which lack what they need? `misstep doctor ID` names the attribute.',
      as: 'bargauge',
      unit: 'percentunit',
      queries: [['topk(20, misstep:detector_blind:ratio1h{job=~"$job"} > 0)', '{{detector}}']],
    },
    {
      title: 'Left out under pressure',
      asks: 'Does the sidecar keep up? `text` of steps, or `all` of a span.',
      as: 'timeseries',
      unit: 'cps',
      queries: [[sumRate('misstep_detect_left_out', ['instance', 'what']), '{{instance}} {{what}}']],
    },
    {
      title: 'Late and repeated steps',
      asks: 'Do spans come in time, and once?',
      as: 'timeseries',
      unit: 'cps',
      queries: [
        [sumRate('misstep_detect_late_steps', ['instance']), '{{instance}} late'],
        [sumRate('misstep_detect_duplicates', ['instance']), '{{instance}} repeated'],
      ],
    },
    {
      title: 'Findings held back',
      asks: 'What was found and not shown? By suppressions, or below `emit_above`.',
      as: 'timeseries',
      unit: 'cps',
      queries: [
        [sumRate('misstep_detect_suppressed', ['instance']), '{{instance}} suppressed'],
        [sumRate('misstep_detect_below_emit_above', ['instance']), '{{instance}} below emit_above'],
      ],
    },
    {
      title: 'Findings handed on',
      asks: 'On their span, or late as a carrier?',
      as: 'timeseries',
      unit: 'cps',
      queries: [[sumRate('misstep_detect_findings', ['way']), '{{way}}']],
    },
  ],
};

export const health: Dashboard = {
  id: 'health',
  title: 'misstep: sidecar health',
  text: 'What comes in, where it goes, what is lost.',
  panels: [
    {
      title: 'Up',
      asks: 'Which sidecar answers?',
      as: 'timeseries',
      queries: [[`up{${AT}}`, '{{instance}}']],
    },
    {
      title: 'Pressure',
      asks: 'Does it keep up? 0 yes, 1 no embeddings, 2 no text, 3 no detection.',
      as: 'timeseries',
      red: 2,
      queries: [[`misstep_pressure{${AT}}`, '{{instance}}']],
    },
    {
      title: 'Spans taken and refused',
      asks: 'Are senders turned away?',
      as: 'timeseries',
      unit: 'cps',
      queries: [
        [sumRate('otelcol_receiver_accepted_spans', ['instance', 'transport']), '{{instance}} {{transport}} taken'],
        [sumRate('otelcol_receiver_refused_spans', ['instance', 'transport']), '{{instance}} {{transport}} refused'],
        [sumRate('otelcol_processor_memory_limiter_refused_spans', ['instance']), '{{instance}} for want of memory'],
      ],
    },
    {
      title: 'Requests refused, by reason',
      asks: 'Why?',
      as: 'timeseries',
      queries: [
        [sumBy(['instance', 'reason'], grown(`misstep_receiver_refused_requests{${AT}}`, '5m')), '{{instance}} {{reason}}'],
      ],
    },
    {
      title: 'Queues',
      asks: 'Does the backend keep up?',
      as: 'timeseries',
      unit: 'percentunit',
      red: 0.8,
      queries: [
        [
          `otelcol_exporter_queue_size{${AT}} / (otelcol_exporter_queue_capacity{${AT}} > 0)`,
          '{{instance}} {{exporter}} {{data_type}}',
        ],
        [`misstep_queue_bytes{${AT}} / (misstep_queue_bytes_limit{${AT}} > 0)`, '{{instance}} all, in bytes'],
      ],
    },
    {
      title: 'Items sent, rejected, waiting',
      asks: 'Do they leave?',
      as: 'timeseries',
      queries: [
        [sumRate('misstep_ledger_sent', ['exporter', 'signal']), '{{exporter}} {{signal}} sent/s'],
        [sumRate('misstep_ledger_rejected_by_backend', ['exporter', 'signal']), '{{exporter}} {{signal}} rejected/s'],
        [
          sumBy(['exporter', 'signal'], `misstep_ledger_queued{${AT}} + misstep_ledger_in_flight{${AT}}`),
          '{{exporter}} {{signal}} waiting',
        ],
      ],
    },
    {
      title: 'Items lost in an hour, by reason',
      asks: 'What was lost, and why?',
      as: 'timeseries',
      red: 1,
      queries: [[lost(['instance', 'exporter', 'reason']), '{{instance}} {{exporter}} {{reason}}']],
    },
    {
      title: 'Findings that wait, findings lost',
      asks: 'Do findings get through?',
      as: 'timeseries',
      queries: [
        [`misstep_detect_outbox_size{${AT}}`, '{{instance}} wait'],
        [sumBy(['instance'], `increase(misstep_detect_outbox_dropped{${AT}}[1h])`), '{{instance}} lost from the outbox'],
        [sumBy(['instance'], `increase(misstep_detections_lost{${AT}}[1h])`), '{{instance}} refused as metrics or logs'],
        [sumBy(['instance'], `increase(misstep_detections_capped_labels{${AT}}[1h])`), '{{instance}} counted under _OTHER'],
      ],
    },
    {
      title: 'Memory',
      asks: 'How much does it hold?',
      as: 'timeseries',
      unit: 'bytes',
      queries: [
        [`otelcol_process_memory_rss{${AT}}`, '{{instance}} resident'],
        [`misstep_detect_kept_bytes{${AT}}`, '{{instance}} windows'],
        [`misstep_queue_bytes{${AT}}`, '{{instance}} queues'],
        [`misstep_admission_bytes{${AT}}`, '{{instance}} requests being read'],
      ],
    },
    {
      title: 'Storage',
      asks: 'Is there room, and is it sound?',
      as: 'timeseries',
      unit: 'bytes',
      queries: [
        [`misstep_storage_bytes{${AT}}`, '{{instance}} {{extension}} used'],
        [`misstep_storage_bytes_limit{${AT}}`, '{{instance}} {{extension}} limit'],
      ],
    },
    {
      title: 'Storage faults in an hour',
      asks: 'Was something skipped or not written?',
      as: 'timeseries',
      red: 1,
      queries: [
        [`increase(misstep_storage_failures{${AT}}[1h])`, '{{instance}} {{extension}} failures'],
        [`increase(misstep_storage_damaged_records{${AT}}[1h])`, '{{instance}} {{extension}} damaged'],
      ],
    },
    {
      title: 'The books',
      asks: 'Does the ledger explain every item? Anything but 0 is a bug.',
      as: 'timeseries',
      red: 1,
      queries: [[`misstep_ledger_difference{${AT}}`, '{{instance}} {{exporter}} {{signal}}']],
    },
    {
      title: 'Uptime',
      asks: 'Did it restart?',
      as: 'timeseries',
      unit: 's',
      queries: [[`otelcol_process_uptime{${AT}}`, '{{instance}}']],
    },
  ],
};

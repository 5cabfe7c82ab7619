/** Where findings of a detector are seen: queries for its page, by the attributes that findings carry (`src/detector/emit.ts`). */
import { grown } from './promql.ts';

export interface Query {
  readonly where: string;
  readonly language: string;
  readonly query: string;
  readonly note: string;
}

export function queriesOf(id: string): readonly Query[] {
  return [
    {
      where: 'Jaeger, Tags',
      language: 'jaeger',
      query: `gen_ai.evaluation.name=${id}`,
      note:
        'Finds the event on the offending span and the carrier alike. Choose the service of the agent. Late ones alone: operation `evaluate ' +
        id +
        '`.',
    },
    {
      where: 'Tempo, TraceQL',
      language: 'traceql',
      query: `{ event:name = "gen_ai.evaluation.result" && event.gen_ai.evaluation.name = "${id}" && event.gen_ai.evaluation.score.label = "fail" }`,
      note:
        'Tempo searches events and lists in blocks of vParquet4, the default from 2.6 on. In older ones only carriers are found, by `{ name = "evaluate ' +
        id +
        '" }`.',
    },
    {
      where: 'Datadog, spans',
      language: 'datadog-spans',
      query: `@misstep.detections:*\\"${id}\\"* OR @gen_ai.evaluation.name:${id}`,
      note: 'First the offending spans, which have a list of detectors, then the carriers. Datadog does not search events of spans.',
    },
    {
      where: 'Datadog, logs',
      language: 'datadog-logs',
      query: `@gen_ai.evaluation.name:${id} @gen_ai.evaluation.score.label:fail`,
      note: 'Needs the `detections` connector and a logs pipeline.',
    },
    {
      where: 'Loki, LogQL',
      language: 'logql',
      query: `{service_name=~".+"} | gen_ai_evaluation_name="${id}" | gen_ai_evaluation_score_label="fail"`,
      note: 'The same log records, sent to Loki over OTLP: attributes are structured metadata with underscores. `service_name` is that of the agent.',
    },
    {
      where: 'Prometheus, windows that ended so in an hour',
      language: 'promql',
      query: `sum by (outcome) (${grown(`misstep_detector_windows{detector="${id}"}`, '1h')})`,
      note: 'From `/metrics` of the sidecar.',
    },
    {
      where: 'Prometheus, findings by agent in an hour',
      language: 'promql',
      query: `sum by (gen_ai_agent_name) (${grown(`misstep_detections_total{gen_ai_evaluation_name="${id}"}`, '1h')})`,
      note: 'Needs the `detections` connector and a metrics pipeline over OTLP.',
    },
  ];
}

/** The section of a detector's page. */
export function whereToSee(id: string): string {
  return queriesOf(id)
    .map(({ where, query, note }) => `${where}:\n\n    ${query}\n\n${note}`)
    .join('\n\n');
}

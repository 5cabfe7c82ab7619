/** The dashboards as Grafana's JSON, schema 39 (Grafana 11): files that it provisions or imports as they are. */
import type { Dashboard, Panel } from './panels.ts';

const SOURCE = { type: 'prometheus', uid: '$datasource' };
const HEIGHT: Readonly<Record<Panel['as'], number>> = { stat: 4, timeseries: 8, table: 8, bargauge: 8 };

export function grafanaFile({ id, title, text, panels, choose }: Dashboard): string {
  const variables = [
    { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
    variable('job', 'label_values(misstep_pressure, job)', true),
    variable('instance', 'label_values(misstep_pressure{job=~"$job"}, instance)', true),
    ...(choose === undefined ? [] : [variable(choose, `label_values(misstep_detector_step_microseconds, ${choose})`, false)]),
  ];
  const json = {
    uid: `misstep-${id}`,
    title,
    description: text,
    tags: ['misstep'],
    schemaVersion: 39,
    editable: true,
    time: { from: 'now-6h', to: 'now' },
    refresh: '1m',
    templating: { list: variables },
    // The other dashboards, by their tag.
    links: [
      {
        title: 'misstep',
        type: 'dashboards',
        tags: ['misstep'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
        icon: '',
        url: '',
        tooltip: '',
        targetBlank: false,
      },
    ],
    annotations: { list: [] },
    panels: placed(panels),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function variable(name: string, query: string, several: boolean): object {
  const all = several ? { multi: true, includeAll: true, allValue: '.*' } : { multi: false, includeAll: false };
  return { name, type: 'query', datasource: SOURCE, query: { query, refId: name }, refresh: 2, sort: 1, ...all };
}

/** Left to right, then down. Panels of a row have one height. */
function placed(panels: readonly Panel[]): object[] {
  let x = 0;
  let y = 0;
  let height = 0;
  return panels.map((panel, i) => {
    const w = panel.width ?? 12;
    if (x + w > 24) {
      x = 0;
      y += height;
      height = 0;
    }
    const h = HEIGHT[panel.as];
    const made = drawn(panel, i + 1, { x, y, w, h });
    x += w;
    height = Math.max(height, h);
    return made;
  });
}

function drawn({ title, asks, as, queries, unit, red }: Panel, id: number, gridPos: object): object {
  const instant = as === 'table' || as === 'bargauge' || as === 'stat';
  return {
    id,
    title,
    description: asks,
    type: as,
    gridPos,
    datasource: SOURCE,
    targets: queries.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      datasource: SOURCE,
      expr,
      legendFormat,
      instant,
      range: !instant,
      ...(as === 'table' ? { format: 'table' } : {}),
    })),
    fieldConfig: {
      defaults: {
        unit: unit ?? 'short',
        ...(red === undefined
          ? { color: { mode: as === 'timeseries' ? 'palette-classic' : 'fixed' } }
          : {
              color: { mode: as === 'timeseries' ? 'palette-classic' : 'thresholds' },
              thresholds: {
                mode: 'absolute',
                steps: [
                  { color: 'green', value: null },
                  { color: 'red', value: red },
                ],
              },
            }),
      },
      overrides: [],
    },
    options:
      as === 'timeseries'
        ? {
            legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
            tooltip: { mode: 'multi', sort: 'desc' },
          }
        : {},
    ...(as === 'table'
      ? {
          transformations: [
            { id: 'organize', options: { excludeByName: { Time: true, __name__: true }, indexByName: {}, renameByName: {} } },
          ],
        }
      : {}),
  };
}

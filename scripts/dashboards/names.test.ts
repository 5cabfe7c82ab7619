// No dashboard, rule, monitor or query names a metric, label or attribute that is not written.
import { describe, expect, test } from 'vitest';
import { detectors } from '../../bin/detectors.ts';
import { attributes } from '../../src/step/attributes.ts';
import { factsOf } from './facts.ts';
import { dashboardFiles } from './files.ts';
import { COMMON, inDatadog, inPrometheus, PUSHED, pulled } from './metrics.ts';
import { queriesOf, whereToSee } from './queries.ts';
import { groups, INFO_LABELS, metadata } from './rules.ts';

const metas = detectors.map(({ meta }) => meta);
const facts = metas.map(factsOf);
const all = groups(facts);
const MARKS = '<!-- alerts: npm run generate -->\n<!-- end -->\n<!-- panels: npm run generate -->\n<!-- end -->\n';
const files = dashboardFiles(metas, MARKS);

const written = new Map(inPrometheus.map(({ name, labels }) => [name, [...labels, ...COMMON]]));
const known = new Map([...written, ['up', COMMON]]);
for (const { record, expr, labels } of all.flatMap(({ recordings }) => recordings)) {
  known.set(record, [...(known.get(record) ?? []), ...grouped(expr), ...Object.keys(labels ?? {})]);
}

function grouped(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:by|on|group_left) \(([^)]*)\)/g)].flatMap(([, list = '']) => split(list, /, */));
}

function split(list: string, at: RegExp): readonly string[] {
  return list.split(at).filter((one) => one !== '');
}

/** What an expression names that is not there. Labels behind `by` and `on` may be of any metric in the expression. */
function unknown(expr: string): readonly string[] {
  // Strings may hold anything; a selector's labels are what is left in its braces.
  const bare = expr.replace(/"[^"]*"/g, '""');
  const named = [...bare.matchAll(/\b((?:misstep|otelcol)[\w:]*|up)\b(?:\{([^}]*)\})?/g)];
  const wrong = named.flatMap(([, name = '', selector = '']) => {
    const labels = known.get(name);
    if (labels === undefined) return [name];
    return split(selector, /,/)
      .map((matcher) => matcher.split(/[=!~]/)[0] ?? '')
      .filter((label) => !labels.includes(label))
      .map((label) => `${name}{${label}}`);
  });
  const made = [...expr.matchAll(/, "(\w+)", "\$1", "/g)].map(([, label = '']) => label);
  const there = [...made, ...named.flatMap(([, name = '']) => known.get(name) ?? [])];
  return [...wrong, ...grouped(bare).filter((label) => !there.includes(label))];
}

const expressions: readonly (readonly [where: string, expr: string])[] = [
  ...all.flatMap(({ recordings, alerts }) => [
    ...recordings.map(({ record, expr }): [string, string] => [record, expr]),
    ...alerts.map(({ name, expr }): [string, string] => [name, expr]),
  ]),
  ...[...files].flatMap(([path, text]) =>
    path.startsWith('deploy/grafana/')
      ? (JSON.parse(text).panels as readonly { title: string; targets: readonly { expr: string }[] }[]).flatMap((panel) =>
          panel.targets.map(({ expr }): [string, string] => [`${path}: ${panel.title}`, expr]),
        )
      : [],
  ),
  ...queriesOf('loop')
    .filter(({ language }) => language === 'promql')
    .map(({ where, query }): [string, string] => [where, query]),
];

describe('Prometheus and Grafana', () => {
  test('every expression names metrics and labels that exist', () => {
    expect(expressions.length).toBeGreaterThan(100);
    expect(expressions.flatMap(([where, expr]) => unknown(expr).map((name) => `${where}: ${name}`))).toEqual([]);
  });

  test.each([
    ['misstep_detect_step', ['misstep_detect_step']],
    ['rate(misstep_ledger_dropped{exporter="a",detector="b"}[5m])', ['misstep_ledger_dropped{detector}']],
    ['sum by (way, outcome) (misstep_detect_findings)', ['outcome']],
    ['misstep_detections{instance="a"}', ['misstep_detections']],
    ['misstep:detector_info{grade="failing"}', ['misstep:detector_info{grade}']],
  ])('%s is refused', (expr, names) => {
    expect(unknown(expr)).toEqual(names);
  });

  test('what an alert is told apart by, and what its summary shows, it has', () => {
    for (const { expr, by, summary, name } of all.flatMap(({ alerts }) => alerts)) {
      const shown = [...summary.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      const labels = [...expr.matchAll(/[\w:]+/g)].flatMap(([word]) => known.get(word) ?? []);
      for (const label of [...by, ...shown]) expect(labels, `${name}: ${label}`).toContain(label);
      for (const label of shown) expect(by, `${name}: ${label}`).toContain(label);
    }
  });

  test('alerts have names of their own, a reason, a case that fires and one that does not', () => {
    const alerts = all.flatMap((group) => group.alerts);
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
    for (const { reason, action, fires, quiet } of alerts) {
      for (const text of [reason, action, fires.why, quiet.why]) expect(text).not.toBe('');
      for (const series of [...Object.keys(fires.series), ...Object.keys(quiet.series)]) expect(unknown(series)).toEqual([]);
    }
  });

  test('every detector has its metadata as a series, with the labels that joins may name', () => {
    const info = metadata(facts).filter(({ record }) => record === 'misstep:detector_info');
    expect(info.map(({ labels }) => labels?.['detector'])).toEqual(metas.map(({ id }) => id));
    for (const { labels } of metadata(facts)) for (const label of Object.keys(labels ?? {})) expect(INFO_LABELS).toContain(label);
  });
});

describe('Datadog', () => {
  const names = [...pulled.map(({ name }) => inDatadog(name)), PUSHED.name];
  const tags = [...pulled.flatMap(({ labels }) => labels), ...PUSHED.labels, ...COMMON];
  const queries = ['deploy/datadog/dashboard.json', 'deploy/datadog/monitors.json'].flatMap((path) =>
    [...(files.get(path) ?? '').matchAll(/"query": "((?:[^"\\]|\\.)*)"/g)].map(([, query = '']) => query),
  );

  test('every query names metrics that the check sends, and their tags', () => {
    expect(queries.length).toBeGreaterThan(20);
    for (const query of queries) {
      const found = [...query.matchAll(/(?:sum|avg|max|min):([\w.]+)\{([^}]*)\}(?: by \{([^}]*)\})?/g)];
      expect(found.length, query).toBeGreaterThan(0);
      for (const [, name = '', filter = '', by = ''] of found) {
        expect(names, query).toContain(name);
        for (const tag of split(by, /,/)) expect(tags, query).toContain(tag);
        for (const [, tag] of filter.matchAll(/(\w+)(?::| IN )/g)) expect(tags, query).toContain(tag);
      }
    }
  });

  test('detectors in lists exist', () => {
    const listed = queries.flatMap((query) =>
      [...query.matchAll(/detector IN \(([^)]*)\)/g)].flatMap(([, list = '']) => split(list, /,/)),
    );
    expect(new Set(listed).size).toBeGreaterThan(20);
    expect(metas.map(({ id }) => id)).toEqual(expect.arrayContaining(listed));
  });
});

describe('queries of the pages', () => {
  // Written on findings beside misstep.*: docs/attributes.md.
  const semconv = ['name', 'score.value', 'score.label', 'explanation'].map((end) => `gen_ai.evaluation.${end}`);
  const keys = [...attributes.map(({ key }) => key), ...semconv, 'gen_ai.evaluation.result', 'gen_ai.agent.name', PUSHED.name];
  const flat = keys.map((key) => key.replaceAll('.', '_'));

  test.each(metas.map(({ id }) => id))('%s: attributes that misstep writes', (id) => {
    const text = whereToSee(id);
    const dotted = [...text.matchAll(/\b(?:misstep|gen_ai)(?:\.\w+)+/g)].map(([name]) => name);
    const joined = [...text.matchAll(/\bgen_ai_\w+/g)].map(([name]) => name);
    expect(dotted.filter((name) => !keys.includes(name))).toEqual([]);
    expect(joined.filter((name) => !flat.includes(name))).toEqual([]);
    expect(text).toContain(id);
  });
});

/** Every file of deploy/ that follows from the detectors, by path. */
import type { DetectorMeta } from '../../src/detector/detector.ts';
import { datadogDashboard, datadogMonitors, openmetricsFile } from './datadog.ts';
import { factsOf } from './facts.ts';
import { cost, detector, overview } from './findings-panels.ts';
import { grafanaFile } from './grafana.ts';
import { withTables } from './page.ts';
import type { Dashboard } from './panels.ts';
import { type Group, groups, rulesFile, testsFile } from './rules.ts';
import { coverage, health } from './sidecar-panels.ts';

/** `page` is docs/dashboards.md as it stands. */
export function dashboardFiles(metas: readonly DetectorMeta[], page: string): ReadonlyMap<string, string> {
  const facts = metas.map(factsOf);
  const rules: readonly Group[] = groups(facts);
  const dashboards: readonly Dashboard[] = [
    overview,
    detector,
    cost(facts.filter(({ wasteful }) => wasteful).map(({ id }) => id)),
    coverage,
    health,
  ];
  return new Map([
    ...dashboards.map((one): [string, string] => [`deploy/grafana/${one.id}.json`, grafanaFile(one)]),
    ['deploy/prometheus/rules.yaml', rulesFile(rules)],
    ['deploy/prometheus/rules.test.yaml', testsFile(rules)],
    ['deploy/datadog/openmetrics.yaml', openmetricsFile()],
    ['deploy/datadog/dashboard.json', datadogDashboard(facts)],
    ['deploy/datadog/monitors.json', datadogMonitors(facts)],
    ['docs/dashboards.md', withTables(page, rules, dashboards)],
  ]);
}

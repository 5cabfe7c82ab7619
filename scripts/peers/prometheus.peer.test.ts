// The real promtool, Prometheus and Alertmanager on the files of deploy/: rules hold, a sidecar is scraped, its alert gets to a receiver.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { inPrometheus } from '../dashboards/metrics.ts';
import { demoRun, file, freePorts, note, peer, post, type Running, root, run, start, startMisstep, until } from './kit.ts';

const [prometheus, promtool, alertmanager, amtool] = ['prometheus', 'promtool', 'alertmanager', 'amtool'].map(peer);
const there = prometheus !== undefined && promtool !== undefined && alertmanager !== undefined && amtool !== undefined;
if (!there) note('skipped: no prometheus, promtool, alertmanager, amtool; scripts/peers/install-prometheus.sh fetches them');

const deploy = join(root, 'deploy');
const read = (path: string): string => readFileSync(join(deploy, path), 'utf8');

interface Query {
  readonly where: string;
  readonly expr: string;
}

/** What Grafana sends: with its variables filled in. */
const panels: readonly Query[] = readdirSync(join(deploy, 'grafana'))
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) =>
    (JSON.parse(read(`grafana/${name}`)).panels as { title: string; targets: { expr: string }[] }[]).flatMap(
      ({ title, targets }) =>
        targets.map(({ expr }) => ({
          where: `${name}: ${title}`,
          expr: expr
            .replaceAll('$__rate_interval', '1m')
            .replaceAll('$job', '.*')
            .replaceAll('$instance', '.*')
            .replaceAll('$detector', 'loop'),
        })),
    ),
  );

describe.runIf(there)('promtool and amtool', () => {
  // A day and a half of minutes for some alerts, over all rules.
  test('take rules, tests and configurations', { timeout: 300_000 }, () => {
    expect(run(promtool as string, ['check', 'config', 'prometheus.yaml'], join(deploy, 'prometheus'))).toContain('SUCCESS');
    expect(run(promtool as string, ['test', 'rules', 'rules.test.yaml'], join(deploy, 'prometheus'))).toContain('SUCCESS');
    expect(run(amtool as string, ['check-config', 'alertmanager.yaml'], join(deploy, 'prometheus'))).toContain('SUCCESS');
  });

  test.each([
    ['a threshold that is too high', 'MisstepQueueFilling', '> 0.8"', '> 0.9"'],
    ['a metric that is not there', 'MisstepFindingsWait', 'misstep_detect_outbox_size', 'misstep_detect_outbox'],
    ['a comparison the wrong way round', 'MisstepDown', 'up{job=\\"misstep\\"} == 0', 'up{job=\\"misstep\\"} != 0'],
  ])('its tests find %s', (_, alert, before, after) => {
    const rules = read('prometheus/rules.yaml');
    expect(rules).toContain(before);
    const copy = file('rules.yaml', rules.replaceAll(before, after));
    const { tests: all, ...rest } = parse(read('prometheus/rules.test.yaml')) as { tests: { name: string }[] };
    const some = all.filter(({ name }) => name.startsWith(`${alert} `));
    expect(some).toHaveLength(2);
    const tests = file('rules.test.yaml', stringify({ ...rest, rule_files: [copy], tests: some }));
    expect(() => run(promtool as string, ['test', 'rules', tests], dirname(tests))).toThrow('FAILED');
  });
});

describe.runIf(there)('Prometheus and Alertmanager beside a sidecar', () => {
  const running: Running[] = [];
  const told: { readonly path: string; readonly alerts: readonly { readonly status: string; readonly labels: object }[] }[] = [];
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      told.push({ path: request.url ?? '', alerts: JSON.parse(body).alerts });
      response.end();
    });
  });
  let at = 0;
  let otlp = 0;
  let page = 0;
  let config = '';

  beforeAll(async () => {
    const [web = 0, alerts = 0, ...own] = await freePorts(4);
    [otlp = 0, page = 0] = own;
    at = web;
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', () => resolve()));
    const hook = (receiver.address() as AddressInfo).port;
    // The files of deploy/ with the ports of this test, and intervals of seconds for minutes.
    const routes = read('prometheus/alertmanager.yaml')
      .replaceAll('localhost:9094', `127.0.0.1:${hook}`)
      .replace('group_wait: 30s', 'group_wait: 1s');
    const rules = file('rules.yaml', read('prometheus/rules.yaml').replaceAll(/for: \d+m/g, 'for: 1s'));
    const scrapes = read('prometheus/prometheus.yaml')
      .replace('rules.yaml', rules)
      .replaceAll('interval: 15s', 'interval: 1s')
      .replace('localhost:9093', `127.0.0.1:${alerts}`)
      .replace('localhost:8888', `127.0.0.1:${page}`);
    const routesFile = file('alertmanager.yaml', routes);
    const scrapesFile = file('prometheus.yaml', scrapes);
    config = file(
      'misstep.yaml',
      stringify({
        receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlp}` } } } },
        processors: { detect: { idle: '1s' } },
        exporters: { debug: null },
        service: {
          pipelines: { traces: { receivers: ['otlp'], processors: ['detect'], exporters: ['debug'] } },
          telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: page } } } }] } },
        },
      }),
    );
    running.push(
      await startMisstep(config, [otlp, page]),
      await start(
        alertmanager as string,
        [
          `--config.file=${routesFile}`,
          `--storage.path=${join(dirname(routesFile), 'data')}`,
          `--web.listen-address=127.0.0.1:${alerts}`,
          '--cluster.listen-address=',
        ],
        [alerts],
      ),
      await start(
        prometheus as string,
        [
          `--config.file=${scrapesFile}`,
          `--storage.tsdb.path=${join(dirname(scrapesFile), 'data')}`,
          `--web.listen-address=127.0.0.1:${web}`,
        ],
        [web],
      ),
    );
  }, 60_000);

  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
    receiver.close();
    receiver.closeAllConnections();
  });

  async function ask(expr: string): Promise<readonly { readonly metric: Readonly<Record<string, string>> }[]> {
    const response = await fetch(`http://127.0.0.1:${at}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, data, error } = (await response.json()) as { status: string; data?: { result: [] }; error?: string };
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data?.result ?? [];
  }

  test('it is scraped, and what rules record of it joins the detectors’ metadata', { timeout: 40_000 }, async () => {
    await until('the first scrape', async () => (await ask('up{job="misstep"} == 1')).length === 1);
    await post(otlp, demoRun(0x21).whole);
    let joined: readonly { readonly metric: Readonly<Record<string, string>> }[] = [];
    await until('a failed window with its family', async () => {
      joined = await ask(
        'sum by (detector, family) (misstep:detector_windows:increase1h{outcome="fail"} * on (detector) group_left (family) misstep:detector_info)',
      );
      return joined.length > 0;
    });
    expect(joined.map(({ metric }) => metric['detector'])).toContain('loop');
    const names = (await ask('count by (__name__) ({job="misstep"})')).map(({ metric }) => metric['__name__']);
    expect(names).toEqual(
      expect.arrayContaining(
        inPrometheus
          .filter(({ when }) => when === 'start')
          .map(({ name }) => name)
          .filter((name) => !name.startsWith('misstep_detections')),
      ),
    );
  });

  test('takes every query of the dashboards', async () => {
    expect(panels.length).toBeGreaterThan(40);
    for (const { where, expr } of panels) await expect(ask(expr), where).resolves.toBeInstanceOf(Array);
  });

  test('a sidecar that goes away is told to the night’s receiver; the alert ends when it is back', {
    timeout: 60_000,
  }, async () => {
    const down = (status: string) =>
      told.some(
        ({ path, alerts }) =>
          path === '/night' &&
          alerts.some((one) => one.status === status && 'alertname' in one.labels && one.labels.alertname === 'MisstepDown'),
      );
    await running.shift()?.stop();
    await until('MisstepDown at the receiver', () => down('firing'), 30_000);
    const [firing] = await ask('ALERTS{alertname="MisstepDown",alertstate="firing"}');
    expect(firing?.metric).toMatchObject({ job: 'misstep', severity: 'critical' });
    running.unshift(await startMisstep(config, [otlp, page]));
    await until('the alert to end', async () => (await ask('ALERTS{alertname="MisstepDown"}')).length === 0);
  });
});

// The manifests of Kubernetes and the compose files, without a cluster: their configurations are sound, their figures fit each other.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { configure } from '../bin/configure.ts';
import { parseDuration } from '../config/units.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

// biome-ignore lint/suspicious/noExplicitAny: manifests as parsed; the peer test holds them against the schemas.
type Json = any;

const manifests = readdirSync(new URL('../deploy/kubernetes', import.meta.url)).map((name) => {
  const documents: Json[] = parseAllDocuments(read(`deploy/kubernetes/${name}`)).map((one) => one.toJS());
  const config: string = documents.find(({ kind }) => kind === 'ConfigMap').data['config.yaml'];
  const pod: Json = documents.find(({ spec }) => spec?.template !== undefined).spec.template.spec;
  const container: Json = [...(pod.initContainers ?? []), ...pod.containers].find((one) => one.name === 'misstep');
  const env: Record<string, string> = Object.fromEntries(container.env.map((one: Json) => [one.name, one.value]));
  return { name, config, pod, container, env };
});

test.each(manifests)('$name: misstep validate', async ({ config, env }) => {
  const { errors } = await configure({ files: [`yaml:${config}`], sets: [], env, cwd: root });
  expect(errors).toEqual([]);
});

test.each(manifests)('$name: the grace period is longer than preStop and drain', ({ pod, container }) => {
  const drain = parseDuration(container.args[container.args.indexOf('--shutdown-grace') + 1]) ?? Number.NaN;
  const before = container.lifecycle?.preStop.sleep.seconds ?? 0;
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(before + drain / 1_000);
});

// Refused at the limiter's soft limit (0.8), before V8 gives up, before the kernel kills.
test.each(manifests)('$name: limits of the limiter, of V8 and of the container', ({ container, env }) => {
  const limit = Number(env['MISSTEP_LIMIT_MIB']);
  expect(env['NODE_OPTIONS']).toBe(`--max-old-space-size=${Math.floor(limit * 0.8)}`);
  expect(container.resources.limits.memory).toBe(`${limit * 1.25}Mi`);
});

test.each(manifests)('$name: probes ask where health_check listens', ({ config, container }) => {
  const port = Number(parse(config).extensions.health_check.endpoint.split(':')[1]);
  expect(container.ports.find((one: Json) => one.name === 'health').containerPort).toBe(port);
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    if (probe !== undefined) expect(probe.httpGet.port).toBe('health');
  }
});

test.each(manifests)('$name: what the Pod Security Standard "restricted" asks', ({ pod, container }) => {
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

const compose = ['jaeger', 'grafana'].map((name) => ({ name, services: parse(read(`deploy/compose/${name}.yaml`)).services }));

test.each(compose)(
  'compose, $name: stopped later than the drain, with more memory than the limiter lets it have',
  ({ services }) => {
    const { volumes, stop_grace_period, mem_limit } = services.misstep;
    const file = volumes === undefined ? 'config/container.yaml' : 'deploy/compose/misstep.yaml';
    const limit = parse(read(file)).processors.memory_limiter.limit_mib;
    expect(mem_limit).toBe(`${limit * 1.25}m`);
    const drain = /^const SHUTDOWN_GRACE = '(\w+)';$/m.exec(read('bin/commands/run.ts'))?.[1] ?? '';
    expect(parseDuration(stop_grace_period)).toBeGreaterThan(parseDuration(drain) ?? Number.NaN);
  },
);

test('compose: misstep validate', async () => {
  const { errors } = await configure({ files: ['deploy/compose/misstep.yaml'], sets: [], env: {}, cwd: root });
  expect(errors).toEqual([]);
});

test('chart and images have the version of the package', () => {
  const { version } = JSON.parse(read('package.json'));
  expect(parse(read('deploy/helm/misstep/Chart.yaml'))).toMatchObject({ version, appVersion: version });
  for (const { container } of manifests) expect(container.image).toBe(`misstep:${version}`);
  for (const { services } of compose) expect(services.misstep.image).toBe(`misstep:${version}`);
});

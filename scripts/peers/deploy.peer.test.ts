// Chart, manifests, compose files and workflows against the tools and schemas of their makers. The tools are built by `go install` once.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { file, installed, note, root, run } from './kit.ts';
import { writeKubernetesSchemas } from './kubernetes-schemas.ts';

const KUBERNETES = '1.37.2';
const COMPOSE = 'github.com/compose-spec/compose-go/v2@v2.16.2';
const TOOLS = {
  actionlint: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
  helm: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0',
};

const go = spawnSync('go', ['version']).status === 0;
if (!go) note('skipped: chart, manifests, compose files and workflows; no go on the path');

const chart = join(root, 'deploy/helm/misstep');
const manifests = join(root, 'deploy/kubernetes');

/** The binary, built the first time. */
function tool(name: keyof typeof TOOLS): string {
  const folder = installed(name, TOOLS[name], (at) => run('go', ['install', TOOLS[name]], at, { GOBIN: at, CGO_ENABLED: '0' }));
  return join(folder, name);
}

/** Where Go keeps a module's files. */
function moduleFolder(module: string): string {
  return (JSON.parse(run('go', ['mod', 'download', '-json', module], root)) as { Dir: string }).Dir;
}

function schemas(): string {
  return installed('kubernetes-schemas', KUBERNETES, (at) => {
    writeKubernetesSchemas(join(moduleFolder(`k8s.io/kubernetes@v${KUBERNETES}`), 'api/openapi-spec/swagger.json'), at);
  });
}

function template(...set: string[]): string {
  const values = set.flatMap((one) => ['--set', one]);
  return run(tool('helm'), ['template', 'misstep', chart, '--kube-version', KUBERNETES, ...values], root);
}

function conform(path: string): { readonly status: number | null; readonly said: string } {
  const location = join(schemas(), '{{ .ResourceKind }}{{ .KindSuffix }}.json');
  const { status, stdout } = spawnSync(tool('kubeconform'), ['-strict', '-schema-location', location, path], {
    encoding: 'utf8',
  });
  return { status, said: stdout };
}

/** As somebody who has no Helm applies it. */
function plain(rendered: string): string {
  return rendered.replaceAll(/^( *(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*|# Source: .*)\n/gm, '');
}

describe.runIf(go)('deployment', () => {
  test('helm lint', () => {
    run(tool('helm'), ['lint', '--strict', chart], root);
  });

  test.each([
    ['daemonset', ['mode=daemonset']],
    ['gateway', ['mode=gateway']],
    ['gateway with one replica', ['mode=gateway', 'replicas=1']],
    ['gateway with storage', ['mode=gateway', 'storage.enabled=true', 'storage.storageClassName=fast']],
    [
      'everything optional',
      ['imagePullSecrets[0].name=key', 'env[0].name=A', 'env[0].value=b', 'nodeSelector.disk=ssd', 'podAnnotations.a=b'],
    ],
  ])('the chart conforms: %s', (_name, set) => {
    expect(conform(file('rendered.yaml', template(...set)))).toMatchObject({ status: 0 });
  });

  test.each([
    ['mode=sidecar', 'must be one of'],
    ['storage.enabled=true', "value must be 'gateway'"],
    ['limitMib=64', 'minimum'],
    ['mod=gateway', "'mod' not allowed"],
  ])('values that are refused: %s', (set, said) => {
    expect(() => template(set)).toThrow(said);
  });

  test('a queue of an exporter that is not there is refused by name', () => {
    expect(() => template('mode=gateway', 'storage.enabled=true', 'storage.queues={otlp_http}')).toThrow(
      'storage.queues names "otlp_http", which is no exporter of config. Exporters: otlp_grpc.',
    );
  });

  // `npm run test:peers -- deploy -u` writes them.
  test.each(['daemonset', 'gateway'])('deploy/kubernetes/%s.yaml is what the chart renders', async (mode) => {
    await expect(plain(template(`mode=${mode}`))).toMatchFileSnapshot(join(manifests, `${mode}.yaml`));
  });

  test.each(readdirSync(manifests))('deploy/kubernetes/%s conforms', (name) => {
    expect(conform(join(manifests, name))).toMatchObject({ status: 0 });
  });

  test('kubeconform sees a member that Kubernetes does not know', () => {
    const wrong = readFileSync(join(manifests, 'sidecar.yaml'), 'utf8').replace('terminationGracePeriodSeconds', 'gracePeriod');
    expect(conform(file('wrong.yaml', wrong))).toMatchObject({ status: 1, said: expect.stringContaining('gracePeriod') });
  });

  test('compose files conform', () => {
    const schema = JSON.parse(readFileSync(join(moduleFolder(COMPOSE), 'schema/compose-spec.json'), 'utf8'));
    const valid = new Ajv2020({ strict: false, formats: { duration: true } }).compile(schema);
    const compose = (name: string) => parse(readFileSync(join(root, 'deploy/compose', name), 'utf8'));
    for (const name of ['jaeger.yaml', 'grafana.yaml']) {
      valid(compose(name));
      expect([name, valid.errors]).toEqual([name, null]);
    }
    const wrong = compose('jaeger.yaml');
    wrong.services.misstep.memory = '640m';
    expect(valid(wrong)).toBe(false);
  });

  test('actionlint', () => {
    run(tool('actionlint'), ['-shellcheck=', '-pyflakes='], root);
    const wrong = readFileSync(join(root, '.github/workflows/ci.yml'), 'utf8').replace('matrix.node', 'matrix.nod');
    expect(() => run(tool('actionlint'), [file('ci.yml', wrong)], root)).toThrow('property "nod" is not defined');
  });
});

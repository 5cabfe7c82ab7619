// Real OpenTelemetry SDKs send to misstep: JS (grpc-js), Python (gRPC C core) and Go, over every protocol, plain and gzip.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  file,
  findingsOf,
  freePorts,
  installed,
  type Running,
  root,
  run,
  runAside,
  startBackend,
  startMisstep,
  until,
} from './kit.ts';

const NPM = [
  'api@1.9.1',
  'exporter-trace-otlp-grpc@0.223.1',
  'exporter-trace-otlp-http@0.223.1',
  'exporter-trace-otlp-proto@0.223.1',
  'sdk-trace-base@2.12.1',
  'resources@2.12.0',
];
const PYPI = [
  'opentelemetry-sdk==1.45.2',
  'opentelemetry-exporter-otlp-proto-grpc==1.45.2',
  'opentelemetry-exporter-otlp-proto-http==1.45.2',
];

let backend: Backend;
let misstep: Running;
let grpc = 0;
let http = 0;

beforeAll(async () => {
  const [a = 0, b = 0] = await freePorts(2);
  grpc = a;
  http = b;
  backend = await startBackend();
  const config = file(
    'misstep.yaml',
    `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
processors: {detect: }
exporters: {otlp_http: {endpoint: "${backend.url}"}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http]}}
  telemetry: {metrics: {level: none}}
`,
  );
  misstep = await startMisstep(config, [grpc, http]);
});

afterAll(async () => {
  await misstep?.stop();
  backend?.close();
});

interface Client {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

const clients: Readonly<Record<string, () => Client>> = {
  js: () => {
    const cwd = installed('js', NPM.join(' '), (folder) => {
      writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
      run(
        'npm',
        ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', ...NPM.map((name) => `@opentelemetry/${name}`)],
        folder,
      );
    });
    cpSync(join(root, 'scripts/peers/js/send.mjs'), join(cwd, 'send.mjs'));
    cpSync(join(root, 'scripts/record/demo-run.mjs'), join(cwd, 'demo-run.mjs'));
    return { command: process.execPath, args: ['send.mjs'], cwd };
  },
  python: () => {
    const cwd = installed('python', PYPI.join(' '), (folder) => {
      run('python3', ['-m', 'venv', 'venv'], folder);
      run(join(folder, 'venv/bin/python'), ['-m', 'pip', 'install', '--quiet', ...PYPI], folder);
    });
    return { command: join(cwd, 'venv/bin/python'), args: [join(root, 'scripts/peers/python/send.py')], cwd };
  },
  go: () => {
    const source = join(root, 'scripts/peers/go');
    const mark = ['go.mod', 'go.sum', 'main.go'].map((name) => readFileSync(join(source, name), 'utf8')).join('');
    const cwd = installed('go', mark, (folder) => {
      cpSync(source, folder, { recursive: true });
      run('go', ['build', '-o', 'send', '.'], folder);
    });
    return { command: join(cwd, 'send'), args: [], cwd };
  },
};

describe.each([
  ['js', ['grpc', 'http-protobuf', 'http-json'], 21],
  ['python', ['grpc', 'http-protobuf'], 6],
  ['go', ['grpc', 'http-protobuf'], 6],
] as const)('%s', (language, protocols, spans) => {
  let client: Client;
  beforeAll(() => {
    const make = clients[language];
    if (!make) throw new Error(language);
    client = make();
  });

  test.each(protocols.flatMap((protocol) => ['none', 'gzip'].map((compression) => [protocol, compression] as const)))(
    '%s, compression %s',
    async (protocol, compression) => {
      backend.spans.length = 0;
      const port = protocol === 'grpc' ? grpc : http;
      await runAside(client.command, [...client.args, protocol, `127.0.0.1:${port}`, compression], client.cwd);
      const mine = () => backend.spans.filter((span) => span.scope === 'peer');
      await until(`${spans} spans`, () => mine().length >= spans);
      expect(mine()).toHaveLength(spans);
      expect(new Set(mine().map((span) => span.spanId)).size).toBe(spans);
      expect(new Set(mine().map((span) => span.service))).toEqual(new Set([`peer-${language}`]));
      await until('the loop', () => {
        const { inPlace, carriers } = findingsOf(backend.spans, 'loop');
        return inPlace.length + carriers.length > 0;
      });
    },
  );
});

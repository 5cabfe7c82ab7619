// Real OpenTelemetry SDKs send to misstep: JS (grpc-js), Python (gRPC C core) and Go, over every protocol, plain and gzip.
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  file,
  findingsOf,
  freePorts,
  installed,
  note,
  type Running,
  root,
  run,
  runAside,
  startBackend,
  startMisstep,
  startRelay,
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

const peers = [
  { language: 'js', tool: ['npm', '--version'], needs: /./, protocols: ['grpc', 'http-protobuf', 'http-json'], spans: 21 },
  {
    language: 'python',
    tool: ['python3', '-c', 'import venv, ensurepip, sys; print(sys.version)'],
    needs: /^3/,
    protocols: ['grpc', 'http-protobuf'],
    spans: 6,
  },
  // scripts/peers/go/go.mod asks for 1.26; an older one would download another.
  { language: 'go', tool: ['go', 'version'], needs: /go1\.(2[6-9]|[3-9]\d)/, protocols: ['grpc', 'http-protobuf'], spans: 6 },
].filter(({ language, tool: [command = '', ...args], needs }) => {
  const there = needs.test(spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '');
  if (!there) note(`skipped: the ${language} SDK; '${[command, ...args].join(' ')}' does not print ${needs}`);
  return there;
});

/** Sends one run and returns the bytes it took. All of it must arrive once, with the loop on the search, in place or carried. */
async function sends(client: Client, language: string, spans: number, protocol: string, compression: string): Promise<number> {
  backend.spans.length = 0;
  const relay = await startRelay(protocol === 'grpc' ? grpc : http);
  try {
    await runAside(client.command, [...client.args, protocol, `127.0.0.1:${relay.port}`, compression], client.cwd);
    const mine = () => backend.spans.filter((span) => span.scope === 'peer');
    await until(`${spans} spans`, () => mine().length >= spans);
    expect(mine()).toHaveLength(spans);
    expect(new Set(mine().map((span) => span.spanId)).size).toBe(spans);
    expect(new Set(mine().map((span) => span.service))).toEqual(new Set([`peer-${language}`]));
    const [{ traceId } = { traceId: '' }] = mine();
    const found = () => {
      const { inPlace, carriers } = findingsOf(backend.spans, 'loop');
      return [...inPlace.map((span) => span.spanId), ...carriers.map((span) => span.parentSpanId)];
    };
    await until('the loop', () => found().length > 0);
    for (const id of found()) {
      expect(mine().find((span) => span.spanId === id)).toMatchObject({ traceId, name: 'execute_tool web_search' });
    }
    return relay.bytes();
  } finally {
    relay.close();
  }
}

describe.each(peers)('$language', ({ language, protocols, spans }) => {
  let client: Client;
  beforeAll(() => {
    client = (clients[language] as () => Client)();
  });

  test.each(protocols)('%s, plain and gzip', async (protocol) => {
    const plain = await sends(client, language, spans, protocol, 'none');
    const gzip = await sends(client, language, spans, protocol, 'gzip');
    // Runs of one client differ in ids and times only: what gzip saves is far more.
    expect(gzip).toBeLessThan(plain * 0.8);
    note(`${language} ${protocol}: ${spans} spans, ${plain} bytes plain, ${gzip} with gzip`);
  });
});

test('examples/sdk-direct as it stands: the JS SDK over both protocols', async () => {
  const client = (clients['js'] as () => Client)();
  const [appGrpc = 0, appHttp = 0, metrics = 0] = await freePorts(3);
  const direct = await startMisstep(join(root, 'examples/sdk-direct/misstep.yaml'), [appGrpc, appHttp], {
    APP_GRPC: `127.0.0.1:${appGrpc}`,
    APP_HTTP: `127.0.0.1:${appHttp}`,
    BACKEND_URL: backend.url,
    MISSTEP_METRICS_PORT: String(metrics),
  });
  try {
    for (const [protocol, port] of [
      ['grpc', appGrpc],
      ['http-protobuf', appHttp],
    ] as const) {
      backend.spans.length = 0;
      await runAside(client.command, [...client.args, protocol, `127.0.0.1:${port}`, 'gzip'], client.cwd);
      await until('the spans', () => backend.spans.filter((span) => span.scope === 'peer').length >= 21);
      await until('the loop', () => Object.values(findingsOf(backend.spans, 'loop')).flat().length > 0);
    }
  } finally {
    await direct.stop();
  }
});

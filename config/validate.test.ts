// Every file of testdata: a good one is accepted without a word, of the others every problem stands where it is told.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${…}` is the syntax that is read here.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from './load.ts';
import { formatProblem } from './problem.ts';
import { Secret } from './secret.ts';
import { resourceAttributes } from './telemetry.ts';
import { factories } from './testdata/factories.ts';
import { validateConfig } from './validate.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const cwd = `${here}testdata/`;

interface Options {
  readonly sets?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly container?: boolean;
}

function check(files: readonly string[], { sets = [], env = {}, container = false }: Options = {}) {
  const loaded = loadConfig({ files, sets, env, cwd });
  const { config, problems } = validateConfig(loaded, factories, { container });
  return { config, lines: problems.map(formatProblem) };
}

const named = (ending: string) => readdirSync(cwd).filter((name) => name.endsWith(ending));

test.each(named('.good.yaml'))('%s is accepted without a word', (file) => {
  const { config, lines } = check([file]);
  expect(lines).toEqual([]);
  expect(config).toBeDefined();
});

test.each([...named('.bad.yaml'), ...named('.warn.yaml')])('%s: every problem', async (file) => {
  const { config, lines } = check([file], { container: file.startsWith('traps') });
  expect(config === undefined).toBe(file.endsWith('.bad.yaml'));
  expect(lines.join('\n')).not.toContain('hunter2');
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`${cwd}${file.replace('.yaml', '.expected.txt')}`);
});

test('ten mistakes are ten problems', () => {
  const errors = check(['ten.bad.yaml']).lines.filter((line) => !line.includes(': warning: '));
  expect(errors).toHaveLength(10);
  for (const line of errors) expect(line).toMatch(/^ten\.bad\.yaml:\d+:\d+ [^:]+: .+\. .+[.?]$/);
});

test('the checked configuration holds ids, factories, options with defaults, pipelines in order', () => {
  const { config } = check(['agents.good.yaml']);
  expect([...(config?.receivers.keys() ?? [])]).toEqual(['otlp', 'otlp/2']);
  expect(config?.receivers.get('otlp')?.options).toMatchObject({
    protocols: { grpc: { endpoint: 'localhost:4317', max_recv_msg_size_mib: 64 }, http: { endpoint: 'localhost:4318' } },
  });
  expect(config?.receivers.get('otlp/2')).toMatchObject({ id: 'otlp/2', type: 'otlp' });
  expect(config?.receivers.get('otlp/2')?.options).toEqual({
    protocols: { http: { endpoint: 'localhost:5318', insecure: false, max_request_body_size: 100_000 } },
  });
  expect(config?.processors.get('memory_limiter')?.options).toMatchObject({ check_interval: 1_500, limit_mib: 512 });
  const http = config?.exporters.get('otlp_http')?.options as Record<string, unknown>;
  expect(http).toMatchObject({
    timeout: 30_000,
    tls: { min_version: '1.3' },
    sending_queue: { enabled: true, queue_size: 1_000, batch: { flush_timeout: 200, min_size: 8_192, sizer: 'items' } },
    retry_on_failure: { initial_interval: 5_000 },
  });
  const { authorization } = http['headers'] as Record<string, Secret>;
  expect(authorization).toBeInstanceOf(Secret);
  expect(authorization?.reveal()).toBe('Bearer x');
  expect(config?.pipelines.map(({ id, signal }) => [id, signal])).toEqual([
    ['traces', 'traces'],
    ['metrics', 'metrics'],
    ['logs/found', 'logs'],
  ]);
  expect(config?.started).toEqual(['health_check']);
  expect(config?.telemetry).toEqual({
    logs: { level: 'warn', encoding: 'console' },
    metrics: { level: 'normal', host: 'localhost', port: 8_888 },
    resource: { 'service.name': 'watcher', 'service.instance.id': null },
  });
});

describe('service.telemetry', () => {
  const metrics = (text: string) =>
    check(['agents.good.yaml'], { sets: [`service.telemetry.metrics=${text}`] }).config?.telemetry.metrics;
  test.each([
    ['{}', { level: 'normal', host: 'localhost', port: 8_888 }],
    ['{level: none}', undefined],
    ['{readers: []}', undefined],
    ['{readers: null}', undefined],
    [
      '{level: basic, readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 0}}}}]}',
      { level: 'basic', host: '0.0.0.0', port: 0 },
    ],
    ['{readers: [{pull: {exporter: {prometheus: }}}]}', { level: 'normal', host: 'localhost', port: 8_888 }],
  ])('metrics %s', (text, expected) => {
    expect(metrics(text)).toEqual(expected);
  });

  test('a resource attribute that is null is taken away', () => {
    expect(resourceAttributes({ a: '1', b: null }, { b: '2', c: '3' })).toEqual({ a: '1', c: '3' });
  });
});

describe('problems name the place that can be edited', () => {
  test('the second file, --set, the variable', () => {
    const over = 'yaml:exporters::otlp_http::compression: brotli';
    const { lines } = check(['agents.good.yaml', over], {
      sets: ['processors.batch.timeout=${env:T}', 'exporters.otlp_http.nope=1'],
      env: { T: 'long' },
    });
    expect(lines).toEqual([
      "yaml:exporters::otlp_http::compression:1:36 exporters.otlp_http.compression: not gzip, zstd or none, 'brotli'. Write one of them.",
      "--set processors.batch.timeout:1:1 processors.batch.timeout: not a duration, 'long' (from ${env:T}). Write a number with a unit, for example 300ms, 5s or 1h30m.",
      '--set exporters.otlp_http.nope:1:1 exporters.otlp_http.nope: unknown key, nope. Known: compression, endpoint, headers, retry_on_failure, sending_queue, timeout, tls.',
    ]);
  });

  test('what came out of a file, or of a variable that is named like a secret, is not shown', () => {
    const folder = mkdtempSync(join(tmpdir(), 'misstep-secret-'));
    try {
      writeFileSync(join(folder, 'key'), 'hunter2\n');
      const sets = [`processors.batch.timeout=\${file:${folder}/key}`, 'exporters.otlp_http.timeout=${env:API_TOKEN}'];
      const { lines } = check(['agents.good.yaml'], { sets, env: { API_TOKEN: 'hunter2' } });
      expect(lines).toHaveLength(2);
      expect(lines.join('\n')).not.toContain('hunter2');
      expect(lines[1]).toContain('not a duration, [REDACTED] (from ${env:API_TOKEN}).');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a file that is missing or no YAML says nothing else', () => {
    expect(check(['absent.yaml']).lines).toEqual([
      'absent.yaml:1:1: the file does not exist, absent.yaml. Check the path and its permissions.',
    ]);
    expect(check(['yaml:a: [']).lines).toHaveLength(1);
  });

  test('an empty configuration has no pipeline', () => {
    expect(check(['yaml:']).lines).toEqual([
      'yaml::1:1 service.pipelines: service must have at least one pipeline, nothing is written. Add for example traces: {receivers: [otlp], exporters: [debug]}.',
    ]);
  });
});

test('a text that came by substitution is the text where text is wanted, and what YAML says elsewhere', () => {
  const { config, lines } = check(['agents.good.yaml'], {
    env: { TOKEN: '0123', SHARE: '0.5', OFF: 'false', ODD: 'a: b # c' },
    sets: [
      'extensions.token.token=${env:TOKEN}',
      'extensions.token.scheme=${env:ODD}',
      'processors.detect.emit_above=${SHARE}',
      'exporters.otlp_http.sending_queue.enabled=${env:OFF}',
      'service.extensions=[health_check, token]',
    ],
  });
  expect(lines).toEqual([]);
  const token = config?.extensions.get('token')?.options as { token: Secret; scheme: string };
  expect(token.token.reveal()).toBe('0123');
  expect(token.scheme).toBe('a: b # c');
  expect(config?.processors.get('detect')?.options).toMatchObject({ emit_above: 0.5 });
  expect(config?.exporters.get('otlp_http')?.options).toMatchObject({ sending_queue: { enabled: false } });
});

test('the Collector warns nobody of batch before a stored queue; here it is said', () => {
  const { lines } = check(['agents.good.yaml'], { sets: ['exporters.otlp_http.sending_queue.storage=file_storage'] });
  expect(lines.join('\n')).toContain("warning: batch stands before 'otlp_http', whose queue is stored");
});

test.each([
  ['localhost:13133', true],
  ['http://localhost:4320', false],
])('in a container an extension that listens on %s is warned of: %s', (endpoint, warned) => {
  const sets = [`extensions.health_check.endpoint=${endpoint}`, 'service.extensions=[health_check]'];
  const { lines } = check(['agents.good.yaml'], { sets, container: true });
  expect(lines.some((line) => line.includes('extensions.health_check.endpoint: warning: localhost'))).toBe(warned);
});

test.each(['default.yaml', 'container.yaml'])('the shipped %s is valid', (file) => {
  const { config, lines } = check([`${here}${file}`]);
  expect(lines).toEqual([]);
  expect(config?.pipelines.map(({ id }) => id)).toEqual(['traces/in', 'logs/in', 'traces', 'logs', 'metrics']);
});

describe.skipIf(!existsSync(`${here}../../shared/bench/configs`))('configurations of the benchmark', () => {
  const base = `${here}../../shared/bench/configs`;
  const env = {
    BENCH_GRPC: '127.0.0.1:1',
    BENCH_HTTP: '127.0.0.1:2',
    BENCH_SINK_HTTP: '127.0.0.1:3',
    BENCH_SINK_GRPC: '127.0.0.1:4',
    BENCH_METRICS_PORT: '5',
    BENCH_DIR: '/tmp/queue',
  };
  const files = !existsSync(base)
    ? []
    : ['common', 'misstep', 'structural'].flatMap((dir) => readdirSync(`${base}/${dir}`).map((name) => `${dir}/${name}`));
  test.each(files)('%s', (file) => {
    const { config, lines } = check([`${base}/${file}`], { env });
    expect(lines.filter((line) => !line.includes(': warning: '))).toEqual([]);
    expect(config?.telemetry.metrics?.port).toBe(5);
  });
});

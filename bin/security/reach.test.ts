/** Who can reach what: defaults, refusals, the explicit way out, and warnings. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { rig } from '../../receivers/otlp/testing.ts';
import { startService } from '../../src/service/service.ts';
import { configure } from '../configure.ts';

const problemsOf = async (document: object) => (await configure(sources(document))).problems;
const sources = (document: object) => ({ files: [`yaml:${JSON.stringify(document)}`], sets: [], env: {}, cwd: '/' });

/** A receiver and an exporter, and what else a case needs. */
const withParts = (http: object, more: { exporter?: object; extensions?: object; telemetry?: object } = {}) => ({
  receivers: { otlp: { protocols: { http } } },
  exporters: more.exporter === undefined ? { nop: null } : { otlp_http: more.exporter },
  extensions: more.extensions ?? {},
  service: {
    extensions: Object.keys(more.extensions ?? {}),
    pipelines: { traces: { receivers: ['otlp'], exporters: [more.exporter === undefined ? 'nop' : 'otlp_http'] } },
    telemetry: more.telemetry ?? { metrics: { level: 'none' } },
  },
});
const guard = { bearertokenauth: { token: 'key' } };
const auth = { authenticator: 'bearertokenauth' };

test('claim 21: listeners bind 127.0.0.1 unless they are told otherwise', async () => {
  const on = await rig({ http: { endpoint: 'localhost:0' }, grpc: { endpoint: 'localhost:0' } });
  expect([on.http, on.grpc].every((address) => address.startsWith('127.0.0.1:'))).toBe(true);
  await on.stop();
  const { factories } = await import('../components.ts');
  for (const { type, kind, options } of factories) {
    if (kind === 'exporter' || kind === 'connector' || kind === 'processor') continue;
    const input = type === 'otlp' ? { protocols: { grpc: {}, http: {} } } : {};
    const parsed = options.safeParse(input);
    if (!parsed.success) continue;
    for (const [, where] of JSON.stringify(parsed.data).matchAll(/"endpoint":"([^"]*)"/g))
      expect(where).toMatch(/^(localhost|127\.0\.0\.1):/);
  }
  // Without a host the page binds the loopback too.
  const { spec } = await configure(sources({ ...withParts({ endpoint: 'localhost:0' }, { telemetry: {} }) }));
  expect(spec?.telemetry.metrics?.host).toBe('localhost');
});

describe('claim 21: a listener that other machines reach and that asks nobody who he is', () => {
  test.each<[string, object]>([
    ['otlp over HTTP', withParts({ endpoint: '0.0.0.0:4318' })],
    [
      'otlp over HTTP with TLS that asks for nobody',
      withParts({ endpoint: '0.0.0.0:4318', tls: { cert_file: '/c', key_file: '/k' } }),
    ],
    ['health_check', withParts({}, { extensions: { health_check: { endpoint: '0.0.0.0:13133' } } })],
  ])('%s: is refused with what to do', async (_name, document) => {
    const { spec, problems } = await configure(sources(document));
    expect(spec).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('insecure: true');
  });

  test.each<[string, object]>([
    ['insecure: true', withParts({ endpoint: '0.0.0.0:4318', insecure: true })],
    [
      'an authenticator, TLS',
      withParts({ endpoint: ':4318', auth, tls: { cert_file: '/c', key_file: '/k' } }, { extensions: guard }),
    ],
    ['client certificates', withParts({ endpoint: ':4318', tls: { cert_file: '/c', key_file: '/k', client_ca_file: '/a' } })],
  ])('is taken with %s', async (_name, document) => {
    expect(await problemsOf(document)).toEqual([]);
  });
});

test.each<[string, object, string]>([
  [
    'a receiver without TLS',
    withParts({ endpoint: '0.0.0.0:4318', auth }, { extensions: guard }),
    'receivers.otlp.protocols.http.endpoint',
  ],
  [
    'an exporter without TLS',
    withParts({}, { extensions: guard, exporter: { endpoint: 'http://backend.test:4318', auth } }),
    'exporters.otlp_http.endpoint',
  ],
])('credentials in the clear are warned of: %s', async (_name, document, path) => {
  const { spec, problems } = await configure(sources(document));
  expect(spec).toBeDefined();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`${path}: warning: the credentials of auth travel unencrypted`);
});

test('nothing is said of credentials on the loopback or over TLS', async () => {
  for (const endpoint of ['http://127.0.0.1:4318', 'https://backend.test:4318']) {
    const problems = await problemsOf(withParts({ auth }, { extensions: guard, exporter: { endpoint, auth } }));
    expect(problems.join()).not.toContain('credentials');
  }
});

test('a page of metrics for everybody is warned of', async () => {
  const readers = [{ pull: { exporter: { prometheus: { host: '0.0.0.0', port: 8888 } } } }];
  const [problem, ...more] = await problemsOf(withParts({}, { telemetry: { metrics: { readers } } }));
  expect(problem).toContain('prometheus.host: warning: the metrics are served to other machines');
  expect(more).toEqual([]);
});

test("the container's configuration stays valid, with the way out written beside each endpoint", async () => {
  const file = new URL('../../config/container.yaml', import.meta.url).pathname;
  const { errors } = await configure({ files: [file], sets: [], env: {}, cwd: '/' });
  expect(errors).toEqual([]);
  expect(readFileSync(file, 'utf8').match(/insecure: true$/gm)).toHaveLength(3);
});

test('an authenticator must be started, and a reload that changes it closes no listener', async () => {
  const unstarted = withParts({ endpoint: '127.0.0.1:0', auth }, { extensions: guard });
  unstarted.service.extensions = [];
  const { errors } = await configure(sources(unstarted));
  expect(errors.join()).toContain("auth.authenticator: references extension 'bearertokenauth' which is not started.");

  const { createServer } = await import('node:net');
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
  const document = (token: string) =>
    withParts(
      { endpoint: `127.0.0.1:${port}`, auth },
      { extensions: { bearertokenauth: { token } }, telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } } },
    );
  const specOf = async (token: string) => {
    const { spec, problems } = await configure(sources(document(token)));
    if (spec === undefined) throw new Error(problems.join('\n'));
    return spec;
  };
  const service = await startService(await specOf('old'), { buildVersion: 'test' });
  const { Agent, request } = await import('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  const post = (token: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
      const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/v1/traces', agent, headers }, (response) => {
        ports.add(sent.socket?.localPort);
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject).end('{}');
    });
  expect([await post('old'), await post('new')]).toEqual([200, 401]);
  await service.reload(await specOf('new'));
  expect([await post('old'), await post('new')]).toEqual([401, 200]);
  expect(ports.size).toBe(1);
  agent.destroy();
  await service.shutdown(AbortSignal.timeout(5_000));
});

test.each([
  ['otlp_http', 'http://169.254.169.254/latest', 'endpoint'],
  ['otlp_http', 'http://[::ffff:169.254.169.254]:4318', 'endpoint'],
  ['otlp_grpc', '169.254.169.254:80', 'endpoint'],
  ['otlp_grpc', '[fe80::1]:4317', 'endpoint'],
])('claim 25: %s does not send to %s unless it is told so', async (type, endpoint, key) => {
  const { factories } = await import('../components.ts');
  const options = factories.find((factory) => factory.type === type)?.options;
  const { error } = options?.safeParse({ endpoint }) ?? {};
  expect(error?.issues.map(({ path, message }: { path: unknown[]; message: string }) => [path.join('.'), message])).toEqual([
    [key, 'a link-local address, as of a metadata service'],
  ]);
  expect(options?.safeParse({ endpoint, allow_link_local: true }).success).toBe(true);
});

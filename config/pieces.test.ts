// The schema pieces: units, secrets, TLS, queues; printing and the JSON Schema made from them.
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { configJsonSchema } from './json-schema.ts';
import { loadConfig } from './load.ts';
import { printConfig } from './print.ts';
import { didYouMean, editDistance, formatProblem, nearest, pathText, problem } from './problem.ts';
import { retryOnFailure, sendingQueue } from './queue.ts';
import { headers, Secret, secret } from './secret.ts';
import { factories } from './testdata/factories.ts';
import { clientTls, clientTlsOptions, serverTls, serverTlsOptions } from './tls.ts';
import { count, duration, formatDuration, parseDuration, percentage } from './units.ts';
import { validateConfig } from './validate.ts';

const cwd = fileURLToPath(new URL('testdata/', import.meta.url));

describe('durations', () => {
  test.each([
    ['300ms', 300],
    ['1.5h', 5_400_000],
    ['2h45m', 9_900_000],
    ['1m30s', 90_000],
    ['5ns', 0.000_005],
    ['7us', 0.007],
    ['7µs', 0.007],
    ['7μs', 0.007],
    ['.5s', 500],
    ['1.s', 1_000],
    ['-1s', -1_000],
    ['+1s', 1_000],
    ['0', 0],
    ['', undefined],
    ['-', undefined],
    ['5', undefined],
    ['5 s', undefined],
    ['s', undefined],
    ['1d', undefined],
    ['1S', undefined],
    ['1e3s', undefined],
    ['.s', undefined],
    ['5s ', undefined],
  ])('%s', (text, ms) => {
    if (ms === undefined) expect(parseDuration(text)).toBeUndefined();
    else expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  test('what is printed is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 }), (ns) => {
        expect(parseDuration(formatDuration(ns / 1e6))).toBeCloseTo(ns / 1e6, 5);
      }),
      { seed: 7, numRuns: 500 },
    );
    expect([0, 5_000, 200, 90_000, 5_400_000, 0.000_005].map(formatDuration)).toEqual([
      '0s',
      '5s',
      '200ms',
      '1m30s',
      '1h30m0s',
      '5ns',
    ]);
  });

  test('as a schema', () => {
    const schema = duration('5s', { min: '1ms', max: '1h' });
    expect(schema.parse(undefined)).toBe(5_000);
    expect(schema.parse('1m')).toBe(60_000);
    expect(schema.parse(5e9)).toBe(5_000);
    for (const bad of ['2h', '-1s', '0s', 'x', true, null]) expect(schema.safeParse(bad).success).toBe(false);
    expect(duration('0s').safeParse('9999h').success).toBe(false);
  });
});

test('counts and shares', () => {
  expect(count(5).parse(undefined)).toBe(5);
  for (const bad of [1.5, -1, '1']) expect(count(5).safeParse(bad).success).toBe(false);
  expect(percentage(20).parse(100)).toBe(100);
  expect(percentage(20).safeParse(101).success).toBe(false);
});

describe('secrets', () => {
  const kept = secret().parse('hunter2');
  test('show only when revealed', () => {
    expect(kept.reveal()).toBe('hunter2');
    const shown = [
      String(kept),
      `${kept}`,
      JSON.stringify({ kept }),
      inspect(kept),
      inspect({ kept }),
      inspect(kept, { showHidden: true }),
    ];
    for (const text of shown) {
      expect(text).toContain('[REDACTED]');
      expect(text).not.toContain('hunter2');
    }
    expect(Object.keys(kept)).toEqual([]);
  });

  test('headers as a map or a list', () => {
    const reveal = (input: unknown) => Object.entries(headers().parse(input)).map(([name, value]) => [name, value.reveal()]);
    expect(reveal(undefined)).toEqual([]);
    expect(reveal({ 'X-A': 'b' })).toEqual([['X-A', 'b']]);
    expect(
      reveal([
        { name: 'a', value: '1' },
        { name: 'a', value: '2' },
      ]),
    ).toEqual([['a', '2']]);
    for (const bad of [{ 'a b': 'c' }, { a: 'b\r\nc: d' }, { a: '漢' }, { a: 1 }, [{ name: 'a' }], 'a: b', { '': 'x' }]) {
      expect(headers().safeParse(bad).success).toBe(false);
    }
  });
});

describe('TLS', () => {
  test.each([
    [{}, true],
    [{ insecure: true }, true],
    [{ cert_pem: 'c', key_pem: 'k', ca_pem: 'a', min_version: '1.3' }, true],
    [{ cert_pem: 'c' }, false],
    [{ key_pem: 'c' }, false],
    [{ ca_pem: 'c', ca_file: 'f' }, false],
    [{ min_version: '1.3', max_version: '1.2' }, false],
    [{ min_version: '1.4' }, false],
    [{ reload_interval: '1h' }, true],
    [{ tpm: {} }, false],
  ])('of a client %j', (input, ok) => {
    expect(clientTls().safeParse(input).success).toBe(ok);
  });

  test('of a server needs a certificate; a client authority demands theirs', () => {
    expect(serverTls().safeParse({}).success).toBe(false);
    const parsed = serverTls().parse({ cert_pem: 'c', key_pem: 'k' });
    expect(serverTlsOptions(parsed)).toEqual({
      minVersion: 'TLSv1.2',
      cert: 'c',
      key: 'k',
      requestCert: false,
      rejectUnauthorized: false,
    });
    const mutual = serverTlsOptions({ ...parsed, client_ca_file: fileURLToPath(import.meta.url) });
    expect(mutual).toMatchObject({ requestCert: true, rejectUnauthorized: true });
    expect(mutual.ca).toHaveLength(1);
    expect(() => serverTlsOptions({ ...parsed, cert_file: 'absent.pem' })).toThrow('tls.cert_file: cannot read absent.pem.');
  });

  test('options for node:tls', () => {
    const tls = clientTls().parse({
      ca_pem: 'a',
      include_system_ca_certs_pool: true,
      insecure_skip_verify: true,
      server_name_override: 'h',
    });
    const made = clientTlsOptions(tls);
    expect(made).toMatchObject({ rejectUnauthorized: false, servername: 'h', minVersion: 'TLSv1.2' });
    expect((made.ca as string[]).length).toBeGreaterThan(100);
  });
});

describe('queue and retry', () => {
  test('defaults of the Collector', () => {
    expect(sendingQueue().parse(undefined)).toEqual({
      enabled: true,
      num_consumers: 10,
      queue_size: 1_000,
      sizer: 'requests',
      block_on_overflow: false,
      wait_for_result: false,
      max_bytes: 268_435_456,
      batch: undefined,
    });
    expect(retryOnFailure().parse(undefined)).toEqual({
      enabled: true,
      initial_interval: 5_000,
      randomization_factor: 0.5,
      multiplier: 1.5,
      max_interval: 30_000,
    });
  });

  test.each([
    ['requests', undefined, 'items'],
    ['items', undefined, 'items'],
    ['bytes', undefined, 'bytes'],
    ['bytes', 'items', 'items'],
  ])('a queue of %s with batch sizer %s batches by %s', (sizer, of, by) => {
    const parsed = sendingQueue().parse({ sizer, queue_size: 100_000, batch: of === undefined ? {} : { sizer: of } });
    expect(parsed.batch).toEqual({ flush_timeout: 200, min_size: 8_192, max_size: 0, sizer: by });
  });

  test.each([
    [{ queue_size: 0 }],
    [{ num_consumers: 0 }],
    [{ sizer: 'items', queue_size: 10, batch: {} }],
    [{ batch: { max_size: 10 } }],
    [{ batch: { sizer: 'requests' } }],
    [{ storage: 'file_storage', wait_for_result: true }],
    [{ max_bytes: 0 }],
  ])('%j is refused', (input) => {
    expect(sendingQueue().safeParse(input).success).toBe(false);
  });

  test('a stored queue has no bound of its own unless one is written', () => {
    expect(sendingQueue().parse({ storage: 'file_storage' }).max_bytes).toBeUndefined();
    expect(sendingQueue().parse({ storage: 'file_storage', max_bytes: 5 }).max_bytes).toBe(5);
  });

  test('a retry that could never happen is refused; 0s has no end', () => {
    expect(retryOnFailure().safeParse({ max_elapsed_time: '1s' }).success).toBe(false);
    expect(retryOnFailure().safeParse({ max_elapsed_time: '0s' }).success).toBe(true);
  });
});

describe('words', () => {
  test.each([
    ['min_repeat', ['min_repeats', 'enabled'], 'min_repeats'],
    ['Timeout', ['timeout'], 'timeout'],
    ['otlp-http', ['otlp_http', 'otlp_grpc'], 'otlp_http'],
    ['bacth', ['batch', 'detect'], 'batch'],
    ['zzz', ['batch', 'detect'], undefined],
    ['', ['a_b_c'], undefined],
  ])('%s', (seen, known, expected) => {
    expect(nearest(seen, known)).toBe(expected);
  });

  test('distance is a metric on single edits', () => {
    expect(editDistance('abc', 'abc')).toBe(0);
    expect(editDistance('abc', 'acb')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  test('problems', () => {
    expect(didYouMean('zzz', [])).toBe('Nothing is known here; remove it.');
    expect(pathText(['a', 0, 'b', 'c'])).toBe('a[0].b.c');
    const at = { file: 'c.yaml', line: 3, column: 7 };
    expect(formatProblem(problem('error', at, [], 'broken.'))).toBe('c.yaml:3:7: broken.');
    expect(formatProblem(problem('warning', at, ['a'], 'odd.'))).toBe('c.yaml:3:7 a: warning: odd.');
  });
});

describe('print-config', () => {
  const load = (files: readonly string[]) => loadConfig({ files, sets: [], env: {}, cwd });

  test('fills in every default, redacts, and is read back as the same configuration', () => {
    const loaded = load(['agents.good.yaml']);
    const yaml = printConfig(loaded, factories, { format: 'yaml' });
    expect(yaml).not.toContain('Bearer x');
    const back = load([`yaml:${yaml}`]);
    const again = validateConfig(back, factories, { container: false });
    expect(again.problems).toEqual([]);
    expect(printConfig(back, factories, { format: 'yaml' })).toBe(yaml);
    const json = JSON.parse(printConfig(loaded, factories, { format: 'json' }));
    expect(json.processors.batch).toEqual({ send_batch_size: 8_192, timeout: '1m30s' });
    expect(json.exporters.otlp_http).toMatchObject({
      timeout: '30s',
      headers: [{ name: 'authorization', value: '[REDACTED]' }],
      sending_queue: { batch: { flush_timeout: '200ms', min_size: 8_192, max_size: 0 } },
      retry_on_failure: { max_interval: '30s' },
    });
    expect(json.service.telemetry.logs).toEqual({ level: 'WARN', encoding: 'console' });
    expect(printConfig(loaded, factories, { format: 'yaml', unredacted: true })).toContain('Bearer x');
  });

  test('credentials in a URL are not shown', () => {
    const loaded = load(['agents.good.yaml', 'yaml:exporters::otlp_http::endpoint: http://user:hunter2@backend:4318']);
    const text = printConfig(loaded, factories, { format: 'yaml' });
    expect(text).toContain('http://[REDACTED]@backend:4318');
    expect(text).not.toContain('hunter2');
    expect(printConfig(loaded, factories, { format: 'yaml', unredacted: true })).toContain('hunter2');
  });

  test('options are the same before and after', () => {
    const first = validateConfig(load(['agents.good.yaml']), factories, { container: false }).config;
    const text = printConfig(load(['agents.good.yaml']), factories, { format: 'json', unredacted: true });
    const second = validateConfig(load([`yaml:${text}`]), factories, { container: false }).config;
    for (const section of ['receivers', 'processors', 'exporters', 'connectors', 'extensions'] as const) {
      const options = (config: typeof first) => [...(config?.[section].values() ?? [])].map((each) => each.options);
      expect(JSON.stringify(options(second))).toBe(JSON.stringify(options(first)));
    }
  });
});

describe('JSON Schema', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a JSON document of some depth.
  const schema = configJsonSchema(factories) as Record<string, any>;
  test('names every component, its aliases, and closes every map', () => {
    expect(Object.keys(schema['$defs'])).toHaveLength(factories.length);
    const { exporters, service } = schema['properties'];
    expect(exporters.patternProperties['^otlphttp(/.+)?$']).toMatchObject({ deprecated: true });
    expect(exporters.additionalProperties).toBe(false);
    expect(service.properties.telemetry.properties.logs.properties.level.default).toBe('info');
  });

  test('speaks the language of the input: durations as text, substitution for numbers, nothing that is not available', () => {
    const http = schema['$defs']['exporter.otlp_http'];
    expect(http.additionalProperties).toBe(false);
    expect(http.required).toEqual(['endpoint']);
    expect(http.properties.timeout).toMatchObject({ default: '30s', anyOf: [{ type: 'string' }] });
    const queue = http.properties.sending_queue.properties;
    expect(http.properties.proxy_url).toBeUndefined();
    expect(queue.queue_size).toMatchObject({ default: 1_000, anyOf: [{ type: 'integer', minimum: 1 }, { type: 'string' }] });
    expect(new RegExp(http.properties.timeout.anyOf[0].pattern, 'u').test('1h30m')).toBe(true);
    expect(new RegExp(http.properties.timeout.anyOf[0].pattern, 'u').test('5')).toBe(false);
    expect(JSON.stringify(schema)).not.toContain('~standard');
  });

  test('is the same for the same factories', () => {
    expect(JSON.stringify(configJsonSchema(factories))).toBe(JSON.stringify(schema));
  });
});

test('a Secret within options is one for zod too', () => {
  expect(z.strictObject({ key: secret() }).parse({ key: 'k' }).key).toBeInstanceOf(Secret);
});

// A real Go Collector sends to misstep and receives from it; the two Collector examples run as they stand; a circle is seen.
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  absent,
  demoRun,
  type FlatSpan,
  file,
  findingsOf,
  flat,
  freePorts,
  note,
  peer,
  post,
  type Running,
  root,
  runAside,
  start,
  startMisstep,
  until,
} from './kit.ts';

const otelcol = peer('otelcol');
if (!otelcol) note(absent('otelcol'));

const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

/** A Collector as backend: takes both protocols and writes what it gets into a file. */
async function startCollectorBackend(grpc: number, http: number): Promise<() => FlatSpan[]> {
  const lines = await startCollectorFile(grpc, http);
  return () => lines().flatMap((line) => flat(line));
}

async function startCollectorFile(grpc: number, http: number): Promise<() => Record<string, unknown>[]> {
  const out = join(mkdtempSync(join(tmpdir(), 'misstep-peer-')), 'out.jsonl');
  const config = file(
    'backend.yaml',
    `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
exporters: {file: {path: "${out}", flush_interval: 100ms}}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file]}
    logs: {receivers: [otlp], exporters: [file]}
  telemetry: {metrics: {level: none}}
`,
  );
  running.push(await start(otelcol as string, ['--config', config], [grpc, http]));
  return () =>
    existsSync(out)
      ? readFileSync(out, 'utf8')
          .split('\n')
          // The Collector may be in the middle of the last one.
          .slice(0, -1)
          .filter(Boolean)
          .map((line) => JSON.parse(line))
      : [];
}

async function six(): Promise<[number, number, number, number, number, number]> {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = await freePorts(6);
  return [a, b, c, d, e, f];
}

const original = (spans: readonly FlatSpan[]): string[] =>
  spans
    .filter((span) => span.scope !== 'misstep')
    .map((span) => span.name)
    .sort();

describe.runIf(otelcol)('a Go Collector', () => {
  test.each([
    ['otlp_grpc', 'otlp_grpc', 'gzip'],
    ['otlp_http', 'otlp_http', 'gzip'],
    ['otlp_grpc', 'otlp_http', 'gzip'],
    ['otlp_http', 'otlp_grpc', 'none'],
    ['otlp_http', 'otlp_http', 'deflate'],
  ])('sends by %s and receives by %s, compression %s', async (into, outOf, compression) => {
    const [app, appGrpc, grpc, http, backGrpc, backHttp] = await six();
    const spans = await startCollectorBackend(backGrpc, backHttp);
    const exporter = (type: string, toGrpc: number, toHttp: number): string =>
      type === 'otlp_grpc'
        ? `{otlp_grpc: {endpoint: "127.0.0.1:${toGrpc}", tls: {insecure: true}, compression: ${compression}}}`
        : `{otlp_http: {endpoint: "http://127.0.0.1:${toHttp}", compression: ${compression}}}`;
    const misstep = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
processors: {detect: , batch: {timeout: 100ms}}
exporters: ${exporter(outOf, backGrpc, backHttp)}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect, batch], exporters: [${outOf}]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(await startMisstep(file('misstep.yaml', misstep), [grpc, http]));
    const collector = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${appGrpc}"}, http: {endpoint: "127.0.0.1:${app}"}}}}
exporters: ${exporter(into, grpc, http)}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [${into}]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(await start(otelcol as string, ['--config', file('collector.yaml', collector)], [app, appGrpc]));
    const played = demoRun(1);
    await post(app, played.whole);
    await until('all spans', () => original(spans()).length >= played.names.length);
    expect(original(spans())).toEqual([...played.names].sort());
    expect(findingsOf(spans(), 'loop').inPlace).not.toEqual([]);
    expect(findingsOf(spans(), 'injection').inPlace).not.toEqual([]);
  });
});

describe.runIf(otelcol)('examples', () => {
  /** Starts misstep and the Collector of an example, and a backend behind them. */
  async function example(name: string): Promise<{ app: number; spans: () => FlatSpan[]; metrics: number }> {
    const [app, appGrpc, misstep, back, backGrpc, backHttp] = await six();
    const [metrics = 0] = await freePorts(1);
    const spans = await startCollectorBackend(backGrpc, backHttp);
    const env = {
      APP_HTTP: `127.0.0.1:${app}`,
      APP_GRPC: `127.0.0.1:${appGrpc}`,
      MISSTEP_HTTP: `127.0.0.1:${misstep}`,
      ANNOTATED_GRPC: `127.0.0.1:${back}`,
      FINDINGS_GRPC: `127.0.0.1:${back}`,
      BACKEND_GRPC: `127.0.0.1:${backGrpc}`,
      MISSTEP_METRICS_PORT: String(metrics),
    };
    running.push(await startMisstep(join(root, `examples/${name}/misstep.yaml`), [misstep], env));
    running.push(
      await start(otelcol as string, ['--config', join(root, `examples/${name}/collector.yaml`)], [app, appGrpc, back], env),
    );
    return { app, spans, metrics };
  }

  test('collector-inline: everything comes back, annotated in place', async () => {
    const { app, spans } = await example('collector-inline');
    const played = demoRun(2);
    await post(app, played.whole);
    await until('all spans', () => original(spans()).length >= played.names.length);
    expect(original(spans())).toEqual([...played.names].sort());
    expect(findingsOf(spans(), 'loop').inPlace).not.toEqual([]);
  });

  test('collector-tee: the backend gets every span once and the findings as carriers', async () => {
    const { app, spans } = await example('collector-tee');
    const played = demoRun(3);
    await post(app, played.whole);
    await until(
      'all spans and a carrier',
      () => original(spans()).length >= played.names.length && findingsOf(spans(), 'loop').carriers.length > 0,
    );
    expect(original(spans())).toEqual([...played.names].sort());
    const [carrier] = findingsOf(spans(), 'loop').carriers;
    const target = spans().find((span) => span.spanId === carrier?.parentSpanId);
    expect(target?.name).toBe('execute_tool web_search');
    expect(carrier?.traceId).toBe(played.traceId);
    expect(carrier?.links[0]?.spanId).toBe(target?.spanId);
  });
});

describe.runIf(otelcol)('examples while misstep is down', () => {
  test.each(['collector-tee', 'collector-inline'])('%s', async (name) => {
    const [app, appGrpc, misstep, back, backGrpc, backHttp] = await six();
    const [metrics = 0] = await freePorts(1);
    const spans = await startCollectorBackend(backGrpc, backHttp);
    const env = {
      APP_HTTP: `127.0.0.1:${app}`,
      APP_GRPC: `127.0.0.1:${appGrpc}`,
      MISSTEP_HTTP: `127.0.0.1:${misstep}`,
      ANNOTATED_GRPC: `127.0.0.1:${back}`,
      FINDINGS_GRPC: `127.0.0.1:${back}`,
      BACKEND_GRPC: `127.0.0.1:${backGrpc}`,
      MISSTEP_METRICS_PORT: String(metrics),
    };
    const config = join(root, `examples/${name}/collector.yaml`);
    running.push(await start(otelcol as string, ['--config', config], [app, appGrpc, back], env));
    const played = demoRun(5);
    await post(app, played.whole);
    // The tee does not wait for misstep; inline, the Collector's queue holds the traces until it is there (its first retry comes after 5 s).
    if (name === 'collector-tee') await until('all spans', () => original(spans()).length >= played.names.length);
    running.push(await startMisstep(join(root, `examples/${name}/misstep.yaml`), [misstep], env));
    await until('the loop', () => Object.values(findingsOf(spans(), 'loop')).flat().length > 0);
    expect(original(spans())).toEqual([...played.names].sort());
  });
});

describe.runIf(otelcol)('a circle', () => {
  test.each(['detections', 'all'])(
    "of misstep's own output is counted, reported once and finds nothing new (output: %s)",
    async (output) => {
      const [app, appGrpc, misstep, , backGrpc, backHttp] = await six();
      const [metrics = 0] = await freePorts(1);
      const spans = await startCollectorBackend(backGrpc, backHttp);
      // What detects sends goes to the Collector's only receiver, which sends to misstep again.
      const own = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${misstep}"}}}}
processors: {detect: {output: ${output}}}
exporters: {otlp_http: {endpoint: "http://127.0.0.1:${app}"}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]}}
`;
      // Slowed down to 50 ms a turn, so that the file of a circle without end stays small.
      const collector = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${appGrpc}"}, http: {endpoint: "127.0.0.1:${app}"}}}}
processors: {batch: {timeout: 50ms}}
exporters:
  otlp_http/misstep: {endpoint: "http://127.0.0.1:${misstep}"}
  otlp_grpc/backend: {endpoint: "127.0.0.1:${backGrpc}", tls: {insecure: true}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [otlp_http/misstep, otlp_grpc/backend]}}
  telemetry: {metrics: {level: none}}
`;
      const one = await startMisstep(file('misstep.yaml', own), [misstep, metrics]);
      running.push(one);
      running.push(await start(otelcol as string, ['--config', file('collector.yaml', collector)], [app, appGrpc]));
      const played = demoRun(4);
      await post(app, played.whole);
      // `all` goes round for ever: ten turns are enough to see that nothing is added.
      const enough = output === 'all' ? 10 : 1;
      await until('own spans to be counted', async () => {
        const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
        const line = page.split('\n').find((each) => each.startsWith('misstep_detect_own_spans'));
        return Number(line?.split(' ').at(-1) ?? 0) >= enough;
      });
      expect(one.output().split("Spans of misstep's own come back in")).toHaveLength(2);
      await until('findings at the backend', () => Object.values(findingsOf(spans(), 'loop')).flat().length > 0);
      for (const span of spans()) {
        expect(span.name.startsWith('evaluate evaluate')).toBe(false);
        expect(span.events.filter((event) => event.name === 'gen_ai.evaluation.result').length).toBeLessThanOrEqual(1);
      }
      const ids = spans()
        .filter((span) => span.scope === 'misstep')
        .map((span) => span.spanId);
      if (output === 'detections') expect(new Set(ids).size).toBe(ids.length);
    },
  );
});

describe.runIf(otelcol)('docs/backends/collector.md', () => {
  test('a tail sampler behind misstep keeps the trace with findings and lets the other go', async () => {
    const [app, , sampler, , backGrpc, backHttp] = await six();
    const spans = await startCollectorBackend(backGrpc, backHttp);
    const page = readFileSync(join(root, 'docs/backends/collector.md'), 'utf8');
    // As on the page, but for the addresses, the wait and the share of the others.
    const collector = (/^```yml\n(.*?)^```$/ms.exec(page)?.[1] ?? '')
      .replace('127.0.0.1:4337', `127.0.0.1:${sampler}`)
      .replace('127.0.0.1:14317', `127.0.0.1:${backGrpc}`)
      .replace('decision_wait: 30s', 'decision_wait: 1s')
      .replace('sampling_percentage: 10', 'sampling_percentage: 0')
      .concat('  telemetry: {metrics: {level: none}}\n');
    running.push(await start(otelcol as string, ['--config', file('sampler.yaml', collector)], [sampler]));
    const own = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${app}"}}}}
processors: {detect: }
exporters: {otlp_grpc: {endpoint: "127.0.0.1:${sampler}", tls: {insecure: true}}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_grpc]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(await startMisstep(file('misstep.yaml', own), [app]));
    const healthy = demoRun(5);
    // The first spans of the run: nothing has gone wrong yet.
    for (const request of healthy.perSpan.slice(0, 2)) await post(app, request);
    const failing = demoRun(6);
    await post(app, failing.whole);
    const last = demoRun(7);
    await until(
      'the trace with findings',
      () => spans().filter(({ traceId }) => traceId === failing.traceId).length >= failing.names.length,
    );
    // Decided after both others, so the healthy one is decided too.
    await post(app, last.whole);
    await until('a later trace', () => spans().some(({ traceId }) => traceId === last.traceId));
    expect(spans().filter(({ traceId }) => traceId === healthy.traceId)).toEqual([]);
  });
});

const telemetrygen = peer('telemetrygen');
if (!telemetrygen) note(absent('telemetrygen'));

describe.runIf(otelcol && telemetrygen)('telemetrygen', () => {
  test.each(['grpc', 'http'])('traces, metrics and logs by %s reach a Collector, none lost', async (protocol) => {
    const [grpc, http, , , backGrpc, backHttp] = await six();
    const lines = await startCollectorFile(backGrpc, backHttp);
    const misstep = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
processors: {detect: }
exporters: {otlp_grpc: {endpoint: "127.0.0.1:${backGrpc}", tls: {insecure: true}}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [detect], exporters: [otlp_grpc]}
    metrics: {receivers: [otlp], exporters: [otlp_grpc]}
    logs: {receivers: [otlp], exporters: [otlp_grpc]}
  telemetry: {metrics: {level: none}}
`;
    running.push(await startMisstep(file('misstep.yaml', misstep), [grpc, http]));
    const to = ['--otlp-insecure', '--otlp-endpoint', `127.0.0.1:${protocol === 'grpc' ? grpc : http}`];
    if (protocol === 'http') to.push('--otlp-http');
    for (const signal of ['traces', 'metrics', 'logs']) {
      await runAside(telemetrygen as string, [signal, ...to, `--${signal}`, '50', '--rate', '0'], root);
    }
    const count = (name: RegExp): number => JSON.stringify(lines()).match(name)?.length ?? 0;
    // A trace of telemetrygen is a parent and a child.
    const arrived = () => [lines().flatMap((line) => flat(line)).length, count(/"dataPoints":/g), count(/"body":/g)];
    await until('all three signals', () => arrived().every((n, i) => n >= (i === 0 ? 100 : 50)));
    expect(arrived()).toEqual([100, 50, 50]);
  });
});

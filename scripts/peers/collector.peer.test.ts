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
  peer,
  post,
  type Running,
  root,
  start,
  startMisstep,
  until,
} from './kit.ts';

const otelcol = peer('otelcol');
if (!otelcol) process.stderr.write(`${absent('otelcol')}\n`);

const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

/** A Collector as backend: takes both protocols and writes what it gets into a file. */
async function startCollectorBackend(grpc: number, http: number): Promise<() => FlatSpan[]> {
  const out = join(mkdtempSync(join(tmpdir(), 'misstep-peer-')), 'out.jsonl');
  const config = file(
    'backend.yaml',
    `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
exporters: {file: {path: "${out}", flush_interval: 100ms}}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [file]}}
  telemetry: {metrics: {level: none}}
`,
  );
  running.push(await start(otelcol as string, ['--config', config], [grpc, http]));
  return () =>
    existsSync(out)
      ? readFileSync(out, 'utf8')
          .split('\n')
          .filter(Boolean)
          .flatMap((line) => flat(JSON.parse(line)))
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
    ['otlp_grpc', 'otlp_grpc'],
    ['otlp_http', 'otlp_http'],
    ['otlp_grpc', 'otlp_http'],
  ])('sends by %s and receives by %s', async (into, outOf) => {
    const [app, appGrpc, grpc, http, backGrpc, backHttp] = await six();
    const spans = await startCollectorBackend(backGrpc, backHttp);
    const exporter = (type: string, toGrpc: number, toHttp: number): string =>
      type === 'otlp_grpc'
        ? `{otlp_grpc: {endpoint: "127.0.0.1:${toGrpc}", tls: {insecure: true}}}`
        : `{otlp_http: {endpoint: "http://127.0.0.1:${toHttp}"}}`;
    const misstep = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpc}"}, http: {endpoint: "127.0.0.1:${http}"}}}}
processors: {detect: , batch: {timeout: 100ms}}
exporters: ${exporter(outOf, backGrpc, backHttp)}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect, batch], exporters: [${outOf}]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(await startMisstep(file('misstep.yaml', misstep), [grpc, http]));
    // The Collector's exporters compress with gzip unless told otherwise.
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

describe.runIf(otelcol)('a circle', () => {
  test("misstep's own carriers that come back are counted and make no new ones", async () => {
    const [app, appGrpc, misstep, , backGrpc, backHttp] = await six();
    const [metrics = 0] = await freePorts(1);
    const spans = await startCollectorBackend(backGrpc, backHttp);
    // What detects sends goes to the Collector's only receiver, which sends to misstep again.
    const own = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${misstep}"}}}}
processors: {detect: {output: detections}}
exporters: {otlp_http: {endpoint: "http://127.0.0.1:${app}"}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]}}
`;
    const collector = `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${appGrpc}"}, http: {endpoint: "127.0.0.1:${app}"}}}}
exporters:
  otlp_http/misstep: {endpoint: "http://127.0.0.1:${misstep}"}
  otlp_grpc/backend: {endpoint: "127.0.0.1:${backGrpc}", tls: {insecure: true}}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http/misstep, otlp_grpc/backend]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(await startMisstep(file('misstep.yaml', own), [misstep, metrics]));
    running.push(await start(otelcol as string, ['--config', file('collector.yaml', collector)], [app, appGrpc]));
    await post(app, demoRun(4).whole);
    await until('own spans to be counted', async () => {
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const line = page.split('\n').find((one) => one.startsWith('misstep_detect_own_spans'));
      return Number(line?.split(' ').at(-1) ?? 0) > 0;
    });
    const ids = spans()
      .filter((span) => span.scope === 'misstep')
      .map((span) => span.spanId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(spans().filter((span) => span.name.startsWith('evaluate evaluate'))).toEqual([]);
  });
});

// A Collector's tail sampler behind misstep keeps what has findings; before it, what is not found is no pass.
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { absent, file, freePorts, note, peer, post, root, start, startBackend, startMisstep, until } from './kit.ts';
import { foundIn, sessions, together } from './sessions.ts';

const otelcol = peer('otelcol-misstep');
if (!otelcol) note(absent('otelcol-misstep'));

const stops: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function two(): Promise<[number, number, number]> {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  return [a, b, c];
}

describe.runIf(otelcol)('tail_sampling', () => {
  test('behind misstep keeps every trace with a finding, and few others', async () => {
    const [app, annotated] = await two();
    const backend = await startBackend();
    const env = {
      ANNOTATED_GRPC: `127.0.0.1:${annotated}`,
      BACKEND_HTTP: backend.url.slice('http://'.length),
      DECISION_WAIT: '1s',
    };
    const collector = await start(
      otelcol as string,
      ['--config', join(root, 'examples/sampling/collector.yaml')],
      [annotated],
      env,
    );
    const misstep = await startMisstep(
      file(
        'misstep.yaml',
        `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${app}"}}}}
processors: {detect: }
exporters: {otlp_grpc: {endpoint: "127.0.0.1:${annotated}", tls: {insecure: true}}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [otlp_grpc]}}
  telemetry: {metrics: {level: none}}
`,
      ),
      [app],
    );
    stops.push(
      () => misstep.stop(),
      () => collector.stop(),
      () => backend.close(),
    );
    const all = sessions(120, Date.now());
    for (const t of [0, 1]) await post(app, together(all.map(({ requests }) => requests[t] as object)));
    const loops = () => foundIn(backend.spans, all).filter((one) => one.endsWith(' loop'));
    const failing = all.filter((one) => one.failing);
    await until('every loop', () => loops().length === failing.length);
    const kept = new Set(backend.spans.map(({ traceId }) => traceId));
    const quiet = all.filter((one) => !one.failing).flatMap(({ traceIds }) => traceIds);
    const others = quiet.filter((traceId) => kept.has(traceId)).length;
    note(
      `tail_sampling behind misstep: ${loops().length} of ${failing.length} loops kept, ${others} of ${quiet.length} other traces`,
    );
    expect(others).toBeLessThan(quiet.length / 3);
  });

  test.each([
    ['auto', [], 'pass'],
    ['traces', [], 'insufficient_data'],
    ['auto', ['--feature-gates=processor.tailsamplingprocessor.recordpolicy'], 'insufficient_data'],
  ] as const)('before misstep, sampled: %s, %j: %s', async (sampled, gates, outcome) => {
    const [app, to, metrics] = await two();
    const collector = await start(
      otelcol as string,
      [
        '--config',
        file(
          'collector.yaml',
          `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${app}"}}}}
processors: {tail_sampling: {decision_wait: 1s, policies: [{name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}]}}
exporters: {otlp_http: {endpoint: "http://127.0.0.1:${to}"}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [otlp_http]}}
  telemetry: {metrics: {level: none}}
`,
        ),
        ...gates,
      ],
      [app],
    );
    const misstep = await startMisstep(
      file(
        'misstep.yaml',
        `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${to}"}}}}
processors: {detect: {sampled: ${sampled}, idle: 2s}}
exporters: {nop: }
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [nop]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]}}
`,
      ),
      [to, metrics],
    );
    stops.push(
      () => misstep.stop(),
      () => collector.stop(),
    );
    const all = sessions(40, Date.now()).filter((one) => !one.failing);
    for (const t of [0, 1]) await post(app, together(all.map(({ requests }) => requests[t] as object)));
    const loop = async (): Promise<Record<string, number>> => {
      const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const lines = page.split('\n').filter((line) => line.startsWith('misstep_detector_windows') && line.includes('"loop"'));
      return Object.fromEntries(lines.map((line) => [/outcome="(\w+)"/.exec(line)?.[1] ?? '', Number(line.split(' ').at(-1))]));
    };
    await until('windows to close', async () => Object.values(await loop()).some((n) => n >= 10));
    const ended = Object.entries(await loop()).filter(([, n]) => n > 0);
    expect(ended.map(([name]) => name)).toEqual([outcome]);
  });
});

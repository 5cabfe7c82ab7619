// A real Phoenix behind misstep: findings are annotations of its spans, once each however often they are sent, and gone when withdrawn.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { detectionId, loggedBatch } from '../../src/detector/testing/logged.ts';
import { demoRun, file, folder, freePorts, installed, note, post, type Running, run, start, startMisstep, until } from './kit.ts';

const VERSION = 'arize-phoenix==20.26.1';

const tool = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;
if (!tool) note('skipped: no python3 with venv');

interface Annotation {
  readonly span_id: string;
  readonly name: string;
  readonly identifier: string;
  readonly annotator_kind: string;
  readonly result: { readonly label: string; readonly score: number; readonly explanation: string };
}

describe.runIf(tool)(`Phoenix (${VERSION})`, () => {
  const running: Running[] = [];
  let phoenix = 0;
  let http = 0;
  let metrics = 0;

  beforeAll(async () => {
    const cwd = installed('phoenix', VERSION, (into) => {
      run('python3', ['-m', 'venv', 'venv'], into);
      run(join(into, 'venv/bin/python'), ['-m', 'pip', 'install', '--quiet', VERSION], into);
    });
    [phoenix = 0, http = 0, metrics = 0] = await freePorts(3);
    const [grpc = 0] = await freePorts(1);
    running.push(
      await start(
        join(cwd, 'venv/bin/python'),
        ['-m', 'phoenix.server.main', 'serve'],
        [phoenix],
        {
          PHOENIX_HOST: '127.0.0.1',
          PHOENIX_PORT: String(phoenix),
          PHOENIX_GRPC_PORT: String(grpc),
          PHOENIX_WORKING_DIR: folder('phoenix'),
          PHOENIX_TELEMETRY_ENABLED: 'false',
        },
        120_000,
      ),
    );
    const own = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}"}}}}
processors: {detect: }
connectors: {detections: }
exporters:
  otlp_http: {endpoint: "http://127.0.0.1:${phoenix}", compression: none}
  phoenix: {endpoint: "http://127.0.0.1:${phoenix}", sending_queue: {num_consumers: 1}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [detect], exporters: [otlp_http, detections]}
    logs: {receivers: [otlp, detections], exporters: [phoenix]}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]}}
`;
    running.push(await startMisstep(file('misstep.yaml', own), [http, metrics]));
  }, 900_000);

  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
  });

  async function annotations(query: string): Promise<readonly Annotation[]> {
    const response = await fetch(`http://127.0.0.1:${phoenix}/v1/projects/default/span_annotations?${query}`);
    if (response.status !== 200) return [];
    return ((await response.json()) as { readonly data: readonly Annotation[] }).data;
  }

  async function send(...changes: Parameters<typeof loggedBatch>[0]): Promise<void> {
    const body = loggedBatch(changes).chunks[0] as Uint8Array<ArrayBuffer>;
    const headers = { 'content-type': 'application/x-protobuf' };
    const response = await fetch(`http://127.0.0.1:${http}/v1/logs`, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
  }

  /** Findings that Phoenix answered for. */
  async function sent(): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    return Number(/^otelcol_exporter_sent_log_records(?:_total)?{[^}]*exporter="phoenix"[^}]*} (\d+)/m.exec(page)?.[1] ?? 0);
  }

  test('a finding is an annotation, sent again it is the same, withdrawn it is gone', async () => {
    const played = demoRun(0x21);
    await post(http, played.whole);
    const spans = played.whole.resourceSpans[0].scopeSpans[0].spans as readonly { readonly spanId: string }[];
    const all = spans.map(({ spanId }) => `span_ids=${spanId}`).join('&');
    let found: readonly Annotation[] = [];
    await until(
      'three annotations in Phoenix',
      async () => {
        found = await annotations(all);
        return found.length >= 3;
      },
      60_000,
    );
    expect(found.map(({ name }) => name).sort()).toEqual(['injection', 'injection', 'loop']);
    const loop = found.find(({ name }) => name === 'loop') as Annotation;
    expect(loop).toMatchObject({ annotator_kind: 'CODE', result: { label: 'fail' } });
    expect(loop.result.explanation).toContain('web_search');

    const same = {
      'misstep.detection.id': loop.identifier,
      'misstep.detection.target.trace_id': played.traceId,
      'misstep.detection.target.span_id': loop.span_id,
    };
    const before = await sent();
    await send({ ...same, 'gen_ai.evaluation.explanation': 'said twice' });
    await until(
      'the changed annotation',
      async () => (await annotations(all)).some(({ result }) => result.explanation === 'said twice'),
      60_000,
    );
    expect((await annotations(all)).length).toBe(3);
    expect(await sent()).toBe(before + 1);

    await send({ ...same, 'gen_ai.evaluation.score.label': 'withdrawn' });
    await until('the annotation to go', async () => (await annotations(all)).length === 2, 60_000);
  }, 240_000);

  test('a finding of a span that never comes is no trouble', async () => {
    const before = await sent();
    await send({ 'misstep.detection.id': detectionId(77) });
    await until('Phoenix to take it', async () => (await sent()) === before + 1);
    expect(await annotations(`identifier=${detectionId(77)}`)).toEqual([]);
  }, 60_000);
});

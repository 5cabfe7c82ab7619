// A real Jaeger behind misstep: the detection is seen in Jaeger's API on the offending span, and as a carrier span when late.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absent, demoRun, file, freePorts, note, peer, post, type Running, start, startMisstep, until } from './kit.ts';

const jaeger = peer('jaeger');
if (!jaeger) note(absent('jaeger'));

interface Tag {
  readonly key: string;
  readonly value: unknown;
}
interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
  readonly tags: readonly Tag[];
  readonly logs: readonly { readonly fields: readonly Tag[] }[];
}

const value = (tags: readonly Tag[], key: string): unknown => tags.find((tag) => tag.key === key)?.value;

describe.runIf(jaeger).each(['otlp_grpc', 'otlp_http'])('Jaeger, by %s with gzip', (by) => {
  const running: Running[] = [];
  let http = 0;
  let query = 0;

  beforeAll(async () => {
    const [otlpGrpc = 0, otlpHttp = 0, queryHttp = 0, queryGrpc = 0, misstep = 0] = await freePorts(5);
    http = misstep;
    query = queryHttp;
    const config = `
extensions:
  jaeger_storage: {backends: {memory: {memory: {max_traces: 1000}}}}
  jaeger_query: {storage: {traces: memory}, http: {endpoint: "127.0.0.1:${queryHttp}"}, grpc: {endpoint: "127.0.0.1:${queryGrpc}"}}
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${otlpGrpc}"}, http: {endpoint: "127.0.0.1:${otlpHttp}"}}}}
exporters: {jaeger_storage_exporter: {trace_storage: memory}}
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(
      await start(jaeger as string, ['--config', file('jaeger.yaml', config)], [otlpGrpc, otlpHttp, queryHttp, queryGrpc]),
    );
    const own = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${misstep}"}}}}
processors: {detect: }
exporters:
  otlp_grpc: {endpoint: "127.0.0.1:${otlpGrpc}", tls: {insecure: true}, compression: gzip}
  otlp_http: {endpoint: "http://127.0.0.1:${otlpHttp}", compression: gzip}
service:
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [${by}]}}
  telemetry: {metrics: {level: none}}
`;
    running.push(await startMisstep(file('misstep.yaml', own), [misstep]));
  });

  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
  });

  async function trace(traceId: string): Promise<readonly JaegerSpan[]> {
    const response = await fetch(`http://127.0.0.1:${query}/api/traces/${traceId}`);
    if (response.status !== 200) return [];
    const { data } = (await response.json()) as { readonly data?: readonly { readonly spans: readonly JaegerSpan[] }[] };
    return data?.[0]?.spans ?? [];
  }

  /** Ids of traces that a search finds; `tags` as docs/backends/jaeger.md writes them. */
  async function found(tags: Readonly<Record<string, string>>, more = ''): Promise<readonly string[]> {
    const search = new URLSearchParams({ service: 'market-brief', tags: JSON.stringify(tags), limit: '100' });
    const response = await fetch(`http://127.0.0.1:${query}/api/traces?${search}${more}`);
    const { data } = (await response.json()) as { readonly data?: readonly { readonly traceID: string }[] };
    return (data ?? []).map(({ traceID }) => traceID);
  }

  test('a detection in the same request is an event and attributes of the offending span', async () => {
    const played = demoRun(0x11);
    await post(http, played.whole);
    let spans: readonly JaegerSpan[] = [];
    await until('the trace in Jaeger', async () => {
      spans = await trace(played.traceId);
      return spans.length >= played.names.length;
    });
    const offending = spans.filter((span) =>
      span.logs.some(
        ({ fields }) =>
          value(fields, 'event') === 'gen_ai.evaluation.result' && value(fields, 'gen_ai.evaluation.name') === 'loop',
      ),
    );
    expect(offending.map((span) => span.operationName)).toContain('execute_tool web_search');
    expect(String(value(offending[0]?.tags ?? [], 'misstep.detections'))).toContain('loop');
  });

  test('a late detection is a carrier span under the offending span', async () => {
    const played = demoRun(0x12);
    for (const request of played.perSpan) await post(http, request);
    let carriers: readonly JaegerSpan[] = [];
    let spans: readonly JaegerSpan[] = [];
    await until('a carrier in Jaeger', async () => {
      spans = await trace(played.traceId);
      carriers = spans.filter((span) => span.operationName === 'evaluate loop');
      return carriers.length > 0 && spans.length - carriers.length >= played.names.length;
    });
    const [carrier] = carriers;
    // The carrier names its target twice, as parent and as link. Jaeger keeps one reference for a span, the link's, and draws
    // the span under whatever its first reference names.
    const [first] = carrier?.references ?? [];
    const target = spans.find((span) => span.spanID === first?.spanID);
    expect(target?.operationName).toBe('execute_tool web_search');
    expect(value(carrier?.tags ?? [], 'misstep.detection.target.span_id')).toBe(target?.spanID);
    expect(value(carrier?.tags ?? [], 'misstep.detection.late')).toBe(true);
  });

  // In place fields of the event or attributes of the span are hit; late, attributes of the carrier.
  test.each([
    ['in place', 0x13, { 'gen_ai.evaluation.name': 'loop' }, ''],
    ['in place', 0x14, { 'misstep.detection.severity': 'high' }, ''],
    ['in place', 0x15, { 'misstep.detections': '["loop"]' }, ''],
    ['late', 0x16, { 'gen_ai.evaluation.name': 'loop' }, ''],
    ['late', 0x17, { 'misstep.detection.severity': 'high' }, ''],
    ['late', 0x18, { 'misstep.detection.confidence.tier': 'HIGH' }, '&operation=evaluate%20loop'],
  ] as const)('docs/backends/jaeger.md: a finding %s is found (%i) by %j%s', async (how, seed, tags, operation) => {
    const played = demoRun(seed);
    for (const request of how === 'late' ? played.perSpan : [played.whole]) await post(http, request);
    await until('the search to find the trace', async () => (await found(tags, operation)).includes(played.traceId));
    expect(await found({ 'gen_ai.evaluation.name': 'nothing_of_this_name' })).toEqual([]);
  });
});

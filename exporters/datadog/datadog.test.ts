// Findings against the contract of Datadog's evaluation metrics intake, as dd-trace-js 5.132.0 writes it (llmobs/sdk.js `submitEvaluation`,
// llmobs/eval-metric.js, llmobs/constants/writers.js) and Datadog's pages on OpenTelemetry spans (tag `source:otel`, decimal ids) and
// external evaluations (labels) narrow it.
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createBudget } from '../../src/component/budget.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { scoreServer } from '../../src/component/testing-scores.ts';
import { detectionId, loggedBatch, spanId, timeMs, traceId } from '../../src/detector/testing/logged.ts';
import { Double } from '../../src/otlp/write.ts';
import { factory } from './datadog.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const PAYLOAD_BYTES = 5 * 1024 * 1024;

const decimalId = z.string().regex(/^[1-9][0-9]*$/);
const evaluation = z.strictObject({
  event_kind: z.literal('evaluation'),
  join_on: z.strictObject({ span: z.strictObject({ span_id: decimalId, trace_id: decimalId }) }),
  label: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,199}$/),
  metric_type: z.literal('score'),
  score_value: z.number(),
  ml_app: z.string().min(1).max(193),
  timestamp_ms: z.int().min(0),
  tags: z.array(z.string().regex(/^[^:]+:.+$/)),
  reasoning: z.string(),
  assessment: z.enum(['pass', 'fail']),
});
const payload = z.strictObject({
  data: z.strictObject({
    type: z.literal('evaluation_metric'),
    attributes: z.strictObject({ metrics: z.array(evaluation).min(1).max(1_000) }),
  }),
});

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function intake(more: object = {}) {
  const server = await scoreServer(({ method, path, headers, body }) => {
    if (method !== 'POST' || path !== '/api/intake/llm-obs/v2/eval-metric') return { status: 404 };
    if (headers['dd-api-key'] !== KEY) return { status: 403, body: '{"errors":["API key is invalid"]}' };
    const { error } = payload.safeParse(body);
    return error === undefined ? { status: 202, body: '{}' } : { status: 400, body: z.prettifyError(error) };
  });
  const options = factory.options.parse({
    api: { key: KEY },
    endpoint: server.url,
    sending_queue: { num_consumers: 1 },
    ...more,
  });
  const exporter = factory.create('datadog', options, { budget: createBudget(1e9) });
  const host = testHost();
  await exporter.start(host);
  ends.push(
    () => server.close(),
    () => exporter.shutdown(AbortSignal.timeout(1_000)),
  );
  return {
    host,
    exporter,
    server,
    metrics: () => server.asked.flatMap(({ body }) => payload.parse(body).data.attributes.metrics),
  };
}

test('a finding is an evaluation of its span', async () => {
  const { exporter, host, metrics } = await intake();
  await exporter.consume(loggedBatch([{}]));
  await until(() => host.books.sent === 1);
  expect(metrics()).toEqual([
    {
      event_kind: 'evaluation',
      join_on: { span: { trace_id: BigInt(`0x${traceId}`).toString(), span_id: BigInt(`0x${spanId}`).toString() } },
      ml_app: 'demo',
      timestamp_ms: timeMs,
      label: 'loop',
      metric_type: 'score',
      score_value: 0.9,
      assessment: 'fail',
      reasoning: 'again and again',
      tags: [
        'source:otel',
        'ml_app:demo',
        `detection_id:${detectionId(1)}`,
        'revision:0',
        'severity:high',
        'category:execution',
        'confidence_tier:HIGH',
      ],
    },
  ]);
});

test('what is withdrawn is said again as passed', async () => {
  const { exporter, host, metrics } = await intake();
  await exporter.consume(loggedBatch([{ 'gen_ai.evaluation.score.label': 'withdrawn' }]));
  await until(() => host.books.sent === 1);
  expect(metrics()).toMatchObject([{ label: 'loop', score_value: 0, assessment: 'pass' }]);
  expect(metrics()[0]?.tags).toContain('withdrawn:true');
});

test('the same records are the same evaluations', async () => {
  const { exporter, host, server } = await intake();
  for (const _ of [1, 2]) await exporter.consume(loggedBatch([{}, { 'misstep.detection.revision': 3 }]));
  await until(() => host.books.sent === 4);
  const twice = server.asked.flatMap(({ body }) => payload.parse(body).data.attributes.metrics);
  expect(new Set(twice.map((one) => JSON.stringify(one))).size).toBe(2);
});

test('ml_app stands above service.name; without either a finding is rejected and said', async () => {
  const named = await intake({ ml_app: 'shop' });
  await named.exporter.consume(loggedBatch([{}]));
  await until(() => named.host.books.sent === 1);
  expect(named.metrics()).toMatchObject([{ ml_app: 'shop' }]);
  const nameless = await intake();
  await nameless.exporter.consume(loggedBatch([{}], {}));
  await until(() => nameless.host.books.dropped['permanent'] === 1);
  expect(JSON.stringify(nameless.host.logs)).toContain('Set ml_app.');
});

test('1,000 findings with the longest texts are one request below the limit', async () => {
  const { exporter, host, server } = await intake({ sending_queue: undefined });
  const longest = { 'gen_ai.evaluation.explanation': 'x'.repeat(1_000), 'misstep.detection.message': 'x'.repeat(255) };
  await exporter.consume(loggedBatch(Array.from({ length: 2_500 }, () => longest)));
  await exporter.shutdown(AbortSignal.timeout(5_000));
  expect(host.books.sent).toBe(2_500);
  expect(server.asked.map(({ body }) => payload.parse(body).data.attributes.metrics.length)).toEqual([1_000, 1_000, 500]);
  for (const { body } of server.asked) expect(JSON.stringify(body).length).toBeLessThan(PAYLOAD_BYTES);
});

test('a wrong key is final, says what to look at, and is not shown', async () => {
  const { exporter, host } = await intake({ api: { key: 'wrong-key-of-nobody' } });
  await exporter.consume(loggedBatch([{ 'gen_ai.evaluation.score.value': new Double(1) }]));
  await until(() => host.books.dropped['permanent'] === 1);
  expect(JSON.stringify(host.logs)).toContain('Check api.key, and that it belongs to api.site.');
  expect(JSON.stringify(host.logs)).not.toContain('wrong-key-of-nobody');
});

test.each([
  [{}, 'api'],
  [{ api: { key: '' } }, 'api.key'],
  [{ api: { key: KEY, site: 'https://datadoghq.eu' } }, 'api.site'],
  [{ api: { key: KEY }, ml_app: '' }, 'ml_app'],
  [{ api: { key: KEY }, endpoint: 'http://169.254.169.254' }, 'endpoint'],
])('%j is refused', (given, where) => {
  expect(factory.options.safeParse(given).error?.issues.map(({ path }) => path.join('.'))).toContain(where);
});

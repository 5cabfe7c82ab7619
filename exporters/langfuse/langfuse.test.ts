// Findings against the contract of Langfuse's scores API, as @langfuse/core 5.11.1 types it (`CreateScoreRequest`, `scores.create`,
// `legacy.scoreV1.delete`) and the server narrows it (environments, 404 for a score that is not there).
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createBudget } from '../../src/component/budget.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { type Asked, type Said, scoreServer } from '../../src/component/testing-scores.ts';
import { detectionId, loggedBatch, spanId, traceId } from '../../src/detector/testing/logged.ts';
import { Double } from '../../src/otlp/write.ts';
import { factory } from './langfuse.ts';

const PUBLIC = 'pk-lf-of-nobody';
const SECRET = 'sk-lf-of-nobody';

const request = z.strictObject({
  id: z.string().min(1),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  observationId: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string().min(1),
  value: z.number(),
  dataType: z.literal('NUMERIC'),
  comment: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  environment: z
    .string()
    .regex(/^(?!langfuse)[a-z0-9_-]+$/)
    .max(40)
    .optional(),
});

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A Langfuse that keeps scores by id; `instead` may answer first. */
async function langfuse(more: object = {}, instead: (asked: Asked, n: number) => Said | undefined = () => undefined) {
  const scores = new Map<string, z.output<typeof request>>();
  const server = await scoreServer((asked, n) => {
    const { method, path, headers, body } = asked;
    const said = instead(asked, n);
    if (said !== undefined) return said;
    if (headers.authorization !== `Basic ${Buffer.from(`${PUBLIC}:${SECRET}`).toString('base64')}`) return { status: 401 };
    const id = /^\/api\/public\/scores\/([^/]+)$/.exec(path)?.[1];
    if (method === 'DELETE' && id !== undefined) return { status: scores.delete(id) ? 202 : 404 };
    if (method !== 'POST' || path !== '/api/public/scores') return { status: 405 };
    const { data, error } = request.safeParse(body);
    if (data === undefined) return { status: 400, body: JSON.stringify({ message: z.prettifyError(error) }) };
    scores.set(data.id, data);
    return { status: 200, body: JSON.stringify({ id: data.id }) };
  });
  const keys = { public_key: PUBLIC, secret_key: SECRET };
  const quick = { sending_queue: { num_consumers: 1 }, retry_on_failure: { initial_interval: '1ms', max_interval: '1ms' } };
  const options = factory.options.parse({ endpoint: server.url, ...keys, ...quick, ...more });
  const exporter = factory.create('langfuse', options, { budget: createBudget(1e9) });
  const host = testHost();
  await exporter.start(host);
  ends.push(
    () => server.close(),
    () => exporter.shutdown(AbortSignal.timeout(1_000)),
  );
  return { scores, server, exporter, host };
}

test('a finding is a score of the observation, its id the detection’s', async () => {
  const { scores, exporter, host } = await langfuse();
  await exporter.consume(loggedBatch([{}], { 'service.name': 'demo', 'deployment.environment.name': 'staging' }));
  await until(() => host.books.sent === 1);
  expect([...scores.values()]).toEqual([
    {
      id: detectionId(1),
      traceId,
      observationId: spanId,
      name: 'loop',
      value: 0.9,
      dataType: 'NUMERIC',
      comment: 'again and again',
      environment: 'staging',
      metadata: {
        'misstep.detection.id': detectionId(1),
        'misstep.detection.revision': 0,
        'misstep.detection.category': 'execution',
        'misstep.detection.severity': 'high',
        'misstep.detection.confidence.tier': 'HIGH',
        'misstep.detection.message': 'repeated',
        'misstep.detector.version': 1,
        'gen_ai.agent.name': 'researcher',
      },
    },
  ]);
});

test('what is sent again or grows overwrites; what is withdrawn is gone', async () => {
  const { scores, exporter, host } = await langfuse();
  const same = { 'misstep.detection.id': detectionId(9) };
  await exporter.consume(loggedBatch([same]));
  await exporter.consume(loggedBatch([same]));
  await exporter.consume(
    loggedBatch([{ ...same, 'misstep.detection.revision': 1, 'gen_ai.evaluation.score.value': new Double(0.95) }]),
  );
  await until(() => host.books.sent === 3);
  expect([...scores.values()].map(({ value }) => value)).toEqual([0.95]);
  await exporter.consume(loggedBatch([{ ...same, 'gen_ai.evaluation.score.label': 'withdrawn' }]));
  await until(() => host.books.sent === 4);
  expect(scores.size).toBe(0);
});

test('a score that is not there, for it was never sent, is withdrawn all the same', async () => {
  const { exporter, host } = await langfuse();
  await exporter.consume(loggedBatch([{ 'gen_ai.evaluation.score.label': 'withdrawn' }]));
  await until(() => host.books.sent === 1);
});

test('one score that is refused costs the others nothing', async () => {
  const { scores, exporter, host } = await langfuse({}, (_asked, n) =>
    n === 2 ? { status: 400, body: '{"message":"no"}' } : undefined,
  );
  await exporter.consume(loggedBatch([{}, {}, {}]));
  await until(() => host.books.sent === 2 && host.books.rejected === 1);
  expect(scores.size).toBe(2);
  expect(host.difference()).toBe(0);
});

test('a rate limit is waited out and nothing is lost', async () => {
  const busy = { status: 429, headers: { 'retry-after': '0' } };
  const { scores, exporter, host } = await langfuse({}, (_asked, n) => (n % 2 === 1 ? busy : undefined));
  await exporter.consume(loggedBatch([{}, {}, {}]));
  await until(() => host.books.sent === 3);
  expect(scores.size).toBe(3);
});

test.each([
  ['staging', 'staging'],
  ['Staging', undefined],
  ['langfuse-own', undefined],
  ['x'.repeat(41), undefined],
])('environment %s of a resource becomes %s', async (named, wanted) => {
  const { scores, exporter, host } = await langfuse();
  await exporter.consume(loggedBatch([{}], { 'deployment.environment': named }));
  await until(() => host.books.sent === 1);
  expect([...scores.values()][0]?.environment).toBe(wanted);
});

test('wrong keys are final and are not shown', async () => {
  const { exporter, host } = await langfuse({ secret_key: 'sk-lf-wrong-of-nobody' });
  await exporter.consume(loggedBatch([{}]));
  await until(() => host.books.dropped['permanent'] === 1);
  expect(JSON.stringify(host.logs)).toContain('Check public_key and secret_key');
  expect(JSON.stringify(host.logs)).not.toContain('wrong-of-nobody');
});

test.each([
  [{ public_key: PUBLIC }, 'secret_key'],
  [{ public_key: '', secret_key: SECRET }, 'public_key'],
  [{ public_key: PUBLIC, secret_key: SECRET, environment: 'Prod' }, 'environment'],
  [{ public_key: PUBLIC, secret_key: SECRET, endpoint: 'cloud.langfuse.com' }, 'endpoint'],
])('%j is refused', (given, where) => {
  expect(factory.options.safeParse(given).error?.issues.map(({ path }) => path.join('.'))).toContain(where);
});

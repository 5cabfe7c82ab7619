// Findings against the contract of Phoenix's annotations API, as @arizeai/phoenix-client 6.14.2 types it (`annotateSpans`,
// `deleteSpanAnnotations`) and arize-phoenix 20.26.1 keeps it: by (name, span, identifier). The real server: scripts/peers/phoenix.peer.test.ts.
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createBudget } from '../../src/component/budget.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { type Said, scoreServer } from '../../src/component/testing-scores.ts';
import { detectionId, loggedBatch, spanId } from '../../src/detector/testing/logged.ts';
import { factory } from './phoenix.ts';

const KEY = 'phoenix-key-of-nobody';

const annotation = z.strictObject({
  span_id: z.string().regex(/^[0-9a-f]{16}$/),
  // Phoenix keeps `note` for itself.
  name: z
    .string()
    .min(1)
    .refine((name) => name !== 'note'),
  annotator_kind: z.enum(['LLM', 'CODE', 'HUMAN']),
  result: z.strictObject({ label: z.string(), score: z.number(), explanation: z.string() }),
  metadata: z.record(z.string(), z.unknown()),
  identifier: z.string(),
});
const body = z.strictObject({ data: z.array(annotation) });
const query = z.strictObject({
  identifier: z.string().min(1),
  annotator_kind: z.enum(['LLM', 'CODE', 'HUMAN']),
  delete_all: z.literal('true'),
});

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function phoenix(more: object = {}, projects: readonly string[] = ['default']) {
  const kept = new Map<string, z.output<typeof annotation>>();
  const answer = (method: string, url: URL, said: unknown): Said => {
    const project = /^\/v1\/projects\/([^/]+)\/span_annotations$/.exec(url.pathname)?.[1];
    if (method === 'DELETE' && project !== undefined) {
      const { data, error } = query.safeParse(Object.fromEntries(url.searchParams));
      if (data === undefined) return { status: 422, body: z.prettifyError(error) };
      if (!projects.includes(decodeURIComponent(project))) return { status: 404, body: 'Project not found' };
      for (const [key, { identifier }] of kept) if (identifier === data.identifier) kept.delete(key);
      return { status: 204 };
    }
    if (method !== 'POST' || url.pathname !== '/v1/span_annotations') return { status: 405 };
    const { data, error } = body.safeParse(said);
    if (data === undefined) return { status: 422, body: z.prettifyError(error) };
    for (const one of data.data) kept.set(`${one.name} ${one.span_id} ${one.identifier}`, one);
    return { status: 200, body: '{"data":[]}' };
  };
  const server = await scoreServer(({ method, path, headers, body: said }) =>
    headers.authorization === `Bearer ${KEY}`
      ? answer(method, new URL(path, 'http://x'), said)
      : { status: 401, body: 'Invalid token' },
  );
  const options = factory.options.parse({ endpoint: server.url, api_key: KEY, sending_queue: { num_consumers: 1 }, ...more });
  const exporter = factory.create('phoenix', options, { budget: createBudget(1e9) });
  const host = testHost();
  await exporter.start(host);
  ends.push(
    () => server.close(),
    () => exporter.shutdown(AbortSignal.timeout(1_000)),
  );
  return { kept, server, exporter, host };
}

test('a finding is an annotation of its span', async () => {
  const { kept, exporter, host } = await phoenix();
  await exporter.consume(loggedBatch([{}]));
  await until(() => host.books.sent === 1);
  expect([...kept.values()]).toMatchObject([
    {
      span_id: spanId,
      name: 'loop',
      annotator_kind: 'CODE',
      result: { label: 'fail', score: 0.9, explanation: 'again and again' },
      identifier: detectionId(1),
      metadata: { 'misstep.detection.severity': 'high' },
    },
  ]);
});

test('many findings are one request', async () => {
  const { kept, server, exporter, host } = await phoenix();
  await exporter.consume(loggedBatch(Array.from({ length: 100 }, () => ({}))));
  await until(() => host.books.sent === 100);
  expect([kept.size, server.asked.length]).toEqual([100, 1]);
});

test('what is sent again overwrites; what grows leaves no annotation on the span it was on', async () => {
  const { kept, exporter, host } = await phoenix();
  const same = { 'misstep.detection.id': detectionId(9) };
  await exporter.consume(loggedBatch([same]));
  await exporter.consume(loggedBatch([same]));
  await exporter.consume(
    loggedBatch([{ ...same, 'misstep.detection.revision': 1, 'misstep.detection.target.span_id': '00f067aa0ba902b7' }]),
  );
  await until(() => host.books.sent === 3);
  expect([...kept.values()].map(({ span_id }) => span_id)).toEqual(['00f067aa0ba902b7']);
});

test('what is withdrawn is gone, others stay', async () => {
  const { kept, exporter, host } = await phoenix();
  await exporter.consume(loggedBatch([{}, {}]));
  await until(() => host.books.sent === 2);
  await exporter.consume(loggedBatch([{ 'gen_ai.evaluation.score.label': 'withdrawn' }]));
  await until(() => host.books.sent === 3);
  expect([...kept.values()].map(({ identifier }) => identifier)).toEqual([detectionId(2)]);
});

test('deletes name the project of the span, else the configured one; one that is unknown has nothing to delete', async () => {
  const { server, exporter, host } = await phoenix({ project: 'my shop' }, ['my shop']);
  const withdrawn = [{ 'gen_ai.evaluation.score.label': 'withdrawn' }];
  await exporter.consume(loggedBatch(withdrawn));
  await exporter.consume(loggedBatch(withdrawn, { 'openinference.project.name': 'a/b' }));
  await until(() => host.books.sent === 2);
  expect(server.asked.map(({ path }) => path.split('/')[3])).toEqual(['my%20shop', 'a%2Fb']);
});

test('a wrong key is final and is not shown', async () => {
  const { exporter, host } = await phoenix({ api_key: 'wrong-key-of-nobody' });
  await exporter.consume(loggedBatch([{}]));
  await until(() => host.books.dropped['permanent'] === 1);
  expect(JSON.stringify(host.logs)).toContain('Check api_key.');
  expect(JSON.stringify(host.logs)).not.toContain('wrong-key-of-nobody');
});

test.each([
  [{ project: 'a/b' }, 'project'],
  [{ api_key: '' }, 'api_key'],
  [{ endpoint: 'localhost:6006' }, 'endpoint'],
])('%j is refused', (given, where) => {
  expect(factory.options.safeParse(given).error?.issues.map(({ path }) => path.join('.'))).toContain(where);
});

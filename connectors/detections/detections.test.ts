import { expect, test } from 'vitest';
import type { Batch, Signal } from '../../src/batch/batch.ts';
import { type Consumer, Refused } from '../../src/component/component.ts';
import { testHost, tracesOf } from '../../src/component/testing.ts';
import { EVENT_NAME, SCOPE_NAME } from '../../src/detector/emit.ts';
import { protobufToJson } from '../../src/otlp/json.ts';
import { Double, writeTraces } from '../../src/otlp/write.ts';
import { factory } from './detections.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

type Changes = Readonly<Record<string, string | number>>;

/** A carrier span of findings, as `detect` writes it. */
function finding(changes: Changes | readonly Changes[] = {}): Batch {
  const list = Array.isArray(changes) ? (changes as readonly Changes[]) : [changes as Changes];
  const events = list.map((one) => ({ timeNs: 1n, name: EVENT_NAME, attributes: attributesOf(one) }));
  const span = { traceId, spanId: 'aaaaaaaaaaaaaaaa', parentId: spanId, traceState: '', flags: 0, name: 'misstep loop', kind: 1 };
  const spans = [{ ...span, startNs: 1n, endNs: 2n, attributes: { 'misstep.detections': ['loop'] }, events, links: [] }];
  const body = writeTraces([{ resource: { 'service.name': 'demo' }, scope: { name: SCOPE_NAME, version: '1' }, spans }]);
  return { signal: 'traces', chunks: [body], bytes: body.length, items: 1, tenant: 'default' };
}

function attributesOf(changes: Changes) {
  return {
    'gen_ai.evaluation.name': 'loop',
    'gen_ai.evaluation.score.value': new Double(0.9),
    'gen_ai.evaluation.score.label': 'fail',
    'gen_ai.evaluation.explanation': 'again and again',
    'gen_ai.agent.name': 'researcher',
    'misstep.detection.id': 'd1',
    'misstep.detection.revision': 0,
    'misstep.detection.severity': 'high',
    'misstep.detection.target.trace_id': traceId,
    'misstep.detection.target.span_id': spanId,
    ...changes,
  };
}

async function connector() {
  const got: Record<string, Batch[]> = { logs: [], metrics: [] };
  const answers: { logs: Error | undefined; metrics: Error | undefined } = { logs: undefined, metrics: undefined };
  const into = (signal: 'logs' | 'metrics'): Consumer => ({
    consume(batch) {
      if (answers[signal]) return Promise.reject(answers[signal]);
      got[signal]?.push(batch);
      return undefined;
    },
  });
  const next = new Map<Signal, Consumer>([
    ['logs', into('logs')],
    ['metrics', into('metrics')],
  ]);
  const component = factory.create('detections', factory.options.parse({}), next);
  const host = testHost();
  await component.start(host);
  return {
    host,
    got,
    answers,
    consume: (batch: Batch) => component.consume(batch),
    end: () => component.shutdown(AbortSignal.abort()),
    /** Points of the last metrics, which leave at the end at the latest. */
    points: () => {
      const last = got['metrics']?.at(-1);
      if (last === undefined) return [];
      const document = JSON.parse(protobufToJson('metrics', last.chunks[0] as Uint8Array));
      return document.resourceMetrics[0].scopeMetrics[0].metrics[0].sum.dataPoints;
    },
  };
}

test('a finding becomes a log event at once and a point with an exemplar on the span', async () => {
  const { consume, end, got, points } = await connector();
  await consume(finding());
  await consume(tracesOf(['nothing found']));
  expect(got['logs']?.map(({ items, generated }) => [items, generated])).toEqual([[1, 1]]);
  const log = JSON.parse(protobufToJson('logs', got['logs']?.[0]?.chunks[0] as Uint8Array)).resourceLogs[0];
  expect(log.resource.attributes).toEqual([{ key: 'service.name', value: { stringValue: 'demo' } }]);
  expect(log.scopeLogs[0].logRecords[0]).toMatchObject({ eventName: EVENT_NAME, severityText: 'ERROR', traceId, spanId });
  await end();
  expect(got['metrics']?.map(({ items, generated }) => [items, generated])).toEqual([[1, 1]]);
  expect(points()).toMatchObject([{ asDouble: 1, exemplars: [{ traceId, spanId }] }]);
});

test('a batch whose log records were refused comes again and is counted once', async () => {
  const { consume, end, answers, points } = await connector();
  answers.logs = new Refused('queue_full', 'full', 1_000);
  await expect(consume(finding())).rejects.toBe(answers.logs);
  answers.logs = undefined;
  await consume(finding());
  await end();
  expect(points()).toMatchObject([{ asDouble: 1 }]);
});

test('a finding that grows or is taken back is logged, not counted again', async () => {
  const { consume, end, got, points } = await connector();
  await consume(finding());
  await consume(finding({ 'misstep.detection.revision': 1 }));
  await consume(finding({ 'misstep.detection.revision': 2, 'gen_ai.evaluation.score.label': 'withdrawn' }));
  await end();
  expect(got['logs']).toHaveLength(3);
  expect(points()).toMatchObject([{ asDouble: 1 }]);
});

test('agents beyond the cap and generated names share one series', async () => {
  const { consume, end, points } = await connector();
  for (let i = 0; i < 45; i++) await consume(finding({ 'gen_ai.agent.name': `agent ${i}` }));
  await consume(finding({ 'gen_ai.agent.name': 'worker-0af76519-16cd-43dd-8448-eb211c80319c' }));
  await end();
  expect(points()).toHaveLength(41);
  expect(points().at(-1)).toMatchObject({ asDouble: 6 });
});

test('claim 16: 100,000 agents, and detectors that others invent, are a bounded number of points; the sum is whole', async () => {
  const { consume, end, points, host } = await connector();
  const AGENTS = 100_000;
  const PER_BATCH = 1_000;
  for (let i = 0; i < AGENTS; i += PER_BATCH) {
    await consume(
      finding(
        Array.from({ length: PER_BATCH }, (_, k) => ({
          'gen_ai.agent.name': `agent ${i + k}`,
          'gen_ai.evaluation.name': (i + k) % 100 === 0 ? `invented ${i + k}` : 'loop',
        })),
      ),
    );
  }
  await end();
  const sent = points() as { readonly asDouble: number }[];
  expect(sent.length).toBeLessThanOrEqual(41 * 101);
  expect(sent.reduce((sum, { asDouble }) => sum + asDouble, 0)).toBe(AGENTS);
  expect(host.metric('misstep_detections_capped_labels')).toBe(AGENTS - 40);
});

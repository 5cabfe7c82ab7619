// Spans kept back by `hold`: what is found about them meanwhile is written on them.
import { expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import { type Consumer, Permanent, Refused } from '../../src/component/component.ts';
import { until } from '../../src/component/testing.ts';
import { defineDetector } from '../../src/detector/detector.ts';
import { detectFactory } from './detect.ts';
import { counts } from './testing/counts.ts';
import { call, findingsOf, here, killed, open, sent, signal, start } from './testing/rig.ts';

/** Blames the first call of a tool when the second comes, and takes it back when `undo` runs. */
const first = defineDetector({
  meta: {
    ...counts.meta,
    id: 'first',
    summary: 'Blames the first call.',
    options: {},
    messages: { again: { text: 'Ran again.', tier: 1, severity: 'high', impact: '', action: '', taxonomy: {} } },
  },
  init: () => undefined as { traceId: string; spanId: string } | undefined,
  onStep(state, step, ctx) {
    if (step.tool?.name === 'undo') {
      ctx.withdraw('again', 'ls');
      return state;
    }
    if (state !== undefined) ctx.report('again', { at: state, key: 'ls', score: 0.9, data: {} });
    return state ?? { traceId: step.traceId, spanId: step.spanId };
  },
});

/** Long enough that nothing goes by its time in a test. */
const LONG = { hold: '5m' };

function collector(): Consumer & { readonly got: Batch[]; refusal: Error | undefined } {
  const got: Batch[] = [];
  return {
    got,
    refusal: undefined,
    async consume(batch) {
      if (this.refusal !== undefined) throw this.refusal;
      got.push(batch);
    },
  };
}

test('a finding about a span of an earlier request is written on that span', async () => {
  const { detect, got } = await start(here(), { hold: '1s' }, undefined, [{ detector: first }]);
  await detect.consume(call('s', 1));
  await detect.consume(call('s', 2));
  await until(() => got.length === 2);
  expect(got.map(findingsOf)).toEqual([[expect.stringMatching(/ 0 event$/)], []]);
});

test('without `hold` the same finding goes on a carrier', async () => {
  const { detect, got } = await start(here(), {}, undefined, [{ detector: first }]);
  await detect.consume(call('s', 1));
  await detect.consume(call('s', 2));
  await until(() => got.length === 2);
  expect(got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 carrier$/)]);
});

test('a finding that is taken back while its span is kept back is never said', async () => {
  const next = collector();
  const { detect, stop } = await start(here(), LONG, next, [{ detector: first }]);
  await detect.consume(call('s', 1));
  await detect.consume(call('s', 2));
  await detect.consume(call('s', 3, 'undo'));
  await stop();
  expect(next.got).toHaveLength(3);
  expect(next.got.flatMap(findingsOf)).toEqual([]);
});

test('what is kept back outlives kill -9 with the findings about it, once', async () => {
  const one = await start(here(), LONG, undefined, [{ detector: first }]);
  await one.detect.consume(call('s', 1));
  await one.detect.consume(call('s', 2));
  expect(one.got).toEqual([]);
  expect(one.host.metric('misstep_detect_held_spans')).toBe(2);
  const two = await start(killed(), LONG, undefined, [{ detector: first }]);
  await until(() => two.got.length === 2);
  expect(two.got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 event$/)]);
  await sent(two);
  await until(() => two.host.metric('misstep_detect_held_spans') === 0);
  await two.storage.committed();
  const three = await start(killed(), LONG, undefined, [{ detector: first }]);
  expect(three.host.metric('misstep_detect_outbox_size')).toBe(0);
  expect(three.host.metric('misstep_detect_held_spans')).toBe(0);
});

test('what was kept back goes on although the next start no longer says `hold`', async () => {
  const one = await start(here(), LONG, undefined, [{ detector: first }]);
  await one.detect.consume(call('s', 1));
  const two = await start(killed(), {}, undefined, [{ detector: first }]);
  await until(() => two.got.length === 1);
});

test('SIGTERM hands on what is kept back; refused, it waits in the storage for the next start', async () => {
  const next = collector();
  next.refusal = new Refused('full', 'full', 60_000);
  const one = await start(here(), LONG, next, [{ detector: first }]);
  await one.detect.consume(call('s', 1));
  await one.stop();
  expect(next.got).toEqual([]);
  next.refusal = undefined;
  const two = await start(here(), LONG, next, [{ detector: first }]);
  await until(() => next.got.length === 1);
  await two.stop();
  expect(next.got).toHaveLength(1);
});

test('beyond `hold_bytes` the oldest go before their time; downstream takes none: the sender is refused', async () => {
  const next = collector();
  const { detect, host } = await start(here(), { ...LONG, hold_bytes: 1_048_576 }, next);
  const large = (n: number): Batch => ({ ...call('s', n), bytes: 400_000 });
  await detect.consume(large(1));
  await detect.consume(large(2));
  expect(next.got).toHaveLength(0);
  await expect(detect.consume(large(3))).rejects.toMatchObject({ reason: 'hold' });
  await until(() => host.metric('misstep_detect_held_spans') === 0);
  await detect.consume(large(3));
  expect(next.got).toHaveLength(2);
  expect(host.metric('misstep_detect_held_early')).toBe(2);
});

test('refused, it stays and is offered again, and takes findings until then', async () => {
  const next = collector();
  next.refusal = new Refused('full', 'full', 20);
  let offers = 0;
  const counting: Consumer = {
    consume(batch) {
      offers++;
      return next.consume(batch);
    },
  };
  const { detect } = await start(here(), { hold: '1ms' }, counting, [{ detector: first }]);
  await detect.consume(call('s', 1));
  await until(() => offers > 0);
  await detect.consume(call('s', 2));
  next.refusal = undefined;
  await until(() => next.got.length === 2);
  expect(next.got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 event$/)]);
});

test('refused for good, it is dropped and counted; its finding goes on a carrier', async () => {
  const next = collector();
  const { detect, host } = await start(here(), { hold: '1ms' }, next, [{ detector: first }]);
  next.refusal = new Permanent('no');
  await detect.consume(call('s', 1));
  await until(() => host.metric('misstep_detect_held_dropped') === 1);
  next.refusal = undefined;
  await detect.consume(call('s', 2));
  await until(() => next.got.flatMap(findingsOf).length > 0);
  expect(next.got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 carrier$/)]);
});

test('spans that no finding can be about are not kept back', async () => {
  const next = collector();
  const { detect } = await start(here(), LONG, next);
  const other = call('s', 1);
  const [body] = other.chunks as [Uint8Array];
  const plain = Buffer.from(Buffer.from(body).toString('latin1').replaceAll('gen_ai', 'db_api'), 'latin1');
  await detect.consume({ ...other, chunks: [plain] });
  expect(next.got).toHaveLength(1);
});

test('a reload hands on what is kept back; findings about it go on', async () => {
  const one = await start(here(), LONG, undefined, [{ detector: first }]);
  await one.detect.consume(call('s', 1));
  const factory = detectFactory([{ detector: first }]);
  const next = collector();
  const heir = factory.create(
    { id: 'detect', signal: 'traces', pipeline: 'traces' },
    factory.options.parse({ storage: 'file_storage', ...LONG }),
    next,
  );
  await heir.start(one.host);
  heir.adopt?.(one.detect);
  await one.detect.shutdown(signal);
  open.unshift({ stop: () => heir.shutdown(signal) });
  await until(() => one.got.length === 1);
  await heir.consume(call('s', 2));
  await until(() => next.got.flatMap(findingsOf).length === 1);
  expect(next.got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 carrier$/)]);
});

test('needs a storage, or says that it is at risk; nothing to write on with `output: detections`', () => {
  const { options } = detectFactory([]);
  const problems = (value: object) =>
    options.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  expect(problems({ hold: '2s' })).toEqual([expect.stringMatching(/^hold: .*Name a file_storage/)]);
  expect(problems({ hold: '2s', hold_at_risk: true })).toBeUndefined();
  expect(problems({ hold: '2s', storage: 'x', output: 'detections' })).toEqual([expect.stringMatching(/^hold: with `output/)]);
});

test('a request is in the storage once at any time: kept back or in the queue downstream', async () => {
  const { detect, storage, backend } = await start(here(), { hold: '20ms' });
  backend.away = true;
  const entries = (name: string): number => [...storage.stream(name).entries()].length;
  await detect.consume(call('s', 1));
  const seen = new Set<string>();
  const look = (): boolean => {
    const [held, queued] = [entries('detect detect traces hold'), entries('exporter otlp_http traces')];
    seen.add(`${held} ${queued}`);
    return queued === 1;
  };
  for (const end = performance.now() + 5_000; !look() && performance.now() < end; ) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([...seen]).toEqual(['1 0', '0 1']);
});

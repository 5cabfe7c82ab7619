// `detect` over kills and reloads.
import { expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import type { Consumer } from '../../src/component/component.ts';
import { until } from '../../src/component/testing.ts';
import { detectFactory } from './detect.ts';
import { counts } from './testing/counts.ts';
import { call, findingsOf, here, killed, open, sent, signal, start } from './testing/rig.ts';

test('claim 16: windows go on where they were after kill -9', async () => {
  const first = await start(here());
  await first.detect.consume(call('s', 1));
  await first.detect.consume(call('s', 2));
  const second = await start(killed());
  expect(second.host.metric('misstep_detect_windows_restored')).toBe(1);
  await second.detect.consume(call('s', 3));
  await until(() => second.got.flatMap(findingsOf).length > 0);
  expect(second.got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 event$/)]);
  // A batch that was acknowledged and comes again is folded once.
  await second.detect.consume(call('s', 2));
  expect(second.host.metric('misstep_detect_duplicates')).toBe(1);
});

test('a finding whose batch is in the queue is not said again after kill -9', async () => {
  const first = await start(here());
  first.backend.away = true;
  for (let n = 1; n <= 3; n++) await first.detect.consume(call('s', n));
  const second = await start(killed());
  await until(() => second.got.length === 3);
  expect(second.host.metric('misstep_detect_outbox_size')).toBe(0);
  expect(second.got.flatMap(findingsOf)).toHaveLength(1);
});

test('claim 17: a finding that was not handed on before kill -9 arrives once, as a carrier with the same id', async () => {
  let refuse = false;
  const passed: Batch[] = [];
  const next: Consumer = {
    async consume(batch) {
      if (refuse) throw new Error('away');
      passed.push(batch);
    },
  };
  const first = await start(here(), {}, next);
  await first.detect.consume(call('s', 1));
  await first.detect.consume(call('s', 2));
  refuse = true;
  await expect(first.detect.consume(call('s', 3))).rejects.toThrow('away');
  expect(passed.flatMap(findingsOf)).toEqual([]);
  const second = await start(killed());
  expect(second.host.metric('misstep_detect_outbox_size')).toBe(1);
  // Its sender has no answer and sends it again.
  await second.detect.consume(call('s', 3));
  await until(() => second.got.flatMap(findingsOf).length > 0);
  await sent(second);
  const third = await start(killed());
  expect(third.host.metric('misstep_detect_outbox_size')).toBe(0);
  expect([...second.got, ...third.got].flatMap(findingsOf)).toHaveLength(1);
});

test('nothing is acknowledged before the rows are committed, and downstream has accepted', async () => {
  const order: string[] = [];
  let accept: () => void = () => {};
  const next: Consumer = { consume: () => new Promise((resolve) => (accept = resolve)) };
  const { detect, storage } = await start(here(), {}, next);
  const answer = (detect.consume(call('s', 1)) as Promise<void>).then(() => order.push('acknowledged'));
  await storage.committed();
  order.push('committed');
  accept();
  await answer;
  expect(order).toEqual(['committed', 'acknowledged']);
  expect([...storage.stream('detect detect traces').entries()]).toHaveLength(1);
});

test('SIGTERM leaves windows open for the next start; one that ends leaves nothing behind', async () => {
  const first = await start(here(), { idle: '1s', grace: '1s' });
  await first.detect.consume(call('s', 1));
  await first.stop();
  expect(first.got.flatMap(findingsOf)).toEqual([]);
  const second = await start(here(), { idle: '1s', grace: '1s' });
  expect(second.host.metric('misstep_detect_windows_open')).toBe(1);
  // A step two minutes later in event time ends the window before it.
  await second.detect.consume(call('s', 120_000));
  expect(second.host.metric('misstep_detect_windows_open')).toBe(1);
  await second.storage.committed();
  const left = [...second.storage.stream('detect detect traces').entries()];
  expect(left).toHaveLength(1);
});

test('a reload that changes options in mid-window: the window keeps its own, the next one has the new', async () => {
  const first = await start(here());
  await first.detect.consume(call('s', 1));
  await first.detect.consume(call('s', 2));
  const factory = detectFactory([{ detector: counts }]);
  const options = factory.options.parse({ storage: 'file_storage', detectors: { counts: { often: 2 } } });
  const got: Batch[] = [];
  const heir = factory.create({ id: 'detect', signal: 'traces', pipeline: 'traces' }, options, {
    async consume(batch) {
      got.push(batch);
    },
  });
  await heir.start(first.host);
  heir.adopt?.(first.detect);
  await first.detect.shutdown(signal);
  open.unshift({ stop: () => heir.shutdown(signal) });
  expect(got.flatMap(findingsOf)).toEqual([]);
  await heir.consume(call('s', 3));
  expect(got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 event$/)]);
  await heir.consume(call('t', 4));
  await heir.consume(call('t', 5));
  expect(got.flatMap(findingsOf)).toHaveLength(2);
});

test('after a restart with other options rows are folded with those', async () => {
  const first = await start(here());
  for (let n = 1; n <= 2; n++) await first.detect.consume(call('s', n));
  await sent(first);
  const second = await start(killed(), { detectors: { counts: { often: 2 } } });
  await second.detect.consume(call('s', 3));
  await until(() => second.got.length === 1);
  // Two calls are enough now: what the rows hold goes with the next batch, on a carrier.
  expect(second.got.flatMap(findingsOf)).toEqual([expect.stringMatching(/ 0 carrier$/)]);
});

test('a storage that is full refuses the batch before anything is folded', async () => {
  const { detect, host, storage } = await start(here());
  const filler = storage.stream('filler');
  for (let key = 1; storage.fits(1 << 20); key++) {
    filler.put(key, 0, [new Uint8Array(1 << 20)]);
    await storage.committed();
  }
  const rest = { ...call('s', 1), bytes: 1 << 20 };
  await expect(detect.consume(rest)).rejects.toMatchObject({ reason: 'storage' });
  expect(host.metric('misstep_detect_steps')).toBe(0);
});

// Workers with a storage: what they hold outlives them and the process. Real threads, a real storage, kills as copies of its directory.
import { expect, test } from 'vitest';
import type { Batch } from '../../src/batch/batch.ts';
import type { Consumer } from '../../src/component/component.ts';
import { until } from '../../src/component/testing.ts';
import { detectFactory } from './detect.ts';
import { chaos } from './testing/chaos.ts';
import { counts } from './testing/counts.ts';
import { call, findingsOf, here, killed, open, type Running, sent, signal, start } from './testing/rig.ts';

const chaosEntry = new URL('./testing/chaos-worker.mjs', import.meta.url);
const poisonedEntry = new URL('./testing/poisoned-worker.mjs', import.meta.url);
const LONG = { workers: 2, wait: '10s' };

const startChaos = (directory: string, options: object): Promise<Running> =>
  start(directory, { workers: 1, ...options }, undefined, chaos, chaosEntry);
const findings = ({ got }: Running): string[] => got.flatMap(findingsOf);
const logs = ({ host }: Running): string[] => host.logs.filter(({ level }) => level === 'error').map(({ message }) => message);

test.each([
  [2, 2],
  [2, 3],
  [2, 0],
  [0, 2],
])('windows go on where they were after kill -9: %i workers before it, %i after', async (before, after) => {
  const first = await start(here(), { ...LONG, workers: before });
  for (const session of ['s', 't', 'u']) {
    await first.detect.consume(call(session, 1));
    await first.detect.consume(call(session, 2));
  }
  await sent(first);
  const second = await start(killed(), { ...LONG, workers: after });
  expect(second.host.metric('misstep_detect_windows_restored')).toBe(3);
  for (const session of ['s', 't', 'u']) {
    await second.detect.consume(call(session, 3));
    // A batch that was acknowledged and comes again is folded once.
    await second.detect.consume(call(session, 2));
  }
  await until(() => findings(second).length === 3);
  expect(findings(second)).toEqual(new Array(3).fill(expect.stringMatching(/ 0 event$/)));
  expect(second.host.metric('misstep_detect_duplicates')).toBe(3);
});

test('what waits for a worker at kill -9 is looked at by the next process', async () => {
  const first = await startChaos(here(), { wait: '0s', overrun: '10s' });
  await first.detect.consume(call('s', 1, 'slow'));
  await first.detect.consume(call('s', 2));
  // Neither is answered: the first keeps the worker busy for 120 ms.
  const second = await startChaos(killed(), { wait: '0s', overrun: '10s' });
  await until(() => new Set(findings(second)).size === 8);
  await until(() => second.host.metric('misstep_detect_windows_open') === 1);
  await second.storage.committed();
  await until(() => [...second.storage.stream('detect detect traces requests').entries()].length === 0);
  await until(() => [...second.storage.stream('detect detect traces findings').entries()].length === 0);
});

test.each(['at once', 'when the answer is stored'])(
  'claim 17: a finding that was not handed on before kill -9 arrives once, as a carrier with the same id: killed %s',
  async (when) => {
    let refuse = false;
    const passed: Batch[] = [];
    const next: Consumer = {
      async consume(batch) {
        if (refuse) throw new Error('away');
        passed.push(batch);
      },
    };
    const first = await start(here(), LONG, next);
    await first.detect.consume(call('s', 1));
    await first.detect.consume(call('s', 2));
    refuse = true;
    await expect(first.detect.consume(call('s', 3))).rejects.toThrow('away');
    expect(passed.flatMap(findingsOf)).toEqual([]);
    if (when !== 'at once') await first.storage.committed();
    const second = await start(killed(), LONG);
    await second.detect.consume(call('s', 3));
    await until(() => findings(second).length > 0);
    await sent(second);
    const third = await start(killed(), LONG);
    expect(third.host.metric('misstep_detect_outbox_size')).toBe(0);
    expect([...findings(second), ...findings(third)]).toHaveLength(1);
  },
);

test('a finding whose batch is in the queue is not said again after kill -9', async () => {
  const first = await start(here(), LONG);
  first.backend.away = true;
  for (let n = 1; n <= 3; n++) await first.detect.consume(call('s', n));
  const second = await start(killed(), LONG);
  await until(() => second.got.length === 3);
  expect(second.host.metric('misstep_detect_outbox_size')).toBe(0);
  expect(findings(second)).toHaveLength(1);
});

test('claim 9: a worker that never returns is ended; the next one goes on with its windows, nothing is lost', async () => {
  const one = await startChaos(here(), { wait: '1ms', deadline: '300ms' });
  await one.detect.consume(call('s', 1));
  await one.detect.consume(call('t', 2));
  await until(() => one.host.metric('misstep_detect_steps') === 2);
  await one.detect.consume(call('s', 3, 'never'));
  await one.detect.consume(call('s', 4));
  await one.detect.consume(call('t', 5));
  await until(() => one.host.metric('misstep_detect_worker_restarts') === 1);
  expect(logs(one)[0]).toContain('its windows go on from the storage. Detector never is off in that window.');
  // Four detectors: two windows of them before it; after it `never` is off in the one window, and the others have seen every step of it.
  await until(() => findings(one).length >= 8 + 2 * 3 + 4);
  expect(findings(one)).toHaveLength(18);
  expect(one.host.metric('misstep_detect_lost_windows')).toBe(0);
  expect(one.host.metric('misstep_detect_lost_steps')).toBe(0);
  expect(one.host.metric('misstep_detect_windows_open')).toBe(2);
  expect(new Set(findings(one)).size).toBe(findings(one).length);
  expect(one.host.metric('misstep_detect_steps')).toBe(5);
});

test('a message with which three workers have ended is given up and counted; its window says so', async () => {
  const one = await start(here(), { workers: 1, wait: '1ms' }, undefined, [{ detector: counts }], poisonedEntry);
  await one.detect.consume(call('s', 1));
  await one.detect.consume(call('s', 2, 'poison'));
  await one.detect.consume(call('s', 3));
  await one.detect.consume(call('s', 4));
  await until(() => findings(one).length === 1);
  expect(one.host.metric('misstep_detect_worker_restarts')).toBe(3);
  expect(one.host.metric('misstep_detect_lost_steps')).toBe(1);
  expect(one.host.metric('misstep_detect_lost_windows')).toBe(0);
  expect(logs(one).map((text) => text.includes('go on from the storage'))).toEqual([true, true, false]);
});

test.each([
  [{ workers: 1 }, { workers: 2 }],
  [{ workers: 2 }, { workers: 0 }],
  [{ workers: 0 }, { workers: 2 }],
])(
  'a reload from %j to %j ends the windows and leaves none in the storage; those after it outlive kill -9',
  async (before, after) => {
    const first = await start(here(), { ...LONG, ...before });
    for (let n = 1; n <= 2; n++) await first.detect.consume(call('s', n));
    const entry = new URL('./testing/counts-worker.mjs', import.meta.url);
    const factory = detectFactory([{ detector: counts }], undefined, entry);
    const got: Batch[] = [];
    const heir = factory.create(
      { id: 'detect', signal: 'traces', pipeline: 'traces' },
      factory.options.parse({ storage: 'file_storage', ...LONG, ...after }),
      {
        async consume(batch) {
          got.push(batch);
        },
      },
    );
    await heir.start(first.host);
    heir.adopt?.(first.detect);
    await heir.consume(call('t', 3));
    await first.detect.shutdown(signal);
    open.unshift({ stop: () => heir.shutdown(signal) });
    await heir.consume(call('t', 4));
    // The third call of its session, and the first in the window here.
    await heir.consume(call('s', 6));
    expect(got.flatMap(findingsOf)).toEqual([]);
    await first.storage.committed();
    const second = await start(killed(), { ...LONG, ...after });
    expect(second.host.metric('misstep_detect_windows_restored')).toBe(2);
    await second.detect.consume(call('t', 5));
    await until(() => findings(second).length === 1);
  },
);

test('a reload that leaves the workers as they are leaves their windows in the storage', async () => {
  const first = await start(here(), LONG);
  for (let n = 1; n <= 2; n++) await first.detect.consume(call('s', n));
  const entry = new URL('./testing/counts-worker.mjs', import.meta.url);
  const factory = detectFactory([{ detector: counts }], undefined, entry);
  const options = factory.options.parse({ storage: 'file_storage', ...LONG, emit_above: 0 });
  const heir = factory.create({ id: 'detect', signal: 'traces', pipeline: 'traces' }, options, { async consume() {} });
  await heir.start(first.host);
  heir.adopt?.(first.detect);
  await first.detect.shutdown(signal);
  open.unshift({ stop: () => heir.shutdown(signal) });
  await first.storage.committed();
  const second = await start(killed(), LONG);
  expect(second.host.metric('misstep_detect_windows_restored')).toBe(1);
  await second.detect.consume(call('s', 3));
  await until(() => findings(second).length === 1);
});

test('a reload while requests wait for a worker: each is looked at once', async () => {
  const first = await startChaos(here(), { wait: '0s', overrun: '10s' });
  await first.detect.consume(call('s', 1, 'slow'));
  await first.detect.consume(call('s', 2));
  const factory = detectFactory(chaos, undefined, chaosEntry);
  const got: Batch[] = [];
  const options = factory.options.parse({ storage: 'file_storage', workers: 1, wait: '0s', overrun: '10s', emit_above: 0 });
  const heir = factory.create({ id: 'detect', signal: 'traces', pipeline: 'traces' }, options, {
    async consume(batch) {
      got.push(batch);
    },
  });
  await heir.start(first.host);
  heir.adopt?.(first.detect);
  await first.detect.shutdown(signal);
  open.unshift({ stop: () => heir.shutdown(signal) });
  await heir.consume(call('s', 3));
  const said = (): string[] => [...findings(first), ...got.flatMap(findingsOf)];
  await until(() => new Set(said()).size === 12);
  expect(said()).toHaveLength(12);
});

test('SIGTERM leaves windows open for the next start', async () => {
  const first = await start(here(), { ...LONG, wait: '0s' });
  await first.detect.consume(call('s', 1));
  await first.detect.consume(call('s', 2));
  await first.stop();
  expect(findings(first)).toEqual([]);
  const second = await start(here(), LONG);
  expect(second.host.metric('misstep_detect_windows_open')).toBe(1);
  await second.detect.consume(call('s', 3));
  await until(() => findings(second).length === 1);
});

test('a storage that is full refuses the batch before anything is folded', async () => {
  const { detect, host, storage } = await start(here(), LONG);
  const filler = storage.stream('filler');
  for (let key = 1; storage.fits(1 << 20); key++) {
    filler.put(key, 0, [new Uint8Array(1 << 20)]);
    await storage.committed();
  }
  await expect(detect.consume({ ...call('s', 1), bytes: 1 << 20 })).rejects.toMatchObject({ reason: 'storage' });
  expect(host.metric('misstep_detect_steps')).toBe(0);
});

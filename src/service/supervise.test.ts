import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { startService } from './service.ts';
import { type Supervision, supervise } from './supervise.ts';
import { batch, pipeline, workshop } from './testing.ts';

async function supervised(load?: Supervision['load']) {
  const shop = workshop();
  const spec = shop.spec([pipeline('traces', ['in'], ['tally'], ['sink'])]);
  const service = await startService(spec, { buildVersion: '1', logger: shop.logger, queueBytes: 1000 });
  const signals = new EventEmitter();
  const abandoned: number[] = [];
  const ended = supervise({
    service,
    signals,
    graceMs: 60_000,
    load: load ?? (async () => ({ spec: shop.spec([pipeline('traces', ['in'], [], ['sink', 'second'])]) })),
    abandon: () => abandoned.push(1),
  });
  return { shop, service, signals, ended, abandoned };
}

async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error('Nothing happened within 10 s.');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('claim 14: SIGTERM drains, prints the ledger, and says that nothing was lost', async () => {
  const { shop, signals, ended } = await supervised();
  await shop.inlets.get('in')?.send(batch(3));
  signals.emit('SIGTERM');
  expect(await ended).toBe(true);
  expect(shop.sinks.get('sink')?.got).toHaveLength(1);
  expect(shop.logs.some((line) => line.includes('sink traces: offered 3 + generated 0 = sent 3'))).toBe(true);
  expect(signals.eventNames()).toEqual([]);
});

test('claim 14: a second signal cuts the drain short; what is lost by it is said', async () => {
  const { shop, signals, ended, abandoned } = await supervised();
  const sink = shop.sinks.get('sink');
  let aborted = false;
  if (sink !== undefined) {
    // The drain reaches the exporter after the second signal: the abort has been by then.
    sink.shutdown = async (signal) => {
      aborted = signal.aborted;
      sink.host?.ledger.exporter('sink').offered('traces', 1);
      sink.host?.ledger.exporter('sink').dropped('traces', 1, 'shutdown');
    };
  }
  signals.emit('SIGINT');
  signals.emit('SIGINT');
  expect(await ended).toBe(false);
  expect(aborted).toBe(true);
  expect(abandoned).toEqual([]);
});

test('the third signal is the end', async () => {
  const { shop, signals, ended, abandoned } = await supervised();
  const sink = shop.sinks.get('sink');
  if (sink !== undefined) sink.shutdown = () => new Promise(() => {});
  for (let i = 0; i < 3; i++) signals.emit('SIGTERM');
  expect(abandoned).toEqual([1]);
  await ended;
});

test('SIGHUP puts a good configuration in force', async () => {
  const { shop, signals, ended } = await supervised();
  signals.emit('SIGHUP');
  await until(() => shop.logs.some((line) => line.includes('is in force')));
  await shop.inlets.get('in')?.send(batch(2));
  expect(shop.sinks.get('second')?.got).toHaveLength(1);
  signals.emit('SIGTERM');
  await ended;
});

test.each<[string, Supervision['load'], string]>([
  ['problems', async () => ({ problems: ['a.yaml:1:2 x: wrong.', 'a.yaml:3:4 y: wrong.'] }), 'a.yaml:3:4 y: wrong.'],
  ['an error', async () => Promise.reject(new Error('no such file')), 'no such file'],
])('SIGHUP with %s keeps serving and says all of it', async (_name, load, said) => {
  const { shop, signals, ended } = await supervised(load);
  signals.emit('SIGHUP');
  await until(() => shop.logs.some((line) => line.includes('the old one stays')));
  expect(shop.logs.some((line) => line.includes(said))).toBe(true);
  await shop.inlets.get('in')?.send(batch(2));
  signals.emit('SIGTERM');
  expect(await ended).toBe(true);
  expect(shop.sinks.get('sink')?.got).toHaveLength(1);
});

test('a storm of signals is two reloads: the one under way and one that takes in the rest', async () => {
  let loads = 0;
  const { shop, signals, ended } = await supervised(async () => {
    loads++;
    return { problems: ['a.yaml:1:2 x: wrong.'] };
  });
  for (let i = 0; i < 100; i++) signals.emit('SIGHUP');
  await until(() => shop.logs.filter((line) => line.includes('the old one stays')).length === 2);
  expect(loads).toBe(2);
  signals.emit('SIGTERM');
  await ended;
});

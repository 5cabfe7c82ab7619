import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Permanent, type ProcessorFactory, Refused } from '../component/component.ts';
import { startService } from './service.ts';
import { batch, pipeline, type Workshop, workshop } from './testing.ts';

const never = () => new AbortController().signal;

function start(shop: Workshop, ...args: Parameters<Workshop['spec']>) {
  return startService(shop.spec(...args), { buildVersion: '1.2.3', logger: shop.logger, queueBytes: 1000 });
}

function sent(shop: Workshop, id: string): number {
  return shop.sinks.get(id)?.got.reduce((sum, one) => sum + one.items, 0) ?? 0;
}

describe('the graph', () => {
  test('starts consumers before what feeds them and stops in the reverse order', async () => {
    const shop = workshop();
    const service = await start(
      shop,
      [pipeline('traces/in', ['in'], ['a', 'b'], ['bridge']), pipeline('traces/out', ['bridge'], ['c'], ['sink'])],
      { connectors: ['bridge'] },
    );
    const started = ['exporter sink', 'processor c', 'connector bridge', 'processor b', 'processor a', 'receiver in'];
    expect(shop.diary).toEqual(started.map((one) => `start ${one}`));
    shop.diary.length = 0;
    await service.shutdown(never());
    expect(shop.diary).toEqual(started.toReversed().map((one) => `stop ${one}`));
  });

  test('drains what processors hold into exporters that still live', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], ['tally'], ['sink'])]);
    await shop.inlets.get('in')?.send(batch(3));
    expect(sent(shop, 'sink')).toBe(0);
    await service.shutdown(never());
    expect(sent(shop, 'sink')).toBe(3);
    expect(service.book.balance()).toBe(0);
    await expect(shop.inlets.get('in')?.send(batch(1))).rejects.toThrow('does not listen');
  });

  test('shares receivers and exporters by id, processors by pipeline', async () => {
    const shop = workshop();
    const service = await start(shop, [
      pipeline('traces', ['in'], ['tally'], ['sink']),
      pipeline('traces/second', ['in'], ['tally'], ['sink', 'other']),
      pipeline('logs', ['in'], [], ['sink']),
    ]);
    expect(shop.tallies).toHaveLength(2);
    expect([...service.statuses().keys()]).toEqual([
      'exporter:sink',
      'exporter:other',
      'processor:tally@traces',
      'processor:tally@traces/second',
      'receiver:in',
    ]);
    const inlet = shop.inlets.get('in');
    await inlet?.send(batch(2, 'logs'));
    expect(sent(shop, 'sink')).toBe(2);
    const one = batch(1);
    await inlet?.send(one);
    await service.shutdown(never());
    expect(shop.sinks.get('other')?.got).toEqual([one]);
    expect(shop.sinks.get('other')?.got[0]).toBe(one);
    expect(sent(shop, 'sink')).toBe(4);
  });

  test.each([
    ['a refusal', [new Refused('queue', 'full', 700)], 'Refused'],
    ['a refusal for good', [new Permanent('bad')], 'Permanent'],
    [
      'a refusal beside one for good, which would make the sender give up',
      [new Permanent('bad'), new Refused('queue', 'full', 700)],
      'Refused',
    ],
    ['a fault of ours beside one for good', [new Permanent('bad'), new TypeError('oops')], 'TypeError'],
  ])('fan-out hands back %s; the other consumers have got the batch', async (_name, errors, name) => {
    const shop = workshop();
    const bad = errors.map((_, i) => `bad${i}`);
    const service = await start(shop, [pipeline('traces', ['in'], [], [...bad, 'good'])]);
    errors.forEach((error, i) => {
      const sink = shop.sinks.get(`bad${i}`);
      if (sink !== undefined) sink.refuse = error;
    });
    await expect(shop.inlets.get('in')?.send(batch(5))).rejects.toMatchObject({ name });
    expect(sent(shop, 'good')).toBe(5);
    await service.shutdown(never());
  });

  test('a batch processor becomes the hint of the exporters of its pipeline', async () => {
    const shop = workshop();
    const options = { flushTimeoutMs: 200, minItems: 8192, maxItems: 0 };
    const batcher: ProcessorFactory = {
      kind: 'processor',
      type: 'batch',
      stability: 'stable',
      summary: '',
      signals: ['traces'],
      options: z.unknown(),
      batcher: () => options,
      create() {
        throw new Error('never called');
      },
    };
    const service = await start(
      shop,
      [pipeline('traces', ['in'], ['tally', 'batch'], ['sink']), pipeline('logs', ['in'], [], ['plain'])],
      { processors: new Map([['batch', batcher]]) },
    );
    expect(shop.sinks.get('sink')?.hints.batch).toEqual(options);
    expect(shop.sinks.get('plain')?.hints.batch).toBeUndefined();
    expect(shop.sinks.get('plain')?.hints.budget.limit).toBe(1000);
    await service.shutdown(never());
  });

  test('a cycle over connectors is refused', async () => {
    const shop = workshop();
    const cycle = [pipeline('traces', ['in', 'bridge'], [], ['bridge'])];
    await expect(start(shop, cycle, { connectors: ['bridge'] })).rejects.toThrow('must not form a cycle');
  });

  test('a component that cannot start takes back what was started', async () => {
    const shop = workshop();
    shop.failing.add('in');
    await expect(start(shop, [pipeline('traces', ['in'], ['tally'], ['sink'])])).rejects.toThrow(
      'receiver:in: the port is taken',
    );
    expect(shop.diary).toEqual(['start exporter sink', 'start processor tally', 'stop processor tally', 'stop exporter sink']);
  });
});

describe('reload', () => {
  test('keeps listeners and exporters that did not change, hands state on, loses nothing', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], ['tally'], ['sink'])]);
    const inlet = shop.inlets.get('in');
    const sink = shop.sinks.get('sink');
    await inlet?.send(batch(2));
    shop.diary.length = 0;
    await service.reload(shop.spec([pipeline('traces', ['in'], ['tally', 'more'], ['sink', 'second'])]));
    expect(shop.diary).toEqual([
      'start exporter second',
      'start processor more',
      'start processor tally',
      'stop processor tally',
    ]);
    expect(shop.inlets.get('in')).toBe(inlet);
    expect(shop.sinks.get('sink')).toBe(sink);
    const heir = shop.tallies.at(-1);
    expect(heir?.count).toBe(2);
    await inlet?.send(batch(3));
    expect(heir?.count).toBe(5);
    await service.shutdown(never());
    expect(sent(shop, 'sink')).toBe(5);
    expect(sent(shop, 'second')).toBe(5);
    expect(service.book.balance()).toBe(0);
    expect(service.readiness().ready).toBe(false);
  });

  test('a receiver that changed is closed before its successor opens', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], [], ['sink'])]);
    const old = shop.inlets.get('in');
    shop.diary.length = 0;
    await service.reload(shop.spec([pipeline('traces', ['in'], [], ['sink'])], { options: { in: { port: 2 } } }));
    expect(shop.diary).toEqual(['stop receiver in', 'start receiver in']);
    await expect(old?.send(batch(1))).rejects.toThrow('does not listen');
    await shop.inlets.get('in')?.send(batch(1));
    expect(sent(shop, 'sink')).toBe(1);
    await service.shutdown(never());
  });

  test('what fails is taken back: the old listeners, consumers and state serve on', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in', 'gone'], ['tally'], ['sink'])]);
    await shop.inlets.get('in')?.send(batch(4));
    const tally = shop.tallies[0];
    shop.failing.add('new');
    const next = shop.spec([pipeline('traces', ['in', 'new'], ['tally'], ['sink', 'second'])]);
    await expect(service.reload(next)).rejects.toThrow('receiver:new: the port is taken');
    expect(tally?.count).toBe(4);
    await shop.inlets.get('in')?.send(batch(1));
    await shop.inlets.get('gone')?.send(batch(1));
    expect(tally?.count).toBe(6);
    expect(service.readiness()).toEqual({ ready: true, reasons: [] });
    await service.shutdown(never());
    expect(sent(shop, 'sink')).toBe(6);
    expect(shop.sinks.get('second')?.got).toEqual([]);
  });

  test('after a reload that failed another one works', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], ['tally'], ['sink'])]);
    shop.failing.add('new');
    const next = shop.spec([pipeline('traces', ['new'], ['tally'], ['sink'])]);
    await expect(service.reload(next)).rejects.toThrow();
    shop.failing.clear();
    await service.reload(next);
    await shop.inlets.get('new')?.send(batch(7));
    await service.shutdown(never());
    expect(sent(shop, 'sink')).toBe(7);
  });
});

describe('health', () => {
  test('a failing component makes it not ready, with the reason, until it says ok', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], [], ['sink'])]);
    expect(service.readiness()).toEqual({ ready: true, reasons: [] });
    const host = shop.sinks.get('sink')?.host;
    host?.status({ state: 'failing', reason: 'no route' });
    expect(host?.readiness()).toEqual({ ready: false, reasons: ['exporter:sink: no route'] });
    host?.status({ state: 'degraded', reason: 'slow' });
    expect(service.readiness().ready).toBe(true);
    host?.status({ state: 'ok' });
    expect(shop.logs.some((line) => line.includes('exporter:sink is ok again'))).toBe(true);
    await service.shutdown(never());
  });

  test.each([
    [90, true],
    [91, false],
  ])('a queue at %i of 100 → ready %s', async (size, ready) => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], [], ['sink'])]);
    const meter = shop.sinks.get('sink')?.host?.meter;
    const labels = { exporter: 'sink', data_type: 'traces' };
    meter?.gauge('otelcol_exporter_queue_capacity', labels).set(100);
    meter?.gauge('otelcol_exporter_queue_size', labels).set(size);
    expect(service.readiness().ready).toBe(ready);
    await service.shutdown(never());
  });

  test('queues that together have nearly all bytes make it not ready', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], [], ['sink'])]);
    const budget = shop.sinks.get('sink')?.hints.budget;
    expect(budget?.take(901)).toBe(true);
    expect(service.readiness().reasons).toEqual(['The queues together hold 90 % of the 1000 bytes they may.']);
    budget?.give(901);
    await service.shutdown(never());
  });

  test('a component that never stops is left behind after the grace, with a line', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], [], ['sink'])]);
    const sink = shop.sinks.get('sink');
    if (sink !== undefined) sink.shutdown = () => new Promise(() => {});
    sink?.host?.ledger.exporter('sink').offered('traces', 5);
    const stuck = sink?.host?.ledger.exporter('sink');
    stuck?.queued('traces', 5);
    await service.shutdown(AbortSignal.abort());
    expect(shop.logs.some((line) => line.includes('exporter:sink did not stop in time'))).toBe(true);
    expect(service.book.exporters()[0]).toMatchObject({ queued: 0, dropped: { abandoned: 5 }, difference: 0 });
  });
});

describe('the metrics page', () => {
  const at = { level: 'normal', host: 'localhost', port: 0 } as const;

  test('is served with the names of the Collector and the service labels', async () => {
    const shop = workshop();
    const service = await start(shop, [pipeline('traces', ['in'], [], ['sink'])], {
      telemetry: { metrics: at, resource: { 'service.instance.id': 'i-1' } },
    });
    await shop.inlets.get('in')?.send(batch(3));
    const base = `http://127.0.0.1:${service.metricsPort}`;
    const text = await (await fetch(`${base}/metrics`)).text();
    const labels = 'service_instance_id="i-1",service_name="misstep",service_version="1.2.3"';
    expect(text).toContain(`otelcol_exporter_sent_spans{exporter="sink",${labels}} 3\n`);
    expect(text).toMatch(/^otelcol_process_memory_rss\{[^}]*\} \d+$/m);
    expect((await fetch(`${base}/other`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    await service.shutdown(never());
    await expect(fetch(`${base}/metrics`)).rejects.toThrow();
  });

  test('a taken port ends the start at once and says what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const shop = workshop();
    const starting = start(shop, [pipeline('traces', ['in'], [], ['sink'])], {
      telemetry: { metrics: { ...at, port } },
    });
    await expect(starting).rejects.toThrow(`cannot listen on localhost:${port}: the port is taken`);
    expect(shop.diary).toEqual([]);
    await new Promise((resolve) => other.close(resolve));
  });
});

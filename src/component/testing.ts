/** A host for tests of single components: real books, real clock, no service. */
import type { Batch, Signal } from '../batch/batch.ts';
import { writeTraces } from '../otlp/write.ts';
import type { Clock, Component, ExporterLedger, Host, Level, Status } from './component.ts';

export interface Books {
  offered: number;
  generated: number;
  restored: number;
  kept: number;
  sent: number;
  rejected: number;
  queued: number;
  inFlight: number;
  readonly dropped: Record<string, number>;
}

export interface TestHost extends Host {
  /** All signals and exporters together. */
  readonly books: Books;
  /** offered + generated + restored - kept - sent - rejected - queued - inFlight - dropped. */
  difference(): number;
  readonly statuses_: Status[];
  readonly logs: { readonly level: Level; readonly message: string; readonly fields: unknown }[];
  /** Present value of a counter or observer by name. */
  metric(name: string): number;
}

export const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

export function testHost(time: Clock = clock, extensions: Readonly<Record<string, Component>> = {}): TestHost {
  const books: Books = {
    offered: 0,
    generated: 0,
    restored: 0,
    kept: 0,
    sent: 0,
    rejected: 0,
    queued: 0,
    inFlight: 0,
    dropped: {},
  };
  const queued = new Map<Signal, number>();
  const inFlight = new Map<Signal, number>();
  const metrics = new Map<string, () => number>();
  const statuses: Status[] = [];
  const logs: TestHost['logs'] = [];
  const facts: Record<string, () => unknown> = {};
  const watchers = new Set<(record: unknown) => void>();
  const sum = (values: Iterable<number>) => [...values].reduce((total, n) => total + n, 0);
  const ledger: ExporterLedger = {
    offered(_signal, n) {
      books.offered += n;
    },
    generated(_signal, n) {
      books.generated += n;
    },
    restored(_signal, n) {
      books.restored += n;
    },
    kept(_signal, n) {
      books.kept += n;
    },
    sent(_signal, n) {
      books.sent += n;
    },
    rejected(_signal, n) {
      books.rejected += n;
    },
    dropped(_signal, n, reason) {
      books.dropped[reason] = (books.dropped[reason] ?? 0) + n;
    },
    queued(signal, n) {
      queued.set(signal, n);
      books.queued = sum(queued.values());
    },
    inFlight(signal, n) {
      inFlight.set(signal, n);
      books.inFlight = sum(inFlight.values());
    },
  };
  return {
    books,
    difference: () =>
      books.offered +
      books.generated +
      books.restored -
      books.kept -
      books.sent -
      books.rejected -
      books.queued -
      books.inFlight -
      sum(Object.values(books.dropped)),
    statuses_: statuses,
    logs,
    metric: (name) => metrics.get(name)?.() ?? 0,
    logger: { log: (level, message, fields) => logs.push({ level, message, fields }) },
    clock: time,
    meter: {
      counter(name) {
        let total = 0;
        metrics.set(name, () => total);
        return {
          add(n) {
            total += n;
          },
        };
      },
      gauge: () => ({ set() {} }),
      observe(name, _labels, read) {
        metrics.set(name, read);
      },
    },
    ledger: { exporter: () => ledger, receiver: () => ({ accepted() {}, refused() {} }) },
    buildVersion: '0.0.0',
    status: (status) => statuses.push(status),
    extension: (id) => extensions[id],
    statuses: () => new Map(),
    readiness: () => ({ ready: true, reasons: [] }),
    provide(name, read) {
      facts[name] = read;
    },
    facts: () => Object.fromEntries(Object.entries(facts).map(([name, read]) => [name, read()])),
    announce(make) {
      if (watchers.size === 0) return;
      const record = make();
      for (const watcher of watchers) watcher(record);
    },
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    admission: { admit: () => undefined, release() {}, held: 0, filled: 0, limit() {} },
    pressure: () => 0,
  };
}

/** A request of one span a name, under one resource and scope; each span carries `padding` bytes besides. */
export function tracesOf(names: readonly string[], padding = 0, tenant = 'default'): Batch {
  const spans = names.map((name, i) => ({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: (i + 1).toString(16).padStart(16, '0'),
    parentId: '',
    traceState: '',
    flags: 0,
    name,
    kind: 1,
    startNs: 1_700_000_000_000_000_000n,
    endNs: 1_700_000_000_001_500_000n,
    attributes: padding === 0 ? {} : { padding: 'x'.repeat(padding) },
    events: [],
    links: [],
  }));
  const body = writeTraces([{ resource: { 'service.name': 'test' }, scope: { name: 'test', version: '1' }, spans }]);
  return { signal: 'traces', chunks: [body], bytes: body.length, items: names.length, tenant };
}

/** Looks again until `done` says so; fails after `ms`. */
export async function until(done: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`Still not after ${ms} ms: ${done}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/**
 * The running service: extensions, the graph, own telemetry; start, reload, drain.
 *
 * Law:
 * - `startService` resolves when everything works and listens, or rejects with everything stopped again.
 * - `reload` either puts the new spec in force or leaves the old one serving, and then rejects with the reason.
 *   Receivers and exporters that did not change stay as they are; processors give their state to their successors.
 * - `shutdown` stops receivers first, then what they feed, so that what is accepted is sent. It always resolves; what
 *   could not be sent when `signal` aborts is in the ledger as dropped.
 */
import { randomUUID } from 'node:crypto';
import { resourceAttributes } from '../../config/telemetry.ts';
import { createBudget } from '../component/budget.ts';
import type { Clock, Component, Readiness, Status } from '../component/component.ts';
import { memoryAllowed } from '../component/memory.ts';
import { createAdmission } from './admission.ts';
import { systemClock } from './clock.ts';
import { createFacts } from './facts.ts';
import { buildGraph, type Graph, type Node, sameSource } from './graph.ts';
import { type Core, createBoard, createComponentHost, readiness } from './host.ts';
import { accountText, type Book, createBook } from './ledger.ts';
import { AFTER_ABORT_MS, startAll, stop, stopGraph } from './lifecycle.ts';
import { createLogger, type RootLogger } from './logger.ts';
import { createRegistry, type Registry } from './meter.ts';
import { type Page, servePage } from './page.ts';
import { createGauge, watchPressure } from './pressure.ts';
import { observeProcess } from './process-metrics.ts';
import { same } from './same.ts';
import type { ServiceSpec } from './spec.ts';
import { swap } from './swap.ts';

/** All queues together: a quarter of what the process may have, so that walking, windows and heap fit beside them. */
const QUEUE_SHARE = 0.25;
/** More than this in memory is minutes of backlog that one restart loses; a persistent queue is the place for it. */
const QUEUE_MAX_BYTES = 1024 * 1024 * 1024;

type ExtensionConfig = NonNullable<ReturnType<ServiceSpec['extensions']['get']>>;

export interface ServiceSettings {
  readonly buildVersion: string;
  readonly clock?: Clock;
  /** By default made from `spec.telemetry.logs`, to stderr. */
  readonly logger?: RootLogger;
  /** Bytes that all exporter queues together may hold; by default a quarter of the memory, 1 GiB at most. */
  readonly queueBytes?: number;
}

export interface Service {
  readonly book: Book;
  readonly registry: Registry;
  readonly logger: RootLogger;
  /** Where the metrics are served, if they are. */
  readonly metricsPort: number | undefined;
  statuses(): ReadonlyMap<string, Status>;
  readiness(): Readiness;
  /** Calls are run one after the other. */
  reload(spec: ServiceSpec): Promise<void>;
  shutdown(signal: AbortSignal): Promise<void>;
}

export async function startService(spec: ServiceSpec, settings: ServiceSettings): Promise<Service> {
  const clock = settings.clock ?? systemClock;
  const logger = settings.logger ?? createLogger(spec.telemetry.logs);
  const registry = createRegistry();
  const budget = createBudget(settings.queueBytes ?? defaultQueueBytes());
  const core: Core = {
    logger,
    clock,
    registry,
    book: createBook(registry),
    admission: createAdmission(() => budget.used),
    budget,
    gauge: createGauge(),
    buildVersion: settings.buildVersion,
    extensions: new Map(),
    board: createBoard(logger),
    facts: createFacts(),
    phase: 'starting',
  };
  observeProcess(registry, clock);
  const unwatch = watchPressure(core.gauge, clock.monotonic, () => core.admission.filled);
  registry.observe(
    'misstep_pressure',
    {},
    () => core.gauge.level,
    '0 keeps up; 1 leaves out embeddings, 2 text too, 3 all detection.',
  );
  registry.observe('misstep_queue_bytes', {}, () => budget.used, 'Bytes in all exporter queues.');
  registry.observe('misstep_queue_bytes_limit', {}, () => budget.limit, 'Bytes that all exporter queues together may hold.');
  registry.observe('misstep_admission_bytes', {}, () => core.admission.held, 'Bytes of payload admitted and not yet let go.');

  let current = spec;
  provideOwn(core, () => current);

  let page: Page | undefined;
  let extensions: Node[] = [];
  let graph: Graph = { inner: [], receivers: [], targets: new Map() };
  try {
    const { metrics, resource } = spec.telemetry;
    if (metrics !== undefined) page = await servePage(registry, resourceLabels(resource, settings.buildVersion), metrics);
    extensions = await startExtensions(spec, core, []);
    graph = buildGraph(spec, core);
    await startAll([...graph.inner, ...graph.receivers], core);
  } catch (error) {
    // What was built but not started is closed too: shutdown without start is safe by contract.
    const giveUp = AbortSignal.timeout(AFTER_ABORT_MS);
    await stopGraph(graph, core, giveUp);
    await stopExtensions(extensions, core, giveUp);
    await page?.close();
    unwatch();
    throw error;
  }
  core.phase = 'running';
  let last: Promise<unknown> = Promise.resolve();
  let ended: Promise<void> | undefined;

  async function replace(next: ServiceSpec): Promise<void> {
    if (core.phase === 'stopping') throw new Error('The service is stopping.');
    if (!same(next.telemetry.metrics, current.telemetry.metrics)) {
      logger.log('warn', 'service.telemetry.metrics is changed; the new address is used from the next start.');
    }
    const fresh = buildGraph(next, core, graph);
    const running = extensions;
    extensions = [];
    try {
      extensions = await startExtensions(next, core, running);
      await swap(graph, fresh, core);
    } catch (error) {
      // A failed start of extensions has stopped them all; a failed swap has left the new ones running.
      extensions = await startExtensions(current, core, extensions);
      throw error;
    }
    graph = fresh;
    current = next;
    logger.setLevel(next.telemetry.logs.level);
  }

  async function end(signal: AbortSignal): Promise<void> {
    core.phase = 'stopping';
    logger.log('info', 'Stopping: receivers first, then what they feed.');
    await last;
    await stopGraph(graph, core, signal);
    await stopExtensions(extensions, core, signal);
    await page?.close();
    unwatch();
    for (const account of core.book.exporters()) {
      const lost = Object.values(account.dropped).some((n) => n > 0);
      logger.log(lost || account.difference !== 0 ? 'warn' : 'info', accountText(account));
    }
    logger.log('info', 'Stopped.');
  }

  return {
    book: core.book,
    registry,
    logger,
    metricsPort: page?.port,
    statuses: () => core.board.all(),
    readiness: () => readiness(core),
    reload(next) {
      const done = last.then(() => replace(next));
      last = done.catch(() => undefined);
      return done;
    },
    shutdown(signal) {
      ended ??= end(signal);
      return ended;
    },
  };
}

/** Extensions that did not change are kept; the others are stopped before their successors start. */
async function startExtensions(spec: ServiceSpec, core: Core, before: readonly Node[]): Promise<Node[]> {
  const wanted = spec.started.map((id) => ({ id, part: spec.extensions.get(id) }));
  const same = (node: Node) =>
    wanted.some(({ id, part }) => node.key === `extension:${id}` && part !== undefined && sameSource(node.source, part));
  await stopExtensions(
    before.filter((node) => !same(node)),
    core,
    AbortSignal.timeout(AFTER_ABORT_MS),
  );
  const nodes: Node[] = [];
  try {
    for (const { id, part } of wanted) {
      const key = `extension:${id}`;
      if (part === undefined) throw new Error(`service.extensions: '${id}' is not configured.`);
      const kept = before.find((node) => node.key === key && sameSource(node.source, part));
      const node = kept ?? newExtension(id, part, core);
      nodes.push(node);
      if (kept === undefined) await startAll([node], core);
      core.extensions.set(id, node.component);
    }
  } catch (error) {
    await stopExtensions(nodes, core, AbortSignal.timeout(AFTER_ABORT_MS));
    throw error;
  }
  return nodes;
}

/** What `/status` shows of the service itself. Items by signal, bytes, seconds. */
function provideOwn(core: Core, spec: () => ServiceSpec): void {
  const { facts, book, registry, budget } = core;
  const provide = (name: string, read: () => unknown) => facts.provide(name, undefined, read);
  provide('version', () => core.buildVersion);
  provide('pipelines', () =>
    Object.fromEntries(
      spec().pipelines.map(({ id, receivers, processors, exporters }) => [id, { receivers, processors, exporters }]),
    ),
  );
  provide('receivers', () => book.receivers());
  provide('exporters', () =>
    book.exporters().map(({ inFlight, ...account }) => ({ ...account, in_flight: inFlight, queue: queueOf(registry, account) })),
  );
  provide('queues', () => ({ bytes: budget.used, limit_bytes: budget.limit, admitted_bytes: core.admission.held }));
  provide('process', () => {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return { rss_bytes: rss, heap_bytes: heapUsed, cpu_seconds: (user + system) / 1e6 };
  });
}

/** Room taken and room, in units of the queue's sizer; absent without a queue. */
function queueOf(registry: Registry, { exporter, signal }: { readonly exporter: string; readonly signal: string }) {
  const of = (name: string) =>
    registry.read(name).find(({ labels }) => labels['exporter'] === exporter && (labels['data_type'] ?? signal) === signal)
      ?.value;
  const [size, capacity] = [of('otelcol_exporter_queue_size'), of('otelcol_exporter_queue_capacity')];
  return size === undefined || capacity === undefined ? undefined : { size, capacity };
}

function newExtension(id: string, part: ExtensionConfig, core: Core): Node {
  const key = `extension:${id}`;
  const component: Component = part.factory.create(id, part.options);
  return {
    key,
    kind: 'extension',
    component,
    shell: createComponentHost(core, key),
    source: part,
  };
}

async function stopExtensions(nodes: readonly Node[], core: Core, signal: AbortSignal): Promise<void> {
  for (const node of nodes.toReversed()) {
    await stop(node, core, signal);
    core.extensions.delete(node.key.slice('extension:'.length));
  }
}

function resourceLabels(written: ServiceSpec['telemetry']['resource'], version: string): Record<string, string> {
  const defaults = { 'service.name': 'misstep', 'service.version': version, 'service.instance.id': randomUUID() };
  const all = resourceAttributes(written, defaults);
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key.replaceAll(/[^a-zA-Z0-9_]/g, '_'), value]));
}

function defaultQueueBytes(): number {
  return Math.min(QUEUE_MAX_BYTES, Math.floor(memoryAllowed().bytes * QUEUE_SHARE));
}

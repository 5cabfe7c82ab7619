/**
 * From a spec to connected components. Receivers, exporters and connectors are shared by id; processors belong to one
 * pipeline. Nothing is started here.
 *
 * `nodes` are in start order: each after everything it hands batches to, receivers last.
 * Given the graph before it, exporters and receivers that did not change are taken over as they are: a queue keeps its
 * content and a listener its socket over a reload.
 */
import type { BatcherOptions, Component, ComponentKind, Consumer, ExporterHints } from '../component/component.ts';
import type { Signal } from '../otlp/signal.ts';
import { createSwitch, fanOut, type Switch } from './fanout.ts';
import { type ComponentHost, type Core, createComponentHost } from './host.ts';
import { same } from './same.ts';
import type { PipelineSpec, ServiceSpec } from './spec.ts';

export interface Source {
  readonly factory: unknown;
  readonly options?: unknown;
  /** What else `create` was given that is plain data. */
  readonly shape?: unknown;
}

export function sameSource(a: Source, b: Source): boolean {
  return a.factory === b.factory && same(a.options, b.options) && same(a.shape, b.shape);
}

export interface Node {
  /** `<kind>:<id>`, processors `processor:<id>@<pipeline>`. */
  readonly key: string;
  readonly kind: ComponentKind;
  readonly component: Component;
  readonly shell: ComponentHost;
  /** What it was made from; equal sources make an equal component. */
  readonly source: Source;
}

export interface ReceiverNode extends Node {
  readonly kind: 'receiver';
  /** Made anew when a reload is taken back: what was shut down is not started again. */
  component: Component;
  readonly create: () => Component;
  readonly switches: ReadonlyMap<Signal, Switch>;
}

export interface Graph {
  /** Exporters, connectors, processors, in start order. */
  readonly inner: readonly Node[];
  readonly receivers: readonly ReceiverNode[];
  /** What each receiver feeds, by key; set as the switches' targets when the graph goes live. */
  readonly targets: ReadonlyMap<string, ReadonlyMap<Signal, Consumer>>;
}

/** Throws when a factory refuses or when pipelines form a cycle over connectors. */
export function buildGraph(spec: ServiceSpec, core: Core, before?: Graph): Graph {
  const inner: Node[] = [];
  const made = new Map<string, Component & Consumer>();
  const entries = new Map<string, Consumer>();
  const open = new Set<string>();
  const hints = batchHints(spec, core);

  function add(kind: ComponentKind, key: string, source: Source, create: () => Component & Consumer): Component & Consumer {
    const component = attempt(key, create);
    inner.push({ key, kind, component, shell: createComponentHost(core, key), source });
    return component;
  }

  /** An exporter, or the connector of that id: one instance however many pipelines name it. */
  function sink(id: string): Component & Consumer {
    const known = made.get(id);
    if (known !== undefined) return known;
    const component = spec.exporters.has(id) ? exporter(id) : connector(id);
    made.set(id, component);
    return component;
  }

  function exporter(id: string): Component & Consumer {
    const { factory, options } = need(spec.exporters, id, 'exporter');
    const key = `exporter:${id}`;
    const batch = hints.get(id);
    const source: Source = { factory, options, shape: [batch, storageOptions(spec, options)] };
    const kept = before?.inner.find((node) => node.key === key && sameSource(node.source, source));
    if (kept !== undefined) {
      inner.push(kept);
      return kept.component as Component & Consumer;
    }
    const given: ExporterHints = batch === undefined ? { budget: core.budget } : { budget: core.budget, batch };
    return add('exporter', key, source, () => factory.create(id, options, given));
  }

  function connector(id: string): Component & Consumer {
    const { factory, options } = need(spec.connectors, id, 'exporter or connector');
    const next = feeds(id);
    return add('connector', `connector:${id}`, { factory }, () => factory.create(id, options, next));
  }

  /** The pipelines that name `id` as a receiver, by signal. */
  function feeds(id: string): Map<Signal, Consumer> {
    const bySignal = new Map<Signal, Consumer[]>();
    for (const pipeline of spec.pipelines) {
      if (!pipeline.receivers.includes(id)) continue;
      const list = bySignal.get(pipeline.signal) ?? [];
      list.push(entry(pipeline));
      bySignal.set(pipeline.signal, list);
    }
    return new Map([...bySignal].map(([signal, list]) => [signal, fanOut(list)]));
  }

  /** The first consumer of a pipeline; builds what it leads to before it. */
  function entry(pipeline: PipelineSpec): Consumer {
    const known = entries.get(pipeline.id);
    if (known !== undefined) return known;
    if (open.has(pipeline.id)) {
      throw new Error(
        `service.pipelines.${pipeline.id}: connectors lead back into this pipeline. Pipelines must not form a cycle.`,
      );
    }
    open.add(pipeline.id);
    let next: Consumer = fanOut(pipeline.exporters.map(sink));
    for (const id of pipeline.processors.toReversed()) {
      const { factory, options } = need(spec.processors, id, 'processor');
      if (factory.batcher !== undefined) continue;
      const after = next;
      const settings = { id, signal: pipeline.signal, pipeline: pipeline.id };
      next = add('processor', `processor:${id}@${pipeline.id}`, { factory }, () => factory.create(settings, options, after));
    }
    open.delete(pipeline.id);
    entries.set(pipeline.id, next);
    return next;
  }

  const targets = new Map<string, ReadonlyMap<Signal, Consumer>>();
  const receivers: ReceiverNode[] = [];
  for (const id of new Set(spec.pipelines.flatMap((pipeline) => pipeline.receivers))) {
    if (spec.connectors.has(id) && !spec.receivers.has(id)) continue;
    const { factory, options } = need(spec.receivers, id, 'receiver');
    const key = `receiver:${id}`;
    const next = feeds(id);
    targets.set(key, next);
    const source: Source = { factory, options, shape: [...next.keys()].sort() };
    const kept = before?.receivers.find((node) => node.key === key && sameSource(node.source, source));
    if (kept !== undefined) {
      receivers.push(kept);
      continue;
    }
    const switches = new Map([...next].map(([signal, target]) => [signal, createSwitch(target)]));
    const create = () => factory.create(id, options, switches);
    const shell = createComponentHost(core, key);
    receivers.push({ key, kind: 'receiver', component: attempt(key, create), create, shell, source, switches });
  }
  return { inner: consumersFirst(inner), receivers, targets };
}

/** Points the receivers of `graph` at its consumers; synchronous, so that no batch comes between. */
export function connect(graph: Graph): void {
  for (const receiver of graph.receivers) {
    const targets = graph.targets.get(receiver.key);
    for (const [signal, one] of receiver.switches) {
      const target = targets?.get(signal);
      if (target !== undefined) one.target = target;
    }
  }
}

/** Exporters move to the front; the rest was made in the right order. */
function consumersFirst(nodes: readonly Node[]): Node[] {
  return [...nodes.filter((node) => node.kind === 'exporter'), ...nodes.filter((node) => node.kind !== 'exporter')];
}

/**
 * The batching that `batch` processors ask for, by exporter. Where pipelines with and without one share an exporter, or
 * two differ, the quickest flush rules: nobody waits longer than he asked for.
 */
function batchHints(spec: ServiceSpec, core: Core): Map<string, BatcherOptions> {
  const hints = new Map<string, BatcherOptions>();
  for (const pipeline of spec.pipelines) {
    for (const id of pipeline.processors) {
      const part = spec.processors.get(id);
      const batcher = part?.factory.batcher?.(part.options);
      if (batcher === undefined) continue;
      for (const exporter of pipeline.exporters) {
        if (!spec.exporters.has(exporter)) continue;
        const other = hints.get(exporter);
        if (other !== undefined && !same(other, batcher)) {
          core.logger.log('warn', `exporter:${exporter} is asked to batch in different ways; the shortest timeout rules.`, {
            pipeline: pipeline.id,
          });
        }
        if (other === undefined || batcher.flushTimeoutMs < other.flushTimeoutMs) hints.set(exporter, batcher);
      }
    }
  }
  return hints;
}

/** Options of the storage that a component names: with another storage it is another component. */
function storageOptions(spec: ServiceSpec, options: unknown): unknown {
  const { sending_queue: queue, storage } = (options ?? {}) as { sending_queue?: { storage?: string }; storage?: string };
  const id = queue?.storage ?? storage;
  return id === undefined ? undefined : spec.extensions.get(id)?.options;
}

function need<P>(parts: ReadonlyMap<string, P>, id: string, kind: string): P {
  const part = parts.get(id);
  if (part === undefined) throw new Error(`service.pipelines: '${id}' is not configured as a ${kind}.`);
  return part;
}

/** A component that could not be made or started, said with its key. */
export class ComponentError extends Error {
  constructor(key: string, cause: unknown) {
    super(`${key}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ComponentError';
  }
}

function attempt<T>(key: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw new ComponentError(key, error);
  }
}

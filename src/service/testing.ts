/** Components for tests of the service: small, real, without mocks. */
import { z } from 'zod';
import type { Batch } from '../batch/batch.ts';
import type {
  Component,
  ConnectorFactory,
  Consumer,
  ExporterFactory,
  ExporterHints,
  Host,
  ProcessorFactory,
  ReceiverFactory,
} from '../component/component.ts';
import type { Signal } from '../otlp/signal.ts';
import { createLogger, type RootLogger } from './logger.ts';
import type { PipelineSpec, ServiceSpec, TelemetrySpec } from './spec.ts';

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs'];

export function batch(items: number, signal: Signal = 'traces', tenant = 'default'): Batch {
  return { signal, chunks: [new Uint8Array(items)], bytes: items, items, tenant };
}

/** Every call of every component, in order: `start exporter sink`, `stop receiver in`, … */
export type Diary = string[];

export interface Inlet {
  /** As a client would send. */
  send(batch: Batch): Promise<void>;
  readonly next: ReadonlyMap<Signal, Consumer>;
}

/** A receiver whose latest instance by id is found in `inlets`. */
function inletFactory(diary: Diary, inlets: Map<string, Inlet>, failing: Set<string> = new Set()): ReceiverFactory {
  return {
    kind: 'receiver',
    type: 'inlet',
    stability: 'stable',
    summary: 'Takes batches from a test.',
    signals: SIGNALS,
    options: z.unknown(),
    create(id, _options, next) {
      let open = false;
      const inlet: Inlet = {
        next,
        async send(one) {
          if (!open) throw new Error(`${id} does not listen`);
          await next.get(one.signal)?.consume(one);
        },
      };
      return {
        async start(host) {
          if (failing.has(id)) throw new Error('the port is taken');
          host.ledger.receiver(id, 'test');
          open = true;
          inlets.set(id, inlet);
          diary.push(`start receiver ${id}`);
        },
        async shutdown() {
          if (open) diary.push(`stop receiver ${id}`);
          open = false;
        },
      };
    },
  };
}

export interface Sink extends Component, Consumer {
  readonly got: Batch[];
  readonly hints: ExporterHints;
  host: Host | undefined;
  /** Set to refuse. */
  refuse: Error | undefined;
}

function sinkFactory(diary: Diary, sinks: Map<string, Sink>): ExporterFactory {
  return {
    kind: 'exporter',
    type: 'sink',
    stability: 'stable',
    summary: 'Keeps what it gets.',
    signals: SIGNALS,
    options: z.unknown(),
    create(id, _options, hints) {
      const sink: Sink = {
        got: [],
        hints,
        host: undefined,
        refuse: undefined,
        async start(host) {
          sink.host = host;
          diary.push(`start exporter ${id}`);
        },
        async shutdown() {
          if (sink.host !== undefined) diary.push(`stop exporter ${id}`);
        },
        consume(one) {
          if (sink.refuse !== undefined) return Promise.reject(sink.refuse);
          const account = sink.host?.ledger.exporter(id);
          account?.offered(one.signal, one.items);
          account?.sent(one.signal, one.items);
          sink.got.push(one);
          return undefined;
        },
      };
      sinks.set(id, sink);
      return sink;
    },
  };
}

/** Counts what passes, in a state that its successor adopts; holds the last batch back until it is stopped. */
class Tally implements Component, Consumer {
  count = 0;
  private held: Batch | undefined;
  private readonly id: string;
  private readonly next: Consumer;
  private readonly diary: Diary;

  constructor(id: string, next: Consumer, diary: Diary) {
    this.id = id;
    this.next = next;
    this.diary = diary;
  }

  async start(): Promise<void> {
    this.diary.push(`start processor ${this.id}`);
  }

  async shutdown(): Promise<void> {
    this.diary.push(`stop processor ${this.id}`);
    if (this.held !== undefined) await this.next.consume(this.held);
    this.held = undefined;
  }

  adopt(old: Component): void {
    if (!(old instanceof Tally)) return;
    this.count += old.count;
    this.held = old.held;
    old.count = 0;
    old.held = undefined;
  }

  consume(one: Batch): undefined {
    this.count += one.items;
    const before = this.held;
    this.held = one;
    if (before !== undefined) void this.next.consume(before);
    return undefined;
  }
}

function tallyFactory(diary: Diary, tallies: Tally[]): ProcessorFactory {
  return {
    kind: 'processor',
    type: 'tally',
    stability: 'stable',
    summary: 'Counts what passes.',
    signals: SIGNALS,
    options: z.unknown(),
    create(settings, _options, next) {
      const tally = new Tally(settings.id, next, diary);
      tallies.push(tally);
      return tally;
    },
  };
}

function bridgeFactory(diary: Diary): ConnectorFactory {
  return {
    kind: 'connector',
    type: 'bridge',
    stability: 'stable',
    summary: 'From one pipeline to others.',
    signals: SIGNALS,
    produces: SIGNALS,
    options: z.unknown(),
    create: (id, _options, next) => ({
      async start() {
        diary.push(`start connector ${id}`);
      },
      async shutdown() {
        diary.push(`stop connector ${id}`);
      },
      consume: (one) => next.get(one.signal)?.consume(one),
    }),
  };
}

/** A spec of pipelines only; each id gets the factory of its kind and the options of its name, or null. */
export interface Workshop {
  readonly diary: Diary;
  readonly inlets: Map<string, Inlet>;
  readonly failing: Set<string>;
  readonly sinks: Map<string, Sink>;
  readonly tallies: Tally[];
  readonly logs: string[];
  readonly logger: RootLogger;
  spec(pipelines: readonly PipelineSpec[], changes?: SpecChanges): ServiceSpec;
}

export interface SpecChanges {
  readonly connectors?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly processors?: ReadonlyMap<string, ProcessorFactory>;
  readonly telemetry?: Partial<TelemetrySpec>;
}

export function workshop(): Workshop {
  const diary: Diary = [];
  const inlets = new Map<string, Inlet>();
  const failing = new Set<string>();
  const sinks = new Map<string, Sink>();
  const tallies: Tally[] = [];
  const logs: string[] = [];
  const inlet = inletFactory(diary, inlets, failing);
  const sink = sinkFactory(diary, sinks);
  const tally = tallyFactory(diary, tallies);
  const bridge = bridgeFactory(diary);
  return {
    diary,
    inlets,
    failing,
    sinks,
    tallies,
    logs,
    logger: createLogger({ level: 'debug', encoding: 'json' }, (line) => logs.push(line)),
    spec(pipelines, changes = {}) {
      const connectors = new Set(changes.connectors ?? []);
      const options = changes.options ?? {};
      const parts = <F>(ids: readonly string[], factory: (id: string) => F) =>
        new Map(ids.map((id) => [id, { id, type: id, factory: factory(id), options: options[id] ?? null }]));
      const all = (pick: (one: PipelineSpec) => readonly string[]) => [...new Set(pipelines.flatMap((one) => [...pick(one)]))];
      return {
        receivers: parts(
          all((one) => one.receivers).filter((id) => !connectors.has(id)),
          () => inlet,
        ),
        processors: parts(
          all((one) => one.processors),
          (id) => changes.processors?.get(id) ?? tally,
        ),
        exporters: parts(
          all((one) => one.exporters).filter((id) => !connectors.has(id)),
          () => sink,
        ),
        connectors: parts([...connectors], () => bridge),
        extensions: new Map(),
        started: [],
        pipelines,
        telemetry: { logs: { level: 'debug', encoding: 'json' }, resource: {}, ...changes.telemetry },
      };
    },
  };
}

export function pipeline(
  id: string,
  receivers: readonly string[],
  processors: readonly string[],
  exporters: readonly string[],
): PipelineSpec {
  const signal = id.split('/', 1)[0];
  if (signal !== 'traces' && signal !== 'metrics' && signal !== 'logs') throw new Error(`No signal: ${id}`);
  return { id, signal, receivers, processors, exporters };
}

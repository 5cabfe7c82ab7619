/**
 * The contract of every component (DESIGN §1, §5). Modelled on the Collector's duties.
 *
 * Law:
 * - `start` resolves when the component works (a listener listens); it throws when it cannot.
 * - `shutdown` is safe without `start`, safe twice, and flushes: after it resolves nothing of the
 *   component runs. `signal` aborts when the grace period is over: give up, count what is lost.
 * - Order: a component starts after everything it hands batches to (consumers first, receivers last)
 *   and stops before it, so that it drains into something that lives.
 * - Components never read the clock of the process, the environment or `console`: `host` has them.
 */
import type { z } from 'zod';
import type { Batch, Signal } from '../batch/batch.ts';
import type { Storage } from '../storage/storage.ts';

export interface Component {
  start(host: Host): Promise<void>;
  shutdown(signal: AbortSignal): Promise<void>;
  /**
   * Takes the state of the component that had this id and pipeline before a reload. Both are started; no batch
   * comes between `adopt` and the switch of the receivers. `old` is shut down afterwards and must find nothing left
   * to report. Called the other way round when the reload is taken back.
   */
  adopt?(old: Component): void;
}

/**
 * Takes batches. The promise is the acknowledgement: it resolves when the batch is safe with the
 * consumer (in a queue, on disk, answered by the backend), and rejects with `Refused` (may be sent
 * again) or `Permanent` (never). Synchronous acceptance returns `undefined`, which costs no promise.
 */
export interface Consumer {
  consume(batch: Batch): Promise<void> | undefined;
  /**
   * The storage into which `consume` puts what it takes before it returns, unless it refuses. What its caller puts there in the same
   * turn stands and falls with it. `undefined` if there is none, or not always.
   */
  readonly keepsIn?: Storage | undefined;
}

/** A refusal that the sender may repeat. `retryAfterMs` is what Retry-After and RetryInfo say. */
export class Refused extends Error {
  readonly retryAfterMs: number;
  readonly reason: string;
  constructor(reason: string, message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Refused';
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A refusal for good: the same bytes will be refused again. `status` is the google.rpc.Code. */
export class Permanent extends Error {
  readonly status: number;
  constructor(message: string, status = 3, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Permanent';
    this.status = status;
  }
}

/** A request that is too large for what comes after; a smaller one may pass. */
export class Oversize extends Permanent {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 8, options);
    this.name = 'Oversize';
  }
}

export type ComponentKind = 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension';
export type Stability = 'development' | 'alpha' | 'beta' | 'stable';
export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  log(level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface Clock {
  /** Unix ms. */
  now(): number;
  /** Monotonic ms. */
  monotonic(): number;
}

/** Health of one component, shown by /status and deciding /ready. */
export type Status =
  | { readonly state: 'starting' | 'ok' | 'stopped' }
  | { readonly state: 'degraded' | 'failing'; readonly reason: string };

/** One counter or gauge series. Adding is the hot path: keep the handle. */
export interface Counter {
  add(n: number): void;
}
export interface Gauge {
  set(n: number): void;
}

/**
 * Own telemetry. Names are written as the Collector's default reader prints them
 * (`otelcol_receiver_accepted_spans`), labels without service_* which the page adds.
 */
export interface Meter {
  counter(name: string, labels: Readonly<Record<string, string>>, help?: string): Counter;
  gauge(name: string, labels: Readonly<Record<string, string>>, help?: string): Gauge;
  /** Read when the page is scraped. */
  observe(name: string, labels: Readonly<Record<string, string>>, read: () => number, help?: string): void;
}

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** How far the process is behind: 0 keeps up, 1 leaves out embeddings, 2 text too, 3 all detection. See `src/service/pressure.ts`. */
export type Pressure = 0 | 1 | 2 | 3;

/** What every component may use. */
export interface Host {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly ledger: Ledger;
  readonly buildVersion: string;
  /** Report health; the last call stands. */
  status(status: Status): void;
  /** An extension by its id, started before any pipeline component. */
  extension(id: string): Component | undefined;
  /** Health of every component by `<kind>:<id>` (processors: `processor:<id>@<pipeline>`), for the health extension. */
  statuses(): ReadonlyMap<string, Status>;
  /** Whether work can be taken now; if not, why: starting or stopping, a component that fails, a queue nearly full. */
  readiness(): Readiness;
  /** Bytes admitted and not yet let go, over all receivers; see `memory_limiter`. */
  readonly admission: Admission;
  /** Cheap to ask for each batch. */
  pressure(): Pressure;
  /**
   * A fact about this component for `/status`: plain JSON without payload text, made when somebody asks. It stands under `name` and
   * the component's key, and goes with the component.
   */
  provide(name: string, read: () => unknown): void;
  /** What the service and all components provide now: of the service name → value, of components name → key → value. */
  facts(): Readonly<Record<string, unknown>>;
  /** Shows a record to whoever watches at this moment; `make` is called only then. Nobody waits, and nothing durable hangs on it. */
  announce(make: () => unknown): void;
  /** `listener` gets each record, until the returned function is called. It must not throw. */
  watch(listener: (record: unknown) => void): () => void;
}

/**
 * Admission by bytes, before a body is read. A receiver calls `admit(n)` with the Content-Length or
 * frame size (`undefined` if chunked: it admits chunk by chunk); `release` when the request is
 * answered. With no memory_limiter configured everything is admitted.
 */
export interface Admission {
  admit(bytes: number): { readonly retryAfterMs: number } | undefined;
  release(bytes: number): void;
  /** Bytes of payload in the process: admitted and not released, plus those in exporter queues. */
  readonly held: number;
  /** `held` as a share of the lowest limit; 0 without one. */
  readonly filled: number;
  /**
   * Refuse whatever would bring `held` above `bytes`; below the present `held` that is everything.
   * One limit per owner, the lowest rules; `undefined` lifts the owner's.
   */
  limit(owner: object, bytes: number | undefined): void;
}

/** The loss ledger of one exporter: offered + generated + restored = sent + rejected + queued + inFlight + dropped + kept. Items, per signal. */
export interface ExporterLedger {
  offered(signal: Signal, items: number): void;
  generated(signal: Signal, items: number): void;
  /** Found in a storage at the start. */
  restored(signal: Signal, items: number): void;
  /** Left in a storage for the next start. */
  kept(signal: Signal, items: number): void;
  sent(signal: Signal, items: number): void;
  rejected(signal: Signal, items: number): void;
  dropped(signal: Signal, items: number, reason: string): void;
  /** Current stock, set by the exporter. */
  queued(signal: Signal, items: number): void;
  inFlight(signal: Signal, items: number): void;
}

export interface ReceiverLedger {
  accepted(signal: Signal, items: number): void;
  refused(signal: Signal, items: number): void;
}

export interface Ledger {
  exporter(id: string): ExporterLedger;
  receiver(id: string, transport: string): ReceiverLedger;
}

/** What a factory is given besides the options. */
export interface Settings {
  /** `type` or `type/name`, as written by the user. */
  readonly id: string;
  readonly signal: Signal;
  /** The pipeline of a processor. */
  readonly pipeline?: string;
}

export interface FactoryBase<S extends z.ZodType = z.ZodType> {
  readonly type: string;
  /** Deprecated spellings that are accepted with a warning, e.g. `otlphttp`. */
  readonly aliases?: readonly string[];
  readonly stability: Stability;
  /** One sentence for `components` and the docs. */
  readonly summary: string;
  /** Signals it takes part in. */
  readonly signals: readonly Signal[];
  /** Options with their defaults; unknown keys are errors (`z.strictObject`). */
  readonly options: S;
}

export interface ReceiverFactory<S extends z.ZodType = z.ZodType> extends FactoryBase<S> {
  readonly kind: 'receiver';
  /** One instance per id for all signals; `next` has an entry for each signal that a pipeline asks for. */
  create(id: string, options: z.output<S>, next: ReadonlyMap<Signal, Consumer>): Component;
}

export interface ProcessorFactory<S extends z.ZodType = z.ZodType> extends FactoryBase<S> {
  readonly kind: 'processor';
  /**
   * A processor with this is no link of the chain: the graph leaves it out and gives the answer to the
   * exporters of its pipeline as `ExporterHints.batch`. `create` is then never called.
   */
  batcher?(options: z.output<S>): BatcherOptions;
  create(settings: Settings, options: z.output<S>, next: Consumer): Component & Consumer;
}

/** How full a batch gets before it is sent. Sizes in items of the signal. */
export interface BatcherOptions {
  readonly flushTimeoutMs: number;
  readonly minItems: number;
  /** 0 = no upper bound. */
  readonly maxItems: number;
}

/** What the graph knows and an exporter's own options do not say. */
export interface ExporterHints {
  /** From a `batch` processor in front of it: the queue's batcher takes its place, so that what is acknowledged is in a queue. */
  readonly batch?: BatcherOptions;
  /** All queues of the process together hold at most this many bytes (see `src/component/budget.ts`). */
  readonly budget: Budget;
}

/** A shared byte budget. `take` says false when the bytes do not fit. */
export interface Budget {
  take(bytes: number): boolean;
  give(bytes: number): void;
  readonly used: number;
  readonly limit: number;
}

export interface ExporterFactory<S extends z.ZodType = z.ZodType> extends FactoryBase<S> {
  readonly kind: 'exporter';
  /** One instance per id, shared by the pipelines and signals that name it. */
  create(id: string, options: z.output<S>, hints: ExporterHints): Component & Consumer;
}

export interface ConnectorFactory<S extends z.ZodType = z.ZodType> extends FactoryBase<S> {
  readonly kind: 'connector';
  /** `signals` = what it consumes; `produces` = what it hands on. */
  readonly produces: readonly Signal[];
  create(id: string, options: z.output<S>, next: ReadonlyMap<Signal, Consumer>): Component & Consumer;
}

export interface ExtensionFactory<S extends z.ZodType = z.ZodType> extends Omit<FactoryBase<S>, 'signals'> {
  readonly kind: 'extension';
  create(id: string, options: z.output<S>): Component;
}

export type AnyFactory =
  // biome-ignore lint/suspicious/noExplicitAny: each factory has its own options; lists hold them all.
  ReceiverFactory<any> | ProcessorFactory<any> | ExporterFactory<any> | ConnectorFactory<any> | ExtensionFactory<any>;

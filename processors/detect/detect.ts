/**
 * The heart: runs the detectors over the spans that pass and hands what they find back in the same
 * stream. Bytes pass unchanged but for what is found.
 *
 * A batch that downstream refuses is refused here too; its findings wait in a bounded outbox and go
 * with the next batch that is accepted. The sender's repetition of the batch is recognised by span
 * id and folded only once.
 *
 * With workers the detectors run in threads of their own; a batch waits for what they find in it, at most `wait`.
 *
 * With a storage the steps of a batch are put there before the batch is handed on, and that its findings are handed on after
 * it, in one turn: where downstream keeps the batch in the same storage all three are one group. What was found and not
 * handed on is found again at the next start and goes as carriers, with the same span ids.
 */
import { type Observable, Subject } from 'rxjs';
import type { Batch } from '../../src/batch/batch.ts';
import type { Component, Consumer, Counter, Host, ProcessorFactory, Settings } from '../../src/component/component.ts';
import { Permanent, type Pressure, Refused, type Status } from '../../src/component/component.ts';
import { QueueStore, storageOf } from '../../src/component/stored.ts';
import { Choices, overrideProblems } from '../../src/detector/choice.ts';
import { annotate, carriers, detectionRecord, type EmitOptions } from '../../src/detector/emit.ts';
import type { Finding } from '../../src/detector/finding.ts';
import { DetectorHost, type Emission, type HostOptions } from '../../src/detector/host.ts';
import { Journal } from '../../src/detector/journal.ts';
import { activate, type DetectorConfig, type ShippedDetector } from '../../src/detector/options.ts';
import { type Overrides, type OverridesSource, overridesOf } from '../../src/detector/overrides.ts';
import { Watch } from '../../src/detector/watch.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { WireError } from '../../src/otlp/error.ts';
import { type TraceIndex, walkTraces } from '../../src/otlp/traces.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { type Storage, StorageError } from '../../src/storage/storage.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import type { WindowOptions } from '../../src/window/options.ts';
import { Account, type Ended, type Seen, seenOf } from './account.ts';
import { atEndOfTurn, Hold } from './hold.ts';
import { type Counters, countersOf, observeDetect } from './meters.ts';
import { type DetectOptions, detectOptions } from './options.ts';
import { readOwn, withOwn } from './own.ts';
import { isSuppressed } from './suppress.ts';
import { WorkerStore } from './worker-store.ts';
import { type Lost, type PoolOwner, WorkerPool } from './workers.ts';

/** Findings that wait for downstream to accept again. Beyond it the oldest are dropped and counted. */
const OUTBOX_LIMIT = 10_000;
/** How often windows are looked at for idle, grace and lateness. */
const TICK_MS = 1_000;
/** Of one turn of the event loop, for checkpoints and packing: spans that come meanwhile wait no longer. */
const SLICE_MS = 2;
/** Of one tenant, in one line of the log. */
const MAX_PROBLEMS = 10;
/** What a sender is told to wait while the storage takes nothing. */
const STORAGE_RETRY_MS = 1_000;

/** What a sender is told to wait while `hold_bytes` are kept back and refused downstream. */
const HOLD_RETRY_MS = 1_000;

/**
 * `detect` with the given detectors; `workerEntry` is the module that calls `serve` with the same ones. The live stream of findings is shared by all instances of the factory, and so is the
 * table of embeddings: it is taken away while an instance runs that says `embedding: false`.
 */
export function detectFactory(
  shipped: readonly ShippedDetector[],
  embeddingTable?: () => Uint8Array,
  workerEntry?: URL,
): ProcessorFactory & { readonly findings$: Observable<Finding> } {
  const findings$ = new Subject<Finding>();
  const embeddings = new Embeddings(embeddingTable);
  const options = detectOptions(shipped, workerEntry !== undefined);
  return {
    kind: 'processor',
    type: 'detect',
    stability: 'alpha',
    summary: 'Runs the failure detectors over windows of steps and hands detections back in the stream.',
    signals: ['traces'],
    options,
    create: (settings, value, next) =>
      new Detect(settings, value as DetectOptions, next, shipped, findings$, embeddings, workerEntry),
    findings$: findings$.asObservable(),
  };
}

/** Who is told what became of findings: whoever keeps them in a storage, or nobody. */
type Findings = Pick<DetectorHost, 'handed' | 'answered' | 'abandoned'> & {
  readonly journal: Pick<Journal, 'storage'> | undefined;
};

const unrecorded: Findings = { handed() {}, answered() {}, abandoned() {}, journal: undefined };

/** Who works on a stream of a storage. Over a reload the heir finds its predecessor here, and takes over what that has. */
const owners = new WeakMap<Storage, Map<string, Detect>>();

/** The table is one for the process, so all instances must want it. */
class Embeddings {
  private readonly table: (() => Uint8Array) | undefined;
  private readonly refusals = new Set<object>();

  constructor(table: (() => Uint8Array) | undefined) {
    this.table = table;
  }

  want(owner: object, wanted: boolean): void {
    if (wanted) this.refusals.delete(owner);
    else this.refusals.add(owner);
    provideEmbedding(this.refusals.size === 0 ? this.table : undefined);
  }
}

class Detect implements Component, Consumer {
  private readonly settings: Settings;
  private readonly options: DetectOptions;
  private readonly next: Consumer;
  private shipped: readonly ShippedDetector[];
  /** Of the files, as they were at the start. */
  private rules: readonly Rule[] = [];
  private readonly live: Subject<Finding>;
  private readonly embeddings: Embeddings;
  private readonly workerEntry: URL | undefined;
  private detectors: DetectorHost | undefined;
  /** In the place of `detectors`. */
  private pool: WorkerPool | undefined;
  /** Detectors of which a failure was logged. */
  private readonly reported = new Set<string>();
  private host: Host | undefined;
  private emit: EmitOptions | undefined;
  private timer: NodeJS.Timeout | undefined;
  private source: OverridesSource | undefined;
  /** Those that windows which open now have. */
  private overrides: Overrides = new Map();
  private choices: Choices | undefined;
  private storage: Storage | undefined;
  private working = false;
  private pressure: Pressure = 0;
  private outbox: Emission[] = [];
  private hold: Hold | undefined;
  /** Who works on after a reload: findings that come back here are for it. */
  private heir: Detect | undefined;
  private ownReported = false;
  /** Moves to the successor at a reload. */
  private account = new Account();
  /** Wall time at the start that runs on by the monotonic clock: a step of the wall clock neither ends a window nor keeps one open. */
  private steadyNow: () => number = () => 0;
  private counters: Counters | undefined;
  /** By detector and outcome: a window that ends has one for each detector. */
  private readonly outcomes = new Map<string, Counter>();

  constructor(
    settings: Settings,
    options: DetectOptions,
    next: Consumer,
    shipped: readonly ShippedDetector[],
    live: Subject<Finding>,
    embeddings: Embeddings,
    workerEntry: URL | undefined,
  ) {
    this.settings = settings;
    this.options = options;
    this.next = next;
    this.shipped = shipped;
    this.live = live;
    this.embeddings = embeddings;
    this.workerEntry = workerEntry;
  }

  async start(host: Host): Promise<void> {
    const { options } = this;
    this.host = host;
    this.readOwn();
    this.embeddings.want(this, options.embedding);
    const wallMs = host.clock.now() - host.clock.monotonic();
    this.steadyNow = () => wallMs + host.clock.monotonic();
    this.emit = { version: host.buildVersion, markError: new Set(options.mark_error), openinference: options.openinference };
    this.source = options.overrides === undefined ? undefined : overridesOf(options.overrides, host.extension(options.overrides));
    this.storage = options.storage === undefined ? undefined : storageOf(options.storage, host.extension(options.storage));
    const mine = this.storage !== undefined && this.claim(this.storage);
    const { active } = activate(this.shipped, { tiers: options.tiers, detectors: options.detectors as DetectorConfig });
    if (options.workers > 0) {
      this.pool = this.newPool(host, active, mine);
      const left = mine ? await this.pool.store?.left(this.unreadable) : undefined;
      this.override();
      this.outbox.push(...this.above(left ?? []));
      await this.pool.start();
    } else {
      const journal = this.storage !== undefined && mine ? new Journal(this.storage, this.stream) : undefined;
      this.detectors = new DetectorHost(this.hostOptions(host, active, journal));
      this.override();
    }
    if (options.hold > 0 || this.storage !== undefined) this.hold = this.holdOf(host, this.storage);
    if (this.detectors?.journal !== undefined) await this.restore(this.detectors, host);
    this.counters = countersOf(host.meter, this.settings.id);
    const read = { seen: () => this.seen(), outbox: () => this.outbox.length, hold: () => this.hold, pool: () => this.pool };
    observeDetect(host.meter, this.settings.id, read, options.workers > 0);
    host.provide('detect', () => this.facts());
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
    void this.resume(host);
    host.status({ state: 'ok' });
  }

  /** Throws if a file is no longer as it was when the configuration was read. */
  private readOwn(): void {
    const { rules, problems } = readOwn(this.options.rules, this.shipped);
    const [first] = problems;
    if (first !== undefined) throw new Error(first.message);
    this.rules = rules;
    this.shipped = withOwn(this.shipped, rules);
  }

  private holdOf(host: Host, storage: Storage | undefined): Hold {
    const { options } = this;
    const lost = host.meter.counter(
      'misstep_detect_held_dropped',
      { processor: this.settings.id },
      'Spans kept back that downstream refused for good, or that no storage keeps over the end of the process.',
    );
    return new Hold({
      holdMs: options.hold,
      maxBytes: options.hold_bytes,
      store: storage === undefined ? undefined : new QueueStore(storage, `${this.stream} hold`, 'traces'),
      together: storage !== undefined && this.next.keepsIn === storage,
      now: () => host.clock.monotonic(),
      walk: (batch) => this.walk(batch),
      send: (batch, index, shown, answered) =>
        this.send(this.written(batch, index, shown, host.clock.now()), answered, this.findingsOf(), () => {}),
      lost: (items, emissions, error) => {
        lost.add(items);
        const message = error instanceof Error ? error.message : String(error);
        host.logger.log('error', 'Spans that were kept back are dropped.', { spans: items, error: message });
        this.keep(emissions, this.findingsOf());
      },
    });
  }

  /** Findings go over to the heir with their windows. */
  private findingsOf(): Findings {
    return this.heir?.findingsOf() ?? this.detectors ?? this.pool?.store ?? unrecorded;
  }

  /** What an earlier process kept back goes on, with the findings that it left. */
  private async resume(host: Host): Promise<void> {
    if (this.detectors?.journal !== undefined) await this.followWorkers(this.detectors, host);
    await this.hold?.restore((error) => {
      const message = error instanceof Error ? error.message : String(error);
      host.logger.log('error', 'Stored spans cannot be read; they are lost.', { error: message });
    });
    if (this.hold !== undefined) this.outbox = this.hold.claim(this.outbox);
  }

  /** An earlier process had workers: what waited for them is looked at here, what they had found is handed on. */
  private async followWorkers(detectors: DetectorHost, host: Host): Promise<void> {
    const store = new WorkerStore(this.storage as Storage, this.stream, 1, true);
    for (const { key, tenant, body } of await store.waiting(this.unreadable)) {
      this.outbox.push(...this.above(detectors.process(walkTraces(body, dialectKeys), tenant)));
      store.over(key);
    }
    const left = this.above(await store.left(this.unreadable), store);
    if (left.length === 0) return;
    // Refused, they are the next process's.
    await this.send(this.ofCarriers(left, host.clock.now()), left, store, () => {})?.catch(() => undefined);
  }

  /** Takes over the windows of the instance that a reload replaces, so that no state is lost. */
  adopt(old: Component): void {
    if (!(old instanceof Detect)) return;
    this.account = old.account;
    this.heir = undefined;
    old.heir = this;
    this.outbox = [...old.outbox, ...this.outbox];
    old.outbox = [];
    this.takeWindows(old);
    if (this.host && this.pressure !== old.pressure) this.yieldTo(old.pressure, this.host);
  }

  private takeWindows(old: Detect): void {
    const taken = old.detectors;
    const mine = this.detectors;
    if (this.pool !== undefined && old.pool !== undefined && this.sameWorkers(old)) {
      const mineToo = this.pool;
      this.pool = old.pool;
      this.pool.owner = this.poolOwner(this.host as Host);
      old.pool = mineToo;
      this.own();
      this.pool.override(this.overrides);
      return;
    }
    if (!taken || !mine || !this.host) return;
    old.detectors = undefined;
    // Windows of an earlier time in which this storage was used.
    if (mine.openRuns > 0) this.outbox.push(...this.above(mine.end('shutdown')));
    const journal = this.storage !== undefined && this.storage === old.storage ? taken.journal : mine.journal;
    const of = ({ options, rules }: Detect) => JSON.stringify([options.tiers, options.detectors, rules]);
    const same = of(old) === of(this);
    taken.reconfigure(this.hostOptions(this.host, same ? taken.detectors : mine.detectors, journal));
    this.detectors = taken;
    this.own();
  }

  /** What the predecessor had in the storage is this one's. */
  private own(): void {
    if (this.storage !== undefined) owners.get(this.storage)?.set(this.stream, this);
  }

  /** The predecessor has ended its windows and leaves the storage: those of this one go there. */
  private inherit(): void {
    const { detectors, pool, storage, host } = this;
    if (storage === undefined || host === undefined || !this.claim(storage)) return;
    pool?.store?.begin();
    detectors?.reconfigure(this.hostOptions(host, detectors.detectors, new Journal(storage, this.stream)));
  }

  consume(batch: Batch): Promise<void> | undefined {
    const { detectors, pool } = this;
    const engine = detectors ?? pool;
    if (batch.signal !== 'traces' || !engine || !this.emit || !this.host) return this.next.consume(batch);
    const pressure = this.host.pressure();
    if (pressure !== this.pressure) this.yieldTo(pressure, this.host);
    if (pressure === 3) {
      engine.passOver(batch.items);
      return this.options.output === 'all' ? this.next.consume(batch) : undefined;
    }
    if (detectors === undefined) return this.share(batch, pool as WorkerPool, this.host);
    const { journal } = detectors;
    // Each row has its resource with it: twice the batch is more than they take. Once more if it is kept back.
    if (journal?.storage.fits(3 * batch.bytes) === false) return Promise.reject(unstored('it is full'));
    const hold = this.options.hold > 0 ? this.hold : undefined;
    if (hold?.room(batch.bytes) === false) return Promise.reject(held(hold.bytes));
    const index = this.walk(batch);
    const emissions = [...this.outbox, ...this.above(detectors.process(index, batch.tenant))];
    this.outbox = [];
    if (detectors.counts.own > 0) this.reportOwn(this.host);
    if (journal !== undefined) {
      try {
        detectors.settleDebts();
      } catch (error) {
        this.keep(emissions, detectors);
        return Promise.reject(unstored(error));
      }
    }
    const answer = hold?.wants(index)
      ? this.keepBack(hold, batch, index, emissions, detectors)
      : this.hand(batch, index, hold?.claim(emissions) ?? emissions, detectors, this.host);
    return journal === undefined ? answer : bothOf(answer, journal.committed());
  }

  /** As `consume`, with the detectors elsewhere: the batch waits for them, at most `wait`. */
  private share(batch: Batch, pool: WorkerPool, host: Host): Promise<void> | undefined {
    const { store } = pool;
    if (store?.storage.fits(3 * batch.bytes) === false) return Promise.reject(unstored('it is full'));
    const hold = this.options.hold > 0 ? this.hold : undefined;
    if (hold?.room(batch.bytes) === false) return Promise.reject(held(hold.bytes));
    const index = this.walk(batch);
    if (pool.ownSpans > 0) this.reportOwn(host);
    const wanted = hold?.wants(index) === true;
    const go = (found: readonly Emission[]): Promise<void> | undefined => {
      const emissions = [...this.outbox, ...this.above(found)];
      this.outbox = [];
      if (wanted) return this.keepBack(hold as Hold, batch, index, emissions, this.findingsOf());
      return this.hand(batch, index, hold?.claim(emissions) ?? emissions, this.findingsOf(), host);
    };
    let pending: Promise<readonly Emission[]> | undefined;
    try {
      store?.settle();
      pending = pool.process(index, batch.tenant, wanted ? 0 : this.options.wait);
    } catch (error) {
      return Promise.reject(unstored(error));
    }
    const answer = pending === undefined ? go([]) : pending.then(go);
    return store === undefined ? answer : bothOf(answer, store.storage.committed());
  }

  private keepBack(
    hold: Hold,
    batch: Batch,
    index: TraceIndex,
    emissions: readonly Emission[],
    detectors: Findings,
  ): Promise<void> | undefined {
    let stored: Promise<void> | undefined;
    try {
      stored = hold.put(batch, index)?.catch((error: unknown) => {
        throw unstored(error);
      });
    } catch (error) {
      this.keep(emissions, detectors);
      return Promise.reject(unstored(error));
    }
    const others = hold.claim(emissions);
    if (others.length > 0) void this.carry(others, detectors);
    return stored;
  }

  /** Under pressure embeddings stop first, then text, then detection; forwarding last of all (DESIGN §8). */
  private yieldTo(pressure: Pressure, host: Host): void {
    const said = ['looks at everything again', 'leaves out embeddings', 'leaves out text', 'passes spans on unread'];
    host.logger.log(pressure > this.pressure ? 'warn' : 'info', `Under pressure ${pressure} of 3: detection ${said[pressure]}.`);
    this.pressure = pressure;
    this.embeddings.want(this, this.options.embedding && pressure === 0);
    this.detectors?.leaveOutText(pressure >= 2);
    this.pool?.leaveOut({ text: pressure >= 2, embeddings: pressure > 0 });
    const ok: Status = { state: 'ok' };
    host.status(pressure < 2 ? ok : { state: 'degraded', reason: `The process is behind; detection ${said[pressure]}.` });
  }

  private hand(
    batch: Batch,
    index: TraceIndex,
    emissions: readonly Emission[],
    detectors: Findings,
    host: Host,
  ): Promise<void> | undefined {
    if (emissions.length === 0) return this.options.output === 'all' ? this.next.consume(batch) : undefined;
    const nowMs = host.clock.now();
    if (this.options.output === 'detections') return this.send(this.ofCarriers(emissions, nowMs, batch), emissions, detectors);
    return this.send(this.written(batch, index, emissions, nowMs), emissions, detectors);
  }

  /** The batch with findings on their spans, those whose span is elsewhere on carriers behind them. */
  private written(batch: Batch, index: TraceIndex, emissions: readonly Emission[], nowMs: number): Batch {
    if (emissions.length === 0) return batch;
    const annotated = annotate(index, emissions, nowMs, this.emit as EmitOptions);
    this.counters?.inPlace.add(annotated.inPlace);
    this.counters?.carried.add(annotated.carriers);
    const { metadata } = batch;
    return {
      signal: 'traces',
      chunks: annotated.chunks,
      bytes: annotated.chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      items: index.spanCount + annotated.carriers,
      tenant: batch.tenant,
      generated: (batch.generated ?? 0) + annotated.carriers,
      ...(metadata ? { metadata } : {}),
    };
  }

  /** With a storage windows stay open there for the next start; without one they end here, and where the heir cannot go on with them. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = undefined;
    const { detectors, pool } = this;
    const open = this.storage !== undefined && this.heir === undefined;
    if (detectors) {
      const found = open && detectors.journal !== undefined ? [] : this.above(detectors.end('shutdown'), detectors);
      await this.carry(this.hold?.claim(found) ?? found, detectors);
    }
    if (pool !== undefined) {
      // What is not answered by then is stored.
      if (open) await within(signal, pool.drained());
      const found = open ? [] : this.above(await pool.end('shutdown'), pool.store);
      await this.carry(this.hold?.claim(found) ?? found, pool.store ?? unrecorded);
      await pool.store?.storage.committed().catch(() => undefined);
      await pool.stop();
    }
    await this.hold?.end(signal);
    await this.storage?.committed().catch(() => undefined);
    this.detectors = undefined;
    this.pool = undefined;
    if (this.storage !== undefined && owners.get(this.storage)?.get(this.stream) === this) {
      owners.get(this.storage)?.delete(this.stream);
      this.heir?.inherit();
    }
    this.embeddings.want(this, true);
  }

  private get stream(): string {
    return `detect ${this.settings.id} ${this.settings.pipeline ?? ''}`;
  }

  /** False while a predecessor still works on the streams; it will hand them over. */
  private claim(storage: Storage): boolean {
    const names = owners.get(storage) ?? new Map<string, Detect>();
    owners.set(storage, names);
    if (names.has(this.stream)) return false;
    names.set(this.stream, this);
    return true;
  }

  private reportError(detector: string, window: string, error: string): void {
    this.account.failed(detector, error);
    if (this.reported.has(detector)) return;
    this.reported.add(detector);
    const message = `Detector ${detector} failed and is off for this window. Further failures of it are only counted.`;
    this.host?.logger.log('error', message, { window, error });
  }

  /** `mine`: the streams of the storage are free. */
  private newPool(host: Host, active: HostOptions['detectors'], mine: boolean): WorkerPool {
    const { options, storage } = this;
    return new WorkerPool(
      {
        workers: options.workers,
        entry: this.workerEntry as URL,
        setup: {
          tiers: options.tiers,
          detectors: options.detectors as DetectorConfig,
          rules: this.rules,
          windows: windowsOf(options, options.workers),
          cooldownMs: options.cooldown,
          overrunMs: options.overrun,
          embedding: options.embedding,
        },
        detectors: active,
        deadlineMs: options.deadline,
        now: () => this.steadyNow(),
        store: storage === undefined ? undefined : new WorkerStore(storage, this.stream, options.workers, mine),
      },
      this.poolOwner(host),
    );
  }

  private poolOwner(host: Host): PoolOwner {
    return {
      onLate: (emissions) => {
        const all = this.above(emissions);
        const found = this.hold?.claim(all) ?? all;
        if (this.timer === undefined) this.outbox.push(...found);
        else if (found.length > 0) void this.carry(found, this.findingsOf());
      },
      onUnreadable: this.unreadable,
      onCoverage: (ended) => this.count(ended),
      onError: (detector, window, message) => this.reportError(detector, window, message),
      onLost: (lost) => {
        if (lost.detector !== undefined) this.account.failed(lost.detector, lost.reason);
        host.logger.log('error', lostMessage(lost, this.storage !== undefined), {
          ...(lost.detector === undefined ? {} : { detector: lost.detector, window: lost.window }),
          windows: lost.runs,
          steps: lost.steps,
        });
      },
    };
  }

  /** Then the windows of its workers can go on in this one's stead. */
  private sameWorkers({ options: before, rules }: Detect): boolean {
    const of = ({
      workers,
      deadline,
      tiers,
      detectors,
      idle,
      grace,
      lateness,
      max_age,
      max_windows,
      max_bytes,
      ...rest
    }: DetectOptions) =>
      JSON.stringify([
        ...[workers, deadline, tiers, detectors, idle, grace, lateness, max_age, max_windows, max_bytes],
        ...[rest.cooldown, rest.overrun, rest.embedding, rest.storage],
      ]);
    return of(before) === of(this.options) && JSON.stringify(rules) === JSON.stringify(this.rules);
  }

  private hostOptions(host: Host, detectors: HostOptions['detectors'], journal: Journal | undefined): HostOptions {
    const { options } = this;
    this.choices = new Choices(detectors);
    this.choices.set(this.overrides);
    return {
      detectors,
      choice: this.choices,
      windows: windowsOf(options, 1),
      cooldownMs: options.cooldown,
      now: () => this.steadyNow(),
      monotonic: () => host.clock.monotonic(),
      watch: new Watch({ overrunMs: options.overrun, monotonic: () => host.clock.monotonic() }),
      ...(journal === undefined ? {} : { journal }),
      onCoverage: ({ detector, outcome, reason }) => this.count({ detector: detector.meta.id, outcome, reason, windows: 1 }),
      onError: (detector, window, error) =>
        this.reportError(detector.meta.id, window.key, error instanceof Error ? error.message : String(error)),
    };
  }

  /** What tenants have set, if it has changed: for windows that open from now on. */
  private override(): void {
    const { source, overrides: before, choices } = this;
    if (source === undefined || source.overrides === before) return;
    const now = source.overrides;
    this.overrides = now;
    const base = this.seen()?.detectors ?? [];
    for (const [tenant, overrides] of now) {
      const problems = overrides === before.get(tenant) ? [] : overrideProblems(base, overrides);
      if (problems.length === 0) continue;
      const message = 'Some overrides fit no option of a detector that runs, and are left out.';
      this.host?.logger.log('warn', message, { tenant, problems: problems.slice(0, MAX_PROBLEMS) });
    }
    choices?.set(now);
    this.pool?.override(now);
  }

  private readonly unreadable = (error: Error | string): void => {
    this.host?.meter
      .counter(
        'misstep_detect_unreadable_records',
        { processor: this.settings.id },
        'Stored records of windows that could not be read.',
      )
      .add(1);
    this.host?.logger.log('error', 'A stored record of a window cannot be read; what it held is lost.', {
      error: typeof error === 'string' ? error : error.message,
    });
  };

  private async restore(detectors: DetectorHost, host: Host): Promise<void> {
    this.outbox.push(...this.above(await detectors.restore(this.unreadable)));
    if (detectors.openRuns > 0) host.logger.log('info', 'Windows go on where they were.', { windows: detectors.openRuns });
  }

  private walk(batch: Batch): TraceIndex {
    if (batch.index && batch.index.keys === dialectKeys) return batch.index;
    const [first, ...rest] = batch.chunks;
    const body = first && rest.length === 0 ? first : Buffer.concat(batch.chunks);
    try {
      return walkTraces(body, dialectKeys);
    } catch (error) {
      if (error instanceof WireError) throw new Permanent(error.message, 3, { cause: error });
      throw error;
    }
  }

  /** Once a start: a circle brings them without end. A second misstep further up brings them too, and rightly: nothing is dropped. */
  private reportOwn(host: Host): void {
    if (this.ownReported) return;
    this.ownReported = true;
    host.logger.log(
      'warn',
      "Spans of misstep's own come back in: what it sends is routed to it again, or another misstep stands before it.",
      {
        metric: 'misstep_detect_own_spans',
        do: 'Let what misstep sends go to a receiver of its own whose pipeline does not lead back.',
      },
    );
  }

  private above(emissions: readonly Emission[], findings = this.findingsOf()): readonly Emission[] {
    const nowMs = this.host?.clock.now() ?? 0;
    const kept = emissions.filter(({ finding, emit }) => {
      if (finding.confidence * (emit?.scaling ?? 1) < (emit?.above ?? this.options.emit_above)) {
        this.account.below(finding);
        this.counters?.below.add(1);
        return false;
      }
      const own = this.overrides.get(finding.tenant)?.suppress ?? [];
      if (!isSuppressed(this.options.suppress, finding, nowMs) && !isSuppressed(own, finding, nowMs)) return true;
      this.account.suppressed(finding);
      this.counters?.suppressed.add(1);
      return false;
    });
    if (kept.length < emissions.length)
      findings.answered(
        emissions.filter((one) => !kept.includes(one)),
        true,
      );
    for (const { finding, label } of kept) this.show(finding, label, nowMs);
    return kept;
  }

  private show(finding: Finding, label: Emission['label'], nowMs: number): void {
    const { tenant, impact, action } = finding;
    const record = () => ({ ...detectionRecord(finding, 'live'), tenant, impact, action, time_unix_ms: nowMs });
    if (label === 'withdrawn') {
      this.host?.announce(() => ({ ...record(), kind: 'withdrawal' }));
      return;
    }
    this.account.handedOn(finding);
    this.live.next(finding);
    this.host?.announce(record);
  }

  private seen(): Seen | undefined {
    return this.detectors === undefined ? this.pool?.seen() : seenOf(this.detectors);
  }

  private facts(): unknown {
    const { options, shipped } = this;
    const seen = this.seen();
    if (seen === undefined) return undefined;
    const config = options.detectors as DetectorConfig;
    return this.account.read({
      shipped,
      emitAbove: options.emit_above,
      tiers: options.tiers,
      enabled: (id) => config[id]?.['enabled'] !== false,
      seen,
      outbox: this.outbox.length,
    });
  }

  private tick(): void {
    const { detectors, pool } = this;
    this.override();
    if (pool !== undefined) {
      pool.tick();
      if (this.outbox.length > 0) void this.carry([], this.findingsOf());
      return;
    }
    if (!detectors || !this.host) return;
    const all = this.above(detectors.tick(this.steadyNow()));
    const found = this.hold?.claim(all) ?? all;
    if (found.length > 0 || this.outbox.length > 0) void this.carry(found, detectors);
    if (!this.working) this.work();
  }

  private work(): void {
    const { detectors, host, timer } = this;
    this.working = false;
    if (!detectors || !host || !timer) return;
    const until = host.clock.monotonic() + SLICE_MS;
    this.working = detectors.work(() => host.clock.monotonic() >= until);
    if (this.working) setImmediate(() => this.work());
  }

  /** Findings without a batch to go with. */
  private async carry(found: readonly Emission[], detectors: Findings): Promise<void> {
    const emissions = [...this.outbox, ...found];
    this.outbox = [];
    if (emissions.length === 0 || !this.host) return;
    this.counters?.carried.add(emissions.length);
    try {
      await this.send(this.ofCarriers(emissions, this.host.clock.now()), emissions, detectors);
    } catch {
      // Back in the outbox: `send` has put them there.
    }
  }

  private ofCarriers(emissions: readonly Emission[], nowMs: number, batch?: Batch): Batch {
    const body = carriers(emissions, nowMs, this.emit as EmitOptions);
    const metadata = batch?.metadata;
    return {
      signal: 'traces',
      chunks: [body],
      bytes: body.length,
      items: emissions.length,
      tenant: batch?.tenant ?? 'default',
      generated: emissions.length,
      ...(metadata ? { metadata } : {}),
    };
  }

  /** `refusedTo` takes the findings back if downstream does not take the batch. */
  private send(
    batch: Batch,
    emissions: readonly Emission[],
    detectors: Findings,
    refusedTo = () => this.keep(emissions, detectors),
  ): Promise<void> | undefined {
    let answer: Promise<void> | undefined;
    try {
      answer = this.next.consume(batch);
    } catch (error) {
      refusedTo();
      throw error;
    }
    if (answer === undefined) {
      detectors.handed(emissions);
      detectors.answered(emissions, true);
      return undefined;
    }
    const together = detectors.journal !== undefined && this.next.keepsIn === detectors.journal.storage;
    let refused = false;
    if (together) {
      atEndOfTurn(() => {
        if (!refused) detectors.handed(emissions);
      });
    }
    return answer.then(
      () => {
        if (!together) detectors.handed(emissions);
        detectors.answered(emissions, true);
      },
      (error: unknown) => {
        refused = true;
        detectors.answered(emissions, false);
        refusedTo();
        throw error;
      },
    );
  }

  /** Into the outbox, for the next batch that is accepted. */
  private keep(emissions: readonly Emission[], detectors: Findings): void {
    if (this.heir !== undefined) {
      this.heir.keep(emissions, detectors);
      return;
    }
    this.outbox.push(...emissions);
    const over = this.outbox.length - OUTBOX_LIMIT;
    if (over <= 0) return;
    detectors.abandoned(this.outbox.splice(0, over));
    this.counters?.dropped.add(over);
    this.account.outboxDropped += over;
  }

  private count(ended: Ended): void {
    this.account.closed(ended);
    const { detector, outcome, windows } = ended;
    const key = `${detector} ${outcome}`;
    let counter = this.outcomes.get(key);
    if (counter === undefined) {
      counter = this.host?.meter.counter('misstep_detector_windows', { processor: this.settings.id, detector, outcome });
      if (counter === undefined) return;
      this.outcomes.set(key, counter);
    }
    counter.add(windows);
  }
}

/** The limits of one of `shares` hosts. */
function windowsOf(options: DetectOptions, shares: number): Partial<WindowOptions> {
  return {
    idleMs: options.idle,
    graceMs: options.grace,
    latenessMs: options.lateness,
    maxAgeMs: options.max_age,
    maxRuns: Math.ceil(options.max_windows / shares),
    maxTailBytes: Math.ceil(options.max_bytes / shares),
  };
}

function lostMessage({ reason, detector, everywhere, runs, steps }: Lost, stored: boolean): string {
  const off = detector === undefined ? '' : ` Detector ${detector} is off ${everywhere ? 'in all windows' : 'in that window'}.`;
  const windows = stored && runs + steps === 0 ? 'go on from the storage' : 'are lost';
  return `A worker of detect ${reason} and was replaced; its windows ${windows}.${off}`;
}

/** Until it is done or `signal` aborts. */
async function within(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let over = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    over = resolve;
  });
  if (signal.aborted) over();
  signal.addEventListener('abort', over);
  await Promise.race([work, aborted]);
  signal.removeEventListener('abort', over);
}

function unstored(error: unknown): Refused {
  const why = error instanceof Error ? error.message : String(error);
  return new Refused('storage', `detect: the storage does not take the steps: ${why}`, STORAGE_RETRY_MS);
}

/** Downstream does not take what was kept back, so there is no room for more. */
function held(bytes: number): Refused {
  return new Refused('hold', `detect: ${bytes} bytes are kept back and downstream takes none of them.`, HOLD_RETRY_MS);
}

/** What downstream says, and that the rows are safe. */
async function bothOf(answer: Promise<void> | undefined, committed: Promise<void>): Promise<void> {
  const [given, stored] = await Promise.allSettled([answer, committed]);
  if (given.status === 'rejected') throw given.reason;
  if (stored.status === 'rejected') throw stored.reason instanceof StorageError ? unstored(stored.reason) : stored.reason;
}

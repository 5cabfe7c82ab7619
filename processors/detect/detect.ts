/**
 * The heart: runs the detectors over the spans that pass and hands what they find back in the same
 * stream. Bytes pass unchanged but for what is found.
 *
 * A batch that downstream refuses is refused here too; its findings wait in a bounded outbox and go
 * with the next batch that is accepted. The sender's repetition of the batch is recognised by span
 * id and folded only once.
 *
 * With a storage the steps of a batch are put there before the batch is handed on, and that its findings are handed on after
 * it, in one turn: where downstream keeps the batch in the same storage all three are one group. What was found and not
 * handed on is found again at the next start and goes as carriers, with the same span ids.
 */
import { type Observable, Subject } from 'rxjs';
import { z } from 'zod';
import { didYouMean } from '../../config/problem.ts';
import { duration } from '../../config/units.ts';
import type { Batch } from '../../src/batch/batch.ts';
import type { Component, Consumer, Counter, Host, ProcessorFactory, Settings } from '../../src/component/component.ts';
import { Permanent, type Pressure, Refused, type Status } from '../../src/component/component.ts';
import { QueueStore, storageOf } from '../../src/component/stored.ts';
import type { Tier } from '../../src/detector/detector.ts';
import { annotate, carriers, detectionRecord, type EmitOptions } from '../../src/detector/emit.ts';
import type { Finding } from '../../src/detector/finding.ts';
import { type Coverage, DetectorHost, type Emission, type HostOptions } from '../../src/detector/host.ts';
import { Journal } from '../../src/detector/journal.ts';
import { activate, type DetectorConfig, type ShippedDetector } from '../../src/detector/options.ts';
import { OVERRUN_MS, Watch } from '../../src/detector/watch.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { WireError } from '../../src/otlp/error.ts';
import { type TraceIndex, walkTraces } from '../../src/otlp/traces.ts';
import { type Storage, StorageError } from '../../src/storage/storage.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { defaultWindowOptions } from '../../src/window/options.ts';
import { Account, meanMicroseconds } from './account.ts';
import { Hold } from './hold.ts';
import { isSuppressed, type Suppression, suppression } from './suppress.ts';

/** Findings that wait for downstream to accept again. Beyond it the oldest are dropped and counted. */
const OUTBOX_LIMIT = 10_000;
/** How often windows are looked at for idle, grace and lateness. */
const TICK_MS = 1_000;
/** Of one turn of the event loop, for checkpoints and packing: spans that come meanwhile wait no longer. */
const SLICE_MS = 2;
/** What a sender is told to wait while the storage takes nothing. */
const STORAGE_RETRY_MS = 1_000;

/** What a sender is told to wait while `hold_bytes` are kept back and refused downstream. */
const HOLD_RETRY_MS = 1_000;

/**
 * `detect` with the given detectors. The live stream of findings is shared by all instances of the factory, and so is the
 * table of embeddings: it is taken away while an instance runs that says `embedding: false`.
 */
export function detectFactory(
  shipped: readonly ShippedDetector[],
  embeddingTable?: () => Uint8Array,
): ProcessorFactory & { readonly findings$: Observable<Finding> } {
  const findings$ = new Subject<Finding>();
  const embeddings = new Embeddings(embeddingTable);
  const options = z
    .strictObject({
      tiers: z
        .array(z.literal([1, 2, 3]))
        .min(1)
        .default([1, 2, 3])
        .describe('Tiers to run: 1 structure and hashes, 2 change over time, 3 text.'),
      detectors: z
        .record(z.string(), z.union([z.record(z.string(), z.unknown()), z.null()]))
        .default({})
        .describe('Options by detector id; `enabled: false` switches one off.'),
      embedding: z
        .boolean()
        .default(true)
        .describe(
          'Keep the table of embeddings at hand for detectors that ask for it near a finding. One `detect` that says false takes it away for the process.',
        ),
      emit_above: z
        .number()
        .min(0)
        .max(1)
        .default(0.6)
        .describe('Least confidence of a finding that is handed on. 0.60 is where LIKELY begins.'),
      output: z.enum(['all', 'detections']).default('all').describe('`detections` lets only carrier spans out: for a tee.'),
      idle: duration('5m').describe('A window ends when no step has come for this long.'),
      grace: duration('10s').describe('How long the window of a trace stays open after its root.'),
      lateness: duration('10s').describe('How far out of order steps may come and still be folded in their place.'),
      max_age: duration('6h').describe('A window ends at this age, however busy.'),
      max_windows: z
        .int()
        .min(1)
        .max(10_000_000)
        .default(defaultWindowOptions.maxRuns)
        .describe('Open sessions and traces; beyond it the least recently used one is closed.'),
      max_bytes: z
        .int()
        .min(1_048_576)
        .default(defaultWindowOptions.maxTailBytes)
        .describe('Bytes of steps kept for late facts, all windows together.'),
      cooldown: duration('60s').describe('A growing finding is said again after this long at the soonest.'),
      mark_error: z.array(z.string()).default([]).describe('Detectors whose findings set the status of the span to ERROR.'),
      suppress: z.array(suppression).default([]).describe('Findings not to hand on until a date; they are counted.'),
      storage: z
        .string()
        .optional()
        .describe('A file_storage in which windows and findings that are not handed on yet outlive the process.'),
      hold: duration('0s', { max: '5m' }).describe(
        'Keep spans back for this long, so that what is found about them meanwhile is written on them and not on a carrier span. Needs `storage`.',
      ),
      hold_bytes: z
        .int()
        .min(1_048_576)
        .default(64 * 1_048_576)
        .describe(
          'Bytes of spans kept back; beyond it the oldest are handed on before their time. The default is 16,000 spans of 4 KB.',
        ),
      hold_at_risk: z
        .boolean()
        .default(false)
        .describe('Keep spans back in memory only: what is kept back when the process is killed is lost.'),
      overrun: duration(`${OVERRUN_MS}ms`, { min: '1ms' }).describe(
        'A detector that takes longer for one step is off for that window; in several windows, for all. The default is a thousand times what all of them take at the 99th percentile.',
      ),
      openinference: z
        .boolean()
        .default(true)
        .describe('Write OpenInference annotations on carrier spans, so that Phoenix types them.'),
    })
    .superRefine((value, context) => {
      for (const message of holdProblems(value)) context.addIssue({ code: 'custom', path: ['hold'], message });
      const { problems } = activate(shipped, { tiers: value.tiers, detectors: value.detectors as DetectorConfig });
      for (const { path, message, unknown } of problems) {
        context.addIssue({ code: 'custom', path: ['detectors', ...path], message, params: { key: unknown } });
      }
      const ids = shipped.map(({ detector }) => detector.meta.id as string);
      const known = (id: string, path: (string | number)[]): void => {
        if (ids.includes(id)) return;
        context.addIssue({ code: 'custom', path, message: `unknown detector, ${id}. ${didYouMean(id, ids)}` });
      };
      value.mark_error.forEach((id, i) => {
        known(id, ['mark_error', i]);
      });
      value.suppress.forEach(({ detector: id, message }, i) => {
        known(id, ['suppress', i, 'detector']);
        const messages = Object.keys(shipped.find(({ detector }) => detector.meta.id === id)?.detector.meta.messages ?? {});
        if (message === undefined || messages.length === 0 || messages.includes(message)) return;
        const what = `unknown message, ${message}. ${didYouMean(message, messages)}`;
        context.addIssue({ code: 'custom', path: ['suppress', i, 'message'], message: what });
      });
    });
  type Options = z.output<typeof options>;
  return {
    kind: 'processor',
    type: 'detect',
    stability: 'alpha',
    summary: 'Runs the failure detectors over windows of steps and hands detections back in the stream.',
    signals: ['traces'],
    options,
    create: (settings, value, next) => new Detect(settings, value as Options, next, shipped, findings$, embeddings),
    findings$: findings$.asObservable(),
  };
}

function holdProblems({
  hold,
  storage,
  hold_at_risk,
  output,
}: Pick<DetectOptions, 'hold' | 'storage' | 'hold_at_risk' | 'output'>): string[] {
  if (hold === 0) return [];
  const problems: string[] = [];
  if (storage === undefined && !hold_at_risk) {
    problems.push(
      'spans that are kept back would be lost with the process. Name a file_storage as `storage`, or set `hold_at_risk: true`.',
    );
  }
  if (output === 'detections')
    problems.push('with `output: detections` no span is handed on that could be written on. Leave `hold` out.');
  return problems;
}

interface DetectOptions {
  readonly hold: number;
  readonly hold_bytes: number;
  readonly hold_at_risk: boolean;
  readonly tiers: readonly Tier[];
  readonly detectors: unknown;
  readonly embedding: boolean;
  readonly emit_above: number;
  readonly output: 'all' | 'detections';
  readonly idle: number;
  readonly grace: number;
  readonly lateness: number;
  readonly max_age: number;
  readonly max_windows: number;
  readonly max_bytes: number;
  readonly cooldown: number;
  readonly mark_error: readonly string[];
  readonly suppress: readonly Suppression[];
  readonly storage?: string | undefined;
  readonly overrun: number;
  readonly openinference: boolean;
}

/** Who works on a stream of a storage. Over a reload the heir finds its predecessor here, and takes over what that has. */
const owners = new WeakMap<Storage, Map<string, Detect>>();

/** When everything that this turn brings about at once has been, and before the storage writes what was put in it. */
function atEndOfTurn(act: () => void): void {
  queueMicrotask(() => process.nextTick(act));
}

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
  private readonly shipped: readonly ShippedDetector[];
  private readonly live: Subject<Finding>;
  private readonly embeddings: Embeddings;
  private detectors: DetectorHost | undefined;
  private host: Host | undefined;
  private emit: EmitOptions | undefined;
  private timer: NodeJS.Timeout | undefined;
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
  /** By detector and outcome: a window that ends has one for each detector. */
  private readonly outcomes = new Map<string, Counter>();
  private dropped: Counter | undefined;
  private inPlace: Counter | undefined;
  private carried: Counter | undefined;
  private suppressed: Counter | undefined;
  private below: Counter | undefined;

  constructor(
    settings: Settings,
    options: DetectOptions,
    next: Consumer,
    shipped: readonly ShippedDetector[],
    live: Subject<Finding>,
    embeddings: Embeddings,
  ) {
    this.settings = settings;
    this.options = options;
    this.next = next;
    this.shipped = shipped;
    this.live = live;
    this.embeddings = embeddings;
  }

  async start(host: Host): Promise<void> {
    const { options } = this;
    this.host = host;
    this.embeddings.want(this, options.embedding);
    const wallMs = host.clock.now() - host.clock.monotonic();
    this.steadyNow = () => wallMs + host.clock.monotonic();
    this.emit = { version: host.buildVersion, markError: new Set(options.mark_error), openinference: options.openinference };
    this.storage = options.storage === undefined ? undefined : storageOf(options.storage, host.extension(options.storage));
    const journal = this.storage === undefined ? undefined : this.claim(this.storage);
    const { active } = activate(this.shipped, { tiers: options.tiers, detectors: options.detectors as DetectorConfig });
    this.detectors = new DetectorHost(this.hostOptions(host, active, journal));
    if (options.hold > 0 || this.storage !== undefined) this.hold = this.holdOf(host, this.storage);
    if (journal !== undefined) await this.restore(this.detectors, host);
    this.meter(host);
    host.provide('detect', () => this.facts());
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
    void this.resume(host);
    host.status({ state: 'ok' });
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
  private findingsOf(): DetectorHost {
    return this.heir?.findingsOf() ?? (this.detectors as DetectorHost);
  }

  /** What an earlier process kept back goes on, with the findings that it left. */
  private async resume(host: Host): Promise<void> {
    await this.hold?.restore((error) => {
      const message = error instanceof Error ? error.message : String(error);
      host.logger.log('error', 'Stored spans cannot be read; they are lost.', { error: message });
    });
    if (this.hold !== undefined) this.outbox = this.hold.claim(this.outbox);
  }

  /** Takes over the windows of the instance that a reload replaces, so that no state is lost. */
  adopt(old: Component): void {
    if (!(old instanceof Detect)) return;
    const taken = old.detectors;
    const mine = this.detectors;
    this.account = old.account;
    if (!taken || !mine || !this.host) return;
    old.detectors = undefined;
    // Windows of an earlier time in which this storage was used.
    if (mine.openRuns > 0) this.outbox.push(...this.above(mine.end('shutdown')));
    this.outbox = [...old.outbox, ...this.outbox];
    old.outbox = [];
    const journal = this.storage !== undefined && this.storage === old.storage ? taken.journal : mine.journal;
    const same =
      JSON.stringify([old.options.tiers, old.options.detectors]) === JSON.stringify([this.options.tiers, this.options.detectors]);
    taken.reconfigure(this.hostOptions(this.host, same ? taken.detectors : mine.detectors, journal));
    this.detectors = taken;
    this.heir = undefined;
    old.heir = this;
    if (this.storage !== undefined) owners.get(this.storage)?.set(this.stream, this);
  }

  consume(batch: Batch): Promise<void> | undefined {
    const { detectors } = this;
    if (batch.signal !== 'traces' || !detectors || !this.emit || !this.host) return this.next.consume(batch);
    const pressure = this.host.pressure();
    if (pressure !== this.pressure) this.yieldTo(pressure, detectors, this.host);
    if (pressure === 3) {
      detectors.passOver(batch.items);
      return this.options.output === 'all' ? this.next.consume(batch) : undefined;
    }
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

  private keepBack(
    hold: Hold,
    batch: Batch,
    index: TraceIndex,
    emissions: readonly Emission[],
    detectors: DetectorHost,
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
  private yieldTo(pressure: Pressure, detectors: DetectorHost, host: Host): void {
    const said = ['looks at everything again', 'leaves out embeddings', 'leaves out text', 'passes spans on unread'];
    host.logger.log(pressure > this.pressure ? 'warn' : 'info', `Under pressure ${pressure} of 3: detection ${said[pressure]}.`);
    this.pressure = pressure;
    this.embeddings.want(this, this.options.embedding && pressure === 0);
    detectors.leaveOutText(pressure >= 2);
    const ok: Status = { state: 'ok' };
    host.status(pressure < 2 ? ok : { state: 'degraded', reason: `The process is behind; detection ${said[pressure]}.` });
  }

  private hand(
    batch: Batch,
    index: TraceIndex,
    emissions: readonly Emission[],
    detectors: DetectorHost,
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
    this.inPlace?.add(annotated.inPlace);
    this.carried?.add(annotated.carriers);
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

  /** With a storage windows stay open there for the next start; without one they end here. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = undefined;
    const { detectors } = this;
    if (detectors) {
      const found = detectors.journal === undefined ? this.above(detectors.end('shutdown')) : [];
      await this.carry(this.hold?.claim(found) ?? found, detectors);
    }
    await this.hold?.end(signal);
    await detectors?.journal?.committed().catch(() => undefined);
    this.detectors = undefined;
    if (this.storage !== undefined && owners.get(this.storage)?.get(this.stream) === this)
      owners.get(this.storage)?.delete(this.stream);
    this.embeddings.want(this, true);
  }

  private get stream(): string {
    return `detect ${this.settings.id} ${this.settings.pipeline ?? ''}`;
  }

  /** The journal in `storage`, unless a predecessor still works on it and will hand it over. */
  private claim(storage: Storage): Journal | undefined {
    const names = owners.get(storage) ?? new Map<string, Detect>();
    owners.set(storage, names);
    if (names.has(this.stream)) return undefined;
    names.set(this.stream, this);
    return new Journal(storage, this.stream);
  }

  private hostOptions(host: Host, detectors: HostOptions['detectors'], journal: Journal | undefined): HostOptions {
    const { options } = this;
    return {
      detectors,
      windows: {
        idleMs: options.idle,
        graceMs: options.grace,
        latenessMs: options.lateness,
        maxAgeMs: options.max_age,
        maxRuns: options.max_windows,
        maxTailBytes: options.max_bytes,
      },
      cooldownMs: options.cooldown,
      now: () => this.steadyNow(),
      monotonic: () => host.clock.monotonic(),
      watch: new Watch({ overrunMs: options.overrun, monotonic: () => host.clock.monotonic() }),
      ...(journal === undefined ? {} : { journal }),
      onCoverage: (coverage) => this.count(coverage),
      onError: (detector, window, error) => {
        const message = error instanceof Error ? error.message : String(error);
        this.account.failed(detector.meta.id, message);
        host.logger.log('error', `Detector ${detector.meta.id} failed and is off for this window.`, {
          window: window.key,
          error: message,
        });
      },
    };
  }

  private async restore(detectors: DetectorHost, host: Host): Promise<void> {
    const lost = host.meter.counter(
      'misstep_detect_unreadable_records',
      { processor: this.settings.id },
      'Stored records of windows that could not be read.',
    );
    const found = await detectors.restore((error) => {
      lost.add(1);
      host.logger.log('error', 'A stored record of a window cannot be read; what it held is lost.', { error: error.message });
    });
    this.outbox.push(...this.above(found));
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

  private above(emissions: readonly Emission[]): readonly Emission[] {
    const nowMs = this.host?.clock.now() ?? 0;
    const kept = emissions.filter(({ finding }) => {
      if (finding.confidence < this.options.emit_above) {
        this.account.below(finding);
        this.below?.add(1);
        return false;
      }
      if (!isSuppressed(this.options.suppress, finding, nowMs)) return true;
      this.account.suppressed(finding);
      this.suppressed?.add(1);
      return false;
    });
    if (kept.length < emissions.length)
      this.detectors?.answered(
        emissions.filter((one) => !kept.includes(one)),
        true,
      );
    for (const { finding, label } of kept) if (label === 'fail') this.show(finding, nowMs);
    return kept;
  }

  private show(finding: Finding, nowMs: number): void {
    this.account.handedOn(finding);
    this.live.next(finding);
    const { tenant, impact, action } = finding;
    this.host?.announce(() => ({ ...detectionRecord(finding, 'live'), tenant, impact, action, time_unix_ms: nowMs }));
  }

  private facts(): unknown {
    const { detectors: host, options, shipped } = this;
    if (host === undefined) return undefined;
    const config = options.detectors as DetectorConfig;
    return this.account.read({
      shipped,
      emitAbove: options.emit_above,
      tiers: options.tiers,
      enabled: (id) => config[id]?.['enabled'] !== false,
      host,
      outbox: this.outbox.length,
    });
  }

  private tick(): void {
    const { detectors } = this;
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
  private async carry(found: readonly Emission[], detectors: DetectorHost): Promise<void> {
    const emissions = [...this.outbox, ...found];
    this.outbox = [];
    if (emissions.length === 0 || !this.host) return;
    this.carried?.add(emissions.length);
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
    detectors: DetectorHost,
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
  private keep(emissions: readonly Emission[], detectors: DetectorHost): void {
    if (this.heir !== undefined) {
      this.heir.keep(emissions, detectors);
      return;
    }
    this.outbox.push(...emissions);
    const over = this.outbox.length - OUTBOX_LIMIT;
    if (over <= 0) return;
    detectors.abandoned(this.outbox.splice(0, over));
    this.dropped?.add(over);
    this.account.outboxDropped += over;
  }

  private count(coverage: Coverage): void {
    this.account.closed(coverage);
    const { outcome } = coverage;
    const detector = coverage.detector.meta.id;
    const key = `${detector} ${outcome}`;
    let counter = this.outcomes.get(key);
    if (counter === undefined) {
      counter = this.host?.meter.counter('misstep_detector_windows', { processor: this.settings.id, detector, outcome });
      if (counter === undefined) return;
      this.outcomes.set(key, counter);
    }
    counter.add(1);
  }

  private meter(host: Host): void {
    const processor = this.settings.id;
    const of =
      (read: (detectors: DetectorHost) => number): (() => number) =>
      () =>
        this.detectors ? read(this.detectors) : 0;
    const { meter } = host;
    this.dropped = meter.counter('misstep_detect_outbox_dropped', { processor }, 'Findings that no longer fit the outbox.');
    this.inPlace = meter.counter('misstep_detect_findings', { processor, way: 'in_place' }, 'Findings handed on.');
    this.carried = meter.counter('misstep_detect_findings', { processor, way: 'carrier' });
    this.suppressed = meter.counter('misstep_detect_suppressed', { processor }, 'Findings held back by `suppress`.');
    this.below = meter.counter('misstep_detect_below_emit_above', { processor }, 'Findings less sure than `emit_above`.');
    this.detectors?.detectors.forEach(({ detector }, i) => {
      const labels = { processor, detector: detector.meta.id };
      const read = of(({ timings }) => meanMicroseconds(timings[i]) ?? 0);
      meter.observe('misstep_detector_step_microseconds', labels, read, 'Mean cost of a step, from one step in 61.');
    });
    meter.observe('misstep_detect_outbox_size', { processor }, () => this.outbox.length);
    const back = (unit: 'spans' | 'bytes', read: (hold: Hold) => number) =>
      meter.observe(
        `misstep_detect_held_${unit}`,
        { processor },
        () => (this.hold ? read(this.hold) : 0),
        'Kept back by `hold`.',
      );
    back('spans', (hold) => hold.items);
    back('bytes', (hold) => hold.bytes);
    meter.observe(
      'misstep_detect_held_early',
      { processor },
      () => this.hold?.early ?? 0,
      'Requests kept back and handed on before their time, to make room.',
    );
    meter.observe(
      'misstep_detect_windows_open',
      { processor },
      of((detectors) => detectors.openRuns),
    );
    meter.observe(
      'misstep_detect_windows_restored',
      { processor },
      of((detectors) => detectors.counts.restored),
      'Sessions and traces that were taken up from the storage at the start.',
    );
    meter.observe(
      'misstep_detect_windows_packed',
      { processor },
      of((detectors) => detectors.packedRuns),
      'Open sessions and traces that are idle and kept as bytes.',
    );
    meter.observe(
      'misstep_detect_kept_bytes',
      { processor },
      of((detectors) => detectors.keptBytes),
    );
    meter.observe(
      'misstep_detect_steps',
      { processor },
      of((detectors) => detectors.counts.steps),
      'Spans that are steps of an agent.',
    );
    meter.observe(
      'misstep_detect_duplicates',
      { processor },
      of((detectors) => detectors.counts.duplicates),
      'Spans delivered again.',
    );
    meter.observe(
      'misstep_detect_own_spans',
      { processor },
      of((detectors) => detectors.counts.own),
      "Spans that came in with misstep's mark: its carriers, and spans it has annotated.",
    );
    meter.observe(
      'misstep_detect_late_steps',
      { processor },
      of((detectors) => detectors.counts.late),
      'Steps later than `lateness`.',
    );
    const out = (what: string, read: (detectors: DetectorHost) => number) =>
      meter.observe(
        'misstep_detect_left_out',
        { processor, what },
        of(read),
        'Left out under pressure: text of steps, or whole spans.',
      );
    out('text', (detectors) => detectors.counts.withoutText);
    out('all', (detectors) => detectors.counts.passedOver);
    meter.observe(
      'misstep_detect_overruns',
      { processor },
      of((detectors) => detectors.counts.overran),
      'Detectors that took longer than `overrun` for a step of a window.',
    );
    meter.observe(
      'misstep_detect_errors',
      { processor },
      of((detectors) => detectors.counts.errors),
      'Detectors that failed in a window.',
    );
  }
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

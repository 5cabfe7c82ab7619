/**
 * The detector host: spans in, findings out. It normalises agent spans, groups them into runs (a
 * session, or a trace that names none), folds them, and says what is new.
 *
 * Order: within one call spans are folded in event order; a span that comes later but belongs
 * earlier is folded in its place while the run keeps its tail (see `Fold`). The set of findings at
 * the end of a window does not depend on batching or, within the lateness bound, on order.
 * Lifetime: nothing handed in is kept beyond the call; steps that stay are detached copies. Of many open runs those that are
 * idle are kept as packed bytes.
 * With a journal what is taken in and what is handed on is put there in the same turn, and `restore` goes on from it.
 */
import { LRUCache } from 'lru-cache';
import { dialectKeys, rowId } from '../dialects/keys.ts';
import { isAgentSpan, type NormalisedSpan, normalise } from '../dialects/normalise.ts';
import type { Resolver } from '../dialects/resolve.ts';
import { type SpanReader, spanReader } from '../otlp/span.ts';
import { type TraceIndex, walkTraces } from '../otlp/traces.ts';
import type { Step } from '../step/step.ts';
import { StorageError } from '../storage/storage.ts';
import { defaultWindowOptions, type WindowOptions } from '../window/options.ts';
import { insertOrdered } from '../window/tail.ts';
import { createWheel } from '../window/wheel.ts';
import { confidenceTier } from './calibration.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import type { AnyDetector, EndReason } from './detector.ts';
import type { Finding } from './finding.ts';
import { type ActiveDetector, type FoldHooks, leaveOutText, type Timing, timingsOf, type Window } from './fold.ts';
import type { Journal, Recorded } from './journal.ts';
import { type Early, PackedRun, packEarly } from './packed.ts';
import { RecordError } from './record.ts';
import {
  type Emission,
  loadRun,
  type Missed,
  type Moved,
  noTarget,
  noteSaid,
  originOf,
  Run,
  type Said,
  type Sampled,
  type SavedSaid,
  sessionKey,
  sessionOfKey,
  stepsOf,
  type Target,
  type Times,
} from './run.ts';
import { Slabs } from './slabs.ts';
import { type Source, Sources } from './sources.ts';
import { Overran, type Watch } from './watch.ts';

export type { Coverage, Outcome } from './coverage.ts';
export type { Emission } from './run.ts';

export interface HostCounts {
  spans: number;
  agentSpans: number;
  steps: number;
  duplicates: number;
  /** Spans that bear misstep's mark as they come in: its carriers, and spans that it has annotated. */
  own: number;
  refolded: number;
  /** Steps that came after their place was final. */
  late: number;
  errors: number;
  /** Detectors that took too long for a step of a window. */
  overran: number;
  opened: number;
  /** Runs that were open when the journal was read. */
  restored: number;
  /** Steps folded without text, under pressure. */
  withoutText: number;
  /** Spans passed on unread, under pressure. */
  passedOver: number;
  closed: Record<EndReason, number>;
}

/** Which options a window opens with, of a tenant and a framework. */
export interface Choice {
  /** The framework by which it is chosen for windows that begin with this step, if by any. */
  frameworkOf(tenant: string, step: Step): string | undefined;
  /** The detectors of `HostOptions.detectors`, each in its place (`likeDetectors`); the same list as long as nothing changes. */
  detectorsFor(tenant: string, framework: string | undefined): readonly ActiveDetector[];
}

export interface HostOptions {
  readonly detectors: readonly ActiveDetector[];
  /** Absent: every window has `detectors`. */
  readonly choice?: Choice;
  readonly windows?: Partial<WindowOptions>;
  /** Wall clock for idle, grace and lateness of open windows. Unix ms. Replay leaves it out: nothing closes before `end`. */
  readonly now?: () => number;
  /** Monotonic ms, for `timings`. Absent: detectors are not timed. */
  readonly monotonic?: () => number;
  /** Absent: no detector is switched off for the time that it takes; so a replay is the same on any machine. */
  readonly watch?: Watch;
  /** What a sampler before this process leaves out. `auto`, the default: whole traces, of runs with a span that says so. */
  readonly sampled?: Sampled | 'auto' | 'no';
  /** A growing finding is said again when it is this much later, or its severity or confidence tier rose, or its window closes. */
  readonly cooldownMs?: number;
  /** Where runs outlive the process. Then whoever takes emissions must call `handed` and `answered`. */
  readonly journal?: Journal;
  /** A run is checkpointed when its rows are twice its last checkpoint, and not for less than this. Default 64 KiB. */
  readonly checkpointBytes?: number;
  readonly onCoverage?: (coverage: Coverage) => void;
  readonly onError?: (detector: AnyDetector, window: Window, error: unknown) => void;
  readonly onStep?: (step: NormalisedSpan) => void;
  /** A trace (`<tenant>|<trace id>`) is no longer known: its window closed or its steps were given away. */
  readonly onForgotten?: (trace: string) => void;
}

/** Spans of it are carriers that came back in; they are counted, never examined. Annotated spans are counted, and known by their id. */
const OWN_SCOPE = 'misstep';
const ownMark = rowId('misstep.detections');
/** Traces of one session; the next one begins a new window. Each keeps about 50 KB of states: a session takes no more than a run may. */
const MAX_TRACES = 1_000;
/**
 * A run whose disorder makes it fold more than this many steps again for each one it has, loses its tail: its cost stays
 * linear, and what comes out of order after that is folded at the end and counted as late. 8: a trace of depth 8 that is
 * exported span by span, children first, folds each step again once a level.
 */
const REFOLD_FACTOR = 8;
/** Before 1980 nobody traced agents: the field was left at 0, or a clock was never set. */
const UNSET_MS = 315_532_800_000;
/** One minute: a loop of seconds-long calls is said again a few times an hour, not at every turn. */
const COOLDOWN_MS = 60_000;
/** With twice the last checkpoint as the other bound, what is written stays linear in what comes in. */
const CHECKPOINT_BYTES = 64 * 1024;

/** A packed run has one place to fold again from: that of a `Fold` lies at most so far back. */
const MAX_PACKED_ROWS = 64;

/** `trace` is `<tenant>|<trace id>`. */
export interface BoundTrace {
  readonly trace: string;
  readonly sessionId: string | undefined;
}

interface Replay {
  at: number | undefined;
  run: number | undefined;
  /** Keys of runs by their numbers. */
  readonly keys: Map<number, string>;
  readonly ended: Map<number, { readonly run: Run; readonly reason: EndReason }>;
  /** Keys of open runs of which something may not have been handed on. */
  readonly open: Set<string>;
}

/** Nothing counted yet. */
export function noCounts(): HostCounts {
  return {
    spans: 0,
    agentSpans: 0,
    steps: 0,
    duplicates: 0,
    own: 0,
    refolded: 0,
    late: 0,
    errors: 0,
    overran: 0,
    opened: 0,
    restored: 0,
    withoutText: 0,
    passedOver: 0,
    closed: { root: 0, idle: 0, age: 0, size: 0, evicted: 0, shutdown: 0, end_of_input: 0 },
  };
}

function sameTarget(a: Target, b: Target): boolean {
  return a.flags === b.flags && a.traceState === b.traceState && Buffer.compare(a.resource, b.resource) === 0;
}

export class DetectorHost {
  readonly counts: HostCounts = noCounts();
  private options: HostOptions;
  private limits: WindowOptions;
  private runs: LRUCache<string, Run | PackedRun>;
  /** `<tenant>|<trace id>` → run key. */
  private readonly runOfTrace = new Map<string, string>();
  private readonly wheel = createWheel();
  private readonly reader: SpanReader = spanReader();
  private target: Target = noTarget;
  private tailBytes = 0;
  private textOff = false;
  /** The host's clock when spans were last passed over. */
  private passedMs = Number.NEGATIVE_INFINITY;
  /** Runs that keep steps, the one fed least recently first. */
  private readonly tails = new Set<Run>();
  private out: Emission[] = [];
  private packed = 0;
  private readonly slabs = new Slabs();
  private readonly seenSources = new Sources();
  /** Packed runs that can still take a late step, the one packed first first. */
  private readonly early = new Set<PackedRun>();
  /** Runs that keep no step, the one that has been so for longest first. */
  private readonly idle = new Set<Run>();
  /** Runs to be checkpointed when there is time. */
  private readonly due = new Set<Run>();
  /** Runs of which something could not be put into the journal: nothing is acknowledged before their checkpoint. */
  private readonly owed = new Set<Run>();
  private readonly unanswered = new Map<Emission, Run>();
  /** Runs that are not open, of which steps were missed. */
  private readonly missed = new Map<string, Missed>();
  /** While the journal is read: the record at hand, the runs by their numbers, and what must be looked at in the end. */
  private replay: Replay | undefined;
  /** Of runs that open from now on. */
  private hooks: FoldHooks;
  /** No honest clock says later than this. Unix ms. */
  private latestMs = Number.POSITIVE_INFINITY;

  constructor(options: HostOptions) {
    this.options = options;
    this.hooks = this.hooksOf(options);
    this.limits = { ...defaultWindowOptions, ...options.windows };
    this.runs = this.createRuns();
  }

  private createRuns(): LRUCache<string, Run | PackedRun> {
    return new LRUCache<string, Run | PackedRun>({
      max: this.limits.maxRuns,
      dispose: (run, _key, reason) => {
        if (reason === 'evict') this.finish(this.unpacked(run), 'evicted');
      },
    });
  }

  private hooksOf({ monotonic, watch }: HostOptions): FoldHooks {
    return {
      onError: (detector, window, error) => {
        if (error instanceof Overran) this.counts.overran++;
        else this.counts.errors++;
        this.options.onError?.(detector, window, error);
      },
      onRefold: (steps) => {
        this.counts.refolded += steps;
      },
      monotonic,
      watch,
    };
  }

  /** Other options from now on. Detectors and their options are those of windows that open later. */
  reconfigure(options: HostOptions): void {
    const before = this.runs;
    const { journal } = this.options;
    this.options = options;
    this.hooks = this.hooksOf(options);
    this.limits = { ...defaultWindowOptions, ...options.windows };
    leaveOutText(options.detectors, this.textOff);
    this.runs = this.createRuns();
    for (const [key, run] of [...before.entries()].reverse()) this.runs.set(key, run);
    if (options.journal !== journal) this.change(journal, options.journal);
  }

  /** Every run goes to another journal; the one before forgets it when that is safe. */
  private change(before: Journal | undefined, journal: Journal | undefined): void {
    const left: number[] = [];
    for (const key of [...this.runs.keys()]) {
      const run = this.peek(key) as Run;
      left.push(...run.records);
      run.id = journal?.number() ?? 0;
      run.records = [];
      if (journal !== undefined) this.put(run, () => journal.checkpoint(run));
    }
    const forget = (): void => before?.forget({ records: left, logged: 0, saved: 0 });
    if (journal === undefined) forget();
    else void journal.committed().then(forget, () => undefined);
  }

  get journal(): Journal | undefined {
    return this.options.journal;
  }

  /** Those of windows that open now. */
  get detectors(): readonly ActiveDetector[] {
    return this.options.detectors;
  }

  get packedRuns(): number {
    return this.packed;
  }

  /** The run of that key, unpacked. */
  private peek(key: string): Run | undefined {
    const found = this.runs.peek(key);
    if (found === undefined || found instanceof Run) return found;
    const run = this.unpacked(found);
    this.runs.set(key, run);
    return run;
  }

  private unpacked(run: Run | PackedRun): Run {
    if (run instanceof Run) return run;
    this.packed--;
    const now = this.wall();
    if (now !== undefined && now - run.touchedMs >= this.limits.latenessMs) this.settlePacked(run);
    else this.tailBytes -= run.earlyBytes;
    this.early.delete(run);
    const unpacked = run.unpack(this.hooks, this.slabs);
    this.tailBytes += unpacked.bytes;
    if (unpacked.rows.length > 0) this.tails.add(unpacked);
    return unpacked;
  }

  /** Who made the steps; another array when there is a new one. */
  get sources(): readonly Source[] {
    return this.seenSources.all;
  }

  get openRuns(): number {
    return this.runs.size;
  }

  get keptBytes(): number {
    return this.tailBytes;
  }

  /** Leaves text out of what is folded from now on, or takes it in again; windows in which it was left out say so. */
  leaveOutText(off: boolean): void {
    this.textOff = off;
    leaveOutText(this.options.detectors, off);
  }

  /** Spans that are not looked at: every window that is open now may lack some of them, and says so. */
  passOver(spans: number): void {
    this.counts.passedOver += spans;
    this.passedMs = this.options.now?.() ?? this.passedMs;
  }

  /** By place among the detectors: what a step costs each of them, from one step in some dozens. */
  get timings(): readonly Timing[] {
    return timingsOf(this.options.detectors);
  }

  /** How the detectors stand in open windows, as if they closed now: of the runs used last, at most `limit` windows. */
  coverOpen(limit: number, onCoverage: (coverage: Coverage) => void): void {
    let left = limit;
    for (const key of this.runs.keys()) {
      if (left <= 0) return;
      const run = this.peek(key);
      if (run === undefined) continue;
      for (const coverage of coverageOf(run, this.passedMs >= run.openedMs, left)) onCoverage(coverage);
      left -= run.fold.windows.size;
    }
  }

  /** Folds the spans of one request. Returns what is to be said now. */
  process(index: TraceIndex, tenant: string): Emission[] {
    const { reader } = this;
    const now = this.options.now?.();
    if (now !== undefined) this.latestMs = now + this.limits.latenessMs;
    const steps: NormalisedSpan[] = [];
    const targets: Target[] = [];
    const others: number[] = [];
    const watching = this.runs.size > 0;
    for (let row = 0; row < index.spanCount; row++) {
      if (!index.isAgent(row)) {
        if (watching || steps.length > 0) others.push(row);
        continue;
      }
      this.counts.agentSpans++;
      reader.at(index, row);
      const step = isAgentSpan(reader) ? normalise(reader, tenant) : undefined;
      if (!step) {
        if (reader.scopeName() === OWN_SCOPE) this.counts.own++;
        others.push(row);
        continue;
      }
      if (reader.has(ownMark)) this.counts.own++;
      steps.push(step);
      targets.push(this.targetOf(reader));
    }
    this.counts.spans += index.spanCount;
    if (this.textOff) this.counts.withoutText += steps.length;
    const touched = new Set<Run>();
    const linked = new Set<Run>();
    if (steps.length > 0) this.take(steps, targets, tenant, touched);
    for (const row of others) this.link(reader.at(index, row), tenant, touched, linked);
    for (const run of touched) {
      if (run.closed) continue;
      this.foldRun(run);
      this.keep(run);
      linked.delete(run);
    }
    for (const run of linked) this.keep(run);
    if (this.tailBytes > this.limits.maxTailBytes) this.shed();
    return this.flush();
  }

  /** Live, a time beyond now or none at all comes from a wrong clock: it neither ends a window nor makes what follows late. */
  private believed(ms: number): number {
    return ms < UNSET_MS && this.latestMs !== Number.POSITIVE_INFINITY ? this.latestMs : Math.min(ms, this.latestMs);
  }

  /** One object for spans of one resource that follow each other, of whatever request: runs keep it. */
  private targetOf(reader: SpanReader): Target {
    return this.shared({ resource: reader.resourceBytes(), traceState: reader.traceState(), flags: reader.flags() });
  }

  private shared(target: Target): Target {
    if (!sameTarget(target, this.target)) this.target = target;
    return this.target;
  }

  /** Wall time passes: closes windows that are over, forgets what is final. Call about once a second. */
  tick(nowMs: number): Emission[] {
    for (const key of this.wheel.due(nowMs)) {
      const run = this.runs.peek(key);
      if (!run) continue;
      const reason = this.overdue(run, nowMs);
      if (reason) this.close(this.unpacked(run), reason);
      else {
        const late = nowMs - run.touchedMs >= this.limits.latenessMs;
        if (run instanceof Run) this.settle(run, late);
        else if (late) this.settlePacked(run);
        this.schedule(key, run);
      }
    }
    return this.flush();
  }

  /** Closes every window, in key order. */
  end(reason: EndReason): Emission[] {
    for (const key of [...this.runs.keys()].sort()) {
      const run = this.peek(key);
      if (run) this.close(run, reason);
    }
    return this.flush();
  }

  /**
   * Does what can wait until `over` says that the time is up: checkpoints of runs that need one, packing of runs that are idle.
   * True if something is left. Call after `tick`.
   */
  work(over: () => boolean): boolean {
    for (const run of this.due) {
      if (over()) return true;
      this.due.delete(run);
      this.checkpoint(run);
    }
    for (const run of this.idle) {
      if (this.runs.size - this.packed <= this.limits.maxUnpacked) return false;
      if (over()) return true;
      this.idle.delete(run);
      this.pack(run);
    }
    for (const run of this.tails) {
      if (this.runs.size - this.packed <= this.limits.maxUnpacked) return false;
      if (over()) return true;
      this.pack(run);
    }
    return false;
  }

  /** With a journal a run that keeps steps stays as it is: when they are settled its checkpoint is due. */
  private pack(run: Run): void {
    if (run.unanswered > 0 || run.fresh.length > 0 || this.runs.peek(run.key) !== run) return;
    let early: Early | undefined;
    if (run.rows.length > 0) {
      if (this.options.journal !== undefined || run.rows.length > MAX_PACKED_ROWS) return;
      early = packEarly(run, this.slabs);
      this.settle(run, true);
    }
    this.idle.delete(run);
    this.tails.delete(run);
    const packed = new PackedRun(run, this.slabs, early);
    this.runs.set(run.key, packed);
    this.packed++;
    if (early === undefined) return;
    this.early.add(packed);
    this.tailBytes += packed.earlyBytes;
  }

  private settlePacked(run: PackedRun): void {
    this.tailBytes -= run.earlyBytes;
    this.early.delete(run);
    run.settle(this.slabs);
  }

  /**
   * These findings are handed on in this turn: put into the journal with what bears them. What is not said so is handed on again after
   * a restart.
   */
  handed(emissions: readonly Emission[]): void {
    const { journal } = this.options;
    if (journal === undefined) return;
    const byRun = new Map<Run, SavedSaid[]>();
    for (const emission of emissions) {
      const run = this.runOf(emission);
      if (run === undefined) continue;
      const { finding, label } = emission;
      const said = byRun.get(run) ?? [];
      said.push({ finding: run.fold.slim(finding), label: label === 'fail' ? undefined : label, atMs: finding.atMs });
      byRun.set(run, said);
      this.mark(run, emission, true);
    }
    for (const [run, said] of byRun) this.put(run, () => journal.said(run, said));
  }

  /** What became of them: accepted or not worth handing on, or refused. Refused ones are still owed. */
  answered(emissions: readonly Emission[], done: boolean): void {
    for (const emission of emissions) {
      const run = this.runOf(emission);
      if (run === undefined) continue;
      this.mark(run, emission, done);
      if (!done) continue;
      this.unanswered.delete(emission);
      run.unanswered--;
      if (run.closed && run.unanswered === 0) this.options.journal?.forget(run);
    }
  }

  /** These are given up in this process. What is in the journal of them is handed on after a restart. */
  abandoned(emissions: readonly Emission[]): void {
    for (const emission of emissions) this.unanswered.delete(emission);
  }

  private runOf(emission: Emission): Run | undefined {
    let run = this.unanswered.get(emission);
    while (run?.movedTo !== undefined) run = run.movedTo;
    return run;
  }

  private mark(run: Run, emission: Emission, safe: boolean): void {
    const said = run.said?.get(emission.finding.id);
    if (said?.emission === emission) said.safe = safe;
  }

  /** Writes what could not be written before. Throws `StorageError` if it still cannot. */
  settleDebts(): void {
    for (const run of this.owed) {
      this.options.journal?.checkpoint(run);
      this.owed.delete(run);
    }
  }

  private checkpoint(run: Run): void {
    const { journal } = this.options;
    if (journal !== undefined && !run.closed) this.put(run, () => journal.checkpoint(run));
  }

  private put(run: Run, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.owed.add(run);
    }
  }

  /** What the request at hand brought this run. Its steps are detached. */
  private log(run: Run): void {
    const { journal } = this.options;
    if (journal !== undefined && this.replay === undefined && run.fresh.length + run.links.length > 0) {
      const spans = run.fresh.map(({ body }) => body as Uint8Array);
      this.put(run, () => {
        journal.steps(run, spans, this.options.now?.());
        journal.committed().catch(() => this.owed.add(run));
      });
      if (run.logged > Math.max(this.options.checkpointBytes ?? CHECKPOINT_BYTES, 2 * run.saved)) this.due.add(run);
    }
    run.links.length = 0;
  }

  /** Spans that are no steps still link their children to their parents. */
  private link(reader: SpanReader, tenant: string, touched: Set<Run>, linked: Set<Run>): void {
    const traceId = reader.traceId();
    const run = this.peek(this.runOfTrace.get(`${tenant}|${traceId}`) ?? '');
    if (!run) return;
    const spanId = reader.spanId();
    const parentId = reader.parentId();
    if (this.options.journal !== undefined) {
      run.links.push([spanId, parentId, traceId]);
      linked.add(run);
    }
    if (this.note(run, run.resolver.addLink(spanId, parentId, traceId))) touched.add(run);
  }

  private take(steps: readonly NormalisedSpan[], targets: readonly Target[], tenant: string, touched: Set<Run>): void {
    // A session named by any span of the request binds its trace before anything is folded.
    for (const step of steps) {
      if (step.sessionId !== undefined) this.bind(tenant, step, step.sessionId, touched);
    }
    steps.forEach((step, i) => {
      const run = this.runFor(tenant, step);
      if (run.seen.has(step.spanId)) {
        this.counts.duplicates++;
        return;
      }
      this.counts.steps++;
      this.seenSources.add(step);
      touched.add(run);
      this.add(run, step, targets[i] as Target);
      this.options.onStep?.(step);
    });
  }

  private add(run: Run, step: NormalisedSpan, target: Target): void {
    if (run.seen.size >= this.limits.maxSeen) run.seen.delete(run.seen.values().next().value as string);
    run.seen.add(step.spanId);
    if (step.sampled && this.options.sampled !== 'no') run.sampled ??= 'traces';
    run.targets.set(step.traceId, target);
    this.note(run, run.resolver.add(step));
    if (step.endMs < run.finalMs) this.counts.late++;
    run.folded++;
    run.fresh.push(step);
    run.dirtyFrom = Math.min(run.dirtyFrom, insertOrdered(run.rows, step));
    run.lastEndMs = Math.max(run.lastEndMs, this.believed(step.endMs));
    if (step.parentId === '' && run.sessionId === undefined) run.rootMs = this.now(step);
  }

  /** Copies what was folded and may be folded again; what is final already has no bytes. */
  private keep(run: Run): void {
    // Closed while the request was taken in: nothing of it is folded again.
    if (this.runs.peek(run.key) !== run) return;
    for (const step of run.fresh) {
      step.detach();
      run.bytes += step.bytes;
      this.tailBytes += step.bytes;
    }
    this.log(run);
    // Some may be final already, and have had to keep their bytes for the journal.
    run.fresh.length = 0;
    this.tails.delete(run);
    if (run.rows.length > 0) this.tails.add(run);
  }

  /** Late facts: steps that are still kept are folded again with them, of those that are gone the detectors are told. */
  private note(run: Run, changes: ReturnType<Resolver['add']>): boolean {
    const before = run.dirtyFrom;
    let told = false;
    for (const { step, facts } of changes) {
      const at = run.rows.lastIndexOf(step);
      if (at >= 0) run.dirtyFrom = Math.min(run.dirtyFrom, at);
      else if (run.fold.update(step, facts)) {
        told = true;
        run.dirtyFrom = 0;
      }
    }
    return told || run.dirtyFrom < before;
  }

  private foldRun(run: Run): void {
    run.fold.run(run.rows, run.dirtyFrom);
    run.dirtyFrom = run.rows.length;
    this.say(run, false);
    if (run.refolded > REFOLD_FACTOR * (run.folded + this.limits.maxTail)) this.settle(run, true);
    else if (run.rows.length > this.limits.maxTail) this.settle(run, false);
    this.idle.delete(run);
    const now = this.wall();
    if (now !== undefined) {
      run.touchedMs = now;
      this.schedule(run.key, run);
    }
  }

  private wall(): number | undefined {
    return this.replay?.at ?? this.options.now?.();
  }

  private bind(tenant: string, step: Step, sessionId: string, touched: Set<Run>): void {
    const { traceId } = step;
    const traceKey = `${tenant}|${traceId}`;
    const key = sessionKey(tenant, sessionId);
    const former = this.runOfTrace.get(traceKey);
    if (former === key) return;
    this.runOfTrace.set(traceKey, key);
    const old = former === undefined ? undefined : this.peek(former);
    if (!old || old.sessionId !== undefined) return;
    // The trace was a run of its own until now: what it kept moves, what it said is said anew or taken back.
    const full = this.peek(key);
    if (full && full.traces.size >= MAX_TRACES) this.close(full, 'size');
    this.runOfTrace.set(traceKey, key);
    const run = this.open(tenant, key, step);
    this.runs.delete(old.key);
    this.wheel.cancel(old.key);
    this.release(old);
    old.closed = true;
    old.movedTo = run;
    run.unanswered += old.unanswered;
    run.records.push(...old.records);
    run.took.push(old.id, ...old.took);
    run.logged += old.logged;
    this.replay?.keys.set(old.id, run.key);
    for (const step of old.rows) this.add(run, step, old.targets.get(step.traceId) ?? noTarget);
    for (const link of old.resolver.links()) this.note(run, run.resolver.addLink(...link));
    run.missed ??= old.missed;
    run.sampled ??= old.sampled;
    for (const id of old.seen) run.seen.add(id);
    if (old.said !== undefined) run.said = new Map([...(run.said ?? []), ...old.said]);
    run.traces.add(traceId);
    touched.delete(old);
    touched.add(run);
  }

  private runFor(tenant: string, step: Step): Run {
    const traceKey = `${tenant}|${step.traceId}`;
    let key = this.runOfTrace.get(traceKey);
    if (key === undefined) {
      key = `trace:${tenant}|${step.traceId}`;
      this.runOfTrace.set(traceKey, key);
    }
    const open = this.peek(key);
    if (open && this.believed(step.startMs) - open.lastEndMs > this.limits.idleMs) this.close(open, 'idle');
    else if (open && open.traces.size >= MAX_TRACES && !open.traces.has(step.traceId)) this.close(open, 'size');
    this.runOfTrace.set(traceKey, key);
    const run = this.open(tenant, key, step);
    run.traces.add(step.traceId);
    return run;
  }

  private open(tenant: string, key: string, step: Step): Run {
    const found = this.peek(key);
    if (found) {
      this.runs.get(key);
      return found;
    }
    const { sampled } = this.options;
    const id = this.replay?.run ?? this.options.journal?.number() ?? 0;
    const framework = this.options.choice?.frameworkOf(tenant, step);
    const run = new Run(
      { id, key, tenant, sessionId: sessionOfKey(key), framework },
      this.detectorsFor(tenant, framework),
      this.hooks,
      this.believed(step.startMs),
      this.wall() ?? step.startMs,
    );
    run.missed = this.missed.get(key);
    if (sampled === 'traces' || sampled === 'spans') run.sampled = sampled;
    this.missed.delete(key);
    this.counts.opened++;
    this.runs.set(key, run);
    return run;
  }

  private detectorsFor(tenant: string, framework: string | undefined): readonly ActiveDetector[] {
    return this.options.choice?.detectorsFor(tenant, framework) ?? this.options.detectors;
  }

  /** Forgets steps that are final: all of them, or those older than the lateness bound (and the oldest beyond `maxTail`). */
  private settle(run: Run, all: boolean, quiet = all): void {
    const { rows } = run;
    let settled = all ? rows.length : 0;
    if (!all) {
      const watermark = run.lastEndMs - this.limits.latenessMs;
      while (settled < rows.length && (rows[settled] as Step).endMs <= watermark) settled++;
      settled = Math.max(settled, rows.length - this.limits.maxTail);
    }
    const gone = run.fold.release(settled);
    if (gone > 0) {
      run.finalMs = (rows[gone - 1] as Step).endMs;
      for (let i = 0; i < gone; i++) this.forget(run, rows[i] as NormalisedSpan);
      rows.splice(0, gone);
      run.dirtyFrom = Math.max(0, run.dirtyFrom - gone);
    }
    if (rows.length > 0 || !quiet) return;
    this.idle.add(run);
    if (run.logged > 0 || run.records.length > 1) this.due.add(run);
  }

  /** A run that is over, or whose steps moved to another, keeps nothing. */
  private release(run: Run): void {
    for (const set of [this.idle, this.due, this.owed]) set.delete(run);
    this.tailBytes -= run.bytes;
    run.bytes = 0;
    run.fresh.length = 0;
    this.tails.delete(run);
  }

  private forget(run: Run, step: NormalisedSpan): void {
    run.bytes -= step.bytes;
    this.tailBytes -= step.bytes;
    step.drop();
  }

  /** Over the byte budget: the least recently used runs keep their states only. */
  private shed(): void {
    for (const run of this.early) {
      if (this.tailBytes <= this.limits.maxTailBytes) return;
      this.settlePacked(run);
    }
    for (const run of this.tails) {
      if (this.tailBytes <= this.limits.maxTailBytes) return;
      this.settle(run, true);
      this.tails.delete(run);
    }
  }

  private now(step: Step): number {
    return this.wall() ?? step.endMs;
  }

  private schedule(key: string, run: Run | PackedRun): void {
    const { idleMs, graceMs, latenessMs, maxAgeMs } = this.limits;
    let at = Math.min(run.touchedMs + idleMs, run.openedMs + maxAgeMs);
    if (run.rootMs !== undefined) at = Math.min(at, run.rootMs + graceMs);
    if (run instanceof Run ? run.rows.length > 0 : run.earlyBytes > 0) at = Math.min(at, run.touchedMs + latenessMs);
    this.wheel.schedule(key, at);
  }

  private overdue(run: Times, nowMs: number): EndReason | undefined {
    if (run.rootMs !== undefined && nowMs - run.rootMs >= this.limits.graceMs) return 'root';
    if (nowMs - run.touchedMs >= this.limits.idleMs) return 'idle';
    if (nowMs - run.openedMs >= this.limits.maxAgeMs) return 'age';
    return undefined;
  }

  private close(run: Run, reason: EndReason): void {
    this.runs.delete(run.key);
    this.finish(run, reason);
  }

  private finish(run: Run, reason: EndReason): void {
    this.wheel.cancel(run.key);
    for (const trace of run.traces) this.forgetTrace(`${run.tenant}|${trace}`, run.key);
    run.closed = true;
    // What came in the same request, before what closes it.
    if (run.fresh.length > 0) run.fold.run(run.rows, run.dirtyFrom);
    run.fold.end(reason, run.lastEndMs);
    for (const step of this.options.journal === undefined ? [] : run.fresh) step.detach();
    this.log(run);
    this.release(run);
    if (this.replay !== undefined) this.replay.ended.set(run.id, { run, reason });
    else this.conclude(run, reason);
  }

  private conclude(run: Run, reason: EndReason): void {
    this.say(run, true);
    const { journal, onCoverage } = this.options;
    if (run.unanswered > 0) this.put(run, () => journal?.end(run, reason));
    else journal?.forget(run);
    this.counts.closed[reason]++;
    if (onCoverage) for (const coverage of coverageOf(run, this.passedMs >= run.openedMs)) onCoverage(coverage);
  }

  /**
   * Takes up the runs of the journal where the process before this one left them. Call before anything else. Returns what was found
   * and not handed on. `unreadable` is told of records that are damaged or not known; they are lost.
   */
  async restore(unreadable: (error: Error) => void): Promise<Emission[]> {
    const { journal } = this.options;
    if (journal === undefined) return [];
    const replay: Replay = { at: undefined, run: undefined, keys: new Map(), ended: new Map(), open: new Set() };
    this.replay = replay;
    for await (const record of journal.read(unreadable)) {
      try {
        this.takeUp(record, replay);
      } catch (error) {
        journal.forget({ records: [record.record], logged: 0, saved: 0 });
        unreadable(error instanceof Error ? error : new Error(String(error)));
      }
      this.work(() => false);
    }
    this.replay = undefined;
    for (const { run, reason } of replay.ended.values()) this.conclude(run, reason);
    for (const key of replay.open) {
      const run = this.peek(key);
      if (run === undefined) continue;
      run.fold.changed = true;
      this.say(run, false);
    }
    this.counts.restored = this.runs.size;
    return this.flush();
  }

  private takeUp(record: Recorded, replay: Replay): void {
    if (record.kind === 'state') {
      this.load(record, replay);
      return;
    }
    if (record.kind === 'steps') {
      replay.at = record.at;
      replay.run = record.run;
      this.process(walkTraces(record.spans, dialectKeys), record.tenant);
      replay.at = undefined;
      replay.run = undefined;
      const run = this.peek(record.key);
      if (run === undefined) throw new RecordError(`steps of the run ${record.key}, which is over`);
      replay.keys.set(record.run, record.key);
      replay.open.add(record.key);
      run.records.push(record.record);
      let told = false;
      for (const [spanId, parentId, traceId] of record.links ?? []) {
        told = this.note(run, run.resolver.addLink(spanId, parentId, traceId)) || told;
      }
      if (told) this.foldRun(run);
      return;
    }
    const run = replay.ended.get(record.run)?.run ?? this.peek(replay.keys.get(record.run) ?? '');
    if (run === undefined) throw new RecordError(`a record of the run ${record.run}, of which there is no other`);
    run.records.push(record.record);
    if (record.kind === 'end') {
      if (!run.closed) this.close(run, record.reason as EndReason);
      return;
    }
    for (const { finding: slim, label, atMs } of record.said) {
      const finding = typeof slim === 'number' ? undefined : run.fold.whole(slim);
      if (finding !== undefined) noteSaid(run, { finding, configHash: '', label: label ?? 'fail', ...noTarget }, atMs);
    }
  }

  private load(record: Extract<Recorded, { readonly kind: 'state' }>, replay: Replay): void {
    const { run: saved, detectors, spans, targets } = record;
    const rows = stepsOf(spans, saved.tenant);
    const kept = saved.resolver.steps.reduce((sum, step) => sum + Number(step.kept !== undefined), 0);
    if (kept !== rows.length) throw new RecordError(`a state with ${rows.length} kept steps where it names ${kept}`);
    const now = this.detectorsFor(saved.tenant, saved.framework);
    const run = loadRun(saved, rows, now, originOf(detectors, now), this.hooks);
    for (const [traceId, target] of targets) run.targets.set(traceId, this.shared(target));
    run.records.push(record.record);
    run.saved = record.bytes;
    for (const trace of run.traces) this.runOfTrace.set(`${run.tenant}|${trace}`, run.key);
    replay.keys.set(run.id, run.key);
    this.runs.set(run.key, run);
    this.tailBytes += run.bytes;
    run.fold.run(run.rows, 0);
    run.dirtyFrom = run.rows.length;
    this.schedule(run.key, run);
    if (run.fold.findings.size > 0 || run.said !== undefined) replay.open.add(run.key);
    if (run.rows.length > 0) this.tails.add(run);
    else this.idle.add(run);
  }

  /** Compares what is found with what was said; queues the difference. */
  private say(run: Run, last: boolean): void {
    const { fold } = run;
    if ((!fold.changed && !last) || this.replay !== undefined) return;
    fold.changed = false;
    const cooldown = this.options.cooldownMs ?? COOLDOWN_MS;
    for (const finding of fold.findings.values()) {
      const before = run.said?.get(finding.id);
      if (before && before.emission.label === 'fail' && !this.worthSaying(before, finding, last, cooldown)) continue;
      this.emit(run, finding, 'fail');
    }
    for (const [id, { emission }] of run.said ?? []) {
      if (emission.label !== 'fail' || fold.findings.has(id) || fold.isSilent(emission.finding)) continue;
      if (emission.finding.tier < 3 || !fold.withoutText) this.emit(run, emission.finding, 'withdrawn');
    }
  }

  private worthSaying({ emission, atMs }: Said, finding: Finding, last: boolean, cooldown: number): boolean {
    const said = emission.finding;
    if (finding.revision === said.revision && finding.explanation === said.explanation) return false;
    if (last || finding.severity !== said.severity) return true;
    return confidenceTier(finding.confidence) !== confidenceTier(said.confidence) || finding.atMs - atMs >= cooldown;
  }

  private emit(run: Run, finding: Finding, label: Emission['label']): void {
    const target = run.targets.get(finding.at.traceId) ?? noTarget;
    const active = run.detectors.find(({ detector }) => detector.meta.id === finding.detector);
    const emission: Emission = { finding, label, configHash: active?.configHash ?? '', emit: active?.emit, ...target };
    run.said ??= new Map();
    const journalled = this.options.journal !== undefined;
    const before = run.said.get(finding.id);
    const former = before === undefined || before.safe ? before : before.former;
    run.said.set(finding.id, {
      emission,
      atMs: finding.atMs,
      safe: !journalled,
      former: journalled && former !== undefined ? { ...former, former: undefined } : undefined,
    });
    this.out.push(emission);
    if (!journalled) return;
    run.unanswered++;
    this.unanswered.set(emission, run);
  }

  /** It may be bound to another run since. */
  private forgetTrace(traceKey: string, key: string): void {
    if (this.runOfTrace.get(traceKey) !== key) return;
    this.runOfTrace.delete(traceKey);
    this.options.onForgotten?.(traceKey);
  }

  // For hosts that share the work: a trace whose session lives in another host moves there.

  /** Every trace that is bound to a run. */
  *bound(): Generator<BoundTrace> {
    for (const [trace, key] of this.runOfTrace) yield { trace, sessionId: sessionOfKey(key) };
  }

  /** True if the trace (`<tenant>|<trace id>`) is bound to a run. */
  knows(trace: string): boolean {
    return this.runOfTrace.has(trace);
  }

  /** The run of a trace that names no session leaves this host. `undefined` if there is none. */
  give(tenant: string, traceId: string): Moved | undefined {
    const traceKey = `${tenant}|${traceId}`;
    const run = this.peek(this.runOfTrace.get(traceKey) ?? '');
    if (!run || run.sessionId !== undefined) return undefined;
    this.runs.delete(run.key);
    this.wheel.cancel(run.key);
    this.forgetTrace(traceKey, run.key);
    const spans = run.rows.flatMap(({ body }) => body ?? []);
    this.release(run);
    run.closed = true;
    this.options.journal?.forget(run);
    return { spans, links: run.resolver.links(), seen: [...run.seen], said: [...(run.said?.values() ?? [])] };
  }

  /** Takes what another host gave; `index` is over its spans. They are folded into the run to which the trace is bound here. */
  receive(tenant: string, traceId: string, index: TraceIndex, { links, seen, said }: Omit<Moved, 'spans'>): Emission[] {
    const run = this.peek(this.runOfTrace.get(`${tenant}|${traceId}`) ?? '');
    if (run) {
      const before = said.map((one): [string, Said] => [one.emission.finding.id, one]);
      if (before.length > 0) run.said = new Map([...before, ...(run.said ?? [])]);
      run.fold.changed = true;
    }
    const { spans, agentSpans, steps, own, duplicates } = this.counts;
    const emissions = this.process(index, tenant);
    // They were counted where they came in.
    Object.assign(this.counts, { spans, agentSpans, steps, own, duplicates });
    if (!run || run.closed || this.runs.peek(run.key) !== run) return emissions;
    for (const link of links) this.note(run, run.resolver.addLink(...link));
    for (const id of seen) run.seen.add(id);
    this.foldRun(run);
    // What was said elsewhere is in no record of this journal.
    this.checkpoint(run);
    return [...emissions, ...this.flush()];
  }

  /** Steps of these runs were not or are no longer here. Runs that are not open are remembered until they open. */
  miss(keys: readonly string[], why: Missed): void {
    for (const key of keys) {
      const run = this.peek(key);
      if (run) {
        run.missed ??= why;
        this.checkpoint(run);
      } else if (this.missed.size < this.limits.maxRuns) this.missed.set(key, why);
    }
  }

  private flush(): Emission[] {
    const out = this.out;
    this.out = [];
    return out;
  }
}

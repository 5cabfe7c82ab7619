/**
 * The detector host: spans in, findings out. It normalises agent spans, groups them into runs (a
 * session, or a trace that names none), folds them, and says what is new.
 *
 * Order: within one call spans are folded in event order; a span that comes later but belongs
 * earlier is folded in its place while the run keeps its tail (see `Fold`). The set of findings at
 * the end of a window does not depend on batching or, within the lateness bound, on order.
 * Lifetime: nothing handed in is kept beyond the call; steps that stay are detached copies.
 */
import { LRUCache } from 'lru-cache';
import { rowId } from '../dialects/keys.ts';
import { isAgentSpan, type NormalisedSpan, normalise } from '../dialects/normalise.ts';
import { createResolver, type Resolver } from '../dialects/resolve.ts';
import { type SpanReader, spanReader } from '../otlp/span.ts';
import type { TraceIndex } from '../otlp/traces.ts';
import type { Step } from '../step/step.ts';
import { defaultWindowOptions, type WindowOptions } from '../window/options.ts';
import { insertOrdered } from '../window/tail.ts';
import { createWheel } from '../window/wheel.ts';
import { confidenceTier } from './calibration.ts';
import type { AnyDetector, EndReason } from './detector.ts';
import type { Finding } from './finding.ts';
import { type ActiveDetector, Fold, factNames, type Timing, timingsOf, type Window } from './fold.ts';

/** A finding to hand on, with what a carrier span needs of its target. */
export interface Emission {
  readonly finding: Finding;
  readonly configHash: string;
  /** `withdrawn`: said before, no longer true. */
  readonly label: 'fail' | 'withdrawn';
  /** The target's resource; empty if it was never seen. */
  readonly resource: Uint8Array;
  readonly traceState: string;
  readonly flags: number;
}

export type Outcome = 'fail' | 'pass' | 'insufficient_data' | 'error';

/** How one detector ended in one window. */
export interface Coverage {
  readonly detector: AnyDetector;
  readonly outcome: Outcome;
  /** For `insufficient_data` and `error`. */
  readonly reason: string | undefined;
  readonly windowKey: string;
  readonly traceId: string;
  readonly sessionId: string | undefined;
  readonly agent: string | undefined;
}

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
  opened: number;
  closed: Record<EndReason, number>;
}

export interface HostOptions {
  readonly detectors: readonly ActiveDetector[];
  readonly windows?: Partial<WindowOptions>;
  /** Wall clock for idle, grace and lateness of open windows. Unix ms. Replay leaves it out: nothing closes before `end`. */
  readonly now?: () => number;
  /** Monotonic ms, for `timings`. Absent: detectors are not timed. */
  readonly monotonic?: () => number;
  /** A growing finding is said again when it is this much later, or its severity or confidence tier rose, or its window closes. */
  readonly cooldownMs?: number;
  readonly onCoverage?: (coverage: Coverage) => void;
  readonly onError?: (detector: AnyDetector, window: Window, error: unknown) => void;
  readonly onStep?: (step: NormalisedSpan) => void;
}

/** Spans of it are carriers that came back in; they are counted, never examined. Annotated spans are counted, and known by their id. */
const OWN_SCOPE = 'misstep';
const ownMark = rowId('misstep.detections');
/** Traces of one session whose resource is remembered for carriers. */
const MAX_TARGETS = 1_000;
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

interface Said {
  readonly emission: Emission;
  readonly atMs: number;
}

interface Run {
  readonly key: string;
  readonly tenant: string;
  readonly sessionId: string | undefined;
  readonly traces: Set<string>;
  readonly resolver: Resolver;
  readonly fold: Fold;
  readonly rows: NormalisedSpan[];
  /** Steps of the request at hand: they read from its body until they are folded, and are copied only then. */
  readonly fresh: NormalisedSpan[];
  readonly seen: Set<string>;
  /** By finding id; made with the first finding. */
  said: Map<string, Said> | undefined;
  readonly targets: Map<string, Target>;
  /** Event order below which steps are final. */
  finalMs: number;
  bytes: number;
  /** Steps folded again so far; bounded by `REFOLD_FACTOR`. */
  refolded: number;
  folded: number;
  dirtyFrom: number;
  lastEndMs: number;
  openedMs: number;
  touchedMs: number;
  rootMs: number | undefined;
}

interface Target {
  readonly resource: Uint8Array;
  readonly traceState: string;
  readonly flags: number;
}

const noTarget: Target = { resource: new Uint8Array(0), traceState: '', flags: 0 };

/** With its length, so that no session id of one tenant reads as one of another. */
function sessionPrefix(tenant: string): string {
  return `session:${tenant.length}:${tenant}|`;
}

function sameTarget(a: Target, b: Target): boolean {
  return a.flags === b.flags && a.traceState === b.traceState && Buffer.compare(a.resource, b.resource) === 0;
}

export class DetectorHost {
  readonly counts: HostCounts = {
    spans: 0,
    agentSpans: 0,
    steps: 0,
    duplicates: 0,
    own: 0,
    refolded: 0,
    late: 0,
    errors: 0,
    opened: 0,
    closed: { root: 0, idle: 0, age: 0, size: 0, evicted: 0, shutdown: 0, end_of_input: 0 },
  };
  private readonly options: HostOptions;
  private readonly limits: WindowOptions;
  private readonly runs: LRUCache<string, Run>;
  /** `<tenant>|<trace id>` → run key. */
  private readonly runOfTrace = new Map<string, string>();
  private readonly wheel = createWheel();
  private readonly reader: SpanReader = spanReader();
  private target: Target = noTarget;
  private tailBytes = 0;
  /** Runs that keep steps, the one fed least recently first. */
  private readonly tails = new Set<Run>();
  private out: Emission[] = [];
  /** No honest clock says later than this. Unix ms. */
  private latestMs = Number.POSITIVE_INFINITY;

  constructor(options: HostOptions) {
    this.options = options;
    this.limits = { ...defaultWindowOptions, ...options.windows };
    this.runs = new LRUCache<string, Run>({
      max: this.limits.maxRuns,
      dispose: (run, _key, reason) => {
        if (reason === 'evict') this.finish(run, 'evicted');
      },
    });
  }

  get openRuns(): number {
    return this.runs.size;
  }

  get keptBytes(): number {
    return this.tailBytes;
  }

  get detectors(): readonly ActiveDetector[] {
    return this.options.detectors;
  }

  /** By place among the detectors: what a step costs each of them, from one step in some dozens. */
  get timings(): readonly Timing[] {
    return timingsOf(this.options.detectors);
  }

  /** How the detectors stand in open windows, as if they closed now: of the runs used last, at most `limit` windows. */
  coverOpen(limit: number, onCoverage: (coverage: Coverage) => void): void {
    let left = limit;
    for (const run of this.runs.values()) {
      if (left <= 0) return;
      left -= this.cover(run, onCoverage, left);
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
    const touched = new Set<Run>();
    if (steps.length > 0) this.take(steps, targets, tenant, touched);
    for (const row of others) this.link(reader.at(index, row), tenant, touched);
    for (const run of touched) {
      this.foldRun(run);
      this.keep(run);
    }
    if (this.tailBytes > this.limits.maxTailBytes) this.shed();
    return this.flush();
  }

  /** Live, a time beyond now or none at all comes from a wrong clock: it neither ends a window nor makes what follows late. */
  private believed(ms: number): number {
    return ms < UNSET_MS && this.latestMs !== Number.POSITIVE_INFINITY ? this.latestMs : Math.min(ms, this.latestMs);
  }

  /** One object for spans of one resource that follow each other, of whatever request: runs keep it. */
  private targetOf(reader: SpanReader): Target {
    const target: Target = { resource: reader.resourceBytes(), traceState: reader.traceState(), flags: reader.flags() };
    if (!sameTarget(target, this.target)) this.target = target;
    return this.target;
  }

  /** Wall time passes: closes windows that are over, forgets what is final. Call about once a second. */
  tick(nowMs: number): Emission[] {
    for (const key of this.wheel.due(nowMs)) {
      const run = this.runs.peek(key);
      if (!run) continue;
      const reason = this.overdue(run, nowMs);
      if (reason) this.close(run, reason);
      else {
        this.settle(run, nowMs - run.touchedMs >= this.limits.latenessMs);
        this.schedule(run);
      }
    }
    return this.flush();
  }

  /** Closes every window, in key order. */
  end(reason: EndReason): Emission[] {
    for (const key of [...this.runs.keys()].sort()) {
      const run = this.runs.peek(key);
      if (run) this.close(run, reason);
    }
    return this.flush();
  }

  /** Spans that are no steps still link their children to their parents. */
  private link(reader: SpanReader, tenant: string, touched: Set<Run>): void {
    const run = this.runs.peek(this.runOfTrace.get(`${tenant}|${reader.traceId()}`) ?? '');
    if (run && this.note(run, run.resolver.addLink(reader.spanId(), reader.parentId(), reader.traceId()))) touched.add(run);
  }

  private take(steps: readonly NormalisedSpan[], targets: readonly Target[], tenant: string, touched: Set<Run>): void {
    // A session named by any span of the request binds its trace before anything is folded.
    for (const step of steps) {
      if (step.sessionId !== undefined) this.bind(tenant, step.traceId, step.sessionId, step.startMs, touched);
    }
    steps.forEach((step, i) => {
      const run = this.runFor(tenant, step);
      if (run.seen.has(step.spanId)) {
        this.counts.duplicates++;
        return;
      }
      this.counts.steps++;
      touched.add(run);
      this.add(run, step, targets[i] as Target);
      this.options.onStep?.(step);
    });
  }

  private add(run: Run, step: NormalisedSpan, target: Target): void {
    if (run.seen.size >= this.limits.maxSeen) run.seen.delete(run.seen.values().next().value as string);
    run.seen.add(step.spanId);
    if (run.targets.size >= MAX_TARGETS) run.targets.delete(run.targets.keys().next().value as string);
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
    const now = this.options.now?.();
    if (now !== undefined) {
      run.touchedMs = now;
      this.schedule(run);
    }
  }

  private bind(tenant: string, traceId: string, sessionId: string, startMs: number, touched: Set<Run>): void {
    const traceKey = `${tenant}|${traceId}`;
    const key = `${sessionPrefix(tenant)}${sessionId}`;
    const former = this.runOfTrace.get(traceKey);
    if (former === key) return;
    this.runOfTrace.set(traceKey, key);
    const old = former === undefined ? undefined : this.runs.peek(former);
    if (!old || old.sessionId !== undefined) return;
    // The trace was a run of its own until now: what it kept moves, what it said is said anew or taken back.
    const run = this.open(tenant, key, sessionId, startMs);
    this.runs.delete(old.key);
    this.wheel.cancel(old.key);
    this.release(old);
    for (const step of old.rows) this.add(run, step, old.targets.get(step.traceId) ?? noTarget);
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
    const open = this.runs.get(key);
    if (open && this.believed(step.startMs) - open.lastEndMs > this.limits.idleMs) this.close(open, 'idle');
    this.runOfTrace.set(traceKey, key);
    const session = key.startsWith('session:') ? key.slice(sessionPrefix(tenant).length) : undefined;
    const run = this.open(tenant, key, session, step.startMs);
    run.traces.add(step.traceId);
    return run;
  }

  private open(tenant: string, key: string, sessionId: string | undefined, startMs: number): Run {
    const found = this.runs.get(key);
    if (found) return found;
    const rows: NormalisedSpan[] = [];
    const windowKey = sessionId === undefined ? `trace:${key.slice(`trace:${tenant}|`.length)}` : `session:${sessionId}`;
    const fold = new Fold(
      this.options.detectors,
      { tenant, key: windowKey, sessionId },
      (spanId) => rows.find((row) => row.spanId === spanId)?.agent,
      {
        onError: (detector, window, error) => {
          this.counts.errors++;
          this.options.onError?.(detector, window, error);
        },
        onRefold: (steps) => {
          this.counts.refolded += steps;
          run.refolded += steps;
        },
        monotonic: this.options.monotonic,
      },
    );
    const now = this.options.now?.() ?? startMs;
    const run: Run = {
      key,
      tenant,
      sessionId,
      traces: new Set(),
      resolver: createResolver(),
      fold,
      rows,
      fresh: [],
      seen: new Set(),
      said: undefined,
      targets: new Map(),
      finalMs: Number.NEGATIVE_INFINITY,
      bytes: 0,
      refolded: 0,
      folded: 0,
      dirtyFrom: 0,
      lastEndMs: this.believed(startMs),
      openedMs: now,
      touchedMs: now,
      rootMs: undefined,
    };
    this.counts.opened++;
    this.runs.set(key, run);
    return run;
  }

  /** Forgets steps that are final: all of them, or those older than the lateness bound (and the oldest beyond `maxTail`). */
  private settle(run: Run, all: boolean): void {
    const { rows } = run;
    let settled = all ? rows.length : 0;
    if (!all) {
      const watermark = run.lastEndMs - this.limits.latenessMs;
      while (settled < rows.length && (rows[settled] as Step).endMs <= watermark) settled++;
      settled = Math.max(settled, rows.length - this.limits.maxTail);
    }
    const gone = run.fold.release(settled);
    if (gone === 0) return;
    run.finalMs = (rows[gone - 1] as Step).endMs;
    for (let i = 0; i < gone; i++) this.forget(run, rows[i] as NormalisedSpan);
    rows.splice(0, gone);
    run.dirtyFrom = Math.max(0, run.dirtyFrom - gone);
  }

  /** A run that is over, or whose steps moved to another, keeps nothing. */
  private release(run: Run): void {
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
    for (const run of this.tails) {
      if (this.tailBytes <= this.limits.maxTailBytes) return;
      this.settle(run, true);
      this.tails.delete(run);
    }
  }

  private now(step: Step): number {
    return this.options.now?.() ?? step.endMs;
  }

  private schedule(run: Run): void {
    const { idleMs, graceMs, latenessMs, maxAgeMs } = this.limits;
    let at = Math.min(run.touchedMs + idleMs, run.openedMs + maxAgeMs);
    if (run.rootMs !== undefined) at = Math.min(at, run.rootMs + graceMs);
    if (run.rows.length > 0) at = Math.min(at, run.touchedMs + latenessMs);
    this.wheel.schedule(run.key, at);
  }

  private overdue(run: Run, nowMs: number): EndReason | undefined {
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
    for (const trace of run.traces) this.runOfTrace.delete(`${run.tenant}|${trace}`);
    run.fold.end(reason, run.lastEndMs);
    this.say(run, true);
    this.release(run);
    this.counts.closed[reason]++;
    if (this.options.onCoverage) this.cover(run, this.options.onCoverage);
  }

  /** Compares what is found with what was said; queues the difference. */
  private say(run: Run, last: boolean): void {
    const { fold } = run;
    if (!fold.changed && !last) return;
    fold.changed = false;
    const cooldown = this.options.cooldownMs ?? COOLDOWN_MS;
    for (const finding of fold.findings.values()) {
      const before = run.said?.get(finding.id);
      if (before && before.emission.label === 'fail' && !this.worthSaying(before, finding, last, cooldown)) continue;
      this.emit(run, finding, 'fail');
    }
    for (const [id, { emission }] of run.said ?? []) {
      if (emission.label === 'fail' && !fold.findings.has(id)) this.emit(run, emission.finding, 'withdrawn');
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
    const active = this.options.detectors.find(({ detector }) => detector.meta.id === finding.detector);
    const emission: Emission = { finding, label, configHash: active?.configHash ?? '', ...target };
    run.said ??= new Map();
    run.said.set(finding.id, { emission, atMs: finding.atMs });
    this.out.push(emission);
  }

  /** Returns how many windows were looked at. */
  private cover(run: Run, onCoverage: (coverage: Coverage) => void, limit = Number.POSITIVE_INFINITY): number {
    let looked = 0;
    const failed = new Set<string>();
    for (const finding of run.fold.findings.values()) failed.add(`${finding.windowKey} ${finding.detector}`);
    for (const window of run.fold.windows.values()) {
      if (looked >= limit) break;
      looked++;
      this.options.detectors.forEach(({ detector, needs }, i) => {
        if (detector.meta.scope !== window.scope) return;
        const missing = needs & ~window.seen;
        const error = run.fold.hasFailed(window, i);
        const outcome: Outcome = failed.has(`${window.key} ${detector.meta.id}`)
          ? 'fail'
          : error
            ? 'error'
            : missing
              ? 'insufficient_data'
              : 'pass';
        const reason = error
          ? 'detector failed'
          : missing && outcome !== 'fail'
            ? `no ${factNames(missing).join(', no ')}`
            : undefined;
        const { key: windowKey, traceId, sessionId, agent } = window;
        onCoverage({ detector, outcome, reason, windowKey, traceId, sessionId, agent });
      });
    }
    return looked;
  }

  private flush(): Emission[] {
    const out = this.out;
    this.out = [];
    return out;
  }
}

/**
 * Folds steps into the states of every detector over the windows of one run, and can go back: a
 * checkpoint holds the states as JSON and the findings said so far, so that a step that comes out of
 * order, or a late fact, is folded again from there and not from the beginning.
 */
import type { Fact, Step } from '../step/step.ts';
import { redact, redactPiece } from '../text/redact.ts';
import { calibrate, type Fit } from './calibration.ts';
import type { AnyDetector, Context, EndReason, MessageSpec, ReportOf, Scope } from './detector.ts';
import { STATE_LIMIT_BYTES } from './detector.ts';
import { type Finding, fillTemplate, findingId } from './finding.ts';
import { Overran, type Watch } from './watch.ts';

/** A detector with its options and calibration, fixed when a window opens. */
export interface ActiveDetector {
  readonly detector: AnyDetector;
  readonly options: Readonly<Record<string, unknown>>;
  readonly fit: Fit;
  readonly configHash: string;
  /** Bit mask of the facts it needs, over `factBit`. */
  readonly needs: number;
  /** Messages of tiers that are switched off: never reported, see `Context.wants`. */
  readonly off?: ReadonlySet<string>;
  /** Absent: as whoever hands findings on has it. */
  readonly emit?: EmitRule;
}

/** A finding is handed on if its confidence times `scaling` (1) is at least `above`. */
export interface EmitRule {
  readonly above?: number | undefined;
  readonly scaling?: number | undefined;
}

const facts: readonly Fact[] = [
  'agent.name',
  'session.id',
  'model',
  'tokens',
  'cost',
  'messages.input',
  'messages.output',
  'system',
  'tool.name',
  'tool.arguments',
  'tool.result',
  'tool.definitions',
  'documents',
  'state',
  'handoff',
  'graph',
  'limits',
];

const bits: ReadonlyMap<Fact, number> = new Map(facts.map((fact, i) => [fact, 1 << i]));

export function needMask(detector: AnyDetector): number {
  let mask = 0;
  for (const need of detector.meta.needs) mask |= bits.get(typeof need === 'string' ? need : need.fact) ?? 0;
  return mask;
}

/** Names of the facts in a mask, for `insufficient_data`. */
export function factNames(mask: number): Fact[] {
  return facts.filter((_, i) => (mask & (1 << i)) !== 0);
}

export interface Window {
  readonly key: string;
  readonly scope: Scope;
  readonly traceId: string;
  readonly sessionId: string | undefined;
  readonly agent: string | undefined;
  /** By place among the detectors of its scope; `undefined` until a detector remembers something. */
  readonly states: unknown[];
  /** Facts seen in any step. */
  seen: number;
  steps: number;
}

interface SavedWindow {
  readonly window: Window;
  /** As JSON, by place among the detectors of the scope. */
  readonly states: readonly (string | undefined)[];
  readonly seen: number;
  readonly steps: number;
}

interface Checkpoint {
  /** Rows folded before it, counted from the start of the kept tail. */
  at: number;
  readonly windows: ReadonlyMap<string, SavedWindow>;
  readonly findings: ReadonlyMap<string, Finding>;
}

/** It threw or outgrew the limit, or took too long; or its state was not there after a restart. */
export type Off = 'failed' | 'overran' | 'restarted';

type SavedRef = readonly [traceId: string, spanId: string];

export type SavedFinding = Omit<
  Finding,
  'category' | 'tier' | 'scope' | 'tenant' | 'sessionId' | 'impact' | 'action' | 'taxonomy' | 'at' | 'evidence'
> & { readonly at: SavedRef; readonly evidence: readonly SavedRef[] };

interface SavedFoldWindow extends Pick<Window, 'key' | 'scope' | 'traceId' | 'agent' | 'seen' | 'steps'> {
  /** By index of the detector. */
  readonly states: readonly (readonly [detector: number, state: unknown])[];
  readonly off?: readonly (readonly [detector: number, why: Off])[] | undefined;
}

export interface SavedFold {
  readonly windows: readonly SavedFoldWindow[];
  readonly findings: readonly SavedFinding[];
}

/** From the detectors of a saved fold to those of the one that takes it over. */
export interface Origin {
  /** The index now of the detector that had index `i`. */
  placeOf(i: number): number | undefined;
  /** True if detector `i` of now cannot go on from what was saved. */
  lost(i: number): boolean;
  /** The state as the detector of now wants it. */
  migrate(i: number, state: unknown): unknown;
}

/** The same detectors, as in a run that was packed in this process. */
export const sameDetectors: Origin = { placeOf: (i) => i, lost: () => false, migrate: (_, state) => state };

function refOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): SavedRef {
  return [traceId, spanId];
}

/** Agents of one run with a window of their own: more than so many are names made up for each call, and each has a state a detector. */
const MAX_AGENTS = 1_000;

/** Steps between two checkpoints: bounds what one late step costs. */
const CHECKPOINT_EVERY = 64;

export interface FoldHooks {
  /** A detector threw or its state outgrew the limit: it is off for this window. */
  onError(detector: AnyDetector, window: Window, error: unknown): void;
  /** A step was folded again. */
  onRefold(steps: number): void;
  /** Monotonic ms. Absent: detectors are not timed. */
  readonly monotonic?: (() => number) | undefined;
  /** Absent: no detector is switched off for the time that it takes. */
  readonly watch?: Watch | undefined;
}

/** Every how many steps the detectors are timed. A prime: a loop of any length is not met at the same place each time. */
const TIMED_EVERY = 61;

/** What a detector's `onStep` costs, over the steps that were timed. */
export interface Timing {
  steps: number;
  microseconds: number;
}

/** What all folds of the same detectors share: a window has no objects per detector but their states. */
interface Plan {
  readonly scopes: Readonly<Record<Scope, readonly number[]>>;
  readonly needs: number;
  /** True if a detector wants late facts of steps that are gone. */
  readonly listens: boolean;
  readonly contexts: readonly Context<never, never>[];
  /** By place: detectors all of whose messages read text. */
  readonly textOnly: readonly boolean[];
  readonly mode: Mode;
  /** The fold that calls a detector now: its contexts speak to it. */
  current: Fold | undefined;
  /** By place among the detectors. */
  readonly timings: readonly Timing[];
  untilTimed: number;
}

/** What lists of the same detectors share. */
interface Mode {
  /** Under pressure: no message that reads text is asked for. */
  textOff: boolean;
}

const plans = new WeakMap<readonly ActiveDetector[], Plan>();

/** In `Window.seen`, beside the facts: steps of it were folded without text. */
export const WITHOUT_TEXT = 1 << 30;

/** Leaves text out of what these detectors fold from now on, or takes it in again (DESIGN §8). */
export function leaveOutText(detectors: readonly ActiveDetector[], off: boolean): void {
  planOf(detectors).mode.textOff = off;
}

/** True if every message of it is of tier 3: such a detector is left out as a whole. */
export function readsOnlyText({ detector }: ActiveDetector): boolean {
  return Object.values<MessageSpec>(detector.meta.messages).every(({ tier }) => tier === 3);
}

function planOf(detectors: readonly ActiveDetector[]): Plan {
  let plan = plans.get(detectors);
  if (plan === undefined) {
    plan = createPlan(detectors);
    plans.set(detectors, plan);
  }
  return plan;
}

/** `other` has the detectors of `detectors` with other options: what is left out of one is left out of both, and they are timed together. */
export function likeDetectors(detectors: readonly ActiveDetector[], other: readonly ActiveDetector[]): void {
  const { mode, timings } = planOf(detectors);
  plans.set(other, createPlan(other, mode, timings));
}

/** By place among the detectors: all folds of this list together. */
export function timingsOf(detectors: readonly ActiveDetector[]): readonly Timing[] {
  return planOf(detectors).timings;
}

function createPlan(
  detectors: readonly ActiveDetector[],
  mode: Mode = { textOff: false },
  timings: readonly Timing[] = detectors.map(() => ({ steps: 0, microseconds: 0 })),
): Plan {
  const scopes: Record<Scope, number[]> = { trace: [], session: [], agent: [] };
  detectors.forEach((active, i) => {
    scopes[active.detector.meta.scope as Scope].push(i);
  });
  const needs = detectors.reduce((mask, active) => mask | active.needs, 0);
  const contexts: Context<never, never>[] = [];
  const listens = detectors.some((active) => active.detector.onUpdate !== undefined);
  const textOnly = detectors.map(readsOnlyText);
  const plan: Plan = {
    scopes,
    needs,
    listens,
    contexts,
    textOnly,
    mode,
    current: undefined,
    timings,
    untilTimed: TIMED_EVERY,
  };
  for (const active of detectors) contexts.push(contextOf(active, plan));
  return plan;
}

function contextOf(active: ActiveDetector, plan: Plan): Context<never, never> {
  const { messages } = active.detector.meta;
  return {
    options: active.options as never,
    get nowMs() {
      return plan.current?.nowMs ?? 0;
    },
    wants(message: string) {
      return active.off?.has(message) !== true && !(plan.mode.textOff && messages[message]?.tier === 3);
    },
    report(message: string, said: ReportOf<string>) {
      if (active.off?.has(message) !== true) plan.current?.say(active, message, said);
    },
    withdraw(message: string, key: string) {
      plan.current?.withdraw(active, message, key);
    },
  } as Context<never, never>;
}

/** What a finding shows of a span is shown by every sink: it is cleaned here, once. */
function redacted(data: Finding['data']): Finding['data'] {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? redactPiece(value) : value]),
  );
}

function slotOf(scope: Scope, key: string): string {
  return scope === 'session' ? `session ${key}` : key;
}

export class Fold {
  readonly windows = new Map<string, Window>();
  /** Windows of agents among them. */
  private agents = 0;
  findings: Map<string, Finding> = new Map();
  /** True if anything was said or taken back since the flag was cleared. */
  changed = false;
  /** By `<window key> <detector index>`. Never undone, not even by folding again. */
  private off: Map<string, Off> | undefined;
  /** Empty after everything was released: the next run begins with one. Most windows get no step after that. */
  private checkpoints: Checkpoint[];
  private folded = 0;
  private readonly detectors: readonly ActiveDetector[];
  private readonly plan: Plan;
  private readonly tenant: string;
  private readonly runKey: string;
  private readonly sessionId: string | undefined;
  private readonly hooks: FoldHooks;
  private readonly agentOf: (spanId: string) => string | undefined;
  // The call at hand.
  private window: Window | undefined;
  private step: Step | undefined;
  /** Set while the step at hand is timed. */
  private clock: (() => number) | undefined;
  nowMs = 0;

  constructor(
    detectors: readonly ActiveDetector[],
    run: { readonly tenant: string; readonly key: string; readonly sessionId: string | undefined },
    agentOf: (spanId: string) => string | undefined,
    hooks: FoldHooks,
  ) {
    this.detectors = detectors;
    this.tenant = run.tenant;
    this.runKey = run.key;
    this.sessionId = run.sessionId;
    this.agentOf = agentOf;
    this.hooks = hooks;
    this.checkpoints = [{ at: 0, windows: new Map(), findings: new Map() }];
    this.plan = planOf(detectors);
  }

  /**
   * Folds rows[from…]. `from` below what was folded before means that something changed there: the
   * last checkpoint at or before it is restored first.
   */
  run(rows: readonly Step[], from: number): void {
    if (this.checkpoints.length === 0) this.checkpoints.push(this.snapshot(0));
    this.plan.current = this;
    let start = Math.min(from, this.folded);
    if (start < this.folded) {
      const again = this.folded;
      start = this.restore(start);
      this.hooks.onRefold(again - start);
    }
    for (let i = start; i < rows.length; i++) {
      const last = this.checkpoints[this.checkpoints.length - 1] as Checkpoint;
      if (i - last.at >= CHECKPOINT_EVERY) this.checkpoints.push(this.snapshot(i));
      this.fold(rows[i] as Step);
    }
    this.folded = rows.length;
  }

  /**
   * A late fact of a step that was released: told to the detectors at the oldest checkpoint, which lies after that step. True if one
   * of them listens; then every row must be folded again.
   */
  update(step: Step, changed: readonly Fact[]): boolean {
    if (!this.plan.listens) return false;
    this.plan.current = this;
    const again = this.folded;
    if (this.checkpoints.length > 0) this.restore(0);
    if (again > 0) this.hooks.onRefold(again);
    this.step = step;
    this.nowMs = step.endMs;
    let mask = 0;
    for (const fact of changed) if (step.has(fact)) mask |= bits.get(fact) ?? 0;
    const keys = [`trace:${step.traceId}`, slotOf('session', this.runKey), this.agentKey(step)];
    for (const key of new Set(keys)) {
      const window = this.windows.get(key);
      if (window) this.updateIn(window, step, changed, mask & this.plan.needs);
    }
    this.checkpoints = [this.snapshot(0)];
    this.folded = 0;
    return true;
  }

  private updateIn(window: Window, step: Step, changed: readonly Fact[], mask: number): void {
    window.seen |= mask;
    this.window = window;
    const { watch } = this.hooks;
    watch?.stepBegins();
    watch?.enter(this.tenant, window.key);
    const indexes = this.plan.scopes[window.scope];
    for (let k = 0; k < indexes.length; k++) {
      const i = indexes[k] as number;
      const active = this.detectors[i] as ActiveDetector;
      const { detector } = active;
      if (!detector.onUpdate || this.isOff(window, i)) continue;
      try {
        watch?.callBegins(detector.meta.id);
        window.states[k] = detector.onUpdate(window.states[k], step, changed, this.plan.contexts[i] as never);
        if (watch !== undefined) this.checkTime(watch, k, active, window);
      } catch (error) {
        this.fail(k, window, error);
      }
    }
    watch?.stepEnds();
  }

  /** How many leading rows may be forgotten if all rows before `settled` are final; they are then gone from the caller's list. */
  release(settled: number): number {
    if (this.folded === 0) return 0;
    if (settled >= this.folded) {
      const all = this.folded;
      this.checkpoints = [];
      this.folded = 0;
      return all;
    }
    let keep = 0;
    for (let i = 1; i < this.checkpoints.length; i++) if ((this.checkpoints[i] as Checkpoint).at <= settled) keep = i;
    this.checkpoints.splice(0, keep);
    const gone = (this.checkpoints[0] as Checkpoint).at;
    for (const checkpoint of this.checkpoints) checkpoint.at -= gone;
    this.folded -= gone;
    return gone;
  }

  end(reason: EndReason, nowMs: number): void {
    this.plan.current = this;
    this.step = undefined;
    this.nowMs = nowMs;
    for (const window of this.windows.values()) {
      this.window = window;
      const { watch } = this.hooks;
      watch?.stepBegins();
      watch?.enter(this.tenant, window.key);
      const indexes = this.plan.scopes[window.scope];
      for (let k = 0; k < indexes.length; k++) {
        const i = indexes[k] as number;
        const active = this.detectors[i] as ActiveDetector;
        const { detector } = active;
        if (!detector.onEnd || this.isOff(window, i)) continue;
        try {
          watch?.callBegins(detector.meta.id);
          detector.onEnd(window.states[k], reason, this.plan.contexts[i] as never);
          if (watch !== undefined) this.checkTime(watch, k, active, window);
        } catch (error) {
          this.fail(k, window, error);
        }
      }
      watch?.stepEnds();
    }
  }

  /** True if steps of it were folded without text: then a finding of text that is missing was not taken back. */
  get withoutText(): boolean {
    for (const { seen } of this.windows.values()) if ((seen & WITHOUT_TEXT) !== 0) return true;
    return false;
  }

  /** Why detector `i` is off in this window; `undefined` if it is not. */
  whyOff(window: Window, i: number): Off | undefined {
    return this.off?.get(`${window.key} ${i}`) ?? (this.overranAll(i) ? 'overran' : undefined);
  }

  /** The detector is off in the window of its finding: it neither says more nor takes anything back. */
  isSilent({ detector, scope, windowKey }: Pick<Finding, 'detector' | 'scope' | 'windowKey'>): boolean {
    const window = this.windows.get(slotOf(scope, windowKey));
    const i = this.detectors.findIndex(({ detector: { meta } }) => meta.id === detector);
    return window !== undefined && i >= 0 && this.isOff(window, i);
  }

  private isOff(window: Window, i: number): boolean {
    if (this.off === undefined) return this.overranAll(i);
    return this.whyOff(window, i) !== undefined;
  }

  private overranAll(i: number): boolean {
    return this.hooks.watch?.isOff((this.detectors[i] as ActiveDetector).detector.meta.id) === true;
  }

  private turnOff(window: Window, i: number, why: Off): void {
    this.off ??= new Map();
    this.off.set(`${window.key} ${i}`, why);
  }

  /** The states before the first kept row, as plain data: what `load` makes of it goes on with those rows. */
  save(): SavedFold {
    const [base] = this.checkpoints;
    const windows: SavedFoldWindow[] = [];
    const add = (window: Window, seen: number, steps: number, stateOf: (k: number) => unknown): void => {
      const { key, scope, traceId, agent } = window;
      const states: [number, unknown][] = [];
      const off: [number, Off][] = [];
      this.plan.scopes[scope].forEach((i, k) => {
        const why = this.whyOff(window, i);
        const state = why === undefined ? stateOf(k) : undefined;
        if (why !== undefined) off.push([i, why]);
        else if (state !== undefined) states.push([i, state]);
      });
      windows.push({ key, scope, traceId, agent, seen, steps, states, off: off.length === 0 ? undefined : off });
    };
    if (base === undefined) {
      for (const window of this.windows.values()) add(window, window.seen, window.steps, (k) => window.states[k]);
    } else {
      for (const { window, states, seen, steps } of base.windows.values()) {
        add(window, seen, steps, (k) => (states[k] === undefined ? undefined : JSON.parse(states[k])));
      }
    }
    return { windows, findings: [...(base?.findings ?? this.findings).values()].map((finding) => this.slim(finding)) };
  }

  /** Into a new fold. `origin` says what became of the detectors that the states are of. */
  load(saved: SavedFold, origin: Origin): void {
    this.checkpoints = [];
    for (const { key, scope, traceId, agent, seen, steps, states, off } of saved.windows) {
      const indexes = this.plan.scopes[scope];
      const window: Window = {
        key,
        scope,
        traceId,
        sessionId: this.sessionId,
        agent,
        states: new Array(indexes.length).fill(undefined),
        seen,
        steps,
      };
      for (const [i, why] of off ?? []) {
        const at = origin.placeOf(i);
        if (at !== undefined) this.turnOff(window, at, why);
      }
      for (const i of indexes) if (origin.lost(i)) this.turnOff(window, i, 'restarted');
      this.turnOffFrom(window);
      for (const [i, state] of states) {
        const at = origin.placeOf(i);
        if (at === undefined || this.isOff(window, at)) continue;
        const now = origin.migrate(i, state);
        if (now === undefined) this.turnOff(window, at, 'restarted');
        else window.states[indexes.indexOf(at)] = now;
      }
      this.put(slotOf(scope, key), window);
    }
    for (const slim of saved.findings) {
      const finding = this.whole(slim);
      if (finding !== undefined) this.findings.set(finding.id, finding);
    }
  }

  /**
   * What was loaded are the states before the first of `rows` steps, and `saved` those after the last: nothing is folded again unless a
   * step comes late.
   */
  resume(saved: SavedFold, origin: Origin, rows: number): void {
    const base = this.snapshot(0);
    this.windows.clear();
    this.agents = 0;
    this.findings = new Map();
    this.load(saved, origin);
    this.checkpoints = [base];
    this.folded = rows;
  }

  /** A finding without what its detector says of every one. */
  slim(finding: Finding): SavedFinding {
    const { id, revision, detector, message, version, severity, score, confidence, windowKey, agent, at, evidence } = finding;
    const { explanation, data, atMs } = finding;
    return {
      id,
      revision,
      detector,
      message,
      version,
      severity,
      score,
      confidence,
      windowKey,
      agent,
      at: refOf(at),
      evidence: evidence.map(refOf),
      explanation,
      data,
      atMs,
    };
  }

  /** `undefined` if its detector, or the message, is no longer there. */
  whole(saved: SavedFinding): Finding | undefined {
    const meta = this.detectors.find(({ detector }) => detector.meta.id === saved.detector)?.detector.meta;
    const spec = meta?.messages[saved.message];
    if (meta === undefined || spec === undefined) return undefined;
    const { impact, action, taxonomy, tier } = spec;
    return {
      ...saved,
      agent: saved.agent,
      category: meta.family,
      tier,
      scope: meta.scope,
      tenant: this.tenant,
      sessionId: this.sessionId,
      at: { traceId: saved.at[0], spanId: saved.at[1] },
      evidence: saved.evidence.map(([traceId, spanId]) => ({ traceId, spanId })),
      impact,
      action,
      taxonomy,
    };
  }

  private fold(step: Step): void {
    this.hooks.watch?.stepBegins();
    this.step = step;
    this.nowMs = step.endMs;
    this.clock = undefined;
    if (--this.plan.untilTimed === 0) {
      this.plan.untilTimed = TIMED_EVERY;
      this.clock = this.hooks.monotonic;
    }
    let mask = 0;
    const wanted = this.plan.needs;
    for (let i = 0; i < facts.length; i++) if ((wanted & (1 << i)) !== 0 && step.has(facts[i] as Fact)) mask |= 1 << i;
    if (this.plan.scopes.trace.length > 0) this.foldInto(this.windowOf('trace', `trace:${step.traceId}`, step), step, mask);
    if (this.plan.scopes.session.length > 0) this.foldInto(this.windowOf('session', this.runKey, step), step, mask);
    if (this.plan.scopes.agent.length > 0) this.foldInto(this.windowOf('agent', this.agentKey(step), step), step, mask);
    this.hooks.watch?.stepEnds();
  }

  private foldInto(window: Window, step: Step, mask: number): void {
    const { textOnly } = this.plan;
    const { textOff } = this.plan.mode;
    const { watch } = this.hooks;
    window.seen |= textOff ? mask | WITHOUT_TEXT : mask;
    window.steps++;
    this.window = window;
    watch?.enter(this.tenant, window.key);
    const indexes = this.plan.scopes[window.scope];
    for (let k = 0; k < indexes.length; k++) {
      const i = indexes[k] as number;
      if ((textOff && textOnly[i]) || this.isOff(window, i)) continue;
      const active = this.detectors[i] as ActiveDetector;
      try {
        watch?.callBegins(active.detector.meta.id);
        let state = window.states[k];
        if (state === undefined) state = active.detector.init(active.options as never);
        const startedMs = this.clock === undefined ? 0 : this.clock();
        window.states[k] = active.detector.onStep(state, step, this.plan.contexts[i] as never);
        if (this.clock !== undefined) {
          const timing = this.plan.timings[i] as Timing;
          timing.steps++;
          timing.microseconds += (this.clock() - startedMs) * 1_000;
        }
        if (watch !== undefined) this.checkTime(watch, k, active, window);
      } catch (error) {
        this.fail(k, window, error);
      }
    }
  }

  /** Beyond `MAX_AGENTS` those that have no window yet share the one of steps without an agent. */
  private agentKey({ agent = '' }: Step): string {
    const key = `${this.runKey}|agent:${agent}`;
    return this.agents < MAX_AGENTS || this.windows.has(key) ? key : `${this.runKey}|agent:`;
  }

  private put(slot: string, window: Window): void {
    this.windows.set(slot, window);
    if (window.scope === 'agent') this.agents++;
  }

  /** A run without a session has the key of its trace: the scope keeps the two windows apart. */
  private windowOf(scope: Scope, key: string, step: Step): Window {
    const slot = slotOf(scope, key);
    let window = this.windows.get(slot);
    if (!window) {
      const n = this.plan.scopes[scope].length;
      window = {
        key,
        scope,
        traceId: step.traceId,
        sessionId: this.sessionId,
        agent: scope === 'agent' ? step.agent : undefined,
        states: new Array(n).fill(undefined),
        seen: 0,
        steps: 0,
      };
      this.put(slot, window);
      this.turnOffFrom(window);
    }
    return window;
  }

  /** What is off in this window from its start. */
  private turnOffFrom(window: Window): void {
    for (const id of this.hooks.watch?.offIn(this.tenant, window.key) ?? []) {
      const i = this.detectors.findIndex(({ detector }) => detector.meta.id === id);
      if (this.plan.scopes[window.scope].includes(i)) this.turnOff(window, i, 'overran');
    }
  }

  private checkTime(watch: Watch, k: number, { detector }: ActiveDetector, window: Window): void {
    const overran = watch.callEnds(detector.meta.id);
    if (overran !== undefined) this.fail(k, window, overran);
  }

  private fail(k: number, window: Window, error: unknown): void {
    const i = this.plan.scopes[window.scope][k] as number;
    this.turnOff(window, i, error instanceof Overran ? 'overran' : 'failed');
    window.states[k] = undefined;
    this.hooks.onError((this.detectors[i] as ActiveDetector).detector, window, error);
  }

  private snapshot(at: number): Checkpoint {
    const windows = new Map<string, SavedWindow>();
    for (const window of this.windows.values()) {
      const states = window.states.map((state, k) => {
        if (state === undefined) return undefined;
        const text = JSON.stringify(state);
        if (text.length <= STATE_LIMIT_BYTES) return text;
        this.fail(k, window, new Error(`state of ${text.length} bytes is over ${STATE_LIMIT_BYTES}`));
        return undefined;
      });
      windows.set(slotOf(window.scope, window.key), { window, states, seen: window.seen, steps: window.steps });
    }
    return { at, windows, findings: new Map(this.findings) };
  }

  /** Goes back to the last checkpoint at or before `index`; returns where that is. */
  private restore(index: number): number {
    let last = this.checkpoints.length - 1;
    while (last > 0 && (this.checkpoints[last] as Checkpoint).at > index) last--;
    this.checkpoints.length = last + 1;
    const checkpoint = this.checkpoints[last] as Checkpoint;
    this.windows.clear();
    this.agents = 0;
    for (const [key, saved] of checkpoint.windows) {
      const { window } = saved;
      window.seen = saved.seen;
      window.steps = saved.steps;
      const indexes = this.plan.scopes[window.scope];
      saved.states.forEach((text, k) => {
        window.states[k] = text === undefined || this.isOff(window, indexes[k] as number) ? undefined : JSON.parse(text);
      });
      this.put(key, window);
    }
    this.findings = new Map(checkpoint.findings);
    this.changed = true;
    return checkpoint.at;
  }

  /** Takes back what the context at hand was told to. */
  withdraw(active: ActiveDetector, message: string, key: string): void {
    const id = findingId(this.tenant, active.detector.meta.id, message, (this.window as Window).key, key);
    if (this.findings.delete(id)) this.changed = true;
  }

  say(active: ActiveDetector, message: string, said: ReportOf<string>): void {
    const { meta } = active.detector;
    const spec = meta.messages[message];
    if (!spec) throw new Error(`detector ${meta.id} reported the unknown message '${message}'`);
    const window = this.window as Window;
    const id = findingId(this.tenant, meta.id, message, window.key, said.key);
    const before = this.findings.get(id);
    const data = redacted(said.data);
    const agent = said.agent ?? window.agent ?? this.agentOf(said.at.spanId) ?? this.step?.agent;
    this.findings.set(id, {
      id,
      revision: before ? before.revision + 1 : 0,
      detector: meta.id,
      message,
      category: meta.family,
      version: meta.version,
      tier: spec.tier,
      scope: meta.scope,
      severity: said.severity ?? spec.severity,
      score: said.score,
      confidence: calibrate(active.fit, message, said.score),
      tenant: this.tenant,
      windowKey: window.key,
      sessionId: this.sessionId,
      agent,
      at: { traceId: said.at.traceId, spanId: said.at.spanId },
      evidence: (said.evidence ?? []).slice(0, 16).map(({ traceId, spanId }) => ({ traceId, spanId })),
      // Before the values are cut, where half a secret would not be known as one, and after: a name and its value may meet.
      explanation: redact(fillTemplate(spec.text, data)),
      impact: spec.impact,
      action: spec.action,
      taxonomy: spec.taxonomy,
      data,
      atMs: this.nowMs,
    });
    this.changed = true;
  }
}

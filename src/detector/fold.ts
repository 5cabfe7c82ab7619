/**
 * Folds steps into the states of every detector over the windows of one run, and can go back: a
 * checkpoint holds the states as JSON and the findings said so far, so that a step that comes out of
 * order, or a late fact, is folded again from there and not from the beginning.
 */
import type { Fact, Step } from '../step/step.ts';
import { redact, redactPiece } from '../text/redact.ts';
import { calibrate, type Fit } from './calibration.ts';
import type { AnyDetector, Context, EndReason, ReportOf, Scope } from './detector.ts';
import { STATE_LIMIT_BYTES } from './detector.ts';
import { type Finding, fillTemplate, findingId } from './finding.ts';

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

/** Steps between two checkpoints: bounds what one late step costs. */
const CHECKPOINT_EVERY = 64;

export interface FoldHooks {
  /** A detector threw or its state outgrew the limit: it is off for this window. */
  onError(detector: AnyDetector, window: Window, error: unknown): void;
  /** A step was folded again. */
  onRefold(steps: number): void;
}

/** What all folds of the same detectors share: a window has no objects per detector but their states. */
interface Plan {
  readonly scopes: Readonly<Record<Scope, readonly number[]>>;
  readonly needs: number;
  /** True if a detector wants late facts of steps that are gone. */
  readonly listens: boolean;
  readonly contexts: readonly Context<never, never>[];
  /** The fold that calls a detector now: its contexts speak to it. */
  current: Fold | undefined;
}

const plans = new WeakMap<readonly ActiveDetector[], Plan>();

function planOf(detectors: readonly ActiveDetector[]): Plan {
  let plan = plans.get(detectors);
  if (plan === undefined) {
    plan = createPlan(detectors);
    plans.set(detectors, plan);
  }
  return plan;
}

function createPlan(detectors: readonly ActiveDetector[]): Plan {
  const scopes: Record<Scope, number[]> = { trace: [], session: [], agent: [] };
  detectors.forEach((active, i) => {
    scopes[active.detector.meta.scope as Scope].push(i);
  });
  const needs = detectors.reduce((mask, active) => mask | active.needs, 0);
  const contexts: Context<never, never>[] = [];
  const listens = detectors.some((active) => active.detector.onUpdate !== undefined);
  const plan: Plan = { scopes, needs, listens, contexts, current: undefined };
  for (const active of detectors) contexts.push(contextOf(active, plan));
  return plan;
}

function contextOf(active: ActiveDetector, plan: Plan): Context<never, never> {
  return {
    options: active.options as never,
    get nowMs() {
      return plan.current?.nowMs ?? 0;
    },
    wants(message: string) {
      return active.off?.has(message) !== true;
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
  findings: Map<string, Finding> = new Map();
  /** True if anything was said or taken back since the flag was cleared. */
  changed = false;
  /** `<window key> <detector index>` of what threw. An error is never undone, not even by folding again. */
  private failed: Set<string> | undefined;
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
    const keys = [`trace:${step.traceId}`, slotOf('session', this.runKey), `${this.runKey}|agent:${step.agent ?? ''}`];
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
    for (const i of this.plan.scopes[window.scope]) {
      const { detector } = this.detectors[i] as ActiveDetector;
      if (!detector.onUpdate || this.hasFailed(window, i)) continue;
      try {
        window.states[i] = detector.onUpdate(window.states[i], step, changed, this.plan.contexts[i] as never);
      } catch (error) {
        this.fail(i, window, error);
      }
    }
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
      const indexes = this.plan.scopes[window.scope];
      for (let k = 0; k < indexes.length; k++) {
        const i = indexes[k] as number;
        const { detector } = this.detectors[i] as ActiveDetector;
        if (!detector.onEnd || (this.failed !== undefined && this.hasFailed(window, i))) continue;
        try {
          detector.onEnd(window.states[k], reason, this.plan.contexts[i] as never);
        } catch (error) {
          this.fail(k, window, error);
        }
      }
    }
  }

  /** True if detector `i` was switched off in this window. */
  hasFailed(window: Window, i: number): boolean {
    return this.failed?.has(`${window.key} ${i}`) === true;
  }

  private fold(step: Step): void {
    this.step = step;
    this.nowMs = step.endMs;
    let mask = 0;
    const wanted = this.plan.needs;
    for (let i = 0; i < facts.length; i++) if ((wanted & (1 << i)) !== 0 && step.has(facts[i] as Fact)) mask |= 1 << i;
    if (this.plan.scopes.trace.length > 0) this.foldInto(this.windowOf('trace', `trace:${step.traceId}`, step), step, mask);
    if (this.plan.scopes.session.length > 0) this.foldInto(this.windowOf('session', this.runKey, step), step, mask);
    if (this.plan.scopes.agent.length > 0)
      this.foldInto(this.windowOf('agent', `${this.runKey}|agent:${step.agent ?? ''}`, step), step, mask);
  }

  private foldInto(window: Window, step: Step, mask: number): void {
    window.seen |= mask;
    window.steps++;
    this.window = window;
    const indexes = this.plan.scopes[window.scope];
    for (let k = 0; k < indexes.length; k++) {
      const i = indexes[k] as number;
      if (this.failed !== undefined && this.hasFailed(window, i)) continue;
      const active = this.detectors[i] as ActiveDetector;
      try {
        let state = window.states[k];
        if (state === undefined) state = active.detector.init(active.options as never);
        window.states[k] = active.detector.onStep(state, step, this.plan.contexts[i] as never);
      } catch (error) {
        this.fail(k, window, error);
      }
    }
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
      this.windows.set(slot, window);
    }
    return window;
  }

  private fail(k: number, window: Window, error: unknown): void {
    const i = this.plan.scopes[window.scope][k] as number;
    this.failed ??= new Set();
    this.failed.add(`${window.key} ${i}`);
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
    for (const [key, saved] of checkpoint.windows) {
      const { window } = saved;
      window.seen = saved.seen;
      window.steps = saved.steps;
      const indexes = this.plan.scopes[window.scope];
      saved.states.forEach((text, k) => {
        window.states[k] = text === undefined || this.hasFailed(window, indexes[k] as number) ? undefined : JSON.parse(text);
      });
      this.windows.set(key, window);
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

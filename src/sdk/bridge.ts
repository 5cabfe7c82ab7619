/**
 * Detection between an agent and its tools: every call is asked for before it is made and told after it. What is uncertain lets the
 * agent go on: no answer in time, an error, a wrong answer.
 */
import { LRUCache } from 'lru-cache';
import type { AuditLogger } from './audit.ts';
import { type Amounts, Budget, BudgetExceeded, type Reservation } from './budget.ts';
import { refuseUnknown } from './config.ts';
import { type Decision, EnforcementEngine, EnforcementLevel, type EnforcementLevelName } from './enforcement.ts';
import { HealingEngine, InstructionQueue } from './healing.ts';
import { createMatcher, type ToolMatcher } from './matchers.ts';
import { type Analysis, DetectionOrchestrator } from './orchestrator.ts';
import type { DetectorRegistry } from './registry.ts';
import { Thresholds } from './scoring.ts';
import { Span, Trace, textOf } from './trace.ts';

export interface SessionBudget {
  /** Of each session, by unit: `{ calls: 200, usd: 5 }`. */
  readonly limits: Amounts;
  /** What a call may cost at most; it is reserved. Default `{ calls: 1 }`. */
  readonly estimate?: (tool: string, input: unknown) => Amounts;
  /** What it did cost. Default: what was reserved. */
  readonly actual?: (tool: string, input: unknown, response: unknown) => Amounts;
}

export interface BridgeSettings {
  /** Scores, 0–100. Defaults 40 and 60. */
  readonly warningThreshold?: number;
  readonly blockThreshold?: number;
  /** For one answer. Default 80: what a person at the keyboard does not notice. */
  readonly timeoutMs?: number;
  /** The same under its other name. */
  readonly detectionTimeoutMs?: number;
  /** False: warns where it would block. Default true. */
  readonly enableBlocking?: boolean;
  /** How far detections may act; `deny` unless blocking is off, then `warn`. */
  readonly level?: EnforcementLevelName;
  /** False: a call is refused when nothing can be said of it in time. Default true. */
  readonly failOpen?: boolean;
  /** True: what detectors recommend goes to the agent after the call. Default false. */
  readonly enableRecovery?: boolean;
  /**
   * Calls of a session that are looked at with the one at hand. Default 50: a loop of four calls that goes round ten times is in it, and
   * an answer over 50 calls takes 2 ms (docs/frameworks/claude-code.md). The reference has 10.
   */
  readonly contextWindow?: number;
  /** Default 100; of more the one used longest ago is forgotten. */
  readonly maxSessions?: number;
  /** After its last call. Default one hour. */
  readonly sessionTtlMs?: number;
  readonly enabledDetectors?: readonly string[];
  readonly disabledDetectors?: readonly string[];
  /** Regular expressions of whole names. Default `.*`. */
  readonly toolPatterns?: readonly string[];
  readonly excludedTools?: readonly string[];
  readonly budget?: SessionBudget;
  readonly registry?: DetectorRegistry;
  readonly audit?: AuditLogger;
  /** Instead of the detectors of this process, e.g. another service. May be late, reject or be wrong. */
  readonly analyze?: (call: Span, before: Trace) => Analysis | Promise<Analysis>;
  /** Unix ms. */
  readonly now?: () => number;
}

const KEYS: readonly (keyof BridgeSettings)[] = [
  'warningThreshold',
  'blockThreshold',
  'timeoutMs',
  'detectionTimeoutMs',
  'enableBlocking',
  'level',
  'failOpen',
  'enableRecovery',
  'contextWindow',
  'maxSessions',
  'sessionTtlMs',
  'enabledDetectors',
  'disabledDetectors',
  'toolPatterns',
  'excludedTools',
  'budget',
  'registry',
  'audit',
  'analyze',
  'now',
];

/** The settings with their defaults. Throws for unknown keys and values out of range. */
export class BridgeConfig {
  readonly settings: BridgeSettings;
  readonly thresholds: Thresholds;
  readonly timeoutMs: number;
  readonly level: EnforcementLevelName;
  readonly failOpen: boolean;
  readonly contextWindow: number;
  readonly maxSessions: number;
  readonly sessionTtlMs: number;
  readonly tools: ToolMatcher;

  constructor(settings: BridgeSettings = {}) {
    refuseUnknown('bridge', settings, KEYS);
    this.settings = settings;
    this.thresholds = new Thresholds({ warning: settings.warningThreshold ?? 40, block: settings.blockThreshold ?? 60 });
    this.timeoutMs = positive('timeoutMs', settings.timeoutMs ?? settings.detectionTimeoutMs ?? 80);
    this.level = settings.level ?? (settings.enableBlocking === false ? EnforcementLevel.WARN : EnforcementLevel.DENY);
    this.failOpen = settings.failOpen ?? true;
    this.contextWindow = positive('contextWindow', settings.contextWindow ?? 50);
    this.maxSessions = positive('maxSessions', settings.maxSessions ?? 100);
    this.sessionTtlMs = positive('sessionTtlMs', settings.sessionTtlMs ?? 3_600_000);
    this.tools = createMatcher({ tools: settings.toolPatterns ?? ['.*'], exclude: settings.excludedTools ?? [] });
  }
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`bridge: ${name} must be a whole number from 1, got ${String(value)}.`);
}

export interface ToolCall {
  readonly sessionId: string;
  /** Of the call; ties what comes after it to what came before. */
  readonly id?: string | undefined;
  readonly tool: string;
  readonly input: unknown;
  readonly agent?: string | undefined;
}

export interface Answer extends Decision {
  /** For the agent, of recovery; empty without it. */
  readonly instructions: readonly string[];
}

const GO_ON: Answer = { action: 'none', score: 0, reason: '', instructions: [] };
/** Calls of a session that were asked for and not told: beyond it the oldest is taken as made. */
const MAX_PENDING = 100;
/** In the place of a response. */
const NOT_MADE = Symbol('not made');
/** Of arguments and results that are kept. */
const MAX_TEXT = 32_768;
/** Of a session, in characters: 50 calls of 10,000; of more the oldest calls are forgotten. */
const MAX_SESSION_TEXT = 500_000;
/** Findings of a session of which the user was told. */
const MAX_TOLD = 200;

interface Session {
  readonly trace: Trace;
  readonly budget: Budget | undefined;
  readonly pending: Map<string, { readonly startMs: number; readonly reservation: Reservation | undefined }>;
  readonly told: Set<string>;
}

export class DetectionBridge {
  readonly config: BridgeConfig;
  readonly enforcement: EnforcementEngine;
  readonly instructions = new InstructionQueue();
  /** Since the bridge was made. */
  readonly counts = { checked: 0, told: 0, timeouts: 0, errors: 0, warned: 0, asked: 0, denied: 0 };
  private readonly healing: HealingEngine | undefined;
  private readonly orchestrator: DetectionOrchestrator;
  private readonly sessions: LRUCache<string, Session>;
  private readonly now: () => number;

  /** Throws if the configuration is wrong. */
  constructor(config: BridgeConfig | BridgeSettings = {}) {
    this.config = config instanceof BridgeConfig ? config : new BridgeConfig(config);
    const { settings, thresholds, level, maxSessions, sessionTtlMs } = this.config;
    const { registry, audit, enabledDetectors, disabledDetectors = [], enableRecovery, now = Date.now } = settings;
    this.enforcement = new EnforcementEngine({ level, thresholds, ...(audit === undefined ? {} : { audit }) });
    this.orchestrator = new DetectionOrchestrator({
      thresholds,
      ...(registry === undefined ? {} : { registry }),
      ...(enabledDetectors === undefined ? {} : { only: enabledDetectors }),
      detectors: Object.fromEntries(disabledDetectors.map((id) => [id, { enabled: false }])),
    });
    this.healing = enableRecovery
      ? new HealingEngine({ injection: this.instructions, audit: this.enforcement.audit })
      : undefined;
    this.now = now;
    this.sessions = new LRUCache({ max: maxSessions, ttl: sessionTtlMs, updateAgeOnGet: true, ttlResolution: 0, perf: { now } });
  }

  /** May this call be made? Never rejects. Unless blocking is off and with `failOpen`, only what was found refuses it. */
  async before(call: ToolCall): Promise<Answer> {
    if (!this.config.tools.matches(call.tool, call.input)) return GO_ON;
    this.counts.checked++;
    try {
      const session = this.session(call.sessionId);
      const over = this.reserve(session, call);
      if (over !== undefined) return over;
      const span = this.spanOf(session, call, expected(session.trace, call));
      const analysis = await this.analyze(span, session.trace);
      const answer = this.decided(analysis, call, session);
      if (answer.action === 'deny') this.settle(session, call, NOT_MADE);
      return answer;
    } catch (error) {
      return this.failed(error, call, true);
    }
  }

  /** The call has ended; told again under its id it is passed over. Never rejects and never refuses. `error`: why it failed. */
  async after(call: ToolCall, response: unknown, error?: string): Promise<Answer> {
    if (!this.config.tools.matches(call.tool, call.input)) return GO_ON;
    this.counts.told++;
    try {
      const session = this.session(call.sessionId);
      if (call.id !== undefined && session.trace.spans.some(({ facts }) => facts.callId === call.id)) return GO_ON;
      const span = this.spanOf(session, call, response, error);
      this.settle(session, call, response);
      const before = new Trace(session.trace);
      before.spans.push(...session.trace.spans);
      session.trace.addSpan(span);
      const { spans } = session.trace;
      spans.splice(0, Math.max(0, spans.length - this.config.contextWindow));
      let characters = spans.reduce((sum, one) => sum + lengthOf(one), 0);
      while (characters > MAX_SESSION_TEXT) characters -= lengthOf(spans.shift() as Span);
      const analysis = await this.analyze(span, before);
      const plan = this.healing?.plan(call.sessionId, { detections: this.strong(analysis) });
      if (plan !== undefined) await this.healing?.apply(plan);
      const { action, score, reason } = this.decided(analysis, call, session, true);
      const instructions = this.healing === undefined ? [] : this.instructions.take(call.sessionId);
      return { action: action === 'none' ? 'none' : 'warn', score, reason, instructions };
    } catch (failure) {
      return this.failed(failure, call, false);
    }
  }

  /** The call was not made: somebody else refused it. */
  refused(call: ToolCall): void {
    const session = this.sessions.get(call.sessionId);
    if (session !== undefined) this.settle(session, call, NOT_MADE);
  }

  /** The session is over; nothing of it is kept. */
  forget(sessionId: string): void {
    this.sessions.delete(sessionId);
    this.instructions.take(sessionId);
  }

  /** Calls of the session that are kept. For `check`. */
  trace(sessionId: string): Trace | undefined {
    return this.sessions.get(sessionId)?.trace;
  }

  get openSessions(): number {
    return this.sessions.size;
  }

  private session(id: string): Session {
    const known = this.sessions.get(id);
    if (known !== undefined) return known;
    const { budget } = this.config.settings;
    const session: Session = {
      trace: new Trace({ metadata: { sessionId: id, service: 'agent' } }),
      budget: budget && new Budget(budget.limits),
      pending: new Map(),
      told: new Set(),
    };
    this.sessions.set(id, session);
    return session;
  }

  /** Refuses the call if its session has too little left. */
  private reserve(session: Session, call: ToolCall): Answer | undefined {
    const { budget } = this.config.settings;
    const key = keyOf(call);
    // Asked again: it is one call.
    session.pending.get(key)?.reservation?.release();
    let reservation: Reservation | undefined;
    try {
      reservation = session.budget?.reserve(budget?.estimate?.(call.tool, call.input) ?? { calls: 1 });
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error;
      this.counts.denied++;
      this.enforcement.audit.log('decision', call.tool, { action: 'deny', session: call.sessionId, reason: error.message });
      return { action: 'deny', score: 100, reason: error.message, instructions: [] };
    }
    session.pending.set(key, { startMs: this.now(), reservation });
    if (session.pending.size > MAX_PENDING) {
      const [[oldest, { reservation: held }]] = session.pending as unknown as [[string, { reservation?: Reservation }]];
      held?.settle();
      session.pending.delete(oldest);
    }
    return undefined;
  }

  private settle(session: Session, call: ToolCall, response: unknown): void {
    const key = keyOf(call);
    const pending = session.pending.get(key);
    session.pending.delete(key);
    if (pending?.reservation === undefined) return;
    if (response === NOT_MADE) pending.reservation.release();
    else pending.reservation.settle(this.config.settings.budget?.actual?.(call.tool, call.input, response));
  }

  private spanOf(session: Session, call: ToolCall, response: unknown, error?: string): Span {
    // Calls within one millisecond are in the order in which they were told.
    const endMs = Math.max(this.now(), (session.trace.spans.at(-1)?.endMs ?? 0) + 1);
    return new Span({
      kind: 'tool',
      tool: call.tool,
      agent: call.agent ?? 'agent',
      callId: call.id ?? '',
      arguments: textOf(call.input)?.slice(0, MAX_TEXT),
      result: textOf(response)?.slice(0, MAX_TEXT),
      startMs: session.pending.get(keyOf(call))?.startMs ?? endMs,
      endMs,
      ...(error === undefined ? {} : { error: error.slice(0, 1_000) }),
    });
  }

  /** Rejects when it takes too long. What runs in this thread is only seen to be late when it has ended. */
  private async analyze(span: Span, before: Trace): Promise<Analysis> {
    const { timeoutMs, settings } = this.config;
    const startMs = performance.now();
    const { analyze = (one: Span, context: Trace) => this.orchestrator.analyzeRealtime(one, context) } = settings;
    const asked = analyze(span, before);
    const analysis = asked instanceof Promise ? await inTime(asked, timeoutMs) : asked;
    if (performance.now() - startMs > timeoutMs) throw new Late(timeoutMs);
    return analysis;
  }

  private strong({ detections }: Analysis): Analysis['detections'] {
    const { scoring } = this.enforcement;
    return detections.filter((one) => scoring.score(one) >= scoring.thresholds.warning);
  }

  /** A warning is said once for each finding of a session; what is refused is refused each time. */
  private decided(analysis: Analysis, call: ToolCall, session: Session, told = false): Answer {
    if (!(analysis.severity >= 0 && analysis.severity <= 100)) throw new TypeError(`severity ${String(analysis.severity)}`);
    const decision = this.enforcement.decide(analysis, call.tool);
    if (decision.action === 'none') return GO_ON;
    if (decision.action === 'warn' || told) {
      const fresh = this.strong(analysis).filter(({ id }) => !session.told.has(id));
      for (const { id } of fresh) if (session.told.size < MAX_TOLD) session.told.add(id);
      if (fresh.length === 0) return GO_ON;
      this.counts.warned++;
    } else if (decision.action === 'deny') this.counts.denied++;
    else this.counts.asked++;
    return { ...decision, instructions: [] };
  }

  private failed(error: unknown, call: ToolCall, mayRefuse: boolean): Answer {
    if (error instanceof Late) this.counts.timeouts++;
    else this.counts.errors++;
    const message = error instanceof Error ? error.message : String(error);
    this.enforcement.audit.log('error', call.tool, { session: call.sessionId, message });
    if (this.config.failOpen || !mayRefuse) return GO_ON;
    this.counts.denied++;
    return { action: 'deny', score: 0, reason: `misstep could not judge the call: ${message}`, instructions: [] };
  }
}

function lengthOf({ facts }: Span): number {
  const length = (value: unknown): number => (typeof value === 'string' ? value.length : 0);
  return length(facts.arguments) + length(facts.result);
}

class Late extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}

async function inTime<T>(asked: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

function keyOf({ id, tool, input }: ToolCall): string {
  return id === undefined ? `${tool}\n${textOf(input)?.slice(0, 1_000)}` : id;
}

/** A call that was made before with the same arguments is taken to answer what it answered last. */
function expected({ spans }: Trace, { tool, input }: ToolCall): unknown {
  const text = textOf(input)?.slice(0, MAX_TEXT);
  return spans.findLast(({ facts }) => facts.tool === tool && facts.arguments === text)?.facts.result;
}

/**
 * Fixes that a program applies to its own agent, in this process: a plan from what was found, approval, application, rollback, all in
 * the audit. A fix reaches the agent by a `FixInjectionProtocol`; the one that is here hands instructions to its next turn.
 */
import { LRUCache } from 'lru-cache';
import { AuditLogger } from './audit.ts';
import type { Analysis } from './orchestrator.ts';
import type { DetectionResult } from './result.ts';

/** How a fix gets into a running agent. May throw; then the fix has failed. */
export interface FixInjectionProtocol {
  inject(sessionId: string, instruction: string): void | Promise<void>;
  /** Takes back what was injected and not yet taken. */
  withdraw?(sessionId: string, instruction: string): void | Promise<void>;
}

const MAX_INSTRUCTIONS = 20;
const MAX_INSTRUCTION = 2_000;

/** Instructions wait for the agent's next turn; hooks hand them over as `additionalContext`. At most 20 a session. */
export class InstructionQueue implements FixInjectionProtocol {
  private readonly waiting: LRUCache<string, string[]>;

  constructor({ maxSessions = 100 }: { readonly maxSessions?: number } = {}) {
    this.waiting = new LRUCache({ max: maxSessions });
  }

  /** The same instruction waits once. Throws a RangeError if 20 wait already: an agent that takes none is not helped by more. */
  inject(sessionId: string, instruction: string): void {
    const list = this.waiting.get(sessionId) ?? [];
    if (list.includes(instruction)) return;
    if (list.length >= MAX_INSTRUCTIONS)
      throw new RangeError(`instructions: ${MAX_INSTRUCTIONS} wait for session ${sessionId} already.`);
    this.waiting.set(sessionId, [...list, instruction.slice(0, MAX_INSTRUCTION)]);
  }

  withdraw(sessionId: string, instruction: string): void {
    const list = this.waiting.get(sessionId)?.filter((one) => one !== instruction.slice(0, MAX_INSTRUCTION));
    if (list !== undefined) this.waiting.set(sessionId, list);
  }

  /** What waits; it waits no longer. */
  take(sessionId: string): readonly string[] {
    const list = this.waiting.get(sessionId) ?? [];
    this.waiting.delete(sessionId);
    return list;
  }
}

/** What a fix knows of the run that it is for. */
export class FixContext {
  readonly sessionId: string;
  readonly detection: DetectionResult;
  readonly injection: FixInjectionProtocol;

  constructor(sessionId: string, detection: DetectionResult, injection: FixInjectionProtocol) {
    this.sessionId = sessionId;
    this.detection = detection;
    this.injection = injection;
  }
}

/** A fix of one's own: `detectors` names what it is for, `risk` whether it may go without being asked for. */
export abstract class BaseFix {
  abstract readonly id: string;
  /** Ids of detectors; `*` for all. */
  abstract readonly detectors: readonly string[];
  abstract readonly risk: 'safe' | 'dangerous';
  /** Rejects or throws if it cannot be applied. */
  abstract apply(context: FixContext): void | Promise<void>;
  rollback?(context: FixContext): void | Promise<void>;
}

/** Tells the agent what the detector recommends. */
export class InstructionFix extends BaseFix {
  readonly id = 'instruction';
  readonly detectors = ['*'];
  readonly risk = 'safe';

  private text({ detection }: FixContext): string {
    return `${detection.explanation} ${detection.recommendation.action}`;
  }

  apply(context: FixContext): void | Promise<void> {
    return context.injection.inject(context.sessionId, this.text(context));
  }

  override rollback(context: FixContext): void | Promise<void> {
    return context.injection.withdraw?.(context.sessionId, this.text(context));
  }
}

export interface PlannedFix {
  readonly fix: BaseFix;
  readonly context: FixContext;
  /** `apply` leaves it out unless it is approved. */
  readonly needsApproval: boolean;
}

/** What would be done, strongest detection first: the dry run. */
export class HealingPlan {
  readonly fixes: readonly PlannedFix[];

  constructor(fixes: readonly PlannedFix[]) {
    this.fixes = fixes;
  }

  get needsApproval(): boolean {
    return this.fixes.some((one) => one.needsApproval);
  }
}

export class FixResult {
  readonly planned: PlannedFix;
  readonly status: 'applied' | 'staged' | 'failed';
  /** Why it failed. */
  readonly error: string | undefined;

  constructor(planned: PlannedFix, status: 'applied' | 'staged' | 'failed', error?: string) {
    this.planned = planned;
    this.status = status;
    this.error = error;
  }
}

export interface HealingOptions {
  /** Tried in order; the first that is for a detector takes it. Default: `InstructionFix`. */
  readonly fixes?: readonly BaseFix[];
  readonly injection?: FixInjectionProtocol;
  /** `never`: even safe fixes must be approved. Default `safe`. */
  readonly autoApply?: 'safe' | 'never';
  /** Fixes of one plan. Default 5: more at once than a person would check. */
  readonly maxFixes?: number;
  readonly audit?: AuditLogger;
}

export class HealingEngine {
  readonly injection: FixInjectionProtocol;
  readonly audit: AuditLogger;
  private readonly fixes: readonly BaseFix[];
  private readonly autoApply: 'safe' | 'never';
  private readonly maxFixes: number;

  constructor({ fixes, injection, autoApply = 'safe', maxFixes = 5, audit }: HealingOptions = {}) {
    this.fixes = fixes ?? [new InstructionFix()];
    this.injection = injection ?? new InstructionQueue();
    this.autoApply = autoApply;
    this.maxFixes = maxFixes;
    this.audit = audit ?? new AuditLogger();
  }

  /** One fix a detector. Changes nothing. */
  plan(sessionId: string, { detections }: Pick<Analysis, 'detections'>): HealingPlan {
    const planned = new Map<string, PlannedFix>();
    for (const detection of detections) {
      if (planned.has(detection.detector) || planned.size >= this.maxFixes) continue;
      const fix = this.fixes.find(({ detectors }) => detectors.includes('*') || detectors.includes(detection.detector));
      if (fix === undefined) continue;
      const needsApproval = this.autoApply === 'never' || fix.risk !== 'safe';
      planned.set(detection.detector, { fix, context: new FixContext(sessionId, detection, this.injection), needsApproval });
    }
    return new HealingPlan([...planned.values()]);
  }

  /** `staged` = needs approval and has none. Never rejects: what fails is in the result, and the others are applied. */
  async apply(plan: HealingPlan, approve: (planned: PlannedFix) => boolean = () => false): Promise<readonly FixResult[]> {
    const results: FixResult[] = [];
    for (const planned of plan.fixes) results.push(await this.applyOne(planned, approve));
    return results;
  }

  private async applyOne(planned: PlannedFix, approve: (planned: PlannedFix) => boolean): Promise<FixResult> {
    let result: FixResult;
    try {
      if (planned.needsApproval && !approve(planned)) result = new FixResult(planned, 'staged');
      else {
        await planned.fix.apply(planned.context);
        result = new FixResult(planned, 'applied');
      }
    } catch (error) {
      result = new FixResult(planned, 'failed', error instanceof Error ? error.message : String(error));
    }
    const { detection, sessionId } = planned.context;
    this.audit.log('fix', planned.fix.id, { status: result.status, session: sessionId, detector: detection.detector });
    return result;
  }

  /** True if it was applied and is taken back; false if it cannot be. Rejects with what the fix throws. */
  async rollback({ status, planned }: FixResult): Promise<boolean> {
    if (status !== 'applied' || planned.fix.rollback === undefined) return false;
    await planned.fix.rollback(planned.context);
    this.audit.log('rollback', planned.fix.id, { session: planned.context.sessionId });
    return true;
  }
}

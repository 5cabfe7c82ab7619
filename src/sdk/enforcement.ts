/** What follows from a score: how far a program lets detections act. */
import { AuditLogger } from './audit.ts';
import type { Analysis } from './orchestrator.ts';
import { ScoringEngine, Thresholds } from './scoring.ts';

/** Each may do what the ones before it may. */
export const EnforcementLevel = {
  /** Says nothing to the agent; the audit has it. */
  OBSERVE: 'observe',
  /** Tells the user. */
  WARN: 'warn',
  /** Has the user decide. */
  ASK: 'ask',
  /** Refuses the call. */
  DENY: 'deny',
} as const;

export type EnforcementLevelName = (typeof EnforcementLevel)[keyof typeof EnforcementLevel];

export interface Decision {
  readonly action: 'none' | 'warn' | 'ask' | 'deny';
  /** 0–100. */
  readonly score: number;
  /** Empty for `none`; else what was found, strongest first. */
  readonly reason: string;
}

/** A person reads it in a terminal. */
const MAX_REASON = 2_000;

export class EnforcementEngine {
  readonly level: EnforcementLevelName;
  readonly scoring: ScoringEngine;
  readonly audit: AuditLogger;

  /** Default: level deny, warn 40, block 60. Throws a RangeError for an unknown level. */
  constructor({
    level = EnforcementLevel.DENY,
    thresholds = new Thresholds(),
    audit = new AuditLogger(),
  }: { readonly level?: EnforcementLevelName; readonly thresholds?: Thresholds; readonly audit?: AuditLogger } = {}) {
    const levels: readonly string[] = Object.values(EnforcementLevel);
    if (!levels.includes(level)) throw new RangeError(`level: must be one of ${levels.join(', ')}, got ${String(level)}.`);
    this.level = level;
    this.scoring = new ScoringEngine(thresholds);
    this.audit = audit;
  }

  /** `subject` is named in the audit, e.g. the tool. */
  decide({ detections, severity: score }: Pick<Analysis, 'detections' | 'severity'>, subject = ''): Decision {
    const verdict = this.scoring.thresholds.verdict(score);
    const { level } = this;
    const action = verdict === 'pass' || level === 'observe' ? 'none' : verdict === 'warn' || level === 'warn' ? 'warn' : level;
    const least = verdict === 'block' && action !== 'warn' ? this.scoring.thresholds.block : this.scoring.thresholds.warning;
    const said = detections.filter((one) => this.scoring.score(one) >= least);
    const reason = said.map(
      ({ detector, explanation, recommendation }) => `${detector}: ${explanation} ${recommendation.action}`,
    );
    if (verdict !== 'pass')
      this.audit.log('decision', subject, { action, verdict, score, detectors: said.map(({ detector }) => detector).join(', ') });
    return action === 'none' ? { action, score, reason: '' } : { action, score, reason: reason.join('\n').slice(0, MAX_REASON) };
  }
}

/** From findings to one number that thresholds are set on. */
import type { Severity } from '../detector/detector.ts';
import { type Finding, severityScore } from '../detector/finding.ts';

/** What `SeverityLevel.of(score)` names, by its lower bound. The steps are those of severities: 25, 50, 75, 100. */
export const SeverityLevel = {
  NONE: 'none',
  LOW: 'low',
  MEDIUM: 'medium',
  HIGH: 'high',
  CRITICAL: 'critical',
  /** 0–100 to its level: critical from 75, high from 50, medium from 25, low above 0. */
  of(score: number): SeverityName {
    return score >= 75 ? 'critical' : score >= 50 ? 'high' : score >= 25 ? 'medium' : score > 0 ? 'low' : 'none';
  },
} as const;

export type SeverityName = Severity | 'none';

/** Scores, 0–100, from which a hook warns and blocks. Throws if they are not, or if it would block before it warns. */
export class Thresholds {
  readonly warning: number;
  readonly block: number;

  /** 40 and 60 are the reference's: at 60 stand high at 80 % and critical at 60 %, at 40 medium at 80 % and high at 54 %. */
  constructor({ warning = 40, block = 60 }: { readonly warning?: number; readonly block?: number } = {}) {
    for (const [name, value] of Object.entries({ warning, block }))
      if (!(value >= 0 && value <= 100)) throw new RangeError(`${name} threshold: must be from 0 to 100, got ${value}.`);
    if (warning > block) throw new RangeError(`warning threshold ${warning}: above the block threshold ${block}.`);
    this.warning = warning;
    this.block = block;
  }

  verdict(score: number): 'pass' | 'warn' | 'block' {
    return score >= this.block ? 'block' : score >= this.warning ? 'warn' : 'pass';
  }
}

/** What has a score of its own, or findings below it. */
export type Scored =
  | Pick<Finding, 'severity' | 'confidence'>
  | { readonly detections: readonly Pick<Finding, 'severity' | 'confidence'>[] };

export class ScoringEngine {
  readonly thresholds: Thresholds;

  constructor(thresholds = new Thresholds()) {
    this.thresholds = thresholds;
  }

  /** 0–100: severity (25, 50, 75, 100) times confidence, so that what is grave but doubtful does not block. */
  score({ severity, confidence }: Pick<Finding, 'severity' | 'confidence'>): number {
    return severityScore(severity) * confidence;
  }

  /** 0–100: the highest score of all; many small findings make no grave one. 0 if there is none. */
  calculateSeverity(results: readonly Scored[]): number {
    const scores = results.flatMap((one) =>
      'detections' in one ? one.detections.map((finding) => this.score(finding)) : [this.score(one)],
    );
    return scores.reduce((worst, score) => Math.max(worst, score), 0);
  }

  level(results: readonly Scored[]): SeverityName {
    return SeverityLevel.of(this.calculateSeverity(results));
  }
}

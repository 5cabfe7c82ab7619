/** A finding as programs that analyse by themselves read it. */
import type { Severity, SpanRef } from '../detector/detector.ts';
import { type Finding, severityScore } from '../detector/finding.ts';

/** The spans that prove a finding, in order; the first is where the run went wrong. */
export class Evidence {
  readonly spans: readonly SpanRef[];
  readonly data: Readonly<Record<string, string | number>>;

  constructor({ at, evidence, data }: Pick<Finding, 'at' | 'evidence' | 'data'>) {
    this.spans = [at, ...evidence.filter(({ spanId }) => spanId !== at.spanId)];
    this.data = data;
  }
}

/** What to do about it, and what it costs if nobody does. */
export class FixRecommendation {
  readonly detector: string;
  readonly action: string;
  readonly impact: string;

  constructor({ detector, action, impact }: Pick<Finding, 'detector' | 'action' | 'impact'>) {
    this.detector = detector;
    this.action = action;
    this.impact = impact;
  }
}

export class DetectionResult {
  readonly finding: Finding;

  constructor(finding: Finding) {
    this.finding = finding;
  }

  get id(): string {
    return this.finding.id;
  }
  get detector(): string {
    return this.finding.detector;
  }
  /** One sentence; no payload text beyond names and counts. */
  get explanation(): string {
    return this.finding.explanation;
  }
  get severity(): Severity {
    return this.finding.severity;
  }
  /** low 25, medium 50, high 75, critical 100. */
  get severityScore(): number {
    return severityScore(this.finding.severity);
  }
  /** Calibrated probability, 0–1. */
  get confidence(): number {
    return this.finding.confidence;
  }
  get evidence(): Evidence {
    return new Evidence(this.finding);
  }
  get recommendation(): FixRecommendation {
    return new FixRecommendation(this.finding);
  }
}

/**
 * Asking somebody else about findings of which the detectors are not sure (DESIGN §4, tier 4). An extension answers, `detect` asks.
 *
 * Law:
 * - Nobody waits for an answer; it never rejects. `undefined`: not asked, or no answer that counts.
 * - What an answer may do is decided here, not by who answers: it moves the odds of a finding by a fixed factor, whatever else it says.
 * - It raises any finding. It never lowers one that is HIGH, nor one that structure or counts (tier 1 and 2) call high or critical, and
 *   it never withdraws one.
 */
import { confidenceTier } from './calibration.ts';
import { type Finding, severityScore } from './finding.ts';

export const verdicts = ['confirmed', 'rejected', 'unsure'] as const;
/** Why, from a closed list: free text of a model that has read a hostile run goes nowhere. */
export const reasons = ['shown_by_steps', 'needed_for_task', 'recovered', 'not_shown', 'other'] as const;

export interface Verdict {
  readonly verdict: (typeof verdicts)[number];
  readonly reason: (typeof reasons)[number];
  /** Steps of the question that the answer rests on. */
  readonly spanIds: readonly string[];
  readonly provider: string;
  readonly model: string;
  /** Likelihood ratio: `confirmed` multiplies the odds by it, `rejected` divides them. At least 1. */
  readonly weight: number;
}

/** One step as a judge is told of it: facts of the span, no text unless the operator wants excerpts. What is absent is `undefined`. */
export interface Milestone {
  readonly traceId: string;
  readonly spanId: string;
  readonly kind: string;
  readonly agent: string | undefined;
  readonly tool: string | undefined;
  readonly model: string | undefined;
  readonly outcome: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly outputTokens: number | undefined;
  /** By name, as they stood in the span: not redacted, cut. */
  readonly excerpts: Readonly<Record<string, string>>;
}

/** What the detector itself says of its findings. */
export interface About {
  readonly summary: string;
  readonly what: string;
  /** When it is wrong. */
  readonly limits: string;
}

export interface Question {
  readonly finding: Finding;
  readonly about: About;
  /** By time; the target and the evidence that is at hand. */
  readonly milestones: readonly Milestone[];
}

/** An extension that `detect` can name as `judge`. */
export interface Judge {
  /** Whether it wants to be asked about such a finding. Cheap. */
  wants(finding: Finding): boolean;
  /** Ids of detectors that its options name: for whoever knows which there are. */
  readonly detectors: readonly string[];
  /** Characters of each text of a step that it wants; 0 for none. */
  readonly excerpts: number;
  ask(question: Question): Promise<Verdict | undefined>;
}

/** Throws with what to do if `id` is no extension that judges. */
export function judgeOf(id: string, extension: unknown): Judge {
  if (extension === undefined) throw new Error(`judge: '${id}' does not run. Name it in service.extensions.`);
  if (typeof extension !== 'object' || extension === null || !('ask' in extension) || !('wants' in extension)) {
    throw new Error(`judge: '${id}' answers no questions. Name an extension of type 'judge'.`);
  }
  return extension as Judge;
}

/** True if no verdict may lower it. */
function stands(finding: Finding): boolean {
  return confidenceTier(finding.confidence) === 'HIGH' || (finding.tier <= 2 && severityScore(finding.severity) >= 75);
}

/** The finding with the verdict, which may have left its confidence as it was. */
export function judged(finding: Finding, verdict: Verdict): Finding {
  return { ...finding, confidence: confidenceAfter(finding, verdict), judged: { ...verdict, before: finding.confidence } };
}

function confidenceAfter(finding: Finding, { verdict, weight }: Verdict): number {
  const { confidence } = finding;
  if (verdict === 'unsure' || (verdict === 'rejected' && stands(finding))) return confidence;
  const factor = Math.max(1, weight);
  const odds = (confidence / (1 - confidence)) * (verdict === 'confirmed' ? factor : 1 / factor);
  return odds === Number.POSITIVE_INFINITY ? 1 : odds / (1 + odds);
}

/**
 * The revision of a finding as it is handed on where a judge is asked: even for what a detector says, odd for a verdict or a withdrawal of
 * it. So a verdict stands above what it is about, and below what the detector says next, whatever is restarted.
 */
export function judgedRevision(finding: Finding, label: 'fail' | 'withdrawn'): number {
  return 2 * finding.revision + (finding.judged !== undefined || label === 'withdrawn' ? 1 : 0);
}

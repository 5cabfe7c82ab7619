/** What differs between the findings of two runs whose ids have nothing in common. Pure. */
import type { Severity } from '../../src/detector/detector.ts';
import { fingerprintOf, severityScore } from '../../src/detector/finding.ts';

/** Of a `detection` record of `replay --output jsonl`, what is compared and shown. */
export interface Detection {
  readonly detector: string;
  readonly message: string;
  readonly agent: string | null;
  readonly severity: Severity;
  readonly confidence: number;
  readonly confidence_tier: string;
  readonly source: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly explanation: string;
}

/** All findings of one fingerprint in one run. How often a matter comes up is its `times`, not its identity. */
export interface Matter {
  readonly fingerprint: string;
  readonly times: number;
  /** The most severe of them, of these the surest: the one that is shown. */
  readonly worst: Detection;
}

export type State = 'new' | 'changed' | 'gone' | 'same' | 'found';

/** `found` stands where there is nothing to compare with. */
export interface Difference {
  readonly state: State;
  readonly fingerprint: string;
  readonly before: Matter | undefined;
  readonly now: Matter | undefined;
  /** gone: its detector could not look in every window, so that it may be there and unseen. */
  readonly blind: boolean;
}

export function mattersOf(detections: Iterable<Detection>): ReadonlyMap<string, Matter> {
  const matters = new Map<string, Matter>();
  for (const detection of detections) {
    const fingerprint = fingerprintOf(detection);
    const known = matters.get(fingerprint);
    const worst = known && rank(known.worst) >= rank(detection) ? known.worst : detection;
    matters.set(fingerprint, { fingerprint, times: (known?.times ?? 0) + 1, worst });
  }
  return matters;
}

function rank({ severity, confidence }: Detection): number {
  return severityScore(severity) + confidence;
}

/**
 * Every matter of either run, new ones first, each group with the most severe first. It has changed if its severity, the tier of its
 * confidence or its `times` has: the confidence itself moves with every word of a model. `blind`: ids of detectors that could not look
 * everywhere now.
 */
export function differences(
  before: ReadonlyMap<string, Matter> | undefined,
  now: ReadonlyMap<string, Matter>,
  blind: ReadonlySet<string>,
): readonly Difference[] {
  const all: Difference[] = [];
  for (const [fingerprint, matter] of now) {
    const former = before?.get(fingerprint);
    const state = before === undefined ? 'found' : former === undefined ? 'new' : hasChanged(former, matter) ? 'changed' : 'same';
    all.push({ state, fingerprint, before: former, now: matter, blind: false });
  }
  for (const [fingerprint, matter] of before ?? []) {
    if (now.has(fingerprint)) continue;
    all.push({ state: 'gone', fingerprint, before: matter, now: undefined, blind: blind.has(matter.worst.detector) });
  }
  return all.sort(
    (a, b) => order[a.state] - order[b.state] || rank(shownOf(b)) - rank(shownOf(a)) || (a.fingerprint < b.fingerprint ? -1 : 1),
  );
}

const order: Readonly<Record<State, number>> = { found: 0, new: 0, changed: 1, gone: 2, same: 3 };

/** The detection that stands for it: of now, else of before. */
export function shownOf({ before, now }: Difference): Detection {
  return ((now ?? before) as Matter).worst;
}

function hasChanged(before: Matter, now: Matter): boolean {
  const [a, b] = [before.worst, now.worst];
  return a.severity !== b.severity || a.confidence_tier !== b.confidence_tier || before.times !== now.times;
}

/** `new` is `new-low`. Severities alone ask for any finding, new or not. */
export const failures = [
  'low',
  'medium',
  'high',
  'critical',
  'never',
  'new',
  'new-low',
  'new-medium',
  'new-high',
  'new-critical',
  'any-change',
] as const;
export type FailOn = (typeof failures)[number];

export function needsBaseline(failOn: FailOn): boolean {
  return failOn.startsWith('new') || failOn === 'any-change';
}

/** Whether this one fails the run. `new-high`: it is at least high now, and was not there or less severe before. */
export function fails(failOn: FailOn, { state, before, now }: Difference): boolean {
  if (failOn === 'never') return false;
  if (failOn === 'any-change') return state !== 'same';
  if (now === undefined) return false;
  const least = severityScore((failOn.replace(/^new-?/, '') || 'low') as Severity);
  const severity = severityScore(now.worst.severity);
  if (severity < least) return false;
  return !needsBaseline(failOn) || before === undefined || severityScore(before.worst.severity) < severity;
}

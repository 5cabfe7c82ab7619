/**
 * Verification by replay: the detector is run on the recorded window and has to fire; then on the window as the fix would have left it,
 * and has to be silent. Both runs happen here and now; what cannot be run is `not_verifiable`, with the reason.
 */
import type { AnyDetector } from '../detector/detector.ts';
import { fold, type Said } from '../detector/testing/fold.ts';
import type { Step } from '../step/step.ts';
import { effectOf, whyNot } from './effects.ts';
import type { Subject } from './fix.ts';

/**
 * `verified`: it fired without the fix and says nothing with it. `improved`: this finding is gone, but the detector still says others that it
 * said before. `not_silenced`: it still says the same, or something new.
 */
export type Verdict = 'verified' | 'improved' | 'not_silenced' | 'not_verifiable';

export interface Verification {
  readonly verdict: Verdict;
  readonly reason: string;
  /** The rule that stands for the fix, and what it takes for granted; null if none was run. */
  readonly model: string | null;
  readonly assumes: string | null;
  /** Null where a run did not happen. */
  readonly steps_without: number | null;
  readonly steps_with: number | null;
  /** What the detector said, as `message: text`. */
  readonly said_without: readonly string[];
  readonly said_with: readonly string[];
  readonly detector_version: number | null;
}

/** Sentences of one run that are kept. */
const MOST_SAID = 20;

export function notVerifiable(reason: string): Verification {
  return {
    verdict: 'not_verifiable',
    reason,
    model: null,
    assumes: null,
    steps_without: null,
    steps_with: null,
    said_without: [],
    said_with: [],
    detector_version: null,
  };
}

/** `steps`: all of the window that the store has. Never throws for what the steps hold. */
export function replay(detector: AnyDetector, steps: readonly Step[], subject: Subject, fixType: string): Verification {
  const effect = effectOf(subject, fixType);
  if (effect === undefined) return notVerifiable(whyNot(fixType));
  return compare(detector, steps, effect.apply(steps, subject), subject, { model: effect.model, assumes: effect.assumes });
}

/** The detector on two windows. `model`: what makes the second of the first. */
export function compare(
  detector: AnyDetector,
  before: readonly Step[],
  after: readonly Step[],
  subject: Pick<Subject, 'detector' | 'message' | 'data'>,
  { model, assumes }: { readonly model: string; readonly assumes: string },
): Verification {
  let without: readonly Said[];
  let withFix: readonly Said[];
  try {
    const options = optionsOf(subject);
    without = fold(detector, before, options);
    withFix = fold(detector, after, options);
  } catch (error) {
    return notVerifiable(
      `The detector could not be run on the stored window: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const seen = {
    model,
    assumes,
    steps_without: before.length,
    steps_with: after.length,
    said_without: told(without),
    said_with: told(withFix),
    detector_version: detector.meta.version as number,
  };
  const same = (said: readonly Said[]) => said.some(({ message }) => message === subject.message);
  if (!same(without)) {
    const reason = `On the stored window '${subject.detector}' does not say '${subject.message}': what it needs was not kept, was cut or redacted, or its options were others.`;
    return { ...seen, verdict: 'not_verifiable', reason };
  }
  if (withFix.length === 0)
    return {
      ...seen,
      verdict: 'verified',
      reason: `'${subject.detector}' fires on the window and is silent on it with the fix.`,
    };
  const known = new Set(without.map(identity));
  if (same(withFix) || withFix.some((said) => !known.has(identity(said))))
    return { ...seen, verdict: 'not_silenced', reason: `'${subject.detector}' still fires on the window with the fix.` };
  return {
    ...seen,
    verdict: 'improved',
    reason: `'${subject.message}' is gone; '${subject.detector}' still says other things that it said before.`,
  };
}

function identity({ message, key }: Said): string {
  return `${message} ${key}`;
}

function told(said: readonly Said[]): string[] {
  return said.slice(0, MOST_SAID).map(({ message, text }) => `${message}: ${text}`);
}

/** Options that the finding states; the others are the defaults. */
function optionsOf({ detector, message, data }: Pick<Subject, 'detector' | 'message' | 'data'>): Record<string, unknown> {
  if (detector !== 'cost' || message !== 'over_budget') return {};
  return { [data['unit'] === 'tokens' ? 'max_tokens' : 'max_cost']: Number(data['budget']) };
}

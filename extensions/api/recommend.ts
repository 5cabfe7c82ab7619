/**
 * What the labels say about the least confidence of a detector (`emit_above`). Pure. `docs/feedback.md` says what each figure is worth.
 *
 * Only what was handed on can be labelled: nothing is known below the present threshold unless it was lower at another time.
 */
import { wilson } from './wilson.ts';

/** A finding with what a person said of it. `confidence` 0–1. */
export interface Label {
  readonly detector: string;
  readonly confidence: number;
  readonly correct: boolean;
}

export interface RecommendOptions {
  /** Labels of a detector below which nothing is said. */
  readonly minSamples: number;
  /** Precision that the lower bound must reach. */
  readonly target: number;
  /** The threshold of a detector now. */
  readonly thresholdOf: (detector: string) => number;
}

/** At 30 labels the 95 % interval of a share of one half is ± .17 wide; it is also the n of the grade `production`. */
export const MIN_SAMPLES = 30;
/** Precision of the grade `production`. */
export const TARGET = 0.7;
/** Wide enough that a step holds more than the rounding of a fit; labels choose among seven values above .60, not among hundreds. */
const STEP = 0.05;
const HIGHEST = 0.95;
/** Who loses more than half of what is right is better served by another option of the detector, or by a suppression. */
const MOST_LOST = 0.5;

export interface Share {
  readonly samples: number;
  readonly correct: number;
  /** Null without samples. */
  readonly precision: number | null;
  /** 95 % Wilson bounds. */
  readonly low: number;
  readonly high: number;
}

export interface Predicted extends Share {
  readonly precision_change: number;
  /** Of the labels: how many fewer right and wrong ones would have been handed on. Negative: more. */
  readonly true_positives_lost: number;
  readonly false_positives_removed: number;
}

export interface Recommendation {
  readonly detector: string;
  /** `none`: the labels do not say enough. */
  readonly action: 'raise' | 'lower' | 'keep' | 'none';
  readonly reason: string;
  /** False: too few labels, nothing is recommended. */
  readonly measured: boolean;
  readonly threshold: number;
  readonly recommended: number | null;
  /** Of labels at or above the present threshold. */
  readonly now: Share;
  readonly predicted: Predicted | null;
}

export function shareOf(labels: readonly Label[]): Share {
  const samples = labels.length;
  const correct = labels.filter((one) => one.correct).length;
  return { samples, correct, precision: samples === 0 ? null : correct / samples, ...wilson(correct, samples) };
}

/** For each detector with a label, the one with most labels first. */
export function recommend(labels: readonly Label[], options: RecommendOptions): Recommendation[] {
  const by = new Map<string, Label[]>();
  for (const label of labels) {
    const same = by.get(label.detector);
    if (same === undefined) by.set(label.detector, [label]);
    else same.push(label);
  }
  return [...by]
    .sort(([a, some], [b, others]) => others.length - some.length || (a < b ? -1 : 1))
    .map(([detector, own]) => recommendFor(detector, own, options));
}

function recommendFor(
  detector: string,
  own: readonly Label[],
  { minSamples, target, thresholdOf }: RecommendOptions,
): Recommendation {
  const threshold = thresholdOf(detector);
  const from = (at: number): Label[] => own.filter(({ confidence }) => confidence >= at - 1e-9);
  const now = shareOf(from(threshold));
  const say = (
    action: Recommendation['action'],
    reason: string,
    recommended: number | null = null,
    measured = true,
  ): Recommendation => ({
    detector,
    action,
    reason,
    measured,
    threshold,
    recommended,
    now,
    predicted: recommended === null ? null : predicted(now, shareOf(from(recommended))),
  });
  if (now.samples < minSamples) {
    const reason = `${now.samples} labels at or above ${shown(threshold)}, at least ${minSamples} are needed.`;
    return say('none', reason, null, false);
  }
  const lower = steps(0, threshold).find((at) => {
    const band = shareOf(from(at).filter(({ confidence }) => confidence < threshold - 1e-9));
    return band.samples >= minSamples && band.low >= target;
  });
  if (lower !== undefined) {
    return say('lower', `Between ${shown(lower)} and ${shown(threshold)} precision is ${shown(target)} or more as well.`, lower);
  }
  if (now.low >= target) return say('keep', `Precision is at least ${shown(now.low)}, which reaches ${shown(target)}.`);
  const higher = steps(threshold, HIGHEST).find((at) => shareOf(from(at)).low >= target);
  if (higher === undefined) {
    return now.high >= target
      ? say(
          'none',
          `Precision lies between ${shown(now.low)} and ${shown(now.high)}: more labels will tell whether it reaches ${shown(target)}.`,
        )
      : say('none', `At no threshold up to ${HIGHEST} do these labels reach ${shown(target)}: look at the detector's options.`);
  }
  const change = predicted(now, shareOf(from(higher)));
  if (change.true_positives_lost > MOST_LOST * now.correct) {
    const lost = `${change.true_positives_lost} of ${now.correct}`;
    return say(
      'none',
      `${shown(higher)} would reach ${shown(target)} and lose ${lost} right findings: look at the detector's options.`,
    );
  }
  return say('raise', `From ${shown(higher)} on precision is at least ${shown(target)}.`, higher);
}

function predicted(now: Share, then: Share): Predicted {
  return {
    ...then,
    precision_change: (then.precision ?? 0) - (now.precision ?? 0),
    true_positives_lost: now.correct - then.correct,
    false_positives_removed: now.samples - now.correct - (then.samples - then.correct),
  };
}

/** Multiples of the step above `from`, and up to `to` or below it. */
function steps(from: number, to: number): number[] {
  const all = Array.from({ length: Math.round(HIGHEST / STEP) }, (_, i) => Math.round((i + 1) * STEP * 100) / 100);
  return all.filter((at) => at > from + 1e-9 && (from === 0 ? at < to - 1e-9 : at <= to + 1e-9));
}

function shown(share: number): string {
  return share.toFixed(2);
}

/** What `detect` is to have, to be pasted below `processors`, or given as one more `--config`. Empty without a recommendation. */
export function yamlOf(recommendations: readonly Recommendation[]): string {
  const moved = recommendations.filter(({ recommended }) => recommended !== null);
  if (moved.length === 0) return '';
  const lines = moved.flatMap(({ detector, recommended }) => [`      ${detector}:`, `        emit_above: ${recommended}`]);
  return ['processors:', '  detect:', '    detectors:', ...lines, ''].join('\n');
}

/** The same as a diff. `stated` is what a detector has of its own now. */
export function diffOf(recommendations: readonly Recommendation[], stated: (detector: string) => number | undefined): string {
  const moved = recommendations.filter(({ recommended }) => recommended !== null);
  if (moved.length === 0) return '';
  const lines = moved.flatMap(({ detector, recommended }) => {
    const before = stated(detector);
    const head = `       ${detector}:`;
    return before === undefined
      ? [`+${head.slice(1)}`, `+        emit_above: ${recommended}`]
      : [head, `-        emit_above: ${before}`, `+        emit_above: ${recommended}`];
  });
  return ['--- misstep.yaml', '+++ misstep.yaml', ' processors:', '   detect:', '     detectors:', ...lines, ''].join('\n');
}

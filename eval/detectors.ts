/** What was measured of each detector, over all sets: the rows of the table, of `docs/quality.md` and of readiness. */
import type { ShippedDetector } from '../src/detector/options.ts';
import { type Example, examplesOf, mixed } from './examples.ts';
import { alwaysFireF1, calibrationError, f1Interval, type Interval, wilson } from './metrics.ts';
import { ITEM_SETS, items, type Pack, RUN_SETS, type RunLabel, runLabels } from './pack.ts';
import type { Predictions } from './predictions.ts';
import { labelled, scoreItems } from './score/items.ts';
import { healthyTraces } from './score/score.ts';

export interface SetFigures {
  readonly set: string;
  readonly n: number;
  readonly positives: number;
  readonly precision: number | null;
  readonly precision_ci: Interval | null;
  readonly recall: number | null;
  readonly recall_ci: Interval | null;
  readonly f1: number | null;
  readonly f1_ci: Interval | null;
  readonly always_fire_f1: number | null;
  /** False-alarm rate: share of negatives flagged. */
  readonly fpr: number | null;
  readonly fpr_ci: Interval | null;
  /** Share of items of which it could see nothing; `null` if it ran on none. */
  readonly blind: number | null;
}

export interface DetectorFigures {
  readonly detector: string;
  readonly sets: readonly SetFigures[];
  /** Calibration error over findings with a verdict, mixed as for calibration (`examples.ts`). */
  readonly ece: number | null;
  /** The same, cross-validated by source, as the last calibration left it. */
  readonly ece_cv: number | null;
  /** Some message's confidence is still set by hand. */
  readonly provisional: boolean;
  readonly findings: number;
  /** On runs of agents (TRAIL, Who&When, MAST, AgentRx, tau-airline). */
  readonly alarms_per_trace: number | null;
  readonly blind: number | null;
  /** Passing runs with an alarm at the tier or above, and of how many. */
  readonly healthy: { readonly runs: number; readonly high: number; readonly likely: number; readonly possible: number };
  /** TRAIL at LIKELY: pairs said, share right. */
  readonly trail: { readonly pairs: number; readonly precision: number | null };
  readonly us_per_step: number | null;
}

const LIKELY = 0.6;

export function detectorFigures(pack: Pack, predictions: Predictions, shipped: readonly ShippedDetector[]): DetectorFigures[] {
  const itemSets = [...ITEM_SETS, 'golden']
    .filter((set) => pack.sets.includes(set))
    .map((set) => ({ set, all: labelled(items(pack, set)) }));
  const runs = RUN_SETS.filter((set) => pack.sets.includes(set)).flatMap((set) =>
    Object.entries(runLabels<RunLabel>(pack, set)).map(([key, { trace_id }]) => trace_id ?? key),
  );
  const healthy = healthyTraces(pack);
  const examples = new Map<string, Example[]>();
  for (const one of examplesOf(pack, predictions)) {
    const same = examples.get(one.detector);
    if (same) same.push(one);
    else examples.set(one.detector, [one]);
  }
  const fits = new Map(shipped.map(({ detector, fit }) => [detector.meta.id as string, fit]));
  // A message without a TRAIL category can meet none.
  const categorised = new Set<string>();
  for (const [, all] of predictions.entries())
    for (const { detector, message, trail } of all) if (trail.length > 0) categorised.add(`${detector} ${message}`);
  return [...fits.keys()].sort().map((detector) => {
    const own = examples.get(detector) ?? [];
    const flagged = (threshold: number) => healthy.filter((trace) => predictions.score(trace, [detector]) >= threshold).length;
    const time = predictions.timing.get(detector);
    return {
      detector,
      sets: itemSets.flatMap(({ set, all }) => setFigures(set, all, detector, predictions)),
      ece: calibrationError(mixed(own)),
      ece_cv: fits.get(detector)?.fitted?.ece_cv ?? null,
      provisional: fits.get(detector)?.provisional ?? true,
      findings: own.length,
      alarms_per_trace: runs.length > 0 ? alarms(runs, detector, predictions) / runs.length : null,
      blind: blindShare(runs, detector, predictions),
      healthy: { runs: healthy.length, high: flagged(0.8), likely: flagged(LIKELY), possible: flagged(0.4) },
      trail: trailFigures(own.filter((one) => categorised.has(`${one.detector} ${one.message}`))),
      us_per_step: time && time.steps > 0 ? time.us / time.steps : null,
    };
  });
}

function setFigures(
  set: string,
  all: readonly Parameters<typeof scoreItems>[0][number][],
  detector: string,
  predictions: Predictions,
): SetFigures[] {
  const own = all.filter(({ detectors }) => detectors.includes(detector));
  if (own.length === 0) return [];
  const score = scoreItems(own, predictions, [detector]);
  const { n, pos, tp, fp, fn, tn, precision, recall, f1, fpr } = score;
  const traces = own.map(({ trace_id }) => trace_id);
  return [
    {
      set,
      n,
      positives: pos,
      precision,
      precision_ci: wilson(tp, tp + fp),
      recall,
      recall_ci: wilson(tp, tp + fn),
      f1,
      f1_ci: f1Interval(score),
      always_fire_f1: alwaysFireF1(pos, n),
      fpr,
      fpr_ci: wilson(fp, fp + tn),
      blind: blindShare(traces, detector, predictions),
    },
  ];
}

function alarms(runs: readonly string[], detector: string, predictions: Predictions): number {
  return runs.reduce(
    (sum, trace) => sum + predictions.of(trace).filter((one) => one.detector === detector && one.confidence >= LIKELY).length,
    0,
  );
}

/** Share of runs in which the detector lacked what it needs in every window; `null` if it ran in none. */
function blindShare(runs: readonly string[], detector: string, predictions: Predictions): number | null {
  const ran = runs.filter((trace) => predictions.coverage.get(trace)?.has(detector));
  if (ran.length === 0) return null;
  return ran.filter((trace) => !predictions.looked.has(`${trace} ${detector}`)).length / ran.length;
}

function trailFigures(own: readonly Example[]): DetectorFigures['trail'] {
  const said = own.filter(({ set, confidence }) => set === 'trail' && confidence >= LIKELY);
  return {
    pairs: said.length,
    precision: said.length > 0 ? said.filter(({ right }) => right === 1).length / said.length : null,
  };
}

/**
 * The grade of a detector, from its figures alone. Rules, worst first, and why:
 *
 * - untested: no set with 30 items and both labels. Below 30 the interval of a rate is wider than ±.17: no claim.
 * - failing: on no such set does F1 pass that of a detector that fires on everything (it then adds nothing), or it raises a
 *   LIKELY alarm on more than 5 % of the passing runs (an operator switches off what cries wolf on one run in twenty).
 * - experimental: F1 above always-fire on some set.
 * - beta: above always-fire on at least half of the sets and by .05 on one, false-alarm rate there ≤ .15, alarms on ≤ 2 % of
 *   the passing runs. .05 and .15 are the bars the product sets itself for `golden`.
 * - production: above always-fire at a false-alarm rate ≤ .15 on every set; on a set that is not written by a language model
 *   (all but `golden`) the lower end of the interval is above always-fire and the false-alarm rate ≤ .05; alarms on ≤ 1 % of
 *   the passing runs; of 20 or more LIKELY findings on TRAIL at least a third met what the annotators marked; calibration
 *   fitted, its error ≤ .08 over at least 200 findings.
 */
import type { Baseline, Measured, Readiness } from '../config/readiness.ts';
import type { DetectorFigures, SetFigures } from './detectors.ts';

/** Items below which a set supports no claim. */
const MIN_ITEMS = 30;
const MIN_FINDINGS = 200;

export function grade(figures: DetectorFigures): { readonly readiness: Readiness; readonly reason: string } {
  const sets = figures.sets.filter(({ n, positives }) => n >= MIN_ITEMS && positives > 0 && positives < n);
  if (sets.length === 0) return { readiness: 'untested', reason: `no set with ${MIN_ITEMS} items` };
  const { runs, likely } = figures.healthy;
  const crying = runs > 0 ? likely / runs : 0;
  const above = sets.filter((set) => margin(set) > 0);
  if (above.length === 0) return { readiness: 'failing', reason: `F1 not above always-fire on ${names(sets)}` };
  if (crying > 0.05) return { readiness: 'failing', reason: `alarms on ${likely} of ${runs} passing runs` };

  const clear = above.filter((set) => margin(set) >= 0.05 && (set.fpr ?? 1) <= 0.15);
  const toBeta = [
    2 * above.length < sets.length ? `F1 above always-fire on ${above.length} of ${sets.length} sets` : undefined,
    clear.length === 0 ? 'no set with F1 .05 above always-fire at a false-alarm rate ≤ .15' : undefined,
    crying > 0.02 ? `alarms on ${likely} of ${runs} passing runs` : undefined,
  ].filter((one) => one !== undefined);
  if (toBeta.length > 0) return { readiness: 'experimental', reason: toBeta.join('; ') };

  const { pairs, precision } = figures.trail;
  const error = figures.ece_cv ?? figures.ece;
  const independent = sets.some(
    ({ set, f1_ci, always_fire_f1, fpr }) =>
      set !== 'golden' && f1_ci !== null && f1_ci[0] > (always_fire_f1 ?? 1) && (fpr ?? 1) <= 0.05,
  );
  const toProduction = [
    above.length < sets.length ? `F1 not above always-fire on ${names(sets.filter((set) => margin(set) <= 0))}` : undefined,
    ...sets.filter(({ fpr }) => (fpr ?? 0) > 0.15).map(({ set, fpr }) => `false-alarm rate ${(fpr ?? 0).toFixed(2)} on ${set}`),
    independent ? undefined : 'no set but golden on which the interval of F1 lies above always-fire at a false-alarm rate ≤ .05',
    crying > 0.01 ? `alarms on ${likely} of ${runs} passing runs` : undefined,
    pairs >= 20 && (precision ?? 0) < 1 / 3
      ? `${((precision ?? 0) * 100).toFixed(0)} % of ${pairs} findings on TRAIL met a label`
      : undefined,
    figures.provisional ? 'calibration set by hand' : undefined,
    figures.findings < MIN_FINDINGS ? `calibration rests on ${figures.findings} findings` : undefined,
    error !== null && error > 0.08 ? `calibration error ${error.toFixed(2)}` : undefined,
  ].filter((one) => one !== undefined);
  if (toProduction.length > 0) return { readiness: 'beta', reason: toProduction.join('; ') };
  return { readiness: 'production', reason: `measured on ${names(sets)}` };
}

/** How far F1 lies above that of firing on everything. */
export function margin({ f1, always_fire_f1 }: SetFigures): number {
  return (f1 ?? 0) - (always_fire_f1 ?? 1);
}

function names(sets: readonly SetFigures[]): string {
  return sets.map(({ set }) => set).join(', ');
}

/** The content of `config/baseline.json`. Figures to three decimals: more would suggest a precision that is not there. */
export function baselineOf(all: readonly DetectorFigures[]): Baseline {
  return { detectors: Object.fromEntries(all.map((figures) => [figures.detector, measuredOf(figures)])) };
}

function measuredOf(figures: DetectorFigures): Measured {
  return {
    ...grade(figures),
    sets: Object.fromEntries(
      figures.sets.map(({ set, n, positives, precision, recall, f1, f1_ci, always_fire_f1, fpr }) => [
        set,
        {
          n,
          positives,
          precision: round(precision),
          recall: round(recall),
          f1: round(f1),
          f1_interval: f1_ci === null ? null : [round(f1_ci[0]) ?? 0, round(f1_ci[1]) ?? 0],
          always_fire_f1: round(always_fire_f1),
          false_alarm_rate: round(fpr),
        },
      ]),
    ),
    healthy_runs: figures.healthy.runs,
    healthy_alarms: figures.healthy.likely,
    calibration_error: round(figures.ece_cv ?? figures.ece),
    findings: figures.findings,
  };
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}

/**
 * TRAIL across its sources: confidences fitted without one source and tested on it, beside the scores as the rules give them. All other sets
 * take part in the fit, as they do in the one that ships.
 */
import { calibrate, type Fit, uncalibrated } from '../../src/detector/calibration.ts';
import type { ShippedDetector } from '../../src/detector/options.ts';
import { type Example, examplesOf } from '../examples.ts';
import { calibrationError } from '../metrics.ts';
import { type Pack, runLabels, type TrailLabel } from '../pack.ts';
import type { Detection, Predictions } from '../predictions.ts';
import { scoreTrail, type TrailScore } from '../score/trail.ts';
import type { Table } from '../table.ts';
import { calibrateAll } from './calibrate.ts';

type Labels = Readonly<Record<string, TrailLabel>>;
type Said = Pick<Predictions, 'of'>;
type Confidence = (one: Pick<Detection, 'detector' | 'message' | 'score' | 'confidence'>) => number;

export interface Transfer {
  /** Sources that the fit saw, and the one it is tested on. */
  readonly from: readonly string[];
  readonly to: string;
  readonly rules: Tested;
  readonly fitted: Tested;
}

export interface Tested {
  /** At confidence .60, and by alarm budget. */
  readonly at: Readonly<Record<Point, TrailScore>>;
  /** Calibration error over the findings on the tested source. */
  readonly ece: number | null;
}

type Point = (typeof POINTS)[number];
const POINTS = ['at_0.6', 'budget_2', 'budget_4', 'budget_8'] as const;

/** Empty without TRAIL, with one source only, and for lines that carry no raw scores. */
export function transferOf(pack: Pack, predictions: Predictions, shipped: readonly ShippedDetector[]): Transfer[] {
  if (!pack.sets.includes('trail')) return [];
  return transfer(runLabels<TrailLabel>(pack, 'trail'), predictions, examplesOf(pack, predictions), shipped);
}

export function transfer(
  labels: Labels,
  said: Said,
  examples: readonly Example[],
  shipped: readonly ShippedDetector[],
): Transfer[] {
  const runs = Object.entries(labels);
  const sources = [...new Set(runs.map(([, { split }]) => split))].sort();
  if (sources.length < 2 || runs.some(([run]) => said.of(run).some(({ score }) => score === undefined))) return [];
  const rules = shipped.map((one) => ({ ...one, fit: byHand(one.fit ?? uncalibrated) }));
  const hand = new Map(rules.map(({ detector, fit }) => [detector.meta.id, fit]));
  return sources.map((to) => {
    const tested = ({ set, source }: Example): boolean => set === 'trail' && source === to;
    const fits = calibrateAll(
      rules,
      examples.filter((one) => !tested(one)),
    );
    const own = Object.fromEntries(runs.filter(([, { split }]) => split === to));
    const judged = examples.filter(tested);
    return {
      from: sources.filter((one) => one !== to),
      to,
      rules: test(own, said, judged, by(hand)),
      fitted: test(own, said, judged, by(new Map([...hand, ...fits.map(({ id, fit }) => [id, fit] as const)]))),
    };
  });
}

function test(labels: Labels, said: Said, judged: readonly Example[], confidence: Confidence): Tested {
  const report = scoreTrail(labels, { of: (run) => said.of(run).map((one) => ({ ...one, confidence: confidence(one) })) });
  return {
    at: Object.fromEntries(POINTS.map((point) => [point, report[point]])) as Record<Point, TrailScore>,
    ece: calibrationError(judged.map((one) => ({ right: one.right, weight: one.share, confidence: confidence(one) }))),
  };
}

/** The points that were set by hand; where there are none, the raw score is the confidence. */
function byHand({ points, fitted }: Fit): Fit {
  const kept = Object.entries(points).filter(([message]) => !(message in (fitted?.messages ?? {})));
  return { provisional: true, points: Object.fromEntries(kept) };
}

function by(fits: ReadonlyMap<string, Fit>): Confidence {
  return ({ detector, message, score, confidence }) => {
    const fit = fits.get(detector);
    return fit && score !== undefined ? calibrate(fit, message, score) : confidence;
  };
}

/** Where fitting costs pair F1 on a source it never saw: `from → to at point`. */
export function losses(all: readonly Transfer[]): string[] {
  return all.flatMap(({ from, to, rules, fitted }) =>
    POINTS.filter((point) => fitted.at[point].pair_f1 < rules.at[point].pair_f1).map(
      (point) => `${from.join(', ')} → ${to} at ${point}`,
    ),
  );
}

export function transferTable(all: readonly Transfer[]): Table {
  const lost = losses(all);
  return {
    title: 'TRAIL across sources',
    note: `Confidences fitted on one source of TRAIL (and on all other sets), tested on the other source. Rules alone: the raw scores, nothing fitted. The scores themselves were set with both sources in sight. Where all findings together stay within a budget its rows are equal by nature. ${
      lost.length === 0
        ? 'At no point is the pair F1 of the fitted confidences below that of rules alone.'
        : `Below rules alone in pair F1: ${lost.join('; ')}.`
    }`,
    head: [
      'tested on',
      'confidences',
      'ECE',
      ...POINTS.flatMap((point) => [`${point}: joint`, 'pair P', 'pair F1', 'said/trace']),
    ],
    rows: all.flatMap(({ from, to, rules, fitted }) =>
      [
        { name: 'rules alone', ...rules },
        { name: `fitted on ${from.join(', ')}`, ...fitted },
      ].map(({ name, at, ece }) => [
        to,
        name,
        ece,
        ...POINTS.flatMap((point) => {
          const { joint, pair_precision, pair_f1, predictions_per_trace } = at[point];
          return [joint, pair_precision, pair_f1, predictions_per_trace.toFixed(2)];
        }),
      ]),
    ),
  };
}

/** What was measured of each detector, as `npm run eval -- --write` left it in `baseline.json`. Never edited by hand. */
import baseline from './baseline.json' with { type: 'json' };

/** The rules of the grades stand in `eval/readiness.ts`. */
export type Readiness = 'production' | 'beta' | 'experimental' | 'failing' | 'untested';

/** Aggregate figures of one detector. Shares 0–1, intervals 95 %. */
export interface Measured {
  readonly readiness: Readiness;
  /** Why this grade and not the next. */
  readonly reason: string;
  readonly sets: Readonly<
    Record<
      string,
      {
        readonly n: number;
        readonly positives: number;
        readonly precision: number | null;
        readonly recall: number | null;
        readonly f1: number | null;
        readonly f1_interval: readonly [number, number] | null;
        readonly always_fire_f1: number | null;
        readonly false_alarm_rate: number | null;
      }
    >
  >;
  /** Passing runs, and those with an alarm of confidence ≥ .60. */
  readonly healthy_runs: number;
  readonly healthy_alarms: number;
  readonly calibration_error: number | null;
  /** Findings with a verdict, on which the calibration error rests. */
  readonly findings: number;
}

export interface Baseline {
  readonly detectors: Readonly<Record<string, Measured>>;
}

const measured = baseline as unknown as Baseline;

const untested: Measured = {
  readiness: 'untested',
  reason: 'never measured',
  sets: {},
  healthy_runs: 0,
  healthy_alarms: 0,
  calibration_error: null,
  findings: 0,
};

export function readinessOf(detector: string): Measured {
  return measured.detectors[detector] ?? untested;
}

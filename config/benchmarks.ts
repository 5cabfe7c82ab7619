/** What was measured on sets of whole runs, as `npm run eval -- --write` left it in `benchmarks.json`. Never edited by hand. */
import benchmarks from './benchmarks.json' with { type: 'json' };

/** Cells of (run, mode) with a human label, at a confidence of .60. Shares 0–1. */
export interface ModeFigures {
  readonly n: number;
  readonly positives: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly kappa: number | null;
  /** Fewer than three positives: no claim. */
  readonly too_few: boolean;
}

export interface Benchmarks {
  /** Joint accuracy and location are recall by the official rule: they stand beside the rest, or not at all. At .60. */
  readonly trail: {
    readonly traces: number;
    readonly joint_accuracy: number;
    readonly location_accuracy: number;
    readonly pair_precision: number;
    readonly pair_recall: number;
    readonly pair_f1: number;
    readonly predictions_per_trace: number;
  } | null;
  /** Strict: name and step equal. Shares with 95 % Wilson bounds. */
  readonly whowhen: {
    readonly runs: number;
    readonly agent: readonly [share: number, low: number, high: number];
    readonly step: readonly [share: number, low: number, high: number];
    readonly both: readonly [share: number, low: number, high: number];
  } | null;
  readonly mast: {
    readonly traces: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly kappa: number | null;
    /** By failure mode of MAST, `FM-1.1`. */
    readonly modes: Readonly<Record<string, ModeFigures>>;
  } | null;
  /** Runs that passed, and those with an alarm. */
  readonly healthy: { readonly runs: number; readonly with_alarm: number } | null;
}

export const measuredBenchmarks = benchmarks as unknown as Benchmarks;

/** Runs of which only the outcome is known: tau-airline, and the passing runs on which every alarm is false. */
import { type Binary, binary, ranking } from '../metrics.ts';
import type { AgentRxLabel, TauLabel } from '../pack.ts';
import type { Predictions } from '../predictions.ts';

export interface TauReport {
  readonly n: number;
  readonly failed: number;
  readonly 'at_0.4': Flagged;
  readonly 'at_0.6': Flagged;
  readonly 'at_0.8': Flagged;
  readonly auroc: number | null;
  readonly ap: number | null;
  readonly loop_vs_exact_repeat: Agreement;
  readonly tool_failure_vs_tool_error: Agreement;
  readonly generic_tool_failure_vs_tool_error: Agreement;
}

export interface Flagged {
  readonly flagged_failing: number | null;
  readonly flagged_passing: number | null;
  readonly balanced_accuracy: number | null;
  readonly f1: number | null;
}

export type Agreement = Pick<Binary, 'pos' | 'precision' | 'recall' | 'f1' | 'fpr'>;

const THRESHOLD = 0.6;

export function scoreTau(labels: Readonly<Record<string, TauLabel>>, predictions: Predictions): TauReport {
  const traces = Object.entries(labels);
  const failed = traces.map(([, label]) => label.failed);
  const at = (threshold: number): Flagged => {
    const { recall, fpr, balanced_accuracy, f1 } = binary(
      failed,
      traces.map(([trace]) => predictions.score(trace) >= threshold),
    );
    return { flagged_failing: recall, flagged_passing: fpr, balanced_accuracy, f1 };
  };
  const against = (fact: (label: TauLabel) => boolean, detectors: readonly string[]): Agreement =>
    agreement(
      traces.map(([, label]) => fact(label)),
      traces.map(([trace]) => predictions.score(trace, detectors)),
    );
  return {
    n: traces.length,
    failed: failed.filter(Boolean).length,
    'at_0.4': at(0.4),
    'at_0.6': at(0.6),
    'at_0.8': at(0.8),
    ...ranking(
      failed,
      traces.map(([trace]) => predictions.score(trace)),
    ),
    loop_vs_exact_repeat: against((label) => label.repeated_identical_call_steps.length > 0, ['loop']),
    tool_failure_vs_tool_error: against((label) => label.tool_error_steps.length > 0, ['langgraph_tool_failure']),
    generic_tool_failure_vs_tool_error: against((label) => label.tool_error_steps.length > 0, ['tool_failure']),
  };
}

export function agreement(truth: readonly boolean[], scores: readonly number[]): Agreement {
  const { pos, precision, recall, f1, fpr } = binary(
    truth,
    scores.map((score) => score >= THRESHOLD),
  );
  return { pos, precision, recall, f1, fpr };
}

export interface HealthyReport {
  readonly passing_runs: number;
  readonly 'any_detection_0.4': number;
  readonly 'any_detection_0.6': number;
  readonly 'any_detection_0.8': number;
  /** Detector → passing runs with an alarm of it, most first. */
  readonly 'runs_by_detector_0.6': Readonly<Record<string, number>>;
}

/** Trace ids of the runs that passed. */
export function passingRuns(labels: Readonly<Record<string, AgentRxLabel | TauLabel>>): string[] {
  return Object.entries(labels).flatMap(([trace, { failed }]) => (failed ? [] : [trace]));
}

export function scoreHealthy(traces: readonly string[], predictions: Predictions): HealthyReport | null {
  if (traces.length === 0) return null;
  const rate = (threshold: number) => traces.filter((trace) => predictions.score(trace) >= threshold).length / traces.length;
  const counts = new Map<string, number>();
  for (const trace of traces) {
    const loud = predictions.of(trace).filter(({ confidence }) => confidence >= THRESHOLD);
    for (const detector of new Set(loud.map((one) => one.detector))) counts.set(detector, (counts.get(detector) ?? 0) + 1);
  }
  return {
    passing_runs: traces.length,
    'any_detection_0.4': rate(0.4),
    'any_detection_0.6': rate(0.6),
    'any_detection_0.8': rate(0.8),
    'runs_by_detector_0.6': Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))),
  };
}

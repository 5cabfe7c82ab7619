/** An alert as data: what it asks, why its threshold is what it is, when it fires and when it just does not. */

/** Series as promtool takes them, by selector, one value a minute. */
export interface Case {
  readonly why: string;
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
}

export interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: 'critical' | 'warning';
  /** Labels that tell one such alert from another. */
  readonly by: readonly string[];
  readonly summary: string;
  readonly action: string;
  /** Where threshold and duration come from. */
  readonly reason: string;
  readonly fires: Case;
  readonly quiet: Case;
}

/** Labels of the sidecar of the cases. */
export const LABELS = 'job="misstep",instance="a"';

export function windowsOf(detector: string, outcome: string): string {
  return `misstep_detector_windows{${LABELS},processor="detect",detector="${detector}",outcome="${outcome}"}`;
}

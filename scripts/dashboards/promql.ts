/** Pieces of PromQL that rules, dashboards and detector pages share. */

/**
 * What a cumulative metric grew by in `window`. `increase` sees nothing of a series that begins above 0, and misstep's series by reason
 * and by outcome begin with their first event: who alerts on the first loss would miss it. So a series that was not there a window ago
 * counts as a whole. After a gap of the scrapes, and for a Prometheus that has just started, that is more than what happened; never less.
 */
export function grown(selector: string, window: string): string {
  return `((${selector} unless ${selector} offset ${window}) or increase(${selector}[${window}]))`;
}

export function sumBy(labels: readonly string[], expression: string): string {
  return `sum by (${labels.join(', ')}) (${expression})`;
}

/** Windows of the last hour that ended so, by job and detector. */
export function windowsIn(outcome: string): string {
  return sumBy(['job', 'detector'], `misstep:detector_windows:increase1h{outcome=~"${outcome}"}`);
}

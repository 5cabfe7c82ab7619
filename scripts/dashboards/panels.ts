/** A dashboard as data, and the pieces that its queries share. */
import { grown, sumBy } from './promql.ts';

export interface Panel {
  readonly title: string;
  /** The question that it answers. */
  readonly asks: string;
  readonly as: 'stat' | 'timeseries' | 'table' | 'bargauge';
  /** Queries with their legends. */
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  readonly unit?: string;
  /** From which value it turns red; without, it has no colour of alarm. */
  readonly red?: number;
  /** Of 24 columns. */
  readonly width?: number;
}

export interface Dashboard {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly panels: readonly Panel[];
  /** Only the dashboard of one detector has one to choose. */
  readonly choose?: 'detector';
}

export const AT = 'job=~"$job",instance=~"$instance"';
const RATE = '[$__rate_interval]';
export const ended = (outcome: string): string =>
  `misstep:detector_windows:increase1h{job=~"$job",instance=~"$instance",outcome=~"${outcome}"}`;
export const joined = (labels: string): string => `* on (detector) group_left (${labels}) misstep:detector_info`;
export const share = (part: string, whole: string): string => `sum(${ended(part)}) / (sum(${ended(whole)}) > 0)`;
export const sumRate = (metric: string, labels: readonly string[]): string => sumBy(labels, `rate(${metric}{${AT}}${RATE})`);
export const lost = (labels: readonly string[]): string => sumBy(labels, grown(`misstep_ledger_dropped{${AT}}`, '1h'));

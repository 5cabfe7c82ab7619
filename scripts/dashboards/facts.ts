/** What dashboards and rules take from a detector's metadata. */
import { readinessOf } from '../../config/readiness.ts';
import type { DetectorMeta, MessageSpec, Severity } from '../../src/detector/detector.ts';

export interface Facts {
  readonly id: string;
  readonly family: string;
  /** The gravest of its messages. Metrics carry the detector and not the message, so no finer answer is to be had from them. */
  readonly severity: Severity;
  /** The lowest tier of its messages. */
  readonly tier: number;
  readonly readiness: string;
  readonly mast: readonly string[];
  /** True if a message stands for TRAIL's category Resource Abuse: what it finds costs tokens. */
  readonly wasteful: boolean;
}

const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

export function factsOf(meta: DetectorMeta): Facts {
  const messages: readonly MessageSpec[] = Object.values(meta.messages);
  return {
    id: meta.id,
    family: meta.family,
    severity: SEVERITIES[Math.max(...messages.map(({ severity }) => SEVERITIES.indexOf(severity)))] as Severity,
    tier: Math.min(...messages.map(({ tier }) => tier)),
    readiness: readinessOf(meta.id).readiness,
    mast: [...new Set(messages.flatMap(({ taxonomy }) => taxonomy.mast ?? []))].sort(),
    wasteful: messages.some(({ taxonomy }) => taxonomy.trail?.includes('Resource Abuse')),
  };
}

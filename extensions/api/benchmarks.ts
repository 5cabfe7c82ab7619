/** The seed's failure modes with what was measured of the detectors that name them. Pure. */
import type { Measured } from '../../config/readiness.ts';

export interface ModeName {
  readonly code: string;
  readonly name: string;
  readonly description: string;
}

/** The seed's list (not MAST's FM-1.1 to FM-3.3). */
export const failureModes: readonly ModeName[] = [
  { code: 'F1', name: 'Specification Mismatch', description: 'The output is not what was asked for.' },
  { code: 'F2', name: 'Poor Task Decomposition', description: 'The task is broken into the wrong parts.' },
  { code: 'F3', name: 'Resource Misallocation', description: 'Time, tokens or money go where they bring nothing.' },
  { code: 'F4', name: 'Inadequate Tool Provision', description: 'Tools are missing, failing or used wrongly.' },
  { code: 'F5', name: 'Flawed Workflow Design', description: 'The workflow itself cannot work.' },
  { code: 'F6', name: 'Task Derailment', description: 'The agent leaves its task.' },
  { code: 'F7', name: 'Context Neglect', description: 'What was given is not used.' },
  { code: 'F8', name: 'Information Withholding', description: 'What was found is not passed on.' },
  { code: 'F9', name: 'Role Usurpation', description: 'An agent acts beyond its role.' },
  { code: 'F10', name: 'Communication Breakdown', description: 'Agents do not understand each other.' },
  { code: 'F11', name: 'Coordination Failure', description: 'Agents do not act together.' },
  { code: 'F12', name: 'Output Validation Failure', description: 'A wrong output passes.' },
  { code: 'F13', name: 'Quality Gate Bypass', description: 'A check is skipped.' },
  { code: 'F14', name: 'Completion Misjudgment', description: 'Done is said too early or too late.' },
  { code: 'F15', name: 'Grounding Failure', description: 'Claims have no source.' },
  { code: 'F16', name: 'Retrieval Quality Failure', description: 'The wrong documents are found.' },
];

export type ModeCategory = 'content' | 'structural' | 'rag';

export interface ModeDetector {
  readonly id: string;
  /** Failure modes of its messages with the tier of each: 1 and 2 structure, 3 text. */
  readonly modes: readonly { readonly mode: string; readonly tier: number }[];
  readonly measured: Measured;
}

/** Items below which a set supports no claim (`docs/quality.md`). */
const MIN_ITEMS = 30;
const RAG = ['F15', 'F16'];

export interface ModeEvidence {
  readonly detection_type: string;
  readonly set: string;
  readonly n: number;
  readonly positives: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly always_fire_f1: number | null;
  readonly false_alarm_rate: number | null;
}

export interface Mode extends ModeName {
  readonly category: ModeCategory;
  /** 1 and 2 by the detection rate, from .95 and from .60; 3 what reads documents. Null: below, or not measured. */
  readonly tier: 1 | 2 | 3 | null;
  readonly measured: boolean;
  readonly reason: string | null;
  /** Recall on the largest set of a detector that names it. */
  readonly detection_rate: number | null;
  readonly detectors: readonly string[];
  readonly evidence: readonly ModeEvidence[];
}

export function modesOf(detectors: readonly ModeDetector[]): Mode[] {
  return failureModes.map((mode) => {
    const naming = detectors.filter(({ modes }) => modes.some((one) => one.mode === mode.code));
    const evidence = naming.flatMap(claims).sort((a, b) => b.n - a.n || (a.detection_type < b.detection_type ? -1 : 1));
    const rate = evidence[0]?.recall ?? null;
    const tiers = naming.flatMap(({ modes }) => modes.filter((one) => one.mode === mode.code).map(({ tier }) => tier));
    const rag = RAG.includes(mode.code);
    return {
      ...mode,
      category: rag
        ? ('rag' as const)
        : tiers.length > 0 && tiers.every((tier) => tier >= 3)
          ? ('content' as const)
          : ('structural' as const),
      tier: rag ? 3 : rate === null ? null : rate >= 0.95 ? 1 : rate >= 0.6 ? 2 : null,
      measured: evidence.length > 0,
      reason: evidence.length > 0 ? null : naming.length === 0 ? 'No detector names it.' : `No set of it has ${MIN_ITEMS} items.`,
      detection_rate: rate,
      detectors: naming.map(({ id }) => id),
      evidence,
    };
  });
}

function claims({ id, measured }: ModeDetector): ModeEvidence[] {
  return Object.entries(measured.sets)
    .filter(([, { n, positives }]) => n >= MIN_ITEMS && positives > 0)
    .map(([set, { n, positives, precision, recall, f1, always_fire_f1, false_alarm_rate }]) => ({
      detection_type: id,
      set,
      n,
      positives,
      precision,
      recall,
      f1,
      always_fire_f1,
      false_alarm_rate,
    }));
}

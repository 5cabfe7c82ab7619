/**
 * What a tenant has set for its detectors while misstep runs, beside the configuration: an extension has it, `detect` reads it.
 *
 * Law:
 * - It is plain data, so that it goes to workers as it is; what changes is a new object.
 * - It chooses options, never detectors: an active detector stays active, in its place.
 * - It is looked at when a window opens, and holds for that window. Suppressions are looked at when a finding is handed on.
 */

import type { Finding } from './finding.ts';

/** The five thresholds of the seed; `src/detector/thresholds.ts` says what each moves. Absent: nothing. */
export interface Thresholds {
  /** 0–1. */
  readonly structural_threshold?: number | undefined;
  /** 0–1. */
  readonly semantic_threshold?: number | undefined;
  /** Calls looked back at. */
  readonly loop_detection_window?: number | undefined;
  /** Earlier occurrences. */
  readonly min_matches_for_loop?: number | undefined;
  /** Factor on confidence when it is compared with `emit_above`. */
  readonly confidence_scaling?: number | undefined;
}

/** By detector: its options, and `emit_above`. */
export type DetectorOverrides = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface Override {
  readonly thresholds: Thresholds;
  readonly detectors: DetectorOverrides;
}

export interface SuppressedFindings {
  readonly detector: string;
  readonly message?: string | undefined;
  readonly agent?: string | undefined;
  /** Unix ms from which they are handed on again. */
  readonly until: number;
}

export function isSuppressed(rules: readonly SuppressedFindings[], finding: Finding, nowMs: number): boolean {
  return rules.some(
    ({ detector, message, agent, until }) =>
      nowMs < until &&
      detector === finding.detector &&
      (message === undefined || message === finding.message) &&
      (agent === undefined || agent === finding.agent),
  );
}

export interface TenantOverrides extends Override {
  /** By framework, as `frameworksOf` names it; they stand before what is for all. */
  readonly frameworks: Readonly<Record<string, Override>>;
  readonly suppress: readonly SuppressedFindings[];
}

/** By tenant. Another object when anything has changed. */
export type Overrides = ReadonlyMap<string, TenantOverrides>;

/** An extension that `detect` can name as `overrides`. Reading it costs nothing and asks nobody. */
export interface OverridesSource {
  readonly overrides: Overrides;
}

/** Throws with what to do if `id` is no extension with overrides. */
export function overridesOf(id: string, extension: unknown): OverridesSource {
  if (extension === undefined) throw new Error(`overrides: '${id}' does not run. Name it in service.extensions.`);
  if (typeof extension !== 'object' || extension === null || !('overrides' in extension)) {
    throw new Error(`overrides: '${id}' has no overrides. Name an extension of type 'settings'.`);
  }
  return extension as OverridesSource;
}

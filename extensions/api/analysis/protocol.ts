/** What goes between the API and the thread that analyses. */
import type { StepRow, TraceRow } from '../../../src/component/records.ts';

export type Subject =
  /** A trace of the database. */
  | { readonly kind: 'kept'; readonly trace: TraceRow; readonly steps: readonly StepRow[] }
  /** JSON that a client sent: OTLP/JSON, or the body of a framework's webhook. */
  | { readonly kind: 'sent'; readonly payload: string }
  /** The recording of the demo, as of now. */
  | { readonly kind: 'demo'; readonly nowMs: number };

export type Ask = Subject & { readonly id: number; readonly tenant: string };

export interface Analysed {
  /** As `detect` announces them. */
  readonly detections: readonly unknown[];
  readonly steps: number;
  readonly traces: readonly string[];
  /** Detectors that could look in some window, and those that could in none, with why. */
  readonly looked: readonly string[];
  readonly blind: readonly { readonly detection_type: string; readonly reason: string }[];
  /** Detectors that threw. */
  readonly errors: readonly string[];
  /** What was understood of a payload: `otlp`, `conversation`, `n8n`. */
  readonly format: string;
  /** The findings as spans of their own: for the database. */
  readonly carriers: Uint8Array;
  /** The spans with what was found on them. */
  readonly annotated: Uint8Array;
}

export type Answer =
  | { readonly id: number; readonly value: Analysed }
  /** `mine`: the payload is wrong. */
  | { readonly id: number; readonly error: string; readonly mine: boolean };

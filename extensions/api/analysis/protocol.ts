/** What goes between the API and the thread that analyses. */
import type { StepRow, TraceRow } from '../../../src/component/records.ts';
import type { Analysed as Explained } from '../mcp/tool.ts';

export type Subject =
  /** A trace of the database. */
  | { readonly kind: 'kept'; readonly trace: TraceRow; readonly steps: readonly StepRow[] }
  /** JSON that a client sent: OTLP/JSON, or the body of a framework's webhook. */
  | { readonly kind: 'sent'; readonly payload: string }
  /** The recording of the demo, as of now. */
  | { readonly kind: 'demo'; readonly nowMs: number };

export type Ask =
  | (Subject & { readonly tenant: string })
  /** For MCP: what a client sent, in that format or `auto`, with the step that is to blame. */
  | { readonly kind: 'explained'; readonly payload: unknown; readonly format: string };

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

/** To the one question that is under way. */
export type Answer =
  | { readonly value: Analysed | Explained }
  /** `mine`: the payload is wrong. */
  | { readonly error: string; readonly mine: boolean };

/** One line of `misstep replay --output steps`: the step as its span reports it, before any adjustment. */
import type { Outcome, StepKind } from '../step/step.ts';
import type { NormalisedSpan } from './span.ts';

export interface StepRecord {
  readonly kind: 'step';
  /** The file or stream that the span came from. */
  readonly source: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly session_id: string | null;
  readonly step: StepKind;
  /** Stated by the span or its nearest ancestor; a name guessed from a node or role is left out. */
  readonly agent: string | null;
  readonly models: readonly string[];
  /** As reported, prefixes and all. */
  readonly tool: string | null;
  /** As reported: input may include cached tokens or not. */
  readonly tokens: { readonly input: number | null; readonly output: number | null };
  readonly outcome: Outcome;
  /** A roll-up sums or wraps other steps and is not counted. */
  readonly rollup: boolean;
  readonly dialects: readonly string[];
}

/** Final only when the trace's late facts are in: print after the last span of a trace. */
export function stepRecord(step: NormalisedSpan, source: string): StepRecord {
  return {
    kind: 'step',
    source,
    trace_id: step.traceId,
    span_id: step.spanId,
    session_id: step.sessionId ?? null,
    step: step.kind,
    agent: step.statedAgent ?? null,
    models: step.models,
    tool: step.tool === undefined ? null : (step.reportedTool ?? null),
    tokens: { input: step.reportedInput ?? null, output: step.tokens?.output ?? null },
    outcome: step.outcome,
    rollup: step.rollup,
    dialects: step.dialects,
  };
}

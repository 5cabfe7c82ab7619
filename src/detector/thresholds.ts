/**
 * The five thresholds of the seed, as options of the shipped detectors. The seed's loop detector alone had them; here each moves every
 * option of its meaning, and at its neutral value none. `docs/thresholds.md` shows the table.
 *
 * A threshold moves an option from where it stands, which its author or the configuration has chosen: one scale for options that are
 * measured in different ways, and nothing jumps when a threshold is set for the first time.
 */
import type { OptionSpec } from './detector.ts';
import type { Thresholds } from './overrides.ts';

export type ThresholdName = keyof Thresholds;

/**
 * - `share`: 0 is the option's least value, neutral where it stands, 1 its greatest; linear between.
 * - `reversed`: the same from the greatest to the least, for options that grow with leniency.
 * - `count`: as many more or fewer as the threshold is above or below neutral.
 * - `ratio`: times threshold over neutral, rounded.
 */
export type Move = 'share' | 'reversed' | 'count' | 'ratio';

export interface ThresholdSpec {
  readonly neutral: number;
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
  /** Why this neutral value and these bounds. */
  readonly source: string;
  /** `<detector>.<option>` → how it moves. Empty for what is no option of a detector. */
  readonly options: Readonly<Record<string, Move>>;
}

const scores = (...names: readonly string[]): Record<string, Move> => Object.fromEntries(names.map((name) => [name, 'share']));

export const thresholdTable: Readonly<Record<ThresholdName, ThresholdSpec>> = {
  structural_threshold: {
    neutral: 0.8,
    min: 0,
    max: 1,
    integer: false,
    source: '1 - `max_novelty` of `loop`: of five repeats four are the same.',
    options: {
      'loop.max_novelty': 'reversed',
      ...scores(
        'corruption.min_score',
        'workflow.min_score',
        'langgraph_parallel_sync.min_score',
        'langgraph_state_corruption.min_score',
        'langgraph_tool_failure.min_score',
        'dify_tool_schema_mismatch.report_at',
        'dify_variable_leak.report_at',
      ),
    },
  },
  semantic_threshold: {
    neutral: 0.8,
    min: 0,
    max: 1,
    integer: false,
    source: '`similarity` of `loop`, whose meaning is that of the seed.',
    options: scores(
      'loop.similarity',
      'derailment.restart_likeness',
      'derailment.restart_likeness_leader',
      'retrieval_quality.likeness',
      'retrieval_quality.report_at',
      'communication.report_at',
      'context.report_at',
      'decomposition.report_at',
      'grounding.claims_at',
      'grounding.ungrounded_at',
      'hallucination.report_at',
      'persona_drift.report_at',
      'specification.report_at',
      'withholding.report_at',
    ),
  },
  loop_detection_window: {
    neutral: 6,
    min: 1,
    max: 100,
    integer: true,
    source: '`max_period` of `loop`: the calls with which a call is compared.',
    options: { 'loop.max_period': 'ratio', 'openclaw_session_loop.window': 'ratio' },
  },
  min_matches_for_loop: {
    neutral: 2,
    min: 1,
    max: 100,
    integer: true,
    source:
      'The seed counts matches with earlier steps: two make three occurrences, the default of every option below but `min_drift` and `min_passes`.',
    options: {
      'loop.min_repeats': 'count',
      'loop.min_cycles': 'count',
      'loop.min_drift': 'count',
      'loop.min_similar_outputs': 'count',
      'coordination.min_rounds': 'count',
      'dify_iteration_escape.min_same': 'count',
      'langgraph_recursion.min_visits': 'count',
      'openclaw_session_loop.min_passes': 'count',
      'openclaw_session_loop.min_repeats': 'count',
      'openclaw_tool_abuse.min_similar': 'count',
    },
  },
  confidence_scaling: {
    neutral: 1,
    min: 0.1,
    max: 2,
    integer: false,
    source:
      '1 compares the calibrated confidence itself. At .1 nothing passes `emit_above: 0.6`, at 2 everything from .3 on does.',
    options: {},
  },
};

/**
 * Options that have the meaning of a threshold and are not moved by it, with the reason: the test of the table wants every score and
 * similarity of the shipped detectors in one of the two.
 */
export const unmoved: Readonly<Record<string, string>> = {
  'injection.suspect_at': 'security: who quietens loops does not mean attacks',
  'dify_rag_poisoning.report_at': 'security',
  'dify_rag_poisoning.suspect_at': 'security',
  'openclaw_elevated_risk.report_at': 'security',
  'openclaw_sandbox_escape.risk_at': 'security',
  'derailment.max_likeness': 'at 0 it takes no shared word at all',
  'dify_classifier_drift.drift_at': 'a distance of distributions, no likeness',
  'dify_classifier_drift.min_confidence': "the classifier's own confidence",
};

export const neutralThresholds: Required<{ readonly [K in ThresholdName]: number }> = Object.fromEntries(
  Object.entries(thresholdTable).map(([name, { neutral }]) => [name, neutral]),
) as never;

/** Where `now` goes under a threshold of `value`; within the bounds of the option. */
export function moved(spec: OptionSpec, now: number, move: Move, value: number, neutral: number): number {
  if (spec.type !== 'integer' && spec.type !== 'number') return now;
  const { min, max } = spec;
  const at = ((): number => {
    switch (move) {
      case 'share':
        return value <= neutral ? min + (now - min) * (value / neutral) : now + (max - now) * ((value - neutral) / (1 - neutral));
      case 'reversed':
        return value <= neutral ? max - (max - now) * (value / neutral) : now - (now - min) * ((value - neutral) / (1 - neutral));
      case 'count':
        return now + value - neutral;
      case 'ratio':
        return (now * value) / neutral;
    }
  })();
  const bounded = Math.min(max, Math.max(min, at));
  return spec.type === 'integer' ? Math.round(bounded) : Math.round(bounded * 1e6) / 1e6;
}

/** The options of one detector that these thresholds move, each where it goes. */
export function movedOptions(
  detector: string,
  specs: Readonly<Record<string, OptionSpec>>,
  options: Readonly<Record<string, unknown>>,
  thresholds: Thresholds,
): Record<string, number> {
  const result: Record<string, number> = {};
  for (const [name, { neutral, options: table }] of Object.entries(thresholdTable)) {
    const value = thresholds[name as ThresholdName];
    if (value === undefined || value === neutral) continue;
    for (const [key, move] of Object.entries(table)) {
      const option = key.slice(detector.length + 1);
      const spec = key === `${detector}.${option}` ? specs[option] : undefined;
      const now = options[option];
      if (spec !== undefined && typeof now === 'number') result[option] = moved(spec, now, move, value, neutral);
    }
  }
  return result;
}

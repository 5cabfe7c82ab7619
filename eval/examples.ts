/**
 * Findings with a verdict: was it right. The raw material of calibration and of the calibration error.
 *
 * What "right" means, by set:
 * - items (text and call sets, golden): the item's label, for the detectors the item names;
 * - golden_otel: the type's label for its detectors; wrong for every detector on a negative;
 * - TRAIL: 1 if an annotator marked this span with this category; ½ if the category is marked elsewhere in the run or the
 *   span with another one (annotators mark one span of several that show a failure, and two of them seldom agree on the
 *   category), else 0. A message without a TRAIL category can be right by its span only: a failure on a span where
 *   annotators of 21 categories saw none is a false alarm, whatever it is called;
 * - MAST, for messages with a mode: the run's label of that mode, if it has one;
 * - AgentRx: a failing step (±0) of a failed run;
 * - healthy runs: wrong, whatever was said.
 * Who&When and the failed tau-airline runs say nothing about a single finding and are left out.
 */
import {
  type AgentRxLabel,
  ITEM_SETS,
  items,
  type MastLabel,
  type Pack,
  runLabels,
  type TauLabel,
  type TrailLabel,
} from './pack.ts';
import type { Detection, Predictions } from './predictions.ts';
import { labelled } from './score/items.ts';
import { passingRuns } from './score/runs.ts';
import { agentRxSteps } from './score/score.ts';
import { trailCategory } from './score/trail.ts';

export interface Example {
  readonly detector: string;
  readonly message: string;
  readonly score: number;
  readonly confidence: number;
  /** 1 right, 0 wrong, ½ in part. */
  readonly right: number;
  /** Set, and source within it: what a fold of the cross-validation leaves out together. */
  readonly set: string;
  readonly source: string;
  readonly trace: string;
  /** False for sets whose licence forbids to fit on them. */
  readonly mayFit: boolean;
  /** Share of one example; below 1 for repeated traces. */
  readonly share: number;
}

/** Measured on, never fitted on: non-commercial (RGB, FaithBench) or without a stated licence (MAST). */
const NEVER_FITTED = new Set(['rag_poisoning', 'retrieval_quality', 'mast']);
const isFaithBench = (source: string): boolean => source.startsWith('faithbench');

export function examplesOf(pack: Pack, predictions: Predictions): Example[] {
  const has = (set: string): boolean => pack.sets.includes(set);
  return [
    ...[...ITEM_SETS, 'golden'].filter(has).flatMap((set) => ofItems(pack, set, predictions)),
    ...(has('golden_otel') ? ofGoldenOtel(pack, predictions) : []),
    ...(has('trail') ? ofTrail(pack, predictions) : []),
    ...(has('mast') ? ofMast(pack, predictions) : []),
    ...(has('agentrx') ? ofAgentRx(pack, predictions) : []),
    ...(has('tau_airline') ? ofTau(pack, predictions) : []),
  ];
}

/** The strongest detection of each message: one item is one example, however often it was said. */
function strongest(detections: readonly Detection[]): Detection[] {
  const best = new Map<string, Detection>();
  for (const one of detections) {
    const key = `${one.detector} ${one.message}`;
    const before = best.get(key);
    if (!before || (one.score ?? one.confidence) > (before.score ?? before.confidence)) best.set(key, one);
  }
  return [...best.values()];
}

function example(one: Detection, right: number, of: Pick<Example, 'set' | 'source' | 'trace'>, share = 1): Example {
  const { detector, message, confidence } = one;
  const mayFit = !NEVER_FITTED.has(of.set) && !isFaithBench(of.source);
  return { detector, message, score: one.score ?? confidence, confidence, right, ...of, mayFit, share };
}

function ofItems(pack: Pack, set: string, predictions: Predictions): Example[] {
  return labelled(items(pack, set)).flatMap(({ trace_id, detectors, label, source }) =>
    strongest(predictions.of(trace_id))
      .filter(({ detector }) => detectors.includes(detector))
      .map((one) => example(one, label ?? 0, { set, source: source ?? '', trace: trace_id })),
  );
}

function ofGoldenOtel(pack: Pack, predictions: Predictions): Example[] {
  const all = items(pack, 'golden_otel');
  const copies = new Map<string, number>();
  for (const { template, trace_id } of all) copies.set(template ?? trace_id, (copies.get(template ?? trace_id) ?? 0) + 1);
  return all.flatMap((item) =>
    strongest(predictions.of(item.trace_id)).flatMap((one) => {
      if (item.label === 1 && !item.detectors.includes(one.detector)) return [];
      const source = item.template ?? item.trace_id;
      return [example(one, item.label ?? 0, { set: 'golden_otel', source, trace: item.trace_id }, 1 / (copies.get(source) ?? 1))];
    }),
  );
}

function ofTrail(pack: Pack, predictions: Predictions): Example[] {
  return Object.entries(runLabels<TrailLabel>(pack, 'trail')).flatMap(([trace, { errors, split }]) => {
    const spans = new Set(errors.map(({ location }) => location));
    const gold = errors.flatMap(({ location, category }) => (category ? [{ location, category: trailCategory(category) }] : []));
    return predictions.of(trace).flatMap((one) => {
      const categories = one.trail.map(trailCategory);
      const inRun = gold.filter(({ category }) => categories.includes(category));
      const right = inRun.some(({ location }) => location === one.spanId)
        ? 1
        : inRun.length > 0 || spans.has(one.spanId)
          ? 0.5
          : 0;
      return [example(one, right, { set: 'trail', source: split, trace })];
    });
  });
}

function ofMast(pack: Pack, predictions: Predictions): Example[] {
  return Object.entries(runLabels<MastLabel>(pack, 'mast')).flatMap(([trace, { mast14 }]) =>
    strongest(predictions.of(trace)).flatMap((one) => {
      const labels = one.mast.map((mode) => mast14[mode.replace(/^FM-/, '')]).filter((label) => label !== undefined);
      return labels.length === 0 ? [] : [example(one, labels.some(Boolean) ? 1 : 0, { set: 'mast', source: 'mast', trace })];
    }),
  );
}

function ofAgentRx(pack: Pack, predictions: Predictions): Example[] {
  const labels = runLabels<AgentRxLabel>(pack, 'agentrx');
  const steps = agentRxSteps(pack);
  const failed = Object.entries(labels).filter(([, label]) => label.failed);
  return [
    ...failed.flatMap(([trace, { failures, domain }]) =>
      predictions.of(trace).map((one) => {
        const step = steps.get(trace)?.get(one.spanId);
        const right = failures.some(({ step_index }) => step_index === step) ? 1 : 0;
        return example(one, right, { set: 'agentrx', source: domain, trace });
      }),
    ),
    ...ofHealthy(passingRuns(labels), 'agentrx', predictions),
  ];
}

function ofTau(pack: Pack, predictions: Predictions): Example[] {
  return ofHealthy(passingRuns(runLabels<TauLabel>(pack, 'tau_airline')), 'tau_airline', predictions);
}

function ofHealthy(traces: readonly string[], source: string, predictions: Predictions): Example[] {
  return traces.flatMap((trace) =>
    strongest(predictions.of(trace)).map((one) => example(one, 0, { set: 'healthy', source, trace })),
  );
}

/** A set counts as this many examples at most, so that 4,000 sentences do not outvote 40 runs. */
const SET_CAP = 100;

export interface Weighted extends Example {
  readonly weight: number;
}

/**
 * The population a confidence is true for (docs/adr/0008): a mixture in which no set has more than `SET_CAP` votes about
 * one message. Healthy runs are never thinned: a false alarm there is a false alarm in production.
 */
export function mixed(examples: readonly Example[]): Weighted[] {
  const votes = new Map<string, number>();
  const keyOf = ({ detector, message, set }: Example): string => `${detector} ${message} ${set}`;
  for (const one of examples) votes.set(keyOf(one), (votes.get(keyOf(one)) ?? 0) + one.share);
  return examples.map((one) => {
    const all = votes.get(keyOf(one)) ?? 1;
    const factor = one.set === 'healthy' ? 1 : Math.min(1, SET_CAP / all);
    return { ...one, weight: one.share * factor };
  });
}

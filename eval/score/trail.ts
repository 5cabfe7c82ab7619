/** TRAIL: (span, category) pairs. Rules: trail-benchmark's `calculate_scores.py`, and beside them the precision it leaves out. */
import { mean, prf } from '../metrics.ts';
import type { TrailLabel } from '../pack.ts';
import type { Predictions } from '../predictions.ts';

const TRAIL_CATEGORIES: readonly string[] = [
  'Language-only',
  'Tool-related',
  'Poor Information Retrieval',
  'Incorrect Memory Usage',
  'Tool Output Misinterpretation',
  'Incorrect Problem Identification',
  'Tool Selection Errors',
  'Formatting Errors',
  'Instruction Non-compliance',
  'Tool Definition Issues',
  'Environment Setup Errors',
  'Rate Limiting',
  'Authentication Errors',
  'Service Errors',
  'Resource Not Found',
  'Resource Exhaustion',
  'Timeout Issues',
  'Context Handling Failures',
  'Resource Abuse',
  'Goal Deviation',
  'Task Orchestration',
];

export interface TrailScore {
  readonly traces: number;
  /** Mean recall of pairs and of spans: extra predictions cost nothing, so never quoted without the rest. */
  readonly joint: number;
  readonly location: number;
  readonly weighted_f1: number;
  readonly pair_precision: number;
  readonly pair_recall: number;
  readonly pair_f1: number;
  readonly location_f1: number;
  readonly predictions_per_trace: number;
}

export type TrailReport = { readonly n: number; readonly per_category: Readonly<Record<string, CategoryScore>> } & Readonly<
  Record<string, TrailScore | number | Readonly<Record<string, CategoryScore>>>
>;

export interface CategoryScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support_traces: number;
  readonly predicted_traces: number;
}

interface Pair {
  readonly location: string;
  readonly category: string;
}

type Said = ReadonlyMap<string, readonly Pair[]>;

const pairKey = ({ location, category }: Pair): string => `${location} ${category}`;
const squeeze = (text: string): string => text.toLowerCase().replaceAll(' ', '');

/** The official scorer's normalisation: equal but for case and spaces, else contained in a name. */
export function trailCategory(name: string): string {
  const low = name.toLowerCase().trim();
  const key = squeeze(low);
  return (
    TRAIL_CATEGORIES.find((one) => squeeze(one) === key) ??
    (key === '' ? undefined : TRAIL_CATEGORIES.find((one) => squeeze(one).includes(key))) ??
    low
  );
}

export function scoreTrail(labels: Readonly<Record<string, TrailLabel>>, predictions: Pick<Predictions, 'of'>): TrailReport {
  const report: Record<string, unknown> = { n: Object.keys(labels).length };
  for (const threshold of [0.4, 0.6, 0.8]) {
    const said = new Map(Object.keys(labels).map((trace) => [trace, pairsAt(predictions, trace, threshold)]));
    for (const split of threshold === 0.6 ? [undefined, 'gaia', 'swe_bench'] : [undefined]) {
      report[`at_${threshold}${split === undefined ? '' : `_${split}`}`] = score(labels, said, split);
    }
    if (threshold === 0.6) report['per_category'] = perCategory(labels, said);
  }
  const ranked = ranking(labels, predictions);
  for (const budget of [2, 4, 6, 8]) {
    const said = new Map<string, Pair[]>();
    for (const { trace, pair } of ranked.slice(0, budget * Object.keys(labels).length)) {
      const same = said.get(trace);
      if (same) same.push(pair);
      else said.set(trace, [pair]);
    }
    report[`budget_${budget}`] = score(labels, said);
    // By source: the budget is spent over all traces together, so that one source may get more of it.
    if (budget === 8 || budget === 4) {
      for (const split of ['gaia', 'swe_bench']) report[`budget_${budget}_${split}`] = score(labels, said, split);
    }
  }
  return report as TrailReport;
}

function pairsAt(predictions: Pick<Predictions, 'of'>, trace: string, threshold: number): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { confidence, spanId, trail } of predictions.of(trace)) {
    if (confidence < threshold) continue;
    for (const category of trail) {
      const pair = { location: spanId, category: trailCategory(category) };
      pairs.set(`${spanId} ${category}`, pair);
    }
  }
  return [...pairs.values()];
}

/** Every pair of all traces, the most confident first; ties by trace, span, category. */
function ranking(
  labels: Readonly<Record<string, TrailLabel>>,
  predictions: Pick<Predictions, 'of'>,
): { readonly trace: string; readonly pair: Pair }[] {
  const best = new Map<string, { trace: string; raw: string; pair: Pair; confidence: number }>();
  for (const trace of Object.keys(labels)) {
    for (const { confidence, spanId, trail } of predictions.of(trace)) {
      for (const raw of trail) {
        const key = `${trace} ${spanId} ${raw}`;
        const before = best.get(key);
        if (before && before.confidence >= confidence) continue;
        best.set(key, { trace, raw, pair: { location: spanId, category: trailCategory(raw) }, confidence });
      }
    }
  }
  return [...best.values()].sort(
    (a, b) =>
      b.confidence - a.confidence ||
      compare(a.trace, b.trace) ||
      compare(a.pair.location, b.pair.location) ||
      compare(a.raw, b.raw),
  );
}

function score(labels: Readonly<Record<string, TrailLabel>>, said: Said, split?: string): TrailScore {
  const own = Object.entries(labels).filter(([, label]) => split === undefined || label.split === split);
  const joint: number[] = [];
  const location: number[] = [];
  const pairs = { right: 0, said: 0, gold: 0 };
  const spans = { right: 0, said: 0, gold: 0 };
  let predicted = 0;
  for (const [trace, label] of own) {
    const list = said.get(trace) ?? [];
    const goldPairs = new Set(goldOf(label).map(pairKey));
    const saidPairs = new Set(list.map(pairKey));
    const goldSpans = new Set(label.errors.map((error) => error.location));
    const saidSpans = new Set(list.map((pair) => pair.location));
    const rightPairs = common(goldPairs, saidPairs);
    const rightSpans = common(goldSpans, saidSpans);
    joint.push(goldPairs.size > 0 ? rightPairs / goldPairs.size : 0);
    location.push(goldSpans.size > 0 ? rightSpans / goldSpans.size : 0);
    pairs.right += rightPairs;
    pairs.said += saidPairs.size;
    pairs.gold += goldPairs.size;
    spans.right += rightSpans;
    spans.said += saidSpans.size;
    spans.gold += goldSpans.size;
    predicted += list.length;
  }
  const pair = prf(pairs.right, pairs.said, pairs.gold);
  return {
    traces: own.length,
    joint: mean(joint),
    location: mean(location),
    weighted_f1: weightedF1(own, said),
    pair_precision: pair.precision,
    pair_recall: pair.recall,
    pair_f1: pair.f1,
    location_f1: prf(spans.right, spans.said, spans.gold).f1,
    predictions_per_trace: own.length > 0 ? predicted / own.length : 0,
  };
}

function weightedF1(own: readonly (readonly [string, TrailLabel])[], said: Said): number {
  let weighted = 0;
  let support = 0;
  for (const { f1, support_traces } of Object.values(presence(own, said))) {
    weighted += f1 * support_traces;
    support += support_traces;
  }
  return support > 0 ? weighted / support : 0;
}

function perCategory(labels: Readonly<Record<string, TrailLabel>>, said: Said): Record<string, CategoryScore> {
  return presence(Object.entries(labels), said);
}

/** Per category, over traces: is it there, was it said to be there. */
function presence(own: readonly (readonly [string, TrailLabel])[], said: Said): Record<string, CategoryScore> {
  const result: Record<string, CategoryScore> = {};
  const rows = own.map(([trace, label]) => ({
    gold: new Set(goldOf(label).map((pair) => pair.category)),
    said: new Set((said.get(trace) ?? []).map((pair) => pair.category)),
  }));
  for (const category of TRAIL_CATEGORIES) {
    const support = rows.filter(({ gold }) => gold.has(category)).length;
    const predicted = rows.filter((row) => row.said.has(category)).length;
    const right = rows.filter((row) => row.gold.has(category) && row.said.has(category)).length;
    if (support + predicted === 0) continue;
    result[category] = { ...prf(right, predicted, support), support_traces: support, predicted_traces: predicted };
  }
  return result;
}

function goldOf({ errors }: TrailLabel): Pair[] {
  return errors.flatMap(({ location, category }) => (category ? [{ location, category: trailCategory(category) }] : []));
}

function common(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let count = 0;
  for (const one of a) if (b.has(one)) count++;
  return count;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

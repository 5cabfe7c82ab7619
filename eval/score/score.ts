/** Every set of a pack scored from one file of predictions. The figures are those of the pack's `score_all.py`. */
import { join } from 'node:path';
import {
  type AgentRxLabel,
  ITEM_SETS,
  items,
  type MastLabel,
  type Pack,
  runLabels,
  stepNumbers,
  type TauLabel,
  type TrailLabel,
  type WhoWhenLabel,
} from '../pack.ts';
import type { Predictions } from '../predictions.ts';
import { type AgentRxReport, scoreAgentRx } from './agentrx.ts';
import {
  type GoldenOtelReport,
  type GoldenReport,
  type N8nReport,
  type SetReport,
  scoreGolden,
  scoreGoldenOtel,
  scoreN8n,
  scoreSet,
} from './items.ts';
import { type MastReport, scoreMast } from './mast.ts';
import { type HealthyReport, passingRuns, scoreHealthy, scoreTau, type TauReport } from './runs.ts';
import { scoreTrail, type TrailReport } from './trail.ts';
import { type StepNumbers, scoreWhoWhen, type WhoWhenReport } from './whowhen.ts';

export interface Scores {
  readonly trail?: TrailReport;
  readonly whowhen?: WhoWhenReport;
  readonly mast?: MastReport;
  readonly agentrx?: AgentRxReport;
  readonly tau_airline?: TauReport;
  readonly sets: Readonly<Record<string, SetReport>>;
  readonly golden?: GoldenReport;
  readonly golden_otel?: GoldenOtelReport;
  readonly n8n?: N8nReport;
  readonly healthy: HealthyReport | null;
  readonly lines: Readonly<Record<string, number>>;
}

export function scoreAll(pack: Pack, predictions: Predictions): Scores {
  const has = (set: string): boolean => pack.sets.includes(set);
  return {
    ...(has('trail') ? { trail: scoreTrail(runLabels<TrailLabel>(pack, 'trail'), predictions) } : {}),
    ...(has('whowhen') ? { whowhen: whoWhen(pack, predictions) } : {}),
    ...(has('mast') ? { mast: scoreMast(runLabels<MastLabel>(pack, 'mast'), predictions) } : {}),
    ...(has('agentrx') ? { agentrx: agentRx(pack, predictions) } : {}),
    ...(has('tau_airline') ? { tau_airline: scoreTau(runLabels<TauLabel>(pack, 'tau_airline'), predictions) } : {}),
    sets: Object.fromEntries(ITEM_SETS.filter(has).map((set) => [set, scoreSet(items(pack, set), predictions)])),
    ...(has('golden') ? { golden: scoreGolden(items(pack, 'golden'), predictions) } : {}),
    ...(has('golden_otel') ? { golden_otel: scoreGoldenOtel(items(pack, 'golden_otel'), predictions) } : {}),
    ...(has('n8n') ? { n8n: scoreN8n(items(pack, 'n8n'), predictions) } : {}),
    healthy: scoreHealthy(healthyTraces(pack), predictions),
    lines: predictions.lines,
  };
}

/** Runs that passed, of every set that says so. */
export function healthyTraces(pack: Pack): string[] {
  return ['agentrx', 'tau_airline']
    .filter((set) => pack.sets.includes(set))
    .flatMap((set) => passingRuns(runLabels<AgentRxLabel | TauLabel>(pack, set)));
}

export function agentRxSteps(pack: Pack): StepNumbers {
  const labels = Object.entries(runLabels<AgentRxLabel>(pack, 'agentrx'));
  return new Map(labels.map(([trace, { file }]) => [trace, stepNumbers(join(pack.root, 'agentrx', file))]));
}

function agentRx(pack: Pack, predictions: Predictions): AgentRxReport {
  return scoreAgentRx(runLabels<AgentRxLabel>(pack, 'agentrx'), predictions, agentRxSteps(pack));
}

function whoWhen(pack: Pack, predictions: Predictions): WhoWhenReport {
  const labels = runLabels<WhoWhenLabel>(pack, 'whowhen');
  const steps = new Map(
    Object.values(labels).map(({ trace_id, file }) => [trace_id, stepNumbers(join(pack.root, 'whowhen', file))]),
  );
  return scoreWhoWhen(labels, predictions, steps);
}

/** As `score_all.py --json` lays it out, so that the two can be compared key by key. */
export function scoresJson({ sets, n8n, ...scores }: Scores): Readonly<Record<string, unknown>> {
  const workflows = Object.entries(n8n?.detectors ?? {}).map(([id, { against, ...flagged }]) => [id, { ...flagged, ...against }]);
  return { ...scores, ...sets, ...(n8n ? { n8n: { n: n8n.n, ...Object.fromEntries(workflows) } } : {}) };
}

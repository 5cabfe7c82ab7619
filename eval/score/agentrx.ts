/** AgentRx: every failing step of a run, and the one it began with. Alarms on passing runs cost precision. */
import { prf } from '../metrics.ts';
import type { AgentRxLabel } from '../pack.ts';
import type { Predictions } from '../predictions.ts';
import type { StepNumbers } from './whowhen.ts';

export interface AgentRxScore {
  readonly traces: number;
  readonly failed: number;
  readonly step_p: number;
  readonly step_r: number;
  readonly step_f1: number;
  readonly step_pm1_f1: number;
  readonly root_exact_detections: number;
  readonly root_pm5_detections: number;
  readonly root_exact_blame: number;
  readonly root_pm1_blame: number;
  readonly root_pm5_blame: number;
  readonly alarm_failed: number;
  readonly alarm_passing: number | null;
}

export type AgentRxReport = Readonly<Record<'magentic_one' | 'tau_retail', AgentRxScore>>;

const THRESHOLD = 0.6;
/** A detection at no known step is an alarm that is nowhere right. */
const NOWHERE = -99;

interface Said {
  readonly steps: readonly number[];
  readonly root: number | undefined;
  readonly blamed: number | undefined;
}

export function scoreAgentRx(
  labels: Readonly<Record<string, AgentRxLabel>>,
  predictions: Predictions,
  steps: StepNumbers,
): AgentRxReport {
  const said = new Map(
    Object.keys(labels).map((trace): [string, Said] => {
      const numbers = steps.get(trace);
      const loud = predictions.of(trace).filter(({ confidence }) => confidence >= THRESHOLD);
      const hit = [...new Set(loud.flatMap(({ spanId }) => numbers?.get(spanId) ?? []))];
      const blamed = numbers?.get(predictions.blame.get(trace)?.spanId ?? '');
      const root = hit.length > 0 ? Math.min(...hit) : undefined;
      return [trace, { steps: hit.length > 0 || loud.length === 0 ? hit : [NOWHERE], root, blamed }];
    }),
  );
  return { magentic_one: score(labels, said, 'magentic_one'), tau_retail: score(labels, said, 'tau_retail') };
}

function score(labels: Readonly<Record<string, AgentRxLabel>>, said: ReadonlyMap<string, Said>, domain: string): AgentRxScore {
  const own = Object.entries(labels).flatMap(([trace, label]) =>
    label.domain === domain ? [{ label, said: said.get(trace) as Said }] : [],
  );
  const failed = own.filter(({ label }) => label.failed);
  const passing = own.filter(({ label }) => !label.failed);
  const root = (pick: 'root' | 'blamed', within: number): number =>
    failed.filter(({ label, said: one }) => {
      const at = one[pick];
      return at !== undefined && label.root_cause !== null && Math.abs(at - label.root_cause.step_index) <= within;
    }).length / (failed.length || 1);
  const exact = stepScore(own, 0);
  return {
    traces: own.length,
    failed: failed.length,
    step_p: exact.precision,
    step_r: exact.recall,
    step_f1: exact.f1,
    step_pm1_f1: stepScore(own, 1).f1,
    root_exact_detections: root('root', 0),
    root_pm5_detections: root('root', 5),
    root_exact_blame: root('blamed', 0),
    root_pm1_blame: root('blamed', 1),
    root_pm5_blame: root('blamed', 5),
    alarm_failed: failed.filter((one) => one.said.steps.length > 0).length / (failed.length || 1),
    alarm_passing: passing.length > 0 ? passing.filter((one) => one.said.steps.length > 0).length / passing.length : null,
  };
}

function stepScore(own: readonly { readonly label: AgentRxLabel; readonly said: Said }[], within: number) {
  let rightSaid = 0;
  let saidCount = 0;
  let rightGold = 0;
  let goldCount = 0;
  for (const { label, said } of own) {
    const gold = [...new Set(label.failures.map(({ step_index }) => step_index))];
    const near = (a: number, all: readonly number[]): boolean => all.some((b) => Math.abs(a - b) <= within);
    rightSaid += said.steps.filter((step) => near(step, gold)).length;
    saidCount += said.steps.length;
    rightGold += gold.filter((step) => near(step, said.steps)).length;
    goldCount += gold.length;
  }
  const precision = saidCount > 0 ? rightSaid / saidCount : 0;
  const recall = goldCount > 0 ? rightGold / goldCount : 0;
  // With a tolerance the two sides count different things, so F1 is taken from the shares.
  return within === 0
    ? prf(rightSaid, saidCount, goldCount)
    : { precision, recall, f1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

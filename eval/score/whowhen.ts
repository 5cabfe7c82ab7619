/**
 * Who&When: the agent and the step of the decisive error, from `blame`. Strict: the agent's name equal but for case
 * and signs, the step equal. "Official" repeats the released script, which tests substrings; it is not to be quoted.
 */
import type { WhoWhenLabel } from '../pack.ts';
import type { Predictions } from '../predictions.ts';

export interface WhoWhenScore {
  readonly n: number;
  readonly missing: number;
  readonly agent_strict: number;
  readonly step_strict: number;
  readonly both_strict: number;
  readonly agent_official: number;
  readonly step_official: number;
  readonly step_pm1: number;
  readonly step_pm3: number;
  readonly step_pm5: number;
  readonly mean_abs_step_error: number | null;
}

export interface PooledScore extends WhoWhenScore {
  /** Share of runs with the right answer among the first candidates. */
  readonly agent_top3: number;
  readonly step_top3: number;
  readonly agent_top5: number;
  readonly step_top5: number;
}

export interface WhoWhenReport {
  readonly algorithm_generated: WhoWhenScore;
  readonly hand_crafted: WhoWhenScore;
  readonly pooled: PooledScore;
}

/** Run key → span id → step number. */
export type StepNumbers = ReadonlyMap<string, ReadonlyMap<string, number>>;

export function scoreWhoWhen(
  labels: Readonly<Record<string, WhoWhenLabel>>,
  predictions: Predictions,
  steps: StepNumbers,
): WhoWhenReport {
  const all = Object.values(labels);
  const of = (subset: string) =>
    score(
      all.filter((label) => label.subset === subset),
      predictions,
      steps,
    );
  const top = (n: number, hit: (label: WhoWhenLabel, one: { agent: string | null; span_id: string | null }) => boolean) =>
    all.filter((label) => {
      const candidates = predictions.blame.get(label.trace_id)?.candidates ?? [];
      return candidates.slice(0, n).some((one) => hit(label, one));
    }).length / (all.length || 1);
  const rightAgent = (label: WhoWhenLabel, one: { agent: string | null }) => sameAgent(label.mistake_agent, one.agent);
  const rightStep = (label: WhoWhenLabel, one: { span_id: string | null }) =>
    steps.get(label.trace_id)?.get(one.span_id ?? '') === Number(label.mistake_step);
  return {
    algorithm_generated: of('algorithm_generated'),
    hand_crafted: of('hand_crafted'),
    pooled: {
      ...score(all, predictions, steps),
      agent_top3: top(3, rightAgent),
      step_top3: top(3, rightStep),
      agent_top5: top(5, rightAgent),
      step_top5: top(5, rightStep),
    },
  };
}

function score(labels: readonly WhoWhenLabel[], predictions: Predictions, steps: StepNumbers): WhoWhenScore {
  const n = labels.length || 1;
  const counts = { agent: 0, step: 0, both: 0, agentOfficial: 0, stepOfficial: 0, pm1: 0, pm3: 0, pm5: 0 };
  let missing = 0;
  const errors: number[] = [];
  for (const label of labels) {
    const blame = predictions.blame.get(label.trace_id);
    if (!blame) {
      missing++;
      continue;
    }
    const gold = Number(label.mistake_step);
    const step = steps.get(label.trace_id)?.get(blame.spanId ?? '');
    const agent = sameAgent(label.mistake_agent, blame.agent);
    if (agent) counts.agent++;
    if (step === gold) counts.step++;
    if (agent && step === gold) counts.both++;
    if (String(blame.agent ?? 'None').includes(label.mistake_agent)) counts.agentOfficial++;
    if (String(step ?? 'None').includes(String(gold))) counts.stepOfficial++;
    if (step === undefined) continue;
    const error = Math.abs(step - gold);
    errors.push(error);
    if (error <= 1) counts.pm1++;
    if (error <= 3) counts.pm3++;
    if (error <= 5) counts.pm5++;
  }
  return {
    n: labels.length,
    missing,
    agent_strict: counts.agent / n,
    step_strict: counts.step / n,
    both_strict: counts.both / n,
    agent_official: counts.agentOfficial / n,
    step_official: counts.stepOfficial / n,
    step_pm1: counts.pm1 / n,
    step_pm3: counts.pm3 / n,
    step_pm5: counts.pm5 / n,
    mean_abs_step_error: errors.length > 0 ? errors.reduce((sum, one) => sum + one, 0) / errors.length : null,
  };
}

function sameAgent(a: string, b: string | null): boolean {
  return plain(a) === plain(b ?? 'None');
}

/** Letters and digits, lower case. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** The figures of whole runs in short, for `config/benchmarks.json`. */
import type { Benchmarks } from '../config/benchmarks.ts';
import { wilson } from './metrics.ts';
import type { MastReport } from './score/mast.ts';
import type { Scores } from './score/score.ts';
import type { TrailScore } from './score/trail.ts';
import type { WhoWhenReport } from './score/whowhen.ts';

export function benchmarksOf({ trail, whowhen, mast, healthy }: Scores): Benchmarks {
  return {
    trail: trail === undefined ? null : trailOf(trail['at_0.6'] as TrailScore),
    whowhen: whowhen === undefined ? null : whoWhenOf(whowhen),
    mast: mast === undefined ? null : mastOf(mast),
    healthy: healthy === null ? null : { runs: healthy.passing_runs, with_alarm: healthy['any_detection_0.6'] },
  };
}

function trailOf(at: TrailScore): Benchmarks['trail'] {
  return {
    traces: at.traces,
    joint_accuracy: round(at.joint),
    location_accuracy: round(at.location),
    pair_precision: round(at.pair_precision),
    pair_recall: round(at.pair_recall),
    pair_f1: round(at.pair_f1),
    predictions_per_trace: round(at.predictions_per_trace),
  };
}

function whoWhenOf({ pooled: { n, agent_strict, step_strict, both_strict } }: WhoWhenReport): Benchmarks['whowhen'] {
  const share = (value: number): readonly [number, number, number] => {
    const [low, high] = wilson(Math.round(value * n), n) ?? [0, 1];
    return [round(value), round(low), round(high)];
  };
  return { runs: n, agent: share(agent_strict), step: share(step_strict), both: share(both_strict) };
}

function mastOf({ n, 'at_0.6': at, per_mode }: MastReport): Benchmarks['mast'] {
  const modes = Object.entries(per_mode).map(([mode, cells]) => [
    `FM-${mode}`,
    {
      n: cells.n,
      positives: cells.pos,
      precision: round(cells.precision),
      recall: round(cells.recall),
      f1: round(cells.f1),
      kappa: cells.kappa === null ? null : round(cells.kappa),
      too_few: cells.too_few,
    },
  ]);
  return {
    traces: n,
    precision: round(at.micro_p),
    recall: round(at.micro_r),
    f1: round(at.micro_f1),
    kappa: at.kappa === null ? null : round(at.kappa),
    modes: Object.fromEntries(modes),
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

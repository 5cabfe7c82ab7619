/** MAST: which of the 14 modes a run shows, over the (run, mode) cells that have a label. */
import { mean, prf } from '../metrics.ts';
import type { MastLabel } from '../pack.ts';
import type { Predictions } from '../predictions.ts';

export interface Cells {
  readonly n: number;
  readonly pos: number;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Near 1 for whoever says nothing: printed nowhere. */
  readonly accuracy: number;
  /** Cohen's kappa against the annotators; `null` where chance alone explains all. */
  readonly kappa: number | null;
  /** Fewer than three positives: no claim. */
  readonly too_few: boolean;
}

export interface MastScore {
  readonly micro_p: number;
  readonly micro_r: number;
  readonly micro_f1: number;
  readonly kappa: number | null;
  /** Over modes that occur. */
  readonly macro_f1: number;
}

export interface MastReport {
  readonly n: number;
  readonly 'at_0.4': MastScore;
  readonly 'at_0.6': MastScore;
  readonly 'at_0.8': MastScore;
  readonly per_mode: Readonly<Record<string, Cells>>;
}

export function scoreMast(labels: Readonly<Record<string, MastLabel>>, predictions: Predictions): MastReport {
  const at = (threshold: number) => scoreAt(labels, predictions, threshold);
  const middle = at(0.6);
  return {
    n: Object.keys(labels).length,
    'at_0.4': at(0.4).score,
    'at_0.6': middle.score,
    'at_0.8': at(0.8).score,
    per_mode: middle.modes,
  };
}

function scoreAt(labels: Readonly<Record<string, MastLabel>>, predictions: Predictions, threshold: number) {
  const said = new Map(
    Object.keys(labels).map((trace) => [
      trace,
      new Set(
        predictions
          .of(trace)
          .filter(({ confidence }) => confidence >= threshold)
          .flatMap(({ mast }) => mast.map((mode) => mode.replace(/^FM-/, ''))),
      ),
    ]),
  );
  const names = [...new Set(Object.values(labels).flatMap(({ mast14 }) => Object.keys(mast14)))].sort();
  const modes: Record<string, Cells> = {};
  const all: [boolean, boolean][] = [];
  for (const mode of names) {
    const own = Object.entries(labels).flatMap(([trace, { mast14 }]): [boolean, boolean][] => {
      const label = mast14[mode];
      return label === undefined ? [] : [[Boolean(label), said.get(trace)?.has(mode) ?? false]];
    });
    modes[mode] = cells(own);
    all.push(...own);
  }
  const micro = cells(all);
  return {
    modes,
    score: {
      micro_p: micro.precision,
      micro_r: micro.recall,
      micro_f1: micro.f1,
      kappa: micro.kappa,
      macro_f1: mean(
        Object.values(modes)
          .filter(({ pos }) => pos > 0)
          .map(({ f1 }) => f1),
      ),
    },
  };
}

function cells(pairs: readonly (readonly [boolean, boolean])[]): Cells {
  const n = pairs.length;
  const tp = pairs.filter(([gold, said]) => gold && said).length;
  const pos = pairs.filter(([gold]) => gold).length;
  const predicted = pairs.filter(([, said]) => said).length;
  const agree = n > 0 ? pairs.filter(([gold, said]) => gold === said).length / n : 0;
  const chance = n > 0 ? (predicted * pos + (n - predicted) * (n - pos)) / (n * n) : 0;
  return {
    n,
    pos,
    tp,
    fp: predicted - tp,
    fn: pos - tp,
    accuracy: agree,
    ...prf(tp, predicted, pos),
    kappa: chance < 1 ? (agree - chance) / (1 - chance) : null,
    too_few: pos < 3,
  };
}

/** Conditional logit: of each set of alternatives one was chosen. Softmax over the set, L2 penalty, Newton's method: deterministic, no packages. */
import { solve } from './logistic.ts';

export interface Choice {
  readonly inputs: readonly Float64Array[];
  /** Index of the chosen one. */
  readonly gold: number;
}

export interface ChoiceModel {
  /** Weights of the inputs as they are. */
  readonly raw: Float64Array;
  /** Of the inputs in units of their spread over all alternatives. */
  readonly standard: Float64Array;
}

/** `penalty` is that of a standardised weight; every set counts once. Inputs without spread get 0. */
export function fitChoice(choices: readonly Choice[], penalty: number, n: number): ChoiceModel {
  const all = choices.flatMap(({ inputs }) => inputs);
  const mean = new Float64Array(n);
  const spread = new Float64Array(n);
  for (const x of all) for (let j = 0; j < n; j++) mean[j] = at(mean, j) + at(x, j) / all.length;
  for (const x of all) for (let j = 0; j < n; j++) spread[j] = at(spread, j) + (at(x, j) - at(mean, j)) ** 2 / all.length;
  for (let j = 0; j < n; j++) spread[j] = Math.sqrt(at(spread, j)) > 1e-9 ? Math.sqrt(at(spread, j)) : Number.POSITIVE_INFINITY;
  const sets = choices.map(({ inputs, gold }) => ({
    gold,
    z: inputs.map((x) => x.map((v, j) => (v - at(mean, j)) / at(spread, j))),
  }));
  const beta = new Float64Array(n);
  /** Penalised log likelihood. */
  const gain = (of: Float64Array): number => {
    let sum = of.reduce((all, b) => all - (penalty * b * b) / 2, 0);
    for (const { z, gold } of sets) {
      const u = z.map((v) => v.reduce((all, one, j) => all + one * at(of, j), 0));
      const top = Math.max(...u);
      sum += (u[gold] as number) - top - Math.log(u.reduce((all, one) => all + Math.exp(one - top), 0));
    }
    return sum;
  };
  for (let round = 0; round < 30; round++) {
    const gradient = beta.map((b) => -penalty * b);
    const hessian = Array.from({ length: n }, (_, i) => new Float64Array(n).fill(0).fill(penalty, i, i + 1));
    for (const { z, gold } of sets) {
      const u = z.map((v) => v.reduce((sum, one, j) => sum + one * at(beta, j), 0));
      const top = Math.max(...u);
      const e = u.map((one) => Math.exp(one - top));
      const total = e.reduce((sum, one) => sum + one, 0);
      const expected = new Float64Array(n);
      z.forEach((v, k) => {
        const p = (e[k] as number) / total;
        for (let j = 0; j < n; j++) expected[j] = at(expected, j) + p * at(v, j);
      });
      const chosen = z[gold] as Float64Array;
      for (let j = 0; j < n; j++) gradient[j] = at(gradient, j) + at(chosen, j) - at(expected, j);
      z.forEach((v, k) => {
        const p = (e[k] as number) / total;
        if (p < 1e-12) return;
        const d = v.map((one, j) => one - at(expected, j));
        for (let i = 0; i < n; i++) {
          const di = p * at(d, i);
          if (di === 0) continue;
          const line = hessian[i] as Float64Array;
          for (let j = 0; j < n; j++) line[j] = at(line, j) + di * at(d, j);
        }
      });
    }
    // A full step of Newton can overshoot where the penalty is small: halved until the likelihood grows.
    const step = solve(hessian, gradient);
    let size = 1;
    const now = gain(beta);
    while (size > 1e-6 && gain(beta.map((b, j) => b + size * at(step, j))) < now) size /= 2;
    let moved = 0;
    for (let j = 0; j < n; j++) {
      beta[j] = at(beta, j) + size * at(step, j);
      moved = Math.max(moved, Math.abs(size * at(step, j)));
    }
    if (moved < 1e-9) break;
  }
  return { raw: beta.map((b, j) => b / at(spread, j)), standard: beta };
}

function at(a: Float64Array, i: number): number {
  return a[i] as number;
}

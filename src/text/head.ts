/** A fitted linear head over named features: a probability, and which features decided. Weights come from a detector's `<id>.fit.json`. */

export interface FittedHead {
  readonly bias: number;
  readonly weights: Readonly<Record<string, number>>;
}

export interface Head {
  /** 0–1. Features in the order of `names`. */
  score(x: Float64Array): number;
  /** The names of the features that raised the score most, at most `count`. */
  reasons(x: Float64Array, count?: number): string[];
}

/** `names` gives the order of the features; a feature without a weight counts nothing. */
export function headOf(fit: FittedHead, names: readonly string[]): Head {
  const weights = Float64Array.from(names, (name) => fit.weights[name] ?? 0);
  return {
    score(x) {
      let sum = fit.bias;
      for (let i = 0; i < weights.length; i++) sum += (weights[i] as number) * (x[i] as number);
      return 1 / (1 + Math.exp(-sum));
    },
    reasons(x, count = 3) {
      return names
        .map((name, i) => ({ name, part: (weights[i] as number) * (x[i] as number) }))
        .filter(({ part }) => part > 0.05)
        .sort((a, b) => b.part - a.part)
        .slice(0, count)
        .map(({ name }) => name);
    },
  };
}

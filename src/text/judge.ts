/** Two texts judged by a fitted head over `compareTexts`: the part that all detectors share which compare one text with another. */
import { compareTexts, comparisonNames } from './compare.ts';
import { compareDemands, type DemandName, demandNames } from './demands.ts';
import { textFacts } from './facts.ts';
import { type FittedHead, headOf } from './head.ts';

export interface Judgement {
  /** 0–1, raw: before calibration. */
  readonly score: number;
  /** The features that decided, for an explanation. */
  signs(): string;
}

/** Option of a detector that reports by such a score. */
export const reportAt = {
  type: 'number',
  text: 'Raw score from which a finding is reported.',
  default: 0.4,
  min: 0,
  max: 1,
  source:
    'The fitted probability at which misses and false alarms of the labelled entries are about equal; lower scores are noise.',
} as const;

/** What of two texts a head sees: values in the order of `names`. */
export interface Comparison {
  readonly names: readonly string[];
  of(a: string, b: string): Float64Array;
}

type ComparisonName = (typeof comparisonNames)[number];

const texts: Comparison = { names: comparisonNames, of: (a, b) => compareTexts(textFacts(a), textFacts(b)) };

/** Some of the values of `compareTexts` and further ones: few, where labelled pairs are few. */
export function pick(
  general: readonly ComparisonName[],
  further: readonly string[],
  of: (a: string, b: string) => ArrayLike<number>,
): Comparison {
  const places = general.map((name) => comparisonNames.indexOf(name));
  return {
    names: [...general, ...further],
    of(a, b) {
      const all = texts.of(a, b);
      return Float64Array.from([...places.map((place) => all[place] as number), ...Array.from(of(a, b))]);
    },
  };
}

/** `a` is a request, `b` what was made of it; the values named of each comparison. */
export function requestWith(general: readonly ComparisonName[], demands: readonly DemandName[]): Comparison {
  const places = demands.map((name) => demandNames.indexOf(name));
  return pick(general, demands, (a, b) => {
    const all = compareDemands(a, b);
    return places.map((place) => all[place] as number);
  });
}

/** `fit` is the `head` of a detector's `<id>.fit.json` (eval/train/pairs.ts). `a` is what was given, `b` what was made of it. */
export function judgeOf(fit: FittedHead, comparison: Comparison = texts): (a: string, b: string) => Judgement {
  const head = headOf(fit, comparison.names);
  return (a, b) => {
    const x = comparison.of(a, b);
    return { score: head.score(x), signs: () => head.reasons(x).join(', ') || 'its length' };
  };
}

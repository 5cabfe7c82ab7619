/** Two texts judged by a fitted head over `compareTexts`: the part that all detectors share which compare one text with another. */
import { compareTexts, comparisonNames } from './compare.ts';
import { compareDemands, type DemandName, demandNames } from './demands.ts';
import { textFacts } from './facts.ts';
import { type FittedHead, headOf } from './head.ts';
import { meaningApart } from './meaning.ts';

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

/** What the second head reads: the words, and how far the texts are apart in meaning. */
export const meaningNames = [...comparisonNames, 'meaning_apart'] as const;

/**
 * Score of the words from which meaning is asked: somewhat below `reportAt`, so that a text is embedded only where words already speak for a finding.
 */
export const MEANING_FROM = 0.3;

export interface Heads {
  /** Default: `compareTexts`. */
  readonly comparison?: Comparison;
  /** The second head, `head_meaning`: it decides where the first comes near a finding and a table of embeddings is provided. */
  readonly meant?: FittedHead;
}

/** `fit` is the `head` of a detector's `<id>.fit.json` (eval/train/pairs.ts). `a` is what was given, `b` what was made of it. */
export function judgeOf(fit: FittedHead, { comparison = texts, meant }: Heads = {}): (a: string, b: string) => Judgement {
  const words = headOf(fit, comparison.names);
  const meaning = meant === undefined ? undefined : headOf(meant, meaningNames);
  return (a, b) => {
    const x = comparison.of(a, b);
    const score = words.score(x);
    const apart = meaning === undefined || score < MEANING_FROM ? undefined : meaningApart(a, b);
    if (meaning === undefined || apart === undefined) return { score, signs: () => words.reasons(x).join(', ') || 'its length' };
    const y = Float64Array.of(...x, apart);
    return { score: meaning.score(y), signs: () => meaning.reasons(y).join(', ') || 'its length' };
  };
}

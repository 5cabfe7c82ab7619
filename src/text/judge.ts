/** Two texts judged by a fitted head over `compareTexts`: the part that all detectors share which compare one text with another. */
import { compareTexts, comparisonNames } from './compare.ts';
import { compareDemands, demandNames } from './demands.ts';
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

/** `fit` is the `head` of a detector's `<id>.fit.json` (eval/train/pairs.ts). `a` is what was given, `b` what was made of it. */
export function judgeOf(fit: FittedHead): (a: string, b: string) => Judgement {
  const head = headOf(fit, comparisonNames);
  return (a, b) => {
    const x = compareTexts(textFacts(a), textFacts(b));
    return { score: head.score(x), signs: () => head.reasons(x).join(', ') || 'its length' };
  };
}

/** The same over `compareTexts` and `compareDemands`: `a` is a request. */
export const requestNames = [...comparisonNames, ...demandNames] as const;

export function compareRequest(a: string, b: string): Float64Array {
  return Float64Array.of(...compareTexts(textFacts(a), textFacts(b)), ...compareDemands(a, b));
}

export function requestJudgeOf(fit: FittedHead): (a: string, b: string) => Judgement {
  const head = headOf(fit, requestNames);
  return (a, b) => {
    const x = compareRequest(a, b);
    return { score: head.score(x), signs: () => head.reasons(x).join(', ') || 'its length' };
  };
}

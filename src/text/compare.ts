/**
 * How one text answers another: shares of words, names and numbers that are carried over, lost or new, and signs that the two say opposite things.
 * Features only; what they mean is for the detector that asks. Order of `a` (what was there) and `b` (what was made of it) matters.
 */
import type { TextFacts } from './facts.ts';
import type { PhraseClass } from './phrases.ts';
import { wordHash } from './tokens.ts';

export const comparisonNames = [
  'covered',
  'novel',
  'pairs',
  'numbers_lost',
  'numbers_new',
  'numbers_conflict',
  'names_lost',
  'names_new',
  'length_ratio',
  'length',
  'negation_lost',
  'negation_new',
  'warning_lost',
  'failure_lost',
  'claims_done',
  'claims_sourced',
  'hedges',
  'unable',
  'undone',
  'praise',
  'asks',
  'first_person',
  'items_covered',
] as const;

export type ComparisonName = (typeof comparisonNames)[number];

const negations = hashes(
  "not no never none don't doesn't didn't isn't aren't wasn't weren't can't cannot couldn't without neither nor unable",
);
const warnings = hashes(
  'however but critical critically warning warn risk risks risky caution issue issues problem problems unfortunately although though despite except limited limitation limitations only concern concerns vulnerability vulnerable severe severely urgent outdated deprecated expired below declined decline decreased failing fails leak breach',
);
const praise = hashes(
  'great perfect perfectly excellent amazing wonderful fantastic ideal best beautiful smooth smoothly seamless seamlessly successful successfully easy easily everything',
);
const self = hashes("i i'm i've i'll i'd we we've we'll our my me");

function hashes(words: string): ReadonlySet<number> {
  return new Set(words.split(' ').map(wordHash));
}

/** Values mostly in [0, 1], in the order of `comparisonNames`. O(words of both). */
export function compareTexts(a: TextFacts, b: TextFacts): Float64Array {
  const covered = share(a.stems, b.stems);
  const novel = 1 - share(b.stems, a.stems);
  const numbersA = new Set(a.numbers.map(({ value }) => value));
  const numbersB = new Set(b.numbers.map(({ value }) => value));
  const lost = missing(numbersA, numbersB);
  const fresh = missing(numbersB, numbersA);
  const namesA = nameStems(a);
  const namesB = nameStems(b);
  const has = (facts: TextFacts, name: PhraseClass): number => (facts.phrases.count(name) > 0 ? 1 : 0);
  const noA = countOf(a, negations);
  const noB = countOf(b, negations);
  const warnA = countOf(a, warnings);
  const warnB = countOf(b, warnings);
  const words = Math.max(1, b.tokens.count);
  return Float64Array.of(
    covered,
    novel,
    pairShare(b, a),
    numbersA.size === 0 ? 0 : lost / numbersA.size,
    numbersB.size === 0 ? 0 : fresh / numbersB.size,
    lost > 0 && fresh > 0 ? 1 : 0,
    namesA.size === 0 ? 0 : missing(namesA, b.stems) / namesA.size,
    namesB.size === 0 ? 0 : missing(namesB, a.stems) / namesB.size,
    Math.max(-1, Math.min(1, Math.log(words / Math.max(1, a.tokens.count)) / 3)),
    Math.min(1, Math.log1p(words) / 6),
    noA > 0 && noB === 0 ? 1 : 0,
    noB > 0 && noA === 0 ? 1 : 0,
    Math.max(0, Math.min(1, (warnA - warnB) / 4)),
    a.phrases.count('failed') > 0 && b.phrases.count('failed') === 0 ? 1 : 0,
    has(b, 'done'),
    Math.max(has(b, 'verified'), has(b, 'sourced')),
    Math.max(has(b, 'assume'), has(b, 'simulate'), has(b, 'recall')),
    Math.max(has(b, 'unable'), has(b, 'apology')),
    has(b, 'undone'),
    Math.min(1, countOf(b, praise) / 2),
    b.text.includes('?') ? 1 : 0,
    Math.min(1, (5 * countOf(b, self)) / words),
    itemShare(a, b),
  );
}

function share(part: ReadonlySet<number>, whole: ReadonlySet<number>): number {
  if (part.size === 0) return 1;
  return 1 - missing(part, whole) / part.size;
}

function missing(part: ReadonlySet<number>, whole: ReadonlySet<number>): number {
  let count = 0;
  for (const one of part) if (!whole.has(one)) count++;
  return count;
}

function nameStems(facts: TextFacts): ReadonlySet<number> {
  const stems = new Set<number>();
  for (const { from, to } of facts.names)
    for (let i = from; i < to; i++) {
      const stem = facts.tokens.stem[i] as number;
      if (stem !== 0) stems.add(stem);
    }
  return stems;
}

function countOf({ tokens }: TextFacts, words: ReadonlySet<number>): number {
  let count = 0;
  for (let i = 0; i < tokens.count; i++) if (words.has(tokens.word[i] as number)) count++;
  return count;
}

/** Share of b's pairs of neighbouring content words that a has too. */
function pairShare(b: TextFacts, a: TextFacts): number {
  const known = new Set<number>();
  eachPair(a, (pair) => known.add(pair));
  let count = 0;
  let both = 0;
  eachPair(b, (pair) => {
    count++;
    if (known.has(pair)) both++;
  });
  return count === 0 ? 0 : both / count;
}

function eachPair({ tokens }: TextFacts, take: (pair: number) => void): void {
  let before = 0;
  for (let i = 0; i < tokens.count; i++) {
    const stem = tokens.stem[i] as number;
    if (stem === 0) continue;
    if (before !== 0) take(Math.imul(before, 31) ^ stem);
    before = stem;
  }
}

/** Of the clauses of `a` (between full stops, commas, semicolons, lines), the share that b mentions by at least a third of its content words. */
function itemShare(a: TextFacts, b: TextFacts): number {
  const { tokens, text } = a;
  let items = 0;
  let mentioned = 0;
  let size = 0;
  let hits = 0;
  const close = (): void => {
    if (size >= 2) {
      items++;
      if (hits * 3 >= size) mentioned++;
    }
    size = 0;
    hits = 0;
  };
  for (let i = 0; i < tokens.count; i++) {
    const stem = tokens.stem[i] as number;
    if (stem !== 0) {
      size++;
      if (b.stems.has(stem)) hits++;
    }
    const next = i + 1 < tokens.count ? (tokens.start[i + 1] as number) : text.length;
    for (let k = tokens.end[i] as number; k < next; k++) {
      const code = text.charCodeAt(k);
      if (code === 0x2c || code === 0x2e || code === 0x3b || code === 0x0a || code === 0x3a) {
        close();
        break;
      }
    }
  }
  close();
  return items === 0 ? 1 : mentioned / items;
}

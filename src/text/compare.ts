/**
 * How one text answers another: shares of words, names and numbers that are carried over, lost or new, and signs that the two say opposite things.
 * Features only; what they mean is for the detector that asks. Order of `a` (what was there) and `b` (what was made of it) matters.
 */
import type { TextFacts } from './facts.ts';
import { HashSet } from './hash-set.ts';
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

/** Bits of the word lists that hold a word, by a part of its hash: most words are in none, and one read tells. */
const GATE = 8_192;
const gate = new Uint8Array(GATE);
const lists = [negations, warnings, praise, self] as const;
lists.forEach((list, bit) => {
  for (const hash of list) gate[hash & (GATE - 1)] = (gate[hash & (GATE - 1)] as number) | (1 << bit);
});

function hashes(words: string): HashSet {
  return new HashSet(Int32Array.from(words.split(' '), wordHash));
}

/** How often words of each of `lists` occur in a text, once a text. */
const counted = new WeakMap<TextFacts, readonly number[]>();

function countsOf(facts: TextFacts): readonly number[] {
  const found = counted.get(facts);
  if (found !== undefined) return found;
  const counts = [0, 0, 0, 0];
  const { word } = facts.tokens;
  for (let i = 0; i < word.length; i++) {
    const hash = word[i] as number;
    const mask = gate[hash & (GATE - 1)] as number;
    if (mask === 0) continue;
    for (let bit = 0; bit < lists.length; bit++)
      if ((mask & (1 << bit)) !== 0 && (lists[bit] as HashSet).has(hash)) counts[bit] = (counts[bit] as number) + 1;
  }
  counted.set(facts, counts);
  return counts;
}

/** True if the text has a word that warns or denies. */
export function objects(facts: TextFacts): boolean {
  const [no = 0, warn = 0] = countsOf(facts);
  return no > 0 || warn > 0;
}

/** Values mostly in [0, 1], in the order of `comparisonNames`. O(words of both). */
export function compareTexts(a: TextFacts, b: TextFacts): Float64Array {
  const covered = share(a.stems, b.stems);
  const novel = 1 - share(b.stems, a.stems);
  const numbersA = new Set(a.numbers.map(({ value }) => value));
  const numbersB = new Set(b.numbers.map(({ value }) => value));
  const lost = missing(numbersA, numbersB);
  const fresh = missing(numbersB, numbersA);
  const namesA = a.nameStems;
  const namesB = b.nameStems;
  const has = (facts: TextFacts, name: PhraseClass): number => (facts.phrases.count(name) > 0 ? 1 : 0);
  const [noA = 0, warnA = 0] = countsOf(a);
  const [noB = 0, warnB = 0, praiseB = 0, selfB = 0] = countsOf(b);
  const words = Math.max(1, b.tokens.count);
  return Float64Array.of(
    covered,
    novel,
    pairShare(b, a),
    numbersA.size === 0 ? 0 : lost / numbersA.size,
    numbersB.size === 0 ? 0 : fresh / numbersB.size,
    lost > 0 && fresh > 0 ? 1 : 0,
    namesA.size === 0 ? 0 : namesA.missingIn(b.stems) / namesA.size,
    namesB.size === 0 ? 0 : namesB.missingIn(a.stems) / namesB.size,
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
    Math.min(1, praiseB / 2),
    b.text.includes('?') ? 1 : 0,
    Math.min(1, (5 * selfB) / words),
    itemShare(a, b),
  );
}

function share(part: HashSet, whole: HashSet): number {
  return part.size === 0 ? 1 : 1 - part.missingIn(whole) / part.size;
}

function missing(part: ReadonlySet<number>, whole: ReadonlySet<number>): number {
  let count = 0;
  for (const one of part) if (!whole.has(one)) count++;
  return count;
}

/** Share of b's pairs of neighbouring content words that a has too. */
function pairShare(b: TextFacts, a: TextFacts): number {
  const { pairs } = b;
  const known = a.pairSet;
  let both = 0;
  for (let i = 0; i < pairs.length; i++) if (known.has(pairs[i] as number)) both++;
  return pairs.length === 0 ? 0 : both / pairs.length;
}

/** Of the clauses of `a` (between full stops, commas, semicolons, lines), the share that b mentions by at least a third of its content words. */
function itemShare(a: TextFacts, b: TextFacts): number {
  const { tokens, text } = a;
  const { stem: stems, start: starts, end: ends, count } = tokens;
  let items = 0;
  let mentioned = 0;
  let size = 0;
  let hits = 0;
  for (let i = 0; i < count; i++) {
    const stem = stems[i] as number;
    if (stem !== 0) {
      size++;
      if (b.stems.has(stem)) hits++;
    }
    const next = i + 1 < count ? (starts[i + 1] as number) : text.length;
    if (i + 1 < count && !closes(text, ends[i] as number, next)) continue;
    if (size >= 2) {
      items++;
      if (hits * 3 >= size) mentioned++;
    }
    size = 0;
    hits = 0;
  }
  return items === 0 ? 1 : mentioned / items;
}

/** True if a clause ends in text[from, to). */
function closes(text: string, from: number, to: number): boolean {
  for (let k = from; k < to; k++) {
    const code = text.charCodeAt(k);
    if (code === 0x2c || code === 0x2e || code === 0x3b || code === 0x0a || code === 0x3a) return true;
  }
  return false;
}

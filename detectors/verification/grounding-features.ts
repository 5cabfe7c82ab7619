/**
 * grounding, the features: how much of an answer stands in the documents it was given. Shares over the words of the answer; a document is a set of
 * hashes of stems, of pairs of neighbouring stems and of runs of three words, so that a state holds it in a few KB.
 */

import type { TextFacts } from '../../src/text/facts.ts';
import { mix32 } from '../../src/text/hash.ts';
import { addSeen, emptySeen, hasSeen, type Seen } from '../../src/text/seen.ts';
import { CODE, NUMBER, type Tokens, wordHash } from '../../src/text/tokens.ts';

export interface Source {
  /** Words and stems. */
  words: Seen;
  pairs: Seen;
  runs: Seen;
}

export const featureNames = [
  'novel',
  'unigram',
  'bigram',
  'trigram',
  'names',
  'numbers',
  'first_person',
  'you',
  'opinion',
  'question',
  'negation',
  'length',
  'novel_run',
] as const;

export type Feature = (typeof featureNames)[number];

/** Words of a document that are read. */
const MAX_WORDS = 3_000;

export function emptySource(): Source {
  return { words: emptySeen(), pairs: emptySeen(), runs: emptySeen() };
}

export function addSource(source: Source, { tokens }: TextFacts): void {
  let before = 0;
  for (let i = 0; i < tokens.count && i < MAX_WORDS; i++) {
    const word = tokens.word[i] as number;
    const stem = tokens.stem[i] as number;
    addSeen(source.words, word);
    if (i >= 2) addSeen(source.runs, runHash(tokens, i));
    if (stem === 0) continue;
    if (stem !== word) addSeen(source.words, stem);
    if (before !== 0) addSeen(source.pairs, pairHash(before, stem));
    before = stem;
  }
}

const firstPerson = new Set(['i', 'my', 'me', "i'm", "i've", "i'd", 'we', 'our', 'mine'].map(wordHash));
const you = new Set(['you', 'your', 'yours', "you're"].map(wordHash));
const opinion = new Set(
  'love like enjoy think feel guess hope wonder favorite favourite great good cool awesome amazing nice fun interesting bad best sure yes yeah oh wow haha lol definitely absolutely agree maybe really pretty wish heard'
    .split(' ')
    .map(wordHash),
);
const negations = new Set(
  ['not', 'no', 'never', 'none', "don't", "doesn't", "didn't", "isn't", "wasn't", "can't", 'without', 'neither', 'nor'].map(
    wordHash,
  ),
);

/** Values in [0, 1], but `length` (log of words over 5). `undefined` if the answer has no content words. */
export function groundingFeatures(answer: TextFacts, source: Source): Float64Array | undefined {
  const { tokens, text } = answer;
  let content = 0;
  let known = 0;
  let pairs = 0;
  let knownPairs = 0;
  let runs = 0;
  let knownRuns = 0;
  let self = 0;
  let other = 0;
  let views = 0;
  let denied = 0;
  let run = 0;
  let longest = 0;
  let before = 0;
  for (let i = 0; i < tokens.count; i++) {
    const word = tokens.word[i] as number;
    const stem = tokens.stem[i] as number;
    if (firstPerson.has(word)) self++;
    if (you.has(word)) other++;
    if (opinion.has(word)) views++;
    if (negations.has(word) && !hasSeen(source.words, word)) denied++;
    if (i >= 2) {
      runs++;
      if (hasSeen(source.runs, runHash(tokens, i))) knownRuns++;
    }
    if (stem === 0) continue;
    content++;
    if (hasSeen(source.words, stem) || hasSeen(source.words, word)) {
      known++;
      run = 0;
    } else {
      run++;
      if (run > longest) longest = run;
    }
    if (before !== 0) {
      pairs++;
      if (hasSeen(source.pairs, pairHash(before, stem))) knownPairs++;
    }
    before = stem;
  }
  if (content === 0) return undefined;
  const words = Math.max(1, tokens.count);
  let distinct = 0;
  let fresh = 0;
  for (const stem of answer.stems) {
    distinct++;
    if (!hasSeen(source.words, stem)) fresh++;
  }
  const hard = hardFacts(answer, source);
  return Float64Array.of(
    fresh / Math.max(1, distinct),
    known / content,
    pairs === 0 ? known / content : knownPairs / pairs,
    runs === 0 ? 0 : knownRuns / runs,
    hard.names,
    hard.numbers,
    Math.min(1, (4 * self) / words),
    Math.min(1, (4 * other) / words),
    Math.min(1, (4 * views) / words),
    text.includes('?') ? 1 : 0,
    Math.min(1, denied),
    Math.log1p(words) / 5,
    Math.min(1, longest / 8),
  );
}

/** Shares of the answer's names and numbers that the source lacks. */
export function hardFacts(
  answer: TextFacts,
  source: Source,
): { readonly names: number; readonly numbers: number; readonly missing: string[] } {
  const { tokens, text } = answer;
  const missing: string[] = [];
  let names = 0;
  let lostNames = 0;
  for (const name of answer.names) {
    names++;
    let lost = false;
    for (let i = name.from; i < name.to; i++)
      if (!hasSeen(source.words, tokens.word[i] as number) && !hasSeen(source.words, tokens.stem[i] as number)) lost = true;
    if (!lost) continue;
    lostNames++;
    missing.push(text.slice(name.start, name.end));
  }
  let numbers = 0;
  let lostNumbers = 0;
  for (let i = 0; i < tokens.count; i++) {
    if (((tokens.flags[i] as number) & NUMBER) === 0 || ((tokens.flags[i] as number) & CODE) !== 0) continue;
    // The number of a list item, not of a fact.
    if (
      (tokens.end[i] as number) - (tokens.start[i] as number) === 1 &&
      /^[.)]\s/.test(text.slice(tokens.end[i], (tokens.end[i] as number) + 2))
    )
      continue;
    numbers++;
    if (hasSeen(source.words, tokens.word[i] as number)) continue;
    lostNumbers++;
    missing.push(text.slice(tokens.start[i], tokens.end[i]));
  }
  return {
    names: names === 0 ? 0 : lostNames / names,
    numbers: numbers === 0 ? 0 : lostNumbers / numbers,
    missing: missing.slice(0, 5),
  };
}

function pairHash(a: number, b: number): number {
  return mix32(Math.imul(a, 31) ^ b);
}

function runHash({ word }: Tokens, i: number): number {
  return mix32(Math.imul(Math.imul(word[i - 2] as number, 31) ^ (word[i - 1] as number), 31) ^ (word[i] as number));
}

/** True if the answer is prose of some length rather than a turn of a conversation. */
export function isLong({ tokens }: TextFacts): boolean {
  return tokens.count > LONG_WORDS;
}

/** Replies of the fitted dialogues have at most 48 words in 99 of 100 cases. */
const LONG_WORDS = 48;

/**
 * grounding, claims: an answer to a plain question may say in other words what the documents say, so missing words prove little. What counts is what a
 * reader would look up: values, names, absolute and praising words that no document has; hedges and refusals speak for the answer.
 */

import type { Step } from '../../src/step/step.ts';
import type { TextFacts } from '../../src/text/facts.ts';
import { mix32 } from '../../src/text/hash.ts';
import { addSeen, hasSeen } from '../../src/text/seen.ts';
import { wordHash } from '../../src/text/tokens.ts';
import { type Feature, featureNames, type Source } from './grounding-features.ts';

export const claimNames = ['novel', 'names', 'bigram', 'values', 'absolute', 'praise', 'hedge', 'declined'] as const;

export type Claim = (typeof claimNames)[number];

const hashes = (words: string): ReadonlySet<number> => new Set(words.split(' ').map(wordHash));

/** Degrees and quantities without exception: superlatives, "all", "never". Not "every" and "each": every day is a rate. */
const absolutes = hashes(
  'most best worst highest lowest largest smallest greatest fastest all always never only fully entire entirely completely absolutely definitively definitely certainly guaranteed guarantees guarantee equally rarely exclusively none consistently proven unique perfect',
);
/** Judgements of value. */
const praise = hashes(
  'excellent excellently incredibly incredible highly recommended recommend helpful optimal outstanding rewarding efficient reliable ideal superior seamless robust impressive exceptional remarkable effective innovative advanced significant significantly popular award awards better great leading',
);
const hedges = hashes(
  'may might could suggests suggest indicates indicate typically generally usually often some likely possibly perhaps potentially approximately about around limited vary varies certain depending appears seems',
);
/** Part of a time, though it looks like a name. */
const meridiem = hashes('am pm');
/** "I don't have information about …": the documents do not say, and the answer says so. */
const refusal =
  /\b(?:don['’]t have|do not have|no information|not (?:specified|mentioned|available|provided|stated)|cannot (?:find|confirm)|can['’]t (?:find|confirm)|unable to|(?:isn|aren)['’]t (?:specified|mentioned|stated))\b/i;

/** Values read per text. */
const MAX_VALUES = 512;
/** Characters of a text that are searched for values. */
const MAX_CHARS = 24_000;
const scales: Readonly<Record<string, number>> = {
  k: 1e3,
  thousand: 1e3,
  m: 1e6,
  mn: 1e6,
  million: 1e6,
  b: 1e9,
  bn: 1e9,
  billion: 1e9,
};
const small = new Map(
  'two three four five six seven eight nine ten eleven twelve'.split(' ').map((word, i) => [wordHash(word), i + 2]),
);

/** Remembers the values of a document: 50K, 50,000 and 50 thousand are one; so are 5 PM and 17:00. */
export function addValues(source: Source, facts: TextFacts): void {
  for (const value of valuesOf(facts)) addSeen(source.words, valueHash(value));
}

function valueHash(value: number): number {
  return mix32(wordHash(`= ${value}`));
}

function valuesOf({ text, tokens }: TextFacts): number[] {
  const cut = text.length > MAX_CHARS ? text.slice(0, MAX_CHARS) : text;
  const values: number[] = [];
  for (const match of cut.matchAll(/\d[\d,]*(?:\.\d+)?/g)) {
    const end = match.index + match[0].length;
    const after = cut.slice(end, end + 12);
    // The number of a list item.
    if (/^[.)]\s/.test(after) && (match.index === 0 || cut[match.index - 1] === '\n')) continue;
    const value = Number(match[0].replaceAll(',', ''));
    const scale = /^\s?(k|thousand|mn|million|m|bn|billion|b)\b/i.exec(after)?.[1]?.toLowerCase() ?? '';
    values.push(value < 12 && /^(?::\d\d)?\s?pm\b/i.test(after) ? value + 12 : value * (scales[scale] ?? 1));
    if (values.length >= MAX_VALUES) return values;
  }
  for (let i = 0; i < tokens.count && values.length < MAX_VALUES; i++) {
    const value = small.get(tokens.word[i] as number);
    if (value !== undefined) values.push(value);
  }
  return values;
}

/** Features of an answer, from those of `groundingFeatures` and the documents. Values in [0, 1]. */
export function claimFeatures(answer: TextFacts, source: Source, base: Float64Array): Float64Array {
  const { tokens, text } = answer;
  let absolute = 0;
  let praised = 0;
  let hedged = 0;
  for (let i = 0; i < tokens.count; i++) {
    const word = tokens.word[i] as number;
    if (hedges.has(word)) hedged++;
    else if (absolutes.has(word)) absolute += hasSeen(source.words, word) ? 0 : 1;
    else if (praise.has(word)) praised += hasSeen(source.words, word) ? 0 : 1;
  }
  const lost = valuesOf(answer).some((value) => !hasSeen(source.words, valueHash(value)));
  let names = 0;
  let lostNames = 0;
  for (const { from, to } of answer.names) {
    if (to - from === 1 && meridiem.has(tokens.word[from] as number)) continue;
    names++;
    let known = true;
    for (let i = from; i < to; i++)
      if (!hasSeen(source.words, tokens.word[i] as number) && !hasSeen(source.words, tokens.stem[i] as number)) known = false;
    if (!known) lostNames++;
  }
  const of = (name: Feature) => base[featureNames.indexOf(name)] as number;
  return Float64Array.of(
    of('novel'),
    names === 0 ? 0 : lostNames / names,
    of('bigram'),
    lost ? 1 : 0,
    Math.min(2, absolute) / 2,
    Math.min(2, praised) / 2,
    Math.min(2, hedged) / 2,
    refusal.test(text.slice(0, MAX_CHARS)) ? 1 : 0,
  );
}

const questionWords = hashes('what how who when where which why is are do does did can could was were');
/** Talk between people: whoever says so much of themselves wants company, not a fact. */
const talk = hashes(
  "i my me i'm i've i'd we our mine you your love like enjoy think feel guess hope wonder favorite favourite great good cool awesome amazing nice fun interesting yes yeah oh wow haha lol agree hello hi thanks right no ok okay really know well that's",
);

/** True if the model was asked a plain question of fact, or was given no user's words at all: its answer is a statement, not a turn of a chat. */
export function asksForFacts(asked: TextFacts | undefined): boolean {
  if (asked === undefined) return true;
  const { tokens, text } = asked;
  if (tokens.count === 0 || !questionWords.has(tokens.word[0] as number) || !text.trimEnd().endsWith('?')) return false;
  for (let i = 0; i < tokens.count; i++) if (talk.has(tokens.word[i] as number)) return false;
  return true;
}

/** The last words of a user in the prompt. */
export function lastAsked(step: Step): string | undefined {
  for (let i = step.input.length - 1; i >= 0; i--) {
    const message = step.input[i];
    if (message?.role === 'user' && message.text.trim() !== '') return message.text;
  }
  return undefined;
}

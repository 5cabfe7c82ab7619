/**
 * injection, scores: features of a text and two heads, one for what a user says (whole text) and one for
 * what tools and documents return (sentence by sentence, the highest counts). The first is the mean
 * log-odds of three models that fail in different places: named features, boosted trees over them, and
 * single words and pairs. Weights come from `injection.json` (eval/train/injection.ts); those of attack
 * features are never negative, so more evidence never lowers a score.
 */

import { decodeCandidates } from './decode.ts';
import { textFacts } from './facts.ts';
import fit from './injection.json' with { type: 'json' };
import { apartness, wordCount } from './injection-apart.ts';
import { type Tree, treesSum, unpackWeights, wordPlaces, wordsSum } from './injection-learned.ts';
import { countHits, countTries, MAX_HITS, noHits, type Rule, rules, splitsWord } from './injection-rules.ts';
import { added, countShape, sharesOf } from './injection-shape.ts';
import { normalise } from './normalise.ts';
import { unitBounds, unitLimits } from './sentences.ts';

export interface Head {
  readonly bias: number;
  /** By feature name; a missing feature has weight 0. */
  readonly weights: Readonly<Record<string, number>>;
}

export interface Scored {
  /** 0–1. */
  readonly score: number;
  /** Names of the rules hit, strongest contribution first. */
  readonly rules: readonly string[];
  /** The unit that scored highest; the whole text for the direct head. */
  readonly unit: string;
}

/** Characters of one text that are looked at. */
export const TEXT_LIMIT = 6_000;

/** Families whose presence counts towards the number of families hit. */
const attackRules: ReadonlySet<string> = new Set(
  'override override_other_language new_task role persona unrestricted never_refuse forced_answer leak role_tag hidden encoded output_control authority threat secrecy'.split(
    ' ',
  ),
);

const pairs: readonly (readonly [string, string])[] = [
  ['override', 'leak'],
  ['override', 'output_control'],
  ['override', 'new_task'],
  ['override', 'role'],
  ['override', 'role_tag'],
  ['role', 'unrestricted'],
  ['role', 'never_refuse'],
  ['role', 'model_named'],
  ['persona', 'unrestricted'],
  ['persona', 'model_named'],
  ['output_control', 'never_refuse'],
  ['forced_answer', 'must_now'],
  ['model_named', 'unrestricted'],
  ['fiction', 'harm'],
  ['authority', 'leak'],
  ['new_task', 'imperative'],
  ['encoded', 'leak'],
];

const shapeNames = [
  'symbols',
  'tail_symbols',
  'tail_jump',
  'odd_words',
  'tail_odd_words',
  'odd_jump',
  'other_letters',
  'capitals',
  'long_words',
  'base64_run',
  'you',
  'i',
  'quotes',
  'exclaims',
  'no_small_words',
  'tail_no_small_words',
  'small_words_jump',
] as const;
const countNames = ['hits', 'hits_2', 'hits_3', 'hits_4', 'hit_density'] as const;
const unitNames = ['apart', 'edge', 'length', 'digits', 'hidden_letters'] as const;

const ruleIndex = new Map(rules.map((rule, i) => [rule.name, i]));
const pairIndex = pairs.map(([a, b]) => [ruleIndex.get(a) as number, ruleIndex.get(b) as number] as const);

/** Order of the numbers in a feature vector. */
export const featureNames: readonly string[] = [
  ...rules.map(({ name }) => name),
  ...rules.map(({ name }) => `${name}_count`),
  ...pairs.map(([a, b]) => `${a}+${b}`),
  ...countNames,
  ...shapeNames,
  ...unitNames,
];

const PAIR_AT = 2 * rules.length;
const COUNT_AT = PAIR_AT + pairs.length;
const SHAPE_AT = COUNT_AT + countNames.length;
export const UNIT_AT = SHAPE_AT + shapeNames.length;

function hitsOf(text: string): Uint8Array {
  const { tries } = textFacts(text).tokens;
  return tries === undefined ? countHits(text) : countTries(text, 0, text.length, tries, 0);
}

/** Features of one text or unit. Numbers from 0 to about 1. The unit features stay 0. */
export function featuresOf(text: string, hits: Uint8Array = hitsOf(text)): Float64Array {
  const x = new Float64Array(featureNames.length);
  let attacks = 0;
  for (let i = 0; i < hits.length; i++) {
    const count = hits[i] as number;
    if (count === 0) continue;
    x[i] = 1;
    x[rules.length + i] = count / MAX_HITS;
    if (attackRules.has(rules[i]?.name ?? '')) attacks++;
  }
  pairIndex.forEach(([a, b], i) => {
    x[PAIR_AT + i] = hits[a] && hits[b] ? 1 : 0;
  });
  x[COUNT_AT] = attacks / 8;
  x[COUNT_AT + 1] = attacks >= 2 ? 1 : 0;
  x[COUNT_AT + 2] = attacks >= 3 ? 1 : 0;
  x[COUNT_AT + 3] = attacks >= 4 ? 1 : 0;
  // Optimised suffixes stand at the end and look unlike the head.
  const cut = text.length - Math.min(Math.floor(text.length * 0.3), 140);
  const first = countShape(text, 0, cut);
  const last = countShape(text, cut, text.length);
  const words = sharesOf(added(first, last));
  const head = sharesOf(first);
  const tail = sharesOf(last);
  x[COUNT_AT + 4] = attacks / Math.log(20 + first.words + last.words);
  x[SHAPE_AT] = words.symbols;
  x[SHAPE_AT + 1] = tail.symbols;
  x[SHAPE_AT + 2] = Math.max(0, tail.symbols - head.symbols);
  x[SHAPE_AT + 3] = words.odd;
  x[SHAPE_AT + 4] = tail.odd;
  x[SHAPE_AT + 5] = Math.max(0, tail.odd - head.odd);
  x[SHAPE_AT + 6] = words.other;
  x[SHAPE_AT + 7] = words.capitals;
  x[SHAPE_AT + 8] = words.long;
  x[SHAPE_AT + 9] = words.run >= 40 ? 1 : 0;
  x[SHAPE_AT + 10] = words.you;
  x[SHAPE_AT + 11] = words.i;
  x[SHAPE_AT + 12] = words.quotes;
  x[SHAPE_AT + 13] = words.exclaims;
  x[SHAPE_AT + 14] = 1 - words.small;
  x[SHAPE_AT + 15] = 1 - tail.small;
  x[SHAPE_AT + 16] = Math.max(0, head.small - tail.small);
  return x;
}

interface Units {
  /** Units with a sign: their place among all, and their features but for `apart`. */
  readonly hit: readonly { readonly unit: string; readonly place: number; readonly x: Float64Array }[];
  /** How unlike the others each unit is; computed when asked. */
  apart(): Float64Array;
}

function unitsOf(text: string, hidden: number): Units | undefined {
  const cut = text.slice(0, 4 * TEXT_LIMIT);
  const { stops, tries } = textFacts(cut).tokens;
  if (tries?.length === 0) return undefined;
  const bounds = unitBounds(cut, unitLimits, stops);
  const hits = unitHits(cut, bounds, tries);
  const hit: { unit: string; place: number; x: Float64Array }[] = [];
  hits.forEach((one, place) => {
    if (one === noHits) return;
    const from = bounds[2 * place] as number;
    const to = bounds[2 * place + 1] as number;
    const unit = cut.slice(from, to);
    const words = wordCount(cut, from, to);
    const x = featuresOf(unit, one);
    x[UNIT_AT + 1] = place === 0 || place === hits.length - 1 ? 1 : 0;
    x[UNIT_AT + 2] = Math.min(1, Math.log(1 + words) / 5);
    let digits = 0;
    for (let k = 0; k < unit.length; k++) if (unit.charCodeAt(k) >= 48 && unit.charCodeAt(k) <= 57) digits++;
    x[UNIT_AT + 3] = digits / Math.max(1, unit.length);
    x[UNIT_AT + 4] = hidden > 3 ? 1 : 0;
    hit.push({ unit, place, x });
  });
  let apart: Float64Array | undefined;
  return {
    hit,
    apart() {
      apart ??= hits.length < MIN_UNITS ? new Float64Array(hits.length) : apartness(cut, bounds);
      return apart;
    },
  };
}

/** Units of a tool's text with their features; units without any sign are left out. */
export function unitFeatures(text: string, hidden: number): { readonly unit: string; readonly x: Float64Array }[] {
  const units = unitsOf(text, hidden);
  for (const { place, x } of units?.hit ?? []) x[UNIT_AT] = units?.apart()[place] as number;
  return units?.hit.map(({ unit, x }) => ({ unit, x })) ?? [];
}

/** Hits of each unit. A unit that begins or ends within a word is read as if it stood alone. */
function unitHits(text: string, bounds: readonly number[], tries: Int32Array | undefined): Uint8Array[] {
  const hits: Uint8Array[] = [];
  let next = 0;
  for (let k = 0; k < bounds.length; k += 2) {
    const from = bounds[k] as number;
    const to = bounds[k + 1] as number;
    if (tries === undefined || splitsWord(text, from) || splitsWord(text, to)) {
      hits.push(countHits(text, from, to));
      continue;
    }
    while (next < tries.length && (tries[next] as number) < from) next += 2;
    hits.push(countTries(text, from, to, tries, next));
  }
  return hits;
}

/** Fewer units have no surroundings that one of them could be unlike. */
const MIN_UNITS = 5;

const signIndexes = rules.flatMap(({ name }, i) =>
  attackRules.has(name) || name === 'exfiltration' || name === 'code_insertion' ? [i] : [],
);

const heads = { direct: weightsOf(fit.direct), tool: weightsOf(fit.tool) };

function weightsOf(head: Head): { readonly bias: number; readonly weights: Float64Array } {
  return { bias: head.bias, weights: Float64Array.from(featureNames, (name) => head.weights[name] ?? 0) };
}

function linear(head: { readonly bias: number; readonly weights: Float64Array }, x: Float64Array): number {
  let sum = head.bias;
  for (let i = 0; i < x.length; i++) sum += (head.weights[i] as number) * (x[i] as number);
  return sum;
}

function sigmoid(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}

const trees = fit.trees as unknown as { readonly base: number; readonly list: readonly Tree[] };
const words = unpackWeights(fit.words);

/** What a user said, as a whole. */
export function scoreDirect(text: string): Scored {
  const cut = text.slice(0, TEXT_LIMIT);
  const x = featuresOf(cut);
  const odds =
    (linear(heads.direct, x) + trees.base + treesSum(trees.list, x) + wordsSum(words, fit.words.bias, wordPlaces(cut))) / 3;
  return { score: sigmoid(odds), rules: named(heads.direct.weights, x), unit: cut };
}

/** A unit that only asks, orders or links: no sign of its own. */
export function isPlain(x: Float64Array): boolean {
  return !signIndexes.some((i) => (x[i] as number) > 0);
}

/** Factor of the score of a plain unit without surroundings. */
export const PLAIN = 0.6;

/** What a tool or a document returned: the highest unit. A score below `floor` may be given as 0. */
function scoreUntrusted(text: string, hidden: number, floor = 0): Scored {
  const units = unitsOf(text, hidden);
  if (units === undefined) return nothing;
  const most = Math.max(0, heads.tool.weights[UNIT_AT] as number);
  let best = 0;
  let found: Units['hit'][number] | undefined;
  for (const one of units.hit) {
    const { x, place } = one;
    // Surroundings are read only where they can decide.
    const limit = sigmoid(linear(heads.tool, x) + most);
    if (limit < floor || limit < best) continue;
    x[UNIT_AT] = units.apart()[place] as number;
    // A plain request stands out only among enough other text; alone it is a note or a manual.
    const score = sigmoid(linear(heads.tool, x)) * (isPlain(x) && x[UNIT_AT] === 0 ? PLAIN : 1);
    if (score <= best) continue;
    best = score;
    found = one;
  }
  return found === undefined ? nothing : { score: best, rules: named(heads.tool.weights, found.x), unit: found.unit };
}

const nothing: Scored = { score: 0, rules: [], unit: '' };

/** Several detectors read the same result one after the other. */
let last: { readonly text: string; readonly floor: number; readonly scored: Scored } | undefined;

/**
 * What a tool or a document returned, in plain form and decoded once: the highest unit of all. A score below `floor` may be given as a lower
 * one. The last answer is kept.
 */
export function scoreData(text: string, floor = 0): Scored {
  if (last?.text === text && (last.floor <= floor || last.scored.score >= last.floor)) return last.scored;
  const clean = normalise(text, 4 * TEXT_LIMIT);
  let scored = scoreUntrusted(clean.text, clean.hidden + clean.folded, floor);
  for (const decoded of decodeCandidates(clean.text))
    scored = higher(scored, scoreUntrusted(decoded.text, 0, floor - DECODED), decoded.kind);
  last = { text, floor, scored };
  return scored;
}

const DECODED = 0.1;

/** Text that had to be decoded to be read is worse than the same text in the open. */
export function higher(best: Scored, decoded: Scored, kind: string): Scored {
  const score = decoded.rules.length > 0 ? Math.min(1, decoded.score + DECODED) : 0;
  return score > best.score ? { ...decoded, score, rules: [kind, ...decoded.rules] } : best;
}

function named(weights: Float64Array, x: Float64Array): string[] {
  const parts: { readonly name: string; readonly part: number }[] = [];
  for (let i = 0; i < rules.length; i++) {
    if (x[i] === 0) continue;
    const part =
      (weights[i] as number) * (x[i] as number) + (weights[rules.length + i] as number) * (x[rules.length + i] as number);
    if (part > 0) parts.push({ name: (rules[i] as Rule).name, part });
  }
  return parts
    .sort((a, b) => b.part - a.part)
    .slice(0, 4)
    .map(({ name }) => name);
}

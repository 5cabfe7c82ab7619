/**
 * What a text says, computed once per text and kept for the next time the same text comes: a model call carries its history again.
 * Everything is lazy and bounded; nothing depends on anything but the text.
 */
import { HashSet } from './hash-set.ts';
import { countPhrases, type PhraseCounts } from './phrases.ts';
import { cutNumbers } from './slab.ts';
import { CAPITAL, CODE, FIRST, NUMBER, type Tokens, tokenise, UPPER, wordHash } from './tokens.ts';

/** A number as it stands in a text, in one unit: 3.4 million is 3400000, 12 % is 12 with `percent`. */
export interface NumberFact {
  readonly value: number;
  readonly percent: boolean;
  /** Offset of its first digit. */
  readonly at: number;
  /** Place of its token. */
  readonly token: number;
}

/** A run of capitalised words that does not merely begin a sentence: a name of something. */
export interface NameFact {
  /** Offsets in the text. */
  readonly start: number;
  readonly end: number;
  /** Places of its tokens: [from, to). */
  readonly from: number;
  readonly to: number;
}

export class TextFacts {
  readonly text: string;
  private _tokens: Tokens | undefined;
  private _phrases: PhraseCounts | undefined;
  private _numbers: readonly NumberFact[] | undefined;
  private _names: readonly NameFact[] | undefined;
  private _stems: HashSet | undefined;
  private _nameStems: HashSet | undefined;
  private _pairs: Int32Array | undefined;
  private _pairSet: HashSet | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get tokens(): Tokens {
    this._tokens ??= tokenise(this.text);
    return this._tokens;
  }

  get phrases(): PhraseCounts {
    this._phrases ??= countPhrases(this.tokens);
    return this._phrases;
  }

  /** Distinct stems of content words, numbers included. */
  get stems(): HashSet {
    this._stems ??= new HashSet(this.tokens.stem);
    return this._stems;
  }

  /** Stems of the words of its names. */
  get nameStems(): HashSet {
    this._nameStems ??= new HashSet(nameStemsOf(this.names, this.tokens));
    return this._nameStems;
  }

  /** Hashes of the pairs of neighbouring content words, in order. */
  get pairs(): Int32Array {
    this._pairs ??= pairsOf(this.tokens.stem);
    return this._pairs;
  }

  /** The distinct `pairs`. */
  get pairSet(): HashSet {
    this._pairSet ??= new HashSet(this.pairs);
    return this._pairSet;
  }

  get numbers(): readonly NumberFact[] {
    this._numbers ??= numbersOf(this.text, this.tokens);
    return this._numbers;
  }

  get names(): readonly NameFact[] {
    this._names ??= namesOf(this.text, this.tokens);
    return this._names;
  }
}

/**
 * Characters of texts whose facts are kept, in each of two generations. With its facts a text takes five times its length; what comes again
 * comes within the step, for the next detector; what is kept longer is only copied about by the garbage collector.
 */
const KEPT_CHARS = 128 * 1024;

let young = new Map<number, TextFacts>();
let old = new Map<number, TextFacts>();
let youngChars = 0;

/** The facts of a text; the same object while it is remembered. */
export function textFacts(text: string): TextFacts {
  const key = sampleOf(text);
  const found = young.get(key);
  if (found?.text === text) return found;
  const former = old.get(key);
  const facts = former?.text === text ? former : new TextFacts(text);
  // Two generations: what was not asked for during a whole generation is forgotten with it.
  if (youngChars > KEPT_CHARS) {
    old = young;
    young = new Map();
    youngChars = 0;
  }
  // Of two texts with one key the later is remembered.
  young.set(key, facts);
  youngChars += text.length + 64;
  return facts;
}

const SAMPLES = 32;

/** A hash of the length and a few characters, so that a long text is not read once more only to be found; equality decides. */
function sampleOf(text: string): number {
  const stride = Math.max(1, Math.floor(text.length / SAMPLES));
  let hash = text.length;
  for (let i = 0; i < text.length; i += stride) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return hash;
}

/** Share of the stems of `part` that `whole` has too, 0–1; 1 if `part` has none. */
export function coverage(part: TextFacts, whole: TextFacts): number {
  const { size } = part.stems;
  return size === 0 ? 1 : (size - part.stems.missingIn(whole.stems)) / size;
}

/** Jaccard similarity of the content words, 0–1. */
export function likeness(a: TextFacts, b: TextFacts): number {
  if (a.stems.size === 0 || b.stems.size === 0) return 0;
  const both = a.stems.size - a.stems.missingIn(b.stems);
  return both / (a.stems.size + b.stems.size - both);
}

function nameStemsOf(names: readonly NameFact[], { stem }: Tokens): Int32Array {
  const stems: number[] = [];
  for (const { from, to } of names) for (let i = from; i < to; i++) stems.push(stem[i] as number);
  return Int32Array.from(stems);
}

function pairsOf(stem: Int32Array): Int32Array {
  const pairs = cutNumbers(stem.length);
  let count = 0;
  let before = 0;
  for (let i = 0; i < stem.length; i++) {
    const here = stem[i] as number;
    if (here === 0) continue;
    // 0 is no hash.
    if (before !== 0) pairs[count++] = Math.imul(before, 31) ^ here || 1;
    before = here;
  }
  return pairs.subarray(0, count);
}

const scales: ReadonlyMap<string, number> = new Map([
  ['thousand', 1e3],
  ['k', 1e3],
  ['million', 1e6],
  ['m', 1e6],
  ['mn', 1e6],
  ['billion', 1e9],
  ['bn', 1e9],
  ['b', 1e9],
  ['trillion', 1e12],
  ['dozen', 12],
]);
const small =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty';
const wordNumbers: ReadonlyMap<number, number> = new Map(small.split(' ').map((word, i) => [wordHash(word), i]));
/** zero … seventeen. */
const LONGEST = 9;
/** Most words are no numbers: one read tells. */
const numberGate = new Uint8Array(1_024);
for (const hash of wordNumbers.keys()) numberGate[hash & 1_023] = 1;

function numbersOf(text: string, tokens: Tokens): NumberFact[] {
  const numbers: NumberFact[] = [];
  const { flags, word } = tokens;
  for (let i = 0; i < tokens.count && numbers.length < 512; i++) {
    const isNumber = ((flags[i] as number) & NUMBER) !== 0;
    const hash = word[i] as number;
    if (!isNumber && numberGate[hash & 1_023] === 0) continue;
    const start = tokens.start[i] as number;
    const end = tokens.end[i] as number;
    let value: number;
    if (isNumber) value = Number(text.slice(start, end).replaceAll(',', ''));
    else if (end - start <= LONGEST && end - start >= 3) value = wordNumbers.get(hash) ?? Number.NaN;
    else continue;
    if (!Number.isFinite(value)) continue;
    const space = text.charCodeAt(end) === 0x20 ? 1 : 0;
    const percent = text.charCodeAt(end + space) === 0x25 || text.startsWith('percent', end + space);
    const scale =
      i + 1 < tokens.count && (tokens.start[i + 1] as number) - end <= 1
        ? scales.get(text.slice(tokens.start[i + 1], tokens.end[i + 1]).toLowerCase())
        : undefined;
    numbers.push({ value: value * (scale ?? 1), percent, at: start, token: i });
  }
  return numbers;
}

function namesOf(text: string, tokens: Tokens): NameFact[] {
  const names: NameFact[] = [];
  let i = 0;
  while (i < tokens.count && names.length < 512) {
    const flags = tokens.flags[i] as number;
    if ((flags & CAPITAL) === 0 || (flags & CODE) !== 0 || (tokens.stem[i] as number) === 0) {
      i++;
      continue;
    }
    let to = i + 1;
    while (
      to < tokens.count &&
      ((tokens.flags[to] as number) & CAPITAL) !== 0 &&
      ((tokens.flags[to] as number) & FIRST) === 0 &&
      oneSpace(text, tokens.end[to - 1] as number, tokens.start[to] as number)
    )
      to++;
    // A lone capitalised word at the start of a sentence is only its first word, unless it is an acronym.
    if (to - i > 1 || (flags & FIRST) === 0 || (flags & UPPER) !== 0)
      names.push({ start: tokens.start[i] as number, end: tokens.end[to - 1] as number, from: i, to });
    i = to;
  }
  return names;
}

function oneSpace(text: string, from: number, to: number): boolean {
  return to - from === 1 && (text.charCodeAt(from) === 0x20 || text.charCodeAt(from) === 0x2d);
}

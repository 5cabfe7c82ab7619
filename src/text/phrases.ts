/**
 * Counts of named classes of phrases in a text, all classes in one pass over its words. A class is a list of phrases in a file of `phrases/`;
 * `~` before a word matches its stem, so that `~simulate` is also "simulating". Words of a phrase stand next to each other.
 */
import { claims } from './phrases/claims.ts';
import { endings } from './phrases/endings.ts';
import { uncertainty } from './phrases/uncertainty.ts';
import { verdict } from './phrases/verdict.ts';
import { isStopWord } from './stopwords.ts';
import { stemHash, type Tokens, wordHash } from './tokens.ts';

const table = { ...uncertainty, ...claims, ...endings, ...verdict } as const;

export type PhraseClass = keyof typeof table;

interface Word {
  readonly hash: number;
  readonly stem: boolean;
}

/** Found by its first word that is not a function word, so that "the" and "i" begin no search. */
interface Phrase {
  readonly place: number;
  readonly words: readonly Word[];
  readonly anchor: number;
}

const names = Object.keys(table) as PhraseClass[];
const places: ReadonlyMap<PhraseClass, number> = new Map(names.map((name, i) => [name, i]));
const byWord = new Map<number, Phrase[]>();
const byStem = new Map<number, Phrase[]>();
const none: readonly Phrase[] = [];

/** Most words begin no phrase: one read tells. */
const gate = new Uint8Array(8_192);

names.forEach((name, place) => {
  for (const phrase of table[name] as readonly string[]) {
    const words = phrase
      .split(' ')
      .map((word) =>
        word.startsWith('~') ? { hash: stemHash(word.slice(1)), stem: true } : { hash: wordHash(word), stem: false },
      );
    const anchor = Math.max(
      0,
      words.findIndex(({ hash, stem }) => stem || !isStopWord(hash)),
    );
    const head = words[anchor] as Word;
    const map = head.stem ? byStem : byWord;
    const list = map.get(head.hash) ?? [];
    list.push({ place, words, anchor });
    map.set(head.hash, list);
    gate[head.hash & 8_191] = 1;
  }
});

export interface PhraseCounts {
  /** How often the class occurs; a word counts once per class. */
  count(name: PhraseClass): number;
  /** Offset in the text of its first occurrence, -1 if it has none. */
  first(name: PhraseClass): number;
}

export function countPhrases(tokens: Tokens): PhraseCounts {
  const counts = new Uint16Array(names.length);
  const firsts = new Int32Array(names.length).fill(-1);
  const { word: allWords, stem: allStems } = tokens;
  for (let i = 0; i < tokens.count; i++) {
    const word = allWords[i] as number;
    if (gate[word & 8_191] === 1) for (const phrase of byWord.get(word) ?? none) hit(phrase, tokens, i, counts, firsts);
    const stem = allStems[i] as number;
    if (gate[stem & 8_191] === 1) for (const phrase of byStem.get(stem) ?? none) hit(phrase, tokens, i, counts, firsts);
  }
  const at = (name: PhraseClass): number => places.get(name) as number;
  return { count: (name) => counts[at(name)] as number, first: (name) => firsts[at(name)] as number };
}

function hit({ place, words, anchor }: Phrase, tokens: Tokens, at: number, counts: Uint16Array, firsts: Int32Array): void {
  const from = at - anchor;
  if (from < 0) return;
  for (let k = 0; k < words.length; k++) {
    const { hash, stem } = words[k] as Word;
    if ((stem ? tokens.stem : tokens.word)[from + k] !== hash) return;
  }
  counts[place] = (counts[place] as number) + 1;
  if (firsts[place] === -1) firsts[place] = tokens.start[from] as number;
}

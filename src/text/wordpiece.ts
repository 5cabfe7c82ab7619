/**
 * WordPiece as bert-base-uncased has it (Devlin et al. 2019; the order of steps is that of the `tokenizers` package): control
 * characters out, CJK apart, accents off, lower case, split at spaces and punctuation, then the longest piece first.
 * Marks such as `[SEP]` in the text are text here, never special tokens.
 */

/** A word longer than this is `[UNK]`, as in BERT. */
const MAX_WORD = 100;

export class WordPiece {
  private readonly words = new Map<string, number>();
  /** Pieces inside a word, without their `##`. */
  private readonly inner = new Map<string, number>();
  private readonly unknown: number;
  /** Length of the longest piece: no lookup need be longer. */
  private readonly longest: number;

  /** One token an entry; its place is its id. Throws a `RangeError` without `[UNK]`. */
  constructor(vocabulary: readonly string[]) {
    let longest = 0;
    vocabulary.forEach((token, id) => {
      const inside = token.startsWith('##') && token.length > 2;
      const piece = inside ? token.slice(2) : token;
      (inside ? this.inner : this.words).set(piece, id);
      longest = Math.max(longest, piece.length);
    });
    const unknown = this.words.get('[UNK]');
    if (unknown === undefined) throw new RangeError(`the vocabulary of ${vocabulary.length} tokens has no [UNK].`);
    this.unknown = unknown;
    this.longest = longest;
  }

  /** Ids of at most `limit` tokens from the front of the text, without [CLS] and [SEP]. */
  tokens(text: string, limit: number): number[] {
    const clean = plain.test(text) ? text.toLowerCase() : normalised(text);
    const ids: number[] = [];
    for (let i = 0; i < clean.length && ids.length < limit; ) {
      const kind = kindAt(clean, i);
      const start = i++;
      if (kind === SPACE) continue;
      if (kind === WORD) while (i < clean.length && kindAt(clean, i) === WORD) i++;
      else if (isHighSurrogate(clean.charCodeAt(start))) i++;
      this.pieces(clean, start, i, ids);
    }
    if (ids.length > limit) ids.length = limit;
    return ids;
  }

  private pieces(text: string, start: number, end: number, ids: number[]): void {
    const whole = this.words.get(text.slice(start, end));
    if (whole !== undefined) {
      ids.push(whole);
      return;
    }
    const before = ids.length;
    let at = end - start <= MAX_WORD || codePoints(text, start, end) <= MAX_WORD ? start : -1;
    while (at >= 0 && at < end) {
      const known = at === start ? this.words : this.inner;
      let id: number | undefined;
      let to = Math.min(end, at + this.longest);
      for (; to > at; to--) {
        id = known.get(text.slice(at, to));
        if (id !== undefined) break;
      }
      if (id === undefined) at = -1;
      else {
        ids.push(id);
        at = to;
      }
    }
    if (at < 0) {
      ids.length = before;
      ids.push(this.unknown);
    }
  }
}

const WORD = 1;
const SPACE = 2;
const MARK = 3;

/** Printable ASCII, tab and line ends: nothing to normalise but the case. */
const plain = /^[\t\n\r\x20-\x7e]*$/;
const control = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu;
/** The ideograph blocks that BERT sets apart; Hangul and kana are not among them. */
const ideograph =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const accent = /\p{Mn}/gu;
const punctuation = /\p{P}/u;

/** Of each UTF-16 unit, 0 until first asked for. The first unit of a pair depends on the second and is never kept. */
const kinds = new Uint8Array(0x10000);

function kindAt(text: string, i: number): number {
  const code = text.charCodeAt(i);
  const known = kinds[code] as number;
  if (known !== 0) return known;
  if (isHighSurrogate(code)) return punctuation.test(String.fromCodePoint(text.codePointAt(i) as number)) ? MARK : WORD;
  kinds[code] = kindOf(code);
  return kinds[code] as number;
}

/** BERT takes every printable ASCII sign that is no letter and no digit as punctuation. */
function kindOf(code: number): number {
  if (code <= 0x20) return SPACE;
  const char = String.fromCharCode(code);
  if (code < 0x7f) return /[0-9A-Za-z]/.test(char) ? WORD : MARK;
  return punctuation.test(char) ? MARK : WORD;
}

/** As BertNormalizer: cleaned, CJK between spaces, without accents, lower case. Every white space is a space. */
function normalised(text: string): string {
  return text
    .replace(/[\t\n\r]/g, ' ')
    .replace(control, '')
    .replace(/\s/g, ' ')
    .replace(ideograph, ' $& ')
    .normalize('NFD')
    .replace(accent, '')
    .toLowerCase();
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function codePoints(text: string, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if (!isHighSurrogate(text.charCodeAt(i))) count++;
  return count;
}

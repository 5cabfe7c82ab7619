/**
 * Undoes what hides words from a reader of text but not from a model: compatibility forms (NFKC),
 * zero-width and tag characters, letters of another script that look Latin inside a Latin word.
 * Bounded by `limit`; texts of plain ASCII pass through without a copy.
 */

export interface Normalised {
  readonly text: string;
  /** Zero-width, bidi and tag characters taken out. */
  readonly hidden: number;
  /** Look-alike letters replaced. */
  readonly folded: number;
}

const DEFAULT_LIMIT = 16_384;

// Cyrillic and Greek letters drawn like Latin ones (Unicode confusables, the single-letter part).
const lookalikes: ReadonlyMap<string, string> = new Map(
  [...'аaеeоoрpсcхxуyіiјjѕsԁdһhԛqԝwАAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅSαaοoνvιiρpτtυuκkΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX'].reduce<
    [string, string][]
  >((pairs, char, i, all) => {
    if (i % 2 === 0) pairs.push([char, all[i + 1] as string]);
    return pairs;
  }, []),
);

export function normalise(text: string, limit = DEFAULT_LIMIT): Normalised {
  const cut = text.length > limit ? text.slice(0, limit) : text;
  if (!notAscii.test(cut)) return { text: cut, hidden: 0, folded: 0 };
  let hidden = 0;
  let revealed = '';
  for (const char of cut.normalize('NFKC')) {
    const code = char.codePointAt(0) as number;
    if (isHidden(code)) {
      hidden++;
      // Tag characters spell ASCII: U+E0041 is `A`.
      if (code >= 0xe0020 && code <= 0xe007e) revealed += String.fromCharCode(code - 0xe0000);
    } else revealed += char;
  }
  const { text: latin, folded } = foldWords(revealed);
  return { text: latin, hidden, folded };
}

/** Folds only inside words that also have Latin letters: Russian and Greek stay what they are. */
function foldWords(text: string): { readonly text: string; readonly folded: number } {
  let folded = 0;
  let out = '';
  let from = 0;
  while (from < text.length) {
    let to = from;
    let latin = false;
    let other = false;
    while (to < text.length && isLetter(text.charCodeAt(to))) {
      if (text.charCodeAt(to) < 0x80) latin = true;
      else if (lookalikes.has(text[to] as string)) other = true;
      to++;
    }
    if (latin && other) {
      for (let i = from; i < to; i++) {
        const twin = lookalikes.get(text[i] as string);
        if (twin !== undefined) folded++;
        out += twin ?? text[i];
      }
    } else out += text.slice(from, to);
    if (to < text.length) out += text[to];
    from = to + 1;
  }
  return { text: out, folded };
}

const notAscii = /[\x80-\uffff]/;

function isHidden(code: number): boolean {
  return (
    (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2060 && code <= 0x2064) ||
    code === 0xfeff ||
    code === 0xad ||
    (code >= 0xe0000 && code <= 0xe007f)
  );
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x370 && code <= 0x52f);
}

/** injection, traces: what of a suspicious sentence would show in a call that obeys it. Hashes only; no text is kept. */
import { hashText } from '../../src/text/hash.ts';
import { wordHashes, wordShingles } from '../../src/text/shingles.ts';

const MAX_PAIRS = 96;

/** What of a suspicious sentence would show in a call that obeys it, less what the user asked for. */
export function traces(unit: string, asked: readonly number[]) {
  const known = new Set(asked);
  return {
    pairs: wordShingles(unit, 2)
      .filter((pair) => !known.has(pair))
      .slice(0, MAX_PAIRS),
    words: [...new Set(wordHashes(unit))].slice(0, MAX_PAIRS),
    targets: targetsOf(unit).slice(0, 8),
  };
}

/** Hashes of tokens that name a target: addresses, URLs, long numbers, IBANs. */
export function targetsOf(text: string): string[] {
  return text
    .split(/[\s"'<>(),;]+/)
    .map((token) => (token.endsWith('.') || token.endsWith(':') ? token.slice(0, -1) : token))
    .filter((token) => token.length >= 6 && (token.indexOf('@') > 0 || token.includes('://') || digits(token) >= 6))
    .map((token) => hashText(token.toLowerCase()));
}

function digits(token: string): number {
  let count = 0;
  for (let i = 0; i < token.length; i++) if (token.charCodeAt(i) >= 48 && token.charCodeAt(i) <= 57) count++;
  return count;
}

/** Hashes of the words of `send_email`, `sendEmail`. */
export function nameWords(name: string): number[] {
  return wordHashes(name.replaceAll(/[_.-]/g, ' ').replaceAll(/([a-z])([A-Z])/g, '$1 $2'));
}

/** Content words cut to five letters, so that `encrypt` and `encryption` are one, and `send_email` is two. Cheap likeness of two short texts. */
import type { TextFacts } from './facts.ts';

const LENGTH = 5;

export function wordHeads({ text, tokens }: TextFacts): ReadonlySet<string> {
  const heads = new Set<string>();
  for (let i = 0; i < tokens.count; i++) {
    if (tokens.stem[i] === 0) continue;
    for (const part of text.slice(tokens.start[i], tokens.end[i]).toLowerCase().split('_'))
      if (part.length > 1) heads.add(part.slice(0, LENGTH));
  }
  return heads;
}

/** Share of `part` that `whole` has too, 0–1; 1 if `part` is empty. */
export function headCoverage(part: ReadonlySet<string>, whole: ReadonlySet<string>): number {
  if (part.size === 0) return 1;
  let both = 0;
  for (const head of part) if (whole.has(head)) both++;
  return both / part.size;
}

/** Share of function words: near 0 in lists, code and languages other than English. */
export function functionShare({ tokens }: TextFacts): number {
  let count = 0;
  for (let i = 0; i < tokens.count; i++) if (tokens.stem[i] === 0) count++;
  return tokens.count === 0 ? 0 : count / tokens.count;
}

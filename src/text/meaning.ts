/**
 * How far two texts are apart in meaning: what words alone cannot tell, since they may say one thing in two ways. Two embeddings of at most 128 tokens,
 * about 40 µs: asked behind a gate only. Blind to order, so that nothing about contradiction or negation may rest on it.
 */
import { cosine, embed } from './embedding.ts';

/** 1 − cosine: 0 for the same subject, about 1 for strangers, at most 2. `undefined` without a table: then words decide alone. */
export function meaningApart(a: string, b: string): number | undefined {
  const one = embed(a);
  const other = embed(b);
  return one === undefined || other === undefined ? undefined : 1 - cosine(one, other);
}

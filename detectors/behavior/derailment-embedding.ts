/** derailment, meaning: an answer without a word of its request may still be about it: a poem, a list, a translation of terms. */
import { meaningApart } from '../../src/text/meaning.ts';

/**
 * 1 − cosine from which an answer has another subject than its request. Of 1,324 prose answers to general questions 1 in 100 is farther from its own request,
 * of answers to other questions three in four are. `false` says nothing of a contradiction: embeddings are blind to order.
 */
const APART = 0.8;

/** True if nothing is known of meanings: words decide then. */
export function isOtherSubject(request: string, answer: string): boolean {
  const apart = meaningApart(request, answer);
  return apart === undefined || apart >= APART;
}

/** context, what is compared: a message of some length, and the final answer to it. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';

/** Shorter messages are questions, not context. */
const MIN_CHARS = 120;
/** The fitted messages are a page at most; what is longer holds material of which an answer needs a part. */
const MAX_CHARS = 2_000;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('messages.output')) return undefined;
  const { user, answer, calls } = exchangeOf(step);
  return calls || answer === '' || user.length < MIN_CHARS || user.length > MAX_CHARS ? undefined : { a: user, b: answer };
}

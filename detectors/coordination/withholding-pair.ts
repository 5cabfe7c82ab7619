/** withholding, what is compared: the results a model was given since it last spoke, and its final answer. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';

/** Shorter results (`ok`, a number) have nothing to keep back. */
const MIN_CHARS = 80;
/** The fitted results are reports; longer ones are pages and files, of which an answer needs a part. */
const MAX_CHARS = 2_000;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('messages.output')) return undefined;
  const { data, answer, calls } = exchangeOf(step);
  return calls || answer === '' || data.length < MIN_CHARS || data.length > MAX_CHARS ? undefined : { a: data, b: answer };
}

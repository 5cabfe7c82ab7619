/** withholding, what is compared: the results a model was given since it last spoke, and its final answer. */
import type { Step } from '../../src/step/step.ts';
import { objects } from '../../src/text/compare.ts';
import { exchangeOf } from '../../src/text/exchange.ts';
import { type TextFacts, textFacts } from '../../src/text/facts.ts';

/** Shorter results (`ok`, a number, the line of a commit) have nothing to keep back: the shortest labelled one of which something was has 159. */
const MIN_CHARS = 120;
/** The fitted results are reports; longer ones are pages and files, of which an answer needs a part. */
const MAX_CHARS = 2_000;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('messages.output')) return undefined;
  const { data, answer, calls } = exchangeOf(step);
  if (calls || answer === '' || data.length < MIN_CHARS || data.length > MAX_CHARS) return undefined;
  return tells(textFacts(data)) ? { a: data, b: answer } : undefined;
}

/** Only figures, names, warnings and failures can be kept back; "Saved. Go on with the next item." holds none. */
function tells(result: TextFacts): boolean {
  return result.numbers.length > 0 || result.names.length > 0 || result.phrases.count('failed') > 0 || objects(result);
}

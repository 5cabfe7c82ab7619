/** hallucination, what is compared: the sources a model was given for its answer, and the answer. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';

const MIN_CHARS = 20;
/** Longer sources are pages; that an answer leaves most of them out says nothing. */
const MAX_CHARS = 4_096;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('messages.output')) return undefined;
  const { data, system, answer, calls } = exchangeOf(step);
  if (calls || answer.length < MIN_CHARS) return undefined;
  const context = system.length <= MAX_CHARS && /context|document|source/i.test(system.slice(0, 200)) ? system : '';
  const sources = data === '' ? context : context === '' ? data : `${context}\n${data}`;
  return sources.length < MIN_CHARS || sources.length > MAX_CHARS ? undefined : { a: sources, b: answer };
}

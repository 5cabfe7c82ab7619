/** persona_drift, what is compared: the instructions and an answer. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';

/** About eight and twelve words. */
const MIN_SYSTEM = 40;
const MIN_ANSWER = 60;
/** The fitted instructions describe a role in a few sentences; long prompts are mostly rules of form and tools, and are not judged. */
const MAX_SYSTEM = 800;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('system') || !step.has('messages.output')) return undefined;
  const { system, answer, calls } = exchangeOf(step);
  return calls || answer.length < MIN_ANSWER || system.length < MIN_SYSTEM || system.length > MAX_SYSTEM
    ? undefined
    : { a: system, b: answer };
}

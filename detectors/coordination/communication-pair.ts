/** communication, what is compared: the message of another agent, and the receiver's answer. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';
import { requestWith } from '../../src/text/judge.ts';

export const comparison = requestWith(
  ['covered', 'items_covered', 'length_ratio', 'unable'],
  ['condition_lost', 'acts_unasked', 'claims_change', 'looks_first', 'haste', 'ill_received'],
);

const MIN_CHARS = 20;

export function pairOf(step: Step): { readonly a: string; readonly b: string; readonly from: string } | undefined {
  if ((step.kind !== 'llm' && step.kind !== 'agent') || !step.has('messages.input') || !step.has('messages.output'))
    return undefined;
  const { user, from, answer, calls } = exchangeOf(step);
  if (from === undefined || from === step.agent || from === 'user' || calls) return undefined;
  return user.length < MIN_CHARS || answer.length < MIN_CHARS ? undefined : { a: user, b: answer, from };
}

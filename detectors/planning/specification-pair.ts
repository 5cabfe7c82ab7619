/** specification, what is compared: a request and its restatement, where the instructions ask for one. */
import type { Step } from '../../src/step/step.ts';
import { answerWhereAsked } from '../../src/text/exchange.ts';
import { requestWith } from '../../src/text/judge.ts';

export const comparison = requestWith([
  'condition_lost',
  'acts_unasked',
  'looks_first',
  'haste',
  'widened',
  'limit_lost',
  'form_conflict',
  'opposite',
]);

const asked = ['specification', 'restate', 'requirements document', 'acceptance criteria', 'user stories'];

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  return answerWhereAsked(step, asked);
}

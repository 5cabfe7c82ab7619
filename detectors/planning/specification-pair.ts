/** specification, what is compared: a request and its restatement, where the instructions ask for one. */
import type { Step } from '../../src/step/step.ts';
import { answerWhereAsked } from '../../src/text/exchange.ts';
import { requestWith } from '../../src/text/judge.ts';

export const comparison = requestWith(
  ['covered', 'pairs', 'items_covered', 'length_ratio', 'numbers_lost', 'warning_lost'],
  ['condition_lost', 'acts_unasked', 'looks_first', 'haste', 'widened', 'limit_lost', 'form_conflict', 'opposite'],
);

// The word alone stands in the prompts of every coding agent.
const asked = [
  'restate',
  'a specification',
  'the specification',
  'task specification',
  'technical specification',
  'requirements document',
  'acceptance criteria',
  'user stories',
];
/** One word is no specification. */
const MIN_WORDS = 2;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  const pair = answerWhereAsked(step, asked);
  return pair === undefined || pair.b.split(/\s+/, MIN_WORDS).length < MIN_WORDS ? undefined : pair;
}

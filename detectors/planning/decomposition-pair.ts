/** decomposition, what is compared: a task and its plan, where the instructions ask for one. */
import type { Step } from '../../src/step/step.ts';
import { answerWhereAsked } from '../../src/text/exchange.ts';

const asked = [
  'break the task',
  'break down',
  'into steps',
  'into subtasks',
  'sub-tasks',
  'decompose',
  'step-by-step plan',
  'make a plan',
  'create a plan',
  'devise a plan',
];

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  return answerWhereAsked(step, asked);
}

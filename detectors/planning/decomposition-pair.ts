/** decomposition, what is compared: a task and its plan, where the instructions ask for one. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';

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
  if (step.kind !== 'llm' || !step.has('system') || !step.has('messages.output')) return undefined;
  const { system, user, answer, calls } = exchangeOf(step);
  if (calls || user === '' || answer === '') return undefined;
  const lower = system.slice(0, 2_048).toLowerCase();
  return asked.some((word) => lower.includes(word)) ? { a: user, b: answer } : undefined;
}

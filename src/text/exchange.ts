/**
 * The two sides of a model call, as texts: what it was told since it last spoke, by origin, and what it answered. Computed once per step; the
 * texts are cut, so that a page in the prompt does not cost more than its beginning.
 */
import type { Step } from '../step/step.ts';
import { outputText } from './features.ts';
import { newInput } from './turn.ts';

export interface Exchange {
  /** By users or other agents. */
  readonly user: string;
  /** Returned by tools, or retrieved and put into the prompt. */
  readonly data: string;
  readonly system: string;
  /** Name of the agent that sent the user's message, if the dialect says. */
  readonly from: string | undefined;
  /** What the model wrote; empty if it only called tools. */
  readonly answer: string;
  /** True if it asks for tools, or writes code, as agents do that act by code: not its last word. */
  readonly calls: boolean;
}

/** About 1,000 words of each side. */
const LIMIT = 6_144;

/** One slot, as in `features.ts`: all detectors see a step before any sees the next, and a step that is kept keeps no texts by this. */
let current: Step | undefined;
let kept: Exchange | undefined;

export function exchangeOf(step: Step): Exchange {
  if (step === current && kept !== undefined) return kept;
  let user = '';
  let data = '';
  let from: string | undefined;
  for (const message of newInput(step)) {
    if (message.role === 'user') {
      user = append(user, message.text);
      from ??= message.name;
    } else if (message.role === 'tool' && message.toolResults.length === 0) data = append(data, message.text);
    for (const result of message.toolResults) data = append(data, result.text);
  }
  const answer = outputText(step).slice(0, LIMIT);
  current = step;
  kept = {
    user,
    data,
    system: (step.system ?? '').slice(0, LIMIT),
    from,
    answer,
    calls: answer.includes('```') || step.output.some(({ toolCalls }) => toolCalls.length > 0),
  };
  return kept;
}

function append(text: string, more: string): string {
  if (more === '' || text.length >= LIMIT) return text;
  return (text === '' ? more : `${text}\n${more}`).slice(0, LIMIT);
}

/** The request and the final answer to it, where the instructions contain one of `words` (lower case). */
export function answerWhereAsked(step: Step, words: readonly string[]): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('system') || !step.has('messages.output')) return undefined;
  const { system, user, answer, calls } = exchangeOf(step);
  if (calls || user === '' || answer === '') return undefined;
  const lower = system.slice(0, 2_048).toLowerCase();
  return words.some((word) => lower.includes(word)) ? { a: user, b: answer } : undefined;
}

/** What is new in a model call, whose input carries the whole conversation again. */
import type { Message, Step } from '../step/step.ts';

/**
 * The input messages after the last one by the assistant: what the model was told since it last spoke. All of them in a first call.
 * Stateless, so a history that was compacted in between shows as it is. O(new messages).
 */
export function newInput(step: Step): readonly Message[] {
  const { input } = step;
  let from = input.length;
  while (from > 0 && (input[from - 1] as Message).role !== 'assistant') from--;
  return from === 0 ? input : input.slice(from);
}

/** Text of the last user message, or `undefined`. */
export function lastUserText(step: Step): string | undefined {
  for (let i = step.input.length - 1; i >= 0; i--) {
    const message = step.input[i] as Message;
    if (message.role === 'user' && message.text !== '') return message.text;
  }
  return undefined;
}

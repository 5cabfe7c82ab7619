/** context, what is compared: a message of some length, and the final answer to it. */
import type { Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';
import { textFacts } from '../../src/text/facts.ts';
import { parseObject } from '../../src/text/json.ts';

/** Shorter messages are questions, not context. */
const MIN_CHARS = 120;
/** The fitted messages are a page at most; what is longer holds material of which an answer needs a part. */
const MAX_CHARS = 2_000;
/** A word or a tag classifies the message and leaves out all of it; the shortest labelled answer has 79 characters. */
const MIN_ANSWER = 40;
/** Numbers and words of names. A long message with fewer is a question and how to answer it; no labelled neglect is of fewer. */
const MIN_FACTS = 2;

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('messages.output')) return undefined;
  const { user, answer, calls } = exchangeOf(step);
  if (calls || answer.length < MIN_ANSWER || user.length < MIN_CHARS || user.length > MAX_CHARS) return undefined;
  // An object is made for a program that asked for its fields, not for a reader.
  if (answer.charCodeAt(0) === 0x7b && parseObject(answer) !== undefined) return undefined;
  const { numbers, nameStems } = textFacts(user);
  return numbers.length + nameStems.size < MIN_FACTS ? undefined : { a: user, b: answer };
}

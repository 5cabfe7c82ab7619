/** persona_drift, what is compared: instructions that give a role, and an answer that the conversation itself does not explain. */
import type { Message, Step } from '../../src/step/step.ts';
import { exchangeOf } from '../../src/text/exchange.ts';
import { type TextFacts, textFacts } from '../../src/text/facts.ts';
import { stemHash } from '../../src/text/tokens.ts';

/** About eight and twelve words. */
const MIN_SYSTEM = 40;
const MIN_ANSWER = 60;
/** The fitted instructions describe a role in a few sentences; long prompts are mostly rules of form and tools, and are not judged. */
const MAX_SYSTEM = 800;
/** Words of a role beyond those that every assistant's instructions have. */
const MIN_ROLE = 6;
/** Share of the answer's words that users or tools brought up, from which the answer follows the conversation, whatever the role. */
const ASKED_FOR = 0.2;
/** Messages of the conversation, and characters of each, in which the answer is looked for. */
const MAX_MESSAGES = 16;
const MAX_TEXT = 2_048;

const generic = new Set(
  'you helpful assistant agent answer question user task tool respond response concise output json use provide help give return write plan step final text context message instruction always never must based information'
    .split(' ')
    .map(stemHash),
);

export function pairOf(step: Step): { readonly a: string; readonly b: string } | undefined {
  if (step.kind !== 'llm' || !step.has('system') || !step.has('messages.output')) return undefined;
  const { system, answer, calls, user, data } = exchangeOf(step);
  if (calls || answer.length < MIN_ANSWER || system.length < MIN_SYSTEM || system.length > MAX_SYSTEM) return undefined;
  let role = 0;
  for (const stem of textFacts(system).stems) if (!generic.has(stem)) role++;
  if (role < MIN_ROLE) return undefined;
  const facts = textFacts(answer);
  if (explained(facts, [user, data]) || explained(facts, conversationOf(step))) return undefined;
  return { a: system, b: answer };
}

/** What users and tools said in the whole conversation, the latest first: a request stands before the calls that it took. */
function conversationOf({ input }: Step): string[] {
  const texts: string[] = [];
  for (let i = input.length - 1, left = MAX_MESSAGES; i >= 0 && left > 0; i--, left--) {
    const { role, text, toolResults } = input[i] as Message;
    if (role === 'user') texts.push(text.slice(0, MAX_TEXT));
    for (const result of toolResults) texts.push(result.text.slice(0, MAX_TEXT));
  }
  return texts;
}

function explained(answer: TextFacts, texts: readonly string[]): boolean {
  const given = texts.filter((text) => text !== '').map(textFacts);
  if (given.length === 0 || answer.stems.size === 0) return false;
  let known = 0;
  for (const stem of answer.stems) if (given.some(({ stems }) => stems.has(stem))) known++;
  return known / answer.stems.size >= ASKED_FOR;
}

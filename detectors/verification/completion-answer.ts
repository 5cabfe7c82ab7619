/** completion, answers: what shows that a final answer needed evidence it does not have, and the facets under which it is said. */
import type { Context } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import type { Action } from '../../src/text/action.ts';
import { type TextFacts, textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';
import type { messages } from './completion-messages.ts';

export interface Signs {
  /** Words of assuming, remembering or simulating. */
  readonly assumes: boolean;
  /** Words that claim a source or a check. */
  readonly claims: boolean;
  /** Numbers in the answer that nothing told so far contains. */
  readonly numbers: number;
  /** Tools the plan named and nobody called. */
  readonly planned: readonly string[];
  /** The first thing the agent did. */
  readonly first: boolean;
  readonly literal: boolean;
}

/** Characters of each message in which the answer's numbers are looked for, and numbers that are. */
const MAX_TOLD = 32_768;
const MAX_NUMBERS = 16;

export function signsOf(
  step: Step,
  action: Action,
  { planned, first, used }: { readonly planned: readonly string[]; readonly first: boolean; readonly used: boolean },
): Signs {
  const facts = textFacts(outputText(step));
  const { phrases } = facts;
  return {
    assumes: phrases.count('assume') + phrases.count('recall') + phrases.count('simulate') > 0,
    claims: phrases.count('verified') + phrases.count('sourced') > 0,
    numbers: used ? 0 : unsourced(facts, step),
    planned,
    first,
    literal: action.literal,
  };
}

/** Numbers of the answer, in digits, that stand in nothing the model was told. */
function unsourced({ text, numbers, tokens }: TextFacts, step: Step): number {
  const left = new Set<string>();
  for (const { at, token } of numbers.slice(0, MAX_NUMBERS)) {
    const digits = text.slice(at, tokens.end[token]);
    if (digits.charCodeAt(0) <= 0x39) left.add(digits);
  }
  for (const message of step.input) {
    for (const told of [message.text, ...message.toolResults.map((result) => result.text)]) {
      const searched = told.slice(0, MAX_TOLD);
      for (const digits of left) if (standsIn(digits, searched)) left.delete(digits);
    }
    if (left.size === 0) break;
  }
  return left.size;
}

/** As a whole: 8 does not stand in 18. */
function standsIn(digits: string, text: string): boolean {
  for (let at = text.indexOf(digits); at >= 0; at = text.indexOf(digits, at + 1)) {
    if (!isDigit(text.charCodeAt(at - 1)) && !isDigit(text.charCodeAt(at + digits.length))) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/**
 * Says the answer and its facets. Scores are the shares of such answers on TRAIL dev that people labelled so; each sign adds to the first,
 * but a claimed source alone is the way models talk.
 * An answer after tools were used is only said to assume when it is written out.
 */
export function unsupported(
  step: Step,
  signs: Signs,
  used: boolean,
  ctx: Pick<Context<Record<never, never>, typeof messages>, 'report'>,
): void {
  const at = { traceId: step.traceId, spanId: step.spanId };
  const key = step.spanId;
  if (used) {
    if (signs.assumes && signs.literal) ctx.report('assumed', { at, key, score: 0.5, data: {} });
    return;
  }
  const found = [
    ...(signs.assumes ? ['assumptions'] : []),
    ...(signs.numbers > 0 ? ['numbers without a source'] : []),
    ...(signs.planned.length > 0 ? ['a plan that was skipped'] : []),
    ...(signs.claims ? ['a source that was not consulted'] : []),
  ];
  if (found.length === 0) return;
  const strong = found.length - (signs.claims ? 1 : 0);
  ctx.report('unsupported', {
    at,
    key,
    score: strong === 0 ? 0.4 : Math.min(0.9, 0.55 + 0.12 * strong),
    ...(strong >= 2 ? { severity: 'high' as const } : {}),
    data: { signs: found.join(', ') },
  });
  if (signs.assumes) ctx.report('recalled', { at, key, score: 0.45, data: {} });
  if (signs.planned.length > 0) ctx.report('claimed_source', { at, key, score: 0.48, data: { tools: signs.planned.join(', ') } });
  if (signs.first && (signs.assumes || signs.numbers > 0)) ctx.report('tools_skipped', { at, key, score: 0.45, data: {} });
  if (signs.first) ctx.report('plan_skipped', { at, key, score: 0.36, data: {} });
}

/** completion, answers: what shows that a final answer needed evidence it does not have, and the facets under which it is said. */
import type { Context } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import type { Action } from '../../src/text/action.ts';
import { textFacts } from '../../src/text/facts.ts';
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

/** Characters of each message in which the answer's numbers are looked for. */
const MAX_TOLD = 32_768;

export function signsOf(
  step: Step,
  action: Action,
  { planned, first }: { readonly planned: readonly string[]; readonly first: boolean },
): Signs {
  const facts = textFacts(outputText(step));
  const { phrases } = facts;
  const told = new Set<number>();
  for (const message of step.input)
    for (const text of [message.text, ...message.toolResults.map((result) => result.text)])
      for (const { value } of textFacts(text.slice(0, MAX_TOLD)).numbers) told.add(value);
  return {
    assumes: phrases.count('assume') + phrases.count('recall') + phrases.count('simulate') > 0,
    claims: phrases.count('verified') + phrases.count('sourced') > 0,
    numbers: new Set(facts.numbers.filter(({ value }) => !told.has(value)).map(({ value }) => value)).size,
    planned,
    first,
    literal: action.literal,
  };
}

/**
 * Says the answer and its facets. Scores are the shares of such answers on TRAIL dev that people labelled so; each sign adds to the first.
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
    score: Math.min(0.9, 0.55 + 0.12 * strong),
    ...(strong >= 2 ? { severity: 'high' as const } : {}),
    data: { signs: found.join(', ') },
  });
  if (signs.assumes) ctx.report('recalled', { at, key, score: 0.45, data: {} });
  if (signs.planned.length > 0) ctx.report('claimed_source', { at, key, score: 0.48, data: { tools: signs.planned.join(', ') } });
  if (signs.first && (signs.assumes || signs.numbers > 0)) ctx.report('tools_skipped', { at, key, score: 0.45, data: {} });
  if (signs.first) ctx.report('plan_skipped', { at, key, score: 0.36, data: {} });
}

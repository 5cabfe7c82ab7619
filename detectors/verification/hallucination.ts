/** hallucination: an answer with hard facts that nothing in the run holds. Names and numbers of an answer that were never seen make it a suspect; how it treats what it was given, as fitted on labelled entries, decides. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { type TextFacts, textFacts } from '../../src/text/facts.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import { addSeen, emptySeen, hasSeen, type Seen } from '../../src/text/seen.ts';
import { CAPITAL, NUMBER } from '../../src/text/tokens.ts';
import { newInput } from '../../src/text/turn.ts';
import fit from './hallucination.fit.json' with { type: 'json' };
import { pairOf } from './hallucination-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  unsupported_fact: {
    text: 'The answer states {{missing}} names or numbers that nothing the agent saw holds ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'Somebody acts on a fact that the model made up.',
    action:
      'Require a source for every name and number, check them against the results, and let the model say that it does not know.',
    taxonomy: { mast: ['FM-3.3'], trail: ['Language-only'], owasp: ['LLM09'], modes: ['F15'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

/** Characters of one text that are remembered. */
const MAX_TEXT = 16_384;

const judge = judgeOf(fit.head);

export default defineDetector({
  meta: {
    id: 'hallucination',
    family: 'verification',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds answers with names and numbers that nothing in the run holds.',
    docs: {
      what: 'Final answers of model calls that were given sources (tool results, documents, a context in the instructions): names and numbers that occur nowhere in the session so far; where there are any, the words, pairs, names and numbers of the sources against the answer, as a fitted score.',
      why: 'A made-up number looks like any other.',
      fix: 'Cite or abstain; recompute numbers with tools; check names against the sources.',
      limits:
        'Totals and roundings of seen numbers look made up. Knowledge of the model that is right looks like invention, if no source holds it. Without sources there is no verdict.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  init: (): Seen | undefined => undefined,

  onStep(state, step, ctx: Ctx) {
    if (step.rollup || (step.kind !== 'llm' && step.kind !== 'tool')) return state;
    const seen = remember(state, step);
    const pair = pairOf(step);
    if (pair === undefined) return seen;
    const answer = textFacts(pair.b);
    const missing = seen === undefined ? 0 : unseen(answer, seen);
    if (missing === 0) return seen;
    const { score, signs } = judge(pair.a, pair.b);
    if (score >= ctx.options.report_at)
      ctx.report('unsupported_fact', {
        at: step,
        key: step.spanId,
        score,
        data: { missing, signs: signs() },
      });
    return seen;
  },
});

/** Words of everything the agent was told or shown; its own words are no source. */
function remember(former: Seen | undefined, step: Step): Seen | undefined {
  const texts =
    step.kind === 'tool'
      ? [step.tool?.result ?? '']
      : [
          step.system ?? '',
          ...newInput(step).flatMap(({ role, text, toolResults }) =>
            role === 'assistant' ? [] : [text, ...toolResults.map((one) => one.text)],
          ),
        ];
  let seen = former;
  for (const text of texts) {
    if (text === '') continue;
    seen ??= emptySeen();
    const { tokens } = textFacts(text.slice(0, MAX_TEXT));
    for (let i = 0; i < tokens.count; i++) {
      const flags = tokens.flags[i] as number;
      if ((flags & (CAPITAL | NUMBER)) !== 0) addSeen(seen, tokens.word[i] as number);
    }
  }
  return seen;
}

/** Names and numbers of the answer that were never seen. A name is seen if any of its words is. */
function unseen({ tokens, names, numbers }: TextFacts, seen: Seen): number {
  let count = 0;
  for (const { from, to } of names) {
    let known = false;
    for (let i = from; i < to && !known; i++) known = hasSeen(seen, tokens.word[i] as number);
    if (!known) count++;
  }
  for (const { token, value } of numbers) {
    // Small counts are made, not looked up.
    if (value > 10 && !hasSeen(seen, tokens.word[token] as number)) count++;
  }
  return count;
}

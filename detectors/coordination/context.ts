/** context: an answer that leaves unused what it was given. The share of the given facts that it takes up, and what it loses of them, is weighted as fitted on labelled entries. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './context.fit.json' with { type: 'json' };
import { pairOf } from './context-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  neglected: {
    text: 'The answer leaves out what it was given ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'The user gets a general answer to a particular question.',
    action: 'Put the facts that must be used next to the question, name them as required, and ask for them in the answer.',
    taxonomy: { mast: ['FM-1.4'], trail: ['Context Handling Failures'], owasp: [], modes: ['F7'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head);

export default defineDetector({
  meta: {
    id: 'context',
    family: 'coordination',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds answers that neglect the context they were given.',
    docs: {
      what: 'For a final answer in prose to a message of some length that holds two facts or more: the shares of the words, names, numbers and clauses of the message that the answer takes up, as a fitted score.',
      why: 'A model that has the facts and does not use them answers worse than one without, and nobody sees why.',
      fix: 'Shorten the context to what matters, mark what must be used, and check the answer for it.',
      limits:
        'A short right answer to a long message looks like neglect. Fitted on entries that a language model wrote; on real runs the score orders findings more than it proves them.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  // What is compared stands in one step: nothing has to be remembered.
  init: (): undefined => undefined,

  onStep(state, step, ctx: Ctx) {
    const pair = step.rollup ? undefined : pairOf(step);
    if (pair === undefined) return state;
    const { score, signs } = judge(pair.a, pair.b);
    if (score >= ctx.options.report_at) ctx.report('neglected', { at: step, key: step.spanId, score, data: { signs: signs() } });
    return state;
  },
});

/** communication: a message between agents whose answer does not fit it. Compared are what another agent said and what the receiver answers. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './communication.fit.json' with { type: 'json' };
import { comparison, pairOf } from './communication-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  misunderstood: {
    text: "The answer to a message from '{{from}}' does not fit it ({{signs}}).",
    tier: 3,
    severity: 'medium',
    impact: 'The agents go on with different ideas of the same task.',
    action: 'Give messages between agents a schema, and have the receiver repeat what it will do before it does it.',
    taxonomy: { mast: ['FM-2.5'], trail: ['Task Orchestration'], owasp: ['ASI07'], modes: ['F10'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, { comparison });

export default defineDetector({
  meta: {
    id: 'communication',
    family: 'coordination',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds answers to another agent that do not fit its message.',
    docs: {
      what: 'A message that names another agent as its sender against the answer of the receiver: words and clauses, conditions that are dropped, changes that are claimed though a look was asked for, and data that was not understood, as a fitted score.',
      why: 'Agents that misread each other fail together.',
      fix: 'Use typed messages, acknowledge what was understood, and ask when something is missing.',
      limits:
        'Whether an action was asked for or only mentioned cannot be told from words. Fitted on entries that a language model wrote.',
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
    if (score >= ctx.options.report_at)
      ctx.report('misunderstood', {
        at: step,
        key: step.spanId,
        score,
        data: { from: pair.from, signs: signs() },
      });
    return state;
  },
});

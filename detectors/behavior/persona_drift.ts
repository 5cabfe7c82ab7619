/** persona_drift: an agent that speaks outside the role its instructions give it. The instructions and each answer are compared, as fitted on labelled entries. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './persona_drift.fit.json' with { type: 'json' };
import { pairOf } from './persona_drift-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  drifted: {
    text: 'The answer does not fit the role that the instructions give ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'Users get advice from an agent that was not made for it.',
    action:
      'State in the instructions what is out of scope and what to answer then; shorten the history that pulls the agent away.',
    taxonomy: { mast: ['FM-1.2'], trail: ['Instruction Non-compliance'], owasp: ['ASI10'], modes: ['F9'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, { meant: fit.head_meaning });

export default defineDetector({
  meta: {
    id: 'persona_drift',
    family: 'behavior',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['system', 'messages.output'],
    summary: 'Finds agents that leave the role their instructions give them.',
    docs: {
      what: 'Words, names and clauses of the instructions against those of each answer, as a fitted score; near a finding their embeddings too. Only instructions of eight words and answers of twelve are judged.',
      why: 'An agent that takes on another role works without the rules of its own.',
      fix: 'Repeat the role near the end of the prompt, and route questions of other roles elsewhere.',
      limits:
        'An answer on the subject in other words looks like drift. Instructions that are mostly rules of form say little about the subject. Fitted on entries that a language model wrote.',
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
    if (score >= ctx.options.report_at) ctx.report('drifted', { at: step, key: step.spanId, score, data: { signs: signs() } });
    return state;
  },
});

/** withholding: an answer that keeps back what tools returned: warnings, failures, numbers. Compared are the results since the model last spoke and what it then says to the outside. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './withholding.fit.json' with { type: 'json' };
import { pairOf } from './withholding-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  withheld: {
    text: 'The answer keeps back what the tools returned ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'The reader decides without the warning or the failure that the agent saw.',
    action: 'Ask for findings, failures and limits by name in the answer, and check it against the results.',
    taxonomy: { mast: ['FM-2.4'], trail: ['Tool Output Misinterpretation'], owasp: ['ASI09'], modes: ['F8'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, { meant: fit.head_meaning });

export default defineDetector({
  meta: {
    id: 'withholding',
    family: 'coordination',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds answers that keep back warnings, failures or findings that the agent saw.',
    docs: {
      what: 'Tool results since the model last spoke that hold a figure, a name or a warning, against its final answer: numbers, names and clauses lost, warnings and failures without an echo, praise in their place; as a fitted score; near a finding embeddings too.',
      why: 'An agent that hides what went wrong is worse than one that fails.',
      fix: 'Make reports structured, with fields for failures and limits.',
      limits:
        'A summary on purpose loses details too. Results that were never meant for the reader, such as internal paths, are details as well. Without tool results there is no verdict.',
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
    if (score >= ctx.options.report_at) ctx.report('withheld', { at: step, key: step.spanId, score, data: { signs: signs() } });
    return state;
  },
});

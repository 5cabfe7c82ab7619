/** specification: a specification that does not say what was asked for. Compared are the request and its restatement, where an agent is told to restate it. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './specification.fit.json' with { type: 'json' };
import { comparison, pairOf } from './specification-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  mismatch: {
    text: 'The specification does not say what was asked for ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'Everything after it builds the wrong thing.',
    action: 'Show the specification to whoever asked before work begins; list requirements one by one and tick them off.',
    taxonomy: { mast: ['FM-1.1'], trail: ['Incorrect Problem Identification'], owasp: [], modes: ['F1'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, { comparison });

export default defineDetector({
  meta: {
    id: 'specification',
    family: 'planning',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds specifications that differ from the request.',
    docs: {
      what: 'Where the instructions ask for a specification or a restatement: words and clauses of the request against it, conditions and limits that are dropped or widened, questions that became deeds, another form or the opposite, as a fitted score.',
      why: 'A wrong specification is the cheapest error to make and the dearest to find.',
      fix: 'Keep the words of the request in the specification; mark what was added.',
      limits:
        'Only restatements are judged; whether an answer meets a request is not decided by words. Fitted on entries that a language model wrote.',
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
    if (score >= ctx.options.report_at) ctx.report('mismatch', { at: step, key: step.spanId, score, data: { signs: signs() } });
    return state;
  },
});

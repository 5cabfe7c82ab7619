/** decomposition: a plan that misses parts of its task. Compared are the task and the steps of the plan, where an answer is a plan. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './decomposition.fit.json' with { type: 'json' };
import { pairOf } from './decomposition-pair.ts';
import { comparePlan } from './decomposition-plan.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  poor_plan: {
    text: 'The plan does not cover its task ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'Parts of the task are never worked on, or in an order that cannot work.',
    action: 'Have the plan name the requirement that each step meets, and check that none is left.',
    taxonomy: { mast: ['FM-1.1'], trail: ['Task Orchestration'], owasp: [], modes: ['F2'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, { comparison: comparePlan });

export default defineDetector({
  meta: {
    id: 'decomposition',
    family: 'planning',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['messages.input', 'messages.output'],
    summary: 'Finds plans that miss parts of their task.',
    docs: {
      what: 'Where the instructions ask for a plan: words, numbers and clauses of the task against the plan, fewer steps than the task lists, parts for the whole, deeds before their checks, empty steps and talk, as a fitted score.',
      why: 'What is not in the plan is not done.',
      fix: 'Plan against a list of requirements; let a second look find what is missing.',
      limits:
        'Whether steps are sound is not judged, only whether the task is in them. Fitted on entries that a language model wrote.',
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
    if (score >= ctx.options.report_at) ctx.report('poor_plan', { at: step, key: step.spanId, score, data: { signs: signs() } });
    return state;
  },
});

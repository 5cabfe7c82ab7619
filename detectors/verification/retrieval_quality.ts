/** retrieval_quality: a retrieval whose documents do not hold what was asked for. The query and the documents of one retrieval are compared, as fitted on labelled entries. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './retrieval_quality.fit.json' with { type: 'json' };
import { pairOf } from './retrieval_quality-pair.ts';

const options = {
  report_at: reportAt,
} as const;

const messages = {
  off_topic: {
    text: 'The retrieved documents do not hold what was asked for ({{signs}}).',
    tier: 3,
    severity: 'medium',
    impact: 'The answer rests on nothing, or on something else.',
    action:
      'Look at the query that was sent, the index, and the number of documents; let the agent search again or say that it found nothing.',
    taxonomy: { mast: [], trail: ['Poor Information Retrieval'], owasp: [], modes: ['F16'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, fit.head_meaning);

export default defineDetector({
  meta: {
    id: 'retrieval_quality',
    family: 'verification',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['documents'],
    summary: 'Finds retrievals whose documents miss the question.',
    docs: {
      what: 'Words, pairs, names and numbers of the query against those of all documents of the retrieval, as a fitted score; near a finding their embeddings too.',
      why: 'Most wrong answers of retrieval systems begin with the wrong documents.',
      fix: 'Rewrite queries, mix lexical and dense search, rerank, and allow an empty answer.',
      limits:
        'Documents on the subject that lack the answer look good: that needs understanding. Queries of synonyms look bad. Search results of the same query differ by less than this can see.',
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
    if (score >= ctx.options.report_at) ctx.report('off_topic', { at: step, key: step.spanId, score, data: { signs: signs() } });
    return state;
  },
});

/**
 * retrieval_quality: a retrieval whose documents do not hold what was asked for, and searches that ask nearly the same again. The query and the
 * documents of one retrieval are compared, as fitted on labelled entries; queries are compared by their words.
 */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { judgeOf, reportAt } from '../../src/text/judge.ts';
import fit from './retrieval_quality.fit.json' with { type: 'json' };
import { pairOf } from './retrieval_quality-pair.ts';
import { formerOf, keep, type Search, searchIn, searchOf } from './retrieval_quality-searches.ts';

const options = {
  report_at: reportAt,
  likeness: {
    type: 'number',
    text: 'Share of words (Jaccard) that two queries have in common for the later one to ask again.',
    default: 0.5,
    min: 0.2,
    max: 1,
    source: 'TRAIL dev: at .5 five of twelve last repeats are marked as errors, at .8 three of six; below .5 none is added.',
  },
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
  asked_again: {
    text: "'{{tool}}' was asked nearly the same {{count}} times in other words.",
    tier: 2,
    severity: 'low',
    impact: 'The results of the first query were not used or did not help, and those of the next are mostly the same.',
    action:
      'Have the agent say what the last results lacked before it searches again, open what it found, or use another source.',
    taxonomy: { mast: ['FM-1.3'], trail: ['Poor Information Retrieval', 'Resource Abuse'], owasp: [], modes: ['F16'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const judge = judgeOf(fit.head, { meant: fit.head_meaning });

export default defineDetector({
  meta: {
    id: 'retrieval_quality',
    family: 'verification',
    scope: 'trace',
    version: 1,
    stateVersion: 2,
    needs: ['documents'],
    summary: 'Finds retrievals whose documents miss the question, and searches that ask the same again.',
    docs: {
      what: 'Words, pairs, names and numbers of the query against those of all documents of the retrieval, as a fitted score, near a finding their embeddings too; and queries of one agent to one search tool that share most of their words with an earlier one.',
      why: 'Most wrong answers of retrieval systems begin with the wrong documents.',
      fix: 'Rewrite queries, mix lexical and dense search, rerank, and allow an empty answer.',
      limits:
        'Documents on the subject that lack the answer look good: that needs understanding. Queries of synonyms look bad. Search results of the same query differ by less than this can see. A query that is narrowed on purpose looks like one that asks again.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  init: (): Search[] | undefined => undefined,

  onStep(state, step, ctx: Ctx) {
    if (step.rollup || (step.kind !== 'retriever' && step.kind !== 'tool')) return state;
    const pair = pairOf(step);
    if (pair !== undefined) {
      const { score, signs } = judge(pair.a, pair.b);
      if (score >= ctx.options.report_at)
        ctx.report('off_topic', { at: step, key: step.spanId, score, data: { signs: signs() } });
    }
    return ctx.wants('asked_again') ? ask(state, step, ctx) : state;
  },
});

function ask(state: Search[] | undefined, step: Step, ctx: Ctx): Search[] | undefined {
  const search = searchOf(step);
  if (search === undefined) return state;
  const now = searchIn(step, search.tool, search.query);
  const former = formerOf(state ?? [], now, ctx.options.likeness);
  const again = former === undefined ? 0 : former.again + 1;
  if (former !== undefined) {
    // Several in a row are one finding, at the last of them.
    const score = Math.min(0.5, 0.3 + 0.05 * again);
    const { traceId, spanId } = former;
    ctx.report('asked_again', {
      at: step,
      key: now.lane,
      evidence: [{ traceId, spanId }],
      score,
      data: { tool: search.tool, count: again + 1 },
    });
  }
  return keep(state ?? [], { ...now, again });
}

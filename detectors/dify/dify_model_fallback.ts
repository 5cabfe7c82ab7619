/**
 * dify_model_fallback: a model call that another model answered than the one asked for, or a chain of calls in which a failed one was followed by
 * another model. Versions of one model are no fallback.
 */
import { defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';

interface State {
  /** The last call that failed, waiting to see who answers instead. */
  failed: (SpanRef & { readonly model: string }) | null;
}

const options = {
  versions: {
    type: 'boolean',
    text: 'Report another dated version of the same model too.',
    default: false,
    source: 'A dated version is what an alias stands for.',
  },
} as const;

const taxonomy = { mast: [], trail: ['Service Errors'], owasp: ['LLM03'], modes: ['F15'] } as const;

const messages = {
  other_model: {
    text: "Node '{{node}}' asked for {{requested}} and was answered by {{used}}.",
    tier: 1,
    severity: 'medium',
    impact: 'Answers are of another quality and price than the app was tested with.',
    action: "Pin the model, show the fallback in the app's log, and test the app with its fallback.",
    taxonomy: taxonomy,
  },
  after_failure: {
    text: "Model {{requested}} failed at node '{{node}}', and {{used}} answered instead.",
    tier: 1,
    severity: 'medium',
    impact: 'The app works on its second choice; nobody may have noticed.',
    action: 'Find out why the first model failed, and alert on the change.',
    taxonomy: taxonomy,
  },
  stated: {
    text: "Node '{{node}}' says that a fallback was used.",
    tier: 1,
    severity: 'medium',
    impact: 'The app works on its second choice; nobody may have noticed.',
    action: 'Find out why the first model was left, and alert on the change.',
    taxonomy: taxonomy,
  },
} as const;

export default defineDetector({
  meta: {
    id: 'dify_model_fallback',
    family: 'dify',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['model'],
    summary: 'Finds Dify model calls that another model answered than was asked for.',
    docs: {
      what: "The model a node asks for against the one that answered; a failed call followed by a call of another model at the same place; what the node's metadata says of a fallback.",
      why: 'A silent fallback changes quality, price and privacy.',
      fix: 'Pin models, log fallbacks, and alert on them.',
      limits: 'Aliases that stand for another name look like another model if neither begins with the other.',
      sources: ['https://docs.dify.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind !== 'llm' || step.extra['run.format'] !== 'dify') return state;
    const requested = step.requestModel ?? '';
    const used = step.responseModel ?? requested;
    const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
    const at = { traceId: step.traceId, spanId: step.spanId };
    if (requested !== '' && used !== '' && !same(requested, used, ctx.options.versions))
      ctx.report('other_model', { at, key: step.spanId, score: 0.9, data: { node, requested, used } });
    else if (spoken(step)) ctx.report('stated', { at, key: step.spanId, score: 0.8, data: { node } });
    if (step.outcome === 'error' || step.outcome === 'timeout') return { failed: { ...at, model: requested } };
    const failed = state?.failed;
    if (failed && used !== '' && failed.model !== '' && !same(failed.model, used, false))
      ctx.report('after_failure', {
        at,
        key: step.spanId,
        evidence: [failed, at],
        score: 0.85,
        data: { node, requested: failed.model, used },
      });
    return state === undefined ? state : { failed: null };
  },
});

/** One of them may carry a date or version that the other leaves out. */
function same(a: string, b: string, strict: boolean): boolean {
  const [x, y] = [bare(a), bare(b)];
  if (x === y) return true;
  if (strict) return false;
  const [short, long] = x.length < y.length ? [x, y] : [y, x];
  return long.startsWith(short) && /^[-@:](?:\d|latest|preview|v\d)/.test(long.slice(short.length));
}

function bare(model: string): string {
  const lower = model.toLowerCase();
  return lower.slice(lower.lastIndexOf('/') + 1);
}

function spoken(step: Step): boolean {
  const stated = step.extra['model.fallback'];
  if (typeof stated === 'object' && stated !== null)
    return Object.values(stated).some((value) => value !== false && value !== null && value !== '' && value !== 0);
  return stated === true || (typeof stated === 'string' && stated !== '');
}

/** n8n_resource: an n8n run that uses more than it should: items or bytes that multiply on their way, many calls of services in one run, and loops over models without a bound. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { isModel, type Workflow, workflowOf } from './n8n-graph.ts';

interface State {
  /** Calls of services and models in this run. */
  calls: number;
}

const options = {
  max_growth: {
    type: 'number',
    text: 'Items out of a node per item in, from which it is reported.',
    default: 100,
    min: 2,
    max: 100000,
    source: 'A sheet or a list that is read gives hundreds of items of one; see min_items.',
  },
  min_items: {
    type: 'integer',
    text: 'Items out of a node below which growth is not reported.',
    default: 10000,
    min: 1,
    max: 100000000,
    source: 'Judgement: ten thousand items of a kilobyte are ten megabytes that every node after it holds.',
  },
  max_bytes: {
    type: 'integer',
    text: 'Bytes of a node output from which it is reported.',
    default: 16777216,
    min: 1024,
    max: 1073741824,
    source: "16 MiB: n8n's own bound of a payload (N8N_PAYLOAD_SIZE_MAX). LIKELY from four times that.",
  },
  max_calls: {
    type: 'integer',
    text: 'Calls of models and services in a run from which it is reported.',
    default: 100,
    min: 2,
    max: 1000000,
    source: 'A usual rate limit of a minute.',
  },
} as const;

const taxonomy = { mast: ['FM-1.3'], trail: ['Resource Exhaustion'], owasp: ['ASI08'], modes: ['F3', 'F6'] } as const;

const messages = {
  growth: {
    text: "Node '{{node}}' made {{out}} items of {{into}}.",
    tier: 1,
    severity: 'medium',
    impact: 'Every node after it works a multiple, and every call is paid.',
    action: 'Filter before the node, and batch after it.',
    taxonomy: taxonomy,
  },
  large_output: {
    text: "Node '{{node}}' put out {{bytes}} bytes.",
    tier: 1,
    severity: 'medium',
    impact: 'The run may run out of memory; its history grows.',
    action: 'Pass files by reference, and cut what is not needed.',
    taxonomy: taxonomy,
  },
  crashed: {
    text: "The run died at '{{node}}' ({{why}}).",
    tier: 1,
    severity: 'high',
    impact: 'What was begun is half done; other runs of the same worker may have died too.',
    action: "Look at the worker's memory; work on fewer items at a time, in a sub-workflow that gives back little.",
    taxonomy: taxonomy,
  },
  many_calls: {
    text: 'The run called models and services {{count}} times.',
    tier: 1,
    severity: 'medium',
    impact: 'Rate limits and costs.',
    action: 'Batch items into one call, and bound the loop.',
    taxonomy: taxonomy,
  },
  unbounded_model: {
    text: "Model node '{{node}}' has no limit for its output ({{count}} such).",
    tier: 1,
    severity: 'low',
    impact: 'One answer can cost as much as many.',
    action: 'Set a maximum of tokens.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const memory = ['out of memory', 'heap limit', 'allocation failed'];
const MAX_SAID = 2_000;

export default defineDetector({
  meta: {
    id: 'n8n_resource',
    family: 'n8n',
    scope: 'trace',
    version: 2,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds n8n runs whose items, bytes or calls multiply.',
    docs: {
      what: 'Items into and out of each node, bytes of its output, runs that crashed, calls of models and services in the run; and model nodes without a limit of tokens.',
      why: 'n8n holds all items in memory, and calls a service once an item.',
      fix: 'Filter early, batch, and set limits.',
      limits: 'A node that splits a list makes many items on purpose. Only counts that the execution states are seen.',
      sources: ['https://docs.n8n.io'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'n8n') return state;
    died(step, ctx);
    const workflow = workflowOf(step);
    if (workflow) {
      drawn(workflow, step, ctx);
      return state;
    }
    const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
    const into = Number(step.extra['node.items.input'] ?? 0);
    const out = Number(step.extra['node.items.output'] ?? 0);
    if (into > 0 && out >= ctx.options.min_items && out / into >= ctx.options.max_growth)
      ctx.report('growth', {
        at: step,
        key: node,
        score: Math.min(0.9, 0.62 + 0.05 * Math.log2(out / into / ctx.options.max_growth + 1)),
        data: { node, into, out },
      });
    const bytes = Number(step.extra['node.output_bytes'] ?? 0);
    if (bytes >= ctx.options.max_bytes)
      ctx.report('large_output', {
        at: step,
        key: node,
        score: bytes >= 4 * ctx.options.max_bytes ? 0.7 : 0.5,
        data: { node, bytes },
      });
    if (step.kind !== 'llm' && step.kind !== 'tool' && step.kind !== 'agent') return state;
    const next = { calls: (state?.calls ?? 0) + Math.max(1, into) };
    if (next.calls >= ctx.options.max_calls)
      ctx.report('many_calls', { at: step, key: 'calls', score: 0.7, data: { count: next.calls } });
    return next;
  },
});

/** n8n gives runs whose worker was killed the status `crashed`, mostly without saying why. */
function died(step: Step, ctx: Ctx): void {
  const said = (step.error?.message ?? String(step.extra['run.error'] ?? '')).slice(0, MAX_SAID).toLowerCase();
  const sign = memory.find((one) => said.includes(one));
  if (sign === undefined && step.extra['run.status'] !== 'crashed') return;
  const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
  ctx.report('crashed', {
    at: step,
    key: 'memory',
    score: sign === undefined ? 0.7 : 0.9,
    data: { node, why: sign ?? 'crashed' },
  });
}

/** Common and harmless alone: said below the level of an alarm. */
function drawn({ nodes, edges }: Workflow, step: Step, ctx: Ctx): void {
  const loop = edges.some(
    ({ source, target, type }) =>
      type === 'main' && source !== target && edges.some((back) => back.source === target && back.target === source),
  );
  const open = nodes.filter(
    (node) => isModel(node) && !/max_?tokens|maxOutputTokens|num_predict/i.test(JSON.stringify(node.parameters)),
  );
  const [first] = open;
  if (first !== undefined)
    ctx.report('unbounded_model', {
      at: step,
      key: first.name,
      score: loop ? 0.62 : 0.45,
      data: { node: first.name, count: open.length },
    });
}

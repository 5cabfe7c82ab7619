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
    default: 10,
    min: 2,
    max: 100000,
    source: 'Severe growth in practice; lists that are split grow by less.',
  },
  max_bytes: {
    type: 'integer',
    text: 'Bytes of a node output from which it is reported.',
    default: 5242880,
    min: 1024,
    max: 1073741824,
    source: 'n8n keeps outputs in memory and in its database; above 5 MiB it advises files.',
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

export default defineDetector({
  meta: {
    id: 'n8n_resource',
    family: 'n8n',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds n8n runs whose items, bytes or calls multiply.',
    docs: {
      what: 'Items into and out of each node, bytes of its output, calls of models and services in the run; and model nodes without a limit of tokens.',
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
    const workflow = workflowOf(step);
    if (workflow) {
      drawn(workflow, step, ctx);
      return state;
    }
    const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
    const into = Number(step.extra['node.items.input'] ?? 0);
    const out = Number(step.extra['node.items.output'] ?? 0);
    if (into > 0 && out >= 50 && out / into >= ctx.options.max_growth)
      ctx.report('growth', {
        at: step,
        key: node,
        score: Math.min(0.9, 0.62 + 0.05 * Math.log2(out / into / ctx.options.max_growth + 1)),
        data: { node, into, out },
      });
    const bytes = Number(step.extra['node.output_bytes'] ?? 0);
    if (bytes >= ctx.options.max_bytes) ctx.report('large_output', { at: step, key: node, score: 0.7, data: { node, bytes } });
    if (step.kind !== 'llm' && step.kind !== 'tool' && step.kind !== 'agent') return state;
    const next = { calls: (state?.calls ?? 0) + Math.max(1, into) };
    if (next.calls >= ctx.options.max_calls)
      ctx.report('many_calls', { at: step, key: 'calls', score: 0.7, data: { count: next.calls } });
    return next;
  },
});

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

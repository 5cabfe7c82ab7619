/** n8n_complexity: a workflow that nobody can oversee: more nodes, branches or ways through it than nineteen of twenty real ones have. */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { type Workflow, workflowOf } from './n8n-graph.ts';

const options = {
  max_nodes: {
    type: 'integer',
    text: 'Nodes, notes left out, from which a workflow is reported.',
    default: 27,
    min: 2,
    max: 5000,
    source: '95th percentile of 1,233 public workflows.',
  },
  max_branches: {
    type: 'integer',
    text: 'Nodes that branch (if, switch, filter) from which a workflow is reported.',
    default: 4,
    min: 1,
    max: 1000,
    source: 'Above the 95th percentile (3) of 1,233 public workflows.',
  },
  max_paths: {
    type: 'integer',
    text: 'Independent ways through the graph (edges - nodes + 2) from which a workflow is reported.',
    default: 11,
    min: 2,
    max: 1000,
    source: "McCabe's limit of ten for a unit that can be tested.",
  },
} as const;

const taxonomy = { mast: ['FM-1.1'], trail: ['Task Orchestration'], owasp: [], modes: ['F5'] } as const;

const messages = {
  too_large: {
    text: 'The workflow has {{nodes}} nodes, {{branches}} of them branch, and {{paths}} independent paths.',
    tier: 1,
    severity: 'low',
    impact: 'Changes break what nobody remembers; runs are hard to follow.',
    action: 'Move parts into workflows of their own, and call them.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

export default defineDetector({
  meta: {
    id: 'n8n_complexity',
    family: 'n8n',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds n8n workflows that are too large to oversee.',
    docs: {
      what: 'Nodes without notes, branching nodes, and independent paths of the drawn workflow.',
      why: 'Large workflows fail in places that were never tested.',
      fix: 'Split the workflow; a sub-workflow has a name, inputs and a test.',
      limits: 'Generated workflows are large by nature. Size says nothing of a particular run.',
      sources: ['https://docs.n8n.io'],
    },
    options,
    messages,
  },

  init: (): undefined => undefined,

  onStep(state, step, ctx) {
    const workflow = workflowOf(step);
    if (workflow) judge(workflow, step, ctx);
    return state;
  },
});

function judge({ nodes, edges }: Workflow, step: Step, ctx: Ctx): void {
  const main = edges.filter(({ type }) => type === 'main');
  const branches = nodes.filter(({ kind }) => kind === 'if' || kind === 'switch' || kind === 'filter').length;
  const inMain = new Set(main.flatMap(({ source, target }) => [source, target]));
  const paths = Math.max(1, main.length - inMain.size + 2);
  const { max_nodes, max_branches, max_paths } = ctx.options;
  const over = Math.max(nodes.length / max_nodes, branches / max_branches, paths / max_paths);
  if (over >= 1)
    ctx.report('too_large', {
      at: step,
      key: 'size',
      score: Math.min(0.9, 0.62 + 0.1 * (over - 1)),
      data: { nodes: nodes.length, branches, paths },
    });
}

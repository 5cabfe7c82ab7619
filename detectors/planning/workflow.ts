/**
 * workflow: a declared workflow that cannot run as drawn (nodes that nothing reaches, circles, branches that lead nowhere), and runs that do not follow
 * it. The graph is what the root span states; nodes that ran are kept until it comes.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { parseObject } from '../../src/text/json.ts';
import { before, type Definition, definitionOf, misdrawnName } from './workflow-definition.ts';
import { flawsOf, type Graph, graphOf } from './workflow-graph.ts';

interface State {
  /** Nodes that ran, by name. */
  ran: (SpanRef & { readonly node: string })[];
}

const options = {
  min_score: {
    type: 'number',
    text: 'Score from which a flaw is reported.',
    default: 0.6,
    min: 0,
    max: 1,
    source: 'LIKELY; nothing is said below it.',
  },
} as const;

const taxonomy = { mast: ['FM-1.1'], trail: ['Task Orchestration'], owasp: [], modes: ['F5'] } as const;
const impact = 'A part of the workflow never runs, or never ends.';

const messages = {
  unreachable: {
    text: "Nothing leads to node '{{node}}' of the workflow ({{count}} such).",
    tier: 1,
    severity: 'medium',
    impact,
    action: 'Connect the node, or take it out.',
    taxonomy,
  },
  isolated: {
    text: "Node '{{node}}' of the workflow is connected to nothing ({{count}} such).",
    tier: 1,
    severity: 'medium',
    impact,
    action: 'Connect the node, or take it out.',
    taxonomy,
  },
  open_edge: {
    text: "An edge at node '{{node}}' of the workflow names no other node.",
    tier: 1,
    severity: 'medium',
    impact: 'What this branch should do is not known to the workflow.',
    action: 'Give the branch a target, or take it out.',
    taxonomy,
  },
  missing_node: {
    text: "An edge of the workflow leads to '{{node}}', which it does not have.",
    tier: 1,
    severity: 'high',
    impact: 'The branch ends there, or the run fails.',
    action: 'Give the edge a target that exists, or take it out.',
    taxonomy,
  },
  one_sided: {
    text: "Node '{{node}}' of the workflow leads on in one case only.",
    tier: 2,
    severity: 'low',
    impact: 'In the other case the run ends without a result.',
    action: 'Draw both branches, the other one to an answer that says why.',
    taxonomy,
  },
  unresolved: {
    text: "Node '{{node}}' of the workflow reads from '{{from}}', which cannot run before it.",
    tier: 1,
    severity: 'high',
    impact: 'What the node works on is empty.',
    action: 'Read from a node on the way to it.',
    taxonomy,
  },
  misdrawn: {
    text: "The run failed by how the workflow is drawn, at '{{node}}'.",
    tier: 2,
    severity: 'high',
    impact: 'Every run that comes this way fails.',
    action: 'Draw a way for this case, and one for whatever no other way takes.',
    taxonomy,
  },
  cycle: {
    text: "Nodes of the workflow lead back to '{{node}}' ({{count}} in the circle).",
    tier: 1,
    severity: 'high',
    impact,
    action: 'Give the circle an exit that its state reaches, and a bound of rounds.',
    taxonomy: { ...taxonomy, mast: ['FM-1.5'] },
  },
  dead_end: {
    text: "A branch of the workflow ends at '{{node}}' while the others go on.",
    tier: 1,
    severity: 'low',
    impact: 'What this branch brings is used nowhere.',
    action: 'Lead the branch to where the others meet.',
    taxonomy,
  },
  undeclared: {
    text: "Node '{{node}}' ran, but the workflow does not have it.",
    tier: 1,
    severity: 'medium',
    impact: 'Something runs that nobody drew.',
    action: 'Check the version of the workflow that runs.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_RAN = 64;

export default defineDetector({
  meta: {
    id: 'workflow',
    family: 'planning',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds workflows that cannot run as drawn, and runs that do not follow them.',
    docs: {
      what: 'The graph that the root span states: nodes that nothing reaches, circles, branches that end alone, nodes that read from what cannot run before them; and nodes that ran without being in it, or a run that failed by how it is drawn.',
      why: 'A flaw in the drawing fails every run, quietly.',
      fix: 'Check the graph when it is saved; treat a node without a way in as an error.',
      limits:
        'Graphs whose edges are cut or name no node are judged in part. Several triggers are several ways in and look like islands. Loops on purpose look like circles. n8n workflows have detectors of their own.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] === 'n8n') return state;
    const node = step.extra['graph.node'];
    const known = typeof node === 'string' && node !== '' && (state?.ran.length ?? 0) < MAX_RAN;
    const next = known ? { ran: [...(state?.ran ?? []), { node, traceId: step.traceId, spanId: step.spanId }] } : state;
    if (step.extra['graph.edges'] !== undefined) {
      const definition = statedBy(step);
      const drawn = graphOf(step.extra['graph.nodes'], step.extra['graph.edges']);
      // Edges by branch are often lost on the way to a list.
      const whole =
        drawn?.broken === 0 || definition === undefined ? drawn : (graphOf(definition.nodes, definition.edges) ?? drawn);
      if (whole) judge(whole, next, step, ctx);
      if (definition) judgeDefinition(definition, step, ctx);
    }
    return next;
  },
});

/** The definition that the run was given. */
function statedBy(step: Step): Definition | undefined {
  const json = step.extra['graph.definition'] ?? (step.input.length === 1 ? parseObject(step.input[0]?.text ?? '') : undefined);
  return definitionOf(json);
}

function judgeDefinition(definition: Definition, step: Step, ctx: Ctx): void {
  const { nodes, edges, oneSided, reads } = definition;
  const [branch] = oneSided;
  if (branch !== undefined) ctx.report('one_sided', { at: step, key: branch, score: 0.65, data: { node: branch } });
  const lost = reads.find(([node, from]) => !nodes.includes(from) || !before(node, edges).has(from));
  if (lost !== undefined) {
    const [node, from] = lost;
    ctx.report('unresolved', { at: step, key: node, score: nodes.includes(from) ? 0.7 : 0.85, data: { node, from } });
  }
  const name = step.error?.message === undefined ? undefined : misdrawnName(step.error.message, definition);
  if (name !== undefined) ctx.report('misdrawn', { at: step, key: name, score: 0.8, data: { node: name } });
}

function judge(graph: Graph, state: State | undefined, step: Step, ctx: Ctx): void {
  for (const { flaw, nodes, score } of flawsOf(graph)) {
    const [node = ''] = nodes;
    if (score >= ctx.options.min_score) ctx.report(flaw, { at: step, key: node, score, data: { node, count: nodes.length } });
  }
  if (step.extra['run.format'] !== undefined) return;
  for (const { node, ...at } of state?.ran ?? [])
    if (!graph.nodes.includes(node)) ctx.report('undeclared', { at, key: node, score: 0.65, data: { node } });
}

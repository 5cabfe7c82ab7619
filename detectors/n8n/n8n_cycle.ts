/** n8n_cycle: a circle of nodes that nothing ends: no loop node that counts its items, no branch that leads out; and a node that ran far more often than it should. */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { type Edge, type Node, type Workflow, workflowOf } from './n8n-graph.ts';

interface State {
  /** Runs by node, and where the last one was. */
  runs: Record<string, number>;
  last: SpanRef | null;
}

const options = {
  max_runs: {
    type: 'integer',
    text: 'Runs of one node in an execution from which it is reported, outside of batches.',
    default: 20,
    min: 2,
    max: 100000,
    source: 'Retries of a node are five at most; what runs more often goes round.',
  },
} as const;

const taxonomy = { mast: ['FM-1.5', 'FM-1.3'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F11'] } as const;

const messages = {
  endless: {
    text: "Nodes of the workflow lead back to '{{node}}' without an exit ({{count}} in the circle).",
    tier: 1,
    severity: 'high',
    impact: 'The execution runs until its limit or for ever.',
    action: 'Add a branch that leaves the circle, and a counter.',
    taxonomy: taxonomy,
  },
  unbounded: {
    text: "The circle at '{{node}}' ends only by a condition ({{count}} nodes).",
    tier: 1,
    severity: 'low',
    impact: 'If the condition never holds, the execution does not end.',
    action: 'Count the rounds and leave after a number of them.',
    taxonomy: taxonomy,
  },
  nested: {
    text: "A loop over batches at '{{node}}' stands inside another.",
    tier: 1,
    severity: 'low',
    impact: 'The number of runs is the product of both.',
    action: 'Flatten the items first, or move the inner loop into its own workflow.',
    taxonomy: taxonomy,
  },
  many_runs: {
    text: "Node '{{node}}' ran {{count}} times in one execution.",
    tier: 1,
    severity: 'medium',
    impact: 'The execution costs a multiple of what was meant.',
    action: 'Check what leads back to the node.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_NODES = 128;
const counts = ['splitInBatches', 'loopOverItems'];
/** Nodes that send on only some of their items, or wait for a person; a second output in use is a branch as well. */
const gates = ['if', 'switch', 'filter', 'textClassifier', 'sentimentAnalysis', 'form', 'wait'];

export default defineDetector({
  meta: {
    id: 'n8n_cycle',
    family: 'n8n',
    scope: 'trace',
    version: 3,
    stateVersion: 1,
    needs: ['graph'],
    summary: 'Finds circles in n8n workflows that nothing ends.',
    docs: {
      what: 'Circles of the drawn workflow: whether a batch node counts them or a branch leads out; batch loops inside batch loops; and how often each node ran.',
      why: 'A circle without an end holds the worker until somebody stops it.',
      fix: 'A batch node or a counter in every circle.',
      limits:
        'Circles through other workflows are not seen. A wait for a person makes a circle legitimate. A counter is known by `$runIndex` in an If or Filter node, not by a field that a Code node counts up.',
      sources: ['https://docs.n8n.io'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    const workflow = workflowOf(step);
    if (workflow) {
      drawn(workflow, step, ctx);
      const batches = workflow.nodes.some(({ kind }) => counts.includes(kind));
      for (const [node, count] of Object.entries(state?.runs ?? {}))
        if (!batches && count >= ctx.options.max_runs)
          ctx.report('many_runs', { at: state?.last ?? step, key: node, score: 0.75, data: { node, count } });
      return state;
    }
    const node = step.extra['node.name'];
    if (step.extra['run.format'] !== 'n8n' || typeof node !== 'string') return state;
    const next = state ?? { runs: {}, last: null };
    if (node in next.runs || Object.keys(next.runs).length < MAX_NODES) next.runs[node] = (next.runs[node] ?? 0) + 1;
    next.last = { traceId: step.traceId, spanId: step.spanId };
    return next;
  },
});

function drawn({ nodes, edges }: Workflow, step: Step, ctx: Ctx): void {
  const kinds = new Map(nodes.map((node): [string, Node] => [node.name, node]));
  const main = edges.filter(
    ({ type, source, target }) => type === 'main' && kinds.get(source)?.disabled !== true && kinds.get(target)?.disabled !== true,
  );
  for (const circle of circles(nodes, main)) {
    const [node = ''] = circle;
    const members = circle.map((name) => kinds.get(name)?.kind ?? '');
    const data = { node, count: circle.length };
    const batch = members.filter((kind) => counts.includes(kind)).length;
    if (batch > 1) ctx.report('nested', { at: step, key: node, score: 0.62, data });
    if (batch > 0 || isCounted(circle, kinds, main)) continue;
    const leaves = main.some(({ source, target }) => circle.includes(source) && !circle.includes(target));
    const gated =
      members.some((kind) => gates.includes(kind)) || main.some(({ source, branch }) => branch > 0 && circle.includes(source));
    if (gated && leaves) ctx.report('unbounded', { at: step, key: node, score: 0.5, data });
    else ctx.report('endless', { at: step, key: node, score: leaves ? 0.75 : 0.9, data });
  }
}

/** True if every way round passes a node that counts its own runs (`$runIndex`) and lets go of the items at some number. */
function isCounted(circle: readonly string[], kinds: ReadonlyMap<string, Node>, edges: readonly Edge[]): boolean {
  const inside = edges.filter(({ source, target }) => circle.includes(source) && circle.includes(target));
  const counters = circle.filter((name) => {
    const node = kinds.get(name);
    if (node === undefined || !JSON.stringify(node.parameters).includes('$runIndex')) return false;
    const on = new Set(inside.filter(({ source }) => source === name).map(({ branch }) => branch));
    return node.kind === 'filter' || (node.kind === 'if' && on.size === 1);
  });
  if (counters.length === 0) return false;
  const rest = inside.filter(({ source, target }) => !counters.includes(source) && !counters.includes(target));
  const members = circle.flatMap((name) => kinds.get(name) ?? []);
  return circles(members, rest).length === 0;
}

/** Strongly connected parts with a circle in them (Tarjan, without recursion). */
function circles(nodes: readonly Node[], edges: readonly Edge[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { source, target } of edges) next.set(source, [...(next.get(source) ?? []), target]);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const on = new Set<string>();
  const found: string[][] = [];
  for (const { name: root } of nodes) {
    if (index.has(root)) continue;
    const path = [{ node: root, at: 0 }];
    open(root);
    while (path.length > 0) {
      const top = path[path.length - 1] as { node: string; at: number };
      const target = next.get(top.node)?.[top.at++];
      if (target !== undefined) {
        if (!index.has(target)) {
          open(target);
          path.push({ node: target, at: 0 });
        } else if (on.has(target)) low.set(top.node, Math.min(low.get(top.node) ?? 0, index.get(target) ?? 0));
        continue;
      }
      path.pop();
      const above = path[path.length - 1];
      if (above) low.set(above.node, Math.min(low.get(above.node) ?? 0, low.get(top.node) ?? 0));
      if (low.get(top.node) !== index.get(top.node)) continue;
      const part: string[] = [];
      for (let one = stack.pop(); one !== undefined; one = stack.pop()) {
        on.delete(one);
        part.push(one);
        if (one === top.node) break;
      }
      if (part.length > 1 || next.get(top.node)?.includes(top.node)) found.push(part.reverse());
    }
  }
  return found;

  function open(name: string): void {
    index.set(name, index.size);
    low.set(name, index.size - 1);
    stack.push(name);
    on.add(name);
  }
}

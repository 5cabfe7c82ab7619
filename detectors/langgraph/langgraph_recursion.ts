/**
 * langgraph_recursion: a graph that ran into its recursion limit, comes close to it, or visits one node again and again while its state stands still.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { hashText } from '../../src/text/hash.ts';

interface Visit {
  count: number;
  /** Hashes of the last outputs. */
  outputs: string[];
  first: SpanRef;
}

interface State {
  visits: Record<string, Visit>;
  limit: number | null;
  top: number;
  at: SpanRef | null;
}

const options = {
  near_limit: {
    type: 'number',
    text: 'Share of the recursion limit from which a run is reported.',
    default: 0.9,
    min: 0.1,
    max: 1,
    source: 'One more round of a usual loop of two or three nodes passes the default limit of 25.',
  },
  min_visits: {
    type: 'integer',
    text: 'Visits of one node with the same output before they are reported.',
    default: 3,
    min: 2,
    max: 100,
    source: 'As for loop: the third identical answer brings nothing new.',
  },
} as const;

const taxonomy = { mast: ['FM-1.3', 'FM-1.5'], trail: ['Resource Exhaustion'], owasp: ['ASI08'], modes: ['F11'] } as const;

const messages = {
  limit_reached: {
    text: 'The graph reached its recursion limit ({{limit}}) after {{superstep}} supersteps.',
    tier: 1,
    severity: 'critical',
    impact: 'The run ended without a result; what it did before may be half done.',
    action: 'Give the loop an exit that its state can reach; raise the limit only when the rounds are needed.',
    taxonomy,
  },
  near_limit: {
    text: 'The graph used {{superstep}} of {{limit}} supersteps.',
    tier: 1,
    severity: 'medium',
    impact: 'A slightly longer run fails.',
    action: 'Find the node that is visited most and bound its rounds in the state.',
    taxonomy,
  },
  no_progress: {
    text: "Node '{{node}}' was visited {{count}} times with the same output.",
    tier: 1,
    severity: 'high',
    impact: 'The loop does not come nearer to its exit.',
    action: 'Count the rounds in the state and route to the end when nothing changes.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_NODES = 64;
const MAX_OUTPUTS = 8;

export default defineDetector({
  meta: {
    id: 'langgraph_recursion',
    family: 'langgraph',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['limits'],
    summary: 'Finds graphs that ran into their recursion limit or go round without progress.',
    docs: {
      what: 'Supersteps against the recursion limit, the status and errors of the run, and how often a node gave the same output.',
      why: 'The limit is the only thing that ends a loop whose exit is never reached.',
      fix: 'An exit condition that the state can meet, a counter of rounds in the state, and a limit that fits them.',
      limits:
        'Nodes that answer the same by nature (a check that passes) look stuck if they are visited often. Runs without a stated limit are judged by repetition only.',
      sources: ['https://docs.langchain.com/oss/python/langgraph/graph-api'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    const superstep = step.extra['superstep'];
    const root = step.kind === 'workflow' && step.extra['run.format'] === 'langgraph';
    if (typeof superstep !== 'number' && !root && step.limits['recursion_limit'] === undefined) return state;
    const next = state ?? { visits: {}, limit: null, top: 0, at: null };
    next.limit = step.limits['recursion_limit'] ?? next.limit;
    if (typeof superstep === 'number' && superstep >= next.top) {
      next.top = superstep;
      next.at = { traceId: step.traceId, spanId: step.spanId };
    }
    visit(next, step, ctx);
    bound(next, step, root, ctx);
    return next;
  },
});

function visit(state: State, step: Step, ctx: Ctx): void {
  const node = step.extra['node.id'] ?? step.extra['node.name'];
  if (typeof node !== 'string' || step.kind === 'workflow') return;
  const known = state.visits[node];
  const output = hashText(JSON.stringify(step.extra['node.outputs'] ?? step.stateAfter ?? ''));
  if (known === undefined) {
    if (Object.keys(state.visits).length < MAX_NODES)
      state.visits[node] = { count: 1, outputs: [output], first: { traceId: step.traceId, spanId: step.spanId } };
    return;
  }
  known.count++;
  known.outputs = [...known.outputs, output].slice(-MAX_OUTPUTS);
  const same = known.outputs.filter((one) => one === output).length;
  if (same >= ctx.options.min_visits && step.extra['parallel.group'] === undefined)
    ctx.report('no_progress', {
      at: step,
      key: node,
      evidence: [known.first, step],
      score: Math.min(0.9, 0.7 + 0.05 * same),
      data: { node, count: same },
    });
}

function bound(state: State, step: Step, root: boolean, ctx: Ctx): void {
  const at = state.at ?? { traceId: step.traceId, spanId: step.spanId };
  const said =
    `${String(root ? (step.extra['run.status'] ?? '') : '')} ${step.error?.message ?? ''} ${step.error?.type ?? ''}`.toLowerCase();
  const total = root ? step.extra['run.total'] : undefined;
  const stated =
    typeof total === 'object' && total !== null
      ? Number((total as Record<string, unknown>)['supersteps'] ?? 0)
      : Number(total ?? 0);
  const superstep = Math.max(state.top, Number.isFinite(stated) ? stated : 0);
  const limit = state.limit ?? 0;
  if (said.includes('recursion') || (limit > 0 && superstep >= limit)) {
    ctx.withdraw('near_limit', 'limit');
    ctx.report('limit_reached', { at, key: 'limit', score: 0.95, data: { limit, superstep } });
  } else if (limit > 0 && superstep >= ctx.options.near_limit * limit)
    ctx.report('near_limit', { at, key: 'limit', score: 0.8, data: { limit, superstep } });
}

/**
 * openclaw_spawn_chain: sessions that spawn sessions beyond what can be overseen: too deep, too many, or in a circle. Kept is the tree of who
 * spawned whom, by agent.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';

interface Node extends SpanRef {
  readonly agent: string;
  readonly parent: string;
  readonly depth: number;
  /** Sessions that this event spawned. */
  readonly count: number;
}

type State = Node[];

const options = {
  max_depth: {
    type: 'integer',
    text: 'Depth of the chain beyond which it is reported, where the session states no limit of its own.',
    default: 2,
    min: 1,
    max: 32,
    source: "OpenClaw's own default allows one level of children; labelled healthy chains have at most two.",
  },
  max_children: {
    type: 'integer',
    text: 'Sessions spawned by one agent beyond which it is reported, where the session states no limit of its own.',
    default: 4,
    min: 1,
    max: 1_000,
    source: 'Labelled healthy coordinators spawn up to four specialists.',
  },
} as const;

const taxonomy = { mast: ['FM-1.3'], trail: ['Resource Abuse'], owasp: ['ASI08', 'ASI03'], modes: ['F11'] } as const;
const action =
  'Set limits for depth and children of spawned sessions, and refuse to spawn an agent that is already in the chain.';

const messages = {
  circle: {
    text: "Agent '{{agent}}' was spawned again by its own child '{{parent}}'.",
    tier: 1,
    severity: 'critical',
    impact: 'The chain can grow without end.',
    action,
    taxonomy,
  },
  too_deep: {
    text: "Session of '{{agent}}' is {{depth}} levels deep; {{limit}} are allowed.",
    tier: 1,
    severity: 'high',
    impact: 'Costs multiply by level, and nobody sees what the last one does.',
    action,
    taxonomy,
  },
  too_many: {
    text: "Agent '{{agent}}' spawned {{count}} sessions; {{limit}} are allowed.",
    tier: 1,
    severity: 'medium',
    impact: 'Costs multiply, and results cannot be merged.',
    action,
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_NODES = 64;

export default defineDetector({
  meta: {
    id: 'openclaw_spawn_chain',
    family: 'openclaw',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['handoff'],
    summary: 'Finds chains of spawned OpenClaw sessions that are too deep, too wide, or circular.',
    docs: {
      what: 'Every spawn of a session: the depth of the new one, the number of children of its parent, and whether its agent is already among its ancestors; against the limits that the session states, else the options.',
      why: 'Each spawned session has a budget and rights of its own.',
      fix: 'Limit depth and children, pass on fewer rights at each level, and stop at circles.',
      limits:
        'Agents are told apart by name: two sessions of one agent in different branches look alike. Wide fan-out on purpose needs a higher limit.',
      sources: ['https://docs.openclaw.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind !== 'handoff' || step.extra['event.type'] !== 'session.spawn') return state;
    const parent = (step.handoff?.from ?? step.agent ?? '').slice(0, 60);
    const children = step.extra['spawn.children'];
    const stated = { depth: step.extra['spawn.depth'], count: step.extra['spawn.count'] };
    const agent = (step.handoff?.to ?? `a child of ${parent}`).slice(0, 60);
    const nodes = state ?? [];
    const above = nodes.findLast((one) => one.agent === parent);
    // An agent that spawns and is neither the first nor known was itself spawned without its name.
    const base = above?.depth ?? (nodes.length === 0 || nodes[0]?.parent === parent ? 0 : 1);
    const depth = typeof stated.depth === 'number' ? stated.depth : base + 1;
    const count = typeof stated.count === 'number' ? stated.count : Array.isArray(children) ? Math.max(1, children.length) : 1;
    const node: Node = { agent, parent, depth, count, traceId: step.traceId, spanId: step.spanId };
    judge(nodes, node, step.limits, ctx);
    return [...nodes, node].slice(-MAX_NODES);
  },
});

function judge(nodes: readonly Node[], node: Node, limits: Readonly<Record<string, number>>, ctx: Ctx): void {
  const chain = ancestors(nodes, node);
  const again = chain.find((one) => one === node.agent);
  if (again !== undefined)
    ctx.report('circle', {
      at: node,
      key: `${node.parent}>${node.agent}`,
      score: 0.9,
      data: { agent: node.agent, parent: node.parent },
    });
  const maxDepth = limits['max_spawn_depth'] ?? ctx.options.max_depth;
  if (node.depth > maxDepth) {
    const first = nodes.find((one) => one.depth === 1);
    ctx.report('too_deep', {
      at: node,
      key: 'depth',
      evidence: first ? [first, node] : [node],
      score: Math.min(0.95, 0.75 + 0.05 * (node.depth - maxDepth)),
      data: { agent: node.agent, depth: node.depth, limit: maxDepth },
    });
  }
  const children = nodes.reduce((sum, one) => sum + (one.parent === node.parent ? one.count : 0), node.count);
  const maxChildren = limits['max_children'] ?? ctx.options.max_children;
  if (children > maxChildren)
    ctx.report('too_many', {
      at: node,
      key: node.parent,
      score: 0.75,
      data: { agent: node.parent, count: children, limit: maxChildren },
    });
}

/** Agents above the new session, its parent first. */
function ancestors(nodes: readonly Node[], node: Node): string[] {
  const chain = [node.parent];
  for (let i = 0; i < 16; i++) {
    const above = nodes.findLast((one) => one.agent === chain[chain.length - 1]);
    if (above === undefined || chain.includes(above.parent)) break;
    chain.push(above.parent);
  }
  return chain;
}

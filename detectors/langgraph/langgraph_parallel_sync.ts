/**
 * langgraph_parallel_sync: branches of one superstep that do not come together: one failed or never finished while the join went on or failed, two wrote
 * different values to one channel that has no reducer, or one read what another wrote beside it.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';

interface Branch extends SpanRef {
  readonly node: string;
  readonly superstep: number;
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly said: string;
  /** Scalars and short lists it wrote, as JSON by key. */
  readonly writes: Readonly<Record<string, string>>;
  /** Keys it read. */
  readonly reads: readonly string[];
  /** Length of the one list among its inputs; 0 if there is none or more than one. */
  readonly list: number;
}

type State = Branch[];

const options = {
  min_score: {
    type: 'number',
    text: 'Score from which a finding is reported.',
    default: 0.4,
    min: 0,
    max: 1,
    source: 'POSSIBLE.',
  },
} as const;

const taxonomy = { mast: ['FM-2.2'], trail: ['Task Orchestration'], owasp: ['ASI08'], modes: ['F11'] } as const;

const messages = {
  branch_lost: {
    text: "Branch '{{node}}' of superstep {{superstep}} did not finish ({{why}}), and {{others}} other branches did.",
    tier: 1,
    severity: 'high',
    impact: 'What joins the branches works on a part of the results.',
    action: 'Let the join check that all branches came, and give each branch a retry policy.',
    taxonomy,
  },
  join_short: {
    text: "Node '{{node}}' joins {{branches}} branches and was given the results of {{got}}.",
    tier: 2,
    severity: 'high',
    impact: 'What comes after decides on a part of the work as if it were the whole.',
    action: 'Let the join wait for all branches, and count what arrived before going on.',
    taxonomy,
  },
  write_conflict: {
    text: "Branches '{{node}}' and '{{other}}' of superstep {{superstep}} wrote different values to channel '{{key}}'.",
    tier: 1,
    severity: 'high',
    impact: 'One of the values is lost, by chance.',
    action: 'Give the channel a reducer, or each branch a channel of its own.',
    taxonomy,
  },
  join_failed: {
    text: "Node '{{node}}', which joins branches of superstep {{superstep}}, failed ({{why}}).",
    tier: 1,
    severity: 'high',
    impact: 'The work of all branches is lost.',
    action: 'Let the join accept partial results, or fail the superstep as a whole.',
    taxonomy,
  },
  race: {
    text: "Branch '{{node}}' reads channel '{{key}}', which branch '{{other}}' writes in the same superstep.",
    tier: 1,
    severity: 'medium',
    impact: 'It reads the value of before, or of after, by chance.',
    action: 'Order the two nodes, or read the value in the next superstep.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_BRANCHES = 96;
const MAX_KEYS = 16;

export default defineDetector({
  meta: {
    id: 'langgraph_parallel_sync',
    family: 'langgraph',
    scope: 'trace',
    version: 1,
    stateVersion: 2,
    needs: ['graph'],
    summary: 'Finds parallel branches of a graph that do not come together.',
    docs: {
      what: 'The nodes of each superstep: their outcomes, what they wrote and read, the reducers of the channels, and the nodes after them.',
      why: 'Parallel writes without a reducer and joins that do not wait lose results silently.',
      fix: 'Reducers, channels per branch, joins that check what came.',
      limits:
        'Branches that are skipped by a condition are no losses, if the sender says skipped. Without the values written there is no conflict to see.',
      sources: ['https://docs.langchain.com/oss/python/langgraph/graph-api'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind === 'workflow') {
      if (state !== undefined && state.length > 1) judge(state, step, ctx);
      return state;
    }
    const superstep = step.extra['superstep'];
    if (typeof superstep !== 'number') return state;
    return [...(state ?? []), branchOf(step, superstep)].slice(-MAX_BRANCHES);
  },
});

function branchOf(step: Step, superstep: number): Branch {
  const status = String(step.extra['node.status'] ?? '').toLowerCase();
  const failed =
    step.outcome === 'error' ||
    step.outcome === 'timeout' ||
    step.outcome === 'cancelled' ||
    /fail|error|interrupt|timeout|cancel|pending|running/.test(status);
  const delta = step.extra['state.delta'] ?? step.extra['node.outputs'];
  const inputs = step.extra['node.inputs'];
  const writes: Record<string, string> = {};
  if (isRecord(delta))
    for (const [key, value] of Object.entries(delta).slice(0, MAX_KEYS))
      writes[key] = (JSON.stringify(value) ?? '').slice(0, 120);
  return {
    traceId: step.traceId,
    spanId: step.spanId,
    node: String(step.extra['node.id'] ?? step.name).slice(0, 60),
    superstep,
    status: status === 'skipped' ? 'skipped' : failed ? 'failed' : 'ok',
    said: (step.error?.message ?? status).slice(0, 80),
    writes,
    reads: isRecord(inputs) ? Object.keys(inputs).slice(0, MAX_KEYS) : [],
    list: isRecord(inputs) ? oneList(Object.values(inputs)) : 0,
  };
}

function oneList(inputs: readonly unknown[]): number {
  const lists = inputs.filter((input) => Array.isArray(input));
  return lists.length === 1 ? (lists[0] as readonly unknown[]).length : 0;
}

/** Sources of each node in the graph, where they all ran in one superstep. */
function joins(branches: State, edges: unknown): { readonly at: Branch; readonly count: number }[] {
  if (!Array.isArray(edges)) return [];
  const sources = new Map<string, Set<string>>();
  for (const edge of edges.slice(0, 512))
    if (isRecord(edge))
      sources.set(String(edge['target']), (sources.get(String(edge['target'])) ?? new Set()).add(String(edge['source'])));
  return branches.flatMap((at) => {
    const from = branches.filter(({ node }) => sources.get(at.node)?.has(node) === true);
    return new Set(from.map(({ superstep }) => superstep)).size === 1
      ? [{ at, count: new Set(from.map(({ node }) => node)).size }]
      : [];
  });
}

function judge(branches: State, root: Step, ctx: Ctx): void {
  const reducers = root.extra['state.reducers'];
  const reduced = (key: string): boolean =>
    (isRecord(reducers) && Object.hasOwn(reducers, key)) || /message|history|log|results|items|list/i.test(key);
  const history = root.extra['state.history'];
  // A list of one is a batch; a list shorter than the branches by some is one that lost some.
  for (const { at, count } of joins(branches, root.extra['graph.edges']))
    if (at.list > 1 && at.list < count) say('join_short', at, 0.75, { node: at.node, got: at.list, branches: count });
  const steps = [...new Set(branches.map(({ superstep }) => superstep))].sort((a, b) => a - b);
  for (const superstep of steps) {
    const level = branches.filter((one) => one.superstep === superstep && one.status !== 'skipped');
    const next = branches.filter((one) => one.superstep > superstep);
    if (level.length < 2) continue;
    const lost = level.filter(({ status }) => status === 'failed');
    const done = level.length - lost.length;
    for (const one of lost)
      if (done > 0) say('branch_lost', one, 0.8, { node: one.node, superstep, why: one.said || 'no result', others: done });
    const failing = next.find(({ status }) => status === 'failed');
    if (failing) say('join_failed', failing, 0.8, { node: failing.node, superstep, why: failing.said || 'failed' });
    for (const [i, a] of level.entries()) {
      for (const b of level.slice(i + 1)) {
        if (a.node === b.node) continue;
        for (const [key, value] of Object.entries(a.writes)) {
          const other = b.writes[key];
          if (other === undefined || other === value || reduced(key) || !isChannel(history, superstep, key)) continue;
          say('write_conflict', b, 0.7, { node: a.node, other: b.node, superstep, key });
        }
        for (const [x, y] of [
          [a, b],
          [b, a],
        ] as const) {
          const key = x.reads.find(
            (one) =>
              Object.hasOwn(y.writes, one) &&
              !Object.hasOwn(x.writes, one) &&
              !reduced(one) &&
              isChannel(history, superstep, one),
          );
          if (key !== undefined) say('race', x, 0.65, { node: x.node, other: y.node, key });
        }
      }
    }
  }

  function say<M extends keyof typeof messages>(
    message: M,
    at: Branch,
    score: number,
    data: Record<string, string | number>,
  ): void {
    if (score >= ctx.options.min_score)
      ctx.report(message, { at, key: `${at.spanId}:${String(data['key'] ?? '')}`, score, data: data as never });
  }
}

/** True if the state around the superstep has the key with one plain value: an output of that name alone is no channel, and lists took both in. */
function isChannel(history: unknown, superstep: number, key: string): boolean {
  if (!Array.isArray(history)) return false;
  return history.slice(0, 256).some((one) => {
    if (!isRecord(one) || !isRecord(one['state']) || typeof one['superstep'] !== 'number') return false;
    if (one['superstep'] < superstep || one['superstep'] > superstep + 1) return false;
    const value = one['state'][key];
    return value !== undefined && value !== null && typeof value !== 'object';
  });
}

/**
 * langgraph_edge_misroute: a graph that took another way than its router or its conditions say: a target that does not exist, a decision that was not
 * followed, a condition that does not hold for the values at hand, or a decision that contradicts what the router was given.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';
import { contradicts, holds, labelsOf, refuses, type Values } from './langgraph_edge_misroute-conditions.ts';

interface Visit extends SpanRef {
  readonly node: string;
  readonly title: string;
  readonly superstep: number;
  readonly ran: boolean;
  readonly failed: boolean;
  /** It failed, and its error says that the work is not for it. */
  readonly refused: boolean;
  readonly decision: string;
  /** The decision names a node by its field (goto, next), not a label. */
  readonly direct: boolean;
  /** Scalars it was given and gave. */
  readonly values: Values;
  readonly given: Values;
  /** Short values that it gave where it decides by a model or as a router: labels. */
  readonly labels: string;
}

type State = Visit[];

interface Edge {
  readonly source: string;
  readonly target: string;
  readonly condition: string;
}

const options = {
  contradictions: {
    type: 'boolean',
    text: 'Compare decisions with the words of what the router was given (urgent, but routed to low priority).',
    default: true,
    source: 'Half of the labelled misroutes show only in words.',
  },
} as const;

const taxonomy = { mast: ['FM-2.6'], trail: ['Task Orchestration'], owasp: ['ASI08'], modes: ['F12'] } as const;

const messages = {
  unknown_target: {
    text: "Node '{{node}}' routed to '{{target}}', which the graph does not have.",
    tier: 1,
    severity: 'high',
    impact: 'The run ends, or goes on by a default that nobody chose.',
    action: 'Map the outputs of the router to nodes, and treat everything else as an error.',
    taxonomy,
  },
  not_followed: {
    text: "Node '{{node}}' decided for '{{target}}', but '{{taken}}' ran.",
    tier: 1,
    severity: 'high',
    impact: 'Another part of the graph works than the one that was chosen.',
    action: 'Check the mapping of the conditional edge.',
    taxonomy,
  },
  condition_false: {
    text: "The graph went from '{{node}}' to '{{target}}' though its condition ({{condition}}) does not hold.",
    tier: 1,
    severity: 'high',
    impact: 'Work is done that the state forbids, or not done that it demands.',
    action: 'Compute the condition from the state in one place, and log what it saw.',
    taxonomy,
  },
  no_way: {
    text: "After node '{{node}}' no edge was taken, and the run failed.",
    tier: 2,
    severity: 'high',
    impact: 'The run ends in the middle of the graph.',
    action: 'Give every conditional edge a default, and compare labels in one spelling.',
    taxonomy,
  },
  refused: {
    text: "Node '{{node}}' was chosen and failed because the work is not for it.",
    tier: 3,
    severity: 'high',
    impact: 'The request is handled by the wrong part of the graph.',
    action: 'Give the router examples of each route, and let a node that refuses send the work back.',
    taxonomy,
  },
  contradiction: {
    text: "Node '{{node}}' decided for '{{target}}', which contradicts what it was given ({{given}}).",
    tier: 3,
    severity: 'medium',
    impact: 'The request is handled by the wrong part of the graph.',
    action: 'Give the router examples of each route, and let it name the words that decided.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_VISITS = 64;
const ends = ['__end__', 'end', '__start__', 'start', ''];

export default defineDetector({
  meta: {
    id: 'langgraph_edge_misroute',
    family: 'langgraph',
    scope: 'trace',
    version: 1,
    stateVersion: 2,
    needs: ['graph'],
    summary: 'Finds graphs that took another way than their routers and conditions say.',
    docs: {
      what: 'Decisions of routers against the nodes that ran next, targets against the graph, conditions of edges against the values of their source, decisions and labels against the words they were made from, chosen nodes that refuse the work, and runs that end where no edge was taken.',
      why: 'A wrong turn is silent: every node does its work, only the wrong one.',
      fix: 'One place for routing, an error for unknown routes, and a test for each edge.',
      limits:
        'Only conditions of the form name == value, with and / or and comparisons, are evaluated. Whether a decision was right in substance is not known.',
      sources: ['https://docs.langchain.com/oss/python/langgraph/graph-api'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind === 'workflow') {
      if (state !== undefined) judge(state, step, ctx);
      return state;
    }
    const superstep = step.extra['superstep'];
    if (typeof superstep !== 'number') return state;
    const given = scalars(step.extra['node.inputs']);
    const values = { ...given, ...scalars(step.extra['node.outputs']) };
    const decision = step.extra['route.decision'];
    const visit: Visit = {
      traceId: step.traceId,
      spanId: step.spanId,
      node: String(step.extra['node.id'] ?? step.name).slice(0, 60),
      title: step.name.slice(0, 80),
      superstep,
      ran: String(step.extra['node.status'] ?? '') !== 'skipped',
      failed: step.outcome === 'error',
      refused: step.outcome === 'error' && refuses(step.error?.message ?? ''),
      decision: typeof decision === 'string' ? decision.slice(0, 60) : '',
      direct: ['goto', 'next', 'next_node'].includes(String(step.extra['route.field'] ?? '')),
      values,
      given,
      labels: step.kind === 'llm' || step.extra['node.type'] === 'router' ? labelsOf(scalars(step.extra['node.outputs'])) : '',
    };
    return [...(state ?? []), visit].slice(-MAX_VISITS);
  },
});

function judge(visits: State, root: Step, ctx: Ctx): void {
  const edges = edgesOf(root.extra['graph.edges']);
  const nodes = new Set([
    ...visits.map(({ node }) => node),
    ...edges.flatMap(({ source, target }) => [source, target]),
    ...namesOf(root.extra['graph.nodes']),
  ]);
  const known = new Set([...visits.map(({ node }) => node), ...namesOf(root.extra['graph.nodes'])]);
  const [first] = visits;
  for (const { source, target } of edges)
    if (
      first !== undefined &&
      known.has(source) &&
      !known.has(target) &&
      !ends.includes(target.toLowerCase()) &&
      !target.startsWith('worker')
    )
      ctx.report('unknown_target', {
        at: visits.find(({ node }) => node === source) ?? first,
        key: target,
        score: 0.7,
        data: { node: source, target },
      });
  stuck(visits, edges, root, ctx);
  const titles = new Map(visits.map(({ node, title }) => [node, title]));
  visits.forEach((visit, i) => {
    const later = visits.slice(i + 1).filter(({ superstep, ran }) => ran && superstep > visit.superstep);
    const next = later.filter(({ superstep }) => superstep === later[0]?.superstep);
    decided(visit, next, nodes, edges, ctx);
    for (const { source, target, condition } of edges) {
      if (source !== visit.node || condition === '' || !next.some(({ node }) => node === target)) continue;
      if (holds(condition, visit.values) === false)
        ctx.report('condition_false', {
          at: visit,
          key: `${source}>${target}`,
          evidence: [visit, ...next.slice(0, 1)],
          score: 0.85,
          data: { node: source, target, condition: condition.slice(0, 80) },
        });
    }
    const chosen = next.find(({ node }) =>
      edges.some((edge) => edge.source === visit.node && edge.target === node && edge.condition !== ''),
    );
    if (chosen?.refused === true)
      ctx.report('refused', {
        at: visit,
        key: chosen.spanId,
        evidence: [visit, chosen],
        score: 0.8,
        data: { node: chosen.node },
      });
    if (!ctx.options.contradictions) return;
    const title = titles.get(visit.decision) ?? (visit.decision === '' ? chosen : next[0])?.title ?? '';
    const label = `${visit.decision} ${visit.labels} ${title}`.trim();
    const given = label === '' ? undefined : contradicts(visit.given, label);
    if (given !== undefined)
      ctx.report('contradiction', {
        at: visit,
        key: visit.spanId,
        score: 0.7,
        data: { node: visit.node, target: visit.decision || visit.labels || title, given },
      });
  });
}

/** The last node that ran leads on by conditions only, none of them was taken, and the run failed though the node did not. */
function stuck(visits: State, edges: readonly Edge[], root: Step, ctx: Ctx): void {
  const last = visits.findLast(({ ran }) => ran);
  if (root.outcome !== 'error' || last === undefined || last.failed) return;
  const from = edges.filter(({ source }) => source === last.node);
  if (from.length === 0 || from.some(({ condition, target }) => condition === '' || ends.includes(target.toLowerCase()))) return;
  // A way that was open and not gone: the run failed for another reason.
  if (from.some(({ condition, target }) => holds(condition, last.values) === true && visits.some(({ node }) => node === target)))
    return;
  ctx.report('no_way', { at: last, key: last.spanId, score: 0.8, data: { node: last.node } });
}

function decided(visit: Visit, next: readonly Visit[], nodes: ReadonlySet<string>, edges: readonly Edge[], ctx: Ctx): void {
  const target = visit.decision;
  if (ends.includes(target.toLowerCase())) return;
  const from = edges.filter(({ source }) => source === visit.node);
  const isLabel = from.some(({ condition }) => condition.includes(target));
  // A title in another spelling is the node's name too.
  if (next.some(({ title }) => plain(title) === plain(target))) return;
  if (nodes.has(target)) {
    const [taken] = next;
    if (taken !== undefined && !next.some(({ node }) => node === target))
      ctx.report('not_followed', {
        at: visit,
        key: visit.spanId,
        evidence: [visit, taken],
        score: 0.85,
        data: { node: visit.node, target, taken: taken.node },
      });
  } else if (
    visit.direct ||
    (!isLabel &&
      /^[a-z0-9]+(?:[_-][a-z0-9]+)*$/i.test(target) &&
      (/node|agent|handler/.test(target) || /^n\d+$/.test(target)) &&
      !from.some(({ condition }) => condition !== ''))
  )
    ctx.report('unknown_target', { at: visit, key: target, score: 0.8, data: { node: visit.node, target } });
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function scalars(value: unknown): Values {
  const found: Record<string, string | number | boolean> = {};
  if (!isRecord(value)) return found;
  for (const [key, item] of Object.entries(value).slice(0, 24)) {
    if (typeof item === 'string') found[key] = item.slice(0, 300);
    else if (typeof item === 'number' || typeof item === 'boolean') found[key] = item;
    else if (Array.isArray(item)) {
      const last = item[item.length - 1] as unknown;
      if (isRecord(last) && typeof last['content'] === 'string') found[key] = last['content'].slice(0, 300);
    } else if (isRecord(item)) Object.assign(found, scalars(item));
  }
  return found;
}

function edgesOf(value: unknown): Edge[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, 512).flatMap((one) => {
    if (!isRecord(one) || typeof one['source'] !== 'string' || typeof one['target'] !== 'string') return [];
    return [
      { source: one['source'], target: one['target'], condition: typeof one['condition'] === 'string' ? one['condition'] : '' },
    ];
  });
}

function namesOf(value: unknown): string[] {
  return Array.isArray(value)
    ? value.slice(0, 512).map((one) => String(isRecord(one) ? (one['name'] ?? one['id'] ?? '') : one))
    : [];
}

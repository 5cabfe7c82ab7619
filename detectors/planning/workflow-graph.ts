/** workflow, the declared graph: its edges read from any of the forms they come in, and what is wrong with it. Linear in nodes and edges, which are bounded. */
import { isRecord } from '../../src/schema/value.ts';

export interface Graph {
  readonly nodes: readonly string[];
  /** Targets by source. */
  readonly next: ReadonlyMap<string, readonly string[]>;
  /** Edges that name no node at one end: the graph is not all there, and what seems unreachable may not be. */
  readonly broken: number;
  /** Node at the other end of such an edge. */
  readonly open: string;
  /** Targets that the list of nodes, where one is given whole, does not have. */
  readonly missing: readonly string[];
}

export interface Flaw {
  readonly flaw: 'open_edge' | 'missing_node' | 'unreachable' | 'cycle' | 'dead_end' | 'isolated';
  readonly nodes: readonly string[];
  readonly score: number;
}

const MAX_NODES = 512;
const MAX_EDGES = 2_048;
/** In the names of nodes that a workflow enters when something fails. */
const handlers = ['error', 'fallback', 'catch', 'on_fail'];
const nowhere = new Set(['', 'None', 'null', 'undefined']);

/** `undefined` if there are fewer than two nodes or no edge: nothing to follow. */
export function graphOf(nodeList: unknown, edgeList: unknown): Graph | undefined {
  const next = new Map<string, string[]>();
  const nodes = new Set<string>();
  let broken = 0;
  let open = '';
  for (const one of list(nodeList).slice(0, MAX_NODES)) {
    const name = isRecord(one) ? (one['id'] ?? one['name']) : one;
    if (typeof name === 'string' && name !== '') nodes.add(name);
  }
  const listed = nodes.size;
  for (const one of list(edgeList).slice(0, MAX_EDGES)) {
    const [from, to] = ends(one);
    if (nowhere.has(from) || nowhere.has(to)) {
      broken++;
      open ||= nowhere.has(from) ? to : from;
      continue;
    }
    nodes.add(from);
    nodes.add(to);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const missing = listed === 0 || listed >= MAX_NODES ? [] : [...nodes].slice(listed);
  return nodes.size < 2 || next.size === 0 ? undefined : { nodes: [...nodes].slice(0, MAX_NODES), next, broken, open, missing };
}

export function flawsOf({ nodes, next, broken, open, missing }: Graph): Flaw[] {
  const incoming = new Set([...next.values()].flat());
  const entries = nodes.filter((node) => !incoming.has(node));
  // The first node is where a run begins, also where something leads back to it.
  const entry = entries[0] ?? nodes[0] ?? '';
  const start = nodes[0] !== undefined && entries.includes(nodes[0]) ? nodes[0] : entry;
  const reached = reach([start], next);
  const flaws: Flaw[] = [];
  if (broken > 0) flaws.push({ flaw: 'open_edge', nodes: [nowhere.has(open) ? (nodes[0] ?? '') : open], score: 0.75 });
  if (missing.length > 0) flaws.push({ flaw: 'missing_node', nodes: missing, score: 0.85 });
  const isolated = nodes.filter((node) => !incoming.has(node) && !next.has(node));
  // Errors reach a handler, not edges.
  const handled = reach(
    nodes.filter((node) => !incoming.has(node) && handlers.some((word) => node.toLowerCase().includes(word))),
    next,
  );
  const unreachable = nodes.filter((node) => !reached.has(node) && !handled.has(node) && !isolated.includes(node));
  if (isolated.length > 0 && broken === 0) flaws.push({ flaw: 'isolated', nodes: isolated, score: 0.85 });
  // Several triggers are several ways in; one island beside a whole graph is a mistake.
  if (unreachable.length > 0 && broken === 0)
    flaws.push({ flaw: 'unreachable', nodes: unreachable, score: unreachable.length * 2 <= nodes.length ? 0.8 : 0.65 });
  const cycle = cycleOf(nodes, next);
  if (cycle.length > 0) {
    const exits = cycle.some((node) => (next.get(node) ?? []).some((one) => !cycle.includes(one)));
    flaws.push({ flaw: 'cycle', nodes: cycle, score: exits ? 0.65 : 0.9 });
  }
  const sinks = nodes.filter((node) => !next.has(node) && incoming.has(node));
  // One of many branches ends on its own while the others meet: it was forgotten.
  if (sinks.length === 2) {
    const [a, b] = sinks as [string, string];
    const inA = count(next, a);
    const inB = count(next, b);
    const lost =
      depthTo(next, start, a) < depthTo(next, start, b) && inA <= inB
        ? a
        : depthTo(next, start, b) < depthTo(next, start, a) && inB <= inA
          ? b
          : undefined;
    if (lost !== undefined && broken === 0) flaws.push({ flaw: 'dead_end', nodes: [lost], score: 0.62 });
  }
  return flaws.sort((a, b) => b.score - a.score);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function ends(edge: unknown): [string, string] {
  if (typeof edge === 'string') {
    const at = edge.indexOf('->');
    return at < 0 ? ['', ''] : [edge.slice(0, at).trim(), edge.slice(at + 2).trim()];
  }
  if (Array.isArray(edge)) return [String(edge[0] ?? ''), String(edge[1] ?? '')];
  if (isRecord(edge)) return [String(edge['source'] ?? edge['from'] ?? ''), String(edge['target'] ?? edge['to'] ?? '')];
  return ['', ''];
}

function reach(from: readonly string[], next: Graph['next']): Set<string> {
  const seen = new Set(from);
  const open = [...from];
  for (let node = open.pop(); node !== undefined; node = open.pop())
    for (const one of next.get(node) ?? [])
      if (!seen.has(one)) {
        seen.add(one);
        open.push(one);
      }
  return seen;
}

/** The nodes of one cycle, or none. */
function cycleOf(nodes: readonly string[], next: Graph['next']): string[] {
  const state = new Map<string, 'open' | 'done'>();
  for (const root of nodes) {
    if (state.has(root)) continue;
    const path: { node: string; at: number }[] = [{ node: root, at: 0 }];
    state.set(root, 'open');
    while (path.length > 0) {
      const top = path[path.length - 1] as { node: string; at: number };
      const target = next.get(top.node)?.[top.at++];
      if (target === undefined) {
        state.set(top.node, 'done');
        path.pop();
      } else if (state.get(target) === 'open')
        return path.slice(path.findIndex(({ node }) => node === target)).map(({ node }) => node);
      else if (!state.has(target)) {
        state.set(target, 'open');
        path.push({ node: target, at: 0 });
      }
    }
  }
  return [];
}

function count(next: Graph['next'], node: string): number {
  let sum = 0;
  for (const targets of next.values()) if (targets.includes(node)) sum++;
  return sum;
}

function depthTo(next: Graph['next'], from: string, to: string): number {
  let level = [from];
  const seen = new Set(level);
  for (let depth = 0; level.length > 0 && depth < MAX_NODES; depth++) {
    if (level.includes(to)) return depth;
    level = level.flatMap((node) => next.get(node) ?? []).filter((node) => !seen.has(node) && seen.add(node));
  }
  return MAX_NODES;
}

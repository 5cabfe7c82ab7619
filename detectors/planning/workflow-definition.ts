/**
 * workflow, the definition that a run carries as JSON: its edges by branch, and what its nodes read from each other. Forms: `nodes` with `connections`
 * or `edges`, as a list or by source, at the top or one member down; references as `{{#node.field#}}`, the syntax of Dify.
 */
import { isRecord } from '../../src/schema/value.ts';

export interface Definition {
  readonly nodes: readonly string[];
  readonly edges: readonly (readonly [string, string])[];
  /** Nodes that lead on in one of the cases true and false only. */
  readonly oneSided: readonly string[];
  /** By node, the nodes that it reads from. */
  readonly reads: readonly (readonly [string, string])[];
  /** Strings of the definition: names of nodes, agents, channels, routes. */
  readonly names: ReadonlySet<string>;
}

const MAX_NODES = 512;
const MAX_EDGES = 2_048;
const MAX_NAMES = 2_048;
/** What Dify offers beside nodes. */
const scopes = new Set(['sys', 'env', 'conversation', 'context', 'rag', 'item', 'index', 'output']);

export function definitionOf(json: unknown): Definition | undefined {
  const drawn = drawing(json);
  if (drawn === undefined) return undefined;
  const nodes: string[] = [];
  const reads: [string, string][] = [];
  const names = new Set<string>();
  for (const one of (drawn['nodes'] as readonly unknown[]).slice(0, MAX_NODES)) {
    const id = isRecord(one) ? (one['id'] ?? one['node_id'] ?? one['name']) : one;
    if (typeof id !== 'string' || id === '') continue;
    nodes.push(id);
    names.add(id);
    if (isRecord(one)) for (const from of referencesOf(one, names)) reads.push([id, from]);
  }
  const edges: [string, string][] = [];
  const oneSided: string[] = [];
  const add = (from: unknown, to: unknown) => {
    if (typeof from === 'string' && typeof to === 'string' && edges.length < MAX_EDGES) edges.push([from, to]);
  };
  const connections = drawn['connections'] ?? drawn['edges'];
  if (Array.isArray(connections))
    for (const one of connections) isRecord(one) && add(one['from'] ?? one['source'], one['to'] ?? one['target']);
  else if (isRecord(connections))
    for (const [from, targets] of Object.entries(connections)) {
      if (isRecord(targets) && 'true' in targets !== 'false' in targets) oneSided.push(from);
      for (const list of isRecord(targets) ? Object.values(targets) : [targets])
        for (const to of Array.isArray(list) ? list : [list]) add(from, to);
    }
  return { nodes, edges, oneSided, reads, names };
}

function drawing(json: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(json)) return undefined;
  const fits = (one: unknown): one is Record<string, unknown> =>
    isRecord(one) && Array.isArray(one['nodes']) && (one['connections'] ?? one['edges']) !== undefined;
  return fits(json) ? json : Object.values(json).slice(0, 16).find(fits);
}

/** Nodes named in the inputs of a node; its own strings are added to `names`. */
function referencesOf(node: Readonly<Record<string, unknown>>, names: Set<string>): Set<string> {
  const found = new Set<string>();
  const walk = (value: unknown, depth: number): void => {
    if (depth > 4 || names.size >= MAX_NAMES) return;
    if (typeof value === 'string') {
      const text = value.slice(0, 2_048);
      if (!text.includes('{{#')) names.add(text);
      else
        for (const [, from = ''] of text.matchAll(/\{\{#([\w-]{1,64})\.[\w.-]{1,128}#\}\}/g))
          if (!scopes.has(from)) found.add(from);
    } else if (Array.isArray(value)) for (const one of value.slice(0, 64)) walk(one, depth + 1);
    else if (isRecord(value))
      for (const [key, one] of Object.entries(value).slice(0, 64)) {
        if (depth > 0) names.add(key);
        walk(one, depth + 1);
      }
  };
  walk(node, 0);
  return found;
}

/** Nodes that can run before `node`. */
export function before(node: string, edges: Definition['edges']): Set<string> {
  const seen = new Set<string>();
  const open = [node];
  for (let one = open.pop(); one !== undefined; one = open.pop())
    for (const [from, to] of edges)
      if (to === one && !seen.has(from)) {
        seen.add(from);
        open.push(from);
      }
  return seen;
}

/** Errors about how a workflow is drawn, not about what a service answered. Lower case, words apart. */
const misdrawn = [
  'no route',
  'routing',
  'not handled',
  'does not exist',
  'not connected',
  'never connected',
  'unconnected',
  'connection broken',
  'no path',
  'no error connection',
  'dependency',
] as const;

/** The name in the definition that an error about the drawing is about, or `undefined`. */
export function misdrawnName(error: string, { names }: Definition): string | undefined {
  const text = error.slice(0, 1_024);
  const words = text
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
  if (!misdrawn.some((one) => words.includes(one))) return undefined;
  const said = new Set(text.split(/[^\w-]+/));
  return [...names].find((name) => name.length >= 3 && said.has(name));
}

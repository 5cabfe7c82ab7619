/** A workflow's definition as graph facts: nodes with what decides their behaviour, connections as edges. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { identifier, list, members, number, withoutSecrets, word, writeJson } from '../payload.ts';

/** Nodes and edges read; the largest workflow seen has 246 nodes. */
const maxNodes = 5000;
const maxEdges = 50_000;
/** Characters of one node's parameters; the 99th percentile of 18,349 nodes is 3,625. */
const maxParameters = 65_536;
/** Characters of all parameters; the largest workflow of 1,310 has 157,579. Nodes beyond keep all but their parameters. */
const maxAllParameters = 3 * 1024 * 1024;

const settingNames = [
  'onError',
  'continueOnFail',
  'retryOnFail',
  'maxTries',
  'waitBetweenTries',
  'alwaysOutputData',
  'executeOnce',
  'retryCount',
  'timeout',
];

export interface GraphNode {
  readonly name: string;
  readonly type: string;
  readonly parameters: unknown;
  readonly settings: unknown;
  readonly credentials: readonly string[];
}

export interface Graph {
  /** `undefined` if the payload has no definition. */
  readonly nodes: readonly unknown[] | undefined;
  readonly edges: readonly unknown[] | undefined;
  readonly counts: unknown;
  readonly entry: readonly string[];
  readonly pinned: readonly (readonly [string, readonly unknown[]])[];
  readonly byName: ReadonlyMap<string, GraphNode>;
  readonly notes: readonly string[];
}

interface Edge {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  /** Number of the output. */
  readonly branch: number;
  /** Number of the input. */
  readonly index: number;
}

export function readGraph(workflow: unknown): Graph {
  const notes: string[] = [];
  const given = member(workflow, 'nodes');
  if (!Array.isArray(given)) {
    if (workflow !== undefined) notes.push('workflow.nodes: no list of nodes');
    return { nodes: undefined, edges: undefined, counts: undefined, entry: [], pinned: [], byName: new Map(), notes };
  }
  const byName = new Map<string, GraphNode>();
  const nodes: unknown[] = [];
  let parameterSize = 0;
  let withoutParameters = 0;
  for (const item of given.slice(0, maxNodes)) {
    const node = readNode(item);
    if (node === undefined) {
      notes.push(`workflow.nodes: an entry without a name`);
      continue;
    }
    let { parameters } = node;
    if (parameters !== undefined) {
      const written = writeJson(parameters, maxParameters);
      parameterSize += written.text.length;
      if (written.cut) {
        notes.push(`workflow.nodes.${node.name}.parameters`);
        parameters = JSON.parse(written.text) as unknown;
      }
      if (parameterSize > maxAllParameters) {
        withoutParameters++;
        parameters = undefined;
      }
    }
    nodes.push({ ...node, parameters });
    if (!byName.has(node.name)) byName.set(node.name, node);
  }
  if (withoutParameters > 0) notes.push(`workflow.nodes: parameters of ${withoutParameters} nodes`);
  if (given.length > maxNodes) notes.push(`workflow.nodes: ${given.length - maxNodes} of ${given.length} nodes`);
  const edges = readEdges(member(workflow, 'connections'), notes);
  const targets = new Set(edges.filter(({ type }) => type === 'main').map(({ target }) => target));
  const helpers = new Set(edges.filter(({ type }) => type !== 'main').map(({ source }) => source));
  return {
    nodes,
    edges,
    counts: { nodes: given.length, edges: edges.length },
    entry: [...byName.values()]
      .filter(({ name, type }) => !targets.has(name) && !helpers.has(name) && !type.endsWith('.stickyNote'))
      .map(({ name }) => name),
    pinned: members(member(workflow, 'pinData'))
      .map(([name, items]) => [name, list(items)] as const)
      .filter(([, items]) => items.length > 0),
    byName,
    notes,
  };
}

function readNode(item: unknown): (GraphNode & { readonly id: string | undefined }) | undefined {
  const name = word(member(item, 'name')) ?? identifier(member(item, 'id'));
  if (name === undefined) return undefined;
  const disabled = member(item, 'disabled');
  const version = number(member(item, 'typeVersion'));
  return {
    name,
    id: identifier(member(item, 'id')),
    type: word(member(item, 'type')) ?? 'unknown',
    ...(version === undefined ? {} : { version }),
    ...(typeof disabled === 'boolean' ? { disabled } : {}),
    // Keys that were typed into a node instead of a credential stay here.
    parameters: isObject(member(item, 'parameters')) ? withoutSecrets(member(item, 'parameters')) : undefined,
    settings: settingsOf(item),
    // Kinds only: ids and names of credentials are nobody's business here.
    credentials: members(member(item, 'credentials')).map(([kind]) => kind),
  };
}

/** Settings stand on the node or, in older exports, under `settings`. */
function settingsOf(item: unknown): unknown {
  const nested = member(item, 'settings');
  const found = settingNames.flatMap((name) => {
    const value = firstMember(item, [name]) ?? firstMember(nested, [name]);
    return value === undefined || typeof value === 'object' ? [] : [[name, value] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** `{node: {type: [[{node, type, index}]]}}`: the outer list is the output's number. */
function readEdges(connections: unknown, notes: string[]): readonly Edge[] {
  const edges: Edge[] = [];
  for (const [source, types] of members(connections)) {
    for (const [type, outputs] of members(types)) {
      list(outputs).forEach((branch, at) => {
        // The oldest exports leave the inner list out.
        for (const one of Array.isArray(branch) ? branch : [branch]) {
          const target = word(member(one, 'node'));
          if (target === undefined) continue;
          if (edges.length < maxEdges) edges.push({ source, target, type, branch: at, index: number(member(one, 'index')) ?? 0 });
          else if (edges.length === maxEdges && !notes.includes('workflow.connections')) notes.push('workflow.connections');
        }
      });
    }
  }
  return edges;
}

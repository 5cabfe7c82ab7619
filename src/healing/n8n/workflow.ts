/** A workflow as n8n's public API gives and takes it, and as the n8n detectors see it. */
import { createHash } from 'node:crypto';
import { isRecord } from '../../schema/value.ts';
import type { Step } from '../../step/step.ts';

export interface Node {
  readonly name: string;
  readonly type: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly disabled?: boolean;
  readonly position?: readonly number[];
  readonly [field: string]: unknown;
}

export interface Link {
  readonly node: string;
  readonly type: string;
  readonly index: number;
}

/** Source → type of connection → number of the output → what it leads to. */
export type Connections = Readonly<Record<string, Readonly<Record<string, readonly (readonly Link[] | null)[]>>>>;

/** What a PUT replaces. What n8n keeps besides (data of triggers, pins, tags, who owns it) is not sent, and stays. */
export interface Workflow {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly connections: Connections;
  readonly settings: Readonly<Record<string, unknown>>;
}

export class WorkflowError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WorkflowError';
  }
}

/** n8n's canvas grows slow beyond 100; the largest public workflow seen has 246. */
const MOST_NODES = 2_000;
const DEEPEST = 100;

/** Throws `WorkflowError` if it is none. */
export function readWorkflow(value: unknown): Workflow {
  if (!isRecord(value)) throw new WorkflowError('The answer is no workflow: no object.');
  const { name, nodes, connections, settings } = value;
  if (typeof name !== 'string') throw new WorkflowError('The answer is no workflow: it has no name.');
  if (!Array.isArray(nodes)) throw new WorkflowError('The answer is no workflow: it has no list of nodes.');
  if (nodes.length > MOST_NODES)
    throw new WorkflowError(`The workflow has ${nodes.length} nodes; at most ${MOST_NODES} are patched.`);
  const names = new Set<string>();
  for (const node of nodes) {
    if (!isRecord(node) || typeof node['name'] !== 'string' || typeof node['type'] !== 'string')
      throw new WorkflowError('A node of the workflow has no name or no type.');
    if (names.has(node['name'])) throw new WorkflowError('Two nodes of the workflow have the same name.');
    names.add(node['name']);
  }
  if (!isRecord(connections)) throw new WorkflowError('The workflow has no connections.');
  for (const outputs of Object.values(connections)) {
    const lists = isRecord(outputs) ? Object.values(outputs) : [null];
    const fits = (branch: unknown) => branch === null || (Array.isArray(branch) && branch.every(isLink));
    if (!lists.every((list) => Array.isArray(list) && list.every(fits)))
      throw new WorkflowError('The connections of the workflow are not of the form that n8n has.');
  }
  return {
    name,
    nodes: nodes as readonly Node[],
    connections: connections as Connections,
    settings: isRecord(settings) ? settings : {},
  };
}

function isLink(value: unknown): boolean {
  return isRecord(value) && typeof value['node'] === 'string' && typeof value['type'] === 'string';
}

/**
 * Of what a workflow means: the order of members does not count, that of lists does. Ids of nodes and of webhooks are left out: n8n makes
 * them up for nodes that have none, anew with each write.
 */
export function contentHash({ name, nodes, connections, settings }: Workflow): string {
  const bare = nodes.map(({ id: _, webhookId: __, ...node }) => node);
  return createHash('sha256')
    .update(sorted({ name, nodes: bare, connections, settings }, 0))
    .digest('hex');
}

function sorted(value: unknown, depth: number): string {
  if (depth > DEEPEST) throw new WorkflowError(`The workflow is nested deeper than ${DEEPEST} levels.`);
  if (Array.isArray(value)) return `[${value.map((one) => sorted(one, depth + 1)).join()}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${members
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, one]) => `${JSON.stringify(key)}:${sorted(one, depth + 1)}`)
    .join()}}`;
}

export interface Edge {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly branch: number;
  readonly index: number;
}

export function edgesOf({ connections }: Workflow): Edge[] {
  return Object.entries(connections).flatMap(([source, types]) =>
    Object.entries(types).flatMap(([type, outputs]) =>
      outputs.flatMap((links, branch) =>
        (links ?? []).map(({ node, index }) => ({ source, target: node, type, branch, index: index ?? 0 })),
      ),
    ),
  );
}

const nodeSettings = [
  'onError',
  'continueOnFail',
  'retryOnFail',
  'maxTries',
  'waitBetweenTries',
  'alwaysOutputData',
  'executeOnce',
];

/** The root of a run that was not: the definition alone, as the webhook for n8n makes it of a workflow's JSON. */
export function drawnStep(workflow: Workflow): Step {
  const nodes = workflow.nodes.map((node) => ({
    name: node.name,
    type: node.type,
    ...(node.disabled === undefined ? {} : { disabled: node.disabled }),
    parameters: node.parameters,
    settings: Object.fromEntries(nodeSettings.flatMap((name) => (node[name] === undefined ? [] : [[name, node[name]]]))),
  }));
  const timeout = Number(workflow.settings['executionTimeout'] ?? 0);
  return {
    traceId: `${'0'.repeat(31)}1`,
    spanId: `${'0'.repeat(15)}1`,
    parentId: '',
    tenant: '',
    sessionId: undefined,
    kind: 'workflow',
    name: workflow.name,
    service: undefined,
    scope: '',
    dialects: [],
    startMs: 0,
    endMs: 0,
    outcome: 'unknown',
    error: undefined,
    agent: undefined,
    agentId: undefined,
    provider: undefined,
    requestModel: undefined,
    responseModel: undefined,
    finishReasons: [],
    tokens: undefined,
    cost: undefined,
    rollup: false,
    tool: undefined,
    handoff: undefined,
    input: [],
    output: [],
    system: undefined,
    toolDefinitions: [],
    documents: [],
    query: undefined,
    stateBefore: undefined,
    stateAfter: undefined,
    limits: timeout > 0 ? { timeout_ms: timeout * 1_000 } : {},
    extra: {
      'run.format': 'n8n',
      'time.synthetic': true,
      'graph.nodes': nodes,
      'graph.edges': edgesOf(workflow),
      'workflow.settings': workflow.settings,
    },
    has: (fact) => fact === 'graph' || (fact === 'limits' && timeout > 0),
  };
}

/**
 * Changes of a workflow that answer a finding. Each is a pure function: the workflow that comes in is not touched, and what goes out differs in
 * nothing but what `changes` names. A patch that finds nothing to change says why.
 */
import { isRecord } from '../../schema/value.ts';
import type { Risk } from '../fix.ts';
import { type Edge, edgesOf, type Link, type Node, type Workflow } from './workflow.ts';

export const patchKinds = ['retry', 'node_timeout', 'execution_timeout', 'error_workflow', 'loop_limit', 'token_limit'] as const;
export type PatchKind = (typeof patchKinds)[number];

export interface PatchOptions {
  /** Tries of a node, the first included: n8n takes 2–5. */
  readonly max_tries: number;
  /** Milliseconds between tries: n8n takes up to 5,000. */
  readonly wait_ms: number;
  readonly node_timeout_ms: number;
  readonly execution_timeout_s: number;
  readonly max_rounds: number;
  readonly max_tokens: number;
  /** Id of the workflow that is told of errors; without it `error_workflow` changes nothing. */
  readonly error_workflow_id: string | undefined;
}

/**
 * Three tries a second apart outlast a restart of a service; a call gets the minute and a run the five minutes that n8n's own HTTP node
 * waits at most; no recorded circle of use ran more than 25 rounds; 4,096 tokens are a long answer.
 */
export const defaultPatchOptions: PatchOptions = {
  max_tries: 3,
  wait_ms: 1_000,
  node_timeout_ms: 60_000,
  execution_timeout_s: 300,
  max_rounds: 50,
  max_tokens: 4_096,
  error_workflow_id: undefined,
};

export interface Patched {
  readonly workflow: Workflow;
  /** One sentence each. */
  readonly changes: readonly string[];
}

export class NothingToPatch extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NothingToPatch';
  }
}

export interface Answer {
  readonly kind: PatchKind;
  readonly fixType: string;
  readonly title: string;
  readonly does: string;
  readonly risk: Risk;
  readonly doesNotSolve: string;
  /** The detector says the finding of the drawing alone, so that it can be run on the drawing with the patch. */
  readonly drawn: boolean;
}

const retry: Omit<Answer, 'drawn'> = {
  kind: 'retry',
  title: 'Try the node again',
  does: 'Set retryOnFail on the node that failed, or on every node that calls a service: 3 tries, 1,000 ms apart.',
  fixType: 'retry_limit',
  risk: 'medium',
  doesNotSolve: 'A failure that stays is only met later; a call that is not idempotent may be made more than once.',
};
const loopLimit: Omit<Answer, 'drawn'> = {
  kind: 'loop_limit',
  title: 'Count the rounds',
  does: 'Lead every way back through an If node that lets 50 rounds pass (by `$runIndex`) and then ends the run with an error.',
  fixType: 'circuit_breaker',
  risk: 'medium',
  doesNotSolve: 'Why the workflow goes round. A run that needs more rounds than the limit now fails.',
};

/** By `<detector>.<message>`: the patches that answer it, the best first. */
export const answers: Readonly<Record<string, readonly Answer[]>> = {
  'n8n_cycle.endless': [{ ...loopLimit, drawn: true }],
  'n8n_cycle.unbounded': [{ ...loopLimit, drawn: true }],
  'n8n_cycle.many_runs': [{ ...loopLimit, drawn: false }],
  'n8n_error.unprepared': [
    {
      kind: 'error_workflow',
      title: 'Tell a workflow of errors',
      does: 'Set settings.errorWorkflow to the id of a workflow that reports the failure.',
      fixType: 'workflow_guard',
      risk: 'safe',
      doesNotSolve: 'The failure itself; it is only told to somebody.',
      drawn: true,
    },
    { ...retry, drawn: true },
  ],
  'n8n_error.failed': [{ ...retry, drawn: false }],
  'n8n_error.hidden': [{ ...retry, drawn: false }],
  'n8n_timeout.no_limit': [
    {
      kind: 'execution_timeout',
      title: 'Bound the run',
      does: 'Set settings.executionTimeout to 300 s.',
      fixType: 'timeout_addition',
      risk: 'medium',
      doesNotSolve: 'Why a service hangs. A run that needs longer than the limit is now stopped, its work half done.',
      drawn: true,
    },
  ],
  'n8n_timeout.slow_node': [
    {
      kind: 'node_timeout',
      title: 'Bound the call',
      does: 'Set options.timeout of the HTTP node to 60,000 ms.',
      fixType: 'timeout_addition',
      risk: 'medium',
      doesNotSolve: 'Why the service is slow. A call that needs longer than the limit now fails.',
      drawn: false,
    },
  ],
  'n8n_timeout.timed_out': [{ ...retry, drawn: false }],
  'n8n_resource.unbounded_model': [
    {
      kind: 'token_limit',
      title: 'Bound the answers of the model',
      does: 'Set the maximum of tokens of each model node to 4,096.',
      fixType: 'budget_limiter',
      risk: 'medium',
      doesNotSolve: 'How often the model is called. An answer that is longer than the limit is now cut.',
      drawn: true,
    },
  ],
};

/** Throws `NothingToPatch`. `node`: the one that the finding names. */
export function patch(kind: PatchKind, workflow: Workflow, node: string | undefined, options: PatchOptions): Patched {
  return patches[kind](workflow, node, options);
}

type Patch = (workflow: Workflow, node: string | undefined, options: PatchOptions) => Patched;

const patches: Readonly<Record<PatchKind, Patch>> = {
  retry(workflow, name, { max_tries: maxTries, wait_ms: waitBetweenTries }) {
    const targets = chosen(workflow, name, ({ type }) => outside.test(type));
    return edited(workflow, targets, (node) =>
      node['retryOnFail'] === true
        ? undefined
        : {
            node: { ...node, retryOnFail: true, maxTries, waitBetweenTries },
            change: `Node '${node.name}' is tried ${maxTries} times, ${waitBetweenTries} ms apart.`,
          },
    );
  },

  node_timeout(workflow, name, { node_timeout_ms: timeout }) {
    const targets = chosen(workflow, name, ({ type }) => /\.httpRequest$/.test(type));
    return edited(workflow, targets, (node) =>
      /\.httpRequest$/.test(node.type) && optionOf(node, 'timeout') === undefined
        ? { node: withOption(node, 'timeout', timeout), change: `Node '${node.name}' gives up after ${timeout} ms.` }
        : undefined,
    );
  },

  execution_timeout(workflow, _, { execution_timeout_s: seconds }) {
    if (Number(workflow.settings['executionTimeout'] ?? -1) > 0)
      throw new NothingToPatch(`The workflow has an execution time-out of ${String(workflow.settings['executionTimeout'])} s.`);
    return {
      workflow: { ...workflow, settings: { ...workflow.settings, executionTimeout: seconds } },
      changes: [`A run is stopped after ${seconds} s.`],
    };
  },

  error_workflow(workflow, _, { error_workflow_id: id }) {
    if (id === undefined) throw new NothingToPatch('Name the workflow that is told of errors as options.error_workflow_id.');
    if (workflow.settings['errorWorkflow'] === id) throw new NothingToPatch('The workflow has this error workflow.');
    return {
      workflow: { ...workflow, settings: { ...workflow.settings, errorWorkflow: id } },
      changes: [`Workflow '${id}' is told when a run fails.`],
    };
  },

  token_limit(workflow, _, { max_tokens: most }) {
    const named = (type: string) => tokenOptions.find(([part]) => type.endsWith(part))?.[1];
    const targets = workflow.nodes.filter(({ type }) => named(type) !== undefined);
    return edited(workflow, targets, (node) => {
      const option = named(node.type) as string;
      if (optionOf(node, option) !== undefined) return undefined;
      return { node: withOption(node, option, most), change: `Answers of '${node.name}' end after ${most} tokens.` };
    });
  },

  loop_limit: limitLoop,
};

/** Calls something beyond n8n that can fail for a while. */
const outside = /\.(httpRequest|postgres|mySql|mongoDb|redis|awsLambda|graphql|ssh|ftp|microsoftSql|openAi|anthropic)$/i;
/** Where each model node has its limit. */
const tokenOptions = [
  ['.lmChatOpenAi', 'maxTokens'],
  ['.lmChatAnthropic', 'maxTokensToSample'],
  ['.lmChatGoogleGemini', 'maxOutputTokens'],
  ['.openAi', 'maxTokens'],
] as const;

function chosen(workflow: Workflow, name: string | undefined, fits: (node: Node) => boolean): Node[] {
  if (name === undefined) return workflow.nodes.filter(fits);
  // Findings cut long names.
  const found = workflow.nodes.filter((node) => node.name === name || (name.length >= 60 && node.name.startsWith(name)));
  if (found.length !== 1) throw new NothingToPatch(`The workflow has ${found.length} nodes of the name that the finding states.`);
  return found;
}

function edited(
  workflow: Workflow,
  targets: readonly Node[],
  edit: (node: Node) => { readonly node: Node; readonly change: string } | undefined,
): Patched {
  const changes: string[] = [];
  const nodes = workflow.nodes.map((node) => {
    const done = targets.includes(node) ? edit(node) : undefined;
    if (done === undefined) return node;
    changes.push(done.change);
    return done.node;
  });
  if (changes.length === 0) throw new NothingToPatch('No node of the workflow lacks what the patch would set.');
  return { workflow: { ...workflow, nodes }, changes };
}

function optionOf({ parameters }: Node, name: string): unknown {
  const options = parameters?.['options'];
  return isRecord(options) ? options[name] : undefined;
}

function withOption(node: Node, name: string, value: unknown): Node {
  const options = node.parameters?.['options'];
  return { ...node, parameters: { ...node.parameters, options: { ...(isRecord(options) ? options : {}), [name]: value } } };
}

/** Every way back to the node goes through a counter, which lets a number of rounds pass and then ends the run with an error. */
function limitLoop(workflow: Workflow, name: string | undefined, { max_rounds: most }: PatchOptions): Patched {
  const [node] = chosen(workflow, name ?? '', () => false) as [Node];
  const edges = edgesOf(workflow).filter(({ type }) => type === 'main');
  const behind = reachable(edges, node.name);
  const back = edges.filter(({ source, target }) => target === node.name && behind.has(source));
  const [first] = back;
  if (first === undefined) throw new NothingToPatch(`Nothing leads back to node '${node.name}'.`);
  const counter = freeName(workflow, 'Loop limit');
  const end = freeName(workflow, 'Loop limit reached');
  const [x = 0, y = 0] = node.position ?? [];
  const nodes: Node[] = [
    ...workflow.nodes,
    {
      id: idOf(counter, workflow),
      name: counter,
      type: 'n8n-nodes-base.if',
      typeVersion: 2.2,
      position: [x - 120, y + 220],
      parameters: {
        conditions: {
          options: { caseSensitive: true, leftValue: '', typeValidation: 'strict', version: 2 },
          combinator: 'and',
          conditions: [
            { id: 'rounds', leftValue: '={{ $runIndex }}', rightValue: most, operator: { type: 'number', operation: 'lt' } },
          ],
        },
        options: {},
      },
    },
    {
      id: idOf(end, workflow),
      name: end,
      type: 'n8n-nodes-base.stopAndError',
      typeVersion: 1,
      position: [x + 120, y + 320],
      parameters: { errorMessage: `The workflow came back to this point more than ${most} times.` },
    },
  ];
  const link = (target: string, index = 0): Link => ({ node: target, type: 'main', index });
  const connections = Object.fromEntries(
    Object.entries(workflow.connections).map(([source, types]) => {
      if (!behind.has(source)) return [source, types];
      const main = types['main']?.map((links) => links?.map((one) => (one.node === node.name ? link(counter) : one)) ?? null);
      return [source, main === undefined ? types : { ...types, main }];
    }),
  );
  connections[counter] = { main: [[link(node.name, first.index)], [link(end)]] };
  return {
    workflow: { ...workflow, nodes, connections },
    changes: [
      `${back.length} ${back.length === 1 ? 'way leads' : 'ways lead'} back to '${node.name}' through '${counter}', which lets ${most} rounds pass.`,
      `After that '${end}' ends the run with an error.`,
    ],
  };
}

/** What can be reached from a node. */
function reachable(edges: readonly Edge[], from: string): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const todo = [from]; todo.length > 0; ) {
    const at = todo.pop() as string;
    for (const { source, target } of edges)
      if (source === at && !seen.has(target)) {
        seen.add(target);
        todo.push(target);
      }
  }
  return seen;
}

function freeName({ nodes }: Workflow, wanted: string): string {
  const names = new Set(nodes.map(({ name }) => name));
  for (let i = 1; ; i++) {
    const name = i === 1 ? wanted : `${wanted} ${i}`;
    if (!names.has(name)) return name;
  }
}

/** Ids need only differ within a workflow. */
function idOf(name: string, { nodes }: Workflow): string {
  return `misstep-${name.toLowerCase().replaceAll(' ', '-')}-${nodes.length}`;
}

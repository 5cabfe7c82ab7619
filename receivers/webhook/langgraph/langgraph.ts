/**
 * LangGraph and Deep Agents: one run `{run_id, assistant_id, thread_id, graph_id, status, steps[], edges[],
 * state_snapshots[], checkpoints[], recursion_limit, …}`, the platform's webhook (a run with `values`), a stream, or the history of a
 * thread; `steps` also as records of either. One span a step; states stand before and after it, all of them on the root.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import {
  type Dict,
  dict,
  errorOf,
  firstNumber,
  firstWord,
  identifier,
  list,
  members,
  number,
  PayloadError,
  time,
  withoutSecrets,
  word,
  writeJson,
} from '../payload.ts';
import { type ChatMessage, maxGraph, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { fromDebug, isDebug, isStreamRecord } from './debug.ts';
import { limitOf } from './limit.ts';
import { fromMessages, fromSnapshots, isSnapshot } from './snapshots.ts';
import { callsIn, plainMessage, typeOf, usageOf } from './tasks.ts';

const format = 'langgraph';
/** Fields in which a node says where the run goes next, the framework's own first. */
const routeFields = ['goto', 'next_node', 'next', 'route', 'routing_decision', 'branch', 'decision', 'next_action'];
const failures = new Set(['failed', 'error', 'timeout', 'recursion_limit']);
/** What of `config.configurable` is no header of the caller's request. */
const configurable = ['thread_id', 'checkpoint_id', 'checkpoint_ns', 'run_id', 'graph_id', 'assistant_id'];

interface Snapshot {
  readonly superstep: number | undefined;
  readonly namespace: string;
  readonly state: unknown;
}

export function langgraph(payload: unknown): TraceDocument[] {
  const body = bodyOf(payload);
  const given = member(body, 'steps');
  if (given !== undefined && !Array.isArray(given)) throw new PayloadError(format, 'steps', given, 'a list of steps');
  const id = identifier(member(body, 'run_id')) ?? streamId(body);
  if (id === undefined) throw new PayloadError(format, 'run_id', member(body, 'run_id'), 'the id of the run');

  const status = word(member(body, 'status'));
  const graph = identifier(member(body, 'graph_id')) ?? 'graph';
  const run = new Run(format, id, {
    name: graph,
    startMs: time(firstMember(body, ['started_at', 'created_at'])),
    endMs: time(firstMember(body, ['finished_at', 'ended_at', 'updated_at'])),
    error: runError(status, member(body, 'error')),
  });
  const limit = limitOf(body, configOf(body));
  const session = identifier(member(body, 'thread_id')) ?? id;
  const snapshots = snapshotsOf(body);
  writeRoot(run, body, status, graph, limit, session, snapshots);
  const history = historyOf(snapshots);
  const tasks = new Map<string, Task>();

  list(member(body, 'steps')).forEach((step, order) => {
    if (!isObject(step)) {
      run.root.note(`steps[${order}]: not an object`);
      return;
    }
    addStep(run, step, order, limit, session, history, tasks);
  });
  return [run.document('langgraph')];
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  const body = bodyOf(payload);
  const steps = list(member(body, 'steps'));
  const found: string[] = [];
  if (steps.length === 0)
    found.push(
      'The body has no steps: only the end of the run can be judged. Send its stream (stream_mode="debug", subgraphs=True) or its history (get_state_history), or trace the graph with OpenInference (openinference-instrumentation-langchain).',
    );
  else if (list(member(body, 'checkpoints')).length === 0 && list(member(body, 'state_snapshots')).length === 0)
    found.push(
      'The body has no states: what was lost between two steps is not judged. Stream with stream_mode="debug" and a checkpointer.',
    );
  if (limitOf(body, configOf(body)) === undefined)
    found.push('No recursion limit is stated: nearness to it is not judged. Add recursion_limit or config to the body.');
  return found;
}

/** A run's body, whatever the payload is: a body, the records of a stream, or snapshots newest first. */
function bodyOf(payload: unknown): Dict {
  if (Array.isArray(payload)) {
    if (payload.some(isSnapshot)) return fromSnapshots(payload);
    if (payload.some(isDebug) || (payload.length > 0 && payload.every(isStreamRecord))) return fromDebug(payload);
  }
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object, a stream or a history');
  if (isDebug(payload)) return fromDebug([payload]);
  const steps = list(member(payload, 'steps'));
  // What the body says of itself counts before what its records say.
  if (steps.some(isDebug)) return { ...fromDebug(steps), ...without(payload, 'steps') };
  const history = list(firstMember(payload, ['steps', 'history', 'state_history']));
  if (history.some(isSnapshot)) return { ...fromSnapshots(history), ...without(payload, 'steps') };
  const spoken = member(payload, 'steps') === undefined ? fromMessages(member(payload, 'values')) : [];
  return spoken.length === 0 ? payload : { ...payload, steps: spoken };
}

function without(body: Dict, name: string): Dict {
  return Object.fromEntries(members(body).filter(([key, value]) => key !== name && value !== undefined && value !== null));
}

/** A stream of the library names no run: its thread and first checkpoint do, else its first task. */
function streamId(body: Dict): string | undefined {
  const [checkpoint] = list(member(body, 'checkpoints'));
  const [step] = list(member(body, 'steps'));
  const first = identifier(member(checkpoint, 'checkpoint_id')) ?? identifier(member(step, 'id'));
  return first === undefined || !(isObject(checkpoint) || isObject(step)) || !('checkpoints' in body)
    ? undefined
    : `${member(body, 'thread_id') ?? ''}:${first}`;
}

/** A task that others may run below. */
interface Task {
  readonly span: Span;
  /** The sub-agent that it starts. */
  readonly agent: string | undefined;
}

function writeRoot(
  run: Run,
  body: Dict,
  status: string | undefined,
  graph: string,
  limit: number | undefined,
  session: string,
  snapshots: readonly Snapshot[],
): void {
  const { root } = run;
  const steps = list(member(body, 'steps'));
  const edges = list(member(body, 'edges'));
  const nodes = nodesOf(body, steps, edges);
  const schema = member(body, 'state_schema');
  const own = snapshots.filter(({ namespace }) => namespace === '');
  root
    .text('openinference.span.kind', 'CHAIN')
    .text('gen_ai.workflow.name', graph)
    .text('gen_ai.conversation.id', session)
    .text('misstep.run.status', status)
    .json('misstep.run.error', member(body, 'error'))
    .count('misstep.run.tokens', number(member(body, 'total_tokens')))
    .json('misstep.run.total', present({ steps: member(body, 'total_steps'), supersteps: member(body, 'total_supersteps') }))
    .json(
      'misstep.run.ids',
      present({
        assistant: member(body, 'assistant_id'),
        thread: member(body, 'thread_id'),
        graph: member(body, 'graph_id'),
        config: safeConfig(body),
      }),
    )
    .text('misstep.workflow.id', graph)
    .text('misstep.workflow.name', graph)
    .text('misstep.workflow.type', word(member(body, 'graph_type')))
    .number('misstep.limit.recursion_limit', limit)
    .json('misstep.graph.nodes', nodes.length === 0 ? undefined : nodes, maxGraph)
    .json('misstep.graph.edges', Array.isArray(member(body, 'edges')) ? edges.map(edgeOf) : undefined, maxGraph)
    .json('misstep.graph.counts', { nodes: nodes.length, edges: edges.length })
    .texts('misstep.graph.entry', entriesOf(body, nodes, edges))
    .json('misstep.state.schema', member(schema, 'keys') ?? schema)
    .json('misstep.state.reducers', reducersOf(body, schema))
    .json('misstep.state.history', own.length === 0 ? undefined : own.map(({ namespace: _, ...rest }) => rest), maxGraph)
    .json('misstep.checkpoints', checkpointsOf(body), maxGraph)
    .json('misstep.state.before', member(member(body, 'kwargs'), 'input') ?? member(body, 'input'))
    .json('misstep.state.after', member(body, 'values') ?? own.at(-1)?.state, 262_144);
}

function addStep(
  run: Run,
  step: Dict,
  order: number,
  limit: number | undefined,
  session: string,
  history: Histories,
  tasks: Map<string, Task>,
): void {
  const nodeId = identifier(firstMember(step, ['node_id', 'node', 'name'])) ?? `#${order}`;
  const title = firstWord(step, ['title', 'name']) ?? nodeId;
  const status = word(member(step, 'status'));
  const metadata = dict(member(step, 'metadata'));
  const inputs = firstMember(step, ['inputs', 'input']);
  const outputs = firstMember(step, ['outputs', 'output', 'result']);
  const type = typeOf(step, nodeId, outputs);
  const superstep = firstNumber(step, ['superstep', 'step']) ?? firstNumber(metadata, ['langgraph_step']);
  const namespace =
    firstWord(metadata, ['checkpoint_ns', 'langgraph_checkpoint_ns']) ?? firstWord(step, ['namespace', 'checkpoint_ns']);
  // `node:task|node:task`: the last task is the one that runs this subgraph.
  const within = word(member(step, 'namespace'))?.split('|').at(-1)?.split(':').at(-1);
  const above = within === undefined ? undefined : tasks.get(within);
  const span = run.add({
    name: title,
    id: firstMember(step, ['id', 'step_id', 'task_id', 'node_id']),
    startMs: time(member(step, 'started_at')),
    endMs: time(firstMember(step, ['finished_at', 'ended_at'])),
    error: stepError(status, member(step, 'error')),
    parent: above?.span,
  });
  if (span === undefined) return;
  span
    .text('gen_ai.conversation.id', session)
    .text('gen_ai.agent.name', firstWord(metadata, ['lc_agent_name']) ?? above?.agent)
    .text('misstep.node.id', nodeId)
    .text('misstep.node.name', title)
    .text('misstep.node.type', type)
    .text('misstep.node.status', status)
    .count('misstep.node.order', order)
    .json('misstep.node.inputs', inputs)
    .json('misstep.node.outputs', outputs)
    .json('misstep.node.metadata', withoutSecrets(member(step, 'metadata')))
    .json('misstep.node.interrupts', nonEmpty(member(step, 'interrupts')))
    .text('misstep.node.namespace', namespace)
    .count('misstep.node.tokens', number(member(step, 'token_count')))
    // A subgraph counts its own supersteps: beside those of the graph they would look like branches of one.
    .count('misstep.superstep', above === undefined ? superstep : undefined)
    .text('misstep.parallel.group', identifier(member(step, 'parallel_group')))
    .text('misstep.parallel.branch', identifier(member(step, 'parallel_branch')))
    .texts('misstep.triggers', list(firstMember(step, ['triggers']) ?? metadata['langgraph_triggers']).map(word))
    .count('misstep.retry.count', firstNumber(metadata, ['retry_count', 'retries']))
    .count('misstep.retry.attempt', firstNumber(step, ['attempt']) ?? firstNumber(metadata, ['attempt']))
    .count('misstep.iteration.index', firstNumber(metadata, ['iteration']))
    .text('misstep.iteration.condition', firstWord(metadata, ['condition']))
    .number('misstep.limit.recursion_limit', limit)
    .number('misstep.limit.timeout_ms', seconds(firstNumber(metadata, ['timeout', 'timeout_seconds'])))
    .json('misstep.state.delta', outputs);
  states(span, superstep, history, word(member(step, 'namespace')) ?? '');
  route(span, outputs, metadata);
  let agent: string | undefined;
  if (type === 'llm' || type === 'model' || type === 'agent') modelCall(span, step, inputs, outputs, metadata);
  else if (type === 'tool' || type === 'tools') agent = toolCall(run, span, step, title, inputs, outputs, metadata);
  else span.text('openinference.span.kind', 'CHAIN');
  const id = identifier(member(step, 'id'));
  if (id !== undefined) tasks.set(id, { span, agent });
}

/** The state after a superstep is the snapshot that carries its number; before it, the latest one with a smaller number. */
function states(span: Span, superstep: number | undefined, histories: Histories, namespace: string): void {
  const history = histories.get(namespace);
  if (superstep === undefined || history === undefined) return;
  span.json('misstep.state.after', history.byStep.get(superstep)?.state);
  // First place in the order that is not before the superstep.
  let low = 0;
  let high = history.order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (history.order[middle]! < superstep) low = middle + 1;
    else high = middle;
  }
  if (low > 0) span.json('misstep.state.before', history.byStep.get(history.order[low - 1]!)?.state);
}

/** Snapshots by superstep, the last one of each, and the supersteps in ascending order. */
interface History {
  readonly byStep: ReadonlyMap<number, Snapshot>;
  readonly order: readonly number[];
}

/** One history a subgraph: each counts its own supersteps. */
type Histories = ReadonlyMap<string, History>;

function historyOf(snapshots: readonly Snapshot[]): Histories {
  const found = new Map<string, Map<number, Snapshot>>();
  for (const one of snapshots) {
    if (one.superstep === undefined) continue;
    const byStep = found.get(one.namespace) ?? new Map<number, Snapshot>();
    found.set(one.namespace, byStep.set(one.superstep, one));
  }
  return new Map(
    [...found].map(([namespace, byStep]) => [namespace, { byStep, order: [...byStep.keys()].sort((a, b) => a - b) }]),
  );
}

function route(span: Span, outputs: unknown, metadata: unknown): void {
  for (const [from, prefix] of [
    [outputs, ''],
    [metadata, 'metadata.'],
  ] as const) {
    const fields =
      from === outputs ? routeFields : ['route_taken', 'actual_route', 'routing_decision', 'decision', 'condition_result'];
    for (const field of fields) {
      const said = member(from, field);
      const decision =
        word(said) ??
        (Array.isArray(said) && said.every((one) => typeof one === 'string') ? said.slice(0, 100).join(',') : undefined);
      if (decision === undefined) continue;
      span.text('misstep.route.decision', decision).text('misstep.route.field', prefix + field);
      return;
    }
  }
}

function modelCall(span: Span, step: Dict, inputs: unknown, outputs: unknown, metadata: unknown): void {
  const spoken = usageOf(outputs);
  span
    .text('gen_ai.operation.name', 'chat')
    .text('gen_ai.request.model', firstWord(metadata, ['model', 'ls_model_name', 'model_name']))
    .text('gen_ai.response.model', spoken.model)
    .text('gen_ai.provider.name', firstWord(metadata, ['ls_provider', 'provider']))
    .messages('gen_ai.input.messages', chat(inputs, 'user'));
  const calls = callsOf(step, outputs);
  const said = chat(outputs, 'assistant');
  const answer = calls.length === 0 ? said : [...said, { role: 'assistant', text: undefined, calls }];
  span.messages('gen_ai.output.messages', answer);
  const usage = firstMember(metadata, ['usage', 'usage_metadata']) ?? member(outputs, 'usage_metadata');
  span
    .count('gen_ai.usage.input_tokens', firstNumber(usage, ['input_tokens', 'prompt_tokens']) ?? spoken.input)
    .count('gen_ai.usage.output_tokens', firstNumber(usage, ['output_tokens', 'completion_tokens']) ?? spoken.output);
}

function callsOf(step: Dict, outputs: unknown): NonNullable<ChatMessage['calls']> {
  return [...list(member(step, 'tool_calls')), ...list(member(outputs, 'tool_calls'))].slice(0, 200).flatMap((call) => {
    const name = firstWord(call, ['name', 'tool_name']) ?? word(call);
    return name === undefined
      ? []
      : [
          {
            id: firstWord(call, ['id', 'call_id', 'tool_call_id']),
            name,
            arguments: firstMember(call, ['args', 'arguments', 'input']) ?? {},
          },
        ];
  });
}

/** Messages of a state; a state without messages speaks as JSON. */
function chat(state: unknown, role: string): readonly ChatMessage[] {
  const messages = member(state, 'messages');
  if (Array.isArray(messages) && messages.length > 0)
    return messages
      .slice(0, 1000)
      .map(plainMessage)
      .map((one) =>
        typeof one === 'string'
          ? { role, text: one }
          : { role: firstWord(one, ['role', 'type']) ?? role, text: contentOf(one), calls: callsOf({}, one) },
      );
  const alone = firstWord(state, ['content', 'response', 'answer', 'query', 'question', 'prompt', 'text']);
  if (alone !== undefined && members(state).length === 1) return [{ role, text: alone }];
  return members(state).length === 0 ? [] : [{ role, text: writeJson(state, 32_768).text }];
}

function contentOf(message: unknown): string | undefined {
  const content = member(message, 'content');
  return word(content) ?? (content === undefined ? undefined : writeJson(content, 32_768).text);
}

/** A tool node; each further call of one node is a span of its own below it. Gives the sub-agent that it starts, if it is one. */
function toolCall(
  run: Run,
  span: Span,
  step: Dict,
  title: string,
  inputs: unknown,
  outputs: unknown,
  metadata: unknown,
): string | undefined {
  const single = member(step, 'tool_call');
  const stated = isObject(single) ? [single] : list(member(step, 'tool_calls')).filter(isObject);
  const calls = stated.length > 0 ? stated : callsIn(inputs, outputs);
  const [first, ...rest] = calls;
  writeTool(
    span,
    first,
    firstWord(metadata, ['tool_name', 'tool']) ?? firstWord(inputs, ['tool_name']) ?? title,
    inputs,
    outputs,
  );
  for (const call of rest.slice(0, 200)) {
    const below = run.add({
      name: firstWord(call, ['name', 'tool_name']) ?? title,
      id: firstMember(call, ['id', 'call_id']),
      startMs: span.facts.startMs,
      endMs: span.facts.endMs,
      parent: span,
    });
    if (below !== undefined) writeTool(below, call, title, undefined, undefined);
  }
  const agents = calls.map((call) => word(member(member(call, 'args'), 'subagent_type'))).filter((one) => one !== undefined);
  return agents.length === 1 ? agents[0] : undefined;
}

function writeTool(span: Span, call: unknown, name: string, inputs: unknown, outputs: unknown): void {
  const result =
    firstMember(call, ['result', 'output']) ?? (members(outputs).length === 0 && isObject(outputs) ? undefined : outputs);
  span
    .text('gen_ai.operation.name', 'execute_tool')
    .text('gen_ai.tool.name', firstWord(call, ['name', 'tool_name']) ?? name)
    .text('gen_ai.tool.call.id', identifier(firstMember(call, ['id', 'call_id', 'tool_call_id'])))
    .json('gen_ai.tool.call.arguments', firstMember(call, ['args', 'arguments', 'input']) ?? inputs);
  if (typeof result === 'string') span.text('gen_ai.tool.call.result', result);
  else span.json('gen_ai.tool.call.result', result ?? (call === undefined ? outputs : undefined));
  spawned(span, firstWord(call, ['name', 'tool_name']) ?? name, member(call, 'args'));
  // The tool's own message says that it failed, and the model may go on.
  if (member(call, 'handled') === true)
    span.facts = {
      ...span.facts,
      error: errorOf(member(call, 'error')),
      ending: { outcome: 'handled_error', source: 'ToolMessage.status' },
    };
  if (member(call, 'handled') === true) return;
  // The call says more exactly than the node what went wrong.
  const said = errorOf(member(call, 'error'));
  const { error } = span.facts;
  if (said !== undefined)
    span.facts = {
      ...span.facts,
      error: error === undefined ? said : { type: error.type ?? said.type, message: `${said.message} (${error.message})` },
    };
}

/** Deep Agents: `task` starts a sub-agent. */
function spawned(span: Span, tool: string, args: unknown): void {
  const agent = firstWord(args, ['subagent_type']);
  if ((tool !== 'task' && tool !== 'start_async_task') || agent === undefined) return;
  span
    .texts('misstep.spawn.agents', [agent])
    .count('misstep.spawn.count', 1)
    .text('misstep.spawn.reason', firstWord(args, ['description']));
}

function snapshotsOf(body: Dict): readonly Snapshot[] {
  const snapshots = list(member(body, 'state_snapshots'));
  const source = snapshots.length > 0 ? snapshots : list(member(body, 'checkpoints'));
  return source.filter(isObject).map((one) => ({
    superstep: firstNumber(one, ['superstep', 'step']),
    namespace: (word(member(one, 'checkpoint_ns')) ?? '').includes(':') ? word(member(one, 'checkpoint_ns'))! : '',
    ...(member(one, 'timestamp') === undefined ? {} : { timestamp: member(one, 'timestamp') }),
    state: firstMember(one, ['state', 'values']),
  }));
}

function checkpointsOf(body: Dict): unknown {
  const checkpoints = list(member(body, 'checkpoints'));
  if (checkpoints.length === 0) return undefined;
  return checkpoints.filter(isObject).map((one) => ({
    id: identifier(firstMember(one, ['checkpoint_id', 'id'])),
    superstep: firstNumber(one, ['superstep', 'step']),
    namespace: member(one, 'checkpoint_ns'),
    timestamp: member(one, 'timestamp'),
    source: member(one, 'source'),
    next: member(one, 'next'),
    state: firstMember(one, ['state', 'values']),
  }));
}

function edgeOf(edge: unknown): unknown {
  return present({
    source: identifier(firstMember(edge, ['source', 'from'])),
    target: identifier(firstMember(edge, ['target', 'to'])),
    type: firstWord(edge, ['edge_type', 'type']) ?? (member(edge, 'conditional') === true ? 'conditional' : undefined),
    condition: firstMember(edge, ['condition', 'data']),
    result: member(edge, 'condition_result'),
    targets: member(edge, 'send_targets'),
  });
}

function nodesOf(body: Dict, steps: readonly unknown[], edges: readonly unknown[]): readonly { readonly name: string }[] {
  const nodes = new Map<
    string,
    { readonly name: string; readonly title?: string | undefined; readonly type?: string | undefined }
  >();
  for (const node of list(member(body, 'nodes'))) {
    const name = identifier(node) ?? identifier(firstMember(node, ['id', 'name', 'node_id']));
    if (name !== undefined) nodes.set(name, { name, type: firstWord(node, ['type', 'node_type']) });
  }
  for (const step of steps) {
    const name = identifier(firstMember(step, ['node_id', 'node', 'name']));
    if (name !== undefined && !nodes.has(name))
      nodes.set(name, { name, title: firstWord(step, ['title']), type: firstWord(step, ['node_type', 'type']) });
  }
  for (const edge of edges)
    for (const name of [identifier(firstMember(edge, ['source', 'from'])), identifier(firstMember(edge, ['target', 'to']))])
      if (name !== undefined && !nodes.has(name)) nodes.set(name, { name });
  return [...nodes.values()].slice(0, 20_000);
}

function entriesOf(body: Dict, nodes: readonly { readonly name: string }[], edges: readonly unknown[]): readonly string[] {
  const stated = identifier(firstMember(body, ['entry_point', 'entry']));
  if (stated !== undefined) return [stated];
  if (edges.length === 0) return [];
  const starts = new Set(['__start__', 'START', 'start']);
  const targets = new Set(
    edges
      .filter((edge) => !starts.has(identifier(member(edge, 'source')) ?? ''))
      .map((edge) => identifier(member(edge, 'target'))),
  );
  return nodes.map(({ name }) => name).filter((name) => !targets.has(name) && !starts.has(name));
}

/** `Annotated[list, operator.add]` names its reducer; a separate table may too. */
function reducersOf(body: Dict, schema: unknown): unknown {
  const stated = members(member(body, 'reducers') ?? member(schema, 'reducers'));
  const annotated = members(schema).flatMap(([key, type]) => {
    const match = typeof type === 'string' && type.length < 1000 ? /^Annotated\[[^,]*,\s*(.+)\]$/.exec(type) : null;
    return match === null ? [] : [[key, match[1]!] as const];
  });
  const all = Object.fromEntries([...stated, ...annotated]);
  return Object.keys(all).length === 0 ? undefined : all;
}

function configOf(body: Dict): unknown {
  return member(body, 'config') ?? member(member(body, 'kwargs'), 'config');
}

/** Request headers travel in `config.configurable`, the caller's token among them: only known ids stay. */
function safeConfig(body: Dict): unknown {
  const given = member(configOf(body), 'configurable');
  const kept = configurable.flatMap((key) => (member(given, key) === undefined ? [] : [[key, member(given, key)] as const]));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function runError(status: string | undefined, given: unknown): SpanError | undefined {
  const error = errorOf(given);
  if (status === 'recursion_limit')
    return { type: error?.type ?? 'GRAPH_RECURSION_LIMIT', message: error?.message ?? 'recursion limit reached' };
  if (status === 'timeout') return { type: error?.type ?? 'timeout', message: error?.message ?? 'timeout' };
  return status !== undefined && failures.has(status) ? { type: error?.type, message: error?.message ?? status } : error;
}

/** An interrupt waits for a person and is no error, unless the step says it is. */
function stepError(status: string | undefined, given: unknown): SpanError | undefined {
  const error = errorOf(given);
  if (error !== undefined) return error;
  return status !== undefined && failures.has(status)
    ? { type: status === 'timeout' ? 'timeout' : undefined, message: status }
    : undefined;
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value * 1000;
}

function nonEmpty(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}

function present(values: Readonly<Record<string, unknown>>): unknown {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

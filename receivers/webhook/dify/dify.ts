/**
 * Dify: one workflow run `{workflow_run_id, app_id, app_name, app_type, started_at, status, nodes[]}`
 * with nodes in the shape of the run or of `node_finished.data`, the run object of the API, a blocking
 * reply, or the stream of a run. One span a node run, rounds within their iteration or loop.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import {
  type Dict,
  dict,
  ErrorReply,
  errorOf,
  firstNumber,
  firstWord,
  flag,
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
import { type Ending, maxGraph, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { frameOf, fromStream, parsed } from './stream.ts';

const format = 'dify';
/** Settings of loops and retries that nodes carry among their inputs. */
const limitNames = ['max_iterations', 'max_attempts', 'max_retries', 'loop_count', 'retry_limit', 'parallel_nums'];
const completedNames = [
  'completed_iterations',
  'iterations_completed',
  'iterations_used',
  'loop_iterations',
  'attempts',
  'final_attempts',
  'steps',
];
const containers = new Set(['iteration', 'loop']);
const actions = new Set(['tool', 'http_request']);
/** Node types that call a model. */
const callers = new Set(['llm', 'question_classifier', 'parameter_extractor']);
const promptNames = ['prompt', 'query', 'question', 'text', 'message', 'instruction'];
const answerNames = ['text', 'response', 'answer', 'content', 'message', 'summary', 'result'];
/** Inputs of a model call that are no part of what it is told. */
const settingNames = new Set(['model', 'model_config', 'system_prompt', 'temperature', 'max_tokens']);

export function dify(payload: unknown): TraceDocument[] {
  const frames = framesOf(payload);
  if (frames !== undefined) return fromStream(frames).map(oneRun);
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object or the frames of a stream');
  return [oneRun(payload)];
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  const frames = framesOf(payload);
  const bodies = frames === undefined ? [payload] : fromStream(frames);
  const found = new Set<string>();
  for (const body of bodies) {
    const inner = isObject(member(body, 'data')) ? member(body, 'data') : body;
    const nodes = list(firstMember(body, ['nodes']) ?? member(inner, 'nodes'));
    if (nodes.length === 0)
      found.add(
        'The run has no nodes: only its end can be judged. Send the stream of the run (GET /v1/workflow/{workflow_run_id}/events), or trace the app with provider Phoenix and misstep as its endpoint (Monitoring, Tracing).',
      );
    else if (!nodes.some((node) => firstMember(node, ['inputs', 'outputs']) !== undefined))
      found.add(
        'The nodes have neither inputs nor outputs: what a model or tool was told and said is not judged. Send node_finished frames whole.',
      );
    if (word(member(inner, 'status')) === 'paused')
      found.add('The run waits for a person: send the frames that follow with the same workflow_run_id.');
  }
  return [...found];
}

/** The frames of a stream: as a list, or under `events` or `frames`. */
function framesOf(payload: unknown): readonly unknown[] | undefined {
  const given = Array.isArray(payload) ? payload : firstMember(payload, ['events', 'frames']);
  if (Array.isArray(given)) return given.some((item) => frameOf(item) !== undefined) ? given : undefined;
  return frameOf(payload) === undefined ? undefined : [payload];
}

function oneRun(payload: Dict): TraceDocument {
  const body: Dict =
    isObject(member(payload, 'data')) && member(payload, 'nodes') === undefined
      ? { ...payload, ...dict(payload['data']) }
      : payload;
  const code = firstWord(body, ['code']);
  const said = word(member(body, 'message'));
  if (code !== undefined && said !== undefined && member(body, 'workflow_run_id') === undefined)
    throw new ErrorReply(format, `${number(member(body, 'status')) ?? ''} ${code}`.trim(), said);
  const id = identifier(firstMember(body, ['workflow_run_id', 'id', 'task_id']));
  if (id === undefined) throw new PayloadError(format, 'workflow_run_id', member(body, 'workflow_run_id'), 'the id of the run');
  const nodes = member(body, 'nodes');
  if (nodes !== undefined && !Array.isArray(nodes)) throw new PayloadError(format, 'nodes', nodes, 'a list of node runs');

  const status = word(member(body, 'status'));
  const ending = runEnding(status);
  const app = firstWord(body, ['app_name']) ?? identifier(member(body, 'app_id')) ?? 'dify';
  const run = new Run(format, id, {
    name: app,
    // What follows a pause has the same run id: both roots are kept.
    id: status === 'paused' ? 'paused' : undefined,
    startMs: time(firstMember(body, ['started_at', 'created_at'])),
    endMs:
      time(member(body, 'finished_at')) ??
      after(time(firstMember(body, ['started_at', 'created_at'])), number(member(body, 'elapsed_time'))),
    error: endingOf(status, member(body, 'error')),
    ending,
  });
  const { root } = run;
  const type = word(member(body, 'app_type'));
  if (type === 'agent') root.text('gen_ai.operation.name', 'invoke_agent').text('gen_ai.agent.name', app);
  else root.text('openinference.span.kind', 'CHAIN').text('gen_ai.workflow.name', app);
  const session = identifier(member(body, 'conversation_id')) ?? id;
  root
    .text('gen_ai.conversation.id', session)
    .text('misstep.run.status', status)
    .count('misstep.run.tokens', number(member(body, 'total_tokens')))
    .json(
      'misstep.run.total',
      totals({
        steps: firstMember(body, ['total_steps', 'total_step']),
        exceptions: member(body, 'exceptions_count'),
        ...dict(member(body, 'stream')),
      }),
    )
    .json(
      'misstep.run.ids',
      totals({
        app: member(body, 'app_id'),
        run: member(body, 'workflow_run'),
        task: member(body, 'task_id'),
        user: firstMember(body, ['user_id', 'user', 'end_user_id']),
        conversation: member(body, 'conversation_id'),
      }),
    )
    .json('misstep.run.error', member(body, 'error'))
    .text('misstep.workflow.id', identifier(firstMember(body, ['app_id', 'workflow_id'])))
    .text('misstep.workflow.name', app)
    .text('misstep.workflow.type', type)
    .json('misstep.node.inputs', jsonOf(member(body, 'inputs')))
    .json('misstep.node.outputs', jsonOf(member(body, 'outputs')))
    .messages('gen_ai.output.messages', [{ role: 'assistant', text: word(member(body, 'answer')) }]);

  const rounds = countRounds(list(nodes));
  const open = new Map<string, Span>();
  const graph = new Map<string, unknown>();
  const runs = new Map<string, number>();
  list(nodes).forEach((node, order) => {
    if (!isObject(node)) {
      root.note(`nodes[${order}]: not an object`);
      return;
    }
    const nodeId = identifier(member(node, 'node_id')) ?? identifier(member(node, 'id')) ?? `#${order}`;
    const span = addNode(run, node, nodeId, session, open);
    if (span === undefined) return;
    const nth = runs.get(nodeId) ?? 0;
    runs.set(nodeId, nth + 1);
    span.count('misstep.node.order', order).count('misstep.node.run', nth);
    const kind = typeOf(node);
    if (containers.has(kind)) {
      open.set(nodeId, span);
      span.count('misstep.iteration.count', rounds.get(nodeId)?.size ?? 0);
    }
    if (!graph.has(nodeId))
      graph.set(nodeId, { name: nodeId, title: word(member(node, 'title')), type: kind, parent: parentOf(node) });
  });
  root
    .json('misstep.graph.nodes', [...graph.values()], maxGraph)
    .json('misstep.graph.edges', edgesOf(list(nodes)), maxGraph)
    .json('misstep.graph.counts', { nodes: graph.size });
  return run.document('dify');
}

function addNode(run: Run, node: unknown, nodeId: string, session: string, open: ReadonlyMap<string, Span>): Span | undefined {
  const kind = typeOf(node);
  const title = firstWord(node, ['title', 'name']) ?? nodeId;
  const inputs = dict(jsonOf(member(node, 'inputs')));
  const said = word(member(node, 'said'));
  const given = dict(jsonOf(member(node, 'outputs')));
  const outputs = members(given).length === 0 && said !== undefined ? { text: said } : given;
  const metadata = firstMember(node, ['metadata', 'execution_metadata']);
  const status = word(member(node, 'status'));
  const parent = parentOf(node);
  const startMs = time(firstMember(node, ['started_at', 'created_at']));
  const span = run.add({
    name: title,
    id: firstMember(node, ['id', 'node_execution_id', 'node_id']),
    startMs,
    endMs: time(member(node, 'finished_at')) ?? after(startMs, number(member(node, 'elapsed_time'))),
    error: endingOf(status, member(node, 'error')),
    ending: nodeEnding(status),
    parent: parent === undefined ? undefined : open.get(parent),
  });
  if (span === undefined) return undefined;
  span
    .text('gen_ai.conversation.id', session)
    .text('misstep.node.id', nodeId)
    .text('misstep.node.name', title)
    .text('misstep.node.type', kind)
    .text('misstep.node.status', status)
    .text('misstep.node.parent', parent)
    .json('misstep.node.inputs', jsonOf(member(node, 'inputs')))
    .json('misstep.node.outputs', members(given).length === 0 && said !== undefined ? outputs : jsonOf(member(node, 'outputs')))
    .json('misstep.node.process', jsonOf(member(node, 'process_data')))
    .json('misstep.node.metadata', withoutSecrets(metadata))
    .json('misstep.node.source', source(member(node, 'predecessor_node_id')))
    .count(
      'misstep.iteration.index',
      firstNumber(node, ['iteration_index', 'loop_index']) ?? firstNumber(metadata, ['iteration_index', 'loop_index']),
    )
    .count(
      'misstep.retry.count',
      firstNumber(node, ['retry_index', 'retry_count']) ?? firstNumber(metadata, ['retry_count', 'retries']),
    );
  const tokens = firstNumber(node, ['token_count', 'total_tokens']) ?? firstNumber(metadata, ['total_tokens']);
  span.count('misstep.node.tokens', tokens).number('gen_ai.usage.cost', firstNumber(metadata, ['total_price']));
  for (const name of limitNames)
    span.number(`misstep.limit.${name}`, firstNumber(inputs, [name]) ?? firstNumber(metadata, [name]));

  if (containers.has(kind)) container(span, inputs, outputs, metadata);
  if (kind === 'question_classifier') classifier(span, inputs, outputs);
  if (kind === 'if_else') route(span, outputs);
  if (callers.has(kind)) modelCall(span, node, inputs, outputs, metadata);
  else if (kind === 'knowledge_retrieval') retrieval(span, inputs, outputs);
  else if (actions.has(kind)) action(span, title, node, inputs, metadata);
  else if (kind === 'agent') span.text('gen_ai.operation.name', 'invoke_agent').text('gen_ai.agent.name', title);
  else span.text('openinference.span.kind', 'CHAIN');
  if (kind === 'llm' || kind === 'agent') model(span, inputs, metadata, member(node, 'process_data'));
  return span;
}

function typeOf(node: unknown): string {
  return (firstWord(node, ['node_type', 'type']) ?? 'unknown').toLowerCase().replaceAll('-', '_');
}

function parentOf(node: unknown): string | undefined {
  const metadata = member(node, 'execution_metadata');
  const names = ['parent_node_id', 'iteration_id', 'loop_id'];
  return identifier(firstMember(node, names)) ?? identifier(firstMember(metadata, names));
}

/** Node ids of containers with the rounds that the body shows. */
function countRounds(nodes: readonly unknown[]): ReadonlyMap<string, ReadonlySet<number>> {
  const rounds = new Map<string, Set<number>>();
  for (const node of nodes) {
    const parent = parentOf(node);
    const index =
      firstNumber(node, ['iteration_index', 'loop_index']) ??
      firstNumber(member(node, 'execution_metadata'), ['iteration_index', 'loop_index']);
    if (parent === undefined || index === undefined) continue;
    let seen = rounds.get(parent);
    if (seen === undefined) {
      seen = new Set();
      rounds.set(parent, seen);
    }
    seen.add(index);
  }
  return rounds;
}

function edgesOf(nodes: readonly unknown[]): unknown {
  const edges = nodes.flatMap((node) => {
    const from = identifier(member(node, 'predecessor_node_id'));
    return from === undefined ? [] : [{ source: from, target: identifier(member(node, 'node_id')) }];
  });
  return edges.length === 0 ? undefined : edges;
}

function container(span: Span, inputs: unknown, outputs: unknown, metadata: unknown): void {
  const items = members(inputs)
    .map(([, value]) => value)
    .find(Array.isArray);
  span
    .count('misstep.iteration.expected', firstNumber(metadata, ['iterator_length']) ?? items?.length)
    .count('misstep.iteration.completed', firstNumber(outputs, completedNames))
    .text(
      'misstep.iteration.condition',
      firstWord(inputs, ['exit_condition', 'success_condition', 'break_condition', 'condition']),
    )
    .flag('misstep.iteration.exited', flag(firstMember(outputs, ['exit_condition_met', 'converged'])));
}

function classifier(span: Span, inputs: unknown, outputs: unknown): void {
  const classes = list(firstMember(inputs, ['categories', 'classes']));
  span
    .text('misstep.classifier.input', firstWord(inputs, ['text', 'query', 'question']))
    .texts(
      'misstep.classifier.classes',
      classes.map((one) => word(one) ?? firstWord(one, ['name', 'label', 'id'])),
    )
    .text('misstep.classifier.result', firstWord(outputs, ['category', 'class_name', 'class_label', 'class_id']))
    .number('misstep.classifier.confidence', firstNumber(outputs, ['confidence', 'score']));
}

function route(span: Span, outputs: unknown): void {
  for (const field of ['branch', 'route', 'selected_case_id', 'result', 'continue']) {
    const decision = firstMember(outputs, [field]);
    if (decision === undefined || typeof decision === 'object') continue;
    span.text('misstep.route.decision', decision).text('misstep.route.field', field);
    return;
  }
}

function modelCall(span: Span, node: unknown, inputs: unknown, outputs: unknown, metadata: unknown): void {
  span.text('gen_ai.operation.name', 'chat');
  const prompts = list(member(member(node, 'process_data'), 'prompts'));
  const system = firstWord(inputs, ['system_prompt']);
  if (system !== undefined) span.json('gen_ai.system_instructions', [{ type: 'text', content: system }]);
  if (prompts.length > 0) {
    span.messages(
      'gen_ai.input.messages',
      prompts.map((one) => ({ role: firstWord(one, ['role']) ?? 'user', text: firstWord(one, ['text', 'content']) })),
    );
  } else {
    const key = promptNames.find((name) => firstWord(inputs, [name]) !== undefined);
    const rest = members(inputs).filter(([name]) => name !== key && !settingNames.has(name));
    const texts = [
      key === undefined ? undefined : firstWord(inputs, [key]),
      rest.length === 0 ? undefined : writeJson(Object.fromEntries(rest), 32_768).text,
    ];
    span.messages('gen_ai.input.messages', [
      { role: 'user', text: texts.filter((one) => one !== undefined).join('\n') || undefined },
    ]);
  }
  const answer = firstWord(outputs, answerNames) ?? (members(outputs).length === 0 ? undefined : writeJson(outputs, 32_768).text);
  span.messages('gen_ai.output.messages', [{ role: 'assistant', text: answer }]);
  const usage = member(metadata, 'usage') ?? member(outputs, 'usage') ?? member(member(node, 'process_data'), 'usage');
  span
    .count('gen_ai.usage.input_tokens', firstNumber(usage, ['prompt_tokens']))
    .count('gen_ai.usage.output_tokens', firstNumber(usage, ['completion_tokens']));
}

/** Requested = configured, response = what the run says it used. */
function model(span: Span, inputs: unknown, metadata: unknown, process: unknown): void {
  const config = member(inputs, 'model_config');
  const original = firstWord(metadata, ['original_model', 'requested_model', 'configured_model']);
  const used = firstWord(metadata, ['actual_model_used', 'model_used', 'model']) ?? firstWord(process, ['model_name']);
  const requested = original ?? firstWord(inputs, ['model']) ?? firstWord(config, ['model', 'name']);
  span.text('gen_ai.request.model', requested).text('gen_ai.response.model', used);
  const given = members(metadata).filter(
    ([key]) =>
      key.includes('fallback') || key.includes('switch') || key.includes('original_model') || key.includes('actual_model'),
  );
  if (given.length === 0) return;
  const said = Object.fromEntries(given);
  const reason = firstWord(said, ['model_fallback_reason', 'fallback_reason', 'model_switch_reason', 'fallback_trigger']);
  span.json('misstep.model.fallback', { ...said, original: requested, used, reason });
}

function retrieval(span: Span, inputs: unknown, outputs: unknown): void {
  span
    .text('gen_ai.operation.name', 'retrieval')
    .text('gen_ai.retrieval.query.text', firstWord(inputs, ['query', 'question', 'text']));
  const found = firstMember(outputs, ['documents', 'result', 'chunks', 'segments']);
  const documents = Array.isArray(found) ? found : [found ?? firstMember(outputs, ['context', 'content', 'text'])];
  const written = documents
    .map((one, i) => (isObject(one) ? { id: String(i), ...one } : { id: String(i), content: word(one) }))
    .filter((one) => firstMember(one, ['content', 'text', 'page_content', 'title']) !== undefined)
    .map((one) =>
      firstMember(one, ['content', 'text', 'page_content']) === undefined ? { ...one, content: member(one, 'title') } : one,
    );
  if (written.length > 0) span.json('gen_ai.retrieval.documents', written, 262_144);
}

function action(span: Span, title: string, node: unknown, inputs: unknown, metadata: unknown): void {
  const name = firstWord(member(metadata, 'tool_info'), ['tool_name']) ?? firstWord(metadata, ['tool_name']) ?? title;
  span
    .text('gen_ai.operation.name', 'execute_tool')
    .text('gen_ai.tool.name', name)
    .json('gen_ai.tool.call.arguments', inputs)
    .json('gen_ai.tool.call.result', jsonOf(member(node, 'outputs')));
  const schema =
    firstMember(node, ['tool_schema', 'parameters_schema', 'parameters']) ??
    firstMember(metadata, ['tool_schema', 'schema', 'parameters']) ??
    firstMember(inputs, ['schema', 'json_schema']);
  if (isObject(schema)) span.json('gen_ai.tool.definitions', [{ type: 'function', name, parameters: schema }]);
}

/** `failed` and `exception` are errors; a stopped node did not end by itself. */
function endingOf(status: string | undefined, given: unknown): SpanError | undefined {
  const error = errorOf(given);
  if (status === 'failed' || status === 'exception' || status === 'error' || status === 'retry')
    return { type: error?.type, message: error?.message ?? status };
  if (status === 'stopped') return { type: error?.type ?? 'cancelled', message: error?.message ?? 'stopped' };
  return undefined;
}

/** `exception`: the node failed, and its default value or failure branch took over. A retry failed, and the node went on. */
function nodeEnding(status: string | undefined): Ending | undefined {
  if (status === 'exception' || status === 'retry') return { outcome: 'handled_error', source: 'status' };
  return status === 'running' || status === 'paused' || status === 'pending'
    ? { outcome: 'unknown', source: 'status' }
    : undefined;
}

/** A run that waits or has not ended ended neither well nor badly. */
function runEnding(status: string | undefined): Ending | undefined {
  return status === 'running' || status === 'paused' ? { outcome: 'unknown', source: 'status' } : undefined;
}

/** The API gives variables of finished runs as JSON in text. */
function jsonOf(value: unknown): unknown {
  return typeof value === 'string' ? parsed(value) : value;
}

function source(from: unknown): unknown {
  const node = identifier(from);
  return node === undefined ? undefined : [{ node }];
}

/** The given values that are present; `undefined` if none is. */
function totals(values: Readonly<Record<string, unknown>>): unknown {
  const present = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}

function after(startMs: number | undefined, seconds: number | undefined): number | undefined {
  return startMs === undefined || seconds === undefined || seconds < 0 ? undefined : startMs + seconds * 1000;
}

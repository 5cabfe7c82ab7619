/**
 * n8n: one execution `{executionId, workflowId, workflowName, mode, startedAt, status, data, workflow}`,
 * the public API's execution `{id, workflowData, data, …}` or page of them, a row of the database, an IRun or IRunExecutionData
 * alone, an event of log streaming, or a workflow alone. The definition becomes graph facts of the root, every run of a node a span.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, errorOf, flag, identifier, number, PayloadError, time, withoutSecrets, word, writeJson } from '../payload.ts';
import { type Ending, maxGraph, Run, type SpanError, type TraceDocument } from '../run.ts';
import { isFlatted, parsed, readData } from './data.ts';
import { fromEvents, isEvent } from './events.ts';
import { readGraph } from './graph.ts';
import { addRuns } from './runs.ts';

const format = 'n8n';
/** Executions of one page; n8n's API gives 250 at most. */
const maxPage = 1000;

export function n8n(payload: unknown): TraceDocument[] {
  const events = Array.isArray(payload) ? payload : [payload];
  if (events.some(isEvent)) return fromEvents(events);
  return executionsOf(payload).map(oneRun);
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  const events = Array.isArray(payload) ? payload : [payload];
  if (events.some(isEvent))
    return [
      'Log streaming says which nodes ran, not how they ended, how long they took or what they put out: turn on n8n’s OpenTelemetry (N8N_OTEL_ENABLED=true, N8N_OTEL_TRACES_PRODUCTION_ONLY=false for manual runs) or send the execution with its data (GET /api/v1/executions/{id}?includeData=true).',
    ];
  const found = new Set<string>();
  for (const one of executionsOf(payload)) for (const hint of hintsOf(one)) found.add(hint);
  return [...found];
}

function hintsOf(one: Dict): readonly string[] {
  const data = member(one, 'data');
  const execution = readData(data);
  const found: string[] = [];
  const items = execution.runs.length === 0;
  if (items && !Array.isArray(member(one, 'nodes')))
    found.push(
      `${word(member(one, 'status')) === 'success' && execution.items !== undefined ? 'A step that posts $input.all() runs only when all before it went well, and its status is the literal "success"' : 'The body has no run of a node'}: failures cannot be seen. Turn on n8n’s OpenTelemetry (N8N_OTEL_ENABLED=true, N8N_OTEL_TRACES_PRODUCTION_ONLY=false for manual runs), or send the execution with its data (GET /api/v1/executions/{id}?includeData=true, or an Error Trigger workflow).`,
    );
  if (execution.redacted)
    found.push('The workflow’s redaction policy took inputs and outputs out: what nodes said is not judged.');
  if (!isObject(workflowOf(one)) && !Array.isArray(member(one, 'nodes')))
    found.push(
      'The body has no workflow: its structure (circles, missing error handling) is not judged. Add the workflow’s JSON as `workflow`.',
    );
  return found;
}

/** Bodies of executions, whatever they came in. */
function executionsOf(payload: unknown): readonly Dict[] {
  const page = Array.isArray(payload) ? payload : member(payload, 'data');
  const isPage = Array.isArray(page) && page.length > 0 && page.every(isExecution);
  if (isPage && (Array.isArray(payload) || member(payload, 'executionId') === undefined)) return page.slice(0, maxPage);
  if (isFlatted(payload)) return [alone({ data: payload })];
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object');
  if (isObject(member(payload, 'resultData')) || isObject(member(payload, 'runData'))) return [alone({ data: payload })];
  const inner = member(payload, 'data');
  const named = firstMember(payload, ['executionId', 'id', 'workflow', 'workflowData', 'nodes']) !== undefined;
  if (!named && (isFlatted(inner) || isObject(member(inner, 'resultData')))) return [alone(payload)];
  // The hook workflow.postExecute has the execution under a name of its own.
  const hooked = firstMember(payload, ['fullRunData', 'runData', 'execution']);
  if (isObject(hooked) && isObject(member(hooked, 'data'))) return [{ ...hooked, ...payload, data: hooked }];
  return [payload];
}

function isExecution(item: unknown): item is Dict {
  return (
    isObject(item) &&
    identifier(member(item, 'id')) !== undefined &&
    firstMember(item, ['workflowId', 'workflowData']) !== undefined
  );
}

/** An execution that does not say which one it is: the same data is the same trace. */
function alone(body: Dict): Dict {
  const inner = readData(body['data']);
  const first = inner.runs.map(({ node, task }) => [node, member(task, 'startTime'), member(task, 'executionTime')]);
  return { ...body, executionId: `data:${writeJson([member(body, 'startedAt'), first, inner.error], 1 << 20).text}` };
}

function workflowOf(payload: Dict): unknown {
  const given = firstMember(payload, ['workflow', 'workflowData']);
  // Databases hold it as text.
  return typeof given === 'string' ? parsed(given) : given;
}

function oneRun(payload: Dict): TraceDocument {
  const isAlone = Array.isArray(member(payload, 'nodes'));
  const workflow = isAlone ? payload : workflowOf(payload);
  if (workflow !== undefined && !isObject(workflow)) throw new PayloadError(format, 'workflow', workflow, 'a workflow object');
  const data = isAlone ? undefined : member(payload, 'data');
  const executionId = isAlone ? undefined : identifier(firstMember(payload, ['executionId', 'id']));
  if (executionId === undefined && workflow === undefined)
    throw new PayloadError(format, 'executionId', member(payload, 'executionId'), 'the id of the execution');
  // A definition alone has no run: the same definition is the same trace.
  const id = executionId ?? `definition:${writeJson(workflow, 1 << 20).text}`;

  const execution = readData(data);
  const status = isAlone ? undefined : (word(member(payload, 'status')) ?? word(member(data, 'status')));
  const graph = readGraph(workflow);
  const workflowId = identifier(member(payload, 'workflowId')) ?? identifier(member(workflow, 'id'));
  const name = word(member(payload, 'workflowName')) ?? word(member(workflow, 'name')) ?? 'workflow';
  const startMs = time(firstMember(payload, ['startedAt', 'createdAt'])) ?? time(member(data, 'startedAt'));
  const run = new Run(format, id, {
    name,
    startMs: isAlone ? undefined : startMs,
    endMs: isAlone ? undefined : (time(firstMember(payload, ['stoppedAt', 'finishedAt'])) ?? time(member(data, 'stoppedAt'))),
    error: executionError(status, execution.error),
    ending: executionEnding(status),
  });
  // A sub-workflow belongs to its caller's session, as its spans do.
  const session =
    identifier(member(payload, 'sessionId')) ??
    execution.session ??
    execution.parent ??
    (executionId === undefined ? workflowId : executionId);
  const settings = member(workflow, 'settings');
  const limit = number(member(settings, 'executionTimeout'));
  const { root } = run;
  root
    .text('openinference.span.kind', 'CHAIN')
    .text('gen_ai.workflow.name', name)
    .text('gen_ai.conversation.id', session)
    .text('misstep.run.status', status)
    .text('misstep.run.mode', word(member(payload, 'mode')) ?? word(member(data, 'mode')))
    .json('misstep.run.error', execution.error)
    .json('misstep.run.total', execution.total)
    .json('misstep.run.ids', idsOf(payload, execution.parent))
    .text('misstep.workflow.id', workflowId)
    .text('misstep.workflow.name', name)
    .flag('misstep.workflow.active', flag(member(workflow, 'active')))
    .flag('misstep.workflow.executed', execution.runs.length > 0)
    .json('misstep.workflow.settings', withoutSecrets(settings))
    .texts(
      'misstep.workflow.pinned',
      graph.pinned.map(([name]) => name),
    )
    .json('misstep.workflow.pinned_items', pinnedItems(graph.pinned), 262_144)
    .json('misstep.graph.nodes', graph.nodes, maxGraph)
    .json('misstep.graph.edges', graph.edges, maxGraph)
    .json('misstep.graph.counts', graph.counts)
    .texts('misstep.graph.entry', graph.entry)
    // -1 is n8n's word for none.
    .number('misstep.limit.timeout_ms', limit !== undefined && limit > 0 ? limit * 1000 : undefined)
    .json('misstep.node.outputs', execution.items);
  for (const note of [...graph.notes, ...execution.notes]) root.note(note);
  addRuns(run, execution.runs, graph.byName, session);
  return run.document('n8n');
}

/** Executions that belong to this one: the caller of a sub-workflow, the run that it repeats. */
function idsOf(payload: Dict, parent: string | undefined): unknown {
  const ids = Object.entries({ parent, retry_of: identifier(member(payload, 'retryOf')) }).filter(([, id]) => id !== undefined);
  return ids.length === 0 ? undefined : Object.fromEntries(ids);
}

/** An execution that waits or runs has not ended. */
function executionEnding(status: string | undefined): Ending | undefined {
  return status === 'waiting' || status === 'running' || status === 'new' || status === 'unknown'
    ? { outcome: 'unknown', source: 'status' }
    : undefined;
}

/** n8n's own words: `crashed` and `error` failed, `canceled` was stopped by a person or the time limit. */
function executionError(status: string | undefined, given: unknown): SpanError | undefined {
  const error = errorOf(given);
  if (status === 'canceled' || status === 'cancelled') return { type: 'cancelled', message: error?.message ?? 'canceled' };
  if (status === 'error' || status === 'crashed' || status === 'failed')
    return { type: error?.type, message: error?.message ?? status };
  return error === undefined ? undefined : { type: error.type, message: error.message };
}

/** Enough items to see their shape. */
const maxPinned = 5;

function pinnedItems(pinned: readonly (readonly [string, readonly unknown[]])[]): unknown {
  return pinned.length === 0 ? undefined : Object.fromEntries(pinned.map(([name, items]) => [name, items.slice(0, maxPinned)]));
}

/**
 * n8n: one execution `{executionId, workflowId, workflowName, mode, startedAt, status, data, workflow}`,
 * the public API's execution `{id, workflowData, data, …}`, or a workflow alone. The definition becomes
 * graph facts of the root, every run of a node a span.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { errorOf, flag, identifier, number, PayloadError, time, word, writeJson } from '../payload.ts';
import { maxGraph, Run, type SpanError, type TraceDocument } from '../run.ts';
import { readData } from './data.ts';
import { readGraph } from './graph.ts';
import { addRuns } from './runs.ts';

const format = 'n8n';

export function n8n(payload: unknown): TraceDocument[] {
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object');
  const alone = Array.isArray(member(payload, 'nodes'));
  const workflow = alone ? payload : firstMember(payload, ['workflow', 'workflowData']);
  if (workflow !== undefined && !isObject(workflow)) throw new PayloadError(format, 'workflow', workflow, 'a workflow object');
  const data = alone ? undefined : member(payload, 'data');
  const executionId = alone ? undefined : identifier(firstMember(payload, ['executionId', 'id']));
  if (executionId === undefined && workflow === undefined)
    throw new PayloadError(format, 'executionId', member(payload, 'executionId'), 'the id of the execution');
  // A definition alone has no run: the same definition is the same trace.
  const id = executionId ?? `definition:${writeJson(workflow, 1 << 20).text}`;

  const execution = readData(data);
  const status = alone ? undefined : (word(member(payload, 'status')) ?? word(member(data, 'status')));
  const graph = readGraph(workflow);
  const workflowId = identifier(member(payload, 'workflowId')) ?? identifier(member(workflow, 'id'));
  const name = word(member(payload, 'workflowName')) ?? word(member(workflow, 'name')) ?? 'workflow';
  const startMs = time(firstMember(payload, ['startedAt', 'createdAt'])) ?? time(member(data, 'startedAt'));
  const run = new Run(format, id, {
    name,
    startMs: alone ? undefined : startMs,
    endMs: alone ? undefined : (time(firstMember(payload, ['stoppedAt', 'finishedAt'])) ?? time(member(data, 'stoppedAt'))),
    error: executionError(status, execution.error),
  });
  const session =
    identifier(member(payload, 'sessionId')) ?? execution.session ?? (executionId === undefined ? workflowId : executionId);
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
    .text('misstep.workflow.id', workflowId)
    .text('misstep.workflow.name', name)
    .flag('misstep.workflow.active', flag(member(workflow, 'active')))
    .flag('misstep.workflow.executed', execution.runs.length > 0)
    .json('misstep.workflow.settings', settings)
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
  return [run.document('n8n')];
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

/** Runs and run steps of the Assistants API. A step that comes without its run stands below it by the run's id. */
import { member } from '../../../src/dialects/json.ts';
import { errorOf, identifier, list, time, word } from '../payload.ts';
import { type Ending, Run, type SpanError, stableId, type TraceDocument } from '../run.ts';
import { usage } from './agents.ts';

const format = 'openai';

export function assistantRuns(objects: readonly unknown[]): TraceDocument[] {
  const runs = new Map<string, { run: unknown; readonly steps: unknown[] }>();
  for (const one of objects) {
    const kind = member(one, 'object');
    const id = identifier(member(one, kind === 'thread.run' ? 'id' : 'run_id'));
    if (id === undefined || (kind !== 'thread.run' && kind !== 'thread.run.step')) continue;
    const known = runs.get(id) ?? { run: undefined, steps: [] };
    runs.set(id, known);
    if (kind === 'thread.run') known.run = one;
    else known.steps.push(one);
  }
  return [...runs].map(([id, { run, steps }]) => documentOf(id, run, steps));
}

function documentOf(id: string, given: unknown, steps: readonly unknown[]): TraceDocument {
  const any = given ?? steps[0];
  const session = identifier(member(any, 'thread_id')) ?? id;
  const agent = identifier(member(any, 'assistant_id'));
  const status = word(member(given, 'status'));
  const run = new Run(format, id, {
    name: `invoke_agent ${agent ?? 'assistant'}`,
    startMs: time(member(given, 'started_at')) ?? time(member(given, 'created_at')),
    endMs: endOf(given),
    error: errorFor(given, status),
    ending: endingOf(status),
  });
  run.root
    .text('gen_ai.operation.name', 'invoke_agent')
    .text('gen_ai.agent.name', agent)
    .text('gen_ai.conversation.id', session)
    .text('gen_ai.request.model', member(given, 'model'))
    .text('gen_ai.system_instructions', word(member(given, 'instructions')))
    .text('misstep.run.status', status)
    .json('misstep.run.total', given === undefined ? undefined : { [`thread.run:${status ?? 'unknown'}`]: 1 });
  for (const step of inOrder(steps)) addStep(run, step, agent, session);
  if (given === undefined) run.withoutRoot();
  return run.document('openai');
}

/** The API lists the newest first, and its times are whole seconds. */
function inOrder(steps: readonly unknown[]): readonly unknown[] {
  const at = (step: unknown) => time(member(step, 'created_at')) ?? 0;
  return at(steps[0]) > at(steps.at(-1)) ? steps.toReversed() : steps;
}

function addStep(run: Run, step: unknown, agent: string | undefined, session: string): void {
  const id = identifier(member(step, 'id'));
  const status = word(member(step, 'status'));
  const startMs = time(member(step, 'created_at'));
  const endMs = endOf(step);
  const details = member(step, 'step_details');
  const said = run.add({
    name: 'chat',
    ...(id === undefined ? {} : { id: stableId(format, id) }),
    startMs,
    endMs,
    error: errorFor(step, status),
    ending: endingOf(status),
  });
  said
    ?.text('gen_ai.operation.name', 'chat')
    .text('gen_ai.agent.name', agent)
    .text('gen_ai.conversation.id', session)
    .text('misstep.node.status', status)
    .text('gen_ai.response.id', member(member(details, 'message_creation'), 'message_id'));
  if (said === undefined) return;
  usage(said, member(step, 'usage'));
  for (const call of list(member(details, 'tool_calls'))) {
    const type = word(member(call, 'type')) ?? 'function';
    const inner = member(call, type);
    const name = word(member(inner, 'name')) ?? type;
    const callId = identifier(member(call, 'id'));
    const span = run.add({
      name: `execute_tool ${name}`,
      ...(callId === undefined ? {} : { id: stableId(format, callId) }),
      startMs,
      endMs,
      parent: said,
    });
    span
      ?.text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .text('gen_ai.tool.call.id', callId)
      .text('gen_ai.agent.name', agent)
      .text('gen_ai.conversation.id', session)
      .text('gen_ai.tool.call.arguments', word(member(inner, 'arguments')) ?? word(member(inner, 'input')));
    const output = member(inner, 'output') ?? member(inner, 'outputs') ?? member(inner, 'results');
    if (typeof output === 'string') span?.text('gen_ai.tool.call.result', output);
    else span?.json('gen_ai.tool.call.result', output);
  }
}

function endOf(value: unknown): number | undefined {
  for (const key of ['completed_at', 'failed_at', 'cancelled_at', 'expired_at']) {
    const at = time(member(value, key));
    if (at !== undefined) return at;
  }
  return undefined;
}

function errorFor(value: unknown, status: string | undefined): SpanError | undefined {
  const error = errorOf(member(value, 'last_error'));
  if (error !== undefined) return error;
  const reason = word(member(member(value, 'incomplete_details'), 'reason'));
  if (status === 'failed') return { type: 'failed', message: 'The run failed.' };
  if (status === 'incomplete')
    return { type: reason ?? 'incomplete', message: `The run is incomplete: ${reason ?? 'no reason given'}.` };
  return status === 'expired' ? { type: 'expired', message: 'The run expired: it was not finished in its time.' } : undefined;
}

function endingOf(status: string | undefined): Ending | undefined {
  switch (status) {
    case 'cancelled':
    case 'cancelling':
      return { outcome: 'cancelled', source: 'status' };
    case 'expired':
      return { outcome: 'timeout', source: 'status' };
    case 'queued':
    case 'in_progress':
    case 'requires_action':
      return { outcome: 'unknown', source: 'status' };
    default:
      return undefined;
  }
}

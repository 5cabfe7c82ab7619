/**
 * Responses objects: one model call each, with the calls that OpenAI made itself (file and web search, MCP, code) as tools below it. A
 * response is a trace of its own; those that follow each other, by id or because one is told what the other said, share a session.
 */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, errorOf, identifier, list, PayloadError, time, word } from '../payload.ts';
import { type ChatMessage, type Ending, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { usage } from './agents.ts';

const format = 'openai';
const hosted: Readonly<Record<string, string>> = {
  file_search_call: 'file_search',
  web_search_call: 'web_search',
  code_interpreter_call: 'code_interpreter',
  computer_call: 'computer_use',
  image_generation_call: 'image_generation',
  local_shell_call: 'local_shell',
};

export function responses(objects: readonly Dict[]): TraceDocument[] {
  const heads = new Map<string, string>();
  /** Sessions of items: whoever sends the history instead of `previous_response_id` sends them again. */
  const said = new Map<string, string>();
  return objects.map((one) => {
    const body = isObject(one['response']) ? one['response'] : one;
    const thin = isObject(one['data']) && /^response\./.test(word(one['type']) ?? '');
    const id = identifier(thin ? member(one['data'], 'id') : (body['id'] ?? body['referenceable_id']));
    if (id === undefined) throw new PayloadError(format, 'id', body['id'], 'the id of a response, run, trace or span');
    const before = identifier(body['previous_response_id']);
    const session =
      identifier(member(body['conversation'], 'id')) ??
      identifier(body['conversation']) ??
      heads.get(before ?? '') ??
      before ??
      inputOf(one['input'] ?? body['input'])
        .flatMap(idsOf)
        .map((item) => said.get(item))
        .find(Boolean) ??
      id;
    heads.set(id, session);
    for (const item of list(body['output']).flatMap(idsOf)) said.set(item, session);
    return thin ? ended(id, one) : responded(id, session, body, inputOf(one['input'] ?? body['input']));
  });
}

/** Only how it ended. */
function ended(id: string, event: Dict): TraceDocument {
  const status = (word(event['type']) ?? '').slice('response.'.length);
  const run = new Run(format, id, {
    name: 'response',
    startMs: time(event['created_at']),
    error: errorFor(status, undefined, undefined),
    ending: endingOf(status),
  });
  run.root.text('openinference.span.kind', 'CHAIN').text('misstep.run.status', status);
  return run.document('openai');
}

function responded(id: string, session: string, body: Dict, input: readonly unknown[]): TraceDocument {
  const status = word(body['status']);
  const reason = word(member(body['incomplete_details'], 'reason'));
  const error = errorFor(status, body['error'], reason);
  const ending = endingOf(status);
  const startMs = time(body['created_at']);
  const endMs = time(body['completed_at']);
  const run = new Run(format, id, { name: 'response', startMs, endMs, error, ending });
  const output = list(body['output']);
  run.root
    .text('openinference.span.kind', 'CHAIN')
    .text('gen_ai.conversation.id', session)
    .text('misstep.run.status', status)
    .json('misstep.run.total', totalOf(output));
  for (const item of answers(input)) addResult(run, item, input, session);
  const chat = run.add({ name: `chat ${word(body['model']) ?? ''}`.trim(), startMs, endMs, error, ending });
  if (chat === undefined) return run.document('openai');
  chat
    .text('gen_ai.operation.name', 'chat')
    .text('gen_ai.conversation.id', session)
    .text('gen_ai.response.id', id)
    .text('gen_ai.response.model', body['model'])
    .texts('gen_ai.response.finish_reasons', [reason ?? status])
    .text('gen_ai.system_instructions', word(body['instructions']))
    .json('gen_ai.tool.definitions', list(body['tools']).length > 0 ? body['tools'] : undefined)
    .messages('gen_ai.input.messages', input.flatMap(messagesOf))
    .messages('gen_ai.output.messages', output.flatMap(messagesOf));
  usage(chat, body['usage']);
  for (const item of output) addHosted(run, item, chat, session);
  return run.document('openai');
}

function idsOf(item: unknown): readonly string[] {
  return [member(item, 'id'), member(item, 'call_id')].flatMap((id) => identifier(id) ?? []);
}

/** What was asked: a text, or items. */
function inputOf(given: unknown): readonly unknown[] {
  return typeof given === 'string' ? [{ role: 'user', content: given }] : list(given);
}

/** Outputs that this call is told for the first time: they stand at the end. Those before are history, which a client without `previous_response_id` sends again. */
function answers(input: readonly unknown[]): readonly unknown[] {
  const last = input.findLastIndex((item) => member(item, 'type') !== 'function_call_output');
  return input.slice(last + 1);
}

function totalOf(output: readonly unknown[]): Readonly<Record<string, number>> {
  const total: Record<string, number> = Object.create(null);
  total['responses'] = 1;
  for (const item of output) {
    const type = `item:${(word(member(item, 'type')) ?? 'unknown').slice(0, 100)}`;
    if (type in total || Object.keys(total).length < 50) total[type] = (total[type] ?? 0) + 1;
  }
  return { ...total };
}

/** A tool that OpenAI ran. */
function addHosted(run: Run, item: unknown, parent: Span, session: string): void {
  const type = word(member(item, 'type')) ?? '';
  const name = type === 'mcp_call' ? word(member(item, 'name')) : Object.hasOwn(hosted, type) ? hosted[type] : undefined;
  if (name === undefined) return;
  const error = errorOf(member(item, 'error'));
  const failed = member(item, 'status') === 'failed' && error === undefined;
  const span = run.add({
    name: `execute_tool ${name}`,
    error: failed ? { type: 'failed', message: `${name} failed` } : error,
    parent,
  });
  if (span === undefined) return;
  const { id: _, type: __, status: ___, results, output, outputs, ...given } = dict(item);
  span
    .text('gen_ai.operation.name', 'execute_tool')
    .text('gen_ai.tool.name', name)
    .text('gen_ai.tool.call.id', member(item, 'id'))
    .text('gen_ai.conversation.id', session)
    .json('gen_ai.tool.call.arguments', word(given['arguments']) ?? given)
    .json('gen_ai.tool.call.result', results ?? output ?? outputs);
}

/** A tool of the caller, whose answer the input brought. */
function addResult(run: Run, item: unknown, input: readonly unknown[], session: string): void {
  const id = identifier(member(item, 'call_id'));
  const call = input.find((one) => member(one, 'type') === 'function_call' && member(one, 'call_id') === id);
  const name = word(member(call, 'name')) ?? 'function';
  const span = run.add({ name: `execute_tool ${name}` });
  const output = member(item, 'output');
  span
    ?.text('gen_ai.operation.name', 'execute_tool')
    .text('gen_ai.tool.name', name)
    .text('gen_ai.tool.call.id', id)
    .text('gen_ai.conversation.id', session)
    .text('gen_ai.tool.call.arguments', member(call, 'arguments'));
  if (typeof output === 'string') span?.text('gen_ai.tool.call.result', output);
  else span?.json('gen_ai.tool.call.result', output);
}

function messagesOf(item: unknown): ChatMessage[] {
  const type = word(member(item, 'type'));
  if (type === 'function_call') {
    const call = {
      id: identifier(member(item, 'call_id')),
      name: word(member(item, 'name')) ?? '',
      arguments: member(item, 'arguments'),
    };
    return [{ role: 'assistant', text: undefined, calls: [call] }];
  }
  if (type === 'function_call_output') return [{ role: 'tool', text: word(member(item, 'output')) }];
  if (type !== undefined && type !== 'message') return [];
  const content = member(item, 'content');
  const parts = Array.isArray(content)
    ? content.map((part) => word(member(part, 'text')) ?? word(member(part, 'refusal')))
    : [word(content)];
  const text = parts.filter((part) => part !== undefined).join('\n');
  const calls = list(member(item, 'tool_calls')).map((call) => ({
    id: identifier(member(call, 'id')),
    name: word(member(member(call, 'function'), 'name')) ?? '',
    arguments: member(member(call, 'function'), 'arguments'),
  }));
  return [{ role: word(member(item, 'role')) ?? 'assistant', text: text === '' ? undefined : text, calls }];
}

function errorFor(status: string | undefined, error: unknown, reason: string | undefined): SpanError | undefined {
  const said = errorOf(error);
  if (said !== undefined) return said;
  if (status === 'failed') return { type: 'failed', message: 'The response failed.' };
  if (status === 'incomplete')
    return { type: reason ?? 'incomplete', message: `The response is incomplete: ${reason ?? 'no reason given'}.` };
  return undefined;
}

function endingOf(status: string | undefined): Ending | undefined {
  if (status === 'cancelled') return { outcome: 'cancelled', source: 'status' };
  return status === 'queued' || status === 'in_progress' ? { outcome: 'unknown', source: 'status' } : undefined;
}

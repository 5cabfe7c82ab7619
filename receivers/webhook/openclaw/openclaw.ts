/**
 * OpenClaw: one session `{session_id, instance_id, agent_name, channel, started_at, status, events[], …}`, a transcript, or
 * diagnostic events; `events` also as records of either. One span an event; a tool's call and its result are one span.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import {
  type Dict,
  dict,
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
} from '../payload.ts';
import { type Ending, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { fromDiagnostics, isDiagnostic } from './diagnostics.ts';
import { callsWithResults, type Entry } from './pairs.ts';
import { sessionKey } from './session-key.ts';
import { childrenOf, spawn } from './spawn.ts';
import { fromTranscript, isEntry } from './transcript.ts';

const format = 'openclaw';
const textNames = ['content', 'text', 'message', 'response', 'body'];

/** What holds for every event of a session. */
interface Session {
  readonly id: string;
  readonly agent: string;
  readonly channel: string | undefined;
  readonly inbox: string | undefined;
  readonly body: Dict;
  readonly agents: Dict;
  /** The last message that came in: what the agent's next turn answers. */
  heard: string | undefined;
}

export function openclaw(payload: unknown): TraceDocument[] {
  return bodiesOf(payload).map(oneSession);
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  const found = new Set<string>();
  for (const body of bodiesOf(payload)) {
    const events = list(member(body, 'events'));
    if (events.length === 0)
      found.add('The session has no events: only its end can be judged. Send its transcript, or diagnostic events.');
    if (
      events.length > 0 &&
      events.every((event) => firstMember(event, ['data', 'tool_input', 'tool_result', 'content']) === undefined)
    )
      found.add(
        'The events have no content: what was said and which arguments a tool got is not judged. Send the transcript, or set diagnostics.otel.captureContent.',
      );
    if (identifier(firstMember(body, ['session_key', 'sessionKey'])) === undefined && word(member(body, 'channel')) === undefined)
      found.add(
        'Neither a session key nor a channel is named: answers on the wrong channel are not seen. With OTLP set diagnostics.otel.sessionAttribute.',
      );
  }
  return [...found];
}

/** Bodies of sessions, whatever they came in. */
function bodiesOf(payload: unknown): readonly Dict[] {
  const given = Array.isArray(payload) ? payload : list(member(payload, 'events'));
  if (Array.isArray(payload) || isObject(payload)) {
    const own = Array.isArray(payload) ? {} : without(payload, 'events');
    if (given.some(isEntry)) return [{ ...fromTranscript(given), ...own }];
    if (given.some(isDiagnostic)) return fromDiagnostics(given).map((body) => ({ ...body, ...own }));
  }
  if (isDiagnostic(payload)) return fromDiagnostics([payload]);
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object, a transcript or diagnostic events');
  return [payload];
}

function without(body: Dict, name: string): Dict {
  return Object.fromEntries(members(body).filter(([key, value]) => key !== name && value !== undefined && value !== null));
}

function oneSession(payload: Dict): TraceDocument {
  const id = identifier(firstMember(payload, ['session_id', 'sessionId', 'sessionKey']));
  if (id === undefined) throw new PayloadError(format, 'session_id', member(payload, 'session_id'), 'the id of the session');
  const key = sessionKey(identifier(firstMember(payload, ['session_key', 'sessionKey'])) ?? id);
  const events = member(payload, 'events');
  if (events !== undefined && !Array.isArray(events)) throw new PayloadError(format, 'events', events, 'a list of events');
  const agent =
    firstWord(payload, ['agent_name', 'agentId']) ??
    list(events)
      .map((event) => word(member(event, 'agent_name')))
      .find(Boolean) ??
    key?.agent ??
    'agent';
  const status = word(member(payload, 'status'));
  const run = new Run(format, identifier(member(payload, 'trace_id')) ?? id, {
    name: `invoke_agent ${agent}`,
    startMs: time(member(payload, 'started_at')),
    endMs: time(firstMember(payload, ['finished_at', 'ended_at'])),
    error: sessionError(status, member(payload, 'error')),
  });
  const session: Session = {
    id,
    agent,
    channel: word(member(payload, 'channel')) ?? key?.channel,
    inbox: word(member(payload, 'inbox_type')) ?? key?.inbox,
    body: payload,
    agents: dict(firstMember(payload, ['agents_mapping', 'agents'])),
    heard: undefined,
  };
  if (member(payload, 'trace_id') !== undefined) run.withoutRoot();
  writeRoot(run.root, session, status, list(events));
  const entries = callsWithResults(list(events), (place) => run.root.note(`events[${place}]: not an object`));
  entries.forEach((entry, order) => {
    addEvent(run, entry, session, order);
  });
  return run.document('openclaw');
}

function writeRoot(root: Span, session: Session, status: string | undefined, events: readonly unknown[]): void {
  const { body } = session;
  root.text('gen_ai.operation.name', 'invoke_agent');
  common(root, session, session.agent);
  const children = [...list(member(body, 'spawned_sessions')).map(identifier), ...events.flatMap(childrenOf)];
  root
    .text('misstep.channel', session.channel)
    .text('misstep.run.status', status)
    .json('misstep.run.error', member(body, 'error'))
    .json('misstep.run.total', {
      messages: number(member(body, 'message_count')),
      events: events.length,
      ...dict(member(body, 'total')),
    })
    .json('misstep.run.ids', {
      instance: member(body, 'instance_id'),
      session_key: firstMember(body, ['sessionKey', 'session_key']),
    })
    .json('misstep.agents', nonEmpty(dict(withoutSecrets(session.agents))))
    .texts('misstep.spawn.children', [...new Set(children)])
    .text('misstep.spawn.parent', identifier(firstMember(body, ['parent_session_id', 'parent_session', 'spawned_by'])))
    .count('misstep.spawn.depth', firstNumber(body, ['spawn_depth', 'depth']))
    .number('misstep.limit.max_spawn_depth', firstNumber(body, ['max_spawn_depth', 'maxSpawnDepth']))
    .number('misstep.limit.max_children', firstNumber(body, ['max_children', 'maxChildrenPerAgent']));
}

/** Who, where, and under which rights: on every span, because a detector sees one at a time. */
function common(span: Span, session: Session, agent: string): void {
  const { body } = session;
  const elevated = member(body, 'elevated_mode') ?? member(body, 'elevated');
  const sandbox = member(body, 'sandbox');
  span
    .text('gen_ai.agent.name', agent)
    .text('gen_ai.conversation.id', session.id)
    .text('misstep.channel.origin', session.channel)
    .text('misstep.channel.inbox', session.inbox)
    .flag('misstep.elevated', flag(elevated) ?? (typeof elevated === 'string' ? elevated !== 'off' : undefined))
    .text('misstep.elevated.mode', word(elevated))
    .flag('misstep.sandbox.enabled', flag(member(body, 'sandbox_enabled')) ?? flag(member(sandbox, 'enabled')) ?? flag(sandbox))
    .text('misstep.sandbox.mode', firstWord(body, ['sandbox_mode']) ?? word(sandbox) ?? firstWord(sandbox, ['mode']));
  for (const [key, value] of members(sandbox).slice(0, 20))
    if (key !== 'enabled' && key !== 'mode' && key.length < 100) span.json(`misstep.sandbox.${key}`, withoutSecrets(value), 4096);
  const allowed =
    firstMember(body, ['allowed_tools', 'tools_allowed', 'tools']) ??
    firstMember(member(session.agents, agent), ['allowed_tools', 'tools']);
  span.texts(
    'misstep.tools.allowed',
    list(allowed).map((one) => word(one) ?? firstWord(one, ['name'])),
  );
}

function addEvent(run: Run, entry: Entry, session: Session, order: number): void {
  const { event, result, place } = entry;
  const type = firstWord(event, ['type', 'event']) ?? 'event';
  const data = dict(firstMember(event, ['data', 'payload']));
  const agent = firstWord(event, ['agent_name', 'agentId']) ?? session.agent;
  const at = time(firstMember(event, ['timestamp', 'ts', 'created_at']));
  const duration = firstNumber(event, ['durationMs', 'duration_ms']);
  const span = run.add({
    name: type,
    id: firstMember(event, ['id', 'event_id']) ?? place,
    startMs: at,
    endMs: time(member(result, 'timestamp')) ?? (at === undefined || duration === undefined ? undefined : at + duration),
    error: eventError(type, event, result),
    ending: eventEnding(event, result),
  });
  if (span === undefined) return;
  common(span, session, agent);
  const channel = firstWord(event, ['channel']) ?? firstWord(data, ['channel']) ?? undefined;
  span
    .text('misstep.event.type', type)
    .json('misstep.event.data', eventData(event, result))
    .count('misstep.node.order', order)
    .count('misstep.node.tokens', sum(number(member(event, 'token_count')), number(member(result, 'token_count'))))
    .text('misstep.channel', channel)
    .text(
      'misstep.tools.denied',
      firstWord(data, ['deniedReason', 'denied_reason']) ?? firstWord(event, ['deniedReason', 'denied_reason']),
    );
  if (type === 'model.failover')
    span.json('misstep.model.fallback', {
      original: firstWord(data, ['original']) ?? firstWord(event, ['fromModel']),
      used: firstWord(data, ['used']) ?? firstWord(event, ['toModel']),
      reason: firstWord(event, ['reason']),
    });
  if (type === 'tool.call' || type === 'tool_call' || type === 'tool.result') tool(span, event, result, data);
  else if (type.startsWith('message')) message(span, type, event, data, session);
  else if (type === 'agent.turn' || type === 'model.usage') turn(span, event, data, agent, session);
  else if (type === 'session.spawn' || type === 'spawn') spawn(span, event, data, agent);
  else if (type === 'session.send') send(span, event, data, agent);
  else
    span
      .text('openinference.span.kind', 'CHAIN')
      .text('output.value', firstWord(data, textNames) ?? firstWord(event, ['content']));
}

function tool(span: Span, event: unknown, result: unknown, data: unknown): void {
  const args = firstMember(event, ['tool_input', 'input', 'args', 'arguments']) ?? firstMember(data, ['input', 'tool_input']);
  const own = firstMember(event, ['tool_result', 'output', 'result']);
  const answer = firstMember(result, ['tool_result', 'output', 'result']) ?? own ?? nonEmpty(dict(member(result, 'data')));
  span
    .text('gen_ai.operation.name', 'execute_tool')
    .text('gen_ai.tool.name', firstWord(event, ['tool_name', 'name']) ?? firstWord(data, ['tool', 'tool_name']) ?? 'tool')
    .text('gen_ai.tool.call.id', identifier(firstMember(event, ['call_id', 'tool_call_id', 'toolCallId'])))
    .text('misstep.node.status', firstWord(result, ['status']) ?? firstWord(event, ['status']))
    .json('gen_ai.tool.call.arguments', args);
  if (typeof answer === 'string') span.text('gen_ai.tool.call.result', answer);
  else span.json('gen_ai.tool.call.result', answer);
}

function message(span: Span, type: string, event: unknown, data: unknown, session: Session): void {
  const inbound = type.endsWith('received');
  const said = firstWord(data, textNames) ?? firstWord(event, ['content', 'text', 'message']);
  span
    .text('openinference.span.kind', 'CHAIN')
    .text('misstep.message.direction', inbound ? 'in' : 'out')
    .text(
      inbound ? 'misstep.message.sender' : 'misstep.message.recipient',
      identifier(
        firstMember(
          data,
          inbound
            ? ['user_id', 'from', 'phone', 'chat_id', 'author', 'user']
            : ['recipient', 'to', 'user_id', 'phone', 'chat_id', 'channel_id'],
        ),
      ),
    );
  if (inbound) {
    session.heard = said;
    span.messages('gen_ai.input.messages', [{ role: 'user', text: said }]);
  } else span.messages('gen_ai.output.messages', [{ role: 'assistant', text: said }]);
}

function turn(span: Span, event: unknown, data: unknown, agent: string, session: Session): void {
  const settings = member(session.agents, agent);
  const usage = member(event, 'usage');
  const said = firstWord(event, ['content', 'text']) ?? firstWord(data, ['content', 'text', 'message', 'response']);
  const byUser = member(event, 'role') === 'user';
  if (byUser) session.heard = said;
  span
    .text('gen_ai.operation.name', 'chat')
    .text('gen_ai.request.model', firstWord(settings, ['model']) ?? firstWord(event, ['model']))
    .text('gen_ai.response.model', firstWord(event, ['model']))
    .text('gen_ai.provider.name', firstWord(event, ['provider']))
    .text('gen_ai.agent.description', firstWord(settings, ['persona', 'description', 'system_prompt']))
    .messages('gen_ai.input.messages', [{ role: 'user', text: session.heard }])
    .count('gen_ai.usage.input_tokens', firstNumber(usage, ['promptTokens']) ?? inputOf(usage))
    .count('gen_ai.usage.output_tokens', firstNumber(usage, ['output', 'output_tokens']))
    .count('gen_ai.usage.cache_read.input_tokens', firstNumber(usage, ['cacheRead']))
    .count('gen_ai.usage.cache_creation.input_tokens', firstNumber(usage, ['cacheWrite']))
    .number('gen_ai.usage.cost', firstNumber(event, ['costUsd']))
    .number('misstep.limit.context_window', firstNumber(member(event, 'context'), ['limit']));
  const thought = firstWord(data, ['reasoning', 'thinking']);
  const decision = firstWord(data, ['decision']);
  span.text('misstep.route.decision', decision).text('misstep.route.field', decision === undefined ? undefined : 'decision');
  const parts = [
    ...(thought === undefined ? [] : [{ type: 'reasoning', content: thought }]),
    ...(byUser || (said ?? decision) === undefined ? [] : [{ type: 'text', content: said ?? decision }]),
  ];
  if (parts.length > 0) span.json('gen_ai.output.messages', [{ role: 'assistant', parts }]);
}

/** `input` leaves cached tokens out, the conventions count them in. */
function inputOf(usage: unknown): number | undefined {
  const input = firstNumber(usage, ['input', 'input_tokens']);
  return input === undefined
    ? undefined
    : input + (firstNumber(usage, ['cacheRead']) ?? 0) + (firstNumber(usage, ['cacheWrite']) ?? 0);
}

function send(span: Span, event: unknown, data: unknown, agent: string): void {
  const to =
    firstWord(event, ['target_agent']) ?? firstWord(data, ['target_agent', 'recipient_agent', 'recipient', 'target', 'agent']);
  const said = firstWord(data, [...textNames, 'result', 'task', 'recommendation']) ?? firstWord(event, ['content']);
  span
    .text('gen_ai.operation.name', 'handoff')
    .text('gen_ai.handoff.from_agent', firstWord(data, ['source_agent']) ?? agent)
    .text('gen_ai.handoff.to_agent', to)
    .text('misstep.message.direction', 'internal')
    .text('misstep.message.sender', firstWord(data, ['source_agent']) ?? agent)
    .text('misstep.message.recipient', to)
    .text(
      'misstep.message.session',
      identifier(
        firstMember(data, [
          'target_session_id',
          'session_id',
          'parent_session',
          'from_session',
          'child_session_id',
          'target_session',
        ]),
      ),
    )
    .text('misstep.spawn.parent', identifier(firstMember(data, ['parent_session', 'parent_session_id'])))
    .messages('gen_ai.output.messages', [{ role: 'assistant', text: said }]);
}

/** Members of an event that have an attribute of their own. */
const shown = new Set(['type', 'timestamp', 'agent_name', 'channel', 'data', 'token_count', 'error']);
const shownOfTools = new Set(['tool_name', 'tool_input', 'tool_result', 'input', 'output', 'status']);

/** Members of one event that are kept; real ones have a dozen. */
const maxMembers = 1_000;

/** `data` as given, what the event has beside it, and the data of a tool's result under `result_data`. */
function eventData(event: unknown, result: unknown): unknown {
  const isTool = word(member(event, 'type'))?.startsWith('tool') === true;
  const rest = members(event).filter(([key, value]) => value !== null && !shown.has(key) && !(isTool && shownOfTools.has(key)));
  const channel = member(result, 'channel');
  const late = [
    ...members(member(result, 'data')),
    // A result on another channel than its call is a fact of its own.
    ...(channel !== undefined && channel !== member(event, 'channel') ? [['channel', channel] as const] : []),
  ];
  return nonEmpty({
    ...Object.fromEntries(first(members(member(event, 'data')))),
    // Content stands in `data`; what is beside it describes the event.
    ...dict(withoutSecrets(Object.fromEntries(first(rest)))),
    ...(late.length === 0 ? {} : { result_data: Object.fromEntries(first(late)) }),
  });
}

function first(found: readonly (readonly [string, unknown])[]): readonly (readonly [string, unknown])[] {
  return found.length <= maxMembers ? found : [...found.slice(0, maxMembers), ['[left out]', found.length - maxMembers]];
}

function eventError(type: string, event: unknown, result: unknown): SpanError | undefined {
  const error = errorOf(member(event, 'error')) ?? errorOf(member(result, 'error'));
  if (error !== undefined) return error;
  if (type === 'error')
    return { type: undefined, message: firstWord(member(event, 'data'), ['reason', 'message', 'error']) ?? 'error' };
  return undefined;
}

/** A tool that answers with its failure goes on; one that was refused never ran. */
function eventEnding(event: unknown, result: unknown): Ending | undefined {
  if (member(event, 'blocked') === true) return { outcome: 'blocked', source: 'deniedReason' };
  return member(result, 'is_error') === true ? { outcome: 'handled_error', source: 'isError' } : undefined;
}

function sessionError(status: string | undefined, given: unknown): SpanError | undefined {
  const error = errorOf(given);
  if (status === 'error' || status === 'failed') return { type: error?.type, message: error?.message ?? status };
  if (status === 'timeout') return { type: error?.type ?? 'timeout', message: error?.message ?? 'timeout' };
  return error;
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}

function nonEmpty(value: Dict): Dict | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/**
 * Claude Code's log events, also of its Agent SDK. Source: code.claude.com/docs/en/monitoring-usage. Numbers and booleans come
 * as text; `input_tokens` leaves cached ones out, the conventions' count has them in.
 */
import { isObject, member, parse, text } from '../../src/dialects/json.ts';
import type { LogEvent } from '../../src/otlp/logs.ts';
import { Double } from '../../src/otlp/write.ts';
import {
  amount,
  attributes,
  bounded,
  content,
  count,
  duration,
  eventId,
  isFalse,
  type Place,
  prompt,
  type Reading,
  spanIdOf,
  textMessage,
  toolFailure,
  traceIdOf,
  word,
} from './reading.ts';

const vendor = 'claude_code';
const agentName = 'claude-code';
/** Requests that Claude Code makes for its own surface. */
const auxiliary = new Set(['prompt_suggestion', 'generate_session_title', 'quota', 'quota_check']);

/** `kind` is the event's name without `claude_code.`. */
export function claudeCode(kind: string, event: LogEvent): Reading {
  const place: Place = { vendor, session: word(event, 'session.id'), turn: word(event, 'prompt.id') };
  const read = readers[kind];
  if (read === undefined) return kind === 'api_retries_exhausted' ? 'repeated' : 'unread';
  if (event.traceId !== '') return 'traced';
  if (place.session === undefined && place.turn === undefined) return 'unplaced';
  if (auxiliary.has(word(event, 'query_source') ?? '')) return 'auxiliary';
  return read(place, event);
}

const readers: Readonly<Record<string, (place: Place, event: LogEvent) => Reading>> = Object.assign(Object.create(null), {
  user_prompt: (place: Place, event: LogEvent) => prompt(place, event, agentName, 'anthropic'),
  api_request: (place: Place, event: LogEvent) => request(place, event),
  api_error: (place: Place, event: LogEvent) => request(place, event, content(event, 'error') ?? 'The API request failed.'),
  api_refusal: refusal,
  assistant_response: response,
  api_response_body: body,
  tool_result: tool,
  tool_decision: decision,
  compaction,
});

/** The same for the request and for what comes with its id. */
function requestId(event: LogEvent): readonly string[] {
  const id = word(event, 'request_id');
  return id === undefined ? eventId(event) : ['request', id];
}

function request(place: Place, event: LogEvent, error?: string): Reading {
  const model = word(event, 'model');
  const [input, read, written] = ['input_tokens', 'cache_read_tokens', 'cache_creation_tokens'].map((key) => count(event, key));
  const cost = amount(event, 'cost_usd');
  return {
    ...place,
    kind: 'step',
    id: requestId(event),
    name: model === undefined ? 'chat' : `chat ${model}`,
    durationMs: duration(event),
    error,
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.agent.name': agentOf(event),
      'gen_ai.request.model': model,
      'gen_ai.response.id': word(event, 'request_id'),
      'gen_ai.usage.input_tokens': input === undefined ? undefined : input + (read ?? 0) + (written ?? 0),
      'gen_ai.usage.output_tokens': count(event, 'output_tokens'),
      'gen_ai.usage.cache_read.input_tokens': read,
      'gen_ai.usage.cache_creation.input_tokens': written,
      'gen_ai.usage.cost': cost === undefined ? undefined : new Double(cost),
      'error.type': error === undefined ? undefined : (word(event, 'status_code') ?? 'api_error'),
    }),
  };
}

function agentOf(event: LogEvent): string {
  return word(event, 'agent.name') ?? agentName;
}

/** Content of the request of that id; without an id nothing says whose it is. */
function ofRequest(place: Place, event: LogEvent, part: 'output' | 'attributes', json: string, last: boolean): Reading {
  if (word(event, 'request_id') === undefined) return 'unplaced';
  const target = { traceId: traceIdOf(place), spanId: spanIdOf(place, requestId(event)) };
  return { kind: 'content', target, part, json, last };
}

function response(place: Place, event: LogEvent): Reading {
  const said = content(event, 'response');
  return said === undefined ? 'unread' : ofRequest(place, event, 'output', textMessage('assistant', said), false);
}

/** The conventions' word for it is `content_filter`. A hop was answered by another model: the user never saw it. */
function refusal(place: Place, event: LogEvent): Reading {
  if (event.attributes.get('server_fallback_hop') === true || word(event, 'server_fallback_hop') === 'true') return 'unread';
  return ofRequest(place, event, 'attributes', '{"gen_ai.response.finish_reasons":["content_filter"]}', false);
}

/** The Messages API's answer: text and calls, and why it stopped. Cut bodies are no JSON. */
function body(place: Place, event: LogEvent): Reading {
  const said = content(event, 'body');
  const answer = said === undefined ? undefined : parse(said);
  const blocks = member(answer, 'content');
  if (!Array.isArray(blocks)) return 'unread';
  const parts = blocks.slice(0, 256).flatMap((block: unknown) => partOf(block) ?? []);
  const reason = text(member(answer, 'stop_reason'));
  const message = JSON.stringify([{ role: 'assistant', parts }]);
  const facts = JSON.stringify({
    ...(parts.length > 0 ? { 'gen_ai.output.messages': message } : {}),
    ...(reason === undefined ? {} : { 'gen_ai.response.finish_reasons': [reason] }),
  });
  return ofRequest(place, event, 'attributes', facts, true);
}

function partOf(block: unknown): object | undefined {
  const type = member(block, 'type');
  if (type === 'text') return { type, content: bounded(text(member(block, 'text')) ?? '') };
  if (type !== 'tool_use') return undefined;
  const input = member(block, 'input');
  return {
    type: 'tool_call',
    id: text(member(block, 'id')),
    name: text(member(block, 'name')),
    arguments: isObject(input) ? input : {},
  };
}

function tool(place: Place, event: LogEvent): Reading {
  const failed = isFalse(event, 'success') ? toolFailure(word(event, 'error_type'), content(event, 'error')) : {};
  return toolStep(place, event, duration(event), failed);
}

/** A call that was refused has no result: the decision is all that is known of it. */
function decision(place: Place, event: LogEvent): Reading {
  if (word(event, 'decision') !== 'reject') return 'repeated';
  const blocked = `blocked by ${word(event, 'source') ?? 'permission'}`;
  return { ...toolStep(place, event, undefined, { 'error.type': 'permission_denied' }), error: blocked };
}

function toolStep(place: Place, event: LogEvent, durationMs: number | undefined, failed: object) {
  const call = word(event, 'tool_use_id');
  const parameters = content(event, 'tool_parameters');
  const name = toolName(event, parameters);
  return {
    ...place,
    kind: 'step' as const,
    id: call === undefined ? eventId(event) : ['tool', call],
    name: `execute_tool ${name}`,
    durationMs,
    attributes: {
      ...attributes({
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.agent.name': agentOf(event),
        'gen_ai.tool.name': name,
        'gen_ai.tool.call.id': call,
        'gen_ai.tool.call.arguments': content(event, 'tool_input') ?? parameters,
      }),
      ...failed,
    },
  };
}

/** MCP tools go by one name unless details are logged. */
function toolName(event: LogEvent, parameters: string | undefined): string {
  const name = word(event, 'tool_name') ?? 'tool';
  if (name !== 'mcp_tool' || parameters === undefined) return name;
  const json = parse(parameters);
  const server = text(member(json, 'mcp_server_name'));
  const own = text(member(json, 'mcp_tool_name'));
  return server === undefined || own === undefined ? name : bounded(`mcp__${server}__${own}`, 256);
}

function compaction(place: Place, event: LogEvent): Reading {
  const failed = isFalse(event, 'success');
  return {
    ...place,
    kind: 'step',
    id: eventId(event),
    name: 'compact',
    durationMs: duration(event),
    error: failed ? (content(event, 'error') ?? 'The compaction failed.') : undefined,
    attributes: attributes({
      'gen_ai.operation.name': 'compact',
      'misstep.compaction.before': count(event, 'pre_tokens'),
      'misstep.compaction.after': count(event, 'post_tokens'),
      'error.type': failed ? 'compaction_failed' : undefined,
    }),
  };
}

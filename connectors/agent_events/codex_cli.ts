/**
 * Codex CLI's log events. Source: openai/codex codex-rs/otel/src/events. Each is written twice: once whole, and once without
 * content for the trace (`codex_otel.trace_safe`); the second is passed over. Its spans show turns and tokens, but no calls of
 * tools, so a tool's result is a step also where Codex traces: a child of the span in which it was written.
 */
import type { LogEvent } from '../../src/otlp/logs.ts';
import {
  attributes,
  content,
  count,
  duration,
  eventId,
  isFalse,
  type Place,
  prompt,
  type Reading,
  toolFailure,
  word,
} from './reading.ts';

const vendor = 'codex';
const agentName = 'codex';
const traceSafe = 'codex_otel.trace_safe';

/** `kind` is the event's name without `codex.`. */
export function codexCli(kind: string, event: LogEvent): Reading {
  if (event.scope === traceSafe || word(event, 'target') === traceSafe) return 'repeated';
  const read = readers[kind];
  if (read === undefined) return 'unread';
  const place: Place = { vendor, session: word(event, 'conversation.id'), turn: undefined };
  if (place.session === undefined) return 'unplaced';
  if (event.traceId !== '' && kind !== 'tool_result') return 'traced';
  return read(place, event);
}

const readers: Readonly<Record<string, (place: Place, event: LogEvent) => Reading>> = Object.assign(Object.create(null), {
  user_prompt: (place: Place, event: LogEvent) => prompt(place, event, agentName, 'openai'),
  sse_event: answer,
  websocket_event: answer,
  api_request: request,
  tool_result: tool,
});

/** The stream's last event has the tokens; the others are pieces of it. */
function answer(place: Place, event: LogEvent): Reading {
  const error = content(event, 'error.message');
  if (error !== undefined) return model(place, event, error);
  const ended = word(event, 'event.kind') === 'response.completed' && count(event, 'input_token_count') !== undefined;
  return ended ? model(place, event) : 'unread';
}

/** An answer comes as a stream, which tells of itself; only what failed before is said here. */
function request(place: Place, event: LogEvent): Reading {
  const status = count(event, 'http.response.status_code') ?? 0;
  const error = content(event, 'error.message');
  if (error === undefined && status < 400) return 'repeated';
  const endpoint = word(event, 'endpoint');
  if (endpoint !== undefined && !/responses|completions/.test(endpoint)) return 'auxiliary';
  return model(place, event, error ?? `HTTP status ${status}`);
}

function model(place: Place, event: LogEvent, error?: string): Reading {
  const name = word(event, 'model');
  return {
    ...place,
    kind: 'step',
    id: eventId(event),
    name: name === undefined ? 'chat' : `chat ${name}`,
    durationMs: duration(event),
    error,
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': agentName,
      'gen_ai.request.model': name,
      'gen_ai.usage.input_tokens': count(event, 'input_token_count'),
      'gen_ai.usage.output_tokens': count(event, 'output_token_count'),
      'gen_ai.usage.cache_read.input_tokens': count(event, 'cached_token_count'),
      'gen_ai.usage.reasoning.output_tokens': count(event, 'reasoning_token_count'),
      'error.type': error === undefined ? undefined : (word(event, 'http.response.status_code') ?? 'api_error'),
    }),
  };
}

function tool(place: Place, event: LogEvent): Reading {
  const call = word(event, 'call_id');
  const name = word(event, 'tool_name') ?? 'tool';
  const server = word(event, 'mcp_server');
  const output = content(event, 'output');
  return {
    ...place,
    kind: 'step',
    id: call === undefined ? eventId(event) : ['tool', call],
    name: `execute_tool ${name}`,
    durationMs: duration(event),
    attributes: {
      ...attributes({
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.agent.name': agentName,
        'gen_ai.tool.name': server === undefined || name.startsWith('mcp__') ? name : `mcp__${server}__${name}`,
        'gen_ai.tool.call.id': call,
        'gen_ai.tool.call.arguments': content(event, 'arguments'),
        'gen_ai.tool.call.result': output,
      }),
      ...(isFalse(event, 'success') ? toolFailure(undefined, output) : {}),
    },
  };
}

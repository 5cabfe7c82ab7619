/**
 * Gemini CLI's log events. Source: google-gemini/gemini-cli packages/core/src/telemetry/types.ts. Messages come in a second event
 * of the same instant, `gen_ai.client.inference.operation.details`.
 */
import type { LogEvent } from '../../src/otlp/logs.ts';
import { detailsOf } from './content.ts';
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
  spanIdOf,
  toolFailure,
  traceIdOf,
  word,
} from './reading.ts';

const vendor = 'gemini_cli';
const agentName = 'gemini-cli';
const provider = 'gcp.gemini';

/** `kind` is the event's name without `gemini_cli.`. */
export function geminiCli(kind: string, event: LogEvent): Reading {
  const place = placeOf(event);
  const read = readers[kind];
  // What goes out is told by what comes back.
  if (read === undefined) return kind === 'api_request' ? 'repeated' : 'unread';
  if (event.traceId !== '') return 'traced';
  if (place.session === undefined) return 'unplaced';
  return read(place, event);
}

/** The details bear no prompt id: all is placed by the session alone, so that requests and details find each other. */
function placeOf(event: LogEvent): Place {
  return { vendor, session: word(event, 'session.id'), turn: undefined };
}

const readers: Readonly<Record<string, (place: Place, event: LogEvent) => Reading>> = Object.assign(Object.create(null), {
  user_prompt: (place: Place, event: LogEvent) => prompt(place, event, agentName, provider),
  api_response: (place: Place, event: LogEvent) => response(place, event),
  api_error: (place: Place, event: LogEvent) => response(place, event, content(event, 'error') ?? 'The API request failed.'),
  tool_call: tool,
  chat_compression: compression,
});

/** A request and its details have one timestamp. */
function requestId(event: LogEvent): readonly string[] {
  const at = word(event, 'event.timestamp');
  return at === undefined ? eventId(event) : ['request', at];
}

function response(place: Place, event: LogEvent, error?: string): Reading {
  const model = word(event, 'model');
  const output = count(event, 'output_token_count');
  const thoughts = count(event, 'thoughts_token_count');
  const reasons = event.attributes.get('finish_reasons');
  return {
    ...place,
    kind: 'step',
    id: requestId(event),
    name: model === undefined ? 'generate_content' : `generate_content ${model}`,
    durationMs: duration(event),
    error,
    attributes: attributes({
      'gen_ai.operation.name': 'generate_content',
      'gen_ai.provider.name': provider,
      'gen_ai.agent.name': agentName,
      'gen_ai.request.model': model,
      'gen_ai.usage.input_tokens': count(event, 'input_token_count'),
      // Gemini counts candidates and thoughts apart; the conventions' output has both.
      'gen_ai.usage.output_tokens': output === undefined ? undefined : output + (thoughts ?? 0),
      'gen_ai.usage.cache_read.input_tokens': count(event, 'cached_content_token_count'),
      'gen_ai.usage.reasoning.output_tokens': thoughts,
      'gen_ai.response.finish_reasons': Array.isArray(reasons)
        ? reasons.filter((one): one is string => typeof one === 'string').slice(0, 16)
        : undefined,
      'error.type': error === undefined ? undefined : (word(event, 'error.type') ?? word(event, 'status_code') ?? 'api_error'),
    }),
  };
}

function tool(place: Place, event: LogEvent): Reading {
  const name = word(event, 'function_name') ?? 'tool';
  const server = word(event, 'mcp_server_name');
  const error = content(event, 'error') ?? content(event, 'error.message');
  const failed = isFalse(event, 'success');
  const rejected = failed && word(event, 'decision') === 'reject';
  return {
    ...place,
    kind: 'step',
    id: [...eventId(event), name, content(event, 'function_args') ?? ''],
    name: `execute_tool ${name}`,
    durationMs: duration(event),
    error: rejected ? 'blocked by the user' : undefined,
    attributes: {
      ...attributes({
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.agent.name': agentName,
        'gen_ai.tool.name': server === undefined || name.startsWith('mcp_') ? name : `mcp__${server}__${name}`,
        'gen_ai.tool.call.arguments': content(event, 'function_args'),
        'error.type': rejected ? 'permission_denied' : undefined,
      }),
      ...(failed && !rejected ? toolFailure(word(event, 'error_type') ?? word(event, 'error.type'), error) : {}),
    },
  };
}

function compression(place: Place, event: LogEvent): Reading {
  return {
    ...place,
    kind: 'step',
    id: eventId(event),
    name: 'compact',
    durationMs: undefined,
    attributes: attributes({
      'gen_ai.operation.name': 'compact',
      'misstep.compaction.before': count(event, 'tokens_before'),
      'misstep.compaction.after': count(event, 'tokens_after'),
    }),
  };
}

/** What Gemini CLI says of a request in the conventions' words. Before an answer there is nothing to add it to. */
export function geminiDetails(event: LogEvent): Reading {
  if (event.traceId !== '') return 'traced';
  const place = placeOf(event);
  if (place.session === undefined) return 'unplaced';
  const json = detailsOf(event);
  if (json === undefined) return 'unread';
  const target = { traceId: traceIdOf(place), spanId: spanIdOf(place, requestId(event)) };
  return { kind: 'content', target, part: 'attributes', json, last: true };
}

/**
 * Content that instrumentation writes as log events beside its spans: the conventions' older message events (payload in the body
 * or in attributes) and `gen_ai.client.inference.operation.details` (all in attributes). Both name their span.
 */
import { firstMember, plain, read, stringify, text } from '../../src/dialects/json.ts';
import { eventRole, readMessages } from '../../src/dialects/messages.ts';
import type { LogEvent } from '../../src/otlp/logs.ts';
import type { Attributes } from '../../src/otlp/write.ts';
import type { Message } from '../../src/step/step.ts';
import { bounded, type Part, type Reading, type SpanId } from './reading.ts';

export const detailsName = 'gen_ai.client.inference.operation.details';

/** Characters of one attribute of the details: a context window of a million characters is cut by SDKs long before. */
const maxDetail = 1_048_576;
const maxDetails = 64;
const maxMessages = 64;

/** True for an event that is content of a model call. */
export function isContent(name: string): boolean {
  return name === detailsName || eventRole(name) !== undefined;
}

export function contentEvent(event: LogEvent): Reading {
  if (event.traceId === '' || event.spanId === '') return 'unplaced';
  const target: SpanId = { traceId: event.traceId, spanId: event.spanId };
  if (event.name === detailsName) {
    const json = detailsOf(event);
    return json === undefined ? 'unread' : { kind: 'content', target, part: 'attributes', json, last: true };
  }
  const role = eventRole(event.name);
  if (role === undefined) return 'unread';
  const given = payload(event);
  const messages = readMessages(given, role).slice(0, maxMessages).map(answering(given));
  const json = role === 'system' ? systemParts(messages) : messages.filter(says).map(messageJson).join(',');
  if (json === '') return 'unread';
  const part: Part = role === 'system' ? 'system' : event.name === 'gen_ai.choice' ? 'output' : 'input';
  return { kind: 'content', target, part, json, last: part === 'output' };
}

/** The body, or the attributes that stand for it where an emitter has no body. */
function payload(event: LogEvent): unknown {
  const body = read(event.body);
  const packed = body ?? read(event.attributes.get('gen_ai.event.content') ?? event.attributes.get('event_body'));
  const message = firstMember(packed, ['message']);
  if (message !== undefined) return message;
  if (
    event.name === 'gen_ai.choice' &&
    typeof packed === 'object' &&
    firstMember(packed, ['content', 'tool_calls', 'parts']) === undefined
  )
    return undefined;
  if (packed !== undefined && typeof packed !== 'string') return packed;
  const own: Record<string, unknown> = {};
  for (const key of ['role', 'name', 'content', 'tool_calls', 'id', 'message']) {
    const value = event.attributes.get(key);
    if (value !== undefined) own[key] = key === 'tool_calls' || key === 'message' ? read(value) : plain(value);
  }
  return Object.keys(own).length > 0 ? (own['message'] ?? own) : packed;
}

/** An answer of a tool names its call by `id`, where a message of a chat says `tool_call_id`. */
function answering(given: unknown): (message: Message) => Message {
  const id = text(firstMember(given, ['tool_call_id', 'id']));
  return (message) => {
    if (message.role !== 'tool' || id === undefined) return message;
    const { toolResults, text: said } = message;
    const results = toolResults.length > 0 ? toolResults : [{ id, name: message.name, text: said }];
    return {
      ...message,
      text: toolResults.length > 0 ? said : '',
      toolResults: results.map((one) => ({ ...one, id: one.id ?? id })),
    };
  };
}

function says({ text: said, toolCalls, toolResults }: Message): boolean {
  return said !== '' || toolCalls.length > 0 || toolResults.length > 0;
}

function messageJson({ role, name, text: said, toolCalls, toolResults }: Message): string {
  const parts = [
    ...(said === '' ? [] : [{ type: 'text', content: bounded(said) }]),
    ...toolCalls.map((call) => ({
      type: 'tool_call',
      id: call.id,
      name: call.name,
      arguments: call.arguments === undefined ? undefined : bounded(call.arguments),
    })),
    ...toolResults.map((result) => ({ type: 'tool_call_response', id: result.id, response: bounded(result.text) })),
  ];
  return JSON.stringify({ role, ...(name === undefined ? {} : { name }), parts });
}

function systemParts(messages: readonly Message[]): string {
  return messages
    .filter((message) => message.text !== '')
    .map((message) => JSON.stringify({ type: 'text', content: bounded(message.text) }))
    .join(',');
}

/** The event's `gen_ai.*` attributes as a JSON object, if there are messages among them. */
export function detailsOf(event: LogEvent): string | undefined {
  const found: Record<string, unknown> = Object.create(null);
  let places = maxDetails;
  for (const [key, value] of event.attributes) {
    if (!key.startsWith('gen_ai.') || places === 0) continue;
    const kept = detail(value);
    if (kept === undefined) continue;
    found[key] = kept;
    places--;
  }
  return ['gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions'].some((key) => key in found)
    ? JSON.stringify(found)
    : undefined;
}

/** Scalars and lists of texts as they are, structures as the JSON text that spans bear. A text that is too long is left out: cut it is no JSON. */
function detail(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.slice(0, maxDetails);
  const json = text(stringify(plain(value as never)));
  return json === undefined || json.length > maxDetail ? undefined : json;
}

export interface ContentPiece {
  readonly timeNs: bigint;
  readonly part: Part;
  readonly json: string;
}

/** The attributes that the pieces of one span make, in the order of their times. What the conventions' own event says stands. */
export function contentAttributes(pieces: readonly ContentPiece[]): Attributes {
  const sorted = [...pieces].sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
  const of = (part: Part) => sorted.filter((piece) => piece.part === part).map((piece) => piece.json);
  const stated = of('attributes').map((json) => JSON.parse(json) as Attributes);
  const lists: Record<string, string> = {};
  for (const [part, key] of listKeys) {
    const items = of(part);
    if (items.length > 0) lists[key] = `[${items.join(',')}]`;
  }
  return Object.assign({}, lists, ...stated.reverse()) as Attributes;
}

const listKeys: readonly (readonly [Part, string])[] = [
  ['input', 'gen_ai.input.messages'],
  ['output', 'gen_ai.output.messages'],
  ['system', 'gen_ai.system_instructions'],
];

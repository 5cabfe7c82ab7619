/** Content in span events: the conventions' old message events, OpenLIT's and OpenLLMetry's, Claude Code's tool output. */
import type { SpanEvent, SpanReader, Value } from '../otlp/span.ts';
import type { Document, Message } from '../step/step.ts';
import { type Json, read, text } from './json.ts';
import { eventRole, readMessages } from './messages.ts';
import { maxItems } from './parts.ts';

type Side = 'input' | 'output';

/** True if an event holds a message: then the span was a model call. */
export function hasMessageEvents(reader: SpanReader): boolean {
  return reader.hasEvents() && reader.events().some((event) => eventRole(event.name) !== undefined);
}

/** Messages of the span's events, in their order. */
export function eventMessages(reader: SpanReader, side: Side): readonly Message[] {
  if (!reader.hasEvents()) return [];
  const out: Message[] = [];
  for (const event of reader.events()) {
    if (out.length >= maxItems) break;
    for (const message of messagesOf(event, side)) out.push(message);
  }
  return out;
}

const get = (event: SpanEvent, key: string): Value => event.attributes.get(key);

function messagesOf(event: SpanEvent, side: Side): readonly Message[] {
  if (event.name === 'gen_ai.client.inference.operation.details') {
    const value = get(event, side === 'input' ? 'gen_ai.input.messages' : 'gen_ai.output.messages');
    return value === undefined ? [] : readMessages(read(value), side === 'input' ? 'user' : 'assistant');
  }
  if (event.name === 'gen_ai.content.prompt')
    return side === 'input' ? readMessages(read(get(event, 'gen_ai.prompt')), 'user') : [];
  if (event.name === 'gen_ai.content.completion') {
    return side === 'output' ? readMessages(read(get(event, 'gen_ai.completion')), 'assistant') : [];
  }
  const role = eventRole(event.name);
  if (role === undefined || (event.name === 'gen_ai.choice') !== (side === 'output')) return [];
  const packed = get(event, 'gen_ai.event.content') ?? get(event, 'event_body') ?? get(event, 'message');
  if (packed !== undefined) return readMessages(read(packed), role);
  const body: Record<string, Json> = { role };
  for (const key of ['role', 'name', 'content', 'tool_calls', 'id', 'tool_call_id']) {
    const value = get(event, key);
    // Content may be JSON in a string (Strands, Koog); the reader of messages unpacks parts, plain text stays.
    if (value !== undefined) body[key] = key === 'tool_calls' || key === 'content' ? read(value) : text(read(value));
  }
  return Object.keys(body).length === 1 ? [] : readMessages(body, role);
}

/** Claude Code's `tool.output` event. */
export function eventToolOutput(reader: SpanReader): string | undefined {
  if (!reader.hasEvents()) return undefined;
  for (const event of reader.events()) {
    if (event.name !== 'tool.output') continue;
    const value = get(event, 'output') ?? get(event, 'content') ?? get(event, 'diff');
    if (typeof value === 'string' && value !== '' && value !== '<REDACTED>') return value;
  }
  return undefined;
}

/** Vector stores under OpenLLMetry: one event per hit. */
export function eventDocuments(reader: SpanReader): readonly Document[] {
  if (!reader.hasEvents()) return [];
  const out: Document[] = [];
  for (const event of reader.events()) {
    if (event.name !== 'db.query.result' || out.length >= maxItems) continue;
    const score = get(event, 'db.query.result.score') ?? get(event, 'db.query.result.distance');
    out.push({
      id: text(read(get(event, 'db.query.result.id'))),
      content: text(get(event, 'db.query.result.document')),
      score: typeof score === 'number' ? score : undefined,
    });
  }
  return out;
}

/** Type and message of the span's last `exception` event. */
export function eventException(
  reader: SpanReader,
): { readonly type: string | undefined; readonly message: string | undefined } | undefined {
  if (!reader.hasEvents()) return undefined;
  const event = reader.events().findLast((candidate) => candidate.name === 'exception');
  if (event === undefined) return undefined;
  return { type: text(get(event, 'exception.type')), message: text(get(event, 'exception.message')) };
}

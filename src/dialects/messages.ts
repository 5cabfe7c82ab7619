/**
 * Messages of a model call, whatever shape they have: semconv parts, OpenAI, Anthropic blocks, Gemini
 * parts, Vercel, LangChain, Responses items, event records, OpenInference's flattened lists. Shapes
 * are told by their members, never by the dialect: emitters copy each other's.
 */
import type { Message, Role } from '../step/step.ts';
import { firstMember, isCut, isObject, type Json, member, parse, stringify, text } from './json.ts';
import {
  addCall,
  addContent,
  addPart,
  addParts,
  addResult,
  addToolContent,
  type Draft,
  draft,
  finish,
  isPart,
  maxDepth,
  maxItems,
} from './parts.ts';

const roles: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  human: 'user',
  assistant: 'assistant',
  ai: 'assistant',
  model: 'assistant',
  agent: 'assistant',
  bot: 'assistant',
  tool: 'tool',
  function: 'tool',
  ipython: 'tool',
  'tool-call': 'assistant',
  'tool-response': 'tool',
  tool_call: 'assistant',
  tool_response: 'tool',
  // LangChain's class names and AutoGen's message types.
  humanmessage: 'user',
  usermessage: 'user',
  aimessage: 'assistant',
  aimessagechunk: 'assistant',
  assistantmessage: 'assistant',
  systemmessage: 'system',
  toolmessage: 'tool',
  functionmessage: 'tool',
  functionexecutionresultmessage: 'tool',
};

function roleOf(value: Json): Role | undefined {
  if (typeof value !== 'string') return undefined;
  const name = value.toLowerCase();
  // smolagents writes `MessageRole.USER`.
  const key = name.startsWith('messagerole.') ? name.slice(12) : name;
  return Object.hasOwn(roles, key) ? roles[key] : undefined;
}

/** Event records and log bodies name the role in the event's name: `gen_ai.user.message`. */
export function eventRole(name: string): Role | undefined {
  if (name === 'gen_ai.choice') return 'assistant';
  return name.startsWith('gen_ai.') && name.endsWith('.message') ? roleOf(name.slice(7, -8)) : undefined;
}

/** Members of a wrapper that hold messages, in the order in which they are believed. */
const lists = ['messages', 'contents', 'choices', 'candidates', 'generations', 'all_messages', 'output', 'items', 'message'];
/** Members of a wrapper that hold one text. */
const plainMembers = [
  'content',
  'parts',
  'text',
  'prompt',
  'prompts',
  'query',
  'question',
  'task',
  'input',
  'inputs',
  'combined_chunk_content',
  'response',
  'answer',
  'result',
  'outputs',
  'new_message',
  'delta',
];

/** True if a wrapper has a member that may hold messages or a text. */
export function holdsMessages(value: Json): boolean {
  return firstMember(value, [...lists, ...plainMembers]) !== undefined;
}

/**
 * The messages in `value`. `role` is the role of what does not say. Text that is neither JSON nor
 * structured is one message. At most `maxItems`.
 */
export function readMessages(value: Json, role: Role): Message[] {
  const out: Message[] = [];
  collect(value, role, out, 0);
  return toolRoles(out, role);
}

/** Some exporters put a tool's name where the role belongs: an unknown role that an earlier message called is its answer. */
export function toolRoles(messages: Message[], fallback: Role): Message[] {
  let called: Set<string> | undefined;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message.name !== undefined && message.role === fallback && called?.has(message.name) === true && message.text !== '') {
      const result = { id: undefined, name: message.name, text: message.text };
      messages[i] = { ...message, role: 'tool', text: '', toolResults: [result] };
    }
    for (const call of message.toolCalls) {
      called ??= new Set();
      called.add(call.name);
    }
  }
  return messages;
}

function collect(value: Json, role: Role, out: Message[], depth: number): void {
  if (value === undefined || value === null || depth > maxDepth || out.length >= maxItems) return;
  if (Array.isArray(value)) {
    collectList(value, role, out, depth);
    return;
  }
  if (typeof value === 'string') {
    collectText(value, role, out, depth);
    return;
  }
  if (!isObject(value)) return;
  if (isMessage(value)) {
    out.push(readMessage(value, role));
    return;
  }
  for (const key of lists) {
    const found = member(value, key);
    // `output` of the Responses API is a list; elsewhere it is often a plain text.
    if (found === undefined || (key === 'output' && !Array.isArray(found))) continue;
    if (key === 'choices' || key === 'candidates') collectChoices(found, role, out, depth);
    else collect(found, role, out, depth + 1);
    if (out.length > 0) return;
  }
  const kwargs = member(value, 'kwargs') ?? member(value, 'data');
  if (kwargs !== undefined && (member(value, 'lc') !== undefined || roleOf(member(value, 'type')) !== undefined)) {
    const id = member(value, 'id');
    const named = roleOf(Array.isArray(id) ? id.at(-1) : undefined) ?? roleOf(member(value, 'type'));
    out.push(readMessage(kwargs, named ?? role));
    return;
  }
  const event = text(firstMember(value, ['event.name', 'event_name']));
  if (event !== undefined && eventRole(event) !== undefined) {
    out.push(readMessage(value, eventRole(event) ?? role));
    return;
  }
  for (const key of [...plainMembers, 'output', 'args', 'kwargs']) {
    const found = member(value, key);
    if (found === undefined) continue;
    const before = out.length;
    collect(found, role, out, depth + 1);
    if (out.length > before) return;
  }
  if (depth === 0) pushText(stringify(value) ?? '', role, out, false);
}

function collectList(list: readonly Json[], role: Role, out: Message[], depth: number): void {
  // A list of parts is one message; a list of anything else is many.
  if (list.length > 0 && list.every(isPart)) {
    const d = draft(role);
    addParts(list, d, 0);
    if (d.texts.length + d.toolCalls.length + d.toolResults.length + d.reasoning.length > 0) out.push(finish(d));
    return;
  }
  for (const item of list) {
    if (out.length >= maxItems) return;
    collect(item, role, out, depth + 1);
  }
}

function collectChoices(list: Json, role: Role, out: Message[], depth: number): void {
  if (!Array.isArray(list)) return;
  for (const choice of list) {
    const message = firstMember(choice, ['message', 'content', 'delta']);
    if (message !== undefined) collect(message, role, out, depth + 1);
    else pushText(text(member(choice, 'text')) ?? '', role, out, false);
  }
}

function collectText(value: string, role: Role, out: Message[], depth: number): void {
  const parsed = depth < maxDepth ? parse(value) : undefined;
  if (parsed !== undefined && typeof parsed !== 'string') {
    const before = out.length;
    collect(parsed, role, out, depth + 1);
    if (out.length === before) pushText(value, role, out, false);
    return;
  }
  const marked = readTranscript(value);
  if (marked !== undefined) {
    for (const message of marked) if (out.length < maxItems) out.push(message);
    return;
  }
  pushText(value, role, out, isCut(value));
}

function pushText(value: string, role: Role, out: Message[], truncated: boolean): void {
  if (value === '' || value === '<REDACTED>') return;
  const d = draft(role);
  d.texts.push(value);
  d.truncated = truncated;
  out.push(finish(d));
}

/** `system: …\nuser: …`, as OpenLIT and Langfuse write a prompt. Only if the first line says so. */
function readTranscript(value: string): Message[] | undefined {
  const first = value.slice(0, Math.max(0, value.indexOf(': ')));
  if (first.length > 10 || roleOf(first) === undefined || first !== first.toLowerCase()) return undefined;
  const messages: Draft[] = [];
  for (const line of value.split('\n', maxItems * 10)) {
    const at = line.indexOf(': ');
    const role = at > 0 && at <= 10 ? roleOf(line.slice(0, at)) : undefined;
    if (role !== undefined && messages.length < maxItems) {
      const d = draft(role);
      d.texts.push(line.slice(at + 2));
      messages.push(d);
    } else messages.at(-1)?.texts.push(line);
  }
  return messages.map(finish);
}

/** Members under OpenInference's names too: some emitters flatten a message and then write it as JSON again. */
function get(value: Json, key: string): Json {
  return firstMember(value, [key, `message.${key}`]);
}

function isMessage(value: Json): boolean {
  if (get(value, 'role') !== undefined || member(value, 'author') !== undefined) return true;
  if (member(value, 'parts') !== undefined || get(value, 'tool_calls') !== undefined) return true;
  // OpenInference's list of parts; Gemini's `contents` is a list of messages.
  const contents = member(value, 'contents');
  if (
    Array.isArray(contents) &&
    firstMember(contents[0], ['message_content', 'message_content.type', 'type', 'tool_call']) !== undefined
  )
    return true;
  const type = member(value, 'type');
  if (typeof type !== 'string') return false;
  return items.has(type) || (member(value, 'content') !== undefined && roleOf(type) !== undefined);
}

/** Responses API items that stand beside messages. */
const items = new Set([
  'function_call',
  'function_call_output',
  'reasoning',
  'mcp_call',
  'custom_tool_call',
  'custom_tool_call_output',
]);

function readMessage(source: Json, fallback: Role): Message {
  const value =
    member(source, 'message.role') === undefined && isObject(member(source, 'message')) ? member(source, 'message') : source;
  const type = text(member(value, 'type'));
  const d = draft(
    roleOf(firstMember(value, ['role', 'message.role', 'author'])) ?? recordRole(value) ?? roleOf(type) ?? fallback,
  );
  d.name = text(get(value, 'name')) ?? unknownRole(firstMember(value, ['role', 'message.role']));
  if (type !== undefined && items.has(type)) {
    addPart(value, d, 0);
    if (type.endsWith('_output')) d.role = 'tool';
    else if (roleOf(member(value, 'role')) === undefined) d.role = 'assistant';
    return finish(d);
  }
  const callId = text(firstMember(value, ['tool_call_id', 'message.tool_call_id', 'toolCallId', 'call_id']));
  const content = firstMember(value, [
    'parts',
    'content',
    'message.content',
    'contents',
    'message.contents',
    'text',
    'body',
    'output',
  ]);
  // Both forms may stand side by side: the list is the richer one.
  const list = firstMember(value, ['contents', 'message.contents']);
  if (d.role === 'tool') addToolContent(content ?? list, callId ?? text(member(value, 'id')), d);
  else addContent(Array.isArray(list) ? list : content, d);
  for (const call of asList(callsOf(value))) addCall(call, d);
  const single = member(value, 'function_call') ?? get(value, 'function_call_name');
  if (isObject(single)) addCall(single, d);
  else if (typeof single === 'string') addCall({ name: single, arguments: get(value, 'function_call_arguments_json') }, d);
  for (const result of asList(member(source, 'function'))) addResult(callId, undefined, result, d);
  const reasoning = text(firstMember(value, ['reasoning_content', 'reasoning', 'thinking', 'thought']));
  if (reasoning !== undefined && d.reasoning.length === 0) d.reasoning.push(reasoning);
  return finish(d);
}

/** LangChain keeps the provider's own form under `additional_kwargs`. */
function callsOf(value: Json): Json {
  const calls = get(value, 'tool_calls') ?? member(value, 'toolCalls');
  const list = Array.isArray(calls) && calls.length === 0 ? undefined : calls;
  return list ?? member(member(value, 'additional_kwargs'), 'tool_calls');
}

function recordRole(value: Json): Role | undefined {
  const event = text(firstMember(value, ['event.name', 'event_name']));
  return event === undefined ? undefined : eventRole(event);
}

function unknownRole(value: Json): string | undefined {
  const given = text(value);
  return given === undefined || given === 'unknown' || roleOf(given) !== undefined ? undefined : given;
}

function asList(value: Json): readonly Json[] {
  const read = typeof value === 'string' ? parse(value) : value;
  return Array.isArray(read) ? read.slice(0, maxItems) : [];
}

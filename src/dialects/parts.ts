/** The parts of one message: text, reasoning, tool calls and tool results in every shape they come in. */
import type { Message, Role, ToolCall, ToolResult } from '../step/step.ts';
import { firstMember, isCut, isObject, type Json, member, parse, stringify, text } from './json.ts';

/** Messages of one list, and parts of one message, that are kept. A sparse index must not cost memory. */
export const maxItems = 2000;
export const maxDepth = 8;

/** A message being read. */
export interface Draft {
  role: Role;
  name: string | undefined;
  texts: string[];
  reasoning: string[];
  toolCalls: ToolCall[];
  toolResults: ToolResult[];
  truncated: boolean;
}

export function draft(role: Role): Draft {
  return { role, name: undefined, texts: [], reasoning: [], toolCalls: [], toolResults: [], truncated: false };
}

export function finish(d: Draft): Message {
  return {
    role: d.role,
    name: d.name,
    text: d.texts.join('\n'),
    reasoning: d.reasoning.length === 0 ? undefined : d.reasoning.join('\n'),
    toolCalls: d.toolCalls,
    toolResults: d.toolResults,
    truncated: d.truncated,
  };
}

/** A tool message: its content is a result, unless its parts say what they are. */
export function addToolContent(content: Json, callId: string | undefined, d: Draft): void {
  const read = typeof content === 'string' ? parse(content) : content;
  if (Array.isArray(read) && read.length > 0 && read.every(isPart) && read.some(isToolPart)) {
    addParts(read, d, 0);
    return;
  }
  // Langfuse lists a call's tool definitions as tool messages.
  if (
    member(member(content, 'function'), 'parameters') !== undefined &&
    member(member(content, 'function'), 'arguments') === undefined
  )
    return;
  const inner = draft('tool');
  addContent(content, inner);
  const whole = inner.texts.length > 0 ? inner.texts.join('\n') : stringify(content);
  if (whole !== undefined) addResult(callId, d.name, whole, d);
}

function isToolPart(value: Json): boolean {
  const type = text(member(value, 'type')) ?? '';
  return (
    type.includes('tool') ||
    type.includes('function') ||
    firstMember(value, ['functionResponse', 'function_response']) !== undefined
  );
}

export function addContent(content: Json, d: Draft): void {
  if (content === undefined) return;
  if (typeof content === 'string') {
    const parsed = parse(content);
    if (Array.isArray(parsed) && parsed.length > 0 && parsed.every(isPart)) {
      addParts(parsed, d, 0);
      return;
    }
    if (content !== '' && content !== '<REDACTED>') d.texts.push(content);
    if (isCut(content)) d.truncated = true;
    return;
  }
  if (Array.isArray(content)) {
    addParts(content, d, 0);
    return;
  }
  if (isObject(content)) {
    const parts = firstMember(content, ['parts', 'content']);
    if (Array.isArray(parts)) {
      addParts(parts, d, 0);
      return;
    }
    if (isPart(content)) {
      addPart(content, d, 0);
      return;
    }
    d.texts.push(stringify(content) ?? '');
  }
}

const binaryTypes = new Set([
  'image',
  'image_url',
  'input_image',
  'input_audio',
  'audio',
  'video',
  'file',
  'input_file',
  'blob',
  'uri',
]);

const partTypes = new Set([
  'text',
  'input_text',
  'output_text',
  'refusal',
  'thinking',
  'reasoning',
  'redacted_thinking',
  'tool_use',
  'server_tool_use',
  'tool_call',
  'tool-call',
  'server_tool_call',
  'function',
  'tool_result',
  'tool-result',
  'tool_call_response',
  'server_tool_call_response',
  'web_search_tool_result',
  'document',
  'compaction',
  ...binaryTypes,
]);

const partMembers = [
  'functionCall',
  'function_call',
  'functionResponse',
  'function_response',
  'inline_data',
  'inlineData',
  'message_content',
  'tool_call',
];

export function isPart(value: Json): boolean {
  if (!isObject(value) || member(value, 'role') !== undefined || member(value, 'message') !== undefined) return false;
  const type = member(value, 'type');
  if (typeof type === 'string') return partTypes.has(type);
  if (firstMember(value, partMembers) !== undefined) return true;
  // Gemini's `{text}`; `{name, arguments}` is a call in some frameworks' outputs.
  if (member(value, 'text') !== undefined) return member(value, 'generation_info') === undefined;
  return member(value, 'name') !== undefined && member(value, 'arguments') !== undefined;
}

export function addParts(parts: readonly Json[], d: Draft, depth: number): void {
  for (const part of parts.slice(0, maxItems)) addPart(part, d, depth);
}

export function addPart(source: Json, d: Draft, depth: number): void {
  if (typeof source === 'string') {
    if (source !== '') d.texts.push(source);
    return;
  }
  if (!isObject(source) || depth > maxDepth) return;
  const wrapped = member(source, 'message_content');
  const part = wrapped ?? flatPart(source);
  const type = text(member(part, 'type')) ?? '';
  const gemini = firstMember(part, ['functionCall', 'function_call']);
  const answer = firstMember(part, ['functionResponse', 'function_response']);
  if (isObject(gemini)) addCall(gemini, d);
  else if (isObject(answer))
    addResult(text(member(answer, 'id')), text(member(answer, 'name')), firstMember(answer, ['response', 'output', 'result']), d);
  else if (isReasoning(type) || member(part, 'thought') === true) addReasoning(part, d);
  else if (
    isCallType(type) ||
    member(part, 'tool_call') !== undefined ||
    (type === '' && member(part, 'arguments') !== undefined)
  )
    addCall(part, d);
  else if (isResultType(type)) addPartResult(part, d);
  else {
    // What stands under `content` of a binary part is base64.
    const content = firstMember(part, binaryTypes.has(type) ? ['text'] : ['text', 'content', 'refusal']);
    if (typeof content === 'string') {
      if (content !== '' && content !== '<REDACTED>') d.texts.push(content);
      if (isCut(content)) d.truncated = true;
    } else if (Array.isArray(content)) addParts(content, d, depth + 1);
    else if (isObject(content)) d.texts.push(stringify(content) ?? '');
  }
}

/** `{"message_content.type": …, "message_content.text": …}`. */
function flatPart(source: Json): Json {
  const flat = member(source, 'message_content.type');
  return flat === undefined ? source : { type: flat, text: member(source, 'message_content.text') };
}

/** `Microsoft.Extensions.AI.TextReasoningContent` as well. */
function isReasoning(type: string): boolean {
  return type === 'thinking' || type === 'redacted_thinking' || type.toLowerCase().includes('reasoning');
}

function isCallType(type: string): boolean {
  return (
    type === 'tool_use' ||
    type === 'tool_call' ||
    type === 'tool-call' ||
    type === 'function' ||
    type === 'function_call' ||
    type === 'server_tool_use' ||
    type === 'server_tool_call' ||
    type === 'mcp_call' ||
    type === 'custom_tool_call'
  );
}

function isResultType(type: string): boolean {
  return (
    type.endsWith('tool_result') || type === 'tool-result' || type.endsWith('tool_call_response') || type.endsWith('_call_output')
  );
}

function addReasoning(part: Json, d: Draft): void {
  const given = firstMember(part, ['content', 'thinking', 'text', 'reasoning', 'summary']);
  const content =
    typeof given === 'string'
      ? (text(member(parse(given), 'text')) ?? (member(parse(given), 'text') === '' ? undefined : given))
      : given;
  const whole = Array.isArray(content)
    ? content
        .slice(0, maxItems)
        .map((item) => text(firstMember(item, ['text', 'content'])) ?? text(item) ?? '')
        .join('\n')
    : text(content);
  if (whole !== undefined && whole !== '') d.reasoning.push(whole);
}

const callIds = ['id', 'call_id', 'toolCallId', 'tool_call_id', 'tool_call.id'];

export function addCall(source: Json, d: Draft): void {
  if (d.toolCalls.length >= maxItems) return;
  const call = isObject(member(source, 'tool_call')) ? member(source, 'tool_call') : source;
  const inner = firstMember(call, ['function', 'server_tool_call']);
  const target = isObject(inner) ? inner : call;
  const name =
    text(firstMember(target, ['name', 'toolName', 'tool_name', 'tool_call.function.name'])) ?? text(member(call, 'name'));
  if (name === undefined) return;
  const args = firstMember(target, ['arguments', 'args', 'input', 'parameters', 'tool_call.function.arguments']);
  // Responses items have both `id` (of the item) and `call_id` (of the call).
  const id = text(member(call, 'call_id')) ?? text(firstMember(call, callIds)) ?? text(member(target, 'id'));
  d.toolCalls.push({ id, name, arguments: argumentText(args) });
}

/** JSON text, unpacked once if JSON text stands in a JSON string. */
export function argumentText(value: Json): string | undefined {
  const whole = stringify(value);
  if (whole === undefined || whole === '' || whole === '<REDACTED>') return undefined;
  if (whole.startsWith('"')) {
    const inner = parse(whole);
    return typeof inner === 'string' ? inner : stringify(inner);
  }
  return whole;
}

function addPartResult(part: Json, d: Draft): void {
  const id = text(firstMember(part, ['tool_use_id', 'toolCallId', 'call_id', 'tool_call_id', 'id']));
  const name = text(firstMember(part, ['name', 'toolName', 'tool_name']));
  const value = firstMember(part, ['response', 'result', 'content', 'output', 'server_tool_call_response']);
  addResult(id, name, value, d);
}

export function addResult(id: string | undefined, name: string | undefined, value: Json, d: Draft): void {
  if (d.toolResults.length >= maxItems) return;
  d.toolResults.push({ id, name, text: resultText(value) });
}

/** Text of a result: a list of text parts is joined, any other structure is JSON text. */
export function resultText(value: Json): string {
  if (typeof value === 'string') {
    // The Agent Framework wraps a result in JSON of its own.
    const wrapped = value.startsWith('{"type": "function_result"') ? member(parse(value), 'result') : undefined;
    return wrapped === undefined ? value : resultText(wrapped);
  }
  const content = isObject(value) ? member(value, 'value') : undefined;
  if (typeof content === 'string' && member(value, 'type') !== undefined) return content;
  if (Array.isArray(value) && value.length > 0) {
    const texts = value.slice(0, maxItems).map((item) => (typeof item === 'string' ? item : text(member(item, 'text'))));
    if (texts.every((item) => item !== undefined)) return texts.join('\n');
  }
  return stringify(value) ?? '';
}

/** What goes into a model call and what comes out of it: input and output messages, system instructions. Heavy. */
import type { SpanReader, Value } from '../otlp/span.ts';
import type { Message, StepKind } from '../step/step.ts';
import { eventMessages } from './events.ts';
import { readFlat } from './flat.ts';
import { readHistory } from './history.ts';
import { firstMember, isObject, type Json, member, read, text } from './json.ts';
import { rowId } from './keys.ts';
import { readMarked } from './markers.ts';
import { holdsMessages, readMessages } from './messages.ts';
import { find } from './pass.ts';

const rows = {
  events: rowId('events'),
  all: rowId('pydantic_ai.all_messages'),
  allEvents: rowId('all_messages_events'),
  responseText: rowId('ai.response.text'),
  responseCalls: rowId('ai.response.toolCalls'),
  responseObject: rowId('ai.response.object'),
  responseReasoning: rowId('gen_ai.output.messages'),
  newContext: rowId('new_context'),
  outputMessages: rowId('llm.output_messages.'),
  inputMessages: rowId('llm.input_messages.'),
  prompts: rowId('gen_ai.prompt.'),
  completions: rowId('gen_ai.completion.'),
  entityInput: rowId('traceloop.entity.input'),
  entityOutput: rowId('traceloop.entity.output'),
  requestData: rowId('request_data'),
  request: rowId('gcp.vertex.agent.llm_request'),
  response: rowId('gcp.vertex.agent.llm_response'),
};
const prefixes = new Set([rows.outputMessages, rows.inputMessages, rows.prompts, rows.completions]);

/** Rows whose input is not simply a list of messages. */
const ownForms = new Set([rows.events, rows.allEvents, rows.all, rows.newContext, rows.entityInput, rows.request]);

const some = (messages: readonly Message[]): readonly Message[] | undefined => (messages.length === 0 ? undefined : messages);

/** True for kinds that hold a conversation; a tool's input is its arguments. */
function talks(kind: StepKind): boolean {
  return kind !== 'tool' && kind !== 'embedding' && kind !== 'reranker' && kind !== 'retriever';
}

export function readInput(reader: SpanReader, kind: StepKind, guards: number): readonly Message[] {
  if (!talks(kind)) return [];
  const stated = find(reader, 'input', guards, (value, row) => some(inputOf(reader, value, row)));
  const told = stated === undefined || onlyPlain(stated) ? eventMessages(reader, 'input') : [];
  return told.length > 0 ? told : (stated ?? []);
}

/** One bare text: messages of span events say more, if there are any. */
function onlyPlain(messages: readonly Message[]): boolean {
  return messages.length === 1 && messages[0]!.role === 'user' && messages[0]!.toolResults.length === 0;
}

function inputOf(reader: SpanReader, value: Value, row: number): readonly Message[] {
  if (prefixes.has(row)) return readMessages(readFlat(reader, row).items, 'user');
  if (typeof value === 'string' && !ownForms.has(row)) {
    const messages = readHistory(value);
    return row === rows.requestData && isNoCall(messages) ? [] : messages;
  }
  const json = read(value);
  if (row === rows.events || row === rows.allEvents) return readMessages(splitRecords(json).input, 'user');
  if (row === rows.all) return splitTail(readMessages(json, 'user')).input;
  if (row === rows.newContext) return typeof json === 'string' ? readMarked(json) : [];
  if (row === rows.entityInput)
    return readMessages(member(json, 'inputs') ?? member(json, 'args') ?? member(json, 'kwargs') ?? json, 'user');
  if (row === rows.request) return readMessages(member(json, 'contents'), 'user');
  return readMessages(json, 'user');
}

/** A request that makes something other than a message (an assistant, a file) says nothing to a model: its settings are no words of a user. */
function isNoCall(messages: readonly Message[]): boolean {
  const [only, more] = messages;
  if (only === undefined || more !== undefined || only.text.charCodeAt(0) !== 0x7b) return false;
  const request = read(only.text);
  return isObject(request) && !holdsMessages(request);
}

export function readOutput(reader: SpanReader, kind: StepKind, guards: number): readonly Message[] {
  if (!talks(kind)) return [];
  const stated = find(reader, 'output', guards, (value, row) => some(afterHistory(outputOf(reader, value, row))));
  if (stated !== undefined) return stated;
  return eventMessages(reader, 'output');
}

/** An output that repeats the conversation: what was said after the last user is new. */
function afterHistory(messages: readonly Message[]): readonly Message[] {
  const last = messages.findLastIndex((message) => message.role === 'user' || message.role === 'system');
  return last < 0 || last === messages.length - 1 ? messages : messages.slice(last + 1);
}

function outputOf(reader: SpanReader, value: Value, row: number): readonly Message[] {
  if (prefixes.has(row)) {
    const flat = readFlat(reader, row);
    const messages = readMessages(flat.items, 'assistant');
    // A stream written chunk by chunk: the indices go on from the input and every message is a piece of text.
    return row === rows.outputMessages && flat.first > 0 ? joinChunks(messages) : messages;
  }
  if (row === rows.responseText || row === rows.responseCalls || row === rows.responseObject) return vercelOutput(reader);
  const json = read(value);
  if (row === rows.events || row === rows.allEvents) return readMessages(splitRecords(json).output, 'assistant');
  if (row === rows.all) return splitTail(readMessages(json, 'user')).output;
  if (row === rows.entityOutput) return readMessages(firstMember(json, ['outputs', 'output']) ?? json, 'assistant');
  if (row === rows.response) return readMessages(member(json, 'content'), 'assistant');
  return readMessages(json, 'assistant');
}

function joinChunks(messages: readonly Message[]): readonly Message[] {
  if (messages.length < 2 || !messages.every((m) => m.role === 'assistant' && m.toolCalls.length === 0)) return messages;
  return [{ ...messages[0]!, text: messages.map((m) => m.text).join('') }];
}

/** The AI SDK spreads one answer over several attributes. */
function vercelOutput(reader: SpanReader): readonly Message[] {
  const content = reader.string(rows.responseText) ?? reader.string(rows.responseObject);
  const calls = read(reader.value(rows.responseCalls));
  if (content === undefined && !Array.isArray(calls)) return [];
  return readMessages({ role: 'assistant', content, tool_calls: calls }, 'assistant');
}

/** Event records: choices are the answer; without one, the assistant's messages at the end are. */
function splitRecords(json: Json): { readonly input: readonly Json[]; readonly output: readonly Json[] } {
  if (!Array.isArray(json)) return { input: [], output: [] };
  const isChoice = (record: Json) =>
    text(member(record, 'event.name')) === 'gen_ai.choice' || isObject(member(record, 'message'));
  const choices = json.filter(isChoice);
  if (choices.length > 0) return { input: json.filter((record) => !isChoice(record)), output: choices };
  let end = json.length;
  while (end > 0 && isAssistant(json[end - 1])) end--;
  return { input: json.slice(0, end), output: json.slice(end) };
}

function isAssistant(record: Json): boolean {
  const role = text(member(record, 'role')) ?? text(member(record, 'event.name'));
  return role === 'assistant' || role === 'model' || role === 'gen_ai.assistant.message';
}

/** A whole conversation in one list: the assistant's last messages are the answer. */
function splitTail(messages: readonly Message[]): { readonly input: readonly Message[]; readonly output: readonly Message[] } {
  let end = messages.length;
  while (end > 0 && messages[end - 1]!.role === 'assistant') end--;
  return { input: messages.slice(0, end), output: messages.slice(end) };
}

/** System instructions; where none are stated, those in the input; else the persona that the framework states. */
export function readSystem(reader: SpanReader, guards: number, input: () => readonly Message[]): string | undefined {
  const stated = find(reader, 'system', guards, (value) => systemText(read(value)));
  if (stated !== undefined) return stated;
  const said = input()
    .filter((message) => message.role === 'system')
    .map((message) => message.text);
  if (said.length > 0) return said.join('\n');
  return find(reader, 'persona', guards, (value) => personaText(read(value)));
}

function systemText(json: Json): string | undefined {
  if (typeof json === 'string') return text(json);
  if (isObject(json)) {
    const inner =
      firstMember(json, ['system', 'instructions', 'system_instruction', 'systemInstruction']) ??
      member(member(json, 'config'), 'system_instruction');
    return inner === undefined ? undefined : joined(inner);
  }
  return Array.isArray(json) ? joined(json) : undefined;
}

function joined(json: Json): string | undefined {
  const texts = readMessages(json, 'system').map((message) => message.text);
  return text(texts.filter((part) => part !== '').join('\n'));
}

function personaText(json: Json): string | undefined {
  if (typeof json === 'string') return text(json);
  if (!Array.isArray(json)) return undefined;
  const lines = json.slice(0, 50).map((agent) =>
    ['role', 'goal', 'backstory']
      .map((key) => text(member(agent, key)))
      .filter((part) => part !== undefined)
      .join('. '),
  );
  return text(lines.filter((line) => line !== '').join('\n'));
}

/** What a step says, as attributes of the current GenAI conventions; and which of its span's own attributes say nothing beyond them. */
import { kindKeys } from '../../src/dialects/kinds.ts';
import type { NormalisedSpan } from '../../src/dialects/normalise.ts';
import { type Field, fields } from '../../src/dialects/tables.ts';
import type { Value } from '../../src/otlp/span.ts';
import type { Message, StepKind } from '../../src/step/step.ts';

/** `gen_ai.operation.name`, of the kinds that have one. */
const operations: Partial<Readonly<Record<StepKind, string>>> = {
  llm: 'chat',
  embedding: 'embeddings',
  retriever: 'retrieval',
  tool: 'execute_tool',
  agent: 'invoke_agent',
  workflow: 'invoke_workflow',
};

/** The fields of the tables, and the attribute in which the conventions have each. */
const targets = {
  agent: 'gen_ai.agent.name',
  agentId: 'gen_ai.agent.id',
  session: 'gen_ai.conversation.id',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  finish: 'gen_ai.response.finish_reasons',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheRead: 'gen_ai.usage.cache_read.input_tokens',
  cacheWrite: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  tool: 'gen_ai.tool.name',
  callId: 'gen_ai.tool.call.id',
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  input: 'gen_ai.input.messages',
  output: 'gen_ai.output.messages',
  system: 'gen_ai.system_instructions',
  definitions: 'gen_ai.tool.definitions',
  documents: 'gen_ai.retrieval.documents',
} as const satisfies Partial<Readonly<Record<Field, string>>>;

export interface Limits {
  readonly content: boolean;
  /** Of one attribute, in UTF-8. */
  readonly contentBytes: number;
}

export interface Current {
  readonly attributes: ReadonlyMap<string, Value>;
  /** Contents that are too long, or were cut before they came here: they stay as they are. */
  readonly left: number;
}

/** Everything that the step says of itself; what stands on an ancestor or comes later is not written. */
export function currentOf(step: NormalisedSpan, namespace: string | undefined, { content, contentBytes }: Limits): Current {
  const attributes = new Map<string, Value>();
  let left = 0;
  const put = (key: string, value: Value): void => {
    if (value !== undefined && value !== '') attributes.set(key, value);
  };
  const write = (key: string, value: string | undefined): void => {
    if (!content || value === undefined || value === '') return;
    if (Buffer.byteLength(value) > contentBytes) left++;
    else attributes.set(key, value);
  };
  const { tokens, tool, kind } = step;
  put('gen_ai.operation.name', operations[kind]);
  put(targets.provider, step.provider);
  put(targets.requestModel, step.requestModel);
  put(targets.responseModel, step.responseModel);
  put(targets.finish, step.finishReasons.length > 0 ? step.finishReasons : undefined);
  put(targets.inputTokens, tokens?.input);
  put(targets.outputTokens, tokens?.output);
  put(targets.cacheRead, tokens?.cacheRead);
  put(targets.cacheWrite, tokens?.cacheWrite);
  put(targets.reasoningTokens, tokens?.reasoning);
  put(targets.agent, step.statedAgent);
  put(targets.agentId, step.agentId);
  put(targets.session, bare(step.sessionId, namespace));
  if (tool) {
    put(targets.tool, step.reportedTool ?? tool.name);
    put(targets.callId, tool.callId);
    write(targets.toolArguments, tool.arguments);
    write(targets.toolResult, tool.result);
  }
  if (!content) return { attributes, left };
  if (kind === 'llm' || kind === 'agent') {
    for (const [key, messages] of [
      [targets.input, step.input],
      [targets.output, step.output],
    ] as const) {
      // What was cut would look whole afterwards.
      if (messages.some(({ truncated }) => truncated)) left++;
      else if (messages.length > 0) write(key, JSON.stringify(messages.map(messageOf)));
    }
    const said = step.input.some(({ role }) => role === 'system');
    if (step.system !== undefined && !said) write(targets.system, JSON.stringify([{ type: 'text', content: step.system }]));
  }
  const { toolDefinitions, documents } = step;
  if (toolDefinitions.length > 0)
    write(targets.definitions, JSON.stringify(toolDefinitions.map((one) => ({ type: 'function', ...one }))));
  if (documents.length > 0) write(targets.documents, JSON.stringify(documents));
  return { attributes, left };
}

/** Steps qualify a session by its namespace; the attribute is what the program said. */
function bare(session: string | undefined, namespace: string | undefined): string | undefined {
  return namespace !== undefined && session?.startsWith(`${namespace}/`) ? session.slice(namespace.length + 1) : session;
}

function messageOf({ role, name, text, reasoning, toolCalls, toolResults }: Message): unknown {
  const parts: unknown[] = [];
  if (reasoning !== undefined) parts.push({ type: 'reasoning', content: reasoning });
  // What a tool says is the answer to a call, also where the dialect does not say to which.
  if (role === 'tool' && toolResults.length === 0) parts.push({ type: 'tool_call_response', response: parsed(text) });
  else if (text !== '') parts.push({ type: 'text', content: text });
  for (const call of toolCalls)
    parts.push({ type: 'tool_call', id: call.id, name: call.name, arguments: parsed(call.arguments) });
  for (const result of toolResults)
    parts.push({ type: 'tool_call_response', id: result.id, name: result.name, response: parsed(result.text) });
  if (parts.length === 0) parts.push({ type: 'text', content: '' });
  return { role, ...(name === undefined ? {} : { name }), parts };
}

/** An object or list where the text is one that means the same when it is written again. */
function parsed(text: string | undefined): unknown {
  if (text === undefined || !/^\s*[[{]/.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return JSON.stringify(value) === text ? value : text;
  } catch {
    return text;
  }
}

const targetKeys: ReadonlySet<string> = new Set([...Object.values(targets), 'gen_ai.operation.name']);
/** They also say what a span is. */
const kept: ReadonlySet<string> = new Set(kindKeys.map(({ key }) => key));

/** Key, or prefix that ends in a dot → the attributes that may have taken over what it says. */
const takers = new Map<string, string[]>();
for (const [field, target] of Object.entries(targets)) {
  for (const alias of fields[field as keyof typeof targets]) {
    const [key = ''] = alias.split('@');
    if (targetKeys.has(key) || kept.has(key)) continue;
    takers.set(key, [...(takers.get(key) ?? []), target]);
  }
}
const prefixes = [...takers.keys()].filter((key) => key.endsWith('.'));

/** The attributes all of whose texts, numbers and names stand in the current attribute of the same field: nothing is lost without them. */
export function represented(own: ReadonlyMap<string, Value>, current: ReadonlyMap<string, Value>): ReadonlySet<string> {
  const leaves = new Map<string, ReadonlySet<string>>();
  const drop = new Set<string>();
  for (const [key, value] of own) {
    if (targetKeys.has(key) || kept.has(key)) continue;
    const prefix = prefixes.find((one) => key.startsWith(one));
    const targetsOf = takers.get(key) ?? (prefix === undefined ? undefined : takers.get(prefix));
    if (targetsOf === undefined) continue;
    const said = new Set<string>();
    for (const target of targetsOf) {
      let known = leaves.get(target);
      if (known === undefined) {
        known = leavesOf(own.get(target) ?? current.get(target));
        leaves.set(target, known);
      }
      for (const leaf of known) said.add(leaf);
    }
    if (said.size === 0) continue;
    if ([...leavesOf(value)].every((leaf) => said.has(leaf) || TAGS.has(leaf))) drop.add(key);
  }
  return drop;
}

/** What parts of messages call themselves in one dialect or another: the parts themselves have it. */
const TAGS: ReadonlySet<string> = new Set([
  ...['text', 'function', 'message', 'tool_use', 'tool_result', 'tool-call', 'tool-result'],
  ...['role', 'content', 'type', 'text', 'parts', 'message', 'messages', 'name', 'id', 'tool_calls', 'toolCalls', 'function'].map(
    named,
  ),
  ...['tool_call_id', 'toolCallId', 'tool_use_id', 'toolName', 'arguments', 'args', 'input', 'output', 'finish_reason'].map(
    named,
  ),
]);

/** The name of a member, apart from texts. */
function named(name: string): string {
  return `name ${name}`;
}

/** Texts, numbers, booleans and names of members in a value, also in JSON in it. */
function leavesOf(value: unknown, into = new Set<string>(), depth = 0): Set<string> {
  if (typeof value === 'string') {
    into.add(value);
    const inner = depth < 8 ? parsedAny(value) : undefined;
    if (inner !== undefined) {
      into.delete(value);
      leavesOf(inner, into, depth + 1);
    }
  } else if (value instanceof Map) for (const [name, member] of value) leavesOf(member, into.add(named(String(name))), depth + 1);
  else if (Array.isArray(value)) for (const member of value) leavesOf(member, into, depth + 1);
  else if (value instanceof Uint8Array) into.add(`bytes ${Buffer.from(value).toString('base64')}`);
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) leavesOf(member, into.add(named(name)), depth + 1);
  else if (value !== undefined && value !== null) into.add(String(value));
  return into;
}

function parsedAny(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

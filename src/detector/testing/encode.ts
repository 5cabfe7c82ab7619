/**
 * Encodes scenario steps as OTLP/JSON spans of five dialects, as their instrumentations write them, so
 * that a scenario can be played end to end: encode, receive, normalise, detect. Span ids are those of
 * `toSteps`, so a finding's place can be compared across dialects.
 */
import { messagesOf, nameOf, type StepLike, spanIdAt, textOf, timesOf, traceIdOf } from './builders.ts';
import type { Scenario } from './scenario.ts';

export type Dialect = 'gen_ai' | 'gen_ai_deprecated' | 'openinference' | 'openllmetry' | 'vercel';
export const dialects: readonly Dialect[] = ['gen_ai', 'gen_ai_deprecated', 'openinference', 'openllmetry', 'vercel'];

type Attributes = Record<string, string | number | boolean | readonly string[] | undefined>;

/** One ExportTraceServiceRequest a span, in the order in which the spans end. */
export function playScenario(scenario: Scenario, dialect: Dialect): unknown[] {
  return encodeSteps(scenario.steps, dialect);
}

export function encodeSteps(steps: readonly StepLike[], dialect: Dialect): unknown[] {
  const clock = timesOf(steps);
  const order = steps.map((_, i) => i).sort((a, b) => (clock[a]?.endMs ?? 0) - (clock[b]?.endMs ?? 0));
  return order.map((i) => {
    const like = steps[i] as StepLike;
    const { startMs, endMs } = clock[i] as { startMs: number; endMs: number };
    return request(dialect, {
      traceId: traceIdOf(like),
      spanId: like.span ?? spanIdAt(i + 1),
      ...(like.parent === undefined ? {} : { parentSpanId: like.parent }),
      name: spanName(like, dialect),
      kind: 1,
      startTimeUnixNano: nanos(startMs),
      endTimeUnixNano: nanos(endMs),
      attributes: attributesOf({ ...encoders[dialect](like), ...ownAttributes(like) }),
      status: like.error === undefined ? {} : { code: 2, message: like.error },
    });
  });
}

const scopes: Readonly<Record<Dialect, string>> = {
  gen_ai: 'app',
  gen_ai_deprecated: 'app',
  openinference: 'openinference.instrumentation.langchain',
  openllmetry: 'opentelemetry.instrumentation.langchain',
  vercel: 'ai',
};

const encoders: Readonly<Record<Dialect, (like: StepLike) => Attributes>> = {
  gen_ai: genAi,
  gen_ai_deprecated: genAiDeprecated,
  openinference: openInference,
  openllmetry: openLlmetry,
  vercel: vercel,
};

function spanName(like: StepLike, dialect: Dialect): string {
  if (like.name !== undefined) return like.name;
  if (dialect === 'vercel' && like.kind === 'llm') return 'ai.generateText.doGenerate';
  if (dialect === 'vercel' && like.kind === 'tool') return 'ai.toolCall';
  if (dialect === 'openllmetry' && like.kind === 'tool') return `${like.tool ?? ''}.tool`;
  return nameOf(like);
}

/** Facts that no dialect has a key for travel under misstep's own. */
function ownAttributes(like: StepLike): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(like.limits ?? {})) attributes[`misstep.limit.${name}`] = value;
  for (const [name, value] of Object.entries(like.extra ?? {})) attributes[`misstep.${name}`] = textOf(value);
  if (like.stateBefore !== undefined) attributes['misstep.state.before'] = JSON.stringify(like.stateBefore);
  if (like.stateAfter !== undefined) attributes['misstep.state.after'] = JSON.stringify(like.stateAfter);
  return attributes;
}

const operations: Readonly<Partial<Record<StepLike['kind'], string>>> = {
  llm: 'chat',
  tool: 'execute_tool',
  agent: 'invoke_agent',
  retriever: 'retrieval',
  workflow: 'invoke_workflow',
  embedding: 'embeddings',
  handoff: 'handoff',
};

function genAiCommon(like: StepLike): Attributes {
  return {
    'gen_ai.operation.name': operations[like.kind],
    'gen_ai.agent.name': like.agent,
    'gen_ai.conversation.id': like.session,
    'gen_ai.request.model': like.model,
    'gen_ai.tool.name': like.tool,
    'gen_ai.tool.call.id': like.callId,
    'gen_ai.tool.call.arguments': like.tool === undefined ? undefined : textOf(like.args),
    'gen_ai.tool.call.result': like.tool === undefined ? undefined : textOf(like.result),
    'gen_ai.retrieval.query.text': like.query,
    'gen_ai.usage.cost': like.cost,
    'gen_ai.handoff.from_agent': like.handoff?.from,
    'gen_ai.handoff.to_agent': like.handoff?.to,
    'gen_ai.response.finish_reasons': like.finish === undefined ? undefined : [like.finish],
    ...documentAttributes(like),
  };
}

function genAi(like: StepLike): Attributes {
  return {
    ...genAiCommon(like),
    'gen_ai.usage.input_tokens': like.tokens?.input,
    'gen_ai.usage.output_tokens': like.tokens?.output,
    'gen_ai.usage.cache_read.input_tokens': like.tokens?.cacheRead,
    'gen_ai.input.messages': partsJson(like.input, 'user'),
    'gen_ai.output.messages': partsJson(like.output, 'assistant'),
    'gen_ai.system_instructions':
      like.system === undefined ? undefined : JSON.stringify([{ type: 'text', content: like.system }]),
    'gen_ai.tool.definitions':
      like.tools === undefined ? undefined : JSON.stringify(like.tools.map((tool) => ({ type: 'function', ...tool }))),
  };
}

function genAiDeprecated(like: StepLike): Attributes {
  return {
    ...genAiCommon(like),
    'gen_ai.system': 'openai',
    'gen_ai.usage.prompt_tokens': like.tokens?.input,
    'gen_ai.usage.completion_tokens': like.tokens?.output,
    ...indexed('gen_ai.prompt', promptOf(like), ''),
    ...indexed('gen_ai.completion', messagesOf(like.output, 'assistant'), ''),
  };
}

function openLlmetry(like: StepLike): Attributes {
  const kind = like.kind === 'tool' || like.kind === 'agent' || like.kind === 'workflow' ? like.kind : undefined;
  const isTool = like.tool !== undefined;
  return {
    'traceloop.span.kind': kind,
    'traceloop.entity.name': isTool ? like.tool : like.kind === 'agent' ? like.agent : undefined,
    'traceloop.entity.input': isTool ? textOf(like.args) : undefined,
    'traceloop.entity.output': isTool ? textOf(like.result) : undefined,
    'traceloop.association.properties.session_id': like.session,
    'gen_ai.agent.name': like.agent,
    'llm.request.type': like.kind === 'llm' ? 'chat' : undefined,
    'gen_ai.system': like.kind === 'llm' ? 'openai' : undefined,
    'gen_ai.request.model': like.model,
    'gen_ai.usage.input_tokens': like.tokens?.input,
    'gen_ai.usage.output_tokens': like.tokens?.output,
    'gen_ai.usage.cost': like.cost,
    'gen_ai.completion.0.finish_reason': like.finish,
    'gen_ai.handoff.from_agent': like.handoff?.from,
    'gen_ai.handoff.to_agent': like.handoff?.to,
    'gen_ai.retrieval.query.text': like.query,
    ...documentAttributes(like),
    ...(like.kind === 'retriever' ? { 'gen_ai.operation.name': 'retrieval' } : {}),
    ...indexed('gen_ai.prompt', promptOf(like), ''),
    ...indexed('gen_ai.completion', messagesOf(like.output, 'assistant'), ''),
  };
}

function openInference(like: StepLike): Attributes {
  const kinds: Partial<Record<StepLike['kind'], string>> = {
    llm: 'LLM',
    tool: 'TOOL',
    agent: 'AGENT',
    retriever: 'RETRIEVER',
    embedding: 'EMBEDDING',
  };
  const isTool = like.tool !== undefined;
  return {
    'openinference.span.kind': kinds[like.kind] ?? 'CHAIN',
    'agent.name': like.agent,
    'session.id': like.session,
    'llm.model_name': like.model,
    'llm.token_count.prompt': like.tokens?.input,
    'llm.token_count.completion': like.tokens?.output,
    'llm.token_count.prompt_details.cache_read': like.tokens?.cacheRead,
    'llm.cost.total': like.cost,
    'llm.finish_reason': like.finish,
    'tool.name': like.tool,
    'tool_call.id': like.callId,
    'input.value': isTool ? textOf(like.args) : like.query,
    'output.value': isTool ? textOf(like.result) : undefined,
    'gen_ai.handoff.from_agent': like.handoff?.from,
    'gen_ai.handoff.to_agent': like.handoff?.to,
    ...documentAttributes(like),
    ...indexed('llm.input_messages', promptOf(like), 'message.'),
    ...indexed('llm.output_messages', messagesOf(like.output, 'assistant'), 'message.'),
  };
}

function vercel(like: StepLike): Attributes {
  const isTool = like.tool !== undefined;
  const prompt = promptOf(like);
  const output = messagesOf(like.output, 'assistant');
  const calls = output.flatMap((message) => message.toolCalls);
  return {
    'ai.operationId': like.kind === 'llm' ? 'ai.generateText.doGenerate' : isTool ? 'ai.toolCall' : undefined,
    'operation.name': like.kind === 'llm' ? 'ai.generateText.doGenerate' : isTool ? 'ai.toolCall' : undefined,
    'gen_ai.operation.name': like.kind === 'llm' || isTool ? undefined : operations[like.kind],
    'gen_ai.agent.name': like.agent,
    'ai.telemetry.metadata.sessionId': like.session,
    'ai.model.id': like.model,
    'gen_ai.usage.input_tokens': like.tokens?.input,
    'gen_ai.usage.output_tokens': like.tokens?.output,
    'gen_ai.usage.cost': like.cost,
    'ai.response.finishReason': like.finish,
    'ai.toolCall.name': like.tool,
    'ai.toolCall.id': like.callId,
    'ai.toolCall.args': isTool ? textOf(like.args) : undefined,
    'ai.toolCall.result': isTool ? textOf(like.result) : undefined,
    'ai.prompt.messages': prompt.length === 0 ? undefined : JSON.stringify(prompt.map(vercelMessage)),
    'ai.response.text': output.length === 0 ? undefined : output.map((message) => message.text).join('\n'),
    'ai.response.toolCalls':
      calls.length === 0
        ? undefined
        : JSON.stringify(
            calls.map((call) => ({ toolCallId: call.id ?? '', toolName: call.name, input: call.arguments ?? '{}' })),
          ),
    'gen_ai.handoff.from_agent': like.handoff?.from,
    'gen_ai.handoff.to_agent': like.handoff?.to,
    'gen_ai.retrieval.query.text': like.query,
    ...documentAttributes(like),
  };
}

function vercelMessage(message: ReturnType<typeof messagesOf>[number]) {
  if (message.toolResults.length > 0) {
    const content = message.toolResults.map(({ id, name, text }) => ({
      type: 'tool-result',
      toolCallId: id ?? '',
      toolName: name ?? '',
      output: { type: 'text', value: text },
    }));
    return { role: 'tool', content };
  }
  return { role: message.role, content: message.role === 'system' ? message.text : [{ type: 'text', text: message.text }] };
}

/** System instructions stand as first message where a dialect has no field for them. */
function promptOf(like: StepLike) {
  const system = like.system === undefined ? [] : [{ role: 'system' as const, text: like.system }];
  const input = typeof like.input === 'string' ? [{ role: 'user' as const, text: like.input }] : (like.input ?? []);
  return messagesOf([...system, ...input], 'user');
}

function documentAttributes(like: StepLike): Attributes {
  const attributes: Attributes = {};
  for (const [i, document] of (like.documents ?? []).entries()) {
    const { id, content, score } =
      typeof document === 'string' ? { id: undefined, content: document, score: undefined } : document;
    attributes[`retrieval.documents.${i}.document.id`] = id;
    attributes[`retrieval.documents.${i}.document.content`] = content;
    attributes[`retrieval.documents.${i}.document.score`] = score;
  }
  return attributes;
}

/** `<prefix>.N.<inner>role`, `…content`, tool calls below it. */
function indexed(prefix: string, messages: ReturnType<typeof messagesOf>, inner: '' | 'message.'): Attributes {
  const attributes: Attributes = {};
  let n = 0;
  for (const message of messages) {
    for (const result of message.toolResults) {
      const base = `${prefix}.${n++}.${inner}`;
      attributes[`${base}role`] = 'tool';
      attributes[`${base}content`] = result.text;
      attributes[`${base}tool_call_id`] = result.id;
    }
    if (message.toolResults.length > 0) continue;
    const base = `${prefix}.${n++}.${inner}`;
    attributes[`${base}role`] = message.role;
    attributes[`${base}content`] = message.text;
    for (const [k, call] of message.toolCalls.entries()) {
      const own = inner === '' ? `${base}tool_calls.${k}.` : `${base}tool_calls.${k}.tool_call.`;
      const named = inner === '' ? own : `${own}function.`;
      attributes[`${own}id`] = call.id;
      attributes[`${named}name`] = call.name;
      attributes[`${named}arguments`] = call.arguments;
    }
  }
  return attributes;
}

/** Messages as the current conventions write them: role and parts. */
function partsJson(value: StepLike['input'], role: 'user' | 'assistant'): string | undefined {
  if (value === undefined) return undefined;
  const messages = messagesOf(value, role).map((message) => ({
    role: message.role,
    parts: [
      ...(message.reasoning === undefined ? [] : [{ type: 'reasoning', content: message.reasoning }]),
      ...(message.text === '' ? [] : [{ type: 'text', content: message.text }]),
      ...message.toolCalls.map((call) => ({ type: 'tool_call', id: call.id, name: call.name, arguments: call.arguments })),
      ...message.toolResults.map((result) => ({ type: 'tool_call_response', id: result.id, response: result.text })),
    ],
  }));
  return JSON.stringify(messages);
}

function request(dialect: Dialect, span: Record<string, unknown>): unknown {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf({ 'service.name': 'test' }) },
        scopeSpans: [{ scope: { name: scopes[dialect] }, spans: [span] }],
      },
    ],
  };
}

function attributesOf(attributes: Attributes) {
  return Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: anyValue(value) }]));
}

function anyValue(value: string | number | boolean | readonly string[]): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map((item) => ({ stringValue: item })) } };
}

function nanos(ms: number): string {
  return (BigInt(Math.round(ms * 1_000)) * 1_000n).toString();
}

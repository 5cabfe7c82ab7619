/** What files may hold beside spans in OTLP/JSON: bodies of frameworks' webhooks and OTLP/JSON logs, told by their shape. */
import { logs } from '../connectors/agent_events/replay.ts';
import { adk } from '../receivers/webhook/adk/adk.ts';
import { bedrock } from '../receivers/webhook/bedrock/bedrock.ts';
import { claudeCode } from '../receivers/webhook/claude-code/claude-code.ts';
import { conversation } from '../receivers/webhook/conversation/conversation.ts';
import { detect } from '../receivers/webhook/conversation/shapes.ts';
import { dify } from '../receivers/webhook/dify/dify.ts';
import { langgraph } from '../receivers/webhook/langgraph/langgraph.ts';
import { managedAgents } from '../receivers/webhook/managed-agents/managed-agents.ts';
import { n8n } from '../receivers/webhook/n8n/n8n.ts';
import { openai } from '../receivers/webhook/openai/openai.ts';
import { openclaw } from '../receivers/webhook/openclaw/openclaw.ts';

/** A payload to OTLP/JSON documents. Throws an error that says what is wrong with the payload. */
export type Format = (payload: unknown) => readonly unknown[];

export const formats: Readonly<Record<string, Format>> = {
  otlp: (payload) => [payload],
  n8n,
  dify,
  langgraph,
  openclaw,
  logs,
  openai,
  bedrock,
  adk,
  'claude-code': claudeCode,
  'managed-agents': managedAgents,
  conversation,
};

/** Formats whose files are streams: all records of one file are one payload. */
export const streams: ReadonlySet<string> = new Set(['claude-code', 'managed-agents']);

/** Members that tell a format, the surest first: all of one list must be there. */
const marks: readonly (readonly [string, readonly string[]])[] = [
  ['otlp', ['resourceSpans']],
  ['otlp', ['resource_spans']],
  ['dify', ['workflow_run_id']],
  ['n8n', ['executionId']],
  ['n8n', ['nodes', 'connections']],
  ['n8n', ['workflowData']],
  ['langgraph', ['run_id', 'steps']],
  ['langgraph', ['run_id', 'thread_id']],
  ['langgraph', ['run_id', 'assistant_id']],
  ['openclaw', ['session_id', 'events']],
  ['openclaw', ['type', 'ts', 'seq']],
  ['n8n', ['data', 'mode', 'startedAt']],
  ['n8n', ['resultData']],
  ['n8n', ['eventName', 'payload']],
  ['dify', ['event', 'task_id']],
  ['dify', ['workflow_id', 'total_steps']],
  ['langgraph', ['run_id', 'values']],
  ['logs', ['resourceLogs']],
  ['logs', ['resource_logs']],
  ['openai', ['object', 'output', 'status']],
  ['openai', ['object', 'assistant_id']],
  ['openai', ['raw_responses']],
  ['bedrock', ['agentId', 'callerChain', 'trace']],
  ['bedrock', ['retrievalResults']],
  ['adk', ['eval_cases']],
  ['adk', ['evalCases']],
  ['adk', ['root_span']],
  ['adk', ['app_name', 'events']],
  ['adk', ['appName', 'events']],
  ['adk', ['context', 'events', 'id']],
  ['claude-code', ['session_id', 'hook_event_name']],
  ['claude-code', ['conversation_id', 'hook_event_name']],
  ['claude-code', ['loglines']],
  ['claude-code', ['source', 'version', 'traces']],
  ['managed-agents', ['data', 'next_page']],
  ['managed-agents', ['session', 'events']],
];

/** Members that tell a record of a stream: all records of one file are one payload then. */
const records: readonly (readonly [string, readonly string[]])[] = [
  ['langgraph', ['step', 'timestamp', 'type', 'payload']],
  ['langgraph', ['type', 'ns', 'data']],
  ['langgraph', ['values', 'next', 'tasks']],
  ['dify', ['event', 'task_id']],
  ['openclaw', ['type', 'version', 'id', 'timestamp']],
  ['openclaw', ['type', 'id', 'parentId', 'timestamp']],
  ['openclaw', ['type', 'ts', 'seq']],
  ['adk', ['invocationId', 'author']],
  ['adk', ['invocation_id', 'author']],
  ['bedrock', ['eventType', 'payload']],
  ['bedrock', ['agentId', 'callerChain', 'trace']],
  ['claude-code', ['type', 'uuid', 'sessionId']],
  ['claude-code', ['type', 'uuid', 'session_id']],
  ['claude-code', ['type', 'summary', 'leafUuid']],
  ['claude-code', ['type', 'messageId', 'snapshot']],
  ['claude-code', ['session_id', 'hook_event_name']],
  ['claude-code', ['conversation_id', 'hook_event_name']],
  ['managed-agents', ['type', 'id', 'processed_at']],
  ['openai', ['object', 'output', 'status']],
  ['openai', ['object', 'span_data']],
  ['openai', ['object', 'assistant_id']],
];

const has = (value: unknown, keys: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && keys.every((key) => Object.hasOwn(value, key));

/** The format of a stream that begins with this record; `undefined` if it begins none. Events of an event stream count by their data. */
export function streamOf(record: unknown): string | undefined {
  if (has(record, ['event', 'data'])) {
    const { event, data } = record as { readonly event: unknown; readonly data: unknown };
    if (has(data, ['run_id', 'attempt']) || (typeof event === 'string' && /^debug(\||$)/.test(event))) return 'langgraph';
    if (event === undefined && has(data, ['event', 'task_id'])) return 'dify';
    if (typeof event === 'string' && /^(thread|response)\./.test(event)) return 'openai';
  }
  if (has(record, ['type', 'response', 'sequence_number']) || (has(record, ['data']) && isOpenAiData(record as object)))
    return 'openai';
  return records.find(([, keys]) => has(record, keys))?.[0];
}

/** What the exporter of the Agents SDK posts, recordings of its API and events of webhooks: they are told by values, not by names. */
function isOpenAiData(payload: object): boolean {
  const { data, type, interactions } = payload as {
    readonly data?: unknown;
    readonly type?: unknown;
    readonly interactions?: unknown;
  };
  if (Array.isArray(interactions)) {
    const uri = (interactions[0] as { readonly request?: { readonly uri?: unknown } } | null)?.request?.uri;
    return typeof uri === 'string' && uri.startsWith('https://api.openai.com/v1/');
  }
  if (Array.isArray(data))
    return data.some((one) => has(one, ['object', 'span_data']) || (has(one, ['object']) && one.object === 'trace'));
  return typeof type === 'string' && /^response\.\w+$/.test(type) && has(payload, ['id', 'data']);
}

/** What a payload was taken for. */
export interface Told {
  readonly format: string;
  /** 0 to 1. A member by name tells for sure; a conversation is told by its elements. */
  readonly confidence: number;
  readonly why: string;
}

/** The format of a payload; `otlp` if nothing tells, so that its own errors speak. */
export function tell(payload: unknown): Told {
  const nothing = { format: 'otlp', confidence: 0, why: 'nothing tells' };
  if (typeof payload !== 'object' || payload === null) return nothing;
  if (Array.isArray(payload)) {
    const stream = payload.slice(0, 10).map(streamOf).find(Boolean);
    if (stream !== undefined) return { format: stream, confidence: 1, why: 'its elements are records of a stream' };
  }
  if (isOpenAiData(payload)) return { format: 'openai', confidence: 1, why: 'it has objects of its API' };
  const { events } = payload as { readonly events?: unknown };
  if (Array.isArray(events) && has(events[0], ['eventType', 'payload']))
    return { format: 'bedrock', confidence: 1, why: 'it has events of invoke_agent' };
  const found = marks.find(([, keys]) => keys.every((key) => Object.hasOwn(payload, key)));
  if (found !== undefined) return { format: found[0], confidence: 1, why: `it has ${found[1].join(' and ')}` };
  const { format, confidence, why } = detect(payload);
  return format === undefined ? nothing : { format: 'conversation', confidence, why: `${format}: ${why}` };
}

export function formatOf(payload: unknown): string {
  return tell(payload).format;
}

/** The payload as OTLP/JSON documents; `format` is a name of `formats` or `auto`. */
export function documents(format: string, payload: unknown): readonly unknown[] {
  const name = format === 'auto' ? formatOf(payload) : format;
  const convert = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (convert === undefined)
    throw new Error(`format ${name}: unknown, must be auto or one of ${Object.keys(formats).join(', ')}.`);
  return convert(payload);
}

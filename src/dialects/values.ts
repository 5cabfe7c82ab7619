/** Small facts as the contract of `Step` wants them: counts, finish reasons, providers, tool names. */
import type { Value } from '../otlp/span.ts';
import { type Json, member, read } from './json.ts';

/** A non-empty string; numbers as text. The placeholders of instrumentations that had nothing to say are nothing. */
export function label(value: Value): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'string' || value === '' || value === '<not specified>' || value === '<REDACTED>') return undefined;
  return value;
}

/** A label that may be quoted JSON (MLflow). */
export function unquoted(value: Value): string | undefined {
  const given = label(value);
  if (given === undefined || given.charCodeAt(0) !== 0x22) return given;
  const inner = read(given);
  return typeof inner === 'string' && inner !== '' ? inner : undefined;
}

/** A count or an amount: finite and not negative, also written as text. */
export function amount(value: Value | Json): number | undefined {
  const number =
    typeof value === 'string' ? (value === '' ? Number.NaN : Number(value)) : typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** The first amount among members of a JSON object. */
export function amountIn(json: Json, keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const found = amount(member(json, key));
    if (found !== undefined) return found;
  }
  return undefined;
}

const finishNames: Readonly<Record<string, string>> = {
  tool_use: 'tool_call',
  tool_calls: 'tool_call',
  'tool-calls': 'tool_call',
  function_call: 'tool_call',
  function_calls: 'tool_call',
  end_turn: 'stop',
  stop_sequence: 'stop',
  completed: 'stop',
  max_tokens: 'length',
  max_output_tokens: 'length',
  safety: 'content_filter',
  // Of Anthropic's API and of OpenAI's items: the conventions have one word for an answer that was held back.
  refusal: 'content_filter',
  'content-filter': 'content_filter',
};

function finishName(reason: string): string {
  const lower = reason.toLowerCase();
  return Object.hasOwn(finishNames, lower) ? finishNames[lower]! : lower;
}

const noReasons: readonly string[] = [];
/** The common answers, shared. */
const singles = new Map<string, readonly string[]>();

/** Finish reasons in the conventions' words, from an array, a JSON array in a string, or one string. */
export function finishReasons(value: Value): readonly string[] {
  const given = typeof value === 'string' && value.charCodeAt(0) !== 0x5b && value.charCodeAt(0) !== 0x22 ? value : read(value);
  if (typeof given === 'string') return given === '' ? noReasons : single(finishName(given));
  if (!Array.isArray(given)) return noReasons;
  if (given.length === 1 && typeof given[0] === 'string') return single(finishName(given[0]));
  return given.filter((reason): reason is string => typeof reason === 'string' && reason !== '').map(finishName);
}

function single(reason: string): readonly string[] {
  const known = singles.get(reason);
  if (known !== undefined) return known;
  const list = Object.freeze([reason]);
  if (singles.size < 100) singles.set(reason, list);
  return list;
}

/** Values of `gen_ai.provider.name`; frameworks that wrote their own name there are none. */
const providers: Readonly<Record<string, string | undefined>> = {
  'az.ai.openai': 'azure.ai.openai',
  azure_openai: 'azure.ai.openai',
  azure: 'azure.ai.openai',
  'az.ai.inference': 'azure.ai.inference',
  vertex_ai: 'gcp.vertex_ai',
  vertexai: 'gcp.vertex_ai',
  google_vertexai: 'gcp.vertex_ai',
  'google.vertex': 'gcp.vertex_ai',
  'google-vertex': 'gcp.vertex_ai',
  gemini: 'gcp.gemini',
  google: 'gcp.gemini',
  google_genai: 'gcp.gemini',
  'google-gla': 'gcp.gemini',
  'google.generative-ai': 'gcp.gemini',
  xai: 'x_ai',
  bedrock: 'aws.bedrock',
  amazon_bedrock: 'aws.bedrock',
  'amazon-bedrock': 'aws.bedrock',
  mistralai: 'mistral_ai',
  mistral: 'mistral_ai',
  watsonx: 'ibm.watsonx.ai',
  langchain: undefined,
  langgraph: undefined,
  autogen: undefined,
  'strands-agents': undefined,
  'gcp.vertex.agent': undefined,
  'microsoft.agent_framework': undefined,
  crewai: undefined,
  llamaindex: undefined,
};

/** Names as given to names as used. Bounded: they come from the wire. */
const seenProviders = new Map<string, string | undefined>();

export function providerName(value: Value): string | undefined {
  if (typeof value !== 'string') return undefined;
  const known = seenProviders.get(value);
  if (known !== undefined || seenProviders.has(value)) return known;
  const name = readProvider(value);
  if (seenProviders.size < 1000) seenProviders.set(value, name);
  return name;
}

function readProvider(value: string): string | undefined {
  const given = unquoted(value);
  if (given === undefined) return undefined;
  const lower = given.toLowerCase();
  if (Object.hasOwn(providers, lower)) return providers[lower];
  // `openai.responses`, `anthropic.messages`: the AI SDK adds the API.
  const dot = lower.indexOf('.');
  const head = dot < 0 ? lower : lower.slice(0, dot);
  return head === 'openai' || head === 'anthropic' ? head : lower;
}

export interface ToolName {
  readonly name: string;
  readonly server: string | undefined;
}

/** A tool's name without what tracers put around it; `mcp__server__tool` is taken apart. */
export function toolName(given: string): ToolName {
  let name = given;
  for (const start of ['execute_tool ', 'running tool: ', 'Function: '])
    if (name.startsWith(start)) name = name.slice(start.length);
  if (name.endsWith('.tool')) name = name.slice(0, -5);
  if (name.startsWith('mcp__')) {
    const end = name.indexOf('__', 5);
    if (end > 5 && end + 2 < name.length) return { name: name.slice(end + 2), server: name.slice(5, end) };
  }
  return { name: name === '' ? given : name, server: undefined };
}

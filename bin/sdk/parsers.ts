/** Payloads of platforms to traces, by the adapters of the webhook receiver. */
import { bedrock } from '../../receivers/webhook/bedrock/bedrock.ts';
import { openai } from '../../receivers/webhook/openai/openai.ts';
import { PlatformAdapter } from '../../src/sdk/adapter.ts';
import { formats, tell } from '../formats.ts';

/** One a format, by its name: `adapters['langgraph'].toTraces(payload)`. */
export const adapters: Readonly<Record<string, PlatformAdapter>> = Object.fromEntries(
  Object.entries(formats).map(([name, convert]) => [name, new PlatformAdapter(name, convert)]),
);

/** Payloads of any of them, told by their shape. Throws where nothing tells. */
export function parseAny(payload: unknown): readonly object[] {
  const { format, why } = tell(payload);
  const adapter = adapters[format];
  if (adapter === undefined) throw new TypeError(`payload: of no known platform (${why}).`);
  return adapter.toTraces(payload);
}

/**
 * OpenAI, told by its objects: bodies of the Agents SDK's exporter (`{data: [trace, trace.span, …]}`), objects of the Responses API, runs and
 * run steps of the Assistants API, and their event streams. Throws an error that says what is wrong with the payload.
 */
export function parseOpenai(payload: unknown): readonly object[] {
  return openai(payload) as readonly object[];
}

/** The events of `invoke_agent(enableTrace=True)`. */
export function parseBedrockInvokeAgent(payload: unknown): readonly object[] {
  return bedrock(payload) as readonly object[];
}

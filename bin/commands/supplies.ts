/** Who supplies a fact that a detector needs: the attribute that is read first (src/dialects/tables.ts), and the setting that withholds it. */
import type { Fact } from '../../src/step/step.ts';

const CONTENT =
  'Instrumentations leave content out unless told: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY (older ones: true), TRACELOOP_TRACE_CONTENT not false, OPENINFERENCE_HIDE_INPUTS and _OUTPUTS unset, recordInputs and recordOutputs of the Vercel AI SDK not false.';

const attributes: Readonly<Record<Fact, string>> = {
  'agent.name': 'gen_ai.agent.name on the span or on an invoke_agent span above it',
  'session.id': 'gen_ai.conversation.id or session.id on any span of the trace',
  model: 'gen_ai.request.model or gen_ai.response.model',
  tokens: 'gen_ai.usage.input_tokens and gen_ai.usage.output_tokens; for streamed answers ask the API for usage',
  cost: 'gen_ai.usage.cost',
  'messages.input': 'gen_ai.input.messages',
  'messages.output': 'gen_ai.output.messages',
  system: 'gen_ai.system_instructions, or a system message in gen_ai.input.messages',
  'tool.name': 'gen_ai.tool.name on execute_tool spans: the tools themselves must be traced',
  'tool.arguments': 'gen_ai.tool.call.arguments',
  'tool.result': 'gen_ai.tool.call.result, or the next model call with its input messages',
  'tool.definitions': 'gen_ai.tool.definitions on model calls',
  documents: 'gen_ai.retrieval.documents on retriever spans',
  state: 'misstep.state.before and misstep.state.after, as the LangGraph adapter writes them',
  handoff: 'spans of a handoff, or a tool that hands over (transfer_to_…)',
  graph: 'misstep.graph.nodes and misstep.graph.edges, as the adapters of n8n, Dify and LangGraph write them',
  limits: 'misstep.limit.*, or the limits of the framework, such as recursion_limit',
  rollup: 'spans with their parents',
};

const content: ReadonlySet<Fact> = new Set<Fact>([
  'messages.input',
  'messages.output',
  'system',
  'tool.arguments',
  'tool.result',
  'tool.definitions',
  'documents',
]);

/** Sentences that say what to send or set so that these facts are there; unknown names say nothing. */
export function supplies(facts: readonly string[]): string[] {
  const known = facts.filter((fact): fact is Fact => Object.hasOwn(attributes, fact));
  return [...known.map((fact) => `${fact}: ${attributes[fact]}.`), ...(known.some((fact) => content.has(fact)) ? [CONTENT] : [])];
}

/** True for facts that instrumentations leave out where content is off. */
export function isContent(fact: string): boolean {
  return content.has(fact as Fact);
}

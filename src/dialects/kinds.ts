/**
 * What a span is: the keys that state a kind, in the order in which they are believed, each with its
 * values. A value that is not listed says nothing, and the next key is asked.
 */
import type { StepKind } from '../step/step.ts';

/** `chain` is a `workflow` at the root of a trace and a `task` below. */
export type KindValue = StepKind | 'chain';

type Kinds = Readonly<Record<string, KindValue>>;

/** OpenInference's values; several vendors copied them. Compared in upper case. */
const upper: Kinds = {
  LLM: 'llm',
  CHAT_MODEL: 'llm',
  TOOL: 'tool',
  AGENT: 'agent',
  CHAIN: 'chain',
  RETRIEVER: 'retriever',
  EMBEDDING: 'embedding',
  RERANKER: 'reranker',
  GUARDRAIL: 'guardrail',
  EVALUATOR: 'evaluator',
  PROMPT: 'other',
  PARSER: 'other',
  TASK: 'task',
  STEP: 'task',
  WORKFLOW: 'workflow',
  MEMORY: 'memory',
  ENTRY: 'workflow',
};

const langfuse: Kinds = {
  span: 'chain',
  event: 'other',
  generation: 'llm',
  embedding: 'embedding',
  agent: 'agent',
  tool: 'tool',
  chain: 'chain',
  retriever: 'retriever',
  guardrail: 'guardrail',
  evaluator: 'evaluator',
};

const langsmith: Kinds = {
  llm: 'llm',
  tool: 'tool',
  chain: 'chain',
  retriever: 'retriever',
  embedding: 'embedding',
  prompt: 'other',
  parser: 'other',
};

const operations: Kinds = {
  chat: 'llm',
  text_completion: 'llm',
  generate_content: 'llm',
  completion: 'llm',
  responses: 'llm',
  llm_call: 'llm',
  generate: 'llm',
  execute_tool: 'tool',
  tool_call: 'tool',
  tool: 'tool',
  invoke_agent: 'agent',
  agent_call: 'agent',
  agent: 'agent',
  create_agent: 'other',
  embeddings: 'embedding',
  embedding: 'embedding',
  retrieval: 'retriever',
  rerank: 'reranker',
  invoke_workflow: 'workflow',
  execute_task: 'task',
  plan: 'task',
  chain: 'chain',
  handoff: 'handoff',
  agent_handoff: 'handoff',
  goto: 'handoff',
  run_guardrail: 'guardrail',
  create_memory_store: 'memory',
  delete_memory_store: 'memory',
  search_memory: 'memory',
  create_memory: 'memory',
  update_memory: 'memory',
  upsert_memory: 'memory',
  delete_memory: 'memory',
  fetch_response: 'other',
  image_generation: 'other',
  user_prompt: 'other',
  system_prompt: 'other',
  schedule_tool_calls: 'other',
};

const vercel: Kinds = { 'ai.toolCall': 'tool', 'ai.rerank': 'reranker' };

const traceloop: Kinds = { workflow: 'workflow', task: 'task', agent: 'agent', tool: 'tool', handoff: 'handoff' };

const claudeCode: Kinds = {
  interaction: 'agent',
  llm_request: 'llm',
  tool: 'tool',
  'tool.execution': 'task',
  'tool.blocked_on_user': 'other',
  hook: 'guardrail',
};

const mastra: Kinds = {
  agent_run: 'agent',
  workflow_run: 'workflow',
  workflow_step: 'task',
  model_generation: 'llm',
  model_step: 'llm',
  model_chunk: 'other',
  tool_call: 'tool',
  mcp_tool_call: 'tool',
  processor_run: 'guardrail',
  rag_embedding: 'embedding',
};

const genkit: Kinds = {
  model: 'llm',
  tool: 'tool',
  agent: 'agent',
  flow: 'workflow',
  retriever: 'retriever',
  embedder: 'embedding',
  reranker: 'reranker',
  evaluator: 'evaluator',
};

const agentops: Kinds = { llm: 'llm', tool: 'tool', agent: 'agent', workflow: 'workflow', session: 'workflow', task: 'task' };

const oldCalls: Kinds = { chat: 'llm', completion: 'llm', embedding: 'embedding', rerank: 'reranker' };

function vercelKind(value: string): KindValue | undefined {
  if (value.endsWith('.doGenerate') || value.endsWith('.doStream')) return 'llm';
  if (value.startsWith('ai.embed')) return 'embedding';
  // The outer span of a call: a roll-up as soon as its inner one is seen.
  if (value.startsWith('ai.generate') || value.startsWith('ai.stream')) return 'llm';
  return vercel[value];
}

function haystackKind(value: string): KindValue | undefined {
  if (value.endsWith('Generator')) return 'llm';
  if (value.endsWith('Retriever')) return 'retriever';
  if (value.endsWith('Ranker')) return 'reranker';
  if (value.endsWith('Embedder')) return 'embedding';
  if (value === 'Agent') return 'agent';
  return value === '' ? undefined : 'task';
}

/** Types of Dify's nodes, with `_` or `-`. */
const dify: Kinds = {
  workflow: 'workflow',
  message: 'workflow',
  llm: 'llm',
  question_classifier: 'llm',
  parameter_extractor: 'llm',
  knowledge_retrieval: 'retriever',
  dataset_retrieval: 'retriever',
  tool: 'tool',
  http_request: 'tool',
  agent: 'agent',
  moderation: 'guardrail',
};

const table =
  (kinds: Kinds) =>
  (value: string): KindValue | undefined =>
    Object.hasOwn(kinds, value) ? kinds[value] : undefined;

const upperKind = (value: string): KindValue | undefined => table(upper)(unquote(value).toUpperCase());

/** MLflow writes JSON into its strings. */
function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

export interface KindKey {
  readonly key: string;
  readonly kind: (value: string) => KindValue | undefined;
}

/** Explicit types of vendors before the conventions' operation, conventions before the rest. */
export const kindKeys: readonly KindKey[] = [
  { key: 'openinference.span.kind', kind: upperKind },
  { key: 'langfuse.observation.type', kind: (value) => table(langfuse)(value.toLowerCase()) },
  { key: 'langsmith.span.kind', kind: table(langsmith) },
  { key: 'gen_ai.operation.name', kind: table(operations) },
  { key: 'ai.operationId', kind: vercelKind },
  { key: 'traceloop.span.kind', kind: table(traceloop) },
  { key: 'span.type', kind: (value) => table(claudeCode)(value.startsWith('claude_code.') ? value.slice(12) : value) },
  { key: 'mastra.span.type', kind: table(mastra) },
  { key: 'aws.genai.span_kind', kind: upperKind },
  { key: 'gen_ai.span.kind', kind: upperKind },
  { key: 'mlflow.spanType', kind: upperKind },
  { key: 'genkit:metadata:subtype', kind: table(genkit) },
  { key: 'lmnr.span.type', kind: upperKind },
  { key: 'agentops.span.kind', kind: table(agentops) },
  { key: 'haystack.component.type', kind: haystackKind },
  { key: 'llm.request.type', kind: table(oldCalls) },
  { key: 'dify.span.type', kind: (value) => table(dify)(value.toLowerCase().replaceAll('-', '_')) ?? 'task' },
  { key: 'mcp.method.name', kind: table({ 'tools/call': 'tool' }) },
  { key: 'sdk_span_type', kind: table({ turn: 'task', task: 'workflow' }) },
];

/** Starts of span names that settle a kind where no key does. A scope start narrows the row. */
export const nameKinds: readonly { readonly scope: string; readonly start: string; readonly kind: KindValue }[] = [
  { scope: '', start: 'invoke_agent', kind: 'agent' },
  { scope: '', start: 'execute_tool ', kind: 'tool' },
  { scope: 'gcp.vertex.agent', start: 'invocation', kind: 'workflow' },
  { scope: 'gcp.vertex.agent', start: 'agent_run', kind: 'agent' },
  { scope: 'gcp.vertex.agent', start: 'call_llm', kind: 'llm' },
  { scope: 'logfire.openai_agents', start: 'Function: ', kind: 'tool' },
  { scope: 'logfire.openai_agents', start: 'Agent run: ', kind: 'agent' },
  { scope: 'logfire.openai_agents', start: 'Handoff: ', kind: 'handoff' },
  { scope: 'logfire.openai_agents', start: 'Guardrail ', kind: 'guardrail' },
  { scope: 'logfire.openai_agents', start: 'OpenAI Agents trace', kind: 'workflow' },
  { scope: 'codex_', start: 'session_task.turn', kind: 'llm' },
  { scope: 'codex_', start: 'handle_responses', kind: 'llm' },
  { scope: 'n8n-otel', start: 'workflow.execute', kind: 'workflow' },
  { scope: 'n8n-otel', start: 'node.execute', kind: 'task' },
  { scope: 'n8n-workflow', start: 'workflow.execute', kind: 'workflow' },
  { scope: 'n8n-workflow', start: 'node.execute', kind: 'task' },
  { scope: 'openclaw', start: 'openclaw.run', kind: 'agent' },
  { scope: 'openclaw', start: 'openclaw.harness.run', kind: 'agent' },
  { scope: 'openclaw', start: 'openclaw.model.call', kind: 'llm' },
  { scope: 'openclaw', start: 'openclaw.tool.execution', kind: 'tool' },
  // The process that a tool started: the call is the tool's.
  { scope: 'openclaw', start: 'openclaw.exec', kind: 'task' },
  { scope: 'openclaw', start: 'openclaw.message.', kind: 'task' },
  { scope: 'openclaw', start: 'openclaw.', kind: 'other' },
  { scope: 'agent_framework', start: 'workflow.', kind: 'workflow' },
  { scope: 'agent_framework', start: 'executor.', kind: 'task' },
  { scope: 'agent_framework', start: 'message.', kind: 'handoff' },
];

/**
 * A trace as it is kept, as spans again: what the detectors need of it, under the conventions' names. What is not kept is not made up:
 * content that was cut stays cut, of the state only its changes are known and so none is given, and detectors that need more are blind.
 */
import type { StepRow, TraceRow } from '../../../src/component/records.ts';
import { type Attributes, Double, type NewSpan, writeTraces } from '../../../src/otlp/write.ts';

const OPERATIONS: Readonly<Record<string, string>> = {
  llm: 'chat',
  tool: 'execute_tool',
  agent: 'invoke_agent',
  retriever: 'retrieval',
  workflow: 'invoke_workflow',
  task: 'execute_task',
  embedding: 'embeddings',
  reranker: 'rerank',
  handoff: 'handoff',
};

/** One ExportTraceServiceRequest. */
export function spansOf(trace: TraceRow, steps: readonly StepRow[]): Uint8Array {
  const resource: Attributes = trace.service === null ? {} : { 'service.name': trace.service };
  const spans = steps.map((step) => span(step, trace.session_id));
  return writeTraces([{ resource, scope: { name: trace.framework ?? 'kept', version: '' }, spans }]);
}

function span(step: StepRow, session: string | null): NewSpan {
  const failed = step.outcome === 'error' || step.outcome === 'timeout';
  return {
    traceId: step.trace_id,
    spanId: step.span_id,
    parentId: step.parent_id,
    name: step.name,
    kind: 1,
    startNs: nanoseconds(step.started_ms),
    endNs: nanoseconds(step.ended_ms),
    attributes: attributes(step, session),
    events: [],
    links: [],
    ...(failed ? { status: { code: 2, message: step.error ?? '' } } : {}),
  };
}

function attributes(step: StepRow, session: string | null): Attributes {
  const operation = OPERATIONS[step.kind];
  const isTool = step.kind === 'tool';
  const said = step.kind === 'llm' || step.kind === 'agent';
  const all: Record<string, Attributes[string] | null | undefined> = {
    'gen_ai.operation.name': operation,
    'openinference.span.kind': operation === undefined ? step.kind.toUpperCase() : undefined,
    'gen_ai.conversation.id': session,
    'gen_ai.agent.name': step.agent,
    'gen_ai.request.model': step.model,
    'gen_ai.tool.name': step.tool,
    'gen_ai.tool.call.arguments': isTool ? step.input : undefined,
    'gen_ai.tool.call.result': isTool ? step.output : undefined,
    'gen_ai.retrieval.query.text': step.kind === 'retriever' ? step.input : undefined,
    'gen_ai.usage.input_tokens': step.input_tokens,
    'gen_ai.usage.output_tokens': step.output_tokens,
    'gen_ai.usage.cost': step.cost === null ? undefined : new Double(step.cost),
    'gen_ai.input.messages': said ? message('user', step.input) : undefined,
    'gen_ai.output.messages': said ? message('assistant', step.output) : undefined,
    'error.type': step.outcome === 'timeout' ? 'timeout' : undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined)) as Attributes;
}

function message(role: string, text: string | null): string | undefined {
  return text === null ? undefined : JSON.stringify([{ role, parts: [{ type: 'text', content: text }] }]);
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}

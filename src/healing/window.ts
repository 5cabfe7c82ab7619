/**
 * Stored rows as steps, so that a detector can be run on them again. A row holds less than a span: texts are redacted and cut, of what a
 * model was given only the last message is there, and no graph, limits, tool definitions or documents. What is not there reads as absent,
 * so a detector that needs it stays silent, and `verify.ts` says so.
 */
import type { StepRow } from '../component/records.ts';
import type { Fact, Message, Outcome, Step, StepKind } from '../step/step.ts';

/** In the order of `rows`. `sessionId`: that of their trace. */
export function stepsOf(rows: readonly StepRow[], sessionId: string | null): Step[] {
  const results = new Map<string, string>();
  return rows.map((row) => {
    if (row.kind === 'tool' && row.tool !== null && row.output !== null) results.set(row.output, row.tool);
    return stepOf(row, sessionId ?? undefined, row.input === null ? undefined : results.get(row.input));
  });
}

function stepOf(row: StepRow, sessionId: string | undefined, toldBy: string | undefined): Step {
  const speaks = row.kind === 'llm' || row.kind === 'agent';
  const tokens =
    row.input_tokens === null && row.output_tokens === null
      ? undefined
      : {
          input: row.input_tokens ?? undefined,
          output: row.output_tokens ?? undefined,
          cacheRead: undefined,
          cacheWrite: undefined,
          reasoning: undefined,
        };
  const tool =
    row.tool === null
      ? undefined
      : {
          name: row.tool,
          server: undefined,
          callId: undefined,
          arguments: row.input ?? undefined,
          result: row.output ?? undefined,
        };
  const present: readonly (readonly [Fact, unknown])[] = [
    ['agent.name', row.agent],
    ['session.id', sessionId],
    ['model', row.model],
    ['tokens', tokens],
    ['cost', row.cost],
    ['messages.input', speaks ? row.input : null],
    ['messages.output', speaks ? row.output : null],
    ['tool.name', tool],
    ['tool.arguments', tool?.arguments],
    ['tool.result', tool?.result],
  ];
  const facts = new Set(present.filter(([, value]) => value !== null && value !== undefined).map(([fact]) => fact));
  return {
    traceId: row.trace_id,
    spanId: row.span_id,
    parentId: row.parent_id,
    tenant: '',
    sessionId,
    kind: row.kind as StepKind,
    name: row.name,
    service: undefined,
    scope: '',
    dialects: [],
    startMs: row.started_ms,
    endMs: row.ended_ms,
    outcome: row.outcome as Outcome,
    error: row.error === null ? undefined : { type: undefined, message: row.error },
    agent: row.agent ?? undefined,
    agentId: undefined,
    provider: undefined,
    requestModel: row.model ?? undefined,
    responseModel: undefined,
    finishReasons: [],
    tokens,
    cost: row.cost ?? undefined,
    // Tokens of roll-ups are not stored, so that they count as nothing.
    rollup: false,
    tool,
    handoff: undefined,
    input: speaks && row.input !== null ? [given(row.input, toldBy)] : [],
    output: speaks && row.output !== null ? [{ ...empty, role: 'assistant', text: row.output }] : [],
    system: undefined,
    toolDefinitions: [],
    documents: [],
    query: row.kind === 'retriever' ? (row.input ?? undefined) : undefined,
    stateBefore: undefined,
    stateAfter: undefined,
    limits: {},
    extra: {},
    has: (fact) => facts.has(fact),
  };
}

const empty: Omit<Message, 'role' | 'text'> = {
  name: undefined,
  reasoning: undefined,
  toolCalls: [],
  toolResults: [],
  truncated: false,
};

/** A last message that is word for word what a tool returned before is that result. */
function given(text: string, tool: string | undefined): Message {
  if (tool === undefined) return { ...empty, role: 'user', text };
  return { ...empty, role: 'tool', text: '', toolResults: [{ id: undefined, name: tool, text }] };
}

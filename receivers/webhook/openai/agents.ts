/** Traces of the Agents SDK. A trace and its spans may come in several bodies, in any order: ids follow from the SDK's own. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { dict, errorOf, firstNumber, identifier, list, time, word } from '../payload.ts';
import { Run, type Span, type SpanError, stableId, type TraceDocument } from '../run.ts';

const format = 'openai';

export function agentTraces(objects: readonly unknown[]): TraceDocument[] {
  const traces = new Map<string, { trace: unknown; readonly spans: unknown[] }>();
  for (const one of objects) {
    const isTrace = member(one, 'object') === 'trace';
    const id = identifier(member(one, isTrace ? 'id' : 'trace_id'));
    if (id === undefined) continue;
    const known = traces.get(id) ?? { trace: undefined, spans: [] };
    traces.set(id, known);
    if (isTrace) known.trace = one;
    else known.spans.push(one);
  }
  return [...traces].map(([id, { trace, spans }]) => documentOf(id, trace, spans));
}

function documentOf(id: string, trace: unknown, spans: readonly unknown[]): TraceDocument {
  const name = word(member(trace, 'workflow_name'));
  const session = identifier(member(trace, 'group_id'));
  // `trace_` and 32 hex digits.
  const run = new Run(format, id.replace(/^trace_/, ''), { name: name ?? 'agent workflow' });
  run.root
    .text('gen_ai.operation.name', 'invoke_workflow')
    .text('gen_ai.workflow.name', name)
    .text('gen_ai.conversation.id', session)
    .json('misstep.run.metadata', member(trace, 'metadata'));
  for (const span of spans) addSpan(run, span, session);
  if (trace === undefined) run.withoutRoot();
  return run.document('openai-agents');
}

function addSpan(run: Run, given: unknown, session: string | undefined): void {
  const data = dict(member(given, 'span_data'));
  const type = word(data['type']) ?? 'custom';
  const parent = identifier(member(given, 'parent_id'));
  const id = identifier(member(given, 'id'));
  const triggered = type === 'guardrail' && data['triggered'] === true;
  const span = run.add({
    name: nameOf(type, data),
    ...(id === undefined ? {} : { id: stableId(format, id) }),
    startMs: time(member(given, 'started_at')),
    endMs: time(member(given, 'ended_at')),
    error: spanError(member(given, 'error')),
    ...(parent === undefined ? {} : { parentId: stableId(format, parent) }),
    ...(triggered ? { ending: { outcome: 'blocked' as const, source: 'span_data.triggered' } } : {}),
  });
  if (span === undefined) return;
  span.text('gen_ai.conversation.id', session);
  write(span, type, data);
}

function nameOf(type: string, data: ReturnType<typeof dict>): string {
  const name = word(data['name']);
  switch (type) {
    case 'agent':
      return `invoke_agent ${name ?? 'agent'}`;
    case 'function':
      return `execute_tool ${name ?? 'tool'}`;
    case 'generation':
      return `chat ${word(data['model']) ?? ''}`.trim();
    case 'response':
      return 'chat';
    case 'handoff':
      return 'handoff';
    default:
      return name ?? type;
  }
}

function spanError(given: unknown): SpanError | undefined {
  const error = errorOf(given);
  const detail = word(member(member(given, 'data'), 'error'));
  if (error === undefined) return undefined;
  return { type: error.type, message: detail === undefined ? error.message : `${error.message}: ${detail}` };
}

function write(span: Span, type: string, data: ReturnType<typeof dict>): void {
  switch (type) {
    case 'agent':
      span.text('gen_ai.operation.name', 'invoke_agent').text('gen_ai.agent.name', data['name']);
      return;
    case 'function':
      span
        .text('gen_ai.operation.name', 'execute_tool')
        .text('gen_ai.tool.name', data['name'])
        .json('misstep.tool.mcp', data['mcp_data']);
      textOrJson(span, 'gen_ai.tool.call.arguments', data['input']);
      textOrJson(span, 'gen_ai.tool.call.result', data['output']);
      return;
    case 'generation':
      span.text('gen_ai.operation.name', 'chat').text('gen_ai.request.model', data['model']);
      span.json('gen_ai.input.messages', data['input']).json('gen_ai.output.messages', data['output']);
      usage(span, data['usage']);
      return;
    case 'response': {
      const response = dict(data['response']);
      span
        .text('gen_ai.operation.name', 'chat')
        .text('gen_ai.response.id', data['response_id'] ?? response['id'])
        .text('gen_ai.response.model', response['model'])
        .json('gen_ai.input.messages', data['input'])
        .json('gen_ai.output.messages', response['output']);
      usage(span, data['usage'] ?? response['usage']);
      return;
    }
    case 'handoff':
      span
        .text('gen_ai.operation.name', 'handoff')
        .text('gen_ai.handoff.from_agent', data['from_agent'])
        .text('gen_ai.handoff.to_agent', data['to_agent']);
      return;
    case 'guardrail':
      span.text('gen_ai.operation.name', 'run_guardrail').flag('misstep.guardrail.triggered', data['triggered'] === true);
      return;
    case 'mcp_tools':
      span.text('openinference.span.kind', 'CHAIN').texts('misstep.tools', list(data['result']).map(word));
      return;
    default:
      span.text('openinference.span.kind', 'CHAIN');
      if (isObject(data['data'])) usage(span, member(data['data'], 'usage'));
  }
}

function textOrJson(span: Span, key: string, value: unknown): void {
  if (typeof value === 'string') span.text(key, value);
  else span.json(key, value);
}

/** Names of both APIs. */
export function usage(span: Span, given: unknown): void {
  span
    .count('gen_ai.usage.input_tokens', firstNumber(given, ['input_tokens', 'prompt_tokens']))
    .count('gen_ai.usage.output_tokens', firstNumber(given, ['output_tokens', 'completion_tokens']))
    .count(
      'gen_ai.usage.cache_read.input_tokens',
      firstNumber(member(given, 'input_tokens_details') ?? member(given, 'prompt_tokens_details'), ['cached_tokens']),
    );
}

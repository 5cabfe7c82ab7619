/** Traces of the Agents SDK. A trace and its spans may come in several bodies, in any order: ids follow from the SDK's own. */
import { member } from '../../../src/dialects/json.ts';
import { type Dict, dict, errorOf, firstNumber, identifier, list, number, time, withoutSecrets, word } from '../payload.ts';
import { type Ending, Run, type Span, type SpanError, stableId, type TraceDocument } from '../run.ts';

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
  // Without a group a trace is a session of its own: the trace comes first, and only windows of sessions wait for what follows a root.
  const session = trace === undefined ? undefined : (identifier(member(trace, 'group_id')) ?? id);
  // `trace_` and 32 hex digits.
  const run = new Run(format, id.replace(/^trace_/, ''), {
    name: name ?? 'agent workflow',
    startMs: startOf(spans),
  });
  run.root
    .text('gen_ai.operation.name', 'invoke_workflow')
    .text('gen_ai.workflow.name', name)
    .text('gen_ai.conversation.id', session)
    .json('misstep.node.metadata', withoutSecrets(member(trace, 'metadata')));
  for (const span of spans) addSpan(run, span, session);
  if (trace === undefined) run.withoutRoot();
  return run.document('openai-agents');
}

function startOf(spans: readonly unknown[]): number | undefined {
  const starts = spans.flatMap((span) => time(member(span, 'started_at')) ?? []);
  return starts.length === 0 ? undefined : starts.reduce((a, b) => Math.min(a, b));
}

function addSpan(run: Run, given: unknown, session: string | undefined): void {
  const data = dict(member(given, 'span_data'));
  const type = word(data['type']) ?? 'custom';
  const parent = identifier(member(given, 'parent_id'));
  const id = identifier(member(given, 'id'));
  const error = spanError(member(given, 'error'));
  const span = run.add({
    name: nameOf(type, data),
    ...(id === undefined ? {} : { id: stableId(format, id) }),
    startMs: time(member(given, 'started_at')),
    endMs: time(member(given, 'ended_at')),
    error,
    ...(parent === undefined ? {} : { parentId: stableId(format, parent) }),
    ending: endingOf(type, data, error),
  });
  if (span === undefined) return;
  span
    .text('gen_ai.conversation.id', session)
    .number('misstep.limit.max_turns', number(member(member(member(given, 'error'), 'data'), 'max_turns')));
  write(span, type, data);
}

function nameOf(type: string, data: Dict): string {
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

function endingOf(type: string, data: Dict, error: SpanError | undefined): Ending | undefined {
  if (type === 'guardrail' && data['triggered'] === true) return { outcome: 'blocked', source: 'span_data.triggered' };
  // A tool that failed and gave the model an answer nevertheless: the SDK calls that non-fatal.
  const coped = type === 'function' && error !== undefined && word(data['output']) !== undefined;
  return coped ? { outcome: 'handled_error', source: 'span_data.output' } : undefined;
}

function spanError(given: unknown): SpanError | undefined {
  const error = errorOf(given);
  const detail = word(member(member(given, 'data'), 'error'));
  if (error === undefined) return undefined;
  return { type: error.type, message: detail === undefined ? error.message : `${error.message}: ${detail}` };
}

function write(span: Span, type: string, data: Dict): void {
  switch (type) {
    case 'agent':
      span
        .text('gen_ai.operation.name', 'invoke_agent')
        .text('gen_ai.agent.name', data['name'])
        .json('gen_ai.tool.definitions', toolsOf(data['tools']));
      return;
    case 'function':
      span
        .text('gen_ai.operation.name', 'execute_tool')
        .text('gen_ai.tool.name', data['name'])
        .json('misstep.node.metadata', withoutSecrets(data['mcp_data']));
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
      span.text('gen_ai.operation.name', 'run_guardrail');
      return;
    case 'mcp_tools':
      span
        .text('openinference.span.kind', 'CHAIN')
        .json('misstep.node.outputs', { server: data['server'], tools: data['result'] });
      return;
    case 'speech':
    case 'transcription':
      // Sound is not content that a detector reads; what was said is.
      span
        .text('openinference.span.kind', 'CHAIN')
        .text('gen_ai.request.model', data['model'])
        .text(type === 'speech' ? 'input.value' : 'output.value', word(data[type === 'speech' ? 'input' : 'output']));
      return;
    default:
      // The usage of a turn or task is the sum of its model calls.
      span.text('openinference.span.kind', 'CHAIN').text('gen_ai.agent.name', word(member(data['data'], 'agent_name')));
  }
}

/** Names only: the SDK's spans tell no schemas. */
function toolsOf(names: unknown): unknown {
  const known = list(names).flatMap((name) => (word(name) === undefined ? [] : [{ type: 'function', name }]));
  return known.length === 0 ? undefined : known;
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

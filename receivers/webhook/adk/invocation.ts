/** One invocation, event by event: model calls of agents, tools by their calls and answers, transfers, state. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, firstNumber, identifier, list, time, word } from '../payload.ts';
import { type ChatMessage, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { both, textOf } from './names.ts';

const format = 'adk';

export class Invocation {
  private readonly run: Run;
  private readonly session: string | undefined;
  private readonly app: string | undefined;
  /** Calls that wait for their answers: by id, or by name where there is none. */
  private readonly open = new Map<string, Span[]>();
  private readonly total = { events: 0, function_calls: 0, function_responses: 0, transfers: 0 };
  /** What was said so far, for the next model call. */
  private said: ChatMessage[] = [];
  private agent: string | undefined;
  private lastMs: number | undefined;

  constructor(id: string, session: string | undefined, app: string | undefined) {
    this.session = session;
    this.app = app;
    this.run = new Run(format, id, { name: 'invocation' });
  }

  /** `log`: the request and answer of the model behind the event, where the session keeps them. */
  add(event: Dict, log: unknown): void {
    this.total.events++;
    const atMs = time(event['timestamp']);
    const startMs = this.lastMs ?? atMs;
    this.lastMs = atMs ?? this.lastMs;
    const { root } = this.run;
    root.facts = { ...root.facts, startMs: root.facts.startMs ?? atMs, endMs: atMs ?? root.facts.endMs };
    const author = word(event['author']) ?? 'agent';
    const content = event['content'];
    const calls = partsOf(content, 'functionCall');
    const answers = partsOf(content, 'functionResponse');
    for (const answer of answers) this.answered(answer, event, author, atMs);
    const text = textOf(content);
    if (author === 'user') {
      if (text !== undefined) {
        root.messages('gen_ai.input.messages', [{ role: 'user', text }]);
        this.said.push({ role: 'user', text });
      }
      return;
    }
    this.agent ??= author;
    const error = errorOf(event);
    if (text !== undefined || calls.length > 0 || error !== undefined)
      this.modelCall(event, author, text, calls, error, { startMs, endMs: atMs, log });
    for (const call of calls) this.called(call, author, atMs);
    this.actions(event, author, atMs);
  }

  document(): TraceDocument {
    const { root } = this.run;
    const last = this.said.findLast(({ role, text }) => role === 'assistant' && text !== undefined)?.text;
    root
      .text('gen_ai.operation.name', 'invoke_workflow')
      .text('gen_ai.workflow.name', this.app ?? this.agent)
      .text('gen_ai.conversation.id', this.session)
      .messages('gen_ai.output.messages', [{ role: 'assistant', text: last }])
      .json('misstep.run.total', this.total);
    return this.run.document('adk');
  }

  private step(
    name: string,
    author: string,
    startMs: number | undefined,
    endMs: number | undefined,
    more: Partial<Span['facts']> = {},
  ): Span | undefined {
    return this.run
      .add({ name, startMs, endMs, ...more })
      ?.text('gen_ai.agent.name', author)
      .text('gen_ai.conversation.id', this.session);
  }

  private modelCall(
    event: Dict,
    author: string,
    text: string | undefined,
    calls: readonly Dict[],
    error: SpanError | undefined,
    { startMs, endMs, log }: { readonly startMs: number | undefined; readonly endMs: number | undefined; readonly log: unknown },
  ): void {
    const request = both(log, 'modelRequest');
    const response = both(log, 'modelResponse');
    this.mention(list(member(request, 'contents')));
    this.mention(list(member(response, 'candidates')).map((candidate) => member(candidate, 'content')));
    const usage = both(event, 'usageMetadata') ?? both(response, 'usageMetadata');
    const model = word(both(event, 'modelVersion')) ?? word(both(response, 'modelVersion'));
    const output: ChatMessage = {
      role: 'assistant',
      text,
      calls: calls.map((call) => ({ id: identifier(call['id']), name: word(call['name']) ?? '', arguments: call['args'] })),
    };
    this.step('chat', author, startMs, endMs, { error })
      ?.text('gen_ai.operation.name', 'chat')
      .text('gen_ai.response.id', event['id'])
      .text('gen_ai.request.model', member(request, 'model'))
      .text('gen_ai.response.model', model)
      .text('gen_ai.system_instructions', word(both(member(request, 'config'), 'systemInstruction')))
      .count('gen_ai.usage.input_tokens', firstNumber(usage, ['promptTokenCount', 'prompt_token_count']))
      .count('gen_ai.usage.output_tokens', firstNumber(usage, ['candidatesTokenCount', 'candidates_token_count']))
      .messages('gen_ai.input.messages', this.said.slice(-50))
      .messages('gen_ai.output.messages', [output]);
    this.said.push(output);
  }

  /** Calls and answers that requests repeat count as the payload has them; they are no steps. */
  private mention(contents: readonly unknown[]): void {
    for (const content of contents) {
      this.total.function_calls += partsOf(content, 'functionCall').length;
      this.total.function_responses += partsOf(content, 'functionResponse').length;
    }
  }

  private called(call: Dict, author: string, atMs: number | undefined): void {
    this.total.function_calls++;
    const name = word(call['name']) ?? 'tool';
    const id = identifier(call['id']);
    const span = this.step(`execute_tool ${name}`, author, atMs, atMs);
    if (span === undefined) return;
    span
      .text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .text('gen_ai.tool.call.id', id)
      .json('gen_ai.tool.call.arguments', call['args']);
    const key = id ?? `name ${name}`;
    this.open.set(key, [...(this.open.get(key) ?? []), span]);
  }

  private answered(answer: Dict, event: Dict, author: string, atMs: number | undefined): void {
    this.total.function_responses++;
    const name = word(answer['name']) ?? 'tool';
    const id = identifier(answer['id']);
    const waiting = this.open.get(id ?? '') ?? this.open.get(`name ${name}`);
    const span =
      waiting?.shift() ??
      this.step(`execute_tool ${name}`, author, atMs, atMs)
        ?.text('gen_ai.operation.name', 'execute_tool')
        .text('gen_ai.tool.name', name);
    if (span === undefined) return;
    const response = answer['response'];
    const failure = failureIn(response);
    span.facts = {
      ...span.facts,
      endMs: atMs ?? span.facts.endMs,
      ...(failure === undefined
        ? {}
        : { error: failure, ending: { outcome: 'handled_error' as const, source: 'functionResponse.response' } }),
    };
    span.json('gen_ai.tool.call.result', response);
    const delta = both(event['actions'], 'stateDelta') ?? both(event['options'], 'updateContext');
    if (isObject(delta) && Object.keys(delta).length > 0) span.json('misstep.state.after', delta);
    this.said.push({ role: 'tool', text: undefined });
  }

  private actions(event: Dict, author: string, atMs: number | undefined): void {
    const to = word(both(event['actions'], 'transferToAgent')) ?? word(both(event['options'], 'transferToAgent'));
    if (to === undefined) return;
    this.total.transfers++;
    this.step(`handoff ${to}`, author, atMs, atMs)
      ?.text('gen_ai.operation.name', 'handoff')
      .text('gen_ai.handoff.from_agent', author)
      .text('gen_ai.handoff.to_agent', to);
  }
}

function partsOf(content: unknown, name: string): readonly Dict[] {
  return list(member(content, 'parts')).flatMap((part) => {
    const found = both(part, name);
    return isObject(found) ? [found] : [];
  });
}

function errorOf(event: Dict): SpanError | undefined {
  const type = identifier(both(event, 'errorCode'));
  const message = word(both(event, 'errorMessage'));
  return type === undefined && message === undefined ? undefined : { type, message: message ?? type ?? 'error' };
}

/** ADK's tools put what went wrong into their answer: `{error: …}` or `{status: "error"}`. */
function failureIn(response: unknown): SpanError | undefined {
  const { error, error_message, status } = dict(response);
  const said = word(error) ?? word(member(error, 'message')) ?? word(error_message);
  if (said !== undefined) return { type: 'tool_error', message: said };
  return typeof status === 'string' && /^(error|failed|failure)$/i.test(status)
    ? { type: 'tool_error', message: `status ${status}` }
    : undefined;
}

/** One invocation, event by event: model calls of agents, tools by their calls and answers, transfers, state. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, identifier, list, time, withoutSecrets, word } from '../payload.ts';
import { type ChatMessage, type Ending, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { Calls } from './calls.ts';
import { both, partsOf, textOf } from './names.ts';

const format = 'adk';
/** Messages that a model call is shown with: what came before says no more than the calls before. */
const maxHistory = 50;
/** Messages of all calls together; after that a call has the last few. A session of 1,000 calls stays below. */
const maxTold = 50_000;
const maxShort = 5;
/** Messages of all branches that are searched for them. */
const maxLookedAt = 500;
/** Gemini's words for an answer that was held back. ADK gives them as the error's code. */
const heldBack = new Set([
  'SAFETY',
  'PROHIBITED_CONTENT',
  'BLOCKLIST',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'RECITATION',
]);

interface Said extends ChatMessage {
  readonly branch: string | undefined;
}

/** What an event says of where it stands. */
interface Place {
  readonly author: string;
  readonly branch: string | undefined;
  readonly startMs: number | undefined;
  readonly atMs: number | undefined;
}

export class Invocation {
  private readonly run: Run;
  private readonly session: string | undefined;
  private readonly app: string | undefined;
  private readonly calls: Calls;
  private readonly total = { events: 0, function_calls: 0, function_responses: 0, transfers: 0 };
  /** What was said so far, for the next model call. */
  private readonly said: Said[] = [];
  private told = 0;
  private agent: string | undefined;
  private lastMs: number | undefined;

  constructor(id: string, session: string | undefined, app: string | undefined) {
    this.session = session;
    this.app = app;
    this.run = new Run(format, id, { name: 'invocation' });
    this.calls = new Calls();
  }

  /** `log`: the request and answer of the model behind the event, where the session keeps them. */
  add(event: Dict, log: unknown): void {
    this.total.events++;
    const atMs = time(event['timestamp']);
    const author = word(event['author']) ?? 'agent';
    const place: Place = { author, branch: word(event['branch']), startMs: this.lastMs ?? atMs, atMs };
    this.lastMs = atMs ?? this.lastMs;
    const { root } = this.run;
    const error = errorOf(event);
    root.facts = {
      ...root.facts,
      startMs: root.facts.startMs ?? atMs,
      endMs: atMs ?? root.facts.endMs,
      error,
      ending: blocked(error),
    };
    const text = textOf(event['content']);
    const answers = partsOf(event['content'], 'functionResponse');
    for (const answer of answers) this.answered(answer, place);
    if (author === 'user') {
      if (text !== undefined) {
        root.messages('gen_ai.input.messages', [{ role: 'user', text }]);
        this.say({ role: 'user', text }, place);
      }
      return;
    }
    this.agent ??= author;
    const given = partsOf(event['content'], 'functionCall');
    const answered = answers.map((answer) => this.calls.of(answer)).filter((span) => span !== undefined);
    // A tool that raises ends the run: the error comes instead of the tool's answer, and no model was called.
    const raised = error !== undefined && text === undefined && given.length === 0 && this.calls.raised(error, atMs);
    const spoke = !raised && (text !== undefined || given.length > 0 || error !== undefined);
    const chat = spoke ? this.modelCall(event, text, given, error, log, place) : undefined;
    const waiting = new Set(list(both(event, 'longRunningToolIds')).map(identifier));
    for (const call of given) this.called(call, waiting.has(identifier(call['id']) ?? ''), place);
    this.state(event, chat === undefined ? answered : [chat], place);
    this.transfer(event, answered, place);
  }

  document(): TraceDocument {
    const { root } = this.run;
    this.calls.end();
    const last = this.said.findLast(({ role, text }) => role === 'assistant' && text !== undefined)?.text;
    root
      .text('gen_ai.operation.name', 'invoke_workflow')
      .text('gen_ai.workflow.name', this.app ?? this.agent)
      .text('gen_ai.conversation.id', this.session)
      .messages('gen_ai.output.messages', [{ role: 'assistant', text: last }])
      .json('misstep.run.total', this.total);
    return this.run.document('adk');
  }

  private say(message: ChatMessage, { branch }: Place): void {
    this.said.push({ ...message, branch });
  }

  /** An agent in a branch is told what stands on the way to it, not what its neighbours say. */
  private heard(branch: string | undefined): readonly Said[] {
    const heard: Said[] = [];
    const most = this.told < maxTold ? maxHistory : maxShort;
    for (let i = this.said.length - 1; i >= Math.max(0, this.said.length - maxLookedAt) && heard.length < most; i--) {
      const one = this.said[i]!;
      if (one.branch === undefined || one.branch === branch || branch?.startsWith(`${one.branch}.`)) heard.push(one);
    }
    this.told += heard.length;
    return heard.reverse();
  }

  private step(name: string, { author, branch, startMs, atMs }: Place, more: Partial<Span['facts']> = {}): Span | undefined {
    return this.run
      .add({ name, startMs, endMs: atMs, ...more })
      ?.text('gen_ai.agent.name', author)
      .text('gen_ai.conversation.id', this.session)
      .text('misstep.parallel.branch', branch);
  }

  private modelCall(
    event: Dict,
    text: string | undefined,
    calls: readonly Dict[],
    error: SpanError | undefined,
    log: unknown,
    place: Place,
  ): Span | undefined {
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
    const stopped: Ending | undefined =
      event['interrupted'] === true ? { outcome: 'cancelled', source: 'interrupted' } : undefined;
    const span = this.step('chat', place, { error, ending: blocked(error) ?? stopped })
      ?.text('gen_ai.operation.name', 'chat')
      .text('gen_ai.response.id', event['id'])
      .text('gen_ai.request.model', member(request, 'model'))
      .text('gen_ai.response.model', model)
      .texts('gen_ai.response.finish_reasons', [word(both(event, 'finishReason'))?.toLowerCase()])
      .text('gen_ai.system_instructions', word(both(member(request, 'config'), 'systemInstruction')))
      .count('gen_ai.usage.input_tokens', firstNumber(usage, ['promptTokenCount', 'prompt_token_count']))
      .count('gen_ai.usage.output_tokens', firstNumber(usage, ['candidatesTokenCount', 'candidates_token_count']))
      .count(
        'gen_ai.usage.cache_read.input_tokens',
        firstNumber(usage, ['cachedContentTokenCount', 'cached_content_token_count']),
      )
      .count('gen_ai.usage.reasoning.output_tokens', firstNumber(usage, ['thoughtsTokenCount', 'thoughts_token_count']))
      .messages('gen_ai.input.messages', this.heard(place.branch))
      .messages('gen_ai.output.messages', [output]);
    this.say(output, place);
    return span;
  }

  /** Calls and answers that requests repeat count as the payload has them; they are no steps. */
  private mention(contents: readonly unknown[]): void {
    for (const content of contents) {
      this.total.function_calls += partsOf(content, 'functionCall').length;
      this.total.function_responses += partsOf(content, 'functionResponse').length;
    }
  }

  private tool(name: string, id: string | undefined, place: Place): Span | undefined {
    return this.step(`execute_tool ${name}`, { ...place, startMs: place.atMs })
      ?.text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .text('gen_ai.tool.call.id', id);
  }

  private called(call: Dict, waits: boolean, place: Place): void {
    this.total.function_calls++;
    const span = this.tool(word(call['name']) ?? 'tool', identifier(call['id']), place)?.json(
      'gen_ai.tool.call.arguments',
      call['args'],
    );
    if (span !== undefined) this.calls.open(call, span, waits);
  }

  private answered(answer: Dict, place: Place): void {
    this.total.function_responses++;
    const name = word(answer['name']) ?? 'tool';
    if (!this.calls.answer(answer, place.atMs)) {
      const span = this.tool(name, identifier(answer['id']), place);
      if (span !== undefined) {
        this.calls.open(answer, span, false);
        this.calls.answer(answer, place.atMs);
      }
    }
    this.say({ role: 'tool', text: this.calls.textOf(answer) }, place);
  }

  /** Writes to the state stand on what made them: the answered tools, the model call whose answer is kept, else a step of their own. */
  private state(event: Dict, made: readonly Span[], place: Place): void {
    const delta = both(event['actions'], 'stateDelta') ?? both(event['options'], 'updateContext');
    if (!isObject(delta) || Object.keys(delta).length === 0) return;
    const own = made.length > 0 ? made : [this.step('state', place)?.text('openinference.span.kind', 'CHAIN')];
    for (const span of own) span?.json('misstep.state.after', withoutSecrets(delta));
  }

  /** Where a tool asked for it, the tool's span says whom to; else a step of its own. */
  private transfer(event: Dict, answered: readonly Span[], place: Place): void {
    const to = word(both(event['actions'], 'transferToAgent')) ?? word(both(event['options'], 'transferToAgent'));
    if (to === undefined) return;
    this.total.transfers++;
    const asked = answered.find(({ facts }) => facts.name === 'execute_tool transfer_to_agent');
    const span = asked ?? this.step(`handoff ${to}`, place)?.text('gen_ai.operation.name', 'handoff');
    span?.text('gen_ai.handoff.from_agent', place.author).text('gen_ai.handoff.to_agent', to);
  }
}

function blocked(error: SpanError | undefined): Ending | undefined {
  return heldBack.has(error?.type ?? '') ? { outcome: 'blocked', source: 'errorCode' } : undefined;
}

function errorOf(event: Dict): SpanError | undefined {
  const type = identifier(both(event, 'errorCode'));
  const message = word(both(event, 'errorMessage'));
  return type === undefined && message === undefined ? undefined : { type, message: message ?? type ?? 'error' };
}

/** Requests to the model. Claude Code writes one record a block of the answer, each with the usage of the whole: they are one span. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstWord, flag, identifier, list, number, time, word } from '../payload.ts';
import type { Run, Span } from '../run.ts';
import type { Agent } from './agents.ts';
import { spanIdOf, textOf, timeOf } from './records.ts';

/** What the model was told since it was last asked. */
type Part =
  | { readonly type: 'text'; readonly content: string }
  | { readonly type: 'reasoning'; readonly content: string }
  | { readonly type: 'tool_call'; readonly id: string | undefined; readonly name: string; readonly arguments: unknown }
  | { readonly type: 'tool_call_response'; readonly id: string | undefined; readonly response: unknown };

interface Heard {
  readonly role: 'user' | 'tool';
  readonly parts: readonly Part[];
}

interface Request {
  readonly span: Span;
  readonly parts: Part[];
  readonly heard: readonly Heard[];
  usage: unknown;
  stop: string | undefined;
}

export class Requests {
  readonly #run: Run;
  readonly #session: string;
  readonly #made = new Map<string, Request>();
  readonly #all: Request[] = [];
  /** By agent: what it heard and has not answered yet, and when. */
  readonly #heard = new Map<Span, { readonly messages: Heard[]; atMs: number | undefined }>();
  readonly #last = new Map<Span, Request>();

  constructor(run: Run, session: string) {
    this.#run = run;
    this.#session = session;
  }

  hear(agent: Agent, record: Dict): void {
    const parts = list(member(member(record, 'message'), 'content')).flatMap(heardPart);
    const said = member(member(record, 'message'), 'content');
    if (typeof said === 'string' && said !== '') parts.push({ type: 'text', content: said });
    if (parts.length === 0) return;
    const role = parts.some(({ type }) => type === 'tool_call_response') ? 'tool' : 'user';
    const open = this.#heard.get(agent.span) ?? { messages: [], atMs: undefined };
    open.messages.push({ role, parts });
    open.atMs = time(timeOf(record)) ?? open.atMs;
    this.#heard.set(agent.span, open);
  }

  /** A block or a whole answer. Records without an id are a request each. */
  answer(agent: Agent, record: Dict): void {
    const message = member(record, 'message');
    const id = firstWord(record, ['requestId', 'request_id']) ?? word(member(message, 'id')) ?? word(member(record, 'uuid'));
    const known = id === undefined ? undefined : this.#made.get(id);
    const request = known ?? this.#open(agent, record, message, id);
    if (request === undefined) return;
    if (id !== undefined) this.#made.set(id, request);
    this.#last.set(agent.span, request);
    for (const block of list(member(message, 'content'))) request.parts.push(...answerPart(block));
    request.usage = member(message, 'usage') ?? request.usage;
    request.stop = word(member(message, 'stop_reason')) ?? request.stop;
    const at = time(timeOf(record));
    if (at !== undefined) request.span.facts = { ...request.span.facts, endMs: Math.max(at, request.span.facts.endMs ?? 0) };
    const failed = flag(member(record, 'isApiErrorMessage')) === true;
    if (failed)
      request.span.facts = {
        ...request.span.facts,
        error: {
          type: word(member(record, 'error')) ?? 'api_error',
          message: textOf(member(message, 'content')) ?? 'The request failed.',
        },
      };
  }

  #open(agent: Agent, record: Dict, message: unknown, id: string | undefined): Request | undefined {
    const heard = this.#heard.get(agent.span);
    const at = time(timeOf(record));
    const model = word(member(message, 'model'));
    const since = heard?.atMs;
    const span = this.#run.add({
      name: model === undefined ? 'chat' : `chat ${model}`,
      id: id === undefined ? undefined : spanIdOf(this.#session, 'request', id),
      startMs: since !== undefined && at !== undefined && since <= at ? since : at,
      endMs: at,
      parent: agent.span,
    });
    if (span === undefined) return undefined;
    this.#heard.delete(agent.span);
    span
      .text('gen_ai.operation.name', 'chat')
      .text('gen_ai.provider.name', 'anthropic')
      .text('gen_ai.agent.name', agent.name)
      .text('gen_ai.conversation.id', this.#session)
      // What Claude Code writes itself, where no model was asked.
      .text('gen_ai.response.model', model === '<synthetic>' ? undefined : model)
      .text('gen_ai.response.id', word(member(message, 'id')));
    const request = { span, parts: [], heard: heard?.messages ?? [], usage: undefined, stop: undefined };
    this.#all.push(request);
    return request;
  }

  /** The user broke in while the model was answering. */
  interrupt(agent: Agent): void {
    const last = this.#last.get(agent.span);
    if (last !== undefined && last.stop === undefined)
      last.span.facts = { ...last.span.facts, ending: { outcome: 'cancelled', source: 'user interrupt' } };
  }

  /** A request that the API refused before it was answered: Claude Code asks again. */
  failed(agent: Agent, record: Dict): void {
    const error = member(record, 'error');
    const span = this.#run.add({
      name: 'chat',
      id: spanIdOf(this.#session, 'error', word(member(record, 'uuid')) ?? String(timeOf(record))),
      startMs: time(timeOf(record)),
      parent: agent.span,
      error: {
        type: identifier(firstMember(error, ['status', 'type', 'code'])) ?? 'api_error',
        message: firstWord(error, ['message']) ?? 'The API request failed.',
      },
    });
    span
      ?.text('gen_ai.operation.name', 'chat')
      .text('gen_ai.provider.name', 'anthropic')
      .text('gen_ai.agent.name', agent.name)
      .text('gen_ai.conversation.id', this.#session)
      .count('misstep.retry.attempt', number(member(record, 'retryAttempt')));
  }

  /** What the agent said last, as text. */
  lastText(agent: Agent): string | undefined {
    const texts = this.#last.get(agent.span)?.parts.flatMap((part) => (part.type === 'text' ? [part.content] : [])) ?? [];
    return texts.length === 0 ? undefined : texts.join('\n');
  }

  /** Number of requests; writes what came in pieces. */
  finish(): number {
    for (const { span, parts, heard, usage, stop } of this.#all) {
      const [input, read, written] = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((key) =>
        number(member(usage, key)),
      );
      span
        .json('gen_ai.input.messages', heard.length === 0 ? undefined : heard)
        .json('gen_ai.output.messages', parts.length === 0 ? undefined : [{ role: 'assistant', parts, finish_reason: stop }])
        .texts('gen_ai.response.finish_reasons', [stop])
        // The API's count leaves cached tokens out, the conventions' has them in.
        .count('gen_ai.usage.input_tokens', input === undefined ? undefined : input + (read ?? 0) + (written ?? 0))
        .count('gen_ai.usage.output_tokens', number(member(usage, 'output_tokens')))
        .count('gen_ai.usage.cache_read.input_tokens', read)
        .count('gen_ai.usage.cache_creation.input_tokens', written);
    }
    return this.#all.length;
  }
}

function heardPart(block: unknown): Part[] {
  if (typeof block === 'string') return [{ type: 'text', content: block }];
  const type = member(block, 'type');
  if (type === 'text') return [{ type, content: word(member(block, 'text')) ?? '' }];
  if (type !== 'tool_result') return [];
  const content = member(block, 'content');
  return [{ type: 'tool_call_response', id: word(member(block, 'tool_use_id')), response: textOf(content) ?? content ?? '' }];
}

function answerPart(block: unknown): Part[] {
  const type = member(block, 'type');
  if (type === 'text') return [{ type, content: word(member(block, 'text')) ?? '' }];
  if (type === 'thinking') return [{ type: 'reasoning', content: word(member(block, 'thinking')) ?? '' }];
  if (type !== 'tool_use' || !isObject(block)) return [];
  return [
    {
      type: 'tool_call',
      id: word(member(block, 'id')),
      name: word(member(block, 'name')) ?? 'tool',
      arguments: member(block, 'input') ?? {},
    },
  ];
}

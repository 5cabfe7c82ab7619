/** Threads of a session: its own agent and those that it called, each with the requests to the model that it made. */
import { createHash } from 'node:crypto';
import { member } from '../../../src/dialects/json.ts';
import { type Dict, firstWord, identifier, word } from '../payload.ts';
import type { Run, Span } from '../run.ts';

export const format = 'managed-agents';

export interface Thread {
  readonly agent: string;
  readonly span: Span;
}

type Part =
  | { readonly type: 'text' | 'reasoning'; readonly content: string }
  | { readonly type: 'tool_call'; readonly id: string; readonly name: string; readonly arguments: unknown };

interface Heard {
  readonly role: string;
  readonly parts: readonly object[];
}

interface Request {
  readonly span: Span;
  readonly heard: readonly Heard[];
  readonly parts: Part[];
}

interface Open extends Thread {
  heard: Heard[];
  request: Request | undefined;
  /** True until the next thing is heard: what the agent says then is of another request. */
  answering: boolean;
}

export class Threads {
  readonly #run: Run;
  readonly #session: string;
  readonly #main: Open;
  readonly #made = new Map<string, Open>();
  readonly #requests: Request[] = [];

  constructor(run: Run, session: string, agent: string) {
    this.#run = run;
    this.#session = session;
    run.root.facts = { ...run.root.facts, name: `invoke_agent ${agent}` };
    this.#main = { agent, span: this.#describe(run.root, agent), heard: [], request: undefined, answering: false };
  }

  /** 16 hex digits for a native id, in whatever page of the list it comes. */
  idOf(kind: string, id: string): string | undefined {
    if (id === '') return undefined;
    return createHash('sha256')
      .update(JSON.stringify([format, this.#session, kind, id]))
      .digest('hex')
      .slice(0, 16);
  }

  of(event: Dict): Open {
    const id = word(member(event, 'session_thread_id'));
    const named = firstWord(event, ['agent_name']);
    if (id === undefined) return this.#main;
    const known = this.#made.get(id);
    if (known !== undefined) return known;
    const parent = word(member(event, 'parent_thread_id'));
    // The first thread of a session is that of its own agent.
    const primary = this.#made.size === 0 && member(event, 'type') !== 'session.thread_created';
    const agent = named ?? id;
    const span = primary
      ? this.#run.root
      : this.#run.add({ name: `invoke_agent ${agent}`, id: this.idOf('thread', id), parent: this.#made.get(parent ?? '')?.span });
    const thread: Open =
      span === undefined || primary
        ? this.#main
        : { agent, span: this.#describe(span, agent), heard: [], request: undefined, answering: false };
    this.#made.set(id, thread);
    return thread;
  }

  #describe(span: Span, agent: string): Span {
    return span
      .text('gen_ai.operation.name', 'invoke_agent')
      .text('gen_ai.provider.name', 'anthropic')
      .text('gen_ai.agent.name', agent)
      .text('gen_ai.conversation.id', this.#session);
  }

  hear(thread: Thread, role: string, text: string | undefined, call?: string): void {
    const open = thread as Open;
    if (text === undefined && call === undefined) return;
    const part =
      call === undefined ? { type: 'text', content: text } : { type: 'tool_call_response', id: call, response: text ?? '' };
    open.heard.push({ role, parts: [part] });
    open.answering = false;
  }

  say(thread: Thread, type: 'text' | 'reasoning', text: string | undefined, event: Dict, at: number | undefined): void {
    if (text === undefined) return;
    this.#current(thread as Open, identifier(member(event, 'id')), at).parts.push({ type, content: text });
  }

  said(
    thread: Thread,
    call: { readonly id: string; readonly name: string; readonly arguments: unknown },
    at: number | undefined,
  ): void {
    this.#current(thread as Open, call.id, at).parts.push({ type: 'tool_call', ...call });
  }

  /** A request that a span event opens. */
  request(thread: Thread, event: Dict, at: number | undefined): Span {
    return this.#open(thread as Open, identifier(member(event, 'id')), at).span;
  }

  /** The one that is open, for an end that names none. */
  lastRequest(thread: Thread, event: Dict, at: number | undefined): Span {
    return this.#current(thread as Open, identifier(member(event, 'id')), at).span;
  }

  /** Without span events, what the agent says between two things that it hears is one request. */
  #current(open: Open, id: string | undefined, at: number | undefined): Request {
    const { request } = open;
    if (request !== undefined && open.answering) {
      if (at !== undefined) request.span.facts = { ...request.span.facts, endMs: Math.max(at, request.span.facts.endMs ?? 0) };
      return request;
    }
    return this.#open(open, id, at);
  }

  #open(open: Open, id: string | undefined, at: number | undefined): Request {
    const span = this.#run.add({ name: 'chat', id: this.idOf('request', id ?? ''), startMs: at, parent: open.span });
    // Of a run that is too long nothing more is kept.
    if (span === undefined) return { span: open.request?.span ?? this.#run.root, heard: [], parts: [] };
    span
      .text('gen_ai.operation.name', 'chat')
      .text('gen_ai.provider.name', 'anthropic')
      .text('gen_ai.agent.name', open.agent)
      .text('gen_ai.conversation.id', this.#session);
    const request = { span, heard: open.heard, parts: [] };
    open.heard = [];
    open.request = request;
    open.answering = true;
    this.#requests.push(request);
    return request;
  }

  /** Writes what came in pieces. */
  finish(): void {
    for (const { span, heard, parts } of this.#requests) {
      span
        .json('gen_ai.input.messages', heard.length === 0 ? undefined : heard)
        .json('gen_ai.output.messages', parts.length === 0 ? undefined : [{ role: 'assistant', parts }]);
    }
  }
}

/** The name of an agent as a session holds it: an object or a word. */
export function agentOf(agent: unknown): string | undefined {
  return word(agent) ?? firstWord(agent, ['name', 'id']);
}

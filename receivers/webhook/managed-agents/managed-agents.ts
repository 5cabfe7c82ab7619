/**
 * Claude Managed Agents: lists of a session's events as `GET /v1/sessions/{id}/events` and its threads give them, and the webhook,
 * which names a session and holds no content. Source: types of @anthropic-ai/sdk 1.12.0, beta managed-agents-2026-04-01.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, firstWord, flag, identifier, list, number, PayloadError, time, word } from '../payload.ts';
import { type Ending, Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { agentOf, format, type Thread, Threads } from './threads.ts';

/** Events of one body; the API gives at most some hundred a page. */
const maxEvents = 100_000;

interface Listed {
  readonly session: string;
  readonly events: readonly unknown[];
  /** The session object, where the body holds one. */
  readonly about: unknown;
  /** The events follow on others that were sent before, with the root of the session: `after` says from when. */
  readonly later: boolean;
}

export function managedAgents(payload: unknown): TraceDocument[] {
  if (isThin(payload)) {
    thinSession(payload);
    return [];
  }
  const { session, events, about, later } = listed(payload);
  const run = new Run(format, session, { name: 'invoke_agent agent' });
  return new SessionEvents(run, session, about, later).read(events);
}

/** What this payload cannot show, and what turns it on. */
export function hints(payload: unknown): string[] {
  if (!isThin(payload)) return [];
  const session = thinSession(payload);
  return session === undefined
    ? ['This event is not of a session, so there is nothing to look at.']
    : [
        'The webhook names the session and holds no content. Configure the receiver managed_agents with an API key: it pulls the events; or POST the list of GET /v1/sessions/{id}/events here.',
      ];
}

/** The body of a webhook: `{type: "event", id, created_at, data: {id, type, …}}`. */
export function isThin(payload: unknown): boolean {
  return member(payload, 'type') === 'event' && isObject(member(payload, 'data'));
}

/** The id of the session that a webhook is about; `undefined` for other objects. Throws `PayloadError` if it names none. */
export function thinSession(payload: unknown): string | undefined {
  const data = member(payload, 'data');
  const type = word(member(data, 'type'));
  if (type === undefined) throw new PayloadError(format, 'data.type', member(data, 'type'), 'the type of the event');
  if (!type.startsWith('session.')) return undefined;
  const id = word(member(data, 'id'));
  if (id === undefined) throw new PayloadError(format, 'data.id', member(data, 'id'), 'the id of the session');
  return id;
}

/** A page `{data}`, `{session_id, events}`, `{session, events}` or the bare list, whose events may say what session they are of. */
export function listed(payload: unknown): Listed {
  const given = Array.isArray(payload) ? payload : firstMember(payload, ['events', 'data']);
  if (!Array.isArray(given))
    throw new PayloadError(format, 'the body', payload, 'a list of events, or an object with events or data');
  // Recorded streams have each event under `data`.
  const events = given.map((one) =>
    member(one, 'type') === undefined && isObject(member(one, 'data')) ? member(one, 'data') : one,
  );
  if (!events.some((one) => isEvent(one)))
    throw new PayloadError(format, 'events', events, 'events with a type such as agent.message');
  const about = member(payload, 'session');
  const stated = identifier(member(payload, 'session_id')) ?? identifier(member(about, 'id'));
  const own = events.map((one) => word(member(one, 'session_id'))).find(Boolean);
  const first = events.map((one) => word(member(one, 'id'))).find(Boolean);
  const session = stated ?? own ?? first;
  if (session === undefined) throw new PayloadError(format, 'session_id', undefined, 'the id of the session');
  return { session, events, about, later: word(member(payload, 'after')) !== undefined };
}

function isEvent(one: unknown): boolean {
  return /^(?:user|agent|session|span|system|workflow_run)\./.test(word(member(one, 'type')) ?? '');
}

interface Call {
  readonly span: Span;
  ended: boolean;
}

class SessionEvents {
  readonly #run: Run;
  readonly #session: string;
  readonly #about: unknown;
  readonly #later: boolean;
  readonly #threads: Threads;
  readonly #calls = new Map<string, Call>();
  /** Begun since the user broke in last. */
  #begun: Call[] = [];
  readonly #requests = new Map<string, Span>();
  readonly #types = new Map<string, number>();
  #status: Dict | undefined;
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  constructor(run: Run, session: string, about: unknown, later: boolean) {
    this.#later = later;
    this.#run = run;
    this.#session = session;
    this.#about = about;
    this.#threads = new Threads(run, session, agentOf(member(about, 'agent')) ?? 'agent');
  }

  read(events: readonly unknown[]): TraceDocument[] {
    const { root } = this.#run;
    let unread = 0;
    for (const event of events.slice(0, maxEvents)) {
      if (isObject(event) && isEvent(event)) this.#event(event);
      else unread++;
    }
    if (unread > 0) root.note(`${unread} events: not of a session`);
    if (events.length > maxEvents) root.note(`${events.length - maxEvents} events`);
    this.#threads.finish();
    root.json('misstep.run.total', { events: Object.fromEntries(this.#types) });
    root.facts = { ...root.facts, startMs: this.#firstMs, endMs: this.#lastMs };
    this.#end(root);
    return [this.#run.document('managed-agents')];
  }

  #event(event: Dict): void {
    const type = word(member(event, 'type')) ?? '';
    if (this.#types.size < 100 || this.#types.has(type)) this.#types.set(type, (this.#types.get(type) ?? 0) + 1);
    const at = timeOf(event);
    if (at !== undefined) {
      this.#firstMs = Math.min(this.#firstMs ?? at, at);
      this.#lastMs = Math.max(this.#lastMs ?? at, at);
    }
    const thread = this.#threads.of(event);
    if (type === 'user.message') this.#threads.hear(thread, 'user', contentText(event));
    else if (type === 'system.message') this.#threads.hear(thread, 'system', contentText(event));
    else if (type === 'agent.message') this.#threads.say(thread, 'text', contentText(event), event, at);
    else if (type === 'agent.thinking') this.#threads.say(thread, 'reasoning', contentText(event), event, at);
    else if (/^agent\.(?:mcp_|custom_)?tool_use$/.test(type)) this.#call(event, type, thread, at);
    else if (/^(?:agent\.(?:mcp_)?tool_result|user\.(?:custom_)?tool_result)$/.test(type)) this.#result(event, thread, at);
    else if (type === 'user.tool_confirmation') this.#confirmed(event, at);
    else if (type === 'user.interrupt') this.#interrupt(at);
    else if (type === 'span.model_request_start') this.#requests.set(idOf(event), this.#threads.request(thread, event, at));
    else if (type === 'span.model_request_end') this.#requestEnd(event, thread, at);
    else if (type === 'agent.thread_message_sent') this.#handoff(event, thread, at);
    else if (type === 'agent.thread_message_received') this.#threads.hear(thread, 'user', contentText(event));
    else if (type === 'session.error') this.#error(event, thread, at);
    else if (type === 'span.outcome_evaluation_end') this.#evaluation(event, thread, at);
    else if (type === 'session.usage') this.#run.root.number('gen_ai.usage.cost', costOf(event));
    else if (type.startsWith('session.status_') || type === 'session.budget_reached') this.#status = event;
    else if (type === 'user.define_outcome')
      this.#step(event, thread, at)?.json('misstep.event.data', {
        rubric: member(event, 'rubric'),
        description: member(event, 'description'),
        max_iterations: member(event, 'max_iterations'),
      });
    else if (type === 'agent.thread_context_compacted')
      this.#step(event, thread, at, 'compact')?.text('gen_ai.operation.name', 'compact');
  }

  #step(event: Dict, thread: Thread, at: number | undefined, name?: string): Span | undefined {
    const type = word(member(event, 'type')) ?? 'event';
    const span = this.#run.add({
      name: name ?? type,
      id: this.#threads.idOf('event', idOf(event)),
      startMs: at,
      parent: thread.span,
    });
    span?.text('gen_ai.agent.name', thread.agent).text('gen_ai.conversation.id', this.#session).text('misstep.event.type', type);
    return name === undefined ? span?.text('openinference.span.kind', 'CHAIN') : span;
  }

  #call(event: Dict, type: string, thread: Thread, at: number | undefined): void {
    const id = idOf(event);
    const server = type === 'agent.mcp_tool_use' ? word(member(event, 'mcp_server_name')) : undefined;
    const own = word(member(event, 'name')) ?? 'tool';
    const name = server === undefined ? own : `mcp__${server}__${own}`;
    this.#threads.said(thread, { id, name: own, arguments: member(event, 'input') ?? {} }, at);
    const refused = member(event, 'evaluated_permission') === 'deny';
    const span = this.#run.add({
      name: `execute_tool ${own}`,
      id: this.#threads.idOf('tool', id),
      startMs: at,
      parent: thread.span,
      ending: { outcome: refused ? 'blocked' : 'unknown', source: refused ? 'evaluated_permission' : type },
    });
    if (span === undefined) return;
    span
      .text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.agent.name', thread.agent)
      .text('gen_ai.conversation.id', this.#session)
      .text('gen_ai.tool.name', name)
      .text('gen_ai.tool.call.id', id)
      .json('gen_ai.tool.call.arguments', member(event, 'input'));
    if (refused)
      span.text(
        'misstep.tools.denied',
        firstWord(member(event, 'evaluation'), ['reason', 'explanation']) ?? 'evaluated_permission: deny',
      );
    const call = { span, ended: refused };
    this.#calls.set(id, call);
    this.#begun.push(call);
  }

  #result(event: Dict, thread: Thread, at: number | undefined): void {
    const call = this.#calls.get(firstWord(event, ['tool_use_id', 'mcp_tool_use_id', 'custom_tool_use_id']) ?? '');
    const said = contentText(event);
    this.#threads.hear(thread, 'tool', said, firstWord(event, ['tool_use_id', 'mcp_tool_use_id', 'custom_tool_use_id']));
    if (call === undefined) return;
    call.span.text('gen_ai.tool.call.result', said).json('gen_ai.tool.call.result', member(event, 'content'));
    if (call.ended) return;
    const failed = flag(member(event, 'is_error')) === true;
    const late = /\btimed?[ -]?out\b/i.test((said ?? '').slice(0, 300));
    const error = failed ? { type: undefined, message: said ?? 'The tool failed.' } : undefined;
    close(call, failed ? { outcome: late ? 'timeout' : 'handled_error', source: 'tool_result.is_error' } : undefined, error, at);
  }

  #confirmed(event: Dict, at: number | undefined): void {
    if (member(event, 'result') !== 'deny') return;
    const call = this.#calls.get(firstWord(event, ['tool_use_id']) ?? '');
    if (call === undefined) return;
    const message = word(member(event, 'deny_message')) ?? 'The call was not permitted.';
    call.span.text('misstep.tools.denied', message);
    close(call, { outcome: 'blocked', source: 'user.tool_confirmation' }, { type: 'permission_denied', message }, at);
  }

  #interrupt(at: number | undefined): void {
    for (const call of this.#begun)
      if (!call.ended) close(call, { outcome: 'cancelled', source: 'user.interrupt' }, undefined, at);
    this.#begun = [];
  }

  #requestEnd(event: Dict, thread: Thread, at: number | undefined): void {
    const start = firstWord(event, ['model_request_start_id', 'start_event_id']) ?? '';
    const span = this.#requests.get(start) ?? this.#threads.lastRequest(thread, event, at);
    const usage = firstMember(event, ['model_usage', 'usage']);
    const [input, read, written] = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((key) =>
      number(member(usage, key)),
    );
    const failed = flag(member(event, 'is_error')) === true;
    span.facts = {
      ...span.facts,
      endMs: at ?? span.facts.endMs,
      error: failed ? { type: 'model_request', message: 'The model request failed.' } : undefined,
    };
    span
      .text('gen_ai.response.model', firstWord(event, ['model']) ?? firstWord(usage, ['model']))
      .count('gen_ai.usage.input_tokens', input === undefined ? undefined : input + (read ?? 0) + (written ?? 0))
      .count('gen_ai.usage.output_tokens', number(member(usage, 'output_tokens')))
      .count('gen_ai.usage.cache_read.input_tokens', read)
      .count('gen_ai.usage.cache_creation.input_tokens', written);
  }

  #handoff(event: Dict, thread: Thread, at: number | undefined): void {
    const to = firstWord(event, ['to_agent_name', 'to_session_thread_id']);
    this.#step(event, thread, at, `handoff ${to ?? 'agent'}`)
      ?.text('gen_ai.operation.name', 'handoff')
      .text('gen_ai.handoff.from_agent', thread.agent)
      .text('gen_ai.handoff.to_agent', to)
      .text('misstep.message.session', word(member(event, 'to_session_thread_id')))
      .messages('gen_ai.output.messages', [{ role: 'assistant', text: contentText(event) }]);
  }

  /** `retrying` is followed by another try. */
  #error(event: Dict, thread: Thread, at: number | undefined): void {
    const error = member(event, 'error');
    const status = member(error, 'retry_status');
    const retry = word(status) ?? word(member(status, 'type'));
    const span = this.#step(event, thread, at);
    if (span === undefined) return;
    const said = {
      type: firstWord(error, ['type']) ?? 'error',
      message: firstWord(error, ['message']) ?? 'The session reports an error.',
    };
    const ending: Ending | undefined =
      retry === 'retrying' ? { outcome: 'handled_error', source: 'error.retry_status' } : undefined;
    span.facts = { ...span.facts, error: said, ending };
    span.json('misstep.event.data', { retry_status: retry });
  }

  #evaluation(event: Dict, thread: Thread, at: number | undefined): void {
    const result = word(member(event, 'result'));
    const span = this.#step(event, thread, at, 'evaluate outcome');
    if (span === undefined) return;
    if (result === 'failed')
      span.facts = {
        ...span.facts,
        error: { type: 'outcome_evaluation', message: word(member(event, 'explanation')) ?? 'The evaluation failed.' },
      };
    span
      .text('openinference.span.kind', 'EVALUATOR')
      .text('output.value', word(member(event, 'explanation')))
      .text('misstep.node.status', result)
      .count('misstep.iteration.index', number(member(event, 'iteration')));
  }

  /** Of a root that was sent already only a step of its own can say how it went on. */
  #end(root: Span): void {
    const type = word(member(this.#status, 'type'));
    const stop = member(this.#status, 'stop_reason');
    const reason = firstWord(stop, ['type']) ?? word(stop);
    const outcome = endings[reason ?? ''] ?? endings[type ?? ''];
    root
      .text('misstep.run.status', reason ?? type)
      .json('misstep.run.ids', member(this.#about, 'environment_id') && { environment: member(this.#about, 'environment_id') });
    if (this.#later) this.#run.withoutRoot();
    const on =
      this.#later && this.#status !== undefined && outcome !== undefined
        ? this.#step(this.#status, this.#threads.of({}), this.#lastMs)
        : root;
    if (outcome === undefined || on === undefined) return;
    const error =
      outcome === 'unknown' ? undefined : { type: reason ?? type, message: `The session ended with ${reason ?? type}.` };
    on.facts = { ...on.facts, ending: { outcome, source: reason === undefined ? 'status' : 'stop_reason' }, error };
  }
}

/** Ends that are no success; `requires_action` and a running session have no end yet. */
const endings: Readonly<Record<string, Ending['outcome']>> = Object.assign(Object.create(null), {
  retries_exhausted: 'error',
  budget_reached: 'error',
  'session.budget_reached': 'error',
  refusal: 'blocked',
  requires_action: 'unknown',
  'session.status_running': 'unknown',
  'session.status_rescheduled': 'unknown',
  'session.status_terminated': 'error',
});

function close(call: Call, ending: Ending | undefined, error: SpanError | undefined, at: number | undefined): void {
  call.ended = true;
  call.span.facts = { ...call.span.facts, endMs: at, ending, error };
}

function costOf(event: Dict): number | undefined {
  const cost = member(event, 'list_cost');
  return number(cost) ?? firstNumber(cost, ['amount', 'usd', 'value']);
}

function contentText(event: Dict): string | undefined {
  const content = firstMember(event, ['content', 'thinking', 'text']);
  if (typeof content === 'string') return content === '' ? undefined : content;
  const texts = list(content).map((block) => (typeof block === 'string' ? block : firstWord(block, ['text', 'thinking'])));
  const said = texts.filter((one) => one !== undefined).join('\n');
  return said === '' ? undefined : said;
}

/** When the event was processed; what waits has none yet. */
function timeOf(event: unknown): number | undefined {
  return time(firstMember(event, ['processed_at', 'created_at']));
}

function idOf(event: Dict): string {
  return identifier(member(event, 'id')) ?? '';
}

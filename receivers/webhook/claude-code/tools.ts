/** Tool calls of a session by their id: the call, its result and what hooks and permissions say of it become one span. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, firstWord, flag, list, time, word } from '../payload.ts';
import type { Ending, Run, Span, SpanError } from '../run.ts';
import { spanIdOf, textOf, timeOf } from './records.ts';

/** What Claude Code writes into a result where a person or a rule refused the call. */
const refused =
  /^(?:The user doesn't want to |User rejected |Permission to use |Claude requested permissions |Permission denied|Tool use was blocked|PreToolUse:.*(?:blocked|denied))/i;
const stopped = /\[Request interrupted by user|Interrupted by user|tool use was cancelled/i;
const late = /\btimed?[ -]?out\b/i;
/** Characters of a result in which those words are looked for: they stand at its start. */
const searched = 300;

export interface Call {
  readonly id: string;
  readonly span: Span;
  ended: boolean;
}

/** Where a call stands: the span around it and the agent that made it. */
export interface Place {
  readonly parent: Span | undefined;
  readonly agent: string;
}

export class Tools {
  readonly #run: Run;
  readonly #session: string;
  readonly #calls = new Map<string, Call>();
  /** Begun since the user broke in last. */
  #begun: Call[] = [];

  constructor(run: Run, session: string) {
    this.#run = run;
    this.#session = session;
  }

  get(id: string | undefined): Call | undefined {
    return id === undefined ? undefined : this.#calls.get(id);
  }

  /** The call of this id; made if it is not known yet. `undefined` if the run is too long. */
  open(
    id: string | undefined,
    name: string | undefined,
    input: unknown,
    place: Place,
    startMs: number | undefined,
  ): Call | undefined {
    const known = this.get(id);
    if (known !== undefined) return known;
    const span = this.#run.add({
      name: `execute_tool ${name ?? 'tool'}`,
      id: id === undefined ? undefined : spanIdOf(this.#session, 'tool', id),
      startMs,
      endMs: startMs,
      parent: place.parent,
      ending: { outcome: 'unknown', source: 'tool_use' },
    });
    if (span === undefined) return undefined;
    span
      .text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.agent.name', place.agent)
      .text('gen_ai.conversation.id', this.#session)
      .text('gen_ai.tool.name', name ?? 'tool')
      .text('gen_ai.tool.call.id', id)
      .json('gen_ai.tool.call.arguments', input);
    const call = { id: id ?? '', span, ended: false };
    if (id !== undefined) this.#calls.set(id, call);
    this.#begun.push(call);
    return call;
  }

  /** The block `tool_result` of a user's record. `whole` is what the tool gave to the program. */
  result(block: unknown, record: Dict, whole: unknown): void {
    const call = this.get(word(member(block, 'tool_use_id')));
    if (call === undefined) return;
    const content = member(block, 'content');
    const said = textOf(content);
    const failed = flag(member(block, 'is_error')) === true;
    call.span.json('gen_ai.tool.call.result', said === undefined || list(content).length > 1 ? content : undefined);
    if (said !== undefined) call.span.text('gen_ai.tool.call.result', said);
    const interrupted = flag(member(whole, 'interrupted')) === true;
    end(call, { error: failed ? said : undefined, failed, interrupted, source: 'tool_result' }, time(timeOf(record)));
  }

  /** A hook that came after the call. */
  hooked(call: Call, input: Dict, endMs: number | undefined): void {
    const response = member(input, 'tool_response');
    if (typeof response === 'string') call.span.text('gen_ai.tool.call.result', response);
    else call.span.json('gen_ai.tool.call.result', response);
    const event = member(input, 'hook_event_name');
    const durationMs = firstNumber(input, ['duration_ms']);
    if (durationMs !== undefined && durationMs >= 0 && endMs !== undefined)
      call.span.facts = { ...call.span.facts, startMs: Math.max(1, endMs - durationMs) };
    if (event === 'PermissionDenied') {
      block(call, firstWord(input, ['reason', 'message']), 'hook PermissionDenied', endMs);
      return;
    }
    const error = word(member(input, 'error'));
    const failed = event === 'PostToolUseFailure' || error !== undefined;
    const interrupted = flag(member(input, 'is_interrupt')) === true || flag(member(response, 'interrupted')) === true;
    end(call, { error, failed, interrupted, source: `hook ${String(event)}` }, endMs);
  }

  /** A call that was not let through. */
  block(call: Call, reason: string | undefined, source: string): void {
    block(call, reason, source, undefined);
  }

  /** Calls that were still running when the user broke in. */
  interrupt(source: string): void {
    for (const call of this.#begun) if (!call.ended) close(call, { outcome: 'cancelled', source }, undefined, undefined);
    this.#begun = [];
  }
}

interface Said {
  readonly error: string | undefined;
  readonly failed: boolean;
  readonly interrupted: boolean;
  readonly source: string;
}

/** The model reads the error and goes on, so it is one that was handled. A call ends once; a blocked one stays so. */
function end(call: Call, { error, failed, interrupted, source }: Said, endMs: number | undefined): void {
  if (call.ended) return;
  const head = (error ?? '').slice(0, searched);
  if (!failed) {
    const ending = interrupted ? { outcome: 'cancelled' as const, source: `${source}.interrupted` } : undefined;
    close(call, ending, undefined, endMs);
    return;
  }
  const message = error ?? 'The tool failed.';
  const outcome = refused.test(head)
    ? ('blocked' as const)
    : interrupted || stopped.test(head)
      ? ('cancelled' as const)
      : late.test(head)
        ? ('timeout' as const)
        : ('handled_error' as const);
  if (outcome === 'blocked') call.span.text('misstep.tools.denied', head);
  close(
    call,
    { outcome, source: `${source}.${source === 'tool_result' ? 'is_error' : 'error'}` },
    { type: undefined, message },
    endMs,
  );
}

function block(call: Call, reason: string | undefined, source: string, endMs: number | undefined): void {
  const message = reason ?? 'The call was not permitted.';
  call.span.text('misstep.tools.denied', message);
  call.ended = false;
  close(call, { outcome: 'blocked', source }, { type: 'permission_denied', message }, endMs);
}

function close(call: Call, ending: Ending | undefined, error: SpanError | undefined, endMs: number | undefined): void {
  call.ended = true;
  const { facts } = call.span;
  call.span.facts = { ...facts, endMs: endMs ?? facts.endMs, ending, error };
}

/** Text of the message where it is a refusal and nothing else; of the control protocol. */
export function denial(response: unknown): string | undefined {
  const own = member(response, 'hookSpecificOutput');
  if (member(response, 'behavior') === 'deny') return word(member(response, 'message')) ?? 'denied';
  if (member(own, 'permissionDecision') === 'deny') return word(member(own, 'permissionDecisionReason')) ?? 'denied';
  if (member(response, 'decision') === 'block' && isObject(response)) return word(member(response, 'reason')) ?? 'blocked';
  return undefined;
}

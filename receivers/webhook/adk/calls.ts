/** Tool calls of an invocation and what answered them: by id, or by name where there is none. */
import { member } from '../../../src/dialects/json.ts';
import { type Dict, dict, identifier, word, writeJson } from '../payload.ts';
import type { Span, SpanError } from '../run.ts';

/** Characters of an answer as the next model call is shown with it; the tool's own span has it whole. */
const maxShown = 8192;

interface Call {
  readonly span: Span;
  /** A long-running tool: what it answers at once is a receipt, the answer itself may come in a later event or never. */
  readonly waits: boolean;
  answers: number;
  response: unknown;
}

export class Calls {
  private readonly all: Call[] = [];
  /** Calls without an answer, the oldest first. */
  private readonly waiting = new Map<string, Call[]>();
  private readonly answered = new Map<string, Call>();

  open(call: Dict, span: Span, waits: boolean): void {
    const key = keyOf(call);
    const opened = { span, waits, answers: 0, response: undefined };
    this.all.push(opened);
    const known = this.waiting.get(key);
    if (known === undefined) this.waiting.set(key, [opened]);
    else known.push(opened);
  }

  /** False if nothing waits for the answer. */
  answer(answer: Dict, atMs: number | undefined): boolean {
    const key = keyOf(answer);
    const last = this.answered.get(key);
    const call =
      this.waiting.get(key)?.shift() ?? this.waiting.get(nameOf(answer))?.shift() ?? (last?.waits === true ? last : undefined);
    if (call === undefined) return false;
    this.answered.set(key, call);
    call.answers++;
    call.response = answer['response'];
    call.span.facts = { ...call.span.facts, endMs: atMs ?? call.span.facts.endMs };
    return true;
  }

  /** The call that an answer answered last. */
  of(answer: Dict): Span | undefined {
    return this.answered.get(keyOf(answer))?.span;
  }

  /** Ends the calls without an answer by the error; false if there are none. */
  raised(error: SpanError, atMs: number | undefined): boolean {
    const open = [...this.waiting.values()].flat().filter(({ waits }) => !waits);
    this.waiting.clear();
    for (const { span } of open) span.facts = { ...span.facts, error, endMs: atMs ?? span.facts.endMs };
    return open.length > 0;
  }

  textOf(answer: Dict): string | undefined {
    const { response } = answer;
    return response === undefined || response === null ? undefined : writeJson(response, maxShown).text;
  }

  end(): void {
    for (const { span, waits, answers, response } of this.all) {
      const error = failureIn(response);
      if (error !== undefined)
        span.facts = { ...span.facts, error, ending: { outcome: 'handled_error', source: 'functionResponse.response' } };
      else if (waits && answers < 2) span.facts = { ...span.facts, ending: { outcome: 'unknown', source: 'longRunningToolIds' } };
      span.json('gen_ai.tool.call.result', response);
    }
  }
}

function nameOf(call: Dict): string {
  return `name ${word(call['name']) ?? 'tool'}`;
}

function keyOf(call: Dict): string {
  const id = identifier(call['id']);
  return id === undefined ? nameOf(call) : `id ${id}`;
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

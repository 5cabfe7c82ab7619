/**
 * Conversations without a framework: chat messages of OpenAI and Claude, Responses items, exports, ShareGPT, MAST, turns by anybody.
 * One span a turn in the order of the payload: `user` and named participants are agents, answers are model calls, results are tools.
 */
import { createHash } from 'node:crypto';
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import type { Message, ToolCall } from '../../../src/step/step.ts';
import { firstNumber, firstWord, identifier, PayloadError, word, writeJson } from '../payload.ts';
import { Run, type Span, type TraceDocument } from '../run.ts';
import { detect, lookedFor, minConfidence } from './shapes.ts';
import { type Turn, turnsOf } from './turns.ts';

const format = 'conversation';
/** Characters of a payload that name it if nothing else does. */
const maxHashed = 4 * 1024 * 1024;

/** Throws `PayloadError` where `detect` is less sure than `minConfidence`; its text says what was looked for. */
export function conversation(payload: unknown): TraceDocument[] {
  const { format: shape, confidence, why } = detect(payload);
  if (shape === undefined) throw new PayloadError(format, 'the body', payload, lookedFor);
  if (confidence < minConfidence)
    throw new PayloadError(format, `the body (most like ${shape}, confidence ${confidence}: ${why})`, payload, lookedFor);
  const cuts: string[] = [];
  const turns = turnsOf(shape, payload, (what) => cuts.push(what));
  const system = word(member(payload, 'mas_name'));
  const run = new Run(format, idOf(payload), { name: system === undefined ? format : `invoke_agent ${system}` });
  const scribe = new Scribe(run, payload, shape === 'mast' || shape === 'turns');
  scribe.root(turns, system);
  for (const turn of turns) scribe.turn(turn);
  scribe.usage();
  for (const cut of cuts) run.root.note(cut);
  return [run.document(format)];
}

/** What this payload cannot show. */
export function hints(payload: unknown): string[] {
  const { format: shape } = detect(payload);
  if (shape === undefined) return [];
  const turns = turnsOf(shape, payload, () => undefined);
  const found: string[] = [];
  if (turns.every(({ atMs }) => atMs === undefined))
    found.push('No turn has a time: only its place in the order is known. Give created_at to see what takes long.');
  if (turns.every(({ message }) => message.toolCalls.length + message.toolResults.length === 0))
    found.push(
      'No turn has tool calls or results: detectors of tools are not evaluable. Keep tool_calls and tool messages in the export.',
    );
  return found;
}

/** The payload's own id; a data set counts its rows within a system. Without one the content names it. */
function idOf(payload: unknown): string {
  const id = identifier(firstMember(payload, ['conversation_id', 'trace_id', 'session_id', 'thread_id', 'uuid', 'id']));
  const row = [
    firstWord(payload, ['mas_name']),
    firstWord(payload, ['llm_name']),
    firstWord(payload, ['benchmark_name']),
    firstWord(member(payload, 'trace'), ['key']),
  ];
  const parts = row.filter((part) => part !== undefined);
  if (id !== undefined) return [...parts, id].join('/');
  return createHash('sha256').update(writeJson(payload, maxHashed).text).digest('hex').slice(0, 32);
}

/** Writes turns, and knows what was said and called before. */
class Scribe {
  readonly #run: Run;
  readonly #payload: unknown;
  /** Every participant is an agent that acts: no answer is a bare model call. */
  readonly #team: boolean;
  readonly #calls = new Map<string, ToolCall>();
  /** Calls whose id is not known, oldest first. */
  readonly #unnamed: ToolCall[] = [];
  #system: string | undefined;
  #asked: unknown;
  /** Said since the last answer. */
  #since: unknown[] = [];
  #before: string | undefined;
  #answer: Span | undefined;

  constructor(run: Run, payload: unknown, team: boolean) {
    this.#run = run;
    this.#payload = payload;
    this.#team = team;
    const given = firstMember(payload, ['system', 'instructions']);
    this.#system = typeof given === 'string' ? given : undefined;
  }

  root(turns: readonly Turn[], system: string | undefined): void {
    const spoken = turns.filter(({ role, message }) => role !== 'system' && message.text !== '');
    this.#run.root
      .text('openinference.span.kind', 'CHAIN')
      .text('gen_ai.operation.name', 'invoke_agent')
      .text('gen_ai.agent.name', system)
      .text('gen_ai.conversation.id', this.#run.id)
      .text('input.value', spoken[0]?.message.text)
      .text('output.value', spoken.length > 1 ? spoken.at(-1)?.message.text : undefined);
  }

  turn(turn: Turn): void {
    const { role, message } = turn;
    if (role === 'system' && turn.name === undefined) {
      this.#system =
        this.#system === undefined || this.#system === message.text ? message.text : `${this.#system}\n${message.text}`;
      return;
    }
    // Claude's results stand in a turn of the user, and before what the user says.
    for (const result of message.toolResults) this.#result(turn, result);
    if (role === 'tool' && message.toolResults.length > 0) return;
    if (message.text === '' && message.toolCalls.length === 0 && message.reasoning === undefined) return;
    if (role === 'assistant' && turn.name === undefined) this.#modelCall(turn, 'assistant');
    else if (role === 'assistant' && !this.#team) this.#modelCall(turn, turn.name as string);
    else this.#participant(turn);
  }

  /** A Responses object or a completion is one call: its usage belongs to the answer. */
  usage(): void {
    const usage = member(this.#payload, 'usage');
    if (!isObject(usage) || this.#answer === undefined) return;
    this.#answer
      .count('gen_ai.usage.input_tokens', firstNumber(usage, ['input_tokens', 'prompt_tokens']))
      .count('gen_ai.usage.output_tokens', firstNumber(usage, ['output_tokens', 'completion_tokens']));
  }

  #span(turn: Turn, name: string, error?: ReturnType<Turn['failed']['get']>): Span | undefined {
    return this.#run
      .add({ name, id: turn.id, startMs: turn.atMs, endMs: turn.atMs, error })
      ?.text('gen_ai.conversation.id', this.#run.id);
  }

  #participant(turn: Turn): void {
    const { message } = turn;
    const agent = turn.name ?? turn.role;
    this.#span(turn, `invoke_agent ${agent}`)
      ?.text('openinference.span.kind', 'AGENT')
      .text('gen_ai.operation.name', 'invoke_agent')
      .text('gen_ai.agent.name', agent)
      .text('misstep.message.recipient', turn.to)
      .text('input.value', this.#before)
      .json('gen_ai.system_instructions', instructions(this.#team ? this.#system : undefined))
      .json('gen_ai.output.messages', [said(message, turn.role === 'user' ? 'user' : 'assistant')]);
    this.#keep(message, turn.role === 'user' ? 'user' : 'assistant');
  }

  #modelCall(turn: Turn, agent: string): void {
    const { message } = turn;
    const asked = this.#asked !== undefined && !this.#since.includes(this.#asked) ? [this.#asked] : [];
    const heard = [...asked, ...this.#since];
    this.#answer = this.#span(turn, 'chat')
      ?.text('gen_ai.operation.name', 'chat')
      .text('gen_ai.agent.name', agent)
      .text('gen_ai.request.model', turn.model ?? firstWord(this.#payload, ['model']))
      .json('gen_ai.system_instructions', instructions(this.#system))
      .json('gen_ai.input.messages', heard.length === 0 ? undefined : heard)
      .json('gen_ai.output.messages', [said(message, 'assistant')]);
    this.#since = [];
    this.#keep(message, 'assistant');
  }

  #result(turn: Turn, result: Message['toolResults'][number]): void {
    const call = (result.id === undefined ? undefined : this.#calls.get(result.id)) ?? this.#unnamed.shift();
    const name = call?.name ?? result.name ?? turn.message.name ?? 'tool';
    const failed = result.id === undefined ? undefined : turn.failed.get(result.id);
    this.#span({ ...turn, id: undefined }, `execute_tool ${name}`, failed)
      ?.text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .text('gen_ai.tool.call.id', result.id ?? call?.id)
      .text('gen_ai.tool.call.arguments', call?.arguments)
      .text('gen_ai.tool.call.result', result.text);
    this.#since.push({ role: 'tool', parts: [{ type: 'tool_call_response', id: result.id ?? call?.id, response: result.text }] });
  }

  #keep({ text, toolCalls }: Message, role: 'user' | 'assistant'): void {
    for (const call of toolCalls) {
      if (call.id === undefined) this.#unnamed.push(call);
      else this.#calls.set(call.id, call);
    }
    if (text === '') return;
    this.#before = text;
    if (role !== 'user') return;
    this.#asked = { role, parts: [{ type: 'text', content: text }] };
    this.#since.push(this.#asked);
  }
}

function instructions(text: string | undefined): unknown {
  return text === undefined || text === '' ? undefined : [{ type: 'text', content: text }];
}

function said({ text, reasoning, toolCalls }: Message, role: string): unknown {
  return {
    role,
    parts: [
      ...(reasoning === undefined ? [] : [{ type: 'reasoning', content: reasoning }]),
      ...(text === '' ? [] : [{ type: 'text', content: text }]),
      ...toolCalls.map(({ id, name, arguments: given }) => ({ type: 'tool_call', id, name, arguments: given })),
    ],
  };
}

/** Lines of a transcript, or messages of the Agent SDK: the agent's session with its requests, tool calls and started agents. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, firstWord, flag, list, members, number, time, word } from '../payload.ts';
import { Run, type Span, type SpanError, type TraceDocument } from '../run.ts';
import { Agents, describe, mainAgent } from './agents.ts';
import { hook, isHook } from './hooks.ts';
import { format, spanIdOf, textOf, timeOf } from './records.ts';
import { Requests } from './requests.ts';
import { denial, Tools } from './tools.ts';

const interrupted = /^\[Request interrupted by user/;

interface Counts {
  readonly unread: number;
  readonly left: number;
}

/** `abandoned`: the prompt of a branch of the session that the user left. */
export function conversation(session: string, records: readonly Dict[], counts: Counts, abandoned?: string): TraceDocument {
  const run = new Run(format, session, { name: `invoke_agent ${mainAgent}`, ...span(records) });
  return new Conversation(abandoned === undefined ? run : branch(session, abandoned, records), session, records).read(counts);
}

function branch(session: string, prompt: string, records: readonly Dict[]): Run {
  const ending = { outcome: 'cancelled' as const, source: 'parentUuid' };
  return new Run(format, `${session}#${prompt}`, { name: `invoke_agent ${mainAgent}`, ...span(records), ending });
}

function span(records: readonly Dict[]): { readonly startMs: number | undefined; readonly endMs: number | undefined } {
  let startMs: number | undefined;
  let endMs: number | undefined;
  for (const record of records) {
    const at = time(timeOf(record));
    if (at === undefined) continue;
    startMs = Math.min(startMs ?? at, at);
    endMs = Math.max(endMs ?? at, at);
  }
  return { startMs, endMs };
}

class Conversation {
  readonly #run: Run;
  readonly #session: string;
  readonly #records: readonly Dict[];
  readonly #tools: Tools;
  readonly #agents: Agents;
  readonly #requests: Requests;
  readonly #types = new Map<string, number>();
  /** Requests of the control protocol to the call that each is about. */
  readonly #asked = new Map<string, string>();
  #prompt: string | undefined;
  #result: Dict | undefined;

  constructor(run: Run, session: string, records: readonly Dict[]) {
    this.#run = run;
    this.#session = session;
    this.#records = records;
    this.#tools = new Tools(run, session);
    this.#agents = new Agents(run, session, this.#tools, records, () => true);
    this.#requests = new Requests(run, session);
  }

  read({ unread, left }: Counts): TraceDocument {
    const { root } = this.#run;
    describe(root, mainAgent, this.#session);
    for (const record of this.#records) this.#record(record);
    const requests = this.#requests.finish();
    const said = this.#requests.lastText({ name: mainAgent, span: root });
    root
      .messages('gen_ai.input.messages', [{ role: 'user', text: this.#prompt }])
      .messages('gen_ai.output.messages', [{ role: 'assistant', text: said ?? word(member(this.#result, 'result')) }])
      .json('misstep.run.total', {
        records: Object.fromEntries(this.#types),
        requests,
        ...(unread > 0 ? { unread } : {}),
        turns: number(member(this.#result, 'num_turns')),
      });
    if (unread > 0) root.note(`${unread} records: not objects`);
    if (left > 0) root.note(`${left} records`);
    if (this.#result !== undefined) this.#end(root, this.#result);
    return this.#run.document(mainAgent);
  }

  #record(record: Dict): void {
    const type = isHook(record) ? 'hook' : (word(member(record, 'type')) ?? 'other');
    if (this.#types.size < 50 || this.#types.has(type)) this.#types.set(type, (this.#types.get(type) ?? 0) + 1);
    if (type === 'hook') {
      hook(this.#run, this.#session, record, this.#tools, time(timeOf(record)), this.#agents.of(record));
      this.#ask(record, record);
    } else if (type === 'user') this.#user(record);
    else if (type === 'assistant') this.#assistant(record);
    else if (type === 'system') this.#system(record);
    else if (type === 'result') this.#result = record;
    else if (type === 'control_request') this.#ask(record, member(record, 'request'));
    else if (type === 'control_response') this.#answer(record);
  }

  #user(record: Dict): void {
    const agent = this.#agents.of(record);
    const message = member(record, 'message');
    const content = member(message, 'content');
    if (flag(member(record, 'isCompactSummary')) === true) this.#compaction(record);
    const whole = firstMember(record, ['toolUseResult', 'tool_use_result']);
    for (const block of list(content)) if (member(block, 'type') === 'tool_result') this.#tools.result(block, record, whole);
    const said = textOf(content) ?? textOf(message);
    if (said !== undefined && interrupted.test(said)) {
      this.#tools.interrupt('user interrupt');
      this.#requests.interrupt(agent);
    } else this.#prompt ??= agent.span === this.#run.root && flag(member(record, 'isMeta')) !== true ? said : undefined;
    this.#requests.hear(agent, record);
  }

  #assistant(record: Dict): void {
    const agent = this.#agents.of(record);
    this.#requests.answer(agent, record);
    for (const block of list(member(member(record, 'message'), 'content'))) {
      if (member(block, 'type') !== 'tool_use') continue;
      const place = { parent: agent.span, agent: agent.name };
      this.#tools.open(
        word(member(block, 'id')),
        word(member(block, 'name')),
        member(block, 'input'),
        place,
        time(timeOf(record)),
      );
    }
  }

  #system(record: Dict): void {
    const subtype = word(member(record, 'subtype'));
    if (subtype === 'init') this.#init(record);
    else if (subtype === 'api_error') this.#requests.failed(this.#agents.of(record), record);
    else if (subtype === 'compact_boundary') this.#compaction(record);
  }

  #init(record: Dict): void {
    const tools = list(member(record, 'tools')).map((one) => word(one) ?? firstWord(one, ['name']));
    this.#run.root
      .text('gen_ai.request.model', word(member(record, 'model')))
      .text('misstep.run.mode', firstWord(record, ['permissionMode', 'permission_mode']))
      .texts('misstep.tools.allowed', tools);
  }

  /** The boundary has the facts, the summary after it the text. */
  #compaction(record: Dict): void {
    const facts = firstMember(record, ['compactMetadata', 'compact_metadata']);
    const uuid = word(member(record, 'uuid')) ?? String(timeOf(record));
    const made = this.#run.add({ name: 'compact', id: spanIdOf(this.#session, 'compact', uuid), startMs: time(timeOf(record)) });
    made
      ?.text('openinference.span.kind', 'CHAIN')
      .text('gen_ai.operation.name', 'compact')
      .text('gen_ai.agent.name', mainAgent)
      .text('gen_ai.conversation.id', this.#session)
      .text('misstep.event.type', 'compaction')
      .count('misstep.compaction.before', firstNumber(facts, ['preTokens', 'pre_tokens']))
      .count('misstep.compaction.after', firstNumber(facts, ['postTokens', 'post_tokens']))
      .json('misstep.event.data', {
        trigger: member(facts, 'trigger'),
        summary: textOf(member(member(record, 'message'), 'content')),
      });
  }

  #ask(record: Dict, request: unknown): void {
    const id = word(member(record, 'request_id'));
    const call = firstWord(request, ['tool_use_id']);
    if (id !== undefined && call !== undefined) this.#asked.set(id, call);
  }

  #answer(record: Dict): void {
    const response = member(record, 'response');
    const reason = denial(member(response, 'response'));
    const call = this.#tools.get(this.#asked.get(word(member(response, 'request_id')) ?? ''));
    if (reason !== undefined && call !== undefined) this.#tools.block(call, reason, 'control_response');
  }

  /** The SDK's last message says how all of it went. */
  #end(root: Span, result: Dict): void {
    const subtype = word(member(result, 'subtype'));
    const failed = flag(member(result, 'is_error')) === true || (subtype !== undefined && subtype !== 'success');
    const errors = list(member(result, 'errors')).map(word).filter(Boolean);
    const message = errors.join('\n') || (word(member(result, 'result')) ?? subtype ?? 'error');
    const error: SpanError | undefined = failed ? { type: subtype === 'success' ? 'api_error' : subtype, message } : undefined;
    root.facts = { ...root.facts, error };
    const usage = member(result, 'usage');
    const counted = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'output_tokens'].map(
      (key) => number(member(usage, key)) ?? 0,
    );
    const windows = members(member(result, 'modelUsage')).map(([, one]) => number(member(one, 'contextWindow')) ?? 0);
    root
      .text('misstep.run.status', subtype)
      .number('gen_ai.usage.cost', number(member(result, 'total_cost_usd')))
      .count('misstep.run.tokens', isObject(usage) ? counted.reduce((sum, one) => sum + one, 0) : undefined)
      .number('misstep.limit.context_window', Math.max(0, ...windows.slice(0, 100)) || undefined);
    for (const denied of list(member(result, 'permission_denials')).slice(0, 1000)) this.#denied(denied);
  }

  #denied(denied: unknown): void {
    const place = { parent: this.#run.root, agent: mainAgent };
    const id = firstWord(denied, ['tool_use_id', 'toolUseID']);
    const call = this.#tools.open(id, firstWord(denied, ['tool_name']), member(denied, 'tool_input'), place, undefined);
    if (call !== undefined) this.#tools.block(call, undefined, 'result.permission_denials');
  }
}

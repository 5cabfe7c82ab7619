/** Who made a step: the session's own agent, or one that it started. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstWord, flag, list, time, word } from '../payload.ts';
import type { Run, Span } from '../run.ts';
import { spanIdOf, textOf, timeOf } from './records.ts';
import type { Tools } from './tools.ts';

export const mainAgent = 'claude-code';

/** Names of the tool that starts an agent. */
const starters = new Set(['Task', 'Agent']);

export interface Agent {
  readonly name: string;
  /** Its span: the root for the session's own. */
  readonly span: Span;
}

/** Which records belong to a started agent, and which call started it. */
export class Agents {
  readonly #run: Run;
  readonly #session: string;
  readonly #tools: Tools;
  readonly #main: Agent;
  readonly #told: (id: string | undefined) => boolean;
  readonly #made = new Map<string, Agent>();
  /** Of a sidechain in the session's own file: record to the first of its chain. */
  readonly #chains = new Map<string, string>();
  readonly #byAgentId = new Map<string, string>();
  readonly #byPrompt = new Map<string, string>();
  readonly #names = new Map<string, string>();

  /** `told`: whether these records tell the span of the agent of this id; otherwise others do, and its steps stand below it. */
  constructor(run: Run, session: string, tools: Tools, records: readonly Dict[], told: (id: string | undefined) => boolean) {
    this.#run = run;
    this.#told = told;
    this.#session = session;
    this.#tools = tools;
    this.#main = { name: mainAgent, span: run.root };
    for (const record of records) this.#note(record);
  }

  #note(record: Dict): void {
    const content = list(member(member(record, 'message'), 'content'));
    const id = word(member(member(record, 'toolUseResult') ?? member(record, 'tool_use_result'), 'agentId'));
    for (const block of content) {
      const call = firstWord(block, ['id', 'tool_use_id']);
      if (call === undefined) continue;
      if (id !== undefined && member(block, 'type') === 'tool_result') this.#byAgentId.set(id, call);
      if (!starters.has(word(member(block, 'name')) ?? '')) continue;
      const prompt = word(member(member(block, 'input'), 'prompt'));
      if (prompt !== undefined && !this.#byPrompt.has(prompt)) this.#byPrompt.set(prompt, call);
      const name = word(member(member(block, 'input'), 'subagent_type'));
      if (name !== undefined) this.#names.set(call, name);
    }
  }

  /** `parent_tool_use_id` in messages of the SDK, `agent_id` in hooks, `agentId` or the chain of parents in transcripts. */
  of(record: Dict, atMs = time(timeOf(record))): Agent {
    const started = word(member(record, 'parent_tool_use_id'));
    if (started !== undefined) return this.#agent(`call ${started}`, started, undefined, record, atMs);
    const own = firstWord(record, ['agentId', 'agent_id']);
    if (own !== undefined && (flag(member(record, 'isSidechain')) ?? true))
      return this.#agent(`agent ${own}`, this.#byAgentId.get(own), own, record, atMs);
    if (flag(member(record, 'isSidechain')) !== true) return this.#main;
    const uuid = word(member(record, 'uuid')) ?? '';
    const parent = word(member(record, 'parentUuid'));
    const head = parent === undefined ? uuid : (this.#chains.get(parent) ?? uuid);
    this.#chains.set(uuid, head);
    return this.#agent(`chain ${head}`, undefined, undefined, record, atMs);
  }

  #agent(key: string, call: string | undefined, id: string | undefined, record: Dict, at: number | undefined): Agent {
    const known = this.#made.get(key);
    if (known !== undefined) {
      if (at !== undefined) known.span.facts = { ...known.span.facts, endMs: Math.max(at, known.span.facts.endMs ?? 0) };
      return known;
    }
    const prompt = textOf(member(member(record, 'message'), 'content'));
    const from = call ?? (prompt === undefined ? undefined : this.#byPrompt.get(prompt));
    const name = word(member(record, 'agent_type')) ?? this.#names.get(from ?? '') ?? 'subagent';
    const facts = {
      name: `invoke_agent ${name}`,
      id: spanIdOf(this.#session, 'agent', id ?? from ?? key),
      startMs: at,
      endMs: at,
      parent: this.#tools.get(from)?.span,
    };
    const span = this.#told(id) ? this.#run.add(facts) : this.#run.elsewhere(facts);
    // A run that is too long has no more agents.
    if (span === undefined) return this.#main;
    describe(span, name, this.#session).text('gen_ai.agent.id', id);
    const made = { name, span };
    this.#made.set(key, made);
    return made;
  }
}

export function describe(span: Span, agent: string, session: string): Span {
  return span
    .text('gen_ai.operation.name', 'invoke_agent')
    .text('gen_ai.provider.name', 'anthropic')
    .text('gen_ai.agent.name', agent)
    .text('gen_ai.conversation.id', session);
}

/** True for what a person typed: no result of a tool, nothing that the program put in. */
export function isPrompt(record: Dict): boolean {
  if (member(record, 'type') !== 'user' || flag(member(record, 'isMeta')) === true) return false;
  const content = member(member(record, 'message'), 'content');
  return typeof content === 'string' || list(content).some((block) => isObject(block) && member(block, 'type') === 'text');
}

/**
 * Hook inputs, one a request or several. A call is told when it has ended; what comes before it (PreToolUse, PermissionRequest) or
 * wraps it (PostToolBatch) tells nothing more. Source: the types of @anthropic-ai/claude-agent-sdk 0.3.332.
 */
import { member } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, firstWord, flag, withoutSecrets, word, writeJson } from '../payload.ts';
import type { Run, Span, SpanFacts } from '../run.ts';
import { type Agent, describe, mainAgent } from './agents.ts';
import { spanIdOf } from './records.ts';
import type { Tools } from './tools.ts';

/** What an event becomes. */
type Becomes = 'nothing' | 'tool' | 'prompt' | 'turn' | 'agent' | 'handoff' | 'compaction' | 'model' | 'end' | 'event';

const becomes: Readonly<Record<string, Becomes>> = Object.assign(Object.create(null), {
  // A command that a skill's text runs while it is loaded; nothing tells how it ended.
  PreSkillShellCommand: 'event',
  PreToolUse: 'nothing',
  PostToolUse: 'tool',
  PostToolUseFailure: 'tool',
  PostToolBatch: 'nothing',
  PermissionRequest: 'nothing',
  PermissionDenied: 'tool',
  UserPromptSubmit: 'prompt',
  UserPromptExpansion: 'nothing',
  Stop: 'turn',
  StopFailure: 'turn',
  SubagentStart: 'handoff',
  SubagentStop: 'agent',
  SessionStart: 'nothing',
  SessionEnd: 'end',
  PreCompact: 'compaction',
  PostCompact: 'event',
  PreModelSwitch: 'nothing',
  PostModelSwitch: 'model',
  Notification: 'event',
  TeammateIdle: 'event',
  TaskCreated: 'event',
  TaskCompleted: 'event',
  Elicitation: 'event',
  ElicitationResult: 'event',
  // Of the program, not of the agent.
  Setup: 'nothing',
  ConfigChange: 'nothing',
  InstructionsLoaded: 'nothing',
  CwdChanged: 'nothing',
  FileChanged: 'nothing',
  DirectoryAdded: 'nothing',
  WorktreeCreate: 'nothing',
  WorktreeRemove: 'nothing',
  MessageDisplay: 'nothing',
  // Cursor's `stop`, which comes after the answer was told.
  TurnEnd: 'event',
});

export const hookEvents: readonly string[] = Object.keys(becomes).filter((name) => name !== 'TurnEnd');

/** Members that every input has, or that say where files of the user lie. */
const common = new Set([
  ...[
    'session_id',
    'transcript_path',
    'agent_transcript_path',
    'cwd',
    'prompt_id',
    'permission_mode',
    'agent_id',
    'agent_type',
    'effort',
  ],
  ...[
    'hook_event_name',
    'conversation_id',
    'generation_id',
    'workspace_roots',
    'user_email',
    'client',
    'cursor_version',
    'timestamp',
  ],
]);

export function isHook(record: Dict): boolean {
  return typeof member(record, 'hook_event_name') === 'string';
}

/** `atMs`: when the hook was called. Returns true if it ended the session. */
export function hook(run: Run, session: string, input: Dict, tools: Tools, atMs: number | undefined, agent: Agent): boolean {
  const event = word(member(input, 'hook_event_name')) ?? '';
  const what = becomes[event] ?? 'event';
  if (what === 'nothing') return false;
  if (what === 'tool') toolCall(input, tools, atMs, agent);
  else if (what === 'end') return true;
  else new Hook(run, session, input, event, atMs, agent)[what]();
  return false;
}

/** Cursor gives an id only in `postToolUse`. */
function toolCall(input: Dict, tools: Tools, atMs: number | undefined, agent: Agent): void {
  const id = word(member(input, 'tool_use_id'));
  const place = { parent: agent.span, agent: agent.name };
  const call = tools.open(id, word(member(input, 'tool_name')), member(input, 'tool_input'), place, atMs);
  if (call !== undefined) tools.hooked(call, input, atMs);
}

class Hook {
  readonly #run: Run;
  readonly #session: string;
  readonly #input: Dict;
  readonly #event: string;
  readonly #atMs: number | undefined;
  readonly #agent: Agent;

  constructor(run: Run, session: string, input: Dict, event: string, atMs: number | undefined, agent: Agent) {
    this.#run = run;
    this.#session = session;
    this.#input = input;
    this.#event = event;
    this.#atMs = atMs;
    this.#agent = agent;
  }

  /** The same event gives the same span: by its prompt and what it says. */
  #add(name: string, more: Partial<SpanFacts> = {}): Span | undefined {
    const said = writeJson(this.#input, 8192).text;
    const id = spanIdOf(this.#session, this.#event, said);
    const span = this.#run.add({ name, id, startMs: this.#atMs, parent: this.#agent.span, ...more });
    return span
      ?.text('gen_ai.agent.name', this.#agent.name)
      .text('gen_ai.conversation.id', this.#session)
      .text('misstep.event.type', this.#event);
  }

  prompt(): void {
    this.#add('user_prompt')
      ?.text('openinference.span.kind', 'CHAIN')
      .text('misstep.message.direction', 'in')
      .text('input.value', word(member(this.#input, 'prompt')));
  }

  /** The agent's answer to a prompt: of its requests to the model hooks say nothing. */
  turn(): void {
    const failed = this.#event === 'StopFailure';
    const error = failed
      ? {
          type: firstWord(this.#input, ['error']) ?? 'stop_failure',
          message: firstWord(this.#input, ['error_details', 'error']) ?? 'The turn failed.',
        }
      : undefined;
    const span = this.#add(`invoke_agent ${mainAgent}`, { error });
    if (span !== undefined) this.#answered(span, this.#agent.name);
  }

  agent(): void {
    // The agent's span is made already: the tools it used stand below it.
    const { span, name } = this.#agent;
    if (span !== this.#run.root) this.#answered(span, name);
  }

  #answered(span: Span, name: string): void {
    describe(span, name, this.#session)
      .messages('gen_ai.output.messages', [{ role: 'assistant', text: word(member(this.#input, 'last_assistant_message')) }])
      .flag('misstep.turn.continued', flag(member(this.#input, 'stop_hook_active')));
  }

  handoff(): void {
    const to = firstWord(this.#input, ['agent_type']) ?? 'subagent';
    this.#add(`handoff ${to}`, { parent: this.#run.root })
      ?.text('gen_ai.operation.name', 'handoff')
      .text('gen_ai.handoff.from_agent', mainAgent)
      .text('gen_ai.handoff.to_agent', to)
      .texts('misstep.spawn.agents', [to]);
  }

  compaction(): void {
    this.#add('compact')
      ?.text('openinference.span.kind', 'CHAIN')
      .text('gen_ai.operation.name', 'compact')
      .count('misstep.compaction.before', firstNumber(this.#input, ['pre_tokens']))
      .json('misstep.event.data', this.#data());
  }

  model(): void {
    const used = firstWord(this.#input, ['new_model', 'to_model', 'model']);
    const original = firstWord(this.#input, ['old_model', 'from_model', 'previous_model']);
    this.#add('model_switch')
      ?.text('openinference.span.kind', 'CHAIN')
      .json('misstep.model.fallback', { original, used, reason: firstWord(this.#input, ['reason', 'trigger']) });
  }

  event(): void {
    this.#add(this.#event)?.text('openinference.span.kind', 'CHAIN').json('misstep.event.data', this.#data(), 16_384);
  }

  #data(): unknown {
    const own = Object.entries(this.#input).filter(([key]) => !common.has(key) && key !== '__proto__');
    return own.length === 0 ? undefined : withoutSecrets(Object.fromEntries(own));
  }
}

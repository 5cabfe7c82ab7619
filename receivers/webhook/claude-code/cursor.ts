/** Cursor's hooks as Claude Code would have written them. Source: cursor.com/docs/agent/hooks. */
import { member, parse } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, firstWord } from '../payload.ts';

type Members = Readonly<Record<string, unknown>>;

interface Named {
  /** Name of the event in Claude Code. */
  readonly event: string;
  readonly more?: (input: Dict) => Members;
}

const shell = (input: Dict): Members => ({
  tool_name: 'Shell',
  tool_input: { command: member(input, 'command') },
  tool_response: member(input, 'output'),
});
const mcp = (input: Dict): Members => ({ tool_response: jsonOf(member(input, 'result_json')) });
const tool = (input: Dict): Members => ({
  tool_response: jsonOf(member(input, 'tool_output')),
  error: member(input, 'error_message'),
});
const said = (input: Dict): Members => ({ last_assistant_message: member(input, 'text') });

/** Events before an action tell what the event after it tells too; what an edit or a shell command was is told by `postToolUse` where it is on. */
const events: Readonly<Record<string, Named>> = Object.assign(Object.create(null), {
  sessionStart: { event: 'SessionStart' },
  sessionEnd: { event: 'SessionEnd' },
  beforeSubmitPrompt: { event: 'UserPromptSubmit' },
  preToolUse: { event: 'PreToolUse' },
  postToolUse: { event: 'PostToolUse', more: tool },
  postToolUseFailure: { event: 'PostToolUseFailure', more: tool },
  beforeShellExecution: { event: 'PreToolUse', more: shell },
  afterShellExecution: { event: 'PostToolUse', more: shell },
  beforeMCPExecution: { event: 'PreToolUse' },
  afterMCPExecution: { event: 'PostToolUse', more: mcp },
  beforeReadFile: {
    event: 'PreToolUse',
    more: (input: Dict) => ({ tool_name: 'Read', tool_input: { file_path: member(input, 'file_path') } }),
  },
  afterFileEdit: {
    event: 'PostToolUse',
    more: (input: Dict) => ({
      tool_name: 'Edit',
      tool_input: { file_path: member(input, 'file_path'), edits: member(input, 'edits') },
    }),
  },
  afterAgentResponse: { event: 'Stop', more: said },
  afterAgentThought: { event: 'MessageDisplay' },
  subagentStart: {
    event: 'SubagentStart',
    more: (input: Dict) => ({ agent_type: member(input, 'subagent_type'), agent_id: member(input, 'subagent_id') }),
  },
  subagentStop: {
    event: 'SubagentStop',
    more: (input: Dict) => ({
      agent_type: member(input, 'subagent_type'),
      agent_id: member(input, 'subagent_id'),
      last_assistant_message: member(input, 'summary') ?? member(input, 'result'),
    }),
  },
  preCompact: { event: 'PreCompact', more: (input: Dict) => ({ pre_tokens: member(input, 'context_tokens') }) },
  stop: { event: 'TurnEnd' },
  beforeTabFileRead: { event: 'MessageDisplay' },
  afterTabFileEdit: { event: 'MessageDisplay' },
  workspaceOpen: { event: 'Setup' },
});

/** `undefined` if it is no input of Cursor's. Cursor also sends Claude Code's own shape to hooks that were written for that. */
export function cursorInput(input: Dict): Dict | undefined {
  const conversation = firstWord(input, ['conversation_id']);
  const name = firstWord(input, ['hook_event_name']);
  if (conversation === undefined || name === undefined) return undefined;
  const { event, more } = events[name] ?? { event: name };
  return {
    ...input,
    client: 'cursor',
    session_id: conversation,
    prompt_id: member(input, 'generation_id'),
    hook_event_name: event,
    duration_ms: firstNumber(input, ['duration_ms', 'duration']),
    ...more?.(input),
  };
}

function jsonOf(value: unknown): unknown {
  return typeof value === 'string' ? (parse(value) ?? value) : value;
}

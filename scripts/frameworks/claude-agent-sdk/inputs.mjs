// @ts-check
// One input of every event that the Claude Agent SDK names, with every member that its types name. Compiled against the SDK's types:
// an event or a member that is new there, or goes, is an error here.
/** @typedef {import('@anthropic-ai/claude-agent-sdk').HookEvent} Event */
/** @typedef {import('@anthropic-ai/claude-agent-sdk').HookInput} Input */

const base = {
  session_id: '11111111-2222-4333-8444-555555555555',
  transcript_path: '/home/u/.claude/projects/p/s.jsonl',
  cwd: '/home/u/p',
  prompt_id: '22222222-2222-4333-8444-555555555555',
  permission_mode: 'default',
  effort: { level: 'high' },
};
const sub = { ...base, agent_id: 'a1', agent_type: 'researcher' };
const call = (/** @type {string} */ tool_use_id) => ({
  tool_name: 'Bash',
  tool_input: { command: 'npm test' },
  tool_use_id,
  mcp_server: { name: 'none', source: 'project' },
});
const task = {
  task_id: 't1',
  task_subject: 'Tests',
  task_description: 'Run them.',
  teammate_name: 'tester',
  team_name: 'team',
};
const costs = { context_tokens: 1200, prompt_cache_warm: true, estimated_cache_write_usd: 0.01 };
const change = { from_model: 'model-a', to_model: 'model-b', requested_model: null };
const stopped = { stop_hook_active: false, last_assistant_message: 'Done.', background_tasks: [], session_crons: [] };
const elicited = { mcp_server_name: 'forms', mode: /** @type {const} */ ('form'), elicitation_id: 'e1' };

/** The main thread has no agent. @typedef {'agent_id' | 'agent_type'} OfAgents */
/**
 * @template I
 * @typedef {Required<Omit<I, OfAgents>> & Pick<I, OfAgents & keyof I>} Whole
 */
/** @type {{ [E in Event]: Whole<Extract<Input, { hook_event_name: E }>> }} */
export const inputs = {
  Setup: { ...base, hook_event_name: 'Setup', trigger: 'init' },
  SessionStart: {
    ...base,
    hook_event_name: 'SessionStart',
    source: 'startup',
    model: 'model-a',
    session_title: 'Tests',
    seconds_since_last_response: 1,
    context_tokens: 0,
    prompt_cache_likely_expired: false,
    estimated_cache_write_usd: 0,
  },
  InstructionsLoaded: {
    ...base,
    hook_event_name: 'InstructionsLoaded',
    file_path: '/home/u/p/CLAUDE.md',
    memory_type: 'Project',
    load_reason: 'session_start',
    globs: ['*.md'],
    trigger_file_path: '/home/u/p/a.md',
    parent_file_path: '/home/u/p/b.md',
  },
  ConfigChange: { ...base, hook_event_name: 'ConfigChange', source: 'user_settings', file_path: '/home/u/s.json' },
  CwdChanged: { ...base, hook_event_name: 'CwdChanged', old_cwd: '/home/u', new_cwd: '/home/u/p' },
  FileChanged: { ...base, hook_event_name: 'FileChanged', file_path: '/home/u/p/a.ts', event: 'change' },
  DirectoryAdded: { ...base, hook_event_name: 'DirectoryAdded', directory: '/home/u/q', source: 'slash_command' },
  WorktreeCreate: { ...base, hook_event_name: 'WorktreeCreate', name: 'w' },
  WorktreeRemove: { ...base, hook_event_name: 'WorktreeRemove', worktree_path: '/home/u/w' },
  UserPromptExpansion: {
    ...base,
    hook_event_name: 'UserPromptExpansion',
    expansion_type: 'slash_command',
    command_name: 'test',
    command_args: 'all',
    command_source: 'project',
    prompt: '/test',
  },
  UserPromptSubmit: {
    ...base,
    hook_event_name: 'UserPromptSubmit',
    prompt: 'Run the tests.',
    source: 'user',
    session_title: 'Tests',
  },
  PreSkillShellCommand: {
    ...base,
    hook_event_name: 'PreSkillShellCommand',
    tool_name: 'Bash',
    tool_input: { command: 'git status' },
    tool_use_id: 'skill-1',
    command_name: 'test',
    command_source: 'project',
    invoked_by: 'user',
  },
  PreToolUse: { ...base, hook_event_name: 'PreToolUse', ...call('u1') },
  PermissionRequest: {
    ...base,
    hook_event_name: 'PermissionRequest',
    tool_name: 'Bash',
    tool_input: { command: 'npm test' },
    permission_suggestions: [],
    mcp_server: { name: 'none', source: 'project' },
  },
  PostToolUse: {
    ...base,
    hook_event_name: 'PostToolUse',
    ...call('u1'),
    tool_response: { stdout: '1 passed', stderr: '' },
    duration_ms: 40,
  },
  PostToolUseFailure: {
    ...base,
    hook_event_name: 'PostToolUseFailure',
    ...call('u2'),
    error: 'Exit code 1',
    is_interrupt: false,
    duration_ms: 30,
  },
  PermissionDenied: { ...base, hook_event_name: 'PermissionDenied', ...call('u3'), reason: 'not allowed' },
  PostToolBatch: {
    ...base,
    hook_event_name: 'PostToolBatch',
    tool_calls: [{ tool_name: 'Bash', tool_input: { command: 'npm test' }, tool_use_id: 'u1', tool_response: '1 passed' }],
  },
  SubagentStart: { ...sub, hook_event_name: 'SubagentStart' },
  SubagentStop: { ...sub, hook_event_name: 'SubagentStop', agent_transcript_path: '/home/u/a1.jsonl', ...stopped },
  PreCompact: { ...base, hook_event_name: 'PreCompact', trigger: 'auto', custom_instructions: null },
  PostCompact: { ...base, hook_event_name: 'PostCompact', trigger: 'auto', compact_summary: 'Tests were run.' },
  PreModelSwitch: {
    ...base,
    hook_event_name: 'PreModelSwitch',
    ...change,
    ...costs,
    source: 'command',
    cache_ttl: '5m',
    pricing: 'catalog',
  },
  PostModelSwitch: {
    ...base,
    hook_event_name: 'PostModelSwitch',
    ...change,
    ...costs,
    source: 'auto',
    cache_ttl: '5m',
    pricing: 'catalog',
  },
  Notification: {
    ...base,
    hook_event_name: 'Notification',
    message: 'Waiting.',
    title: 'Claude',
    notification_type: 'idle_prompt',
  },
  TeammateIdle: { ...base, hook_event_name: 'TeammateIdle', teammate_name: 'tester', team_name: 'team' },
  TaskCreated: { ...base, hook_event_name: 'TaskCreated', ...task },
  TaskCompleted: { ...base, hook_event_name: 'TaskCompleted', ...task },
  Elicitation: {
    ...base,
    hook_event_name: 'Elicitation',
    ...elicited,
    message: 'Which branch?',
    url: 'https://forms.example/1',
    requested_schema: { type: 'object' },
  },
  ElicitationResult: {
    ...base,
    hook_event_name: 'ElicitationResult',
    ...elicited,
    action: 'accept',
    content: { branch: 'main' },
  },
  MessageDisplay: {
    ...base,
    hook_event_name: 'MessageDisplay',
    turn_id: 'n1',
    message_id: 'm1',
    index: 0,
    final: true,
    delta: 'Done.',
  },
  Stop: { ...base, hook_event_name: 'Stop', ...stopped },
  StopFailure: {
    ...base,
    hook_event_name: 'StopFailure',
    error: 'rate_limit',
    error_details: 'Try again later.',
    last_assistant_message: 'I',
  },
  SessionEnd: { ...base, hook_event_name: 'SessionEnd', reason: 'other' },
};

/** What misstep answers a hook: nothing is decided. */
/** @type {import('@anthropic-ai/claude-agent-sdk').SyncHookJSONOutput} */
export const answer = {};

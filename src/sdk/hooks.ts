/**
 * Hooks of the Claude Agent SDK and of Claude Code: hook inputs in, what they may answer out. Shapes: the types of
 * @anthropic-ai/claude-agent-sdk 0.3.330, of which only these members are read. Whatever is uncertain is answered with `{}`: go on.
 */
import { isObject, member } from '../dialects/json.ts';
import { type Answer, type BridgeConfig, type BridgeSettings, DetectionBridge, type ToolCall } from './bridge.ts';
import { ALL_TOOLS, type ToolMatcher } from './matchers.ts';

export interface HookOutput {
  /** To the user. */
  readonly systemMessage?: string;
  readonly hookSpecificOutput?: {
    readonly hookEventName: 'PreToolUse' | 'PostToolUse';
    readonly permissionDecision?: 'allow' | 'deny' | 'ask';
    readonly permissionDecisionReason?: string;
    /** To the model. */
    readonly additionalContext?: string;
  };
  /** In Cursor's words, which wants them beside. */
  readonly permission?: 'deny' | 'ask';
  readonly user_message?: string;
  readonly agent_message?: string;
}

/** As the SDK calls it: `query({ options: { hooks: { PreToolUse: [{ hooks: [preToolUseHook] }] } } })`. */
export type HookCallback = (
  input: unknown,
  toolUseId?: string,
  options?: { readonly signal?: AbortSignal },
) => Promise<HookOutput>;

interface HookOptions {
  /** Default: that of `configureBridge`. */
  readonly bridge?: DetectionBridge;
  readonly matcher?: ToolMatcher;
}

let configured: DetectionBridge | undefined;

/** The bridge of `preToolUseHook` and `postToolUseHook`, anew: what it knew of sessions is gone. Throws if the settings are wrong. */
export function configureBridge(settings: BridgeSettings | BridgeConfig = {}): DetectionBridge {
  configured = new DetectionBridge(settings);
  return configured;
}

/** That of `configureBridge`, or one with the defaults. */
export function defaultBridge(): DetectionBridge {
  configured ??= new DetectionBridge();
  return configured;
}

class ToolHook {
  readonly matcher: ToolMatcher;
  private readonly given: DetectionBridge | undefined;

  constructor({ bridge, matcher = ALL_TOOLS }: HookOptions = {}) {
    this.given = bridge;
    this.matcher = matcher;
  }

  protected get bridge(): DetectionBridge {
    return this.given ?? defaultBridge();
  }

  protected callOf(input: unknown, toolUseId: string | undefined, events: readonly string[]): ToolCall | undefined {
    const event = member(input, 'hook_event_name');
    const call = event === undefined || events.includes(event as string) ? toolCall(input, toolUseId) : undefined;
    return call?.id !== undefined && this.matcher.matches(call.tool, call.input) ? call : undefined;
  }
}

/** `hook` is what agents take. A call without `tool_use_id` is let pass. */
export class PreToolUseHook extends ToolHook {
  readonly hook: HookCallback = async (input, toolUseId, options) => {
    const call = this.callOf(input, toolUseId, ['PreToolUse']);
    if (call === undefined || options?.signal?.aborted) return {};
    return before(await this.bridge.before(call));
  };
}

/** Takes PostToolUse and PostToolUseFailure. Never blocks. */
export class PostToolUseHook extends ToolHook {
  readonly hook: HookCallback = async (input, toolUseId) => {
    const call = this.callOf(input, toolUseId, ['PostToolUse', 'PostToolUseFailure']);
    return call === undefined ? {} : ended(this.bridge, call, input);
  };
}

export const preToolUseHook: HookCallback = (input, id, options) => new PreToolUseHook().hook(input, id, options);
export const postToolUseHook: HookCallback = (input, id, options) => new PostToolUseHook().hook(input, id, options);

/** One hook input of Claude Code, told by its event; `client: 'cursor'` in it asks for Cursor's words. Never rejects. */
export async function answerHook(bridge: DetectionBridge, input: unknown): Promise<HookOutput> {
  const event = member(input, 'hook_event_name');
  const sessionId = word(input, 'session_id');
  if (event === 'SessionEnd' && sessionId !== undefined) bridge.forget(sessionId);
  const call = toolCall(input, undefined);
  const cursor = member(input, 'client') === 'cursor';
  // Cursor names a call only after it.
  if (call === undefined || (call.id === undefined && !cursor)) return {};
  const known = cursor ? { ...call, id: undefined } : call;
  if (event === 'PreToolUse') return inWordsOf(cursor, before(await bridge.before(known)));
  if (event === 'PostToolUse' || event === 'PostToolUseFailure') return inWordsOf(cursor, await ended(bridge, known, input));
  if (event === 'PermissionDenied') bridge.refused(known);
  return {};
}

function before({ action, reason }: Answer): HookOutput {
  if (action === 'none') return {};
  const systemMessage = `misstep: ${reason}`;
  if (action === 'warn') return { systemMessage };
  return {
    systemMessage,
    hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: action, permissionDecisionReason: reason },
  };
}

async function ended(bridge: DetectionBridge, call: ToolCall, input: unknown): Promise<HookOutput> {
  const failed = member(input, 'hook_event_name') === 'PostToolUseFailure';
  const error = failed ? (word(input, 'error') ?? 'The call failed.') : undefined;
  const { action, reason, instructions } = await bridge.after(call, member(input, 'tool_response'), error);
  return {
    ...(action === 'none' ? {} : { systemMessage: `misstep: ${reason}` }),
    ...(instructions.length === 0
      ? {}
      : { hookSpecificOutput: { hookEventName: 'PostToolUse', additionalContext: instructions.join('\n') } }),
  };
}

function inWordsOf(cursor: boolean, output: HookOutput): HookOutput {
  const own = output.hookSpecificOutput;
  const decision = own?.permissionDecision;
  if (!cursor || (decision !== 'deny' && decision !== 'ask')) return output;
  const reason = own?.permissionDecisionReason ?? '';
  return { ...output, permission: decision, user_message: `misstep: ${reason}`, agent_message: reason };
}

/** `undefined` if the input is of no tool call. */
function toolCall(input: unknown, toolUseId: string | undefined): ToolCall | undefined {
  const tool = word(input, 'tool_name');
  if (!isObject(input) || tool === undefined) return undefined;
  return {
    sessionId: word(input, 'session_id') ?? 'default',
    id: word(input, 'tool_use_id') ?? (typeof toolUseId === 'string' && toolUseId !== '' ? toolUseId : undefined),
    tool,
    input: member(input, 'tool_input'),
    agent: word(input, 'agent_type'),
  };
}

/** Ids and names are short; what is longer is none. */
function word(input: unknown, key: string): string | undefined {
  const value = member(input, key);
  return typeof value === 'string' && value !== '' && value.length <= 1_000 ? value : undefined;
}

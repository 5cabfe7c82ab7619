/** Answers to hooks that stand still for them: what the detectors say of a tool call before it is made. Off unless configured. */
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { count, duration } from '../../config/units.ts';
import type { Host } from '../../src/component/component.ts';
import { overridesOf } from '../../src/detector/overrides.ts';
import { isObject, member } from '../../src/dialects/json.ts';
import { DetectionBridge } from '../../src/sdk/bridge.ts';
import { EnforcementLevel } from '../../src/sdk/enforcement.ts';
import { answerHook, type HookOutput } from '../../src/sdk/hooks.ts';
import { DetectionOrchestrator } from '../../src/sdk/orchestrator.ts';
import { Thresholds } from '../../src/sdk/scoring.ts';
import type { Trace } from '../../src/sdk/trace.ts';
import { cursorInput } from './claude-code/cursor.ts';

/** Answers in time, with `{}` where anything is uncertain; never rejects. `repeated`: the delivery has been here before. */
export type Decide = (payload: unknown, tenant: string, repeated: boolean) => Promise<Uint8Array>;

const score = (value: number, text: string) => z.number().min(0).max(100).default(value).describe(`${text} 0 to 100.`);

export const decideOption = z
  .strictObject({
    warning_threshold: score(40, 'From this score (severity times confidence) the user is told.'),
    block_threshold: score(60, 'From this score a call is refused, or asked about.'),
    level: z
      .enum(Object.values(EnforcementLevel) as [string, ...string[]])
      .default('deny')
      .describe('How far an answer may go: observe answers nothing, ask has the user decide, deny refuses.'),
    // The reference's 80 ms for a hook, less what the way of an answer takes.
    timeout: duration('60ms', { min: '1ms', max: '30s' }).describe(
      'Time for one decision; a later one is not given, and the agent goes on.',
    ),
    max_sessions: count(100, { min: 1, max: 10_000 }).describe(
      'Sessions that are remembered, each by its last 50 calls and at most 500,000 characters of them; of more the one used longest ago is forgotten.',
    ),
    session_timeout: duration('1h', { min: '1s', max: '24h' }).describe('A session is forgotten so long after its last call.'),
    overrides: z
      .string()
      .min(1)
      .optional()
      .describe('The extension `settings`: what a tenant has set by the API, for all frameworks, holds for decisions too.'),
    enabled_detectors: z.array(z.string()).optional().describe('Only these. Default: all.'),
    disabled_detectors: z.array(z.string()).default([]).describe('All but these.'),
    excluded_tools: z.array(z.string()).default([]).describe('Regular expressions of whole names of tools that are let pass.'),
    max_calls: count(0, { min: 0, max: 1_000_000 }).describe(
      'Calls of a session; further ones are refused. 0 = as many as it makes.',
    ),
    recovery: z.boolean().default(false).describe('Tells the model what the detectors recommend, after a call.'),
  })
  .superRefine((value, ctx) => {
    if (value.warning_threshold > value.block_threshold) wrong(ctx, 'above block_threshold', 'Lower it.', ['warning_threshold']);
    for (const [i, pattern] of value.excluded_tools.entries())
      if (!isPattern(pattern)) wrong(ctx, 'not a regular expression', '', ['excluded_tools', i]);
  })
  .describe('Answers hooks of coding agents with a decision. Without it they are answered {}.');

type DecideOptions = z.output<typeof decideOption>;

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

const NOTHING = Buffer.from('{}');
/** For the way of an answer beside the decision. */
const WAY_MS = 20;

/** The sender of a hook is answered after so many ms, whatever there is to say. */
export function answerWithin(options: DecideOptions): number {
  return Math.ceil(options.timeout) + WAY_MS;
}

/** Throws an error that names a detector, or an extension, that is not there. */
export function decider(options: DecideOptions, host: Host, id: string): Decide {
  const source = options.overrides === undefined ? undefined : overridesOf(options.overrides, host.extension(options.overrides));
  const orchestrator = new DetectionOrchestrator({
    thresholds: new Thresholds({ warning: options.warning_threshold, block: options.block_threshold }),
    detectors: Object.fromEntries(options.disabled_detectors.map((one) => [one, { enabled: false }])),
    ...(options.enabled_detectors === undefined ? {} : { only: options.enabled_detectors }),
  });
  const bridge = new DetectionBridge({
    warningThreshold: options.warning_threshold,
    blockThreshold: options.block_threshold,
    level: options.level as EnforcementLevelOf,
    timeoutMs: Math.ceil(options.timeout),
    maxSessions: options.max_sessions,
    sessionTtlMs: Math.ceil(options.session_timeout),
    analyze: (call, before) => orchestrator.analyzeRealtime(call, before, source?.overrides.get(tenantOf(before))),
    excludedTools: options.excluded_tools,
    enableRecovery: options.recovery,
    now: () => host.clock.now(),
    ...(options.max_calls === 0 ? {} : { budget: { limits: { calls: options.max_calls } } }),
  });
  const counter = (decision: string) =>
    host.meter.counter('misstep_receiver_hook_answers', { receiver: id, decision }, 'Answers to hooks, by what they decide.');
  const answers = {
    none: counter('none'),
    warn: counter('warn'),
    ask: counter('ask'),
    deny: counter('deny'),
    failed: counter('failed'),
  };

  return async (payload, tenant, repeated) => {
    const input = hookInput(payload, tenant);
    // What is told twice has been one call; asked twice it is asked again.
    if (input === undefined || (repeated && member(input, 'hook_event_name') !== 'PreToolUse')) return NOTHING;
    const before = bridge.counts.errors + bridge.counts.timeouts;
    const output = await answerHook(bridge, input);
    const failed = bridge.counts.errors + bridge.counts.timeouts > before;
    answers[failed ? 'failed' : decisionOf(output)].add(1);
    return Buffer.from(JSON.stringify(output));
  };
}

type EnforcementLevelOf = (typeof EnforcementLevel)[keyof typeof EnforcementLevel];

/** One hook input in Claude Code's words, its session apart from those of other tenants. */
function hookInput(payload: unknown, tenant: string): object | undefined {
  if (!isObject(payload) || typeof member(payload, 'hook_event_name') !== 'string') return undefined;
  const input = cursorInput(payload) ?? payload;
  const session = member(input, 'session_id');
  if (typeof session !== 'string' || NAMES.some((name) => isLong(member(input, name)))) return undefined;
  return { ...input, session_id: `${tenant}\n${session}` };
}

/** What is kept of a call whole. */
const NAMES = ['session_id', 'tool_use_id', 'tool_name', 'agent_type'];
const MOST_CHARACTERS = 1_000;

function isLong(value: unknown): boolean {
  return typeof value === 'string' && value.length > MOST_CHARACTERS;
}

function tenantOf({ metadata }: Trace): string {
  return (metadata.sessionId ?? '').split('\n')[0] as string;
}

function decisionOf(output: HookOutput): 'none' | 'warn' | 'ask' | 'deny' {
  const decision = output.hookSpecificOutput?.permissionDecision;
  if (decision === 'deny' || decision === 'ask') return decision;
  return output.systemMessage === undefined ? 'none' : 'warn';
}

/** coordination, messages between agents: read from the calls of tools that send them, whatever the framework names the tool. */
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';
import { parseObject } from '../../src/text/json.ts';

export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly content: string;
  /** What the tool said of its receipt; `undefined` if nothing. */
  readonly acknowledged: boolean | undefined;
}

const recipients = ['to', 'recipient', 'to_agent', 'target_agent', 'agent', 'receiver'];
const contents = ['content', 'message', 'text', 'body', 'task', 'instruction'];

/** The message that a tool step sends to another agent, or `undefined`. */
export function sentBy(step: Step): Sent | undefined {
  const { tool } = step;
  if (step.kind !== 'tool' || tool?.arguments === undefined || step.agent === undefined) return undefined;
  const name = tool.name.toLowerCase();
  if (!['message', 'send', 'delegate', 'handoff', 'notify', 'ask'].some((word) => name.includes(word))) return undefined;
  const args = parseObject(tool.arguments) as Readonly<Record<string, unknown>> | undefined;
  const to = first(args, recipients);
  const content = first(args, contents);
  if (to === undefined || content === undefined || to === step.agent || to.includes('@')) return undefined;
  const receipt =
    tool.result === undefined ? undefined : (parseObject(tool.result) as Readonly<Record<string, unknown>> | undefined);
  const { acknowledged } = receipt ?? {};
  return {
    from: step.agent.slice(0, 60),
    to: to.slice(0, 60),
    content: content.slice(0, 1_024),
    acknowledged: typeof acknowledged === 'boolean' ? acknowledged : undefined,
  };
}

/** Names after "Agents in this team:" or "team members:" in a team's instructions. */
export function rosterOf(system: string): string[] {
  const at = /\b(?:agents in this team|team members|members of (?:the|this) team)\s*:\s*/i.exec(system.slice(0, 4_096));
  if (!at) return [];
  const from = at.index + at[0].length;
  const end = system.indexOf('\n', from);
  return system
    .slice(from, end < 0 ? from + 1_024 : end)
    .split(/[,;]/)
    .map((name) => name.trim().replace(/[.]$/, '').slice(0, 60))
    .filter((name) => name !== '')
    .slice(0, 64);
}

function first(args: Readonly<Record<string, unknown>> | undefined, keys: readonly string[]): string | undefined {
  if (typeof args !== 'object' || args === null) return undefined;
  for (const key of keys) if (typeof args[key] === 'string' && args[key] !== '') return args[key];
  return undefined;
}

/** The name after "waiting for" or "blocked by" in what an agent says, as it writes it. */
export function waitsFor(step: Step): string | undefined {
  if (!step.has('messages.output')) return undefined;
  const text = outputText(step).slice(0, 2_048);
  if (!text.includes('wait') && !text.includes('Wait') && !text.includes('locked')) return undefined;
  return /\b(?:wait(?:s|ing)? (?:for|on)|blocked (?:on|by)) (?:agent )?['"@]?([A-Za-z][\w-]{1,59})/i.exec(text)?.[1];
}

/** OpenClaw's session keys say who serves which channel: `agent:<id>:<channel>:(direct|group|channel):<peer>` and shorter forms. */

export interface SessionKey {
  readonly agent: string | undefined;
  readonly channel: string | undefined;
  /** dm, group or channel. */
  readonly inbox: string | undefined;
  readonly subagent: boolean;
}

const kinds: Readonly<Record<string, string>> = { direct: 'dm', dm: 'dm', group: 'group', channel: 'channel' };

/** `undefined` if the text is no session key. */
export function sessionKey(key: string | undefined): SessionKey | undefined {
  if (key === undefined || key.length > 1024) return undefined;
  const [start, agent, third, fourth] = key.split(':');
  const none = { agent: undefined, channel: undefined, inbox: undefined, subagent: false };
  if (start === 'cron' && agent) return { ...none, channel: 'cron' };
  if (start === 'hook' && agent) return { ...none, channel: 'hook' };
  if (start !== 'agent' || !agent || !third) return undefined;
  if (third === 'subagent') return { ...none, agent, subagent: true };
  const inbox = fourth !== undefined && Object.hasOwn(kinds, fourth) ? kinds[fourth] : undefined;
  return inbox === undefined ? { ...none, agent } : { agent, channel: third, inbox, subagent: false };
}

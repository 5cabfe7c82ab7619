/**
 * openclaw_channel_mismatch: something of a session that happened on another channel than the session's, or an answer that its channel cannot carry.
 * The channel of the session comes from its own messages or its root; limits are those of the channels.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';

interface State {
  channel: string | null;
  at: SpanRef;
  /** Seen before the session's channel was known. */
  waiting: (SpanRef & { readonly channel: string })[];
}

const options = {
  max_length: {
    type: 'numbers_by_name',
    text: 'Characters a message may have, by channel; stands before the built-in limits.',
    default: {},
    source:
      'Built in: Telegram 4,096 and Discord 2,000 (their API limits), WhatsApp 1,000 (more is not read on a phone), Slack 12,000 (one block message).',
  },
} as const;

const taxonomy = { mast: ['FM-2.5'], trail: [], owasp: ['ASI07'], modes: ['F6'] } as const;

const messages = {
  other_channel: {
    text: "A step ran on channel '{{other}}' in a session of channel '{{channel}}'.",
    tier: 1,
    severity: 'high',
    impact: 'What a user said on one channel may be shown on another.',
    action: 'Bind tools and answers to the channel of the session key, and refuse events of another one.',
    taxonomy,
  },
  too_long: {
    text: "A message of {{length}} characters was sent on '{{channel}}', which takes {{limit}}.",
    tier: 1,
    severity: 'medium',
    impact: 'The message is cut, split or refused.',
    action: 'Format answers for the channel; send long ones as a file or a link.',
    taxonomy,
  },
  wrong_format: {
    text: "A message with {{what}} was sent on '{{channel}}', which cannot show it.",
    tier: 1,
    severity: 'low',
    impact: 'The user sees markup instead of an answer.',
    action: 'Format answers for the channel.',
    taxonomy,
  },
  exposed: {
    text: "A message with {{what}} was sent to a group on '{{channel}}'.",
    tier: 3,
    severity: 'high',
    impact: 'Everybody in the group reads it.',
    action: 'Answer such questions in a direct message.',
    taxonomy: { ...taxonomy, owasp: ['LLM02'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const limits: Readonly<Record<string, number>> = { telegram: 4_096, discord: 2_000, whatsapp: 1_000, slack: 12_000 };
const channels = [
  'telegram',
  'discord',
  'whatsapp',
  'slack',
  'web',
  'sms',
  'signal',
  'email',
  'imessage',
  'teams',
  'matrix',
  'line',
];
/** Channels that show no Markdown tables or code blocks. */
const plain = ['whatsapp', 'sms', 'imessage', 'signal'];
const MAX_WAITING = 16;

export default defineDetector({
  meta: {
    id: 'openclaw_channel_mismatch',
    family: 'openclaw',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['session.id'],
    summary: "Finds events on another channel than the session's, and messages that the channel cannot carry.",
    docs: {
      what: 'The channel of each event against that of the session, and each message sent against the limits of its channel: length, tables and code where none are shown, card and identity numbers in groups.',
      why: 'Sessions of several channels share one agent; a mix-up shows private talk to strangers.',
      fix: 'Bind every event to the channel of the session key; format per channel.',
      limits: 'An agent that forwards to another channel on purpose looks like a mix-up. Only stated channels are compared.',
      sources: ['https://docs.openclaw.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'openclaw') return state;
    const own = named(step.extra['channel']);
    const origin = named(step.extra['channel.origin']);
    const ref = { traceId: step.traceId, spanId: step.spanId };
    const next = state ?? { channel: null, at: ref, waiting: [] };
    const session = origin ?? (step.kind === 'agent' || step.extra['message.direction'] === 'in' ? own : undefined);
    if (next.channel === null && session !== undefined) {
      next.channel = session;
      next.at = ref;
      for (const one of next.waiting) compare(next, one, one.channel, ctx);
      next.waiting = [];
    }
    if (own !== undefined) {
      if (next.channel !== null) compare(next, ref, own, ctx);
      else if (next.waiting.length < MAX_WAITING) next.waiting.push({ ...ref, channel: own });
    }
    if (step.extra['message.direction'] === 'out') sent(next.channel ?? own, step, ctx);
    return next;
  },
});

function compare(state: State, at: SpanRef, other: string, ctx: Ctx): void {
  if (other === state.channel || state.channel === null) return;
  ctx.report('other_channel', { at, key: other, evidence: [state.at, at], score: 0.9, data: { other, channel: state.channel } });
}

function sent(channel: string | undefined, step: Step, ctx: Ctx): void {
  const text = outputText(step);
  if (channel === undefined || text === '') return;
  const limit = ctx.options.max_length[channel] ?? limits[channel];
  if (limit !== undefined && text.length > limit)
    ctx.report('too_long', { at: step, key: step.spanId, score: 0.8, data: { length: text.length, channel, limit } });
  if (plain.includes(channel)) {
    const what = text.includes('```') ? 'a code block' : /^\|.*\|$/m.test(text.slice(0, 4_096)) ? 'a table' : undefined;
    if (what !== undefined) ctx.report('wrong_format', { at: step, key: step.spanId, score: 0.7, data: { what, channel } });
  }
  if (/group|community|public|channel/.test(String(step.extra['channel.inbox'] ?? ''))) {
    const what = /\b\d{3}-\d{2}-\d{4}\b/.test(text)
      ? 'an identity number'
      : /\b(?:\d[ -]?){15,16}\b/.test(text)
        ? 'a card number'
        : undefined;
    if (what !== undefined) ctx.report('exposed', { at: step, key: step.spanId, score: 0.8, data: { what, channel } });
  }
}

/** A known channel, lower case; other values name rooms or inboxes. */
function named(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const lower = value.toLowerCase();
  return channels.find(
    (one) => lower === one || lower.startsWith(`${one}:`) || lower.startsWith(`${one}_`) || lower.startsWith(`${one}-`),
  );
}

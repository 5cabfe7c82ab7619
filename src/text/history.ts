/**
 * A model call carries its history again. What a detector has read of it before is told by a hash over the leading
 * messages, so that a session of n turns is read once and not n times.
 */
import type { Message } from '../step/step.ts';
import { contentHash, FNV_START, mix32 } from './hash.ts';

/** The messages of one earlier call: how many, and their hash. Plain JSON for a state. */
export interface History {
  readonly count: number;
  readonly hash: number;
}

/** Conversations of one window that are told apart: agents that take turns, and a roll-up beside its calls. */
const MAX_HISTORIES = 8;

/** Dialects give the same object for a message that came before (see `readHistory`), so most are hashed once. */
const hashes = new WeakMap<Message, number>();

function hashOf(message: Message): number {
  let hash = hashes.get(message);
  if (hash === undefined) {
    hash = messageHash(message);
    hashes.set(message, hash);
  }
  return hash;
}

function messageHash(message: Message): number {
  const { role, name, text, reasoning, toolCalls, toolResults, truncated } = message;
  // What is absent is told from what is empty.
  let rest = `${role} ${truncated ? 1 : 0}${name === undefined ? '' : ` ${name}`}`;
  if (reasoning !== undefined) rest += `\u0000${contentHash(reasoning)}`;
  for (const { id, name: called, arguments: args } of toolCalls)
    rest += `\u0001${id ?? ''}\u0000${called}${args === undefined ? '' : `\u0000${contentHash(args)}`}`;
  for (const { id, name: by, text: said } of toolResults) rest += `\u0002${id ?? ''}\u0000${by ?? ''}\u0000${contentHash(said)}`;
  return contentHash(`${rest}\u0003${contentHash(text)}`);
}

function hashUpTo(messages: readonly Message[], count: number, from: History = { count: 0, hash: FNV_START }): number {
  let { hash } = from;
  for (let i = from.count; i < count; i++) {
    const one = hashOf(messages[i] as Message);
    hash = mix32(Math.imul(hash, 16777619) ^ (one % 4294967296) ^ Math.floor(one / 4294967296));
  }
  return hash;
}

/**
 * The messages that follow the longest history in `known` which `messages` begin with; all of them if there is none.
 * `known` is changed: the longer history takes the place of the one it continues, else of the oldest.
 */
export function newMessages(known: History[], messages: readonly Message[]): readonly Message[] {
  if (messages.length === 0) return messages;
  let best = -1;
  for (let i = 0; i < known.length; i++) {
    const { count, hash } = known[i] as History;
    if (count > messages.length || (best >= 0 && count <= (known[best] as History).count)) continue;
    if (hashUpTo(messages, count) === hash) best = i;
  }
  const before = best < 0 ? undefined : (known[best] as History);
  const now = { count: messages.length, hash: hashUpTo(messages, messages.length, before) };
  if (best >= 0) known.splice(best, 1);
  known.push(now);
  if (known.length > MAX_HISTORIES) known.shift();
  return before === undefined ? messages : messages.slice(before.count);
}

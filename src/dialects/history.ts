/**
 * A model call sends its history again: the list of messages in one call begins with the text of the list in the call
 * before. What was read of that stays, as the same message objects, and only what follows is parsed. Comparing the texts costs
 * a tenth of a millisecond a megabyte.
 */
import type { Message } from '../step/step.ts';
import { type Json, member, parse, read } from './json.ts';
import { readMessages, toolRoles } from './messages.ts';
import { isPart, maxItems } from './parts.ts';

/** A list as it was read: the text up to its closing bracket, and its messages. */
interface Read {
  readonly text: string;
  readonly messages: readonly Message[];
}

/** Shorter lists are read as fast as they are looked up. */
const MIN_LENGTH = 4_096;
/** Characters at the start of a list by which it is found: a conversation begins as it began. */
const KEY_LENGTH = 512;
/** Conversations that begin alike (one system prompt) and are told apart. */
const MAX_ALIKE = 8;
/** Characters of text kept, all lists together; the list used least recently goes first. */
const MAX_KEPT = 8 * 1024 * 1024;

const lists = new Map<string, Read[]>();
let kept = 0;

/** As `readMessages` of the parsed text, for input messages. */
export function readHistory(text: string): readonly Message[] {
  if (text.length < MIN_LENGTH || text.length > MAX_KEPT / 4 || text[0] !== '[' || text[text.length - 1] !== ']')
    return readMessages(read(text), 'user');
  const key = text.slice(0, KEY_LENGTH);
  const alike = lists.get(key) ?? [];
  const at = longestStart(alike, text);
  const before = at < 0 ? undefined : (alike[at] as Read);
  if (before !== undefined && before.text.length === text.length - 1) return before.messages;
  const more = before === undefined ? undefined : parse(`[${text.slice(before.text.length + 1)}`);
  // What the known beginning left open the rest must close: else the whole is no list.
  if (before === undefined || !isPlainList(more)) {
    const whole = parse(text);
    const messages = readMessages(whole ?? text, 'user');
    if (isPlainList(whole)) keep(key, alike, at, { text: text.slice(0, -1), messages });
    return messages;
  }
  const messages = toolRoles([...before.messages, ...readMessages(more, 'user')].slice(0, maxItems), 'user');
  keep(key, alike, at, { text: text.slice(0, -1), messages });
  return messages;
}

/** A list in which every element is one message: then the messages of a longer list are those of its beginning and those of the rest. */
function isPlainList(value: Json): boolean {
  return Array.isArray(value) && value.every((item) => typeof member(item, 'role') === 'string' && !isPart(item));
}

function longestStart(alike: readonly Read[], text: string): number {
  let best = -1;
  for (let i = 0; i < alike.length; i++) {
    const { text: start } = alike[i] as Read;
    if (best >= 0 && start.length <= (alike[best] as Read).text.length) continue;
    const next = text[start.length];
    if ((next === ',' || (next === ']' && start.length === text.length - 1)) && text.startsWith(start)) best = i;
  }
  return best;
}

function keep(key: string, alike: Read[], replaced: number, one: Read): void {
  if (replaced >= 0) kept -= (alike.splice(replaced, 1)[0] as Read).text.length;
  else if (alike.length >= MAX_ALIKE) kept -= (alike.shift() as Read).text.length;
  alike.push(one);
  kept += one.text.length;
  lists.delete(key);
  lists.set(key, alike);
  for (const [oldest, reads] of lists) {
    if (kept <= MAX_KEPT) return;
    for (const { text } of reads) kept -= text.length;
    lists.delete(oldest);
  }
}

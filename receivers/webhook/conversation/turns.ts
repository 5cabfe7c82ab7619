/** The elements of a conversation, whatever their shape, as turns: who, what, when. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { readMessages } from '../../../src/dialects/messages.ts';
import type { Message, Role } from '../../../src/step/step.ts';
import { errorOf, firstWord, identifier, list, time, word, writeJson } from '../payload.ts';
import { maxSpans, type SpanError } from '../run.ts';
import { itemsOf, type Shape, speakerNames, textNames } from './shapes.ts';
import type { Section } from './trajectory.ts';

export interface Turn {
  readonly role: Role;
  /** The participant, if it has a name of its own. */
  readonly name: string | undefined;
  /** Whom it speaks to, if that is said. */
  readonly to: string | undefined;
  readonly id: string | undefined;
  readonly message: Message;
  readonly atMs: number | undefined;
  readonly model: string | undefined;
  /** Ids of the tool results in it that are errors by the format's own flag. */
  readonly failed: ReadonlyMap<string, SpanError>;
}

/** Words for the four roles that are not OpenAI's. Anything else is the name of a participant. */
const roles: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  human: 'user',
  customer: 'user',
  prompter: 'user',
  assistant: 'assistant',
  ai: 'assistant',
  bot: 'assistant',
  gpt: 'assistant',
  chatgpt: 'assistant',
  model: 'assistant',
  claude: 'assistant',
  function_call: 'assistant',
  tool: 'tool',
  function: 'tool',
  observation: 'tool',
};

function roleOf(name: string | undefined): Role | undefined {
  const key = name?.toLowerCase() ?? '';
  return Object.hasOwn(roles, key) ? roles[key] : undefined;
}

/** One element as far as it is read: 48 levels, a MiB, strings of 32 KiB. */
const maxItem = 1024 * 1024;
/** Beyond this no turn becomes a span, unless most of those before say nothing. */
const maxTurns = 2 * maxSpans;

/** `onCut` hears of what is not in the turns. */
export function turnsOf(shape: Shape, payload: unknown, onCut: (what: string) => void): Turn[] {
  const turns: Turn[] = [];
  const items = itemsOf(shape, payload);
  if (items.length > maxTurns) onCut(`${items.length - maxTurns} of ${items.length} turns`);
  items.slice(0, maxTurns).forEach((item, place) => {
    if (isSection(item)) {
      turns.push(ofSection(item));
      return;
    }
    const written = writeJson(item, maxItem);
    if (written.cut) onCut(`turn ${place}`);
    const turn = turnOf(shape, JSON.parse(written.text));
    if (turn === undefined) onCut(`turn ${place}: nothing that is said`);
    else turns.push(turn);
  });
  if (shape !== 'responses') return turns;
  // What was asked may be one text beside the answers; reasoning, calls and text of one answer are items of their own.
  const asked = word(member(payload, 'input'));
  return oneAnAnswer(asked === undefined ? turns : [plain('user', undefined, asked), ...turns]);
}

function oneAnAnswer(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === 'assistant' && turn.role === 'assistant')
      merged[merged.length - 1] = { ...last, message: joined([last.message, turn.message]) };
    else merged.push(turn);
  }
  return merged;
}

/** Shapes whose messages everybody reads as they are. */
const ownRules: ReadonlySet<Shape> = new Set(['openai', 'responses', 'claude']);

function turnOf(shape: Shape, item: unknown): Turn | undefined {
  if (!isObject(item)) return undefined;
  const said = firstWord(item, speakerNames);
  const named = firstWord(item, ['name', 'agent', 'speaker']);
  const known = roleOf(firstWord(item, ['role', 'from', 'sender']) ?? said);
  // Teams give every participant a role of the model's API; the name is who it is.
  const name = shape === 'mast' && named !== undefined ? named : known === undefined ? said : roleOf(named) ? undefined : named;
  const read = readMessages(ownRules.has(shape) ? item : spoken(item, known), known ?? 'assistant');
  if (read.length === 0) return undefined;
  const [first, ...rest] = read as [Message, ...Message[]];
  const message = rest.length === 0 ? first : joined([first, ...rest]);
  return {
    role: known ?? (said === undefined || shape === 'responses' ? first.role : 'assistant'),
    name: known === 'tool' ? undefined : name,
    to: firstWord(item, ['to', 'recipient', 'target']),
    id: identifier(firstMember(item, ['id', 'uuid', 'message_id'])),
    message,
    atMs: time(firstMember(item, ['created_at', 'timestamp', 'create_time', 'time'])),
    model: firstWord(item, ['model']),
    failed: failures(item),
  };
}

/** A turn of a shape without rules of its own, as a message that everybody knows. */
function spoken(item: unknown, role: Role | undefined): unknown {
  const content = firstMember(item, textNames);
  // AG2 keeps the lines of a text as a list.
  const lines = Array.isArray(content) && content.every((line) => typeof line === 'string') ? content.join('\n') : content;
  const blocks = list(member(item, 'content')).length > 0 ? member(item, 'content') : undefined;
  return {
    role: role ?? 'assistant',
    content:
      typeof lines === 'string'
        ? lines === ''
          ? blocks
          : lines
        : (blocks ?? (lines === undefined ? undefined : writeJson(lines, 65_536).text)),
    tool_calls: member(item, 'tool_calls'),
    tool_call_id: member(item, 'tool_call_id'),
    ...(role === 'tool' ? { name: word(member(item, 'name')) } : {}),
  };
}

function joined(all: readonly [Message, ...Message[]]): Message {
  const texts = (key: 'text' | 'reasoning') => all.flatMap((one) => one[key] || []).join('\n');
  return {
    ...all[0],
    text: texts('text'),
    reasoning: texts('reasoning') || undefined,
    toolCalls: all.flatMap(({ toolCalls }) => toolCalls),
    toolResults: all.flatMap(({ toolResults }) => toolResults),
  };
}

/** Claude flags the block, the Responses API the item; OpenAI's chat messages have no flag. */
function failures(item: unknown): ReadonlyMap<string, SpanError> {
  const failed = new Map<string, SpanError>();
  for (const block of list(member(item, 'content'))) {
    const id = word(member(block, 'tool_use_id'));
    if (id === undefined || member(block, 'is_error') !== true) continue;
    const [said] = readMessages(member(block, 'content'), 'tool');
    failed.set(id, { type: undefined, message: said?.text || 'error' });
  }
  const call = word(member(item, 'call_id')) ?? word(member(item, 'tool_call_id'));
  const error = errorOf(member(item, 'error'));
  if (call !== undefined && (error !== undefined || member(item, 'status') === 'incomplete'))
    failed.set(call, error ?? { type: 'incomplete', message: 'incomplete' });
  return failed;
}

function isSection(item: unknown): item is Section {
  return isObject(item) && typeof member(item, 'tool') === 'boolean' && typeof member(item, 'text') === 'string';
}

function ofSection({ agent, to, tool, text }: Section): Turn {
  const turn = plain(tool ? 'tool' : 'assistant', tool ? undefined : (agent ?? 'System'), text);
  const result = { id: undefined, name: agent, text };
  return { ...turn, to, message: tool ? { ...turn.message, text: '', toolResults: [result] } : turn.message };
}

function plain(role: Role, name: string | undefined, text: string): Turn {
  const message: Message = { role, name, text, reasoning: undefined, toolCalls: [], toolResults: [], truncated: false };
  return { role, name, to: undefined, id: undefined, message, atMs: undefined, model: undefined, failed: new Map() };
}

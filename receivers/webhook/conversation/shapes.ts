/** The shapes a conversation comes in, and how surely a payload has one of them. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { list, word } from '../payload.ts';
import { sections } from './trajectory.ts';

export type Shape = 'responses' | 'claude' | 'claude-export' | 'openai' | 'mast' | 'sharegpt' | 'turns';

export interface Detection {
  /** `undefined` if nothing of a conversation is there. */
  readonly format: Shape | undefined;
  /** 0 to 1: share of the elements that fit, times how much the shape is its owner's alone. */
  readonly confidence: number;
  readonly why: string;
}

/** Below this a payload is not read: fewer than half of the elements are what a conversation has. */
export const minConfidence = 0.5;

/** What is looked for, in words, for whom nothing was found. */
export const lookedFor =
  'a conversation: messages[] with role and content (OpenAI, Claude), output[] or input[] of Responses items, chat_messages[] with sender and text (claude.ai), ' +
  'conversations[] with from and value (ShareGPT), trace.trajectory with headings of AG2, ChatDev, HyperAgent, MetaGPT, AppWorld or Magentic-One (MAST), ' +
  'or turns[] with role, speaker, agent or from and content, text or value';

export const speakerNames = ['role', 'speaker', 'agent', 'from', 'sender', 'author', 'name'];
export const textNames = ['content', 'text', 'value', 'message'];
const listNames = ['turns', 'messages', 'conversation', 'conversations', 'dialogue', 'history', 'transcript'];
const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);
const itemTypes = new Set([
  'message',
  'reasoning',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'mcp_call',
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'computer_call',
]);

interface Candidate {
  readonly shape: Shape;
  /** Where the elements stand, for `why`. */
  readonly place: string;
  readonly items: (payload: unknown) => readonly unknown[] | undefined;
  readonly fits: (item: unknown) => boolean;
  /** What only this shape has, in words, if it is there. */
  readonly mark: (payload: unknown, items: readonly unknown[]) => string | undefined;
  /** Confidence of a perfect fit with and without that. */
  readonly marked: number;
  readonly plain: number;
}

/** In the order in which they are believed where two are as sure. */
const candidates: readonly Candidate[] = [
  {
    shape: 'responses',
    place: 'output[] and input[]',
    items: (payload) => {
      if (Array.isArray(payload)) return payload;
      const both = [...list(member(payload, 'input')), ...list(member(payload, 'output'))];
      return both.length === 0 ? undefined : both;
    },
    fits: (item) => itemTypes.has(word(member(item, 'type')) ?? '') || isChatMessage(item),
    mark: (payload, items) =>
      member(payload, 'object') === 'response'
        ? 'object is response'
        : items.some((item) => word(member(item, 'type'))?.includes('_call') === true)
          ? 'items with call_id'
          : items.some((item) => blockTypes(item).some((type) => type === 'output_text' || type === 'input_text'))
            ? 'parts input_text or output_text'
            : undefined,
    marked: 0.95,
    plain: 0,
  },
  {
    shape: 'claude',
    place: 'messages[]',
    items: messagesOf,
    fits: (item) => ['user', 'assistant'].includes(word(member(item, 'role')) ?? '') && member(item, 'content') !== undefined,
    mark: (_, items) => {
      const types = items.flatMap(blockTypes);
      if (types.some((type) => type === 'tool_use' || type === 'tool_result')) return 'blocks tool_use or tool_result';
      return types.includes('thinking') ? 'blocks thinking' : undefined;
    },
    marked: 0.95,
    plain: 0,
  },
  {
    shape: 'claude-export',
    place: 'chat_messages[]',
    items: (payload) => listOf(payload, 'chat_messages'),
    fits: (item) => ['human', 'assistant'].includes(word(member(item, 'sender')) ?? ''),
    mark: () => 'chat_messages',
    marked: 0.98,
    plain: 0,
  },
  {
    shape: 'openai',
    place: 'messages[]',
    items: (payload) => {
      const answers = list(member(payload, 'choices')).map((choice) => member(choice, 'message'));
      const found = [...(messagesOf(payload) ?? []), ...answers];
      return found.length === 0 ? undefined : found;
    },
    fits: isChatMessage,
    mark: (payload, items) =>
      items.some((item) => list(member(item, 'tool_calls')).some((call) => isObject(member(call, 'function'))))
        ? 'tool_calls with function'
        : items.some((item) => member(item, 'tool_call_id') !== undefined)
          ? 'tool_call_id'
          : list(member(payload, 'choices')).length > 0
            ? 'choices'
            : undefined,
    marked: 0.95,
    plain: 0.8,
  },
  {
    shape: 'mast',
    place: 'the trajectory',
    items: trajectoryOf,
    fits: (item) => typeof item === 'object' && item !== null,
    mark: (payload) => (member(payload, 'mas_name') === undefined ? undefined : 'mas_name'),
    marked: 0.95,
    plain: 0.7,
  },
  {
    shape: 'sharegpt',
    place: 'conversations[]',
    items: (payload) => listOf(payload, 'conversations') ?? listOf(payload, 'conversation'),
    fits: (item) => word(member(item, 'from')) !== undefined && typeof member(item, 'value') === 'string',
    mark: () => 'from and value',
    marked: 0.95,
    plain: 0,
  },
  {
    shape: 'turns',
    place: 'turns',
    items: (payload) =>
      Array.isArray(payload) ? payload : listNames.map((name) => listOf(payload, name)).find((found) => found !== undefined),
    fits: (item) =>
      speakerNames.some((name) => word(member(item, name)) !== undefined) && firstMember(item, textNames) !== undefined,
    mark: (payload) => (Array.isArray(payload) ? undefined : 'a list by name'),
    marked: 0.7,
    plain: 0.6,
  },
];

/** Elements that are looked at; a long list is what its beginning is. */
const maxLooks = 200;

export function detect(payload: unknown): Detection {
  let best: Detection = { format: undefined, confidence: 0, why: 'no list of messages or turns' };
  for (const { shape, place, items, fits, mark, marked, plain } of candidates) {
    const found = items(payload)?.slice(0, maxLooks);
    if (found === undefined || found.length === 0) continue;
    const fit = found.filter(fits).length;
    const said = mark(payload, found);
    const confidence = Math.round((100 * (said === undefined ? plain : marked) * fit) / found.length) / 100;
    if (confidence <= best.confidence) continue;
    const also = said === undefined ? 'nothing says whose' : said;
    best = { format: shape, confidence, why: `${fit} of ${found.length} elements of ${place} fit; ${also}` };
  }
  return best;
}

/** The elements of a payload that `detect` said to have this shape. */
export function itemsOf(shape: Shape, payload: unknown): readonly unknown[] {
  return candidates.find((one) => one.shape === shape)?.items(payload) ?? [];
}

function isChatMessage(item: unknown): boolean {
  return (
    roles.has(word(member(item, 'role')) ?? '') &&
    firstMember(item, ['content', 'tool_calls', 'function_call', 'refusal']) !== undefined
  );
}

function messagesOf(payload: unknown): readonly unknown[] | undefined {
  return Array.isArray(payload) ? payload : listOf(payload, 'messages');
}

function listOf(payload: unknown, key: string): readonly unknown[] | undefined {
  const found = member(payload, key);
  return Array.isArray(found) ? found : undefined;
}

/** Types of the blocks of a message's content. */
function blockTypes(item: unknown): string[] {
  return list(member(item, 'content')).flatMap((block) => word(member(block, 'type')) ?? []);
}

/** `trace` or `trajectory`: a text with headings, lines of one, a list of messages, or JSON of any of these in a text. */
function trajectoryOf(payload: unknown): readonly unknown[] | undefined {
  const trace = unwrapped(member(payload, 'trace'));
  const given = unwrapped(
    firstMember(trace, ['trajectory', 'messages', 'content']) ?? firstMember(payload, ['trajectory']) ?? trace,
  );
  if (Array.isArray(given)) {
    if (!given.every((line) => typeof line === 'string')) return given;
    return sections(given.join('\n'));
  }
  return typeof given === 'string' ? sections(given) : undefined;
}

function unwrapped(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    // A log may begin with a bracket: `[2025-…]`.
    return value;
  }
}

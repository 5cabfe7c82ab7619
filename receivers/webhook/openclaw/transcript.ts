/**
 * A transcript of OpenClaw (`~/.openclaw/agents/<agent>/sessions/<session>.jsonl`): a header and a tree of entries, as the body of the
 * session. Only the path to the last entry counts: the other branches were given up.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstWord, identifier, list, word, writeJson } from '../payload.ts';

const kinds = new Set([
  'message',
  'custom',
  'custom_message',
  'compaction',
  'branch_summary',
  'model_change',
  'thinking_level_change',
]);

export function isEntry(item: unknown): item is Dict {
  const type = word(member(item, 'type')) ?? '';
  return (
    isHeader(item) ||
    (kinds.has(type) && identifier(member(item, 'id')) !== undefined && isObject(item) && Object.hasOwn(item, 'parentId'))
  );
}

function isHeader(item: unknown): boolean {
  return member(item, 'type') === 'session' && identifier(member(item, 'id')) !== undefined;
}

export function fromTranscript(items: readonly unknown[]): Dict {
  const header = items.find(isHeader);
  const entries = items.filter((item): item is Dict => isEntry(item) && !isHeader(item));
  const path = leafPath(entries);
  let model: string | undefined;
  const events: unknown[] = [];
  for (const entry of path) {
    const snapshot = modelOf(entry);
    if (snapshot !== undefined) {
      if (model !== undefined && model !== snapshot && entry['type'] === 'custom')
        events.push({
          type: 'model.failover',
          id: entry['id'],
          timestamp: entry['timestamp'],
          data: { original: model, used: snapshot },
        });
      model = snapshot;
    } else if (entry['type'] === 'message') for (const event of messageEvents(entry)) events.push(event);
    else if (entry['type'] === 'compaction')
      events.push({ type: 'compaction', id: entry['id'], timestamp: entry['timestamp'], data: { text: entry['summary'] } });
  }
  return {
    session_id: member(header, 'id') ?? identifier(member(entries[0], 'id')),
    started_at: member(header, 'timestamp'),
    session_key: firstMember(header, ['sessionKey', 'session_key']),
    events,
    total: { entries: entries.length, abandoned: entries.length - path.length },
  };
}

/** From the last entry up to the root, in order. */
function leafPath(entries: readonly Dict[]): readonly Dict[] {
  const byId = new Map(entries.map((entry) => [identifier(entry['id']), entry]));
  const path: Dict[] = [];
  const seen = new Set<Dict>();
  for (let at = entries.at(-1); at !== undefined && !seen.has(at); at = byId.get(identifier(at['parentId']))) {
    seen.add(at);
    path.push(at);
  }
  return path.reverse();
}

function modelOf(entry: Dict): string | undefined {
  if (entry['type'] === 'model_change') return firstWord(entry, ['modelId', 'model']);
  if (entry['type'] !== 'custom' || entry['customType'] !== 'model-snapshot') return undefined;
  return firstWord(entry['data'], ['modelId', 'model']);
}

/** A message of the user, a turn of the agent with its calls, or the result of one. */
function messageEvents(entry: Dict): readonly unknown[] {
  const message = entry['message'];
  const base = { id: entry['id'], timestamp: entry['timestamp'] };
  const role = word(member(message, 'role'));
  const content = member(message, 'content');
  const parts = list(content);
  const text = word(content) ?? textOf(parts, 'text');
  if (role === 'user') return [{ ...base, type: 'message.received', data: { text } }];
  if (role === 'toolResult')
    return [
      {
        ...base,
        type: 'tool.result',
        tool_name: member(message, 'toolName'),
        call_id: member(message, 'toolCallId'),
        tool_result: text ?? '',
        is_error: member(message, 'isError'),
        data: member(message, 'details'),
      },
    ];
  if (role !== 'assistant') return [];
  const stop = word(member(message, 'stopReason'));
  const said = firstWord(message, ['errorMessage']);
  return [
    {
      ...base,
      type: 'agent.turn',
      model: member(message, 'model'),
      provider: member(message, 'provider'),
      usage: member(message, 'usage'),
      costUsd: firstMember(member(member(message, 'usage'), 'cost'), ['total']),
      stop_reason: stop,
      ...(stop === 'error' || stop === 'aborted'
        ? { error: { type: stop === 'aborted' ? 'cancelled' : undefined, message: said ?? stop } }
        : {}),
      data: { text, thinking: textOf(parts, 'thinking') },
    },
    ...parts
      .filter((part) => member(part, 'type') === 'toolCall')
      .map((part) => ({
        type: 'tool.call',
        timestamp: entry['timestamp'],
        call_id: member(part, 'id'),
        tool_name: member(part, 'name'),
        tool_input: member(part, 'arguments'),
      })),
  ];
}

function textOf(parts: readonly unknown[], type: string): string | undefined {
  const texts = parts.filter((part) => member(part, 'type') === type).map((part) => firstWord(part, [type, 'text']) ?? '');
  const joined = texts.join('\n').slice(0, 65_536);
  if (joined !== '' || type !== 'text') return joined === '' ? undefined : joined;
  const rest = parts.filter((part) => !['text', 'thinking', 'toolCall'].includes(word(member(part, 'type')) ?? ''));
  return rest.length === 0 ? undefined : writeJson(rest, 4096).text;
}

/**
 * What Claude Code writes, taken out of what it comes in: a transcript (`~/.claude/projects`), messages of the Agent SDK, its control
 * protocol as recorded, hook inputs, or the upload `{source, version, uploaded_at, trace_count, traces[]}`.
 */
import { createHash } from 'node:crypto';
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstWord, identifier, list, PayloadError, writeJson } from '../payload.ts';
import { cursorInput } from './cursor.ts';

export const format = 'claude-code';

/** Records of one body; a transcript of a long day has some ten thousand. */
const maxRecords = 200_000;
/** Members that hold the records: of an upload, a recording, an export. */
const holders = ['traces', 'messages', 'loglines', 'records', 'lines', 'events'];
/** Types of transcript lines and SDK messages. */
const types = new Set(['user', 'assistant', 'system', 'summary', 'result']);

export interface Session {
  readonly id: string;
  readonly records: readonly Dict[];
}

export interface Read {
  readonly sessions: readonly Session[];
  /** Elements that are no objects. */
  readonly unread: number;
  /** Elements that passed `maxRecords`. */
  readonly left: number;
}

/** Throws `PayloadError` if nothing in the payload is a record. */
export function read(payload: unknown): Read {
  const sessions = new Map<string, Dict[]>();
  let first: string | undefined;
  let unread = 0;
  let seen = 0;
  let known = 0;
  const early: Dict[] = [];
  const take = (one: unknown, session: string | undefined): void => {
    const record = unwrapped(one);
    if (record === undefined) {
      unread++;
      return;
    }
    if (isRecord(record)) known++;
    const id = sessionOf(record) ?? session;
    if (id === undefined) {
      if (first === undefined) early.push(record);
      else sessions.get(first)?.push(record);
      return;
    }
    first ??= id;
    const records = sessions.get(id);
    if (records === undefined) sessions.set(id, [record]);
    else records.push(record);
  };
  const all = elements(payload);
  for (const { one, session } of all) {
    if (++seen > maxRecords) break;
    take(one, session);
  }
  if (known === 0)
    throw new PayloadError(format, 'the body', payload, 'lines of a transcript, messages of the Agent SDK or hook inputs');
  first ??= `transcript-${createHash('sha256')
    .update(writeJson(early.slice(0, 2), 4096).text)
    .digest('hex')
    .slice(0, 16)}`;
  sessions.set(first, [...early, ...(sessions.get(first) ?? [])]);
  return {
    sessions: [...sessions].map(([id, records]) => ({ id, records })),
    unread,
    left: Math.max(0, all.length - maxRecords),
  };
}

interface Element {
  readonly one: unknown;
  readonly session: string | undefined;
}

function elements(payload: unknown): readonly Element[] {
  if (Array.isArray(payload)) return payload.map((one) => ({ one, session: undefined }));
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object or a list of records');
  const holder = isRecord(payload) ? undefined : holders.find((name) => Array.isArray(member(payload, name)));
  if (holder === undefined) return [{ one: payload, session: undefined }];
  const session = sessionOf(payload);
  return list(member(payload, holder)).flatMap((one) => {
    // A trace of an upload may hold its own lines.
    const inner = isRecord(one) ? undefined : holders.find((name) => Array.isArray(member(one, name)));
    if (inner === undefined) return [{ one, session }];
    const own = sessionOf(one) ?? session;
    return list(member(one, inner)).map((each) => ({ one: each, session: own }));
  });
}

/** A message of the control protocol stands within its direction; a hook input within the request to call the hook. */
function unwrapped(one: unknown): Dict | undefined {
  const message = member(one, 'message');
  const inner = isObject(message) && member(one, 'direction') !== undefined ? message : one;
  const request = member(inner, 'request');
  if (member(request, 'subtype') === 'hook_callback' && isObject(member(request, 'input'))) {
    const input = member(request, 'input') as Dict;
    return { tool_use_id: member(request, 'tool_use_id'), request_id: member(inner, 'request_id'), ...input };
  }
  if (!isObject(inner)) return undefined;
  return cursorInput(inner) ?? inner;
}

function isRecord(one: unknown): boolean {
  if (typeof member(one, 'hook_event_name') === 'string') return true;
  const type = member(one, 'type');
  return typeof type === 'string' && types.has(type);
}

/** The SDK sends `default` before it is told which session it talks to. */
function sessionOf(record: unknown): string | undefined {
  const id = identifier(firstMember(record, ['sessionId', 'session_id']));
  return id === 'default' ? undefined : id;
}

/** When the record was written, as it says. */
export function timeOf(record: Dict): unknown {
  return firstMember(record, ['timestamp', 'ts']);
}

/** 16 hex digits that are the same for the same native id of a session, whatever told of it and in which order. */
export function spanIdOf(session: string, ...parts: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([format, session, ...parts]))
    .digest('hex')
    .slice(0, 16);
}

/** Text of a message's or result's content: a string, or blocks of which the texts count. */
export function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content === '' ? undefined : content;
  const texts = list(content).map((block) => (typeof block === 'string' ? block : firstWord(block, ['text'])));
  const said = texts.filter((one) => one !== undefined).join('\n');
  return said === '' ? undefined : said;
}

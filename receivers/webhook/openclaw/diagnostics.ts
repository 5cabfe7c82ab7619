/** OpenClaw's diagnostic events `{type, ts, seq, …}` as events of a session: one body a trace, or a session where no trace is named. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, firstWord, identifier, number, word } from '../payload.ts';

/** Bodies of one list of events; further ones are left out. */
const maxBodies = 1000;

export function isDiagnostic(item: unknown): item is Dict {
  return (
    isObject(item) &&
    number(member(item, 'ts')) !== undefined &&
    (number(member(item, 'seq')) !== undefined || isObject(member(item, 'trace'))) &&
    (word(member(item, 'type')) ?? '').includes('.')
  );
}

export function fromDiagnostics(items: readonly unknown[]): readonly Dict[] {
  const bodies = new Map<string, Dict[]>();
  for (const item of items) {
    if (!isDiagnostic(item)) continue;
    const id =
      word(member(member(item, 'trace'), 'traceId')) ??
      identifier(firstMember(item, ['sessionKey', 'sessionId', 'runId'])) ??
      'gateway';
    const known = bodies.get(id);
    if (known !== undefined) known.push(item);
    else if (bodies.size < maxBodies) bodies.set(id, [item]);
  }
  return [...bodies].map(([id, events]) => {
    const first = (names: readonly string[]) =>
      events.map((event) => firstMember(event, names)).find((value) => value !== undefined);
    return {
      session_id: first(['sessionId', 'sessionKey']) ?? id,
      session_key: first(['sessionKey']),
      agent_name: first(['agentId']),
      channel: first(['channel']),
      // The spans of the same events have this trace, and a root of their own.
      ...(events.some((event) => member(member(event, 'trace'), 'traceId') === id) ? { trace_id: id } : {}),
      events: [...events].sort((a, b) => (number(a['seq']) ?? 0) - (number(b['seq']) ?? 0)).map(eventOf),
    };
  });
}

/** As an event of a session; the time of a diagnostic event is the end of what it tells. */
function eventOf(event: Dict): Dict {
  const type = word(event['type'])!;
  const ended = number(event['ts'])!;
  const took = number(event['durationMs']);
  const base = {
    ...event,
    id: firstMember(event['trace'], ['spanId']) ?? event['seq'],
    timestamp: ended - Math.max(0, took ?? 0),
  };
  if (!type.startsWith('tool.execution.')) return { ...base, error: failure(type, event) };
  if (type === 'tool.execution.started') return { ...base, type: 'tool.started' };
  const denied = type === 'tool.execution.blocked' ? (firstWord(event, ['deniedReason']) ?? 'blocked') : undefined;
  return {
    ...base,
    type: 'tool.call',
    tool_name: event['toolName'],
    call_id: event['toolCallId'],
    tool_input: firstMember(event, ['params', 'input']),
    tool_result: firstMember(event, ['result', 'output']),
    deniedReason: denied,
    blocked: denied !== undefined,
    error: failure(type, event),
  };
}

function failure(type: string, event: Dict): unknown {
  const said = firstWord(event, ['error', 'errorMessage', 'errorCategory']);
  const failed = type.endsWith('.error') || event['outcome'] === 'error' || event['outcome'] === 'failed';
  return failed ? { type: firstWord(event, ['errorCategory', 'failureKind']), message: said ?? type } : dict(event)['error'];
}

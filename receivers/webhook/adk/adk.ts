/**
 * Google's Agent Development Kit: sessions with their events, lists of events, eval sets (`*.test.json`), and its telemetry as a tree
 * of spans. Names are written in camelCase by the API and in snake_case by files; both are read. A run is one invocation, its session the session's id.
 */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, identifier, list, PayloadError, time, word, writeJson } from '../payload.ts';
import { Run, type Span, type TraceDocument } from '../run.ts';
import { Invocation } from './invocation.ts';
import { both, textOf } from './names.ts';

/** Characters of what stands for an id where a body has none: the same body is the same run. */
const maxId = 10_000;
const format = 'adk';
const maxDepth = 100;

export function adk(payload: unknown): TraceDocument[] {
  if (isObject(payload) && isObject(payload['root_span'])) return [tree(payload['root_span'])];
  if (isObject(payload) && Array.isArray(both(payload, 'evalCases'))) return evalCases(payload);
  const session = isObject(payload) && Array.isArray(payload['events']) ? payload : undefined;
  const events = session === undefined ? (Array.isArray(payload) ? payload : [payload]) : list(session['events']);
  if (session === undefined && !events.some(isAdkEvent)) {
    throw new PayloadError(format, 'the body', payload, 'a session with `events`, events, or an eval set');
  }
  const logs = new Map(list(both(session, 'eventLogs')).map((log) => [identifier(both(log, 'eventId')) ?? '', log]));
  const runs = new Map<string, Invocation>();
  for (const event of events) {
    if (!isObject(event) || event['partial'] === true || member(event['options'], 'partial') === true) continue;
    const id = identifier(both(event, 'invocationId')) ?? identifier(event['id']) ?? 'invocation';
    let invocation = runs.get(id);
    if (invocation === undefined) {
      invocation = new Invocation(
        id,
        identifier(session?.['id']),
        word(session === undefined ? undefined : both(session, 'appName')),
      );
      runs.set(id, invocation);
    }
    invocation.add(event, logs.get(identifier(event['id']) ?? ''));
  }
  return [...runs.values()].map((run) => run.document());
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  if (isObject(payload) && Array.isArray(both(payload, 'evalCases'))) {
    return [
      'An eval set says which tools are to be used, not what they answered: send the session with its events (GET /apps/{app}/users/{user}/sessions/{id}).',
    ];
  }
  return [];
}

function isAdkEvent(value: unknown): boolean {
  return (
    isObject(value) &&
    (both(value, 'invocationId') !== undefined || (value['author'] !== undefined && value['content'] !== undefined))
  );
}

/** The conversations of an eval set: what was asked, which tools were used, what was answered. */
function evalCases(set: Dict): TraceDocument[] {
  return list(both(set, 'evalCases')).flatMap((one) => {
    const session = identifier(both(dict(one), 'evalId'));
    return list(member(one, 'conversation')).map((turn) => evalTurn(dict(turn), session));
  });
}

function evalTurn(turn: Dict, session: string | undefined): TraceDocument {
  const id = identifier(both(turn, 'invocationId')) ?? writeJson(turn, maxId).text;
  const startMs = time(both(turn, 'creationTimestamp'));
  const run = new Run(format, id, { name: 'invocation', startMs });
  const uses = list(both(dict(both(turn, 'intermediateData')), 'toolUses'));
  run.root
    .text('gen_ai.operation.name', 'invoke_workflow')
    .text('gen_ai.conversation.id', session)
    .messages('gen_ai.input.messages', [{ role: 'user', text: textOf(both(turn, 'userContent')) }])
    .messages('gen_ai.output.messages', [{ role: 'assistant', text: textOf(both(turn, 'finalResponse')) }])
    .json('misstep.run.total', { eval_turns: 1, tool_uses: uses.length });
  for (const use of uses) {
    const name = word(member(use, 'name')) ?? 'tool';
    run
      .add({ name: `execute_tool ${name}`, startMs })
      ?.text('gen_ai.operation.name', 'execute_tool')
      .text('gen_ai.tool.name', name)
      .text('gen_ai.conversation.id', session)
      .json('gen_ai.tool.call.arguments', member(use, 'args'));
  }
  return run.document('adk');
}

/** Spans as ADK's tests write them: name, attributes, status, children. */
function tree(root: Dict): TraceDocument {
  const run = new Run(
    format,
    identifier(member(root['attributes'], 'gcp.vertex.agent.invocation_id')) ?? writeJson(root, maxId).text,
    {
      name: word(root['name']) ?? 'invocation',
      ...errorIn(root),
    },
  );
  write(run.root, root);
  const walk = (parent: Span, node: Dict, depth: number): void => {
    if (depth > maxDepth) {
      run.root.note(`spans deeper than ${maxDepth} levels`);
      return;
    }
    for (const child of list(node['children'])) {
      const given = dict(child);
      const span = run.add({ name: word(given['name']) ?? 'span', parent, ...errorIn(given) });
      if (span === undefined) return;
      write(span, given);
      walk(span, given, depth + 1);
    }
  };
  walk(run.root, root, 0);
  return run.document('adk');
}

function errorIn(node: Dict): { readonly error?: { type: string | undefined; message: string } } {
  if (node['status'] !== 'ERROR') return {};
  const type = word(member(node['attributes'], 'error.type'));
  return { error: { type, message: word(node['status_message']) ?? type ?? 'error' } };
}

function write(span: Span, node: Dict): void {
  const attributes = dict(node['attributes']);
  if (attributes['gen_ai.operation.name'] === undefined) span.text('openinference.span.kind', 'CHAIN');
  for (const [key, value] of Object.entries(attributes).slice(0, 200)) {
    // `PRESENT` stands where the value differs from run to run.
    if (key.startsWith('gen_ai.') && value !== 'PRESENT') span.text(key, value);
  }
}

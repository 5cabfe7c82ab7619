/**
 * Amazon Bedrock Agents: the events of `invoke_agent(enableTrace=True)` as boto3 gives them (`{trace: {…}}`, `{chunk: {…}}`), as they stand in
 * the event stream (`{eventType, payload}`), trace parts alone, and answers of `retrieve` and `retrieve_and_generate`.
 *
 * A part names its step by `traceId`: the request's UUID and a place. Agents are told apart by their `callerChain`.
 */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, identifier, list, PayloadError, time, word, writeJson } from '../payload.ts';
import { Run, type TraceDocument } from '../run.ts';
import { Agents, type Part } from './parts.ts';

/** Characters of what stands for an id where a body has none: the same body is the same run. */
const maxId = 10_000;
const format = 'bedrock';

export function bedrock(payload: unknown): TraceDocument[] {
  const events = eventsOf(payload);
  const parts = events.map(partOf).filter((part) => part !== undefined);
  const first = parts.find(({ depth }) => depth <= 1) ?? parts[0];
  const id = first?.request ?? identifier(member(dict(payload)['request'], 'sessionId')) ?? writeJson(events, maxId).text;
  const run = new Run(format, id, {
    name: `invoke_agent ${first?.agent ?? 'agent'}`,
    startMs: first?.atMs,
    endMs: parts.at(-1)?.atMs,
    error: failureOf(parts),
  });
  const agents = new Agents(run, first);
  for (const part of parts) agents.add(part);
  const said = events
    .map(chunkOf)
    .filter((text) => text !== undefined)
    .join('');
  for (const event of events) agents.addAnswer(event);
  agents.end(said, totalOf(events, parts));
  return [run.document('bedrock-agents')];
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  const events = eventsOf(payload);
  const traced = events.some((event) => partOf(event) !== undefined);
  const answer = events.some(
    (event) => member(event, 'retrievalResults') !== undefined || member(event, 'citations') !== undefined,
  );
  return traced || answer
    ? []
    : [
        'The events have no trace: only the answer can be judged. Call invoke_agent with enableTrace=True and send event["trace"] of each event.',
      ];
}

function eventsOf(payload: unknown): readonly Dict[] {
  const given = isObject(payload) && 'events' in payload ? payload['events'] : payload;
  const events = isObject(given) ? [given] : list(given).filter(isObject);
  if (!events.some(isEvent))
    throw new PayloadError(format, 'the body', payload, 'events of invoke_agent, or an object with `events`');
  return events;
}

/** Members of which every event and every answer has one. */
const members = ['trace', 'chunk', 'returnControl', 'files', 'eventType', 'payload', 'citations', 'retrievalResults', 'output'];

function isEvent(event: Dict): boolean {
  return Object.keys(event).some((key) => members.includes(key) || key.endsWith('Exception'));
}

/** The trace part of an event, whichever way it was taken from the stream. */
function partOf(event: Dict): Part | undefined {
  const outer = isObject(event['payload']) ? event['payload'] : event;
  const candidate = isObject(member(outer['trace'], 'trace')) ? dict(outer['trace']) : outer;
  const trace = dict(candidate['trace']);
  const [kind, body] = Object.entries(trace).find(([key]) => key.endsWith('Trace')) ?? [];
  if (kind === undefined || !isObject(body)) return undefined;
  const chain = list(candidate['callerChain']).map((caller) => word(member(caller, 'agentAliasArn')) ?? '');
  const step = stepIdOf(body);
  return {
    kind,
    body,
    step,
    request: step === undefined ? undefined : requestOf(step),
    chain: chain.join(' '),
    depth: chain.length,
    agent: word(candidate['collaboratorName']) ?? word(candidate['agentName']) ?? identifier(candidate['agentId']),
    agentId: identifier(candidate['agentId']),
    session: identifier(candidate['sessionId']),
    atMs: time(candidate['eventTime']),
  };
}

function stepIdOf(body: Dict): string | undefined {
  for (const inner of [body, ...Object.values(body)]) {
    const id = word(member(inner, 'traceId'));
    if (id !== undefined) return id;
  }
  return undefined;
}

function requestOf(step: string): string {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i.exec(step)?.[0] ?? step;
}

/** A piece of the answer. */
function chunkOf(event: Dict): string | undefined {
  const outer = isObject(event['payload']) ? event['payload'] : event;
  const bytes = word(member(outer['chunk'], 'bytes')) ?? (event['eventType'] === 'chunk' ? word(outer['bytes']) : undefined);
  return bytes === undefined ? undefined : Buffer.from(bytes.slice(0, 1_000_000), 'base64').toString();
}

function failureOf(parts: readonly Part[]): { type: string; message: string } | undefined {
  const failure = parts.find(({ kind, depth }) => kind === 'failureTrace' && depth <= 1)?.body;
  if (failure === undefined) return undefined;
  return {
    type: identifier(failure['failureCode']) ?? 'failure',
    message: word(failure['failureReason']) ?? 'The agent failed.',
  };
}

function totalOf(events: readonly Dict[], parts: readonly Part[]): Readonly<Record<string, unknown>> {
  const by = (values: readonly (string | undefined)[]) => {
    const counts: Record<string, number> = Object.create(null);
    for (const value of values) {
      const key = value?.slice(0, 100);
      if (key !== undefined && (key in counts || Object.keys(counts).length < 50)) counts[key] = (counts[key] ?? 0) + 1;
    }
    return { ...counts };
  };
  return {
    events: events.length,
    trace_parts: by(parts.map(({ kind }) => kind)),
    // A guardrail's own id names no step.
    step_trace_ids: new Set(parts.flatMap(({ kind, step }) => (kind === 'guardrailTrace' ? [] : (step ?? [])))).size,
    invocations: by(parts.map(({ body }) => word(member(body['invocationInput'], 'invocationType')))),
    observations: by(parts.map(({ body }) => word(member(body['observation'], 'type')))),
    caller_depth: parts.reduce((most, { depth }) => Math.max(most, depth), 0),
    failure_traces: parts.filter(({ kind }) => kind === 'failureTrace').length,
  };
}

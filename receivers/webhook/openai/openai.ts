/**
 * OpenAI: what the Agents SDK's exporter posts to `/v1/traces/ingest` (`{data: [trace, trace.span, …]}`), Responses objects, Assistants'
 * runs and run steps, their event streams, results of an Agents SDK run, and the thin events of webhooks.
 */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, list, PayloadError, word } from '../payload.ts';
import type { TraceDocument } from '../run.ts';
import { agentTraces } from './agents.ts';
import { assistantRuns } from './assistants.ts';
import { responses } from './responses.ts';

const format = 'openai';

export function openai(payload: unknown): TraceDocument[] {
  const objects = objectsOf(payload);
  const traced = objects.filter((one) => kindOf(one).startsWith('trace'));
  if (traced.length > 0) return agentTraces(traced);
  const runs = objects.filter((one) => kindOf(one).startsWith('thread.'));
  if (runs.length > 0) return assistantRuns(runs);
  return responses(objects);
}

/** What this payload cannot show, and what shows it. */
export function hints(payload: unknown): string[] {
  const found = new Set<string>();
  for (const one of objectsOf(payload)) {
    const data = member(one, 'span_data');
    if (member(data, 'type') === 'response' && member(data, 'response') === undefined) {
      found.add(
        'Spans of the Responses API name the response and its usage, not what was said: trace the SDK with OpenInference (openinference-instrumentation-openai-agents) or send the responses (GET /v1/responses/{id}) too.',
      );
    }
    if (isThin(one)) {
      found.add('The event names a response, not what is in it: fetch it (GET /v1/responses/{id}) and send it to the same path.');
    }
    if (kindOf(one) === 'thread.run') {
      found.add(
        'A run says how it ended, not what it did: send its steps too (GET /v1/threads/{thread_id}/runs/{run_id}/steps).',
      );
    }
  }
  return [...found];
}

/** A webhook's event: the id of a response and how it ended. */
function isThin(value: unknown): boolean {
  return /^response\.\w+$/.test(word(member(value, 'type')) ?? '') && member(member(value, 'data'), 'output') === undefined;
}

function kindOf(value: unknown): string {
  return word(member(value, 'object')) ?? '';
}

/** The objects of a body: one, a list, a page, the events of a stream. Of a stream the last state of each object counts. */
function objectsOf(payload: unknown): readonly Dict[] {
  if (Array.isArray(payload)) return payload.some(isEvent) ? streamed(payload) : payload.filter(isObject);
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object, a list or the events of a stream');
  const data = member(payload, 'data');
  if (Array.isArray(data)) return data.filter(isObject);
  const raw = member(payload, 'raw_responses');
  if (Array.isArray(raw)) return raw.filter(isObject);
  return [payload];
}

function isEvent(value: unknown): boolean {
  return isObject(value) && 'data' in value && !('span_data' in value) && member(value, 'object') === undefined;
}

function streamed(events: readonly unknown[]): readonly Dict[] {
  const last = new Map<string, Dict>();
  for (const event of events) {
    const data = member(event, 'data');
    const one = member(data, 'response') ?? data;
    const id = word(member(one, 'id'));
    if (!isObject(one) || id === undefined) continue;
    const kind = kindOf(one);
    if (kind === 'response' || kind === 'thread.run' || kind === 'thread.run.step') last.set(`${kind} ${id}`, one);
  }
  // A webhook's event is no stream, but may come in a list.
  return last.size > 0 ? [...last.values()] : list(events).filter(isObject);
}

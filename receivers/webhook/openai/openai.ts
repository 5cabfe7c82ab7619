/**
 * OpenAI: what the Agents SDK's exporter posts to `/v1/traces/ingest` (`{data: [trace, trace.span, …]}`), Responses objects, Assistants'
 * runs and run steps, their event streams, recorded requests, results of an Agents SDK run, and the thin events of webhooks.
 */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, list, PayloadError, word } from '../payload.ts';
import type { TraceDocument } from '../run.ts';
import { agentTraces } from './agents.ts';
import { assistantRuns } from './assistants.ts';
import { recorded } from './recorded.ts';
import { responses } from './responses.ts';
import { isEvent, streamed } from './stream.ts';

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
  if (Array.isArray(payload)) {
    // Bodies of the exporter, one a line.
    if (payload.some((one) => Array.isArray(member(one, 'data'))))
      return payload.flatMap((one) => list(member(one, 'data'))).filter(isObject);
    return payload.some(isEvent) ? streamed(payload) : payload.filter(isObject);
  }
  if (!isObject(payload)) throw new PayloadError(format, 'the body', payload, 'an object, a list or the events of a stream');
  const data = member(payload, 'data');
  if (Array.isArray(data)) return data.filter(isObject);
  const raw = member(payload, 'raw_responses');
  if (Array.isArray(raw)) return asked(raw.filter(isObject), member(payload, 'input'));
  if (Array.isArray(member(payload, 'interactions'))) return recorded(payload);
  return [payload];
}

/** The result of a run says what it was asked once, for the first of its responses. */
function asked(raw: readonly Dict[], input: unknown): readonly Dict[] {
  return raw.map((one, i) => (i === 0 && input !== undefined && !('input' in one) ? { ...one, input } : one));
}

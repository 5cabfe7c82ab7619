import { z } from 'zod';
import type { StepRow, TraceRow } from '../../../src/component/records.ts';
import { notFound } from '../problem.ts';
import { route } from '../route.ts';
import { detection, wireDetection } from './detections.ts';
import { iso, isoTime, millis, paged, paging, windowOf } from './shared.ts';

/** States of one answer; a longer run is looked at in its backend. */
const MOST_STATES = 5_000;
const MOST_DETECTIONS = 1_000;

export const trace = z.object({
  id: z.string(),
  session_id: z.string().nullable(),
  framework: z.string().nullable(),
  name: z.string().nullable(),
  service: z.string().nullable(),
  status: z.string(),
  total_tokens: z.number(),
  total_cost_cents: z.number(),
  created_at: z.string(),
  completed_at: z.string().nullable(),
  state_count: z.number(),
  detection_count: z.number(),
});

export const state = z.object({
  sequence_num: z.number(),
  span_id: z.string(),
  parent_span_id: z.string().nullable(),
  kind: z.string(),
  name: z.string(),
  agent_id: z.string().nullable(),
  tool: z.string().nullable(),
  model: z.string().nullable(),
  outcome: z.string(),
  error: z.string().nullable(),
  input: z.string().nullable(),
  output: z.string().nullable(),
  state_delta: z.unknown(),
  state_hash: z.string().nullable(),
  token_count: z.number(),
  latency_ms: z.number(),
  started_at: z.string(),
});

function wireTrace(row: TraceRow): z.input<typeof trace> {
  return {
    id: row.trace_id,
    session_id: row.session_id,
    framework: row.framework,
    name: row.name,
    service: row.service,
    status: row.status,
    total_tokens: row.input_tokens + row.output_tokens,
    total_cost_cents: Math.round(row.cost * 10_000) / 100,
    created_at: iso(row.started_ms),
    completed_at: row.status === 'running' ? null : iso(row.ended_ms),
    state_count: row.steps,
    detection_count: row.detections,
  };
}

function wireState(row: StepRow, i: number): z.input<typeof state> {
  return {
    sequence_num: i,
    span_id: row.span_id,
    parent_span_id: row.parent_id === '' ? null : row.parent_id,
    kind: row.kind,
    name: row.name,
    agent_id: row.agent,
    tool: row.tool,
    model: row.model,
    outcome: row.outcome,
    error: row.error,
    input: row.input,
    output: row.output,
    state_delta: jsonOrText(row.state_delta),
    state_hash: row.state_hash,
    token_count: (row.input_tokens ?? 0) + (row.output_tokens ?? 0),
    latency_ms: Math.max(0, Math.round((row.ended_ms - row.started_ms) * 1_000) / 1_000),
    started_at: iso(row.started_ms),
  };
}

/** What was cut is JSON no more. */
function jsonOrText(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const most = z.coerce.number().int().min(1).max(MOST_STATES).default(MOST_STATES);
const params = z.object({ trace_id: z.string().regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hex digits') });

export const traceRoutes = [
  route({
    method: 'GET',
    path: '/traces',
    tag: 'traces',
    summary: 'Traces, the latest first.',
    query: z.object({
      ...paging,
      framework: z.string().max(100).optional(),
      status: z.enum(['running', 'completed', 'failed', 'cancelled']).optional(),
      session_id: z.string().max(500).optional(),
      date_from: isoTime.optional(),
      date_to: isoTime.optional(),
    }),
    reply: z.object({ traces: z.array(trace), ...paged }),
    async handle({ mine, query }) {
      const { framework, status, session_id: session, date_from, date_to, page, per_page } = query;
      const filter = { framework, status, session, fromMs: millis(date_from), toMs: millis(date_to, true) };
      const { items, total, next } = await mine.traces(filter, windowOf(query));
      return { traces: items.map(wireTrace), total, page, per_page, next_cursor: next };
    },
  }),
  route({
    method: 'GET',
    path: '/traces/{trace_id}',
    tag: 'traces',
    summary: 'A trace with its states and detections.',
    params,
    query: z.object({ states: most.describe('How many of its states, the first ones.') }),
    reply: trace.extend({ states: z.array(state), detections: z.array(detection) }),
    async handle({ mine, params: { trace_id }, query: { states }, catalogue }) {
      const id = trace_id.toLowerCase();
      const row = await mine.trace(id);
      if (row === undefined) throw notFound('trace', trace_id);
      const [steps, found] = await Promise.all([
        mine.steps(id, states),
        mine.detections({ trace: id }, { limit: MOST_DETECTIONS }),
      ]);
      return {
        ...wireTrace(row),
        states: steps.map(wireState),
        detections: found.items.map((one) => wireDetection(one, catalogue)),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/traces/{trace_id}/states',
    tag: 'traces',
    summary: 'The states of a trace in the order of time.',
    params,
    query: z.object({ limit: most }),
    reply: z.array(state),
    async handle({ mine, params: { trace_id }, query: { limit } }) {
      const steps = await mine.steps(trace_id.toLowerCase(), limit);
      if (steps.length === 0) throw notFound('trace', trace_id);
      return steps.map(wireState);
    },
  }),
  route({
    method: 'DELETE',
    path: '/traces/{trace_id}',
    tag: 'traces',
    summary: 'Takes a trace out, with its states and detections.',
    params,
    async handle({ mine, params: { trace_id } }) {
      if (!(await mine.deleteTrace(trace_id.toLowerCase()))) throw notFound('trace', trace_id);
      return undefined;
    },
  }),
];

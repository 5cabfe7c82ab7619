import { z } from 'zod';
import { detection } from '../../routes/detections.ts';
import { state, trace } from '../../routes/traces.ts';
import { tool } from '../tool.ts';
import { quoted, word } from '../untrusted.ts';
import { answered, counted, cursor, limit, notice, noticed, short, shortDetection, text, traceId } from './shared.ts';

const page = z.object({ traces: z.array(trace), total: z.number().nullable(), next_cursor: z.string().nullable() });
const whole = trace.extend({ states: z.array(state), detections: z.array(detection) });
/** The gravest are elsewhere: list_detections with the trace's id gives all. */
const MOST_DETECTIONS = 5;

const row = z.object({
  id: z.string(),
  status: z.string(),
  created_at: z.string(),
  completed_at: text,
  state_count: z.number(),
  detection_count: z.number(),
  total_tokens: z.number(),
  total_cost_cents: z.number(),
  untrusted: z.object({ name: text, framework: text, service: text, session_id: text }),
});

function shown(one: z.output<typeof trace>, limit: number): z.input<typeof row> {
  const name = (given: string | null) => quoted(given, Math.min(limit, 80));
  return {
    id: word(one.id),
    status: word(one.status),
    created_at: one.created_at,
    completed_at: one.completed_at,
    state_count: one.state_count,
    detection_count: one.detection_count,
    total_tokens: one.total_tokens,
    total_cost_cents: one.total_cost_cents,
    untrusted: {
      name: name(one.name),
      framework: name(one.framework),
      service: name(one.service),
      session_id: name(one.session_id),
    },
  };
}

export const traceTools = [
  tool({
    name: 'list_traces',
    title: 'List traces',
    description:
      'Runs of agents that misstep has seen, the latest first. Use it to find a run by its status, framework or session.',
    input: z.object({
      status: z.enum(['running', 'completed', 'failed', 'cancelled']).optional(),
      framework: z.string().max(100).optional(),
      session_id: z.string().max(500).optional(),
      limit,
      cursor,
    }),
    output: z.object({ ...notice, traces: z.array(row), total: z.number().nullable(), next_cursor: z.string().nullable() }),
    async run({ status, framework, session_id, limit: per_page, cursor: after }, { ask, signal }) {
      const query = { status, framework, session_id, per_page, cursor: after };
      const { traces, total, next_cursor } = answered(page, await ask({ method: 'GET', path: '/traces', query }, signal));
      return {
        head: `${counted(traces.length, 'trace')}${total === null ? '' : ` of ${total}`}${next_cursor === null ? '' : '; next_cursor leads on'}.`,
        build: (most) => ({ ...noticed, traces: traces.map((one) => shown(one, most)), total, next_cursor }),
      };
    },
  }),
  tool({
    name: 'get_trace',
    title: 'Get a trace',
    description:
      'One run step by step in the order of time, with what was found in it. Use it to see what an agent did; page through long runs with offset.',
    input: z.object({ trace_id: traceId, offset: z.int().min(0).max(4_999).default(0).describe('Steps to skip.'), limit }),
    output: z.object({
      ...notice,
      trace: row,
      detections: z.array(shortDetection),
      detections_left_out: z.int(),
      states: z.array(
        z.object({
          sequence_num: z.number(),
          span_id: z.string(),
          parent_span_id: text,
          kind: z.string(),
          outcome: z.string(),
          token_count: z.number(),
          latency_ms: z.number(),
          untrusted: z.object({ name: text, agent: text, tool: text, model: text, error: text, input: text, output: text }),
        }),
      ),
      next_offset: z.int().nullable(),
    }),
    async run({ trace_id, offset, limit: many }, { ask, signal }) {
      const question = {
        method: 'GET',
        path: '/traces/{trace_id}',
        params: { trace_id },
        query: { states: offset + many },
      } as const;
      const one = answered(whole, await ask(question, signal));
      const states = one.states.slice(offset, offset + many);
      const next = offset + states.length;
      return {
        head: `A ${word(one.status)} trace: ${counted(one.state_count, 'step')}, ${counted(one.detection_count, 'detection')}.`,
        build: (most) => {
          const name = (given: string | null) => quoted(given, Math.min(most, 60));
          return {
            ...noticed,
            trace: shown(one, most),
            detections: one.detections.slice(0, MOST_DETECTIONS).map((found) => short(found, most)),
            detections_left_out: Math.max(0, one.detections.length - MOST_DETECTIONS),
            states: states.map((step) => ({
              sequence_num: step.sequence_num,
              span_id: word(step.span_id),
              parent_span_id: step.parent_span_id === null ? null : word(step.parent_span_id),
              kind: word(step.kind),
              outcome: word(step.outcome),
              token_count: step.token_count,
              latency_ms: step.latency_ms,
              untrusted: {
                name: name(step.name),
                agent: name(step.agent_id),
                tool: name(step.tool),
                model: name(step.model),
                error: quoted(step.error, most),
                input: quoted(step.input, most),
                output: quoted(step.output, most),
              },
            })),
            next_offset: states.length > 0 && next < one.state_count ? next : null,
          };
        },
      };
    },
  }),
];

import { z } from 'zod';
import type { StepRow, TenantRecords, TraceRow } from '../../../src/component/records.ts';
import { analysed, wireAnalysis } from '../analysis/analysis.ts';
import { notFound } from '../problem.ts';
import { route } from '../route.ts';
import { analyseKept, detectionsOf } from './analyses.ts';
import { detection } from './detections.ts';
import { iso, isoTime, millis, paged, paging, windowOf } from './shared.ts';

/** What `POST /conversations/ingest` makes of a conversation: a trace of this framework, a step a turn. */
const FRAMEWORK = 'conversation';
const MOST_TURNS = 5_000;

const conversation = z.object({
  id: z.string(),
  conversation_id: z.string().nullable().describe("The payload's own id."),
  trace_id: z.string(),
  title: z.string().nullable(),
  status: z.string(),
  turn_count: z.int(),
  detection_count: z.int(),
  total_tokens: z.number(),
  created_at: z.string(),
});

const turn = z.object({
  turn_number: z.int(),
  participant_type: z.enum(['user', 'agent', 'tool', 'other']),
  participant_id: z.string().nullable(),
  content: z.string().nullable(),
  tool: z.string().nullable(),
  tool_input: z.string().nullable(),
  error: z.string().nullable(),
  token_count: z.number(),
  span_id: z.string(),
  detection_ids: z.array(z.string()),
});

const params = z.object({ conversation_id: z.string().min(1).max(500).describe('Its id here, or its own.') });

function wire(row: TraceRow): z.input<typeof conversation> {
  return {
    id: row.trace_id,
    conversation_id: row.session_id,
    trace_id: row.trace_id,
    title: row.name,
    status: row.status,
    // The first step is the conversation itself.
    turn_count: Math.max(0, row.steps - 1),
    detection_count: row.detections,
    total_tokens: row.input_tokens + row.output_tokens,
    created_at: iso(row.started_ms),
  };
}

async function found(mine: TenantRecords, id: string): Promise<TraceRow> {
  const byTrace = /^[0-9a-f]{32}$/i.test(id) ? await mine.trace(id.toLowerCase()) : undefined;
  if (byTrace?.framework === FRAMEWORK) return byTrace;
  const { items } = await mine.traces({ framework: FRAMEWORK, session: id }, { limit: 1 });
  const [row] = items;
  if (row === undefined) throw notFound('conversation', id);
  return row;
}

async function turnsOf(
  mine: TenantRecords,
  trace: string,
  detections: readonly { readonly id: string; readonly span_id: string }[],
): Promise<z.input<typeof turn>[]> {
  const steps = await mine.steps(trace, MOST_TURNS);
  return steps.filter(({ parent_id }) => parent_id !== '').map((step, i) => wireTurn(step, i, detections));
}

function wireTurn(
  step: StepRow,
  i: number,
  detections: readonly { readonly id: string; readonly span_id: string }[],
): z.input<typeof turn> {
  const isTool = step.kind === 'tool';
  const isUser = step.kind === 'agent' && step.agent === 'user';
  const type = isUser
    ? ('user' as const)
    : step.kind === 'llm' || step.kind === 'agent'
      ? ('agent' as const)
      : ('other' as const);
  return {
    turn_number: i + 1,
    participant_type: isTool ? ('tool' as const) : type,
    participant_id: isTool ? step.tool : step.agent,
    content: step.output,
    tool: step.tool,
    tool_input: isTool ? step.input : null,
    error: step.error,
    token_count: (step.input_tokens ?? 0) + (step.output_tokens ?? 0),
    span_id: step.span_id,
    detection_ids: detections.filter(({ span_id }) => span_id === step.span_id).map(({ id }) => id),
  };
}

export const conversationRoutes = [
  route({
    method: 'GET',
    path: '/conversations',
    tag: 'conversations',
    summary: 'Conversations that were ingested, the latest first.',
    query: z.object({
      ...paging,
      status: z.enum(['running', 'completed', 'failed', 'cancelled']).optional(),
      date_from: isoTime.optional(),
      date_to: isoTime.optional(),
    }),
    reply: z.object({ conversations: z.array(conversation), ...paged }),
    async handle({ mine, query }) {
      const { status, date_from, date_to, page, per_page } = query;
      const filter = { framework: FRAMEWORK, status, fromMs: millis(date_from), toMs: millis(date_to, true) };
      const { items, total, next } = await mine.traces(filter, windowOf(query));
      return { conversations: items.map(wire), total, page, per_page, next_cursor: next };
    },
  }),
  route({
    method: 'GET',
    path: '/conversations/{conversation_id}',
    tag: 'conversations',
    summary: 'A conversation with its turns and what was found in it.',
    params,
    reply: conversation.extend({ turns: z.array(turn), detections: z.array(detection) }),
    async handle({ mine, params: { conversation_id }, catalogue }) {
      const row = await found(mine, conversation_id);
      const detections = await detectionsOf(mine, catalogue, row.trace_id);
      return { ...wire(row), turns: await turnsOf(mine, row.trace_id, detections), detections };
    },
  }),
  route({
    method: 'GET',
    path: '/conversations/{conversation_id}/turns',
    tag: 'conversations',
    summary: 'The turns of a conversation, in order.',
    params,
    reply: z.object({ turns: z.array(turn), total: z.int() }),
    async handle({ mine, params: { conversation_id }, catalogue }) {
      const { trace_id } = await found(mine, conversation_id);
      const turns = await turnsOf(mine, trace_id, await detectionsOf(mine, catalogue, trace_id));
      return { turns, total: turns.length };
    },
  }),
  route({
    method: 'POST',
    path: '/conversations/{conversation_id}/analyze',
    tag: 'conversations',
    summary: 'Runs the detectors over the turns as they are kept, and keeps what they find.',
    params,
    reply: z.object({
      conversation_id: z.string(),
      trace_id: z.string(),
      turns_analyzed: z.int(),
      detections: z.array(detection),
      total: z.int(),
      ...analysed,
    }),
    async handle(call) {
      const { trace_id, session_id, steps } = await found(call.mine, call.params.conversation_id);
      const analysis = await analyseKept(call, trace_id);
      if (analysis === undefined) throw notFound('conversation', call.params.conversation_id);
      const detections = await detectionsOf(call.mine, call.catalogue, trace_id);
      return {
        conversation_id: session_id ?? trace_id,
        trace_id,
        turns_analyzed: Math.max(0, steps - 1),
        detections,
        total: detections.length,
        ...wireAnalysis(analysis),
      };
    },
  }),
  route({
    method: 'DELETE',
    path: '/conversations/{conversation_id}',
    tag: 'conversations',
    summary: 'Takes a conversation out, with its turns and detections.',
    params,
    async handle({ mine, params: { conversation_id } }) {
      const { trace_id } = await found(mine, conversation_id);
      await mine.deleteTrace(trace_id);
      return undefined;
    },
  }),
];

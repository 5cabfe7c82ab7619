import { z } from 'zod';
import type { DayRow } from '../../../src/component/records.ts';
import { route } from '../route.ts';
import { days, iso, since } from './shared.ts';

const query = z.object({ days });
const MOST_AGENTS = 500;
/** Detectors whose findings are loops of one kind or another. */
const LOOPS = new Set(['loop', 'openclaw_session_loop', 'n8n_cycle', 'dify_iteration_escape', 'langgraph_recursion']);

function perDay(rows: readonly DayRow[], value: (row: DayRow) => number): { date: string; value: number }[] {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(row.day, (sums.get(row.day) ?? 0) + value(row));
  return [...sums].map(([date, sum]) => ({ date, value: sum }));
}

function perKey(rows: readonly DayRow[], value: (row: DayRow) => number): Record<string, number> {
  const sums: Record<string, number> = Object.create(null);
  for (const row of rows) if (row.key !== '') sums[row.key] = (sums[row.key] ?? 0) + value(row);
  return { ...sums };
}

const cents = (cost: number): number => Math.round(cost * 10_000) / 100;
const series = z.array(z.object({ date: z.string(), value: z.number() }));
const byName = z.record(z.string(), z.number());

const costs = (path: string) =>
  route({
    method: 'GET',
    path,
    tag: 'analytics',
    summary: 'Tokens and cost a day, by model and agent. Cost is what spans state; calls without it count tokens only.',
    query,
    reply: z.object({
      days: z.number(),
      total_tokens: z.number(),
      total_cost_cents: z.number(),
      model_calls: z.number(),
      cost_by_model: byName,
      cost_by_agent: byName,
      tokens_by_model: byName,
      time_series: z.array(z.object({ date: z.string(), tokens: z.number(), cost_cents: z.number() })),
    }),
    async handle({ mine, query: { days: back }, nowMs }) {
      const from = since(nowMs, back);
      const [models, agents] = await Promise.all([mine.costDays(from, 'model'), mine.costDays(from, 'agent')]);
      const tokens = (row: DayRow) => row.input_tokens + row.output_tokens;
      const costOf = new Map(perDay(models, ({ cost }) => cost).map(({ date, value }) => [date, value]));
      return {
        days: back,
        total_tokens: models.reduce((sum, row) => sum + tokens(row), 0),
        total_cost_cents: cents(models.reduce((sum, { cost }) => sum + cost, 0)),
        model_calls: models.reduce((sum, { count }) => sum + count, 0),
        cost_by_model: perKey(models, ({ cost }) => cents(cost)),
        cost_by_agent: perKey(agents, ({ cost }) => cents(cost)),
        tokens_by_model: perKey(models, tokens),
        time_series: perDay(models, tokens).map(({ date, value }) => ({
          date,
          tokens: value,
          cost_cents: cents(costOf.get(date) ?? 0),
        })),
      };
    },
  });

export const analyticsRoutes = [
  route({
    method: 'GET',
    path: '/analytics/loops',
    tag: 'analytics',
    summary: 'Loops a day, by detector and agent.',
    query,
    reply: z.object({
      days: z.number(),
      total_loops: z.number(),
      loops_by_method: byName,
      top_agents: z.array(z.object({ agent_id: z.string(), count: z.number() })),
      time_series: series,
    }),
    async handle({ mine, query: { days: back }, nowMs }) {
      const from = since(nowMs, back);
      const [found, agents] = await Promise.all([
        mine.detectionDays(from, 'detector'),
        mine.detectionDays(from, 'agent', [...LOOPS]),
      ]);
      const loops = found.filter(({ key }) => LOOPS.has(key));
      const count = (row: DayRow) => row.count;
      return {
        days: back,
        total_loops: loops.reduce((sum, row) => sum + row.count, 0),
        loops_by_method: perKey(loops, count),
        top_agents: Object.entries(perKey(agents, count))
          .sort((a, b) => b[1] - a[1])
          .slice(0, 10)
          .map(([agent_id, n]) => ({ agent_id, count: n })),
        time_series: perDay(loops, count),
      };
    },
  }),
  costs('/analytics/costs'),
  costs('/analytics/cost'),
  route({
    method: 'GET',
    path: '/analytics/quality',
    tag: 'analytics',
    summary: 'Detections a day by severity, and the share of traces without one.',
    query,
    reply: z.object({
      days: z.number(),
      traces: z.number(),
      traces_with_detections: z.number(),
      quality_score: z.number().nullable().describe('Percent of traces without a detection; null without traces.'),
      issues_by_severity: byName,
      issues_by_type: byName,
      daily_scores: z.array(z.object({ date: z.string(), issues: z.number() })),
    }),
    async handle({ mine, query: { days: back }, nowMs }) {
      const from = since(nowMs, back);
      const [severities, types, share] = await Promise.all([
        mine.detectionDays(from, 'severity'),
        mine.detectionDays(from, 'detector'),
        mine.affected(from),
      ]);
      const count = (row: DayRow) => row.count;
      return {
        days: back,
        traces: share.traces,
        traces_with_detections: share.affected,
        quality_score: share.traces === 0 ? null : Math.round((1 - share.affected / share.traces) * 1_000) / 10,
        issues_by_severity: perKey(severities, count),
        issues_by_type: perKey(types, count),
        daily_scores: perDay(types, count).map(({ date, value }) => ({ date, issues: value })),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/agents',
    tag: 'agents',
    summary: 'Agents that were active, the busiest first.',
    query,
    reply: z.object({
      agents: z.array(
        z.object({
          id: z.string(),
          name: z.string(),
          step_count: z.number(),
          trace_count: z.number(),
          error_count: z.number(),
          total_tokens: z.number(),
          total_cost_cents: z.number(),
          avg_latency_ms: z.number(),
          last_active: z.string(),
        }),
      ),
      total: z.number(),
    }),
    async handle({ mine, query: { days: back }, nowMs }) {
      const rows = await mine.agents(since(nowMs, back), MOST_AGENTS);
      const agents = rows.map((row) => ({
        id: row.agent,
        name: row.agent,
        step_count: row.steps,
        trace_count: row.traces,
        error_count: row.errors,
        total_tokens: row.input_tokens + row.output_tokens,
        total_cost_cents: cents(row.cost),
        avg_latency_ms: Math.round(row.mean_ms * 1_000) / 1_000,
        last_active: iso(row.last_ms),
      }));
      return { agents, total: agents.length };
    },
  }),
];

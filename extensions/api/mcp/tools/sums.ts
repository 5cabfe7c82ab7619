import { z } from 'zod';
import { tool } from '../tool.ts';
import { quoted, word } from '../untrusted.ts';
import { answered, counted, days, notice, noticed, text } from './shared.ts';

const agents = z.object({
  agents: z.array(
    z.object({
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
});
const byName = z.record(z.string(), z.number());
const costs = z.object({
  days: z.number(),
  total_tokens: z.number(),
  total_cost_cents: z.number(),
  model_calls: z.number(),
  cost_by_model: byName,
  cost_by_agent: byName,
  tokens_by_model: byName,
  time_series: z.array(z.object({ date: z.string(), tokens: z.number(), cost_cents: z.number() })),
});
const MOST_NAMES = 10;
/** A fortnight in full; what is older is in the sums. */
const MOST_DAYS = 14;

export const sumTools = [
  tool({
    name: 'list_agents',
    title: 'List agents',
    description:
      'Agents that were active, the busiest first, with steps, errors, tokens and cost. Use it to see who runs and who fails.',
    input: z.object({ days, limit: z.int().min(1).max(20).default(20) }),
    output: z.object({
      ...notice,
      agents: z.array(
        z.object({
          step_count: z.number(),
          trace_count: z.number(),
          error_count: z.number(),
          total_tokens: z.number(),
          total_cost_cents: z.number(),
          avg_latency_ms: z.number(),
          last_active: z.string(),
          untrusted: z.object({ name: text }),
        }),
      ),
      left_out: z.int(),
    }),
    async run({ days: back, limit }, { ask, signal }) {
      const answer = answered(agents, await ask({ method: 'GET', path: '/agents', query: { days: back } }, signal));
      const shown = answer.agents.slice(0, limit);
      return {
        head: `${counted(answer.agents.length, 'agent')} in ${counted(back, 'day')}.`,
        build: (most) => ({
          ...noticed,
          agents: shown.map(({ name, ...facts }) => ({ ...facts, untrusted: { name: quoted(name, Math.min(most, 120)) } })),
          left_out: answer.agents.length - shown.length,
        }),
      };
    },
  }),
  tool({
    name: 'get_cost',
    title: 'Get cost',
    description:
      'Tokens and cost by model, agent and day, as far as spans state it. Use it to see what runs cost and where it goes.',
    input: z.object({ days }),
    output: z.object({
      ...notice,
      days: z.number(),
      total_tokens: z.number(),
      total_cost_cents: z.number(),
      model_calls: z.number(),
      models: z.array(z.object({ tokens: z.number(), cost_cents: z.number(), untrusted: z.object({ name: text }) })),
      agents: z.array(z.object({ cost_cents: z.number(), untrusted: z.object({ name: text }) })),
      time_series: z.array(z.object({ date: z.string(), tokens: z.number(), cost_cents: z.number() })),
    }),
    async run({ days: back }, { ask, signal }) {
      const sums = answered(costs, await ask({ method: 'GET', path: '/analytics/costs', query: { days: back } }, signal));
      const models = ranked(sums.tokens_by_model);
      const spenders = ranked(sums.cost_by_agent);
      return {
        head: `${counted(sums.model_calls, 'model call')} in ${counted(back, 'day')}: ${counted(sums.total_tokens, 'token')}, ${sums.total_cost_cents} cents.`,
        build: (most) => {
          const name = (given: string) => ({ name: quoted(given, Math.min(most, 120)) });
          return {
            ...noticed,
            days: sums.days,
            total_tokens: sums.total_tokens,
            total_cost_cents: sums.total_cost_cents,
            model_calls: sums.model_calls,
            models: models.map(([model, tokens]) => ({
              tokens,
              cost_cents: Object.hasOwn(sums.cost_by_model, model) ? (sums.cost_by_model[model] ?? 0) : 0,
              untrusted: name(model),
            })),
            agents: spenders.map(([agent, cost_cents]) => ({ cost_cents, untrusted: name(agent) })),
            time_series: sums.time_series.slice(-MOST_DAYS).map((day) => ({ ...day, date: word(day.date) })),
          };
        },
      };
    },
  }),
];

function ranked(sums: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(sums)
    .sort((a, b) => b[1] - a[1])
    .slice(0, MOST_NAMES);
}

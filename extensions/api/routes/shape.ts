/** How the agents of one trace worked together, from its steps alone. */
import { z } from 'zod';
import type { StepRow } from '../../../src/component/records.ts';
import { notFound } from '../problem.ts';
import { type Call, route } from '../route.ts';

const MOST_STEPS = 5_000;
const MOST_DETECTIONS = 1_000;
const params = z.object({ trace_id: z.string().regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hex digits') });

const figures = {
  step_count: z.int(),
  total_tokens: z.number(),
  total_cost_cents: z.number(),
  latency_ms: z.number(),
  error_count: z.int(),
};

function figuresOf(steps: readonly StepRow[]) {
  const sum = (read: (step: StepRow) => number) => steps.reduce((all, step) => all + read(step), 0);
  return {
    step_count: steps.length,
    total_tokens: sum((step) => (step.input_tokens ?? 0) + (step.output_tokens ?? 0)),
    total_cost_cents: Math.round(sum(({ cost }) => cost ?? 0) * 10_000) / 100,
    latency_ms: Math.round(Math.max(...steps.map((step) => step.ended_ms)) - Math.min(...steps.map((step) => step.started_ms))),
    error_count: steps.filter(({ outcome }) => outcome === 'error' || outcome === 'timeout').length,
  };
}

/** Steps of one agent that follow each other. Those of nobody belong to who acts. */
function links(
  steps: readonly StepRow[],
): { readonly agent: string; readonly from: number; readonly steps: readonly StepRow[] }[] {
  const found: { agent: string; from: number; steps: StepRow[] }[] = [];
  steps.forEach((step, i) => {
    const last = found.at(-1);
    if (step.agent === null || step.agent === last?.agent) last?.steps.push(step);
    else found.push({ agent: step.agent, from: i, steps: [step] });
  });
  return found;
}

async function read({ mine, params: given }: Call<z.output<typeof params>, unknown, unknown>) {
  const id = given.trace_id.toLowerCase();
  const steps = await mine.steps(id, MOST_STEPS);
  if (steps.length === 0) throw notFound('trace', id);
  const { items } = await mine.detections({ trace: id }, { limit: MOST_DETECTIONS });
  return { id, steps, detections: items };
}

export const shapeRoutes = [
  route({
    method: 'GET',
    path: '/traces/{trace_id}/orchestration-quality',
    tag: 'traces',
    summary:
      'Agents of a trace, who handed over to whom, and the share of steps that neither failed nor are evidence of a detection.',
    params,
    reply: z.object({
      trace_id: z.string(),
      overall_score: z.number().describe('Percent.'),
      agent_count: z.int(),
      agents: z.array(z.object({ agent_id: z.string(), ...figures })),
      handoffs: z.array(z.object({ from_agent: z.string(), to_agent: z.string(), count: z.int() })),
      detection_count: z.int(),
    }),
    async handle(call) {
      const { id, steps, detections } = await read(call);
      const chain = links(steps);
      const names = [...new Set(chain.map(({ agent }) => agent))];
      const handoffs = new Map<string, { from_agent: string; to_agent: string; count: number }>();
      for (const [i, { agent }] of chain.entries()) {
        const before = chain[i - 1];
        if (before === undefined) continue;
        const key = JSON.stringify([before.agent, agent]);
        const count = (handoffs.get(key)?.count ?? 0) + 1;
        handoffs.set(key, { from_agent: before.agent, to_agent: agent, count });
      }
      const marked = new Set(detections.flatMap(({ span_id, evidence }) => [span_id, ...evidence]));
      const sound = steps.filter(({ span_id, outcome }) => outcome !== 'error' && outcome !== 'timeout' && !marked.has(span_id));
      return {
        trace_id: id,
        overall_score: Math.round((sound.length / steps.length) * 1_000) / 10,
        agent_count: names.length,
        agents: names.map((agent) => ({
          agent_id: agent,
          ...figuresOf(chain.filter((one) => one.agent === agent).flatMap((one) => one.steps)),
        })),
        handoffs: [...handoffs.values()],
        detection_count: detections.length,
      };
    },
  }),
  route({
    method: 'GET',
    path: '/traces/{trace_id}/chain-analysis',
    tag: 'traces',
    summary: 'The agents of a trace in the order in which they acted.',
    params,
    reply: z.object({
      trace_id: z.string(),
      chain_length: z.int(),
      chain: z.array(z.object({ agent_id: z.string(), from_sequence: z.int(), detection_ids: z.array(z.string()), ...figures })),
    }),
    async handle(call) {
      const { id, steps, detections } = await read(call);
      const chain = links(steps).map(({ agent, from, steps: own }) => {
        const spans = new Set(own.map(({ span_id }) => span_id));
        const found = detections.filter(({ span_id }) => spans.has(span_id)).map((one) => one.id);
        return { agent_id: agent, from_sequence: from, detection_ids: found, ...figuresOf(own) };
      });
      return { trace_id: id, chain_length: chain.length, chain };
    },
  }),
];

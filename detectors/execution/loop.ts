/**
 * loop: an agent repeats itself without progress. Three parts share the state: tool calls (`loop-calls.ts`,
 * periods and parameter drift over the last rows), model outputs (`loop-outputs.ts`, stagnation) and what runs of an agent leave behind (`loop-states.ts`).
 * What a loop wastes is the difference of two running totals, so nothing is summed twice.
 */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { type Calls, driftOf, emptyCalls, foldCall, type Run, runOf, type Spot } from './loop-calls.ts';
import { emptyOutputs, foldOutput, type Outputs } from './loop-outputs.ts';
import { foldState, type States } from './loop-states.ts';

interface State {
  /** Tokens and US dollars of all leaf model calls so far. */
  tokens: number;
  cost: number;
  calls: Calls;
  outputs: Outputs;
  /** Absent until a run of the agent leaves something behind. */
  states?: States;
  /** The run of failing calls last reported, taken back when the same call succeeds. */
  retry: { readonly key: string; readonly call: string } | null;
}

const options = {
  min_repeats: {
    type: 'integer',
    text: 'Identical calls with the same result, in a row, before a loop is reported.',
    default: 3,
    min: 2,
    max: 100,
    source: 'OpenHands StuckDetector: 3 for errors, 4 for results; a third identical answer tells an agent nothing new.',
  },
  min_cycles: {
    type: 'integer',
    text: 'Rounds of an alternating pattern (A-B-A-B is two) before a cycle is reported.',
    default: 3,
    min: 2,
    max: 50,
    source: 'OpenHands and Plano: three cycles, six calls.',
  },
  max_period: {
    type: 'integer',
    text: 'Calls that a call is compared with, and so the longest pattern that is found.',
    default: 6,
    min: 1,
    max: 20,
    source: 'Longer patterns are seldom loops and never found in the recorded failures; 20 rows keep the state below 8 KB.',
  },
  max_novelty: {
    type: 'number',
    text: 'Share of repeats that may bring a new result while the run still counts as stuck.',
    default: 0.2,
    min: 0,
    max: 1,
    source: 'Judgement: one new result in five calls.',
  },
  min_drift: {
    type: 'integer',
    text: 'Calls of one tool with nearly the same arguments and the same result before drift is reported.',
    default: 4,
    min: 3,
    max: 50,
    source: 'Plano: three variations after the first call.',
  },
  min_similar_outputs: {
    type: 'integer',
    text: 'Model outputs in a row that say the same before stagnation is reported.',
    default: 3,
    min: 2,
    max: 50,
    source: 'OpenHands StuckDetector: a monologue of three.',
  },
  similarity: {
    type: 'number',
    text: 'Jaccard similarity of word 3-grams from which two outputs say the same.',
    default: 0.8,
    min: 0.3,
    max: 1,
    source: 'Near-duplicate detection uses .8; below .6 the outputs of one task are alike without being the same.',
  },
} as const;

const taxonomy = { mast: ['FM-1.3'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F3'] } as const;

const messages = {
  repeated: {
    text: "Tool '{{tool}}' ran {{count}} times in a row with the same arguments and the same result.",
    tier: 1,
    severity: 'high',
    impact: 'Every repeat costs time and tokens and changes nothing; left alone the run ends at its step limit.',
    action:
      'Stop after the second identical result, and remove the repeats from the context: they anchor the model. Return an error that says what to change.',
    taxonomy,
  },
  cycle: {
    text: 'A pattern of {{period}} calls ({{tool}}) repeated {{count}} times without new results.',
    tier: 1,
    severity: 'high',
    impact: 'The agent undoes or re-reads its own work; left alone the run ends at its step limit.',
    action: 'Give the agent a summary of what it already tried and a rule for when to stop; break the cycle in the graph.',
    taxonomy,
  },
  drift: {
    text: "Tool '{{tool}}' ran {{count}} times with slightly changed arguments and the same result.",
    tier: 2,
    severity: 'medium',
    impact: 'The agent varies its wording although the tool cannot answer.',
    action: 'Let the tool say what it can answer, or make the agent change its approach after two empty results.',
    taxonomy,
  },
  recurring: {
    text: 'The agent left the same behind in {{count}} rounds of {{period}} runs.',
    tier: 2,
    severity: 'high',
    impact: 'The runs undo or repeat each other; left alone the run ends at its step limit.',
    action: 'Stop when a state comes back that was seen before, and tell the agent what it already tried.',
    taxonomy,
  },
  stagnation: {
    text: 'The model said nearly the same {{count}} times in a row.',
    tier: 3,
    severity: 'medium',
    impact: 'The agent talks without acting; each turn carries the whole context again.',
    action: 'Require an action or an end after an unchanged answer, and prune the repeats from the context.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

export default defineDetector({
  meta: {
    id: 'loop',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 4,
    needs: ['tool.name', 'tool.arguments', { fact: 'tool.result', settled: true }],
    summary: 'Finds an agent that repeats itself without progress.',
    docs: {
      what: 'Identical tool calls with identical results, alternating patterns of calls, near-identical calls that keep getting the same answer, and model outputs that repeat. Timestamps, ids and durations in results are masked. Loops that ended are reported too.',
      why: 'Repetition is among the most frequent failures of agents (MAST FM-1.3) and the cheapest to prove.',
      fix: 'Bound the steps, stop on the second identical result, prune repeats from the context, and tell the agent what a further try must change.',
      limits:
        'Waiting by design (polling that returns the same state) looks like a loop after twice the usual count. Calls whose result is not recorded need two more repeats and never reach HIGH. Ids in results are masked, so creating the same thing again and again counts as a repeat.',
      sources: [
        'https://github.com/OpenHands/software-agent-sdk',
        'https://arxiv.org/abs/2503.13657',
        'https://arxiv.org/abs/2505.08638',
      ],
    },
    options,
    messages,
  },

  init: ({ max_period }): State => ({ tokens: 0, cost: 0, calls: emptyCalls(max_period), outputs: emptyOutputs(), retry: null }),

  onStep(state, step, ctx) {
    if (state === undefined || step.rollup) return state;
    if (step.kind === 'llm') {
      state.tokens += (step.tokens?.input ?? 0) + (step.tokens?.output ?? 0);
      state.cost += step.cost ?? 0;
      onOutput(state, step, ctx);
    } else if (step.kind === 'tool' && step.tool !== undefined) {
      onCall(state, step, ctx);
    } else if (step.kind === 'agent') {
      if (!onState(state, step, ctx)) onOutput(state, step, ctx);
    }
    return state;
  },
});

function onCall(state: State, step: Step, ctx: Ctx): void {
  const { calls } = state;
  const row = foldCall(calls, step, state.tokens, state.cost);
  const { retry } = state;
  if (retry !== null && row.call === retry.call) {
    if (!row.failed) ctx.withdraw('repeated', retry.key);
    if (!row.failed) state.retry = null;
  }
  const run = runOf(calls, ctx.options);
  if (run !== undefined) {
    reportRun(state, run, ctx);
    // A retry that succeeds is no loop; one that needed twice the limit is, whatever came of it.
    const patient = run.period === 1 && row.failed && run.count < 2 * ctx.options.min_repeats;
    state.retry = patient ? { key: run.key, call: row.call } : null;
    return;
  }
  const drift = driftOf(calls, ctx.options.min_drift);
  if (drift === undefined) return;
  ctx.report('drift', {
    ...place(drift.first, drift.second, drift.last),
    key: drift.key,
    score: score(drift.count, ctx.options.min_drift),
    data: { tool: drift.tool, count: drift.count, ...waste(state, drift.second) },
  });
}

function reportRun(state: State, run: Run, ctx: Ctx): void {
  const { first, second, last } = run;
  const wasted = waste(state, second);
  // Unknown results cap the score: the arguments repeat, whether the answers did nobody knows.
  const cap = run.blind ? 0.65 : 1;
  if (run.period === 1) {
    ctx.report('repeated', {
      ...place(first, second, last),
      key: run.key,
      score: Math.min(cap, score(run.count, ctx.options.min_repeats)),
      data: { tool: run.tool, count: run.count, ...wasted },
    });
    return;
  }
  ctx.report('cycle', {
    ...place(first, second, last),
    key: run.key,
    score: Math.min(cap, score(run.count, ctx.options.min_cycles)),
    data: { tool: run.tool, period: run.period, count: run.count, ...wasted },
  });
}

/** True if the run of the agent brought back what was there before. */
function onState(state: State, step: Step, ctx: Ctx): boolean {
  if (!ctx.wants('recurring')) return false;
  state.states ??= { rows: [], now: null };
  const back = foldState(state.states, step, ctx.options.min_repeats, state.tokens, state.cost);
  if (back === undefined) return false;
  const { period, steps, first, second, key } = back;
  const count = Math.floor(steps / period);
  ctx.report('recurring', {
    ...place(first, second, { traceId: step.traceId, spanId: step.spanId, tokens: state.tokens, cost: state.cost }),
    key,
    score: score(count, period === 1 ? ctx.options.min_repeats : 2),
    data: { count, period, ...waste(state, second) },
  });
  return true;
}

function onOutput(state: State, step: Step, ctx: Ctx): void {
  if (!ctx.wants('stagnation')) return;
  const same = foldOutput(state.outputs, step, ctx.options.similarity, state.tokens, state.cost);
  if (same === undefined || same.count < ctx.options.min_similar_outputs) return;
  ctx.report('stagnation', {
    ...place(same.first, same.second, same.last),
    key: same.first.spanId,
    score: score(same.count, ctx.options.min_similar_outputs) * same.likeness,
    data: { count: same.count, ...waste(state, same.second) },
  });
}

/** .5 at the threshold, .75 at twice, towards 1: the raw strength that `loop.fit.json` turns into a probability. */
function score(count: number, threshold: number): number {
  return 1 - threshold / (2 * count);
}

function place(first: Spot, second: Spot, last: Spot) {
  return {
    at: { traceId: second.traceId, spanId: second.spanId },
    evidence: [first, second, last].map(({ traceId, spanId }) => ({ traceId, spanId })),
  };
}

/** What was spent from the first repeat on. */
function waste(state: State, from: Spot) {
  return {
    wasted_tokens: state.tokens - from.tokens,
    wasted_usd: Math.round((state.cost - from.cost) * 1e6) / 1e6,
    first_span: from.spanId,
  };
}

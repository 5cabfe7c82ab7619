/**
 * cost: a run that spends more than it was given, and single model calls far dearer than the others of the same agent and model. Tokens are
 * those of leaf model calls; money is what the spans state, or tokens times prices that the options give. Without either there is no verdict on money.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';

interface Lane {
  readonly name: string;
  /** Tokens of the last calls, oldest first. */
  last: number[];
}

interface State {
  tokens: number;
  /** US dollars. */
  cost: number;
  /** Calls whose money is known; the others count as nothing. */
  priced: number;
  calls: number;
  lanes: Lane[];
  over: { readonly tokens: SpanRef | null; readonly cost: SpanRef | null };
}

const options = {
  max_tokens: {
    type: 'number',
    text: 'Tokens a session may use; 0 for no limit.',
    default: 0,
    min: 0,
    max: 1e12,
    source: 'A budget is the user’s to set.',
  },
  max_cost: {
    type: 'number',
    text: 'US dollars a session may cost; 0 for no limit.',
    default: 0,
    min: 0,
    max: 1e9,
    source: 'A budget is the user’s to set.',
  },
  input_prices: {
    type: 'numbers_by_name',
    text: 'US dollars per million input tokens by model name, for spans that state no cost.',
    default: {},
    source: 'Prices change; none are built in.',
  },
  output_prices: {
    type: 'numbers_by_name',
    text: 'US dollars per million output tokens by model name, for spans that state no cost.',
    default: {},
    source: 'Prices change; none are built in.',
  },
  spike_factor: {
    type: 'number',
    text: 'A call is a spike if it takes this many times the median of the calls before.',
    default: 5,
    min: 2,
    max: 1_000,
    source: 'Calls of the recorded runs grow with their history by less than three times over twelve calls.',
  },
  spike_tokens: {
    type: 'integer',
    text: 'Smaller calls are no spikes.',
    default: 20_000,
    min: 0,
    max: 10_000_000,
    source: 'Judgement: below that a call costs cents with any model.',
  },
} as const;

const taxonomy = { mast: [], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F3'] } as const;

const messages = {
  over_budget: {
    text: 'The session has used {{used}} {{unit}}; its budget is {{budget}}.',
    tier: 1,
    severity: 'high',
    impact: 'The run costs more than it was meant to, and goes on.',
    action: 'Stop the session or raise its budget knowingly; look for loops and growing histories first.',
    taxonomy,
  },
  spike: {
    text: 'A call of {{model}} took {{tokens}} tokens, {{factor}} times the median of the {{count}} calls before.',
    tier: 2,
    severity: 'medium',
    impact: 'One call costs as much as many; if its input stays in the history, all later calls do.',
    action: 'Find what entered the context (mostly a whole tool result) and cut it there.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_LANES = 8;
const KEPT = 24;
/** Calls before a median means something. */
const MIN_CALLS = 12;
/** Robust z-score: 8 spreads away is no tail of the same distribution. */
const MIN_Z = 8;

export default defineDetector({
  meta: {
    id: 'cost',
    family: 'execution',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['tokens'],
    summary: 'Finds sessions over their budget and single model calls far dearer than their kind.',
    docs: {
      what: 'Tokens and money of all leaf model calls of a session against a budget, and each call against the median and the spread of the calls before it by the same agent and model.',
      why: 'Agents spend without being asked; a loop or a swallowed document multiplies the bill overnight.',
      fix: 'Set budgets per session and enforce them where calls are made, cache stable prompts, cut tool results where they enter the context.',
      limits:
        'Budgets are off until set. Spans without usage are not counted. Money is known only where spans state it or prices are configured.',
      sources: ['https://en.wikipedia.org/wiki/Median_absolute_deviation'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind !== 'llm' || step.rollup || step.tokens === undefined) return state;
    const next = state ?? { tokens: 0, cost: 0, priced: 0, calls: 0, lanes: [], over: { tokens: null, cost: null } };
    const tokens = (step.tokens.input ?? 0) + (step.tokens.output ?? 0);
    const cost = step.cost ?? priceOf(step, ctx);
    next.calls++;
    next.tokens += tokens;
    if (cost !== undefined) {
      next.priced++;
      next.cost += cost;
    }
    spend(next, step, ctx);
    spike(next, step, tokens, ctx);
    return next;
  },
});

function priceOf(step: Step, { options: { input_prices, output_prices } }: Ctx): number | undefined {
  const model = step.responseModel ?? step.requestModel ?? '';
  const input = input_prices[model];
  const output = output_prices[model];
  if (input === undefined && output === undefined) return undefined;
  return ((step.tokens?.input ?? 0) * (input ?? 0) + (step.tokens?.output ?? 0) * (output ?? 0)) / 1e6;
}

/** Points at the call that crossed the line; what is used grows with every call after it. */
function spend(state: State, step: Step, ctx: Ctx): void {
  const { max_tokens, max_cost } = ctx.options;
  const say = (unit: 'tokens' | 'cost', used: number, budget: number): void => {
    if (budget === 0 || used <= budget) return;
    const at = state.over[unit] ?? { traceId: step.traceId, spanId: step.spanId };
    state.over = { ...state.over, [unit]: at };
    const label = unit === 'tokens' ? 'tokens' : 'US dollars';
    ctx.report('over_budget', {
      at,
      key: unit,
      score: 0.99,
      data: { used: Math.round(used * 100) / 100, unit: label, budget, calls: state.calls, priced: state.priced },
    });
  };
  say('tokens', state.tokens, max_tokens);
  say('cost', state.cost, max_cost);
}

function spike(state: State, step: Step, tokens: number, ctx: Ctx): void {
  const model = step.responseModel ?? step.requestModel ?? 'the model';
  const name = `${step.agent ?? ''}|${model}`.slice(0, 120);
  let lane = state.lanes.find((one) => one.name === name);
  if (!lane) {
    lane = { name, last: [] };
    state.lanes.push(lane);
    if (state.lanes.length > MAX_LANES) state.lanes.shift();
  }
  const { last } = lane;
  if (last.length >= MIN_CALLS && tokens >= ctx.options.spike_tokens) {
    const middle = median(last);
    const spread = Math.max(1.4826 * median(last.map((one) => Math.abs(one - middle))), 0.05 * middle, 1);
    const factor = tokens / Math.max(1, middle);
    if (factor >= ctx.options.spike_factor && (tokens - middle) / spread >= MIN_Z)
      ctx.report('spike', {
        at: step,
        key: step.spanId,
        score: 0.7,
        data: { model, tokens, factor: Math.round(factor * 10) / 10, count: last.length },
      });
  }
  last.push(tokens);
  if (last.length > KEPT) last.shift();
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[half] as number) : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

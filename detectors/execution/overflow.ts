/**
 * overflow: the context of an agent fills. Numbers of leaf model calls over time, one lane per model,
 * so that a small helper model does not disturb the slope of the main one.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { bareName, contextWindow } from './context-windows.ts';

interface Lane {
  readonly model: string;
  /** Input tokens of the last call, and their growth a call, as an exponentially weighted mean. */
  last: number;
  slope: number;
  calls: number;
  /** A call that exceeded the known window succeeded: the window in the table is wrong. */
  disproved: boolean;
  /** Where the present climb crossed the mark, and where it was first foreseen: key and place of what is said. */
  near: SpanRef | null;
  long: SpanRef | null;
  ahead: SpanRef | null;
}

interface State {
  lanes: Lane[];
}

const options = {
  warn_at: {
    type: 'number',
    text: 'Share of the context window from which the context counts as nearly full.',
    default: 0.7,
    min: 0.1,
    max: 1,
    source:
      'Gemini CLI began to compress at 70 %; agents that compact by themselves do so between 50 % (its default now) and 90 %.',
  },
  long_tokens: {
    type: 'integer',
    text: 'Input tokens from which a context that fills at least half its window counts as long; 0 turns it off.',
    default: 100_000,
    min: 0,
    max: 10_000_000,
    source: 'Default at which the context editing of the Anthropic API clears old tool results.',
  },
  forecast_calls: {
    type: 'integer',
    text: 'Report ahead when, at the present growth, the window is full within this many calls; 0 turns it off.',
    default: 4,
    min: 0,
    max: 100,
    source: 'Judgement: enough calls for a compaction and an answer.',
  },
  context_windows: {
    type: 'numbers_by_name',
    text: 'Context windows in tokens by model name; they stand before the built-in table.',
    default: {},
    source: 'Gateways and self-hosted models have windows of their own.',
  },
} as const;

const taxonomy = { mast: ['FM-1.4'], trail: ['Context Handling Failures'], owasp: ['ASI08'], modes: ['F5'] } as const;

const messages = {
  exceeded: {
    text: 'A call of {{model}} was refused because its context is too long.',
    tier: 1,
    severity: 'critical',
    impact: 'The step failed; the run goes on without its answer or ends.',
    action: 'Compact the history before the call, keep constraints and ids verbatim, and cut tool results where they enter.',
    taxonomy,
  },
  near_limit: {
    text: 'The context of {{model}} holds {{tokens}} of {{window}} tokens ({{percent}} %).',
    tier: 2,
    severity: 'high',
    impact: 'Early instructions lose their weight or fall out; the next calls may be refused.',
    action: 'Compact at about 80 %: summarise the history, keep constraints and ids verbatim, drop old tool results.',
    taxonomy,
  },
  long: {
    text: 'The context of {{model}} holds {{tokens}} tokens, {{percent}} % of its window.',
    tier: 2,
    severity: 'medium',
    impact: 'Models use the middle of long contexts worse and worse, long before the window is full.',
    action: 'Clear old tool results and summarise the history; keep constraints and ids verbatim.',
    taxonomy,
  },
  filling: {
    text: 'The context of {{model}} grows by {{growth}} tokens a call and is full in {{calls}} calls.',
    tier: 2,
    severity: 'medium',
    impact: 'The run reaches the limit of its model before its end if it goes on like this.',
    action: 'Find what grows (mostly whole tool results) and cut it where it enters the history.',
    taxonomy,
  },
  truncated: {
    text: 'The output of {{model}} was cut by a length limit after {{tokens}} tokens.',
    tier: 1,
    severity: 'medium',
    impact: 'What follows works on half an answer: broken JSON, a lost tool call, a missing conclusion.',
    action: 'Raise the output limit or ask for less at once, and treat the finish reason `length` as an error.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

/** Lanes of one agent; the least used is dropped. */
const MAX_LANES = 4;
/** Weight of the newest growth: half of it forgotten after two calls. */
const ALPHA = 0.3;
/** A forecast before half the window is full, or from fewer calls, is noise. */
const FORECAST_FROM = 0.5;
/** RULER: most models keep their quality over about half the window they state. */
const LONG_FROM = 0.5;
const FORECAST_CALLS = 4;

// Error texts and codes of the providers, lower case.
const refusals = [
  'context_length_exceeded',
  'context length exceeded',
  'maximum context length',
  'context window',
  'prompt is too long',
  'input is too long',
  'exceeds the maximum number of tokens',
  'input token count',
  'exceed_context_size',
  'too many tokens in',
] as const;

export default defineDetector({
  meta: {
    id: 'overflow',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 2,
    needs: ['model', 'tokens'],
    summary: 'Finds a context that is full, long, fills, or was cut.',
    docs: {
      what: 'Input tokens of each leaf model call against the context window of the model: nearly full, long, full within a few calls at the present growth, refused as too long, or an output cut by a length limit.',
      why: 'A model does not say that its context is full: quality falls before the first error.',
      fix: 'Compact at about 80 %, keep constraints and ids verbatim, cut tool results where they enter the history.',
      limits:
        'Models missing in the built-in table are not judged against a window; set `context_windows`, or emit `misstep.limit.context_window`. Long-context variants of a model under the same name look nearly full until one call exceeds the window.',
      sources: [
        'https://arxiv.org/abs/2307.03172',
        'https://arxiv.org/abs/2404.06654',
        'https://docs.claude.com/en/docs/build-with-claude/context-editing',
        'https://opentelemetry.io/docs/specs/semconv/gen-ai/',
      ],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind !== 'llm' || step.rollup) return state;
    const model = step.responseModel ?? step.requestModel;
    if (model === undefined) return state;
    const name = bareName(model);
    const window =
      step.limits['context_window'] ??
      ctx.options.context_windows[model] ??
      ctx.options.context_windows[name] ??
      contextWindow(model);
    if (refused(step)) {
      ctx.report('exceeded', { at: step, key: step.spanId, score: 1, data: { model } });
      return state;
    }
    reportCut(step, model, window, ctx);
    const input = step.tokens?.input;
    if (input === undefined || input <= 0) return state;
    const next = state ?? { lanes: [] };
    const lane = laneOf(next, name, input);
    follow(lane, input);
    if (window === undefined || window <= 0) return next;
    if (input > window && answered(step)) lane.disproved = true;
    if (!lane.disproved) judge(lane, step, { model, window, input }, ctx);
    return next;
  },
});

function judge(
  lane: Lane,
  step: Step,
  { model, window, input }: { readonly model: string; readonly window: number; readonly input: number },
  ctx: Ctx,
): void {
  const share = input / window;
  if (share >= ctx.options.warn_at) {
    lane.near ??= { traceId: step.traceId, spanId: step.spanId };
    const percent = Math.round(share * 100);
    ctx.report('near_limit', {
      at: lane.near,
      key: lane.near.spanId,
      evidence: [{ traceId: step.traceId, spanId: step.spanId }],
      score: Math.min(1, share),
      ...(share >= 0.95 ? { severity: 'critical' as const } : {}),
      data: { model, tokens: input, window, percent },
    });
    return;
  }
  lane.near = null;
  const { long_tokens: long } = ctx.options;
  if (long > 0 && input >= long && share >= LONG_FROM) {
    lane.long ??= { traceId: step.traceId, spanId: step.spanId };
    ctx.report('long', {
      at: lane.long,
      key: lane.long.spanId,
      evidence: [{ traceId: step.traceId, spanId: step.spanId }],
      score: share,
      data: { model, tokens: input, percent: Math.round(share * 100) },
    });
  }
  const calls = lane.slope > 0 ? Math.ceil((window - input) / lane.slope) : Number.POSITIVE_INFINITY;
  if (share < FORECAST_FROM || lane.calls < FORECAST_CALLS || calls > ctx.options.forecast_calls) return;
  lane.ahead ??= { traceId: step.traceId, spanId: step.spanId };
  ctx.report('filling', {
    at: lane.ahead,
    key: lane.ahead.spanId,
    evidence: [{ traceId: step.traceId, spanId: step.spanId }],
    score: share,
    data: { model, growth: Math.round(lane.slope), calls, tokens: input, window },
  });
}

/** A call that was answered fitted. */
function answered(step: Step): boolean {
  return (step.tokens?.output ?? 0) > 0 || step.finishReasons.length > 0 || step.has('messages.output');
}

/** `length` near the window is the window's doing; elsewhere it is the caller's own limit. */
function reportCut(step: Step, model: string, window: number | undefined, ctx: Ctx): void {
  if (!step.finishReasons.includes('length') && !step.finishReasons.includes('max_tokens')) return;
  const tokens = step.tokens?.output ?? 0;
  const full = window !== undefined && (step.tokens?.input ?? 0) + tokens >= ctx.options.warn_at * window;
  ctx.report('truncated', { at: step, key: step.spanId, score: full ? 0.9 : 0.6, data: { model, tokens } });
}

function refused(step: Step): boolean {
  if (step.outcome !== 'error' || step.error === undefined) return false;
  const text = `${step.error.type ?? ''} ${step.error.message ?? ''}`.slice(0, 2_048).toLowerCase();
  return refusals.some((refusal) => text.includes(refusal));
}

function laneOf(state: State, model: string, input: number): Lane {
  const found = state.lanes.find((lane) => lane.model === model);
  if (found) return found;
  if (state.lanes.length >= MAX_LANES) state.lanes = state.lanes.sort((a, b) => b.calls - a.calls).slice(0, MAX_LANES - 1);
  const lane: Lane = { model, last: input, slope: 0, calls: 0, disproved: false, near: null, long: null, ahead: null };
  state.lanes.push(lane);
  return lane;
}

/** A fall by a third is a compaction or another conversation: the climb starts anew. */
function follow(lane: Lane, input: number): void {
  lane.calls++;
  if (input < lane.last * 0.67) {
    lane.slope = 0;
    lane.calls = 1;
    lane.near = null;
    lane.long = null;
    lane.ahead = null;
  } else if (lane.calls > 1) {
    const growth = input - lane.last;
    lane.slope = lane.calls === 2 ? growth : ALPHA * growth + (1 - ALPHA) * lane.slope;
  }
  lane.last = input;
}

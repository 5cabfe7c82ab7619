/**
 * tool_failure: a call failed, and what became of it. A failure is low while the run may still recover; it rises when the model acts on it
 * and fails again, when retries are spent, or when the run ends on it. Kept: the failures of each tool that no success has followed, and the
 * last model call that acted, because in code-acting agents it is the call.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { actionOf, acts } from '../../src/text/action.ts';
import { type FailureClass, failureClass, statedFailure } from '../../src/text/failure.ts';
import { newInput } from '../../src/text/turn.ts';
import { messages } from './tool_failure-messages.ts';

interface Spot extends SpanRef {
  readonly parentId: string;
}

/** Failures of one tool in a row. */
interface Open {
  readonly tool: string;
  readonly kind: FailureClass;
  readonly first: Spot;
  last: Spot;
  count: number;
}

interface State {
  open: Open[];
  act: Spot | null;
  /** The newest failure, until a model call has been told of it. */
  news: Spot | null;
  /** What was last said of a model call that acted on a failure, until its own outcome is known. */
  carried: { readonly at: Spot; readonly kind: FailureClass; readonly from: SpanRef; readonly tool: string } | null;
}

const options = {
  max_failures: {
    type: 'integer',
    text: 'Failures of one tool in a row before its retries count as exhausted.',
    default: 3,
    min: 2,
    max: 100,
    source: 'OpenHands StuckDetector: three errors in a row; in 90 healthy runs no tool failed three times.',
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_OPEN = 8;
const MAX_RESULT = 4_096;
const NEWLINE = 0x0a;
const QUOTE = 0x27;
const COMMA = 0x2c;

/** What a failure of each class is called here, and how likely a single one is a step that went wrong (TRAIL dev, share of spans labelled so). */
const messageOf = {
  timeout: 'timeout',
  limit: 'limited',
  rate_limit: 'rate_limited',
  authentication: 'refused',
  arguments: 'rejected',
  program: 'failed',
  environment: 'environment',
  empty: 'empty',
  not_found: 'not_found',
  service: 'unavailable',
  other: 'failed',
} as const satisfies Record<FailureClass, keyof typeof messages>;
const single: Readonly<Record<FailureClass, number>> = {
  timeout: 0.5,
  limit: 0.5,
  rate_limit: 0.5,
  authentication: 0.55,
  arguments: 0.44,
  program: 0.2,
  environment: 0.25,
  empty: 0.36,
  not_found: 0.25,
  service: 0.45,
  other: 0.2,
};
/** How likely a model call that acts on such a failure is itself at fault; the other classes are not the model's doing (TRAIL dev). */
const carriedScore: Partial<Record<FailureClass, number>> = {
  arguments: 0.8,
  program: 0.7,
  empty: 0.55,
  not_found: 0.55,
  environment: 0.5,
  other: 0.5,
};
/** Classes that say the system is broken, not the call. */
const system: ReadonlySet<FailureClass> = new Set(['timeout', 'limit', 'rate_limit', 'authentication', 'service', 'environment']);

export default defineDetector({
  meta: {
    id: 'tool_failure',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds calls that failed, and model calls that went on from a failure.',
    docs: {
      what: 'Failed tool calls by class (time-out, rate limit, authentication, rejected arguments, not found, service, environment, empty search), also those whose result says so while the status is unset; the model call that acted on the failure; retries that were spent; runs that end on a failure. The code blocks of code-acting agents are calls too.',
      why: 'Failures of tools are the plainest sign of a run that goes wrong, and most are repaired within a step: what counts is what follows.',
      fix: 'Return errors that say what to change, bound the retries, validate arguments before the call, and give the agent another way.',
      limits:
        'A failure told in prose within a long result is not seen. A single failure stays below LIKELY unless the run ends on it, so an agent that gives up politely after one failure is not flagged. Failures of business rules (a refused order) are of the class other.',
      sources: ['https://arxiv.org/abs/2505.08638', 'https://github.com/OpenHands/software-agent-sdk'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup) return state;
    if (step.kind === 'llm')
      return step.outcome === 'error' || step.outcome === 'timeout' ? onRefusal(state, step, ctx) : onModel(state, step, ctx);
    const tool = step.kind === 'tool' || step.kind === 'retriever' ? (step.tool?.name ?? step.name).slice(0, 80) : undefined;
    if (tool === undefined && (step.kind !== 'task' || state?.act?.parentId !== step.spanId)) return state;
    const kind = failureOf(step, tool !== undefined);
    if (kind === undefined) return succeed(state, tool ?? 'code');
    const next = state ?? { open: [], act: null, news: null, carried: null };
    if (tool !== undefined) fail(next, tool, kind, spot(step), ctx, asked(next.act, step, kind));
    // The step around a failed tool says the same failure again.
    else if (!next.open.some((open) => open.last.parentId === step.spanId)) fail(next, 'code', kind, next.act as Spot, ctx);
    if (tool === undefined && next.carried !== null && same(next.carried.at, next.act)) carry(next, true, ctx);
    return next;
  },

  onEnd(state, _reason, ctx) {
    if (!state?.news) return;
    for (const open of state.open) {
      if (!same(open.last, state.news) || (!system.has(open.kind) && open.count === 1)) continue;
      say(open, 'medium', Math.max(0.65, single[open.kind]), ctx);
    }
  },
});

/** A call of the model itself that failed: its provider is a tool too. */
function onRefusal(state: State | undefined, step: Step, ctx: Ctx): State {
  const next = state ?? { open: [], act: null, news: null, carried: null };
  fail(next, modelOf(step), failureOf(step, false) ?? 'other', spot(step), ctx);
  return next;
}

/** A model call that was told of a failure and acts. */
function onModel(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const action = actionOf(step);
  if (state !== undefined) state.open = state.open.filter((open) => open.tool !== modelOf(step));
  if (!acts(action)) return state;
  const told = toldResult(step);
  const kind = told === undefined ? undefined : statedFailure(told);
  const before = state?.news ?? state?.act ?? null;
  // A call through the API has a span of its own that says how it ended.
  if (state === undefined && kind === undefined && action.code === '') return state;
  const next = state ?? { open: [], act: null, news: null, carried: null };
  next.act = spot(step);
  next.carried = null;
  if (kind !== undefined && carriedScore[kind] !== undefined) {
    const tool = next.open.find((open) => before !== null && same(open.last, before))?.tool ?? 'a call';
    next.carried = { at: next.act, kind, from: before ?? next.act, tool };
    carry(next, false, ctx);
  } else if (action.code !== '' && told !== undefined && spelledOut(told)) {
    const at = ref(next.act);
    ctx.report('spelled_out', { at, key: step.spanId, evidence: before === null ? [] : [ref(before)], score: 0.7, data: {} });
  }
  next.news = null;
  return next;
}

function carry(state: State, again: boolean, ctx: Ctx): void {
  if (state.carried === null) return;
  const { at, kind, from, tool } = state.carried;
  ctx.report('carried', {
    at: ref(at),
    key: at.spanId,
    evidence: [ref(from)],
    score: Math.min(1, (carriedScore[kind] ?? 0.5) + (again ? 0.1 : 0)),
    ...(again ? { severity: 'medium' as const } : {}),
    data: { tool, class: kind },
  });
}

function fail(state: State, tool: string, kind: FailureClass, at: Spot, ctx: Ctx, blamed = at): void {
  state.news = at;
  if (state.carried !== null && same(state.act, state.carried.at)) carry(state, true, ctx);
  let open = state.open.find((one) => one.tool === tool);
  if (open === undefined) {
    open = { tool, kind, first: blamed, last: at, count: 0 };
    state.open.push(open);
    if (state.open.length > MAX_OPEN) state.open.shift();
  }
  open.last = at;
  open.count++;
  if (open.count === 1) say(open, 'low', single[kind], ctx);
  if (open.count < ctx.options.max_failures) return;
  ctx.report('exhausted', {
    at: ref(at),
    key: open.first.spanId,
    evidence: [ref(open.first)],
    score: Math.min(1, 0.62 + 0.02 * (open.count - ctx.options.max_failures)),
    data: { tool, count: open.count },
  });
}

/** A success ends the failures of its tool, and the run does not end on one. */
function succeed(state: State | undefined, tool: string): State | undefined {
  if (state === undefined) return state;
  state.open = state.open.filter((open) => open.tool !== tool);
  state.news = null;
  return state;
}

/** A query that finds nothing, a name that does not exist: the model that asked went wrong, not the tool. */
function asked(act: Spot | null, step: Step, kind: FailureClass): Spot {
  const mine = (kind === 'empty' || kind === 'not_found') && act !== null && act.parentId === step.parentId;
  return mine ? act : spot(step);
}

function say(open: Open, severity: 'low' | 'medium', score: number, ctx: Ctx): void {
  ctx.report(messageOf[open.kind], {
    at: ref(open.first),
    key: open.first.spanId,
    evidence: same(open.first, open.last) ? [] : [ref(open.last)],
    score,
    severity,
    data: { tool: open.tool, class: open.kind, count: open.count },
  });
}

function failureOf(step: Step, isTool: boolean): FailureClass | undefined {
  const { outcome } = step;
  if (outcome === 'timeout') return 'timeout';
  if (outcome === 'error' || outcome === 'handled_error') {
    const text = `${step.error?.type ?? ''} ${step.error?.message ?? step.tool?.result ?? ''}`;
    return failureClass(text);
  }
  const result = isTool && step.has('tool.result') ? step.tool?.result : undefined;
  return result === undefined ? undefined : statedFailure(result);
}

/** The last result that the model was told since it last spoke. */
function toldResult(step: Step): string | undefined {
  const told = newInput(step);
  for (let i = told.length - 1; i >= 0; i--) {
    const message = told[i];
    if (message === undefined || message.role !== 'tool') continue;
    const result = message.toolResults[message.toolResults.length - 1]?.text ?? message.text;
    if (result !== '') return result;
  }
  return undefined;
}

/** Six lines of one character, or eight one-character strings of a list, in a row: code that walked over a text as if it were a list. */
function spelledOut(result: string): boolean {
  const end = Math.min(result.length, MAX_RESULT);
  let lines = 0;
  let items = 0;
  for (let i = 0; i < end; i++) {
    const code = result.charCodeAt(i);
    if (code === NEWLINE) {
      lines = result.charCodeAt(i + 2) === NEWLINE && result.charCodeAt(i + 1) !== NEWLINE ? lines + 1 : 0;
      if (lines >= 6) return true;
      if (lines > 0) i++;
    } else if (code === QUOTE && result.charCodeAt(i + 2) === QUOTE) {
      items = result.charCodeAt(i + 3) === COMMA ? items + 1 : 0;
      if (items >= 8) return true;
      i += 2;
    }
  }
  return false;
}

function modelOf(step: Step): string {
  return (step.requestModel ?? step.responseModel ?? 'the model').slice(0, 80);
}

function spot({ traceId, spanId, parentId }: Step): Spot {
  return { traceId, spanId, parentId };
}

function ref({ traceId, spanId }: SpanRef): SpanRef {
  return { traceId, spanId };
}

function same(a: SpanRef | null, b: SpanRef | null): boolean {
  return a !== null && b !== null && a.spanId === b.spanId && a.traceId === b.traceId;
}

/**
 * completion: a task is called done that is not, or is worked on after it was done. Three parts share the state: answers without evidence
 * (`completion-answer.ts`), claims of success against checks, todos and listed items (`completion-claim.ts`), and work after a final answer.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { actionOf, acts, isFinal, toolsNamed } from '../../src/text/action.ts';
import { outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { signsOf, unsupported } from './completion-answer.ts';
import { checkOf, claimsDone, claimsSuccess, itemsOf, openTodos, statesGap, unmetItems, wordsOf } from './completion-claim.ts';
import { type Code, followCode } from './completion-code.ts';
import { type Flag, foldFlags, overcount } from './completion-counts.ts';
import { messages } from './completion-messages.ts';

interface Last {
  readonly at: SpanRef;
  readonly gap: string;
  readonly unmet: number;
  readonly items: number;
  /** Words of an agent's message whose request stands in a step that ends later. */
  readonly words: readonly string[];
}

interface State {
  /** Something was looked up, run or read. */
  used: boolean;
  /** Messages by agents whose model calls are not recorded. */
  spoken: number;
  /** Model calls are recorded: agents speak through them. */
  models: boolean;
  /** Acting model calls so far. */
  acted: number;
  /** Tools the plan named that were not called yet. */
  planned: string[];
  /** The last check, if it failed. */
  failed: SpanRef | null;
  todos: { readonly at: SpanRef; readonly open: number } | null;
  /** Conversations that gave their final answer. */
  ended: { readonly key: string; readonly at: SpanRef; readonly parentId: string }[];
  /** The last model call, if it failed. */
  broken: SpanRef | null;
  /** What the last message in prose claims, until another step shows that it was not the last. */
  last: Last | null;
  /** Flags of the entries that tools returned. */
  flags: Flag[];
  code: Code | null;
}

const options = {
  min_items: {
    type: 'integer',
    text: 'Items that a request must list before an answer is held against the list.',
    default: 3,
    min: 2,
    max: 50,
    source: 'Judgement: two items are often one thing said twice.',
  },
  max_unmet: {
    type: 'number',
    text: 'Share of listed items that a claim of completion may leave unmentioned.',
    default: 0.34,
    min: 0,
    max: 1,
    source: 'Golden entries, dev: a third and more of the items unmentioned separates partial from whole deliveries.',
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_PLANNED = 8;
const MAX_ENDED = 4;
const MAX_WORDS = 64;
/** A longer message of an agent has too many words to keep. */
const MAX_MESSAGE = 1_024;

export default defineDetector({
  meta: {
    id: 'completion',
    family: 'verification',
    scope: 'trace',
    version: 1,
    stateVersion: 2,
    needs: ['messages.output'],
    summary: 'Finds answers without evidence, claims of success that the run contradicts, and work after the end.',
    docs: {
      what: 'A final answer before any tool was used, with the signs that it needed one (assumptions, sources never consulted, numbers that occur nowhere, a plan that was skipped); success claimed after a failed check, with open todos, with listed items left out, or beside a stated gap; a number of entries that the results do not hold; the print of a single run that is taken for the answer; a content filter in place of an answer; work that goes on after the final answer.',
      why: 'Runs that stop early look like runs that succeed: the answer is fluent and nothing failed (MAST FM-3.1, FM-3.2).',
      fix: 'Make the end conditional on a check that passed; ask for the source of every fact in the answer; let the todo list decide when the task is done.',
      limits:
        'An answer that a task needs no tool for (a puzzle, a translation) is not told apart where it assumes or computes aloud. Checks are known by their names and commands. Listed items are held against the answer only in runs without tool calls, where the answer is the delivery. A number of entries is wrong only above what all results of the run hold; too small a number may be a choice. That nobody checked a print of code is certain, that somebody should have is not: it stays POSSIBLE.',
      sources: ['https://arxiv.org/abs/2503.13657', 'https://arxiv.org/abs/2505.08638'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup) return state;
    if (step.kind === 'tool' || step.kind === 'retriever') return onTool(state, step);
    if (step.kind === 'llm' || step.kind === 'agent') {
      if (isFiltered(step)) ctx.report('filtered', { at: ref(step), key: contentKey(step), score: 0.85, data: {} });
      if (state !== undefined && state.flags.length > 0) count(state.flags, step, ctx);
    }
    if (step.kind === 'llm') return onModel(state, step, ctx);
    if (step.kind === 'agent' || step.kind === 'workflow') return onAgent(state, step, ctx);
    // Code that ran into an error has not ended the task.
    if (step.kind === 'task' && step.outcome !== 'ok' && state !== undefined)
      state.ended = state.ended.filter(({ parentId }) => parentId !== step.spanId);
    return state;
  },

  onEnd(state, _reason, ctx) {
    if (state?.broken && state.ended.length === 0)
      ctx.report('no_answer', { at: state.broken, key: state.broken.spanId, score: 0.7, data: {} });
    if (state?.code?.taken && state.code.written === 1 && state.code.runs === 1 && !state.models && !state.used)
      ctx.report('unchecked', {
        at: state.code.taken,
        key: state.code.taken.spanId,
        evidence: state.code.printed ? [state.code.printed] : [],
        // Judgement: that nobody checked is certain, that it should have been is not.
        score: 0.45,
        data: {},
      });
    if (!state?.last || state.used) return;
    const { at, gap, unmet, items } = state.last;
    if (gap !== '') ctx.report('gap', { at, key: at.spanId, score: 0.65, data: { words: gap } });
    const share = unmet / items;
    if (items < ctx.options.min_items || share < ctx.options.max_unmet) return;
    ctx.report('partial', { at, key: at.spanId, score: Math.min(0.9, 0.5 + share / 2), data: { unmet, items } });
  },
});

function empty(): State {
  return {
    used: false,
    models: false,
    spoken: 0,
    acted: 0,
    planned: [],
    failed: null,
    todos: null,
    ended: [],
    broken: null,
    last: null,
    flags: [],
    code: null,
  };
}

function onTool(state: State | undefined, step: Step): State {
  const next = state ?? empty();
  const name = step.tool?.name ?? '';
  if (isFinal(name)) {
    // A final answer that was refused is no end.
    if (step.outcome !== 'ok') next.ended.pop();
    return next;
  }
  next.used = true;
  next.flags = foldFlags(next.flags, step);
  next.planned = next.planned.filter((tool) => tool !== name);
  const check = checkOf(step);
  if (check !== undefined) next.failed = check === 'failed' ? ref(step) : null;
  const open = openTodos(step);
  if (open !== undefined) next.todos = { at: ref(step), open };
  return next;
}

function onModel(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const broken = step.outcome === 'error' || step.outcome === 'timeout' || step.outcome === 'blocked';
  if (broken || state?.broken) {
    const next = state ?? empty();
    next.broken = broken ? ref(step) : null;
    if (broken) return next;
  }
  if (state !== undefined) state.models = true;
  const action = actionOf(step);
  if (!acts(action)) return onText(state, step, ctx);
  const next = state ?? empty();
  next.models = true;
  const key = conversation(step);
  next.last = null;
  const ended = next.ended.find((one) => one.key === key);
  if (ended !== undefined && step.input[step.input.length - 1]?.role !== 'user') {
    ctx.report('delayed', { at: ref(step), key: ended.at.spanId, evidence: [ended.at], score: 0.6, data: {} });
  }
  next.planned = next.planned.filter((tool) => !action.calls.includes(tool));
  if (action.answers) {
    const inText = !step.output.some(({ toolCalls }) => toolCalls.length > 0);
    if (action.calls.length === 0 && (inText || step.toolDefinitions.length > 1)) {
      const planned = [...new Set([...next.planned, ...toolsNamed(step)])];
      const signs = signsOf(step, action, { planned, first: next.acted === 0, used: next.used });
      // What the same code computes is evidence, unless it computes with what the model assumes.
      if (!action.works || signs.assumes) unsupported(step, signs, next.used, ctx);
    }
    against(next, step, ctx);
    next.ended = [...next.ended.filter((one) => one.key !== key), { key, at: ref(step), parentId: step.parentId }].slice(
      -MAX_ENDED,
    );
  } else if (action.works) next.used = true;
  next.acted++;
  return next;
}

/** A message in prose: it may name the tools of a plan, and may claim an end that the run contradicts. */
function onText(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  if (state !== undefined) against(state, step, ctx);
  if (state?.used) return state;
  const done = (ctx.wants('partial') || ctx.wants('gap')) && claimsDone(step);
  const planned = step.kind === 'llm' ? toolsNamed(step) : [];
  if (!done && planned.length === 0 && !state?.last) return state;
  const next = state ?? empty();
  next.planned = [...new Set([...next.planned, ...planned])].slice(0, MAX_PLANNED);
  next.last = null;
  next.models ||= step.kind === 'llm';
  if (!done) return next;
  const items = itemsOf(step);
  const wanted = step.kind === 'llm' ? items.length >= ctx.options.min_items : outputText(step).length <= MAX_MESSAGE;
  const said = wanted ? wordsOf(step) : new Set<string>();
  next.last = {
    at: ref(step),
    gap: statesGap(step) ?? '',
    unmet: unmetItems(items, said),
    items: items.length,
    words: step.kind === 'llm' ? [] : [...said].slice(0, MAX_WORDS),
  };
  return next;
}

/** Agents whose model calls are not recorded speak for themselves; the request may stand in the step around them, which ends later. */
function onAgent(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  if (step.has('messages.output')) {
    if (state?.models) return state;
    let next = onText(state, step, ctx);
    const code = ctx.wants('unchecked') ? followCode(next?.code ?? null, step) : null;
    if (code !== null) {
      next ??= empty();
      next.code = code;
    }
    if (next?.last) next.spoken++;
    return next;
  }
  const last = state?.last;
  // Where several agents spoke, the last message is not the whole delivery.
  if (!state || !last || state.spoken > 1 || last.words.length === 0 || last.items > 0) return state;
  if (!step.has('messages.input')) return state;
  const items = itemsOf(step);
  state.last = { ...last, unmet: unmetItems(items, new Set(last.words)), items: items.length, words: [] };
  return state;
}

/** What Azure OpenAI and OpenAI answer when a filter stops a prompt or an answer, as frameworks pass it on. */
const refusals = ['ResponsibleAIPolicyViolation', 'content management policy', 'content_policy_violation'];
/** The provider's words end a stack trace. */
const MAX_REFUSAL = 4_096;

function isFiltered(step: Step): boolean {
  if (step.finishReasons.includes('content_filter')) return true;
  if (step.error?.message !== undefined && says(step.error.message)) return true;
  const text = outputText(step);
  return text.includes('rror code: 4') && says(text.slice(-MAX_REFUSAL));
}

function says(text: string): boolean {
  return refusals.some((words) => text.includes(words));
}

/** An agent and its model call that fail alike are one finding. */
function contentKey(step: Step): string {
  const text = outputText(step);
  return text === '' ? step.spanId : hashText(text.slice(-MAX_REFUSAL));
}

function count(flags: readonly Flag[], step: Step, ctx: Ctx): void {
  const wrong = overcount(flags, step);
  if (wrong === undefined) return;
  const { name: flag, set, all, at } = wrong.flag;
  ctx.report('miscounted', {
    at: ref(step),
    key: `${flag}:${wrong.stated}`,
    evidence: [at],
    score: 0.85,
    data: { stated: wrong.stated, flag, set, all },
  });
}

/** A claim of success against the last check and the todos. */
function against(state: State, step: Step, ctx: Ctx): void {
  const open = state.todos !== null && state.todos.open > 0;
  if ((state.failed === null && !open) || !claimsSuccess(step)) return;
  if (state.failed !== null)
    ctx.report('failed_check', { at: ref(step), key: step.spanId, evidence: [state.failed], score: 0.8, data: {} });
  if (state.todos !== null && open)
    ctx.report('open_todos', {
      at: ref(step),
      key: step.spanId,
      evidence: [state.todos.at],
      score: 0.75,
      data: { open: state.todos.open },
    });
}

/** Calls of one conversation begin with the same messages. */
function conversation(step: Step): string {
  const first = step.input.find(({ role }) => role === 'user');
  return hashText(`${step.agent ?? ''}\u0000${step.system?.slice(0, 256) ?? ''}\u0000${first?.text.slice(0, 512) ?? ''}`);
}

function ref({ traceId, spanId }: SpanRef): SpanRef {
  return { traceId, spanId };
}

/**
 * derailment: what the agent does is not what it says or was asked. Said and not done within one step; the conversation that begins anew
 * (`derailment-course.ts`); the steps that leave the task, as a sustained drop of their likeness to it.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { actionOf, toolsNamed } from '../../src/text/action.ts';
import { textFacts } from '../../src/text/facts.ts';
import { outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { lastUserText } from '../../src/text/turn.ts';
import { type Course, openCourse, steer } from './derailment-course.ts';
import { messages } from './derailment-messages.ts';
import { leavesTask, likeness, likenessToRequest, subjectOf } from './derailment-text.ts';

interface State {
  course: Course | null;
  /** Acting model calls so far. */
  acted: number;
  /** Model calls are recorded: agents speak through them. */
  models: boolean;
  /** The last message of an agent whose model calls are not recorded, until the step around it, which may hold the request, ends. */
  last: { readonly at: SpanRef; readonly words: readonly string[] } | null;
}

const options = {
  restart_likeness: {
    type: 'number',
    text: 'Jaccard similarity of word 3-grams from which a later message repeats the one that opened the conversation.',
    default: 0.35,
    min: 0.1,
    max: 1,
    source: 'MAST dev: at .35 nine restarts are found and none is wrong where the role of the speaker is unknown.',
  },
  restart_likeness_leader: {
    type: 'number',
    text: 'The same where the opening agent is a planner, orchestrator, manager or supervisor by its name.',
    default: 0.15,
    min: 0.05,
    max: 1,
    source: 'MAST dev: at .15 all twelve restarts of planners are found, and one that is none.',
  },
  max_likeness: {
    type: 'number',
    text: 'Share of the content words of a request up to which its answer is off task.',
    default: 0,
    min: 0,
    max: 1,
    source:
      'At 0, 57 of 2,743 answers to general questions are off task, at .1 more than 127: poems and lists share few words with their request.',
  },
  drift_steps: {
    type: 'integer',
    text: 'Steps of a task before a drift away from it is reported.',
    default: 8,
    min: 4,
    max: 200,
    source: 'Page-Hinkley needs a mean before it can see a drop: four steps to learn, four to differ.',
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_WORDS = 64;

export default defineDetector({
  meta: {
    id: 'derailment',
    family: 'behavior',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['messages.output'],
    summary: 'Finds actions that are not what was said, conversations that begin anew, and steps that leave the task.',
    docs: {
      what: 'A tool that the model announces while its code only prints; an agent that sends its opening message again later; an answer that leaves its subject for another; steps whose likeness to the task drops and stays low.',
      why: 'A run that left its task looks busy: every step succeeds (MAST FM-2.1, FM-2.3, FM-2.6).',
      fix: 'Repeat the task and the open part of the plan in the context, check that an announced call was made, and end a run that begins anew.',
      limits:
        'Announced calls are known by tool names of the form `web_search`. Likeness is of words: a task solved in other words than it was put in looks far from it, therefore only a drop counts and never a level.',
      sources: ['https://arxiv.org/abs/2503.13657', 'https://arxiv.org/abs/2505.08638'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup) return state;
    if (step.kind !== 'llm' && step.kind !== 'agent' && step.kind !== 'workflow') return state;
    if (!step.has('messages.output')) return onRequest(state, step, ctx);
    const next = state ?? { course: null, acted: 0, models: false, last: null };
    next.last = null;
    if (step.kind === 'llm') {
      next.models = true;
      onAction(next, step, ctx);
    } else if (next.models) return next;
    else onAgent(next, step, ctx);
    onCourse(next, step, ctx);
    return next;
  },
});

/** An agent's own words, where no model call is recorded. */
function onAgent(state: State, step: Step, ctx: Ctx): void {
  if (step.has('messages.input')) {
    onAnswer(step, ctx);
    return;
  }
  tangent(step, ctx);
  if (ctx.wants('off_task')) state.last = { at: ref(step), words: [...subjectOf(outputText(step))].slice(0, MAX_WORDS) };
}

/** A step that holds the request and not the answer. */
function onRequest(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const request = state?.last && step.has('messages.input') ? lastUserText(step) : undefined;
  if (!state?.last || request === undefined) return state;
  const { at, words } = state.last;
  state.last = null;
  offTask(at, at.spanId, likeness(request, new Set(words), ctx.options.max_likeness), ctx);
  return state;
}

function offTask(at: SpanRef, key: string, share: number | undefined, ctx: Ctx): void {
  if (share === undefined) return;
  ctx.report('off_task', { at, key, score: 0.62, data: { percent: Math.round(share * 100) } });
}

function onAction(state: State, step: Step, ctx: Ctx): void {
  const action = actionOf(step);
  if (action.code === '') {
    if (action.calls.length === 0) onAnswer(step, ctx);
    return;
  }
  const first = state.acted === 0;
  state.acted++;
  if (action.works || action.answers) return;
  const named = toolsNamed(step);
  const at = { traceId: step.traceId, spanId: step.spanId };
  if (named.length > 0 && action.printsOnly)
    ctx.report('said_not_done', { at, key: step.spanId, score: first ? 0.6 : 0.65, data: { tools: named.join(', ') } });
  // Without an announced call the model works from its memory; with one the fault is the call that was not made.
  if (first && runsCode(step))
    ctx.report('idle_start', { at, key: step.spanId, score: named.length === 0 ? 0.6 : 0.4, data: {} });
}

/** The instructions show a code block: code in an answer is then an action, not a text. */
function runsCode(step: Step): boolean {
  return (step.system ?? step.input[0]?.text ?? '').includes('```') && step.input.length > 1;
}

/** A prose answer to a request. */
function onAnswer(step: Step, ctx: Ctx): void {
  tangent(step, ctx);
  if (ctx.wants('off_task')) offTask(ref(step), keyOf(step), likenessToRequest(step, ctx.options.max_likeness), ctx);
}

function tangent(step: Step, ctx: Ctx): void {
  if (!ctx.wants('tangent')) return;
  const words = leavesTask(step);
  if (words !== undefined) ctx.report('tangent', { at: ref(step), key: keyOf(step), score: 0.65, data: { words } });
}

/** An agent and its model call that say the same are one finding. */
function keyOf(step: Step): string {
  return hashText(outputText(step).slice(0, 512));
}

function onCourse(state: State, step: Step, ctx: Ctx): void {
  const text = outputText(step);
  if (state.course === null) {
    state.course = openCourse(step, text);
    return;
  }
  const turn = steer(state.course, step, textFacts(text), ctx.options);
  if (turn.restart !== undefined)
    ctx.report('restarted', {
      at: ref(step),
      key: turn.restart.from.spanId,
      evidence: [turn.restart.from],
      // On MAST dev twelve of thirteen found were labelled, at any likeness above the threshold.
      score: Math.min(0.9, 0.6 + turn.restart.likeness * 0.3),
      data: { percent: Math.round(turn.restart.likeness * 100) },
    });
  if (turn.drift !== undefined)
    ctx.report('drift', {
      at: turn.drift.from,
      key: turn.drift.from.spanId,
      evidence: [ref(step)],
      score: 0.5,
      data: { steps: turn.drift.steps },
    });
}

function ref({ traceId, spanId }: SpanRef): SpanRef {
  return { traceId, spanId };
}

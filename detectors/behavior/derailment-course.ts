/** derailment, course: the opening message and the task as sketches, and a Page-Hinkley test on the likeness of the steps to the task. */
import type { SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { type TextFacts, textFacts } from '../../src/text/facts.ts';
import { outputSketch } from '../../src/text/features.ts';
import { jaccard, type Sketch } from '../../src/text/shingles.ts';

export interface Course {
  readonly opener: { readonly at: SpanRef; readonly agent: string; readonly text: Sketch };
  /** Content words of the task. */
  readonly task: readonly number[];
  /** Messages since the opener, and whether another agent spoke among them. */
  messages: number;
  others: boolean;
  /** Steps measured, the mean of their likeness, and the cumulated drop below it. */
  steps: number;
  mean: number;
  drop: number;
  /** Where the present drop began, and steps in a row below the mean since. */
  from: SpanRef | null;
  low: number;
}

export interface Turn {
  readonly restart?: { readonly from: SpanRef; readonly likeness: number };
  readonly drift?: { readonly from: SpanRef; readonly steps: number };
}

/** Shorter openers ("OK, let me begin") are said again without harm. */
const MIN_OPENER = 120;
/** Hashes of its sketch that are kept: the state is small, the error of the likeness below .08. */
const OPENER = 48;
/** Messages between: a question that is put again at once is a repetition, not a restart. */
const MIN_DISTANCE = 8;
/** Words of a task that are kept, and the least for which a likeness means something. */
const MAX_TASK = 24;
const MIN_TASK = 5;
/** Slack and threshold of the Page-Hinkley test, in shares of words: a drop of .1 for six steps. */
const SLACK = 0.05;
const DROP = 0.3;
/** One step aside, and one back, are no drift. */
const SUSTAINED = 3;
/** An output of fewer content words has no subject. */
const MIN_WORDS = 12;

/** `null` while there is no message long enough to open with. */
export function openCourse(step: Step, text: string): Course | null {
  if (text.length < MIN_OPENER) return null;
  const first = step.input.find(({ role }) => role === 'user')?.text ?? '';
  const stems = textFacts(first.slice(0, 4_096)).stems.first(MAX_TASK);
  return {
    opener: {
      at: { traceId: step.traceId, spanId: step.spanId },
      agent: step.agent ?? '',
      text: outputSketch(step).slice(0, OPENER),
    },
    task: stems.length < MIN_TASK ? [] : stems,
    messages: 0,
    others: false,
    steps: 0,
    mean: 0,
    drop: 0,
    from: null,
    low: 0,
  };
}

/** Planners open with the task; who plans a second time has begun anew. */
const leaders = ['plan', 'orchestrat', 'manager', 'supervisor', 'coordinator'];

function leads(agent: string): boolean {
  const lower = agent.toLowerCase();
  return leaders.some((word) => lower.includes(word));
}

export function steer(
  course: Course,
  step: Step,
  facts: TextFacts,
  options: { readonly restart_likeness: number; readonly restart_likeness_leader: number; readonly drift_steps: number },
): Turn {
  const { opener } = course;
  const agent = step.agent ?? '';
  course.messages++;
  if (agent !== opener.agent) course.others = true;
  const wanted = leads(agent) ? options.restart_likeness_leader : options.restart_likeness;
  const comparable =
    course.others && agent === opener.agent && course.messages >= MIN_DISTANCE && facts.text.length >= MIN_OPENER;
  const likeness = comparable ? jaccard(opener.text, outputSketch(step).slice(0, OPENER), OPENER) : 0;
  const restart = likeness >= wanted ? { restart: { from: opener.at, likeness } } : {};
  if (course.task.length === 0 || facts.stems.size < MIN_WORDS) return restart;
  let known = 0;
  for (const stem of course.task) if (facts.stems.has(stem)) known++;
  const share = known / course.task.length;
  course.steps++;
  course.mean += (share - course.mean) / course.steps;
  const below = course.mean - SLACK - share;
  course.drop = Math.max(0, course.drop + below);
  course.low = below > 0 ? course.low + 1 : 0;
  if (course.drop === 0) course.from = null;
  else course.from ??= { traceId: step.traceId, spanId: step.spanId };
  if (course.from === null || course.steps < options.drift_steps || course.drop < DROP || course.low < SUSTAINED) return restart;
  return { ...restart, drift: { from: course.from, steps: course.steps } };
}

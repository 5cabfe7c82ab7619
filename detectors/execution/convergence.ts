/**
 * convergence: an agent that optimises a number and does not get nearer: it falls back from its best, stands still, or swings. The numbers
 * come from tool results; which way is better is read from the task or, failing that, from the metric's name. Without either there is no verdict.
 */
import { type Context, defineDetector } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { parseObject } from '../../src/text/json.ts';
import { newInput } from '../../src/text/turn.ts';
import { type Assessment, assess, type Verdict } from './convergence-series.ts';

interface Point {
  readonly value: number;
  readonly traceId: string;
  readonly spanId: string;
}

interface Series {
  readonly tool: string;
  readonly name: string;
  points: Point[];
  /** Evaluations so far, those no longer kept included. */
  count: number;
  said: Verdict | null;
}

interface State {
  series: Series[];
  /** What the task said: names to raise and to lower, lower case; `*` = whatever is measured. */
  goals: { readonly name: string; readonly up: boolean }[];
}

const options = {
  patience: {
    type: 'integer',
    text: 'Evaluations without a gain before a plateau is reported.',
    default: 4,
    min: 2,
    max: 100,
    source: 'Labelled series: improving ones pause for at most three evaluations, stalled ones for four and more.',
  },
  min_gain: {
    type: 'number',
    text: 'Relative gain that counts as progress.',
    default: 0.005,
    min: 0,
    max: 1,
    source: 'Labelled series: stalled ones still gain up to 0.3 % an evaluation, improving ones 1 % and more.',
  },
  min_drop: {
    type: 'number',
    text: 'Relative fall below the best value that counts as a regression, if it lasts for two evaluations.',
    default: 0.02,
    min: 0,
    max: 1,
    source: 'Usual evaluation noise of one to two per cent.',
  },
} as const;

const taxonomy = { mast: ['FM-1.5'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F11'] } as const;
const action = 'Stop at the best value and go back to its state; change the approach, not the parameter.';

const messages = {
  regressing: {
    text: "Metric '{{metric}}' fell {{percent}} % below its best of {{best}}, reached {{since}} evaluations before.",
    tier: 2,
    severity: 'high',
    impact: 'Later work makes the result worse than it was.',
    action,
    taxonomy,
  },
  plateau: {
    text: "Metric '{{metric}}' has not gained for {{since}} evaluations; the best is {{best}}.",
    tier: 2,
    severity: 'medium',
    impact: 'Every further evaluation costs time and money and brings nothing.',
    action,
    taxonomy,
  },
  thrashing: {
    text: "Metric '{{metric}}' swings without progress over {{count}} evaluations; the best is {{best}}.",
    tier: 2,
    severity: 'medium',
    impact: 'Changes undo each other; the run may go on for ever.',
    action: 'Change one thing at a time, keep the best state, and smaller steps.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_SERIES = 4;
const MAX_POINTS = 48;
/** Results that are measured are short; long ones are pages and logs. */
const MAX_RESULT = 2_048;
const MAX_KEYS = 12;
const counters = [
  'step',
  'epoch',
  'iteration',
  'iter',
  'round',
  'trial',
  'id',
  'index',
  'seed',
  'timestamp',
  'time',
  'count',
  'n',
  'status',
  'code',
];
const lowerIsBetter = ['loss', 'error', 'bpb', 'perplexity', 'latency', 'rmse', 'mae', 'mse', 'wer', 'cost', 'regret'];
const higherIsBetter = [
  'accuracy',
  'score',
  'reward',
  'f1',
  'auc',
  'bleu',
  'precision',
  'recall',
  'coverage',
  'throughput',
  'passed',
];

export default defineDetector({
  meta: {
    id: 'convergence',
    family: 'execution',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.result'],
    summary: 'Finds an agent whose measured result gets worse, stands still or swings.',
    docs: {
      what: 'Numbers that a tool returns again and again under the same key, against the direction that the task states ("minimise val_loss") or the name implies.',
      why: 'Agents that tune, train or search often go on long after their best result, and some end on a worse one.',
      fix: 'Keep the best state, stop after a set number of evaluations without a gain, and return the best instead of the last.',
      limits:
        'Metrics without a stated or known direction are not judged. A search that explores on purpose looks like thrashing until it finds something better; the finding is then taken back.',
      sources: ['https://arxiv.org/abs/2503.13657', 'https://scikit-learn.org/stable/modules/neural_networks_supervised.html'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup) return state;
    if (step.kind === 'tool') return measure(state, step, ctx);
    if ((step.kind !== 'llm' && step.kind !== 'agent') || !step.has('messages.input')) return state;
    return readGoals(state, step, ctx);
  },
});

/** "Minimise x", "maximise the y": in the words of the task. */
function readGoals(former: State | undefined, step: Step, ctx: Ctx): State | undefined {
  let state = former;
  for (const { role, text } of newInput(step)) {
    if (role !== 'user' || !/(?:mini|maxi)mi[sz]/i.test(text.slice(0, 4_096))) continue;
    for (const match of text
      .slice(0, 4_096)
      .matchAll(/\b(mini|maxi)mi[sz](?:e|ing|ation of)\s+(?:the\s+)?[`'"]?([\w.]{1,40})/gi)) {
      const name = (match[2] as string).toLowerCase().replace(/[.]+$/, '');
      state ??= { series: [], goals: [] };
      if (state.goals.length < 8 && !state.goals.some((goal) => goal.name === name))
        state.goals.push({ name, up: (match[1] as string).toLowerCase() === 'maxi' });
    }
  }
  if (state !== former || (state && state.goals.length > 0))
    for (const series of (state as State).series) judge(state as State, series, ctx);
  return state;
}

function measure(former: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const text = step.tool?.result;
  if (text === undefined || text.length > MAX_RESULT) return former;
  const value = parseObject(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return former;
  let state = former;
  for (const [key, item] of Object.entries(value).slice(0, MAX_KEYS)) {
    if (typeof item !== 'number' || !Number.isFinite(item) || counters.includes(key.toLowerCase())) continue;
    state ??= { series: [], goals: [] };
    const series = seriesOf(state, step.tool?.name ?? '', key.slice(0, 60));
    if (series === undefined) continue;
    series.points.push({ value: item, traceId: step.traceId, spanId: step.spanId });
    series.count++;
    if (series.points.length > MAX_POINTS) forgetOne(series, upward(state, series.name) ?? true);
    judge(state, series, ctx);
  }
  return state;
}

function seriesOf(state: State, tool: string, name: string): Series | undefined {
  const found = state.series.find((one) => one.tool === tool && one.name === name);
  if (found || state.series.length >= MAX_SERIES) return found;
  const made: Series = { tool, name, points: [], count: 0, said: null };
  state.series.push(made);
  return made;
}

/** The oldest point goes, unless it is the best: that one is what the rest is compared with. */
function forgetOne(series: Series, up: boolean): void {
  const [first, second] = series.points as [Point, Point];
  series.points.splice((up ? first.value >= second.value : first.value <= second.value) ? 1 : 0, 1);
}

function judge(state: State, series: Series, ctx: Ctx): void {
  const up = upward(state, series.name);
  if (up === undefined) return;
  const found = assess(
    series.points.map(({ value }) => (up ? value : -value)),
    ctx.options,
  );
  const key = `${series.tool}:${series.name}`;
  if (series.said !== null && found?.verdict !== series.said) ctx.withdraw(series.said, key);
  series.said = found?.verdict ?? null;
  if (found) say(series, found, key, ctx);
}

function say(series: Series, { verdict, best, since, drop, score }: Assessment, key: string, ctx: Ctx): void {
  const at = series.points[series.points.length - 1] as Point;
  const top = series.points[best] as Point;
  ctx.report(verdict, {
    at,
    key,
    evidence: [top, at],
    score,
    data: { metric: series.name, best: top.value, since, percent: Math.round(drop * 100), count: series.count },
  });
}

function upward(state: State, name: string): boolean | undefined {
  const lower = name.toLowerCase();
  const goal = state.goals.find((one) => one.name === lower) ?? state.goals.find((one) => lower.includes(one.name));
  if (goal) return goal.up;
  const parts = lower.split(/[^a-z0-9]+/);
  if (parts.some((part) => lowerIsBetter.includes(part))) return false;
  if (parts.some((part) => higherIsBetter.includes(part))) return true;
  return undefined;
}

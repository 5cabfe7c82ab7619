/**
 * dify_iteration_escape: a loop or iteration that does not end where it should: more rounds than it may have or than it has items, a loop that was
 * stopped without its condition, rounds that are missing or come twice, rounds that all give the same, and items of an iteration that write a
 * variable of the conversation.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { hashText } from '../../src/text/hash.ts';

interface Box {
  readonly id: string;
  /** Highest index seen, and how many rounds of each kind of node. */
  top: number;
  indexes: number[];
  outputs: string[];
  nodes: string[];
  failed: number;
  last: SpanRef;
  iteration: boolean;
  /** The first node inside that assigned a variable of the conversation. */
  writer: (SpanRef & { readonly name: string }) | null;
}

interface State {
  boxes: Box[];
}

const options = {
  max_rounds: {
    type: 'integer',
    text: 'Rounds from which a loop without a stated limit is reported.',
    default: 50,
    min: 2,
    max: 100000,
    source: "Dify's own default for loops and half its limit for iterations.",
  },
  min_same: {
    type: 'integer',
    text: 'Rounds with the same output from which a loop is reported.',
    default: 3,
    min: 2,
    max: 1000,
    source: 'As for loop: the third identical answer brings nothing new.',
  },
} as const;

const taxonomy = { mast: ['FM-1.5', 'FM-1.3'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F11'] } as const;

const messages = {
  over_limit: {
    text: "'{{node}}' ran {{rounds}} rounds; {{limit}} are allowed.",
    tier: 1,
    severity: 'high',
    impact: 'The loop costs more than it was given, or never ends.',
    action: 'Check the exit condition against what the rounds return, and bound the rounds.',
    taxonomy: taxonomy,
  },
  not_exited: {
    text: "'{{node}}' ended ({{why}}) without meeting its exit condition.",
    tier: 1,
    severity: 'high',
    impact: 'What follows works on a half-done result.',
    action: 'Let the loop return whether its condition was met, and branch on it.',
    taxonomy: taxonomy,
  },
  rounds_off: {
    text: "The rounds of '{{node}}' do not match its items ({{why}}).",
    tier: 1,
    severity: 'medium',
    impact: 'Items are left out or worked on twice.',
    action: 'Check how the iteration takes its items and what ends a round early.',
    taxonomy: taxonomy,
  },
  writes_outside: {
    text: "Node '{{writer}}' assigns a variable of the conversation inside iteration '{{node}}'.",
    tier: 1,
    severity: 'medium',
    impact: 'Items overwrite each other, and in parallel rounds what was written may be lost.',
    action: 'Collect the results in the output of the iteration, and assign the variable after it.',
    taxonomy: taxonomy,
  },
  no_progress: {
    text: "Rounds of '{{node}}' gave the same output {{count}} times.",
    tier: 1,
    severity: 'medium',
    impact: 'The loop does not come nearer to its end.',
    action: 'Change the input of the next round by the result of the last one.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_BOXES = 16;
/** Set by hand, below LIKELY: a rule of the design, not yet seen to fail in data. */
const WRITES = 0.5;
/** Dify's type of the node that assigns variables; `variable_assigner` is the old name of its aggregator. */
const ASSIGNER = 'assigner';
const MAX_KEPT = 64;

export default defineDetector({
  meta: {
    id: 'dify_iteration_escape',
    family: 'dify',
    scope: 'trace',
    version: 2,
    stateVersion: 2,
    needs: ['session.id'],
    summary: 'Finds Dify loops and iterations that do not end where they should.',
    docs: {
      what: 'Rounds of each loop and iteration against its limit, its items and its exit condition; the outcome of the loop; equal outputs of rounds; assigner nodes inside an iteration.',
      why: 'A loop without an exit burns the budget; one that ends early leaves work undone.',
      fix: 'Bound rounds, return whether the condition was met, and check the count of results.',
      limits: 'Rounds are counted by the index that their nodes carry. Polling looks like rounds without progress.',
      sources: ['https://docs.dify.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'dify') return state;
    const type = step.extra['node.type'];
    if (type === 'iteration' || type === 'loop') return container(state, step, ctx);
    const parent = step.extra['node.parent'];
    const index = step.extra['iteration.index'];
    if (typeof parent !== 'string' || typeof index !== 'number') return state;
    const next = state ?? { boxes: [] };
    round(next, step, parent, index);
    writes(boxOf(next, parent, step), ctx);
    return next;
  },

  onEnd(state, _reason, ctx) {
    for (const box of state?.boxes ?? []) same(box, box.id, ctx);
  },
});

function boxOf(state: State, id: string, at: SpanRef): Box {
  let box = state.boxes.find((one) => one.id === id);
  if (!box) {
    box = {
      id,
      top: -1,
      indexes: [],
      outputs: [],
      nodes: [],
      failed: 0,
      last: { traceId: at.traceId, spanId: at.spanId },
      iteration: false,
      writer: null,
    };
    state.boxes.push(box);
    if (state.boxes.length > MAX_BOXES) state.boxes.shift();
  }
  return box;
}

function round(state: State, step: Step, parent: string, index: number): void {
  const box = boxOf(state, parent, step);
  box.top = Math.max(box.top, index);
  if (box.indexes.length < MAX_KEPT && !box.indexes.includes(index)) box.indexes.push(index);
  const output = hashText(JSON.stringify(step.extra['node.outputs'] ?? ''));
  if (box.outputs.length < MAX_KEPT) box.outputs.push(`${String(step.extra['node.type'])} ${output}`);
  if (step.outcome === 'error') box.failed++;
  if (step.extra['node.type'] === ASSIGNER)
    box.writer ??= {
      traceId: step.traceId,
      spanId: step.spanId,
      name: String(step.extra['node.name'] ?? step.name).slice(0, 60),
    };
  box.last = { traceId: step.traceId, spanId: step.spanId };
}

/** The container: comes after its rounds, or before them where times say so; then what it states is judged alone. */
function container(former: State | undefined, step: Step, ctx: Ctx): State {
  const state = former ?? { boxes: [] };
  const id = String(step.extra['node.id'] ?? step.name);
  const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
  const box = boxOf(state, id, step);
  const stated = Math.max(number(step.extra['iteration.count']), number(step.extra['iteration.completed']), 0);
  const rounds = Math.max(box.top + 1, stated);
  const expected = number(step.extra['iteration.expected']);
  const limit = step.limits['max_iterations'] ?? step.limits['max_attempts'] ?? step.limits['max_retries'];
  const at = { traceId: step.traceId, spanId: step.spanId };
  const evidence = [box.last, at];
  if (limit !== undefined && rounds > limit)
    ctx.report('over_limit', { at, key: id, evidence, score: 0.92, data: { node, rounds, limit } });
  else if (limit === undefined && expected < 0 && rounds >= ctx.options.max_rounds)
    ctx.report('over_limit', { at, key: id, evidence, score: 0.8, data: { node, rounds, limit: ctx.options.max_rounds } });
  else if (expected >= 0 && rounds > expected)
    ctx.report('over_limit', { at, key: id, evidence, score: 0.85, data: { node, rounds, limit: expected } });
  const status = String(step.extra['node.status'] ?? '').toLowerCase();
  const ended =
    /stop|fail|error|timeout|abort/.test(status) ||
    step.outcome === 'error' ||
    step.outcome === 'cancelled' ||
    step.outcome === 'timeout';
  if (ended) ctx.report('not_exited', { at, key: id, evidence, score: 0.85, data: { node, why: status || step.outcome } });
  else if (step.extra['iteration.exited'] === false)
    ctx.report('not_exited', { at, key: id, evidence, score: 0.8, data: { node, why: 'it says so' } });
  const gaps = box.top >= 0 ? box.top + 1 - box.indexes.length : 0;
  if (gaps > 0 && box.indexes.length < MAX_KEPT)
    ctx.report('rounds_off', {
      at,
      key: id,
      evidence,
      score: 0.7,
      data: { node, why: `${gaps} of ${box.top + 1} rounds are missing` },
    });
  box.iteration = step.extra['node.type'] === 'iteration';
  writes(box, ctx);
  same(box, node, ctx);
  return state;
}

/** A loop is there to change variables; the items of an iteration are to be apart. Container and rounds come in either order. */
function writes({ id, iteration, writer }: Box, ctx: Ctx): void {
  if (!iteration || writer === null) return;
  const { name, ...at } = writer;
  ctx.report('writes_outside', { at, key: id, score: WRITES, data: { writer: name, node: id.slice(0, 60) } });
}

function same(box: Box, node: string, ctx: Ctx): void {
  const counts = new Map<string, number>();
  for (const output of box.outputs) counts.set(output, (counts.get(output) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  if (most >= ctx.options.min_same)
    ctx.report('no_progress', {
      at: box.last,
      key: box.id,
      score: Math.min(0.9, 0.65 + 0.05 * (most - ctx.options.min_same)),
      data: { node, count: most },
    });
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : -1;
}

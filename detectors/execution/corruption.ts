/**
 * corruption: a step hands on a state that it damaged. Compared are what a step took and what it gave, where the span carries both, else what
 * the same node gave before, else, for types only, the state of the same fields that another node gave last. The form of a change decides (`src/schema/changes.ts`), never the name of a field.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { type Change, compareStates } from '../../src/schema/changes.ts';
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';
import { parseObject } from '../../src/text/json.ts';

interface Kept extends SpanRef {
  readonly node: string;
  /** The state as JSON. */
  readonly json: string;
}

type State = Kept[];

const options = {
  min_score: {
    type: 'number',
    text: 'Changes whose form is less suspicious than this are not reported.',
    default: 0.6,
    min: 0,
    max: 1,
    source: 'Below it are changes that queues and drafts make by nature, such as a list that loses its first item.',
  },
} as const;

const taxonomy = { mast: ['FM-2.4'], trail: ['Incorrect Memory Usage'], owasp: ['ASI06'], modes: ['F12'] } as const;

const messages = {
  damaged: {
    text: "Field '{{path}}' of the state was damaged ({{damage}}): it was {{before}} and is {{after}}.",
    tier: 2,
    severity: 'high',
    impact: 'Everything downstream works on a wrong state; the error shows far from its cause.',
    action: 'Validate the state at the border of the node that wrote it, and merge updates instead of replacing the state.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_KEPT = 3;
/** Fields that two states of one shape share: with two thirds of the later one's they are no coincidence. */
const MIN_SHARED = 3;
const MAX_JSON = 6_144;
/** Outputs are parsed as states only up to here. */
const MAX_TEXT = 32_768;

export default defineDetector({
  meta: {
    id: 'corruption',
    family: 'execution',
    scope: 'trace',
    version: 1,
    stateVersion: 2,
    needs: ['state'],
    summary: 'Finds steps that damage the state they hand on.',
    docs: {
      what: 'The state before and after a step, or after two runs of one node, field by field (between two nodes that give the same fields, types only): a value that changed its type, became null, a placeholder or a jump of a hundredfold, text that was cut, lists that lost or repeated items, fields that vanished.',
      why: 'A node that overwrites instead of merging, or a model that writes JSON by hand, loses data silently.',
      fix: 'Check the state against a schema at each node, write updates instead of whole states, and keep numbers as numbers.',
      limits:
        'A deliberate reset of a list of several items looks like damage; the loss of the only item of a list does not. Whether a new value of the same type is right is not judged. States over 512 fields are compared in part; states over 6 KB are compared within one span only.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind === 'llm' || step.kind === 'tool' || step.kind === 'retriever' || step.rollup) return state;
    const after = stateAfter(step);
    if (!isRecord(after)) return state;
    const node = `${step.agent ?? ''}/${step.name}`.slice(0, 120);
    const last = state?.find((one) => one.node === node);
    const before = step.stateBefore ?? inputState(step, after) ?? (last === undefined ? undefined : parseObject(last.json));
    if (isRecord(before)) report(compareStates(before, after), step, last, ctx);
    else handedOn(state?.at(-1), after, step, ctx);
    return keep(state, node, after, step);
  },
});

/** Two nodes that give the same fields hand on one state. Values change by right; a number that became text does not. */
function handedOn(last: Kept | undefined, after: Readonly<Record<string, unknown>>, step: Step, ctx: Ctx): void {
  const before = last === undefined ? undefined : parseObject(last.json);
  if (!isRecord(before)) return;
  if (!sameShape(before, after)) return;
  report(
    compareStates(before, after).filter(({ damage }) => damage === 'type'),
    step,
    last,
    ctx,
  );
}

function sameShape(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): boolean {
  const shared = overlap(before, after);
  return shared >= MIN_SHARED && shared * 3 >= Object.keys(after).length * 2;
}

function overlap(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): number {
  return Object.keys(after).filter((name) => Object.hasOwn(before, name)).length;
}

function report(changes: readonly Change[], step: Step, last: Kept | undefined, ctx: Ctx): void {
  const [worst] = changes;
  if (worst === undefined || worst.score < ctx.options.min_score) return;
  // More than one damaged field is seldom an accident of form.
  const score = Math.min(0.97, worst.score + 0.04 * (changes.length - 1));
  ctx.report('damaged', {
    at: step,
    key: `${step.name}:${worst.path}`,
    evidence: last === undefined ? [] : [last],
    score,
    data: { path: worst.path, damage: worst.damage, before: worst.before, after: worst.after, changes: changes.length },
  });
}

function keep(state: State | undefined, node: string, after: unknown, { traceId, spanId }: Step): State | undefined {
  const json = JSON.stringify(after);
  if (json.length > MAX_JSON) return state;
  return [...(state ?? []).filter((one) => one.node !== node), { node, json, traceId, spanId }].slice(-MAX_KEPT);
}

/** The stated state, else an output that is a JSON object. */
function stateAfter(step: Step): unknown {
  if (step.stateAfter !== undefined) return step.stateAfter;
  const text = outputText(step);
  return text.charCodeAt(0) === 0x7b && text.length <= MAX_TEXT ? parseObject(text) : undefined;
}

/** An input that is an object is the state before only if the output is one of its kind; else it holds a function's arguments. */
function inputState(step: Step, after: Readonly<Record<string, unknown>>): unknown {
  const text = step.input.length === 1 ? (step.input[0]?.text ?? '') : '';
  const given = text.charCodeAt(0) === 0x7b && text.length <= MAX_TEXT ? parseObject(text) : undefined;
  return isRecord(given) && overlap(given, after) * 2 >= Object.keys(given).length ? given : undefined;
}

/**
 * A rule as a detector: a few sequences that are under way, advanced by each step.
 *
 * Law:
 * - A step advances a sequence by one stage at most. What a sequence must not meet (`without`, `never`) is looked at first.
 * - Of the steps that could begin a sequence with the same captured values the last counts, so that `within` has a fair chance.
 * - A finding is one for a window and its captured values; it grows when the sequence comes again.
 * - Roll-ups are no steps. What never came is only said when the run is over, not when its window was cut off.
 */
import { createHash } from 'node:crypto';
import {
  type AnyDetector,
  type Context,
  defineDetector,
  type EndReason,
  type Json,
  type Messages,
  type Options,
  type ReportOf,
  type Tier,
} from '../detector/detector.ts';
import type { Step } from '../step/step.ts';

import { Facts, stateful, textual } from './facts.ts';
import { type Captured, type Matcher, matcherOf, valuesOf } from './match.ts';
import { type Bound, boundOf, type Rule, type StageSpec } from './rule.ts';
import { OverBudget } from './values.ts';

/** Sequences under way in a window; the oldest goes. With what each keeps they stay below the limit of a state (64 KiB). */
const MOST_OPEN = 16;
/** Steps of a sequence that are shown as evidence: the last ones. */
const MOST_EVIDENCE = 8;
/** Findings of a window. A rule that says more is no help. */
const MOST_SAID = 20;
/** Steps that must not have come before, by what was captured of them. */
const MOST_BEFORE = 64;

/** Which step: trace, span, place in the window, ms, tool, agent. */
type Ref = readonly [traceId: string, spanId: string, n: number, ms: number, tool: string, agent: string];

interface Open {
  /** Of the stages before it all are there. */
  readonly stage: number;
  /** Of this stage: place and ms of the steps that matched. */
  readonly hits: readonly (readonly [n: number, ms: number])[];
  readonly refs: readonly Ref[];
  readonly captured: Captured;
}

interface State {
  /** Steps, tool calls, errors, input tokens, output tokens, cost; ms of the first step. */
  readonly run: readonly [number, number, number, number, number, number, number];
  readonly open: readonly Open[];
  /** Captured of the steps that match `without` of `when`, and their place and ms. */
  readonly before: readonly (readonly [captured: Captured, n: number, ms: number])[];
  /** By key: the step that is blamed, and how often it came. */
  readonly said: Readonly<Record<string, readonly [at: Ref, times: number]>>;
}

type RuleContext = Context<Options, Messages>;

interface Stage {
  readonly matcher: Matcher;
  readonly count: number;
  readonly bound: Bound | undefined;
  readonly without: Matcher | undefined;
  readonly never: boolean;
}

/** Of a rule that `readRules` gave. */
export function ruleDetector(rule: Rule): AnyDetector {
  const stages = stagesOf(rule);
  const required = stages.flatMap(({ matcher, never }) => (never ? [] : [...matcher.needs]));
  const all = stages.flatMap(({ matcher, without }) => [...matcher.reads, ...(without?.reads ?? [])]);
  const tier: Tier = all.some((one) => textual.has(one)) ? 3 : all.some((one) => stateful.has(one)) ? 2 : 1;
  const { cases: _, ...meaning } = rule;
  const says = createHash('sha256').update(JSON.stringify(meaning)).digest().readUInt32BE() >>> 1;
  return defineDetector({
    meta: {
      id: rule.id,
      family: 'rules',
      scope: rule.scope,
      // Both change with the rule: a state of another rule is dropped, and findings tell the rules apart.
      version: says,
      stateVersion: says,
      needs: [...new Set(required)].map((fact) => ({ fact, settled: true })),
      summary: rule.summary,
      docs: {
        what: rule.summary,
        why: rule.why,
        fix: rule.fix,
        limits: 'A rule of yours: nobody has measured it.',
        sources: ['rules'],
      },
      options: {},
      messages: {
        matched: {
          text: rule.message,
          tier,
          severity: rule.severity,
          impact: rule.why,
          action: rule.fix,
          taxonomy: rule.mast.length === 0 ? {} : { mast: rule.mast },
        },
      },
    },
    init: () => undefined,
    onStep: (state: State | undefined, step, context) =>
      new Turn(rule, stages, state ?? fresh(step), context as RuleContext).take(step),
    onEnd: (state, reason, context) => {
      if (state !== undefined && overBy(reason)) new Turn(rule, stages, state, context as RuleContext).end();
    },
    migrate: (_state: Json) => undefined,
  }) as AnyDetector;
}

function stagesOf({ when, then }: Rule): Stage[] {
  const names = new Set<string>();
  return [when, ...then].map((spec, i): Stage => {
    const bound = spec.within === undefined ? undefined : boundOf(spec.within);
    if ('never' in spec) return { matcher: matcherOf(spec.never, names), count: 1, bound, without: undefined, never: true };
    const one = spec as StageSpec;
    const matcher = matcherOf(one, new Set(names));
    const without = one.without === undefined ? undefined : matcherOf(one.without, i === 0 ? new Set() : new Set(names));
    for (const name of Object.keys(one.capture ?? {})) names.add(name);
    return { matcher, count: one.count, bound, without, never: false };
  });
}

/** Nothing follows these. What was cut off (age, size, eviction, shutdown) may still come. */
function overBy(reason: EndReason): boolean {
  return reason === 'root' || reason === 'idle' || reason === 'end_of_input';
}

function fresh({ startMs }: Step): State {
  return { run: [0, 0, 0, 0, 0, 0, startMs], open: [], before: [], said: {} };
}

/** One call of the detector. */
class Turn {
  private readonly rule: Rule;
  private readonly stages: readonly Stage[];
  private readonly state: State;
  private readonly context: RuleContext;
  private said: State['said'];

  constructor(rule: Rule, stages: readonly Stage[], state: State, context: RuleContext) {
    this.rule = rule;
    this.stages = stages;
    this.state = state;
    this.context = context;
    this.said = state.said;
  }

  take(step: Step): State {
    if (step.rollup) return this.state;
    try {
      return this.folded(step);
    } catch (error) {
      // The host switches it off in this window, and says why.
      if (error instanceof OverBudget) throw new Error(`rule ${this.rule.id}: ${error.message}`, { cause: error });
      throw error;
    }
  }

  private folded(step: Step): State {
    const run = counted(this.state.run, step);
    const ref: Ref = [step.traceId, step.spanId, run[0], step.endMs, step.tool?.name ?? '', step.agent ?? ''];
    const look = new Look(step, run);
    const open: Open[] = [];
    for (const one of this.state.open) {
      const next = this.advanced(one, look, ref);
      if (next !== undefined) open.push(next);
    }
    this.begin(open, look, ref);
    return { run, open: open.slice(-MOST_OPEN), before: this.before(look, ref), said: this.said };
  }

  /** Ends what waits for something that never came. */
  end(): void {
    for (const one of this.state.open) if (this.stages[one.stage]?.never) this.say(one);
  }

  /** A sequence after this step; `undefined` if it is over, or may not go on. */
  private advanced(one: Open, look: Look, ref: Ref): Open | undefined {
    // One stage that counts goes on by what begins it.
    if (one.stage === 0) return one;
    const stage = this.stages[one.stage] as Stage;
    const last = one.refs.at(-1) as Ref;
    if (stage.never) {
      if (!beyond(stage.bound, last, ref)) return look.matches(stage.matcher, one.captured) === undefined ? one : undefined;
      this.say(one);
      return undefined;
    }
    if (stage.without !== undefined && look.matches(stage.without, one.captured) !== undefined) return undefined;
    if (one.hits.length === 0 && beyond(stage.bound, last, ref)) return undefined;
    const captured = look.matches(stage.matcher, one.captured);
    if (captured === undefined) return one;
    const hits = within(stage.bound, [...one.hits, [ref[2], ref[3]] as const], ref);
    const refs = [...one.refs, ref].slice(-MOST_EVIDENCE);
    return this.reached({ stage: one.stage, hits, refs, captured });
  }

  /** The next stage if this one has all its steps; `undefined` if that was the last. */
  private reached(one: Open): Open | undefined {
    if (one.hits.length < (this.stages[one.stage] as Stage).count) return one;
    if (one.stage < this.stages.length - 1) return { ...one, stage: one.stage + 1, hits: [] };
    this.say(one);
    return undefined;
  }

  private begin(open: Open[], look: Look, ref: Ref): void {
    const first = this.stages[0] as Stage;
    const captured = look.matches(first.matcher, {});
    if (captured === undefined) return;
    if (first.without !== undefined && this.came(captured, first.bound, ref)) return;
    const key = keyOf(captured);
    const at = open.findIndex((one) => one.stage === 0 && keyOf(one.captured) === key);
    const former = at < 0 ? undefined : open.splice(at, 1)[0];
    const bound = first.count === 1 ? undefined : first.bound;
    const hits = within(bound, [...(former?.hits ?? []), [ref[2], ref[3]] as const], ref).slice(-first.count);
    const refs = [...(former?.refs ?? []), ref].filter(([, , n]) => n >= (hits[0]?.[0] ?? 0)).slice(-MOST_EVIDENCE);
    const begun: Open = { stage: 0, hits, refs, captured };
    if (hits.length < first.count) {
      open.push(begun);
      return;
    }
    if (this.stages.length > 1) {
      // The last one that could begin it counts.
      const waiting = open.findIndex((one) => one.stage === 1 && one.hits.length === 0 && keyOf(one.captured) === key);
      // What must never follow is owed to the first.
      if (waiting >= 0 && this.stages[1]?.never) return;
      if (waiting >= 0) open.splice(waiting, 1);
      open.push({ ...begun, stage: 1, hits: [] });
      return;
    }
    this.say(begun);
    // Of what is counted the next one makes it more.
    if (first.count > 1) open.push(begun);
  }

  /** Whether a step came before that must not have. */
  private came(captured: Captured, bound: Bound | undefined, ref: Ref): boolean {
    return this.state.before.some(
      ([other, n, ms]) =>
        Object.entries(other).every(([name, value]) => !Object.hasOwn(captured, name) || captured[name] === value) &&
        !beyond(bound, ['', '', n, ms, '', ''], ref),
    );
  }

  private before(look: Look, ref: Ref): State['before'] {
    const without = this.stages[0]?.without;
    const captured = without === undefined ? undefined : look.matches(without, {});
    return captured === undefined
      ? this.state.before
      : [...this.state.before, [captured, ref[2], ref[3]] as const].slice(-MOST_BEFORE);
  }

  private say(one: Open): void {
    const key = keyOf(one.captured);
    const former = Object.hasOwn(this.said, key) ? this.said[key] : undefined;
    if (former === undefined && Object.keys(this.said).length >= MOST_SAID) return;
    const { refs } = one;
    const at = former?.[0] ?? ((this.rule.blame === 'first' ? refs[0] : refs.at(-1)) as Ref);
    const times = (former?.[1] ?? 0) + 1;
    this.said = { ...this.said, [key]: [at, times] };
    const [traceId, spanId, , , tool, agent] = at;
    const values = Object.entries(valuesOf(one.captured)).map(([name, value]) => [name, shown(value)] as const);
    const counts = (this.stages[0] as Stage).count > 1 && this.stages.length === 1;
    const count = counts ? (this.stages[0] as Stage).count + times - 1 : times;
    const finding: ReportOf<string> = {
      at: { traceId, spanId },
      key,
      evidence: refs.map(([trace, span]) => ({ traceId: trace, spanId: span })),
      score: this.rule.confidence,
      data: { ...Object.fromEntries(values), tool, agent, count },
    };
    this.context.report('matched', finding as never);
  }
}

/** The step as the matchers see it, once for all of them. */
class Look {
  private readonly step: Step;
  private readonly scope: Readonly<Record<string, unknown>>;

  constructor(step: Step, run: State['run']) {
    const [steps, tools, errors, input_tokens, output_tokens, cost, firstMs] = run;
    this.step = step;
    const seconds = (step.endMs - firstMs) / 1_000;
    this.scope = { step: new Facts(step), run: { steps, tools, errors, input_tokens, output_tokens, cost, seconds } };
  }

  matches(matcher: Matcher, captured: Captured): Captured | undefined {
    if (!matcher.gates(this.step)) return undefined;
    const scope = Object.keys(captured).length === 0 ? this.scope : { ...this.scope, captured: valuesOf(captured) };
    return matcher.captures(scope, captured);
  }
}

function counted([steps, tools, errors, input, output, cost, firstMs]: State['run'], step: Step): State['run'] {
  const failed = step.outcome === 'error' || step.outcome === 'timeout' || step.outcome === 'handled_error';
  return [
    steps + 1,
    tools + (step.kind === 'tool' ? 1 : 0),
    errors + (failed ? 1 : 0),
    input + (step.tokens?.input ?? 0),
    output + (step.tokens?.output ?? 0),
    cost + (step.cost ?? 0),
    Math.min(firstMs, step.startMs),
  ];
}

function beyond(bound: Bound | undefined, from: Ref, to: Ref): boolean {
  if (bound === undefined) return false;
  return 'steps' in bound ? to[2] - from[2] > bound.steps : to[3] - from[3] > bound.ms;
}

/** Of the steps that are counted those that are near enough to the last. */
function within(bound: Bound | undefined, hits: Open['hits'], [, , n, ms]: Ref): Open['hits'] {
  if (bound === undefined) return hits;
  return hits.filter(([one, at]) => ('steps' in bound ? n - one < bound.steps : ms - at <= bound.ms));
}

/** Short, whatever was captured: it is kept for every finding. */
function keyOf(captured: Captured): string {
  const names = Object.keys(captured);
  if (names.length === 0) return 'any';
  const text = JSON.stringify(names.sort().map((name) => [name, captured[name]]));
  return text.length <= 40 ? text : createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function shown(value: Json): string | number {
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}

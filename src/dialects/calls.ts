/**
 * Tool steps that lack arguments, result or name, matched by call id with what model calls say: the
 * call stands in the output before, the result in the input after. A model call is decoded for this at
 * most once, and only while a tool step wants something.
 */
import type { Fact } from '../step/step.ts';
import type { SpanStep } from './span.ts';

interface Want {
  readonly step: SpanStep;
  readonly needsCall: boolean;
  readonly needsResult: boolean;
  call: SpanStep | undefined;
  result: SpanStep | undefined;
}

/** Call ids that one model call mentions. */
interface Mentions {
  readonly calls: ReadonlySet<string>;
  readonly results: ReadonlySet<string>;
}

/** Steps by their place in the resolver's list. */
export interface SavedCalls {
  readonly wants: readonly (readonly [step: number, needs: number, call: number, result: number])[];
  /** Without call ids and result ids while nobody has asked what it mentions. */
  readonly models: readonly (readonly [step: number, calls?: readonly string[], results?: readonly string[]])[];
}

type Changed = (step: SpanStep, fact: Fact) => void;

export class Calls {
  private readonly maxWants: number;
  /** By call id; made when the first tool step wants something. */
  private wants: Map<string, Want[]> | undefined;
  private count = 0;
  /** Model calls with messages; `undefined` until somebody wanted to know what they mention. */
  private readonly models = new Map<SpanStep, Mentions | undefined>();

  constructor(maxWants: number) {
    this.maxWants = maxWants;
  }

  add(step: SpanStep, changed: Changed): void {
    if (step.kind === 'tool') this.addWant(step, changed);
    // An agent's roll-up repeats the conversation of its calls; it may be all there is.
    else if ((step.kind === 'llm' || step.kind === 'agent') && (step.has('messages.input') || step.has('messages.output'))) {
      this.addModel(step, changed);
    }
  }

  forget(step: SpanStep): void {
    this.models.delete(step);
    const id = step.light.callId;
    const list = id === undefined ? undefined : this.wants?.get(id);
    const at = list?.findIndex((want) => want.step === step) ?? -1;
    if (list === undefined || at < 0) return;
    list.splice(at, 1);
    this.count--;
    if (list.length === 0) this.wants?.delete(id!);
  }

  /** `placeOf` is -1 for a step that is not in the list. */
  save(placeOf: (step: SpanStep | undefined) => number): SavedCalls {
    const wants = [...(this.wants?.values() ?? [])].flat().map(({ step, needsCall, needsResult, call, result }) => {
      const needs = Number(needsCall) + 2 * Number(needsResult);
      return [placeOf(step), needs, placeOf(call), placeOf(result)] as const;
    });
    const models = [...this.models].map(([step, said]) =>
      said === undefined ? ([placeOf(step)] as const) : ([placeOf(step), [...said.calls], [...said.results]] as const),
    );
    return { wants, models };
  }

  load({ wants, models }: SavedCalls, steps: readonly SpanStep[]): void {
    for (const [at, calls, results] of models) {
      const said = calls === undefined ? undefined : { calls: new Set(calls), results: new Set(results) };
      this.models.set(steps[at] as SpanStep, said);
    }
    for (const [at, needs, call, result] of wants) {
      const step = steps[at] as SpanStep;
      const want = {
        step,
        needsCall: (needs & 1) !== 0,
        needsResult: (needs & 2) !== 0,
        call: steps[call],
        result: steps[result],
      };
      this.wants ??= new Map();
      const id = step.light.callId as string;
      this.wants.set(id, [...(this.wants.get(id) ?? []), want]);
      this.count++;
    }
  }

  private mentions(step: SpanStep): Mentions {
    let known = this.models.get(step);
    if (known === undefined) {
      known = readMentions(step);
      this.models.set(step, known);
    }
    return known;
  }

  private match(want: Want, model: SpanStep, said: Mentions, changed: Changed): void {
    const id = want.step.light.callId!;
    if (want.needsCall && said.calls.has(id) && (want.call === undefined || callsBetter(want.step, model, want.call))) {
      want.call = model;
      const call = model.output.flatMap((message) => message.toolCalls).find((candidate) => candidate.id === id);
      if (want.step.light.reportedTool === undefined && call !== undefined && call.name !== want.step.lateToolName) {
        want.step.lateToolName = call.name;
        changed(want.step, 'tool.name');
      }
      if (call?.arguments !== want.step.lateArguments) {
        want.step.lateArguments = call?.arguments;
        changed(want.step, 'tool.arguments');
      }
    }
    if (want.needsResult && said.results.has(id) && (want.result === undefined || answersBetter(want.step, model, want.result))) {
      want.result = model;
      const result = model.input.flatMap((message) => message.toolResults).find((candidate) => candidate.id === id);
      if (result?.text !== want.step.lateResult) {
        want.step.lateResult = result?.text;
        changed(want.step, 'tool.result');
      }
    }
    model.release();
  }

  private addWant(step: SpanStep, changed: Changed): void {
    const id = step.light.callId;
    if (id === undefined) return;
    const needsCall = step.light.reportedTool === undefined || !step.hasArguments();
    const needsResult = !step.hasResult();
    if (!needsCall && !needsResult) return;
    if (this.count >= this.maxWants) this.forgetFirst();
    const want: Want = { step, needsCall, needsResult, call: undefined, result: undefined };
    this.wants ??= new Map();
    const others = this.wants.get(id);
    if (others === undefined) this.wants.set(id, [want]);
    else others.push(want);
    this.count++;
    for (const model of this.models.keys()) this.match(want, model, this.mentions(model), changed);
  }

  private addModel(step: SpanStep, changed: Changed): void {
    this.models.set(step, undefined);
    if (this.count === 0) return;
    const said = this.mentions(step);
    for (const ids of [said.calls, said.results]) {
      for (const id of ids) for (const want of this.wants?.get(id) ?? []) this.match(want, step, said, changed);
    }
  }

  private forgetFirst(): void {
    for (const [id, list] of this.wants ?? []) {
      list.shift();
      this.count--;
      if (list.length === 0) this.wants?.delete(id);
      return;
    }
  }
}

function readMentions(step: SpanStep): Mentions {
  const calls = new Set<string>();
  for (const message of step.output) for (const call of message.toolCalls) if (call.id !== undefined) calls.add(call.id);
  const results = new Set<string>();
  for (const message of step.input) for (const result of message.toolResults) if (result.id !== undefined) results.add(result.id);
  step.release();
  return { calls, results };
}

/** The call comes from the last output before the tool, of the same trace if there is one. */
function callsBetter(tool: SpanStep, a: SpanStep, b: SpanStep): boolean {
  return order(tool, a, b, (model) => model.startMs <= tool.startMs, -1);
}

/** The result goes to the first input after the tool, of the same trace if there is one. */
function answersBetter(tool: SpanStep, a: SpanStep, b: SpanStep): boolean {
  return order(tool, a, b, (model) => model.endMs >= tool.endMs, 1);
}

function order(tool: SpanStep, a: SpanStep, b: SpanStep, fits: (model: SpanStep) => boolean, direction: 1 | -1): boolean {
  const sameTrace = Number(b.traceId === tool.traceId) - Number(a.traceId === tool.traceId);
  if (sameTrace !== 0) return sameTrace < 0;
  // A leaf model call before an agent's roll-up of it: the roll-up spans the whole run.
  const leaf = Number(b.kind === 'llm') - Number(a.kind === 'llm');
  if (leaf !== 0) return leaf < 0;
  const fit = Number(fits(b)) - Number(fits(a));
  if (fit !== 0) return fit < 0;
  if (a.startMs !== b.startMs) return (a.startMs - b.startMs) * direction < 0;
  if (a.traceId !== b.traceId) return a.traceId < b.traceId;
  return a.spanId < b.spanId;
}

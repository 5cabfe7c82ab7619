/**
 * Late facts of one window's traces. Spans arrive at their end, children first, so what a step's
 * parents, children and neighbours say comes later. The final facts are a function of the set of
 * spans, never of their order: flags only grow, names come from the nearest ancestor, and where
 * several spans could say something a total order on (time, span id) chooses.
 *
 * Ownership: one resolver a window; it keeps its steps until `limits.spans` forces the oldest out.
 */
import type { Fact } from '../step/step.ts';
import { Calls, type SavedCalls } from './calls.ts';
import { type NormalisedSpan, type SavedLate, type SavedStep, SpanStep } from './span.ts';

export interface ResolverLimits {
  /** Spans remembered, agent or not. Default 10,000: the longest recorded run has under 2,000. */
  readonly spans: number;
  /** Tool calls whose arguments, result or name are looked for in model calls. Default 1,000. */
  readonly calls: number;
}

export interface Changed {
  readonly step: NormalisedSpan;
  readonly facts: readonly Fact[];
}

export type Link = readonly [spanId: string, parentId: string, traceId: string];

export interface Resolver {
  /** A span that is no step: parent links pass through it. */
  addLink(spanId: string, parentId: string, traceId: string): Changed[];
  /**
   * A step. Its own late facts are set when this returns; the result names the other steps whose
   * facts changed. A span id that is known already is ignored.
   */
  add(step: NormalisedSpan): Changed[];
  /** The spans that are no steps, as `addLink` was told of them. */
  links(): Link[];
  /** Spans forgotten because of a limit: their late facts may be incomplete. */
  readonly forgotten: number;
  readonly size: number;
  /**
   * Everything it knows as plain data: what `loadResolver` makes of it answers as this one does. Steps that still have their
   * content are named by their place in `kept`, and so are those of `kept` that it has forgotten.
   */
  save(kept: readonly NormalisedSpan[]): SavedResolver;
}

/** Steps are named by their place in `steps`, nodes by their place in `nodes`. */
export interface SavedResolver {
  readonly traces: readonly string[];
  readonly steps: readonly SavedMember[];
  readonly nodes: readonly SavedNode[];
  readonly calls: SavedCalls;
  readonly handoffs?: readonly (readonly [handoff: number, agent: number])[] | undefined;
  readonly failures?: readonly (readonly [tool: number, child: number])[] | undefined;
  readonly unnamed?: number | undefined;
  readonly forgotten?: number | undefined;
}

interface SavedMember {
  /** Place in `traces`. */
  readonly trace?: number | undefined;
  readonly step?: SavedStep | undefined;
  /** Place in `kept`, for a step that has its content. */
  readonly kept?: number | undefined;
  readonly late?: SavedLate | undefined;
  readonly argumentsLender?: number | undefined;
  readonly resultLender?: number | undefined;
}

interface SavedNode {
  /** Absent if it is that of its step. */
  readonly id?: string | undefined;
  readonly step?: number | undefined;
  readonly parent?: number | undefined;
  /** Only named by a child so far. */
  readonly unknown?: true | undefined;
  readonly llmBelow?: true | undefined;
  readonly toolsBelow?: readonly string[] | undefined;
  readonly agent?: string | undefined;
  readonly hint?: string | undefined;
}

interface Node {
  readonly id: string;
  known: boolean;
  step: SpanStep | undefined;
  parent: Node | undefined;
  children: Set<Node> | undefined;
  llmBelow: boolean;
  toolsBelow: Set<string> | undefined;
  agent: string | undefined;
  hint: string | undefined;
}

interface Trace {
  spans: number;
  /** The step whose session binds the trace: the earliest that names one. */
  binding: SpanStep | undefined;
  unbound: Set<SpanStep> | undefined;
  agents: Set<SpanStep> | undefined;
  handoffs: Set<SpanStep> | undefined;
}

/** Different tool names below one span that are told apart. */
const maxNames = 1000;

const none: readonly never[] = [];

/** Between a wrapper and the tool that it lends to: MCP has one level, frameworks around it two or three. */
const maxLendDepth = 8;

export function createResolver(limits: Partial<ResolverLimits> = {}): Resolver {
  return new WindowResolver(limits.spans ?? 10_000, limits.calls ?? 1000);
}

/** `kept` are steps made anew from their content, in the places in which `save` was given them. */
export function loadResolver(
  saved: SavedResolver,
  kept: readonly NormalisedSpan[],
  limits: Partial<ResolverLimits> = {},
): { readonly resolver: Resolver; readonly steps: readonly NormalisedSpan[] } {
  const resolver = new WindowResolver(limits.spans ?? 10_000, limits.calls ?? 1000);
  return { resolver, steps: resolver.load(saved, kept as readonly SpanStep[]) };
}

/** Most windows are small and many are open: what few of them need is made when it is needed. */
class WindowResolver implements Resolver {
  private readonly maxSpans: number;
  private readonly nodes = new Map<string, Node>();
  private readonly traces = new Map<string, Trace>();
  private readonly calls: Calls;
  private changes: Map<SpanStep, Set<Fact>> | undefined;
  // A weak map costs every collection.
  private targets: WeakMap<SpanStep, SpanStep> | undefined;
  private failures: WeakMap<SpanStep, SpanStep> | undefined;
  private unnamed = 0;
  forgotten = 0;

  constructor(maxSpans: number, maxCalls: number) {
    this.maxSpans = maxSpans;
    this.calls = new Calls(maxCalls);
  }

  get size(): number {
    return this.nodes.size;
  }

  addLink(spanId: string, parentId: string, traceId: string): Changed[] {
    if (spanId === '') return [];
    const node = this.nodeOf(traceId + spanId);
    if (node.known) return [];
    this.link(node, traceId, parentId);
    this.rise(node);
    this.lendAround(node);
    if (node.parent !== undefined && this.inherit(node, node.parent)) this.sink(node);
    return this.take(undefined);
  }

  links(): Link[] {
    const links: Link[] = [];
    for (const { id, known, step, parent } of this.nodes.values()) {
      if (known && step === undefined) links.push([id.slice(32), parent?.id.slice(32) ?? '', id.slice(0, 32)]);
    }
    return links;
  }

  add(given: NormalisedSpan): Changed[] {
    if (!(given instanceof SpanStep)) throw new TypeError('resolver: not a step of normalise()');
    const step = given;
    // A zero id names nobody: such a step has a place of its own.
    const node = this.nodeOf(step.spanId === '' ? `${step.traceId}#${this.unnamed++}` : step.traceId + step.spanId);
    if (node.known) return [];
    node.step = step;
    this.link(node, step.traceId, step.parentId);
    const trace = this.traceOf(step.traceId);
    trace.spans++;
    this.wrap(node);
    this.rise(node);
    this.lendAround(node);
    if (node.parent !== undefined) this.inherit(node, node.parent);
    this.passOn(node, step);
    this.sink(node);
    this.fail(node);
    for (const child of node.children ?? none) this.fail(child);
    this.bindSession(trace, step);
    this.handOver(trace, step);
    this.calls.add(step, (other, fact) => this.changed(other, fact));
    return this.take(step);
  }

  save(kept: readonly NormalisedSpan[]): SavedResolver {
    const places = new Map<SpanStep, number>();
    const nodePlaces = new Map<Node, number>();
    const keptPlaces = new Map(kept.map((step, i) => [step as SpanStep, i]));
    for (const node of this.nodes.values()) {
      nodePlaces.set(node, nodePlaces.size);
      if (node.step !== undefined) places.set(node.step, places.size);
    }
    for (const step of keptPlaces.keys()) if (!places.has(step)) places.set(step, places.size);
    // Lenders and models that were forgotten are still asked.
    for (const { argumentsLender, resultLender } of [...places.keys()]) {
      for (const lender of [argumentsLender, resultLender]) {
        if (lender !== undefined && !places.has(lender)) places.set(lender, places.size);
      }
    }
    const placeOf = (step: SpanStep | undefined): number => (step === undefined ? -1 : (places.get(step) ?? -1));
    const maybe = (step: SpanStep | undefined): number | undefined => (step === undefined ? undefined : places.get(step));
    const traces = new Map<string, number>();
    const steps: SavedMember[] = [];
    for (const step of places.keys()) {
      if (!traces.has(step.traceId)) traces.set(step.traceId, traces.size);
      const at = keptPlaces.get(step);
      steps.push({
        trace: traces.get(step.traceId) || undefined,
        step: at === undefined ? step.save() : undefined,
        kept: at,
        late: step.saveLate(),
        argumentsLender: maybe(step.argumentsLender),
        resultLender: maybe(step.resultLender),
      });
    }
    const nodes = [...this.nodes.values()].map((node): SavedNode => {
      const { id, step, parent, known, llmBelow, toolsBelow, agent, hint } = node;
      return {
        id: step !== undefined && id === step.traceId + step.spanId ? undefined : id,
        step: maybe(step),
        parent: parent === undefined ? undefined : nodePlaces.get(parent),
        unknown: known ? undefined : true,
        llmBelow: llmBelow || undefined,
        toolsBelow: toolsBelow === undefined ? undefined : [...toolsBelow],
        agent,
        hint,
      };
    });
    const handoffs: [number, number][] = [];
    for (const trace of this.traces.values()) {
      for (const handoff of trace.handoffs ?? none) handoffs.push([placeOf(handoff), placeOf(this.targets?.get(handoff))]);
    }
    const failures: [number, number][] = [];
    for (const tool of places.keys()) {
      const child = this.failures?.get(tool);
      if (child !== undefined) failures.push([placeOf(tool), placeOf(child)]);
    }
    return {
      traces: [...traces.keys()],
      steps,
      nodes,
      calls: this.calls.save(placeOf),
      handoffs: handoffs.length === 0 ? undefined : handoffs,
      failures: failures.length === 0 ? undefined : failures,
      unnamed: this.unnamed || undefined,
      forgotten: this.forgotten || undefined,
    };
  }

  load(saved: SavedResolver, kept: readonly SpanStep[]): SpanStep[] {
    const steps = saved.steps.map(({ trace, step, kept: at, late }) => {
      const one = step === undefined ? (kept[at as number] as SpanStep) : SpanStep.load(step, saved.traces[trace ?? 0] as string);
      if (late !== undefined) one.loadLate(late);
      return one;
    });
    saved.steps.forEach(({ argumentsLender, resultLender }, i) => {
      const step = steps[i] as SpanStep;
      if (argumentsLender !== undefined) step.argumentsLender = steps[argumentsLender];
      if (resultLender !== undefined) step.resultLender = steps[resultLender];
    });
    const nodes = saved.nodes.map(({ id, step: at, unknown, llmBelow, toolsBelow, agent, hint }): Node => {
      const step = at === undefined ? undefined : (steps[at] as SpanStep);
      if (step !== undefined) {
        step.inheritedAgent = agent;
        step.inheritedHint = hint;
      }
      return {
        id: id ?? `${step?.traceId}${step?.spanId}`,
        known: unknown !== true,
        step,
        parent: undefined,
        children: undefined,
        llmBelow: llmBelow === true,
        toolsBelow: toolsBelow === undefined ? undefined : new Set(toolsBelow),
        agent,
        hint,
      };
    });
    saved.nodes.forEach(({ parent: at }, i) => {
      const node = nodes[i] as Node;
      const parent = at === undefined ? undefined : (nodes[at] as Node);
      this.nodes.set(node.id, node);
      if (parent === undefined) return;
      node.parent = parent;
      parent.children ??= new Set();
      parent.children.add(node);
    });
    for (const { step } of nodes) {
      if (step === undefined) continue;
      const trace = this.traceOf(step.traceId);
      trace.spans++;
      this.bindSession(trace, step);
      if (step.kind === 'agent' && agentName(step) !== undefined) {
        trace.agents ??= new Set();
        trace.agents.add(step);
      }
    }
    for (const [at, target] of saved.handoffs ?? none) {
      const handoff = steps[at] as SpanStep;
      const trace = this.traceOf(handoff.traceId);
      trace.handoffs ??= new Set();
      trace.handoffs.add(handoff);
      if (target < 0) continue;
      this.targets ??= new WeakMap();
      this.targets.set(handoff, steps[target] as SpanStep);
    }
    for (const [at, child] of saved.failures ?? none) {
      const tool = steps[at] as SpanStep;
      if (child < 0) continue;
      this.failures ??= new WeakMap();
      this.failures.set(tool, steps[child] as SpanStep);
      tool.childEnding = (steps[child] as SpanStep).ownEnding();
    }
    this.calls.load(saved.calls, steps);
    this.unnamed = saved.unnamed ?? 0;
    this.forgotten = saved.forgotten ?? 0;
    this.changes = undefined;
    return steps;
  }

  private traceOf(traceId: string): Trace {
    let trace = this.traces.get(traceId);
    if (trace === undefined) {
      trace = { spans: 0, binding: undefined, unbound: undefined, agents: undefined, handoffs: undefined };
      this.traces.set(traceId, trace);
    }
    return trace;
  }

  private changed(step: SpanStep, fact: Fact): void {
    this.changes ??= new Map();
    const facts = this.changes.get(step);
    if (facts === undefined) this.changes.set(step, new Set([fact]));
    else facts.add(fact);
  }

  private nodeOf(id: string): Node {
    let node = this.nodes.get(id);
    if (node === undefined) {
      node = {
        id,
        known: false,
        step: undefined,
        parent: undefined,
        children: undefined,
        llmBelow: false,
        toolsBelow: undefined,
        agent: undefined,
        hint: undefined,
      };
      this.nodes.set(id, node);
      if (this.nodes.size > this.maxSpans) this.forgetOldest(node);
    }
    return node;
  }

  private forgetOldest(but: Node): void {
    for (const node of this.nodes.values()) {
      if (node === but) continue;
      this.nodes.delete(node.id);
      node.parent?.children?.delete(node);
      for (const child of node.children ?? none) child.parent = undefined;
      if (node.known) this.forgotten++;
      if (node.step !== undefined) this.forgetStep(node.step);
      return;
    }
  }

  private forgetStep(step: SpanStep): void {
    this.calls.forget(step);
    const trace = this.traces.get(step.traceId);
    if (trace === undefined) return;
    trace.unbound?.delete(step);
    trace.agents?.delete(step);
    trace.handoffs?.delete(step);
    if (--trace.spans === 0) this.traces.delete(step.traceId);
  }

  private link(node: Node, traceId: string, parentId: string): void {
    node.known = true;
    if (parentId === '' || traceId + parentId === node.id) return;
    const parent = this.nodeOf(traceId + parentId);
    node.parent = parent;
    parent.children ??= new Set();
    parent.children.add(node);
  }

  /** What is at or below `node` marks everything above it. */
  private rise(node: Node): void {
    const own = node.step;
    const isLlm = node.llmBelow || own?.kind === 'llm';
    let names: readonly string[] = none;
    if (node.toolsBelow !== undefined) names = [...node.toolsBelow];
    if (own?.kind === 'tool' && own.light.toolName !== undefined) names = [...names, own.light.toolName];
    if (!isLlm && names.length === 0) return;
    // Ends in a cycle too: once around, nothing grows.
    for (let above = node.parent; above !== undefined; above = above.parent) {
      let grew = false;
      if (isLlm && !above.llmBelow) {
        above.llmBelow = true;
        grew = true;
      }
      for (const name of names) {
        if (above.toolsBelow?.has(name) === true || (above.toolsBelow?.size ?? 0) >= maxNames) continue;
        above.toolsBelow ??= new Set();
        above.toolsBelow.add(name);
        grew = true;
      }
      if (!grew) return;
      this.wrap(above);
    }
  }

  private wrap(node: Node): void {
    const step = node.step;
    if (step === undefined || step.wraps || !isWrapper(node, step)) return;
    const before = step.rollup;
    step.wraps = true;
    if (!before) this.changed(step, 'rollup');
  }

  /** Wrappers around `node`, itself included, lend what tools of the same name below them lack (MCP's inner span has a name and no more). */
  private lendAround(node: Node): void {
    if (node.toolsBelow === undefined && node.step?.kind !== 'tool') return;
    const chain: Node[] = [];
    for (let at: Node | undefined = node; at !== undefined && chain.length <= maxLendDepth; at = at.parent) {
      chain.push(at);
      if (at.step?.kind === 'tool' && at.step.wraps) this.lend(at, at.step, chain);
    }
  }

  /**
   * `chain` leads from what is new up to the wrapper: above what is new only its branch is walked, the others were when they
   * came. So a span costs its own surroundings, however many it has beside it.
   */
  private lend(wrapper: Node, from: SpanStep, chain: readonly Node[]): void {
    const name = from.light.toolName;
    const open: [Node, number, SpanStep | undefined, SpanStep | undefined][] = [];
    const seen = new Set<Node>([wrapper]);
    const below = (node: Node, depth: number, args: SpanStep | undefined, result: SpanStep | undefined) => {
      if (depth === maxLendDepth) return;
      const at = chain.indexOf(node);
      const next = at > 0 ? [chain[at - 1] as Node] : (node.children ?? none);
      for (const child of next) if (!seen.has(child)) open.push([child, depth + 1, args, result]);
    };
    below(wrapper, 0, from.hasArguments() ? from : undefined, from.hasResult() ? from : undefined);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      let [node, depth, args, result] = next;
      seen.add(node);
      const step = node.step;
      if (step?.kind === 'tool' && step.light.toolName === name) {
        this.borrow(step, args, result);
        if (step.hasArguments()) args = step;
        if (step.hasResult()) result = step;
      }
      if (node.toolsBelow?.has(name ?? '') === true) below(node, depth, args, result);
    }
  }

  private borrow(step: SpanStep, args: SpanStep | undefined, result: SpanStep | undefined): void {
    if (args !== undefined && !step.hasArguments() && step.argumentsLender !== args) {
      step.argumentsLender = args;
      this.changed(step, 'tool.arguments');
    }
    if (result !== undefined && !step.hasResult() && step.resultLender !== result) {
      step.resultLender = result;
      this.changed(step, 'tool.result');
    }
  }

  /** The agent's name goes down to every span below that does not name one itself. */
  private sink(from: Node): void {
    const open = [from];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const child of node.children ?? none) if (this.inherit(child, node)) open.push(child);
    }
  }

  /** Takes over what the parent passes on; false if nothing changed by it. */
  private inherit(node: Node, parent: Node): boolean {
    const agent = parent.step?.light.statedAgent ?? parent.agent;
    const hint = parent.step?.light.spawns ?? parent.step?.light.agentHint ?? parent.hint;
    if (node.agent === agent && node.hint === hint) return false;
    node.agent = agent;
    node.hint = hint;
    if (node.step !== undefined) this.passOn(node, node.step);
    return true;
  }

  private passOn(node: Node, step: SpanStep): void {
    const before = step.agent;
    step.inheritedAgent = node.agent;
    step.inheritedHint = node.hint;
    if (step.agent !== before) this.changed(step, 'agent.name');
  }

  private bindSession(trace: Trace, step: SpanStep): void {
    if (step.light.sessionId === undefined) {
      trace.unbound ??= new Set();
      trace.unbound.add(step);
      step.traceSession = trace.binding?.light.sessionId;
      return;
    }
    if (trace.binding !== undefined && !earlier(step, trace.binding)) return;
    trace.binding = step;
    for (const other of trace.unbound ?? none) {
      if (other.traceSession === step.light.sessionId) continue;
      other.traceSession = step.light.sessionId;
      this.changed(other, 'session.id');
    }
  }

  private handOver(trace: Trace, step: SpanStep): void {
    if (step.kind === 'handoff' && step.ownHandoff()?.to === undefined) {
      trace.handoffs ??= new Set();
      trace.handoffs.add(step);
      for (const agent of trace.agents ?? none) this.aim(step, agent);
    }
    if (step.kind !== 'agent' || agentName(step) === undefined) return;
    trace.agents ??= new Set();
    trace.agents.add(step);
    for (const handoff of trace.handoffs ?? none) this.aim(handoff, step);
  }

  /** The target of a handoff that does not name one is the agent that starts next. */
  private aim(handoff: SpanStep, agent: SpanStep): void {
    const name = agentName(agent);
    if (agent.startMs < handoff.startMs || name === handoff.ownHandoff()?.from) return;
    const best = this.targets?.get(handoff);
    if (best !== undefined && !earlier(agent, best)) return;
    this.targets ??= new WeakMap();
    this.targets.set(handoff, agent);
    if (handoff.lateTarget === name) return;
    handoff.lateTarget = name;
    this.changed(handoff, 'handoff');
  }

  /** Claude Code states a tool's failure on the execution below it. */
  private fail(node: Node): void {
    const child = node.step;
    const tool = node.parent?.step;
    if (child === undefined || tool === undefined || tool.kind !== 'tool' || !child.name.endsWith('tool.execution')) return;
    if (child.outcome === 'ok' || child.outcome === 'unknown') return;
    const best = this.failures?.get(tool);
    if (best !== undefined && !earlier(child, best)) return;
    this.failures ??= new WeakMap();
    this.failures.set(tool, child);
    tool.childEnding = child.ownEnding();
    this.changed(tool, 'tool.result');
  }

  private take(own: SpanStep | undefined): Changed[] {
    const list: Changed[] = [];
    for (const [step, facts] of this.changes ?? none) if (step !== own) list.push({ step, facts: [...facts] });
    this.changes = undefined;
    return list;
  }
}

function isWrapper(node: Node, step: SpanStep): boolean {
  if (step.kind === 'tool') return node.toolsBelow?.has(step.light.toolName ?? '') === true;
  if (step.kind === 'llm') return node.llmBelow;
  // An agent or workflow is a roll-up only in so far as it repeats its calls' usage.
  return node.llmBelow && (step.tokens !== undefined || step.cost !== undefined);
}

/** A total order: the times that spans report tie often, ids do not. */
function earlier(a: SpanStep, b: SpanStep): boolean {
  return a.startMs < b.startMs || (a.startMs === b.startMs && a.spanId < b.spanId);
}

function agentName(step: SpanStep): string | undefined {
  return step.light.statedAgent ?? step.light.agentHint;
}

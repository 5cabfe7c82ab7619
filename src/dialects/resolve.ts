/**
 * Late facts of one window's traces. Spans arrive at their end, children first, so what a step's
 * parents, children and neighbours say comes later. The final facts are a function of the set of
 * spans, never of their order: flags only grow, names come from the nearest ancestor, and where
 * several spans could say something a total order on (time, span id) chooses.
 *
 * Ownership: one resolver a window; it keeps its steps until `limits.spans` forces the oldest out.
 */
import type { Fact } from '../step/step.ts';
import { createCalls } from './calls.ts';
import { type NormalisedSpan, SpanStep } from './span.ts';

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

export interface Resolver {
  /** A span that is no step: parent links pass through it. */
  addLink(spanId: string, parentId: string, traceId: string): Changed[];
  /**
   * A step. Its own late facts are set when this returns; the result names the other steps whose
   * facts changed. A span id that is known already is ignored.
   */
  add(step: NormalisedSpan): Changed[];
  /** Spans forgotten because of a limit: their late facts may be incomplete. */
  readonly forgotten: number;
  readonly size: number;
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
  readonly unbound: Set<SpanStep>;
  readonly agents: Set<SpanStep>;
  readonly handoffs: Set<SpanStep>;
}

/** Different tool names below one span that are told apart. */
const maxNames = 1000;

const none: readonly never[] = [];

/** Ancestors that are asked. */
const maxDepth = 1000;

export function createResolver(limits: Partial<ResolverLimits> = {}): Resolver {
  const maxSpans = limits.spans ?? 10_000;
  const nodes = new Map<string, Node>();
  const traces = new Map<string, Trace>();
  const calls = createCalls(limits.calls ?? 1000);
  let changes: Map<SpanStep, Set<Fact>> | undefined;
  // Made when needed: few windows have handoffs or failures, and each weak map costs every collection.
  let targets: WeakMap<SpanStep, SpanStep> | undefined;
  let failures: WeakMap<SpanStep, SpanStep> | undefined;
  let forgotten = 0;
  let unnamed = 0;

  function changed(step: SpanStep, fact: Fact): void {
    changes ??= new Map();
    const facts = changes.get(step);
    if (facts === undefined) changes.set(step, new Set([fact]));
    else facts.add(fact);
  }

  function nodeOf(id: string): Node {
    let node = nodes.get(id);
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
      nodes.set(id, node);
      if (nodes.size > maxSpans) forgetOldest(node);
    }
    return node;
  }

  function forgetOldest(but: Node): void {
    for (const node of nodes.values()) {
      if (node === but) continue;
      nodes.delete(node.id);
      node.parent?.children?.delete(node);
      for (const child of node.children ?? none) child.parent = undefined;
      if (node.known) forgotten++;
      if (node.step !== undefined) forgetStep(node.step);
      return;
    }
  }

  function forgetStep(step: SpanStep): void {
    calls.forget(step);
    const trace = traces.get(step.traceId);
    if (trace === undefined) return;
    trace.unbound.delete(step);
    trace.agents.delete(step);
    trace.handoffs.delete(step);
    if (--trace.spans === 0) traces.delete(step.traceId);
  }

  function link(node: Node, traceId: string, parentId: string): void {
    node.known = true;
    if (parentId === '' || traceId + parentId === node.id) return;
    const parent = nodeOf(traceId + parentId);
    node.parent = parent;
    parent.children ??= new Set();
    parent.children.add(node);
  }

  /** What is at or below `node` marks everything above it. */
  function rise(node: Node): void {
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
      wrap(above);
    }
  }

  function wrap(node: Node): void {
    const step = node.step;
    if (step === undefined || step.wraps || !isWrapper(node, step)) return;
    const before = step.rollup;
    step.wraps = true;
    if (!before) changed(step, 'rollup');
  }

  /** Wrappers around `node`, itself included, lend what tools of the same name below them lack (MCP's inner span has a name and no more). */
  function lendAround(node: Node): void {
    if (node.toolsBelow === undefined && node.step?.kind !== 'tool') return;
    let at: Node | undefined = node;
    // Deeper nesting of tools than this is a cycle.
    for (let level = 0; at !== undefined && level < maxDepth; level++) {
      if (at.step?.kind === 'tool' && at.step.wraps) lend(at, at.step);
      at = at.parent;
    }
  }

  function lend(wrapper: Node, from: SpanStep): void {
    const name = from.light.toolName;
    const open: [Node, SpanStep | undefined, SpanStep | undefined][] = [];
    const seen = new Set<Node>([wrapper]);
    const below = (node: Node, args: SpanStep | undefined, result: SpanStep | undefined) => {
      for (const child of node.children ?? none) if (!seen.has(child)) open.push([child, args, result]);
    };
    below(wrapper, from.hasArguments() ? from : undefined, from.hasResult() ? from : undefined);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      let [node, args, result] = next;
      seen.add(node);
      const step = node.step;
      if (step?.kind === 'tool' && step.light.toolName === name) {
        borrow(step, args, result);
        if (step.hasArguments()) args = step;
        if (step.hasResult()) result = step;
      }
      if (node.toolsBelow?.has(name ?? '') === true) below(node, args, result);
    }
  }

  function borrow(step: SpanStep, args: SpanStep | undefined, result: SpanStep | undefined): void {
    if (args !== undefined && !step.hasArguments() && step.argumentsLender !== args) {
      step.argumentsLender = args;
      changed(step, 'tool.arguments');
    }
    if (result !== undefined && !step.hasResult() && step.resultLender !== result) {
      step.resultLender = result;
      changed(step, 'tool.result');
    }
  }

  /** The agent's name goes down to every span below that does not name one itself. */
  function sink(from: Node): void {
    const open = [from];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const child of node.children ?? none) if (inherit(child, node)) open.push(child);
    }
  }

  /** Takes over what the parent passes on; false if nothing changed by it. */
  function inherit(node: Node, parent: Node): boolean {
    const agent = parent.step?.light.statedAgent ?? parent.agent;
    const hint = parent.step?.light.spawns ?? parent.step?.light.agentHint ?? parent.hint;
    if (node.agent === agent && node.hint === hint) return false;
    node.agent = agent;
    node.hint = hint;
    if (node.step !== undefined) passOn(node, node.step);
    return true;
  }

  function passOn(node: Node, step: SpanStep): void {
    const before = step.agent;
    step.inheritedAgent = node.agent;
    step.inheritedHint = node.hint;
    if (step.agent !== before) changed(step, 'agent.name');
  }

  function bindSession(trace: Trace, step: SpanStep): void {
    if (step.light.sessionId === undefined) {
      trace.unbound.add(step);
      step.traceSession = trace.binding?.light.sessionId;
      return;
    }
    if (trace.binding !== undefined && !earlier(step, trace.binding)) return;
    trace.binding = step;
    for (const other of trace.unbound) {
      if (other.traceSession === step.light.sessionId) continue;
      other.traceSession = step.light.sessionId;
      changed(other, 'session.id');
    }
  }

  function handOver(trace: Trace, step: SpanStep): void {
    if (step.kind === 'handoff' && step.ownHandoff()?.to === undefined) {
      trace.handoffs.add(step);
      for (const agent of trace.agents) aim(step, agent);
    }
    if (step.kind !== 'agent' || agentName(step) === undefined) return;
    trace.agents.add(step);
    for (const handoff of trace.handoffs) aim(handoff, step);
  }

  /** The target of a handoff that does not name one is the agent that starts next. */
  function aim(handoff: SpanStep, agent: SpanStep): void {
    const name = agentName(agent);
    if (agent.startMs < handoff.startMs || name === handoff.ownHandoff()?.from) return;
    const best = targets?.get(handoff);
    if (best !== undefined && !earlier(agent, best)) return;
    targets ??= new WeakMap();
    targets.set(handoff, agent);
    if (handoff.lateTarget === name) return;
    handoff.lateTarget = name;
    changed(handoff, 'handoff');
  }

  /** Claude Code states a tool's failure on the execution below it. */
  function fail(node: Node): void {
    const child = node.step;
    const tool = node.parent?.step;
    if (child === undefined || tool === undefined || tool.kind !== 'tool' || !child.name.endsWith('tool.execution')) return;
    if (child.outcome === 'ok' || child.outcome === 'unknown') return;
    const best = failures?.get(tool);
    if (best !== undefined && !earlier(child, best)) return;
    failures ??= new WeakMap();
    failures.set(tool, child);
    tool.childEnding = child.ownEnding();
    changed(tool, 'tool.result');
  }

  function take(own: SpanStep | undefined): Changed[] {
    const list: Changed[] = [];
    for (const [step, facts] of changes ?? none) if (step !== own) list.push({ step, facts: [...facts] });
    changes = undefined;
    return list;
  }

  return {
    addLink(spanId, parentId, traceId) {
      if (spanId === '') return [];
      const node = nodeOf(traceId + spanId);
      if (node.known) return [];
      link(node, traceId, parentId);
      rise(node);
      lendAround(node);
      if (node.parent !== undefined && inherit(node, node.parent)) sink(node);
      return take(undefined);
    },
    add(given) {
      if (!(given instanceof SpanStep)) throw new TypeError('resolver: not a step of normalise()');
      const step = given;
      // A zero id names nobody: such a step has a place of its own.
      const node = nodeOf(step.spanId === '' ? `${step.traceId}#${unnamed++}` : step.traceId + step.spanId);
      if (node.known) return [];
      node.step = step;
      link(node, step.traceId, step.parentId);
      let trace = traces.get(step.traceId);
      if (trace === undefined) {
        trace = { spans: 0, binding: undefined, unbound: new Set(), agents: new Set(), handoffs: new Set() };
        traces.set(step.traceId, trace);
      }
      trace.spans++;
      wrap(node);
      rise(node);
      lendAround(node);
      if (node.parent !== undefined) inherit(node, node.parent);
      passOn(node, step);
      sink(node);
      fail(node);
      for (const child of node.children ?? none) fail(child);
      bindSession(trace, step);
      handOver(trace, step);
      calls.add(step, changed);
      return take(step);
    },
    get forgotten() {
      return forgotten;
    },
    get size() {
      return nodes.size;
    },
  };
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

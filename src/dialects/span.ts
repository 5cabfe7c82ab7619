/**
 * One normalised span. Light facts are read at once, heavy ones on first use, through a cursor on the
 * request's index or, after `detach`, on a copy of this span alone. Late facts are written by the
 * resolver and by nobody else.
 */
import { type SpanReader, spanReader, type Value } from '../otlp/span.ts';
import { type TraceIndex, walkTraces } from '../otlp/traces.ts';
import type { Document, Fact, Message, Outcome, Step, StepError, StepKind, Tokens, Tool, ToolDefinition } from '../step/step.ts';
import { readInput, readOutput, readSystem } from './conversation.ts';
import { argumentTarget, type Handoff, readHandoff, transferTarget } from './handoff.ts';
import { type Json, member, plain, read } from './json.ts';
import { dialectKeys, factRows, modelRows, rowId } from './keys.ts';
import { type Ending, readEnding } from './outcome.ts';
import { setLazily } from './own.ts';
import { find } from './pass.ts';
import { amount, label } from './values.ts';
import {
  leavesState,
  readArguments,
  readDefinitions,
  readDocuments,
  readMetadata,
  readQuery,
  readResult,
  readState,
} from './work.ts';

/** Facts whose keys are on the span, as bits of `LightFacts.present`. */
export const bit = {
  input: 1,
  output: 2,
  arguments: 4,
  result: 8,
  definitions: 16,
  documents: 32,
  system: 64,
  state: 128,
  graph: 256,
  limits: 512,
  handoff: 1024,
  metadata: 2048,
  events: 4096,
  facts: 8192,
} as const;

/** What `normalise` finds in its one pass. */
export interface LightFacts {
  readonly tenant: string;
  readonly kind: StepKind;
  readonly service: string | undefined;
  readonly dialects: readonly string[];
  readonly guards: number;
  readonly present: number;
  readonly statedAgent: string | undefined;
  readonly agentHint: string | undefined;
  readonly spawns: string | undefined;
  readonly agentId: string | undefined;
  readonly sessionId: string | undefined;
  readonly provider: string | undefined;
  readonly requestModel: string | undefined;
  readonly responseModel: string | undefined;
  readonly finishReasons: readonly string[];
  readonly tokens: Tokens | undefined;
  readonly reportedInput: number | undefined;
  readonly cost: number | undefined;
  readonly toolName: string | undefined;
  readonly toolServer: string | undefined;
  readonly reportedTool: string | undefined;
  readonly callId: string | undefined;
  readonly rollup: boolean;
  readonly sampled: boolean;
}

/** A step with what only the window's bookkeeping may touch. */
export interface NormalisedSpan extends Step {
  /** Its span says that others like it were not kept. */
  readonly sampled: boolean;
  /** Copies what lazy getters need, so that the request body is not pinned: call when the step outlives the request. */
  detach(): void;
  /** The step is final and will not be folded again: only its light facts stay, heavy ones read as absent. */
  drop(): void;
  /** The copy of its span as a request of its own, from `detach` to `drop`. */
  readonly body: Uint8Array | undefined;
  /** Bytes retained from `detach` to `drop`, decoded caches not counted; they are dropped by calling it again. */
  readonly bytes: number;
  /** Input tokens as the span reports them, cached ones included or not. */
  readonly reportedInput: number | undefined;
  /** Tool name as reported, prefixes and all. */
  readonly reportedTool: string | undefined;
  /** Agent name that the span or its nearest ancestor states outright, not guessed from a node or role. */
  readonly statedAgent: string | undefined;
  /** Every model string of the span, requested and answered. */
  readonly models: readonly string[];
}

/** A step whose content is gone, as plain data. Ids of its trace and its places in the window are the resolver's to keep. */
export interface SavedStep {
  readonly light: LightFacts;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly scope: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly ending?: Ending | undefined;
}

/** Late facts that cannot be found again from other steps. */
export interface SavedLate {
  readonly wraps?: true | undefined;
  readonly toolName?: string | undefined;
  readonly arguments?: string | undefined;
  readonly result?: string | undefined;
  readonly target?: string | undefined;
}

const cursor = spanReader();
/** Index of the detached body that was read last. One slot: getters of one step are read together. */
let lastBody: Uint8Array | undefined;
let lastIndex: TraceIndex | undefined;

/** A request with one span that says nothing. */
const emptySpan = Uint8Array.of(0x0a, 0x04, 0x12, 0x02, 0x12, 0x00);

/** Retained size of a step without its body: fields, id strings, the copied body's header. */
const overhead = 700;

const ownPrefix = rowId('misstep.');
/** Members of `misstep.` that are findings or have fields of their own. */
const notExtra = ['detection', 'detector', 'evidence', 'taxonomy', 'limit.', 'link.', 'config_hash'];
const maxExtra = 200;

const noDefinitions: readonly ToolDefinition[] = [];
const noDocuments: readonly Document[] = [];
const noMessages: readonly Message[] = [];

class ToolFacts implements Tool {
  readonly #step: SpanStep;
  constructor(step: SpanStep) {
    this.#step = step;
  }
  get name(): string {
    const light = this.#step.light;
    return light.reportedTool === undefined ? (this.#step.lateToolName ?? light.toolName ?? '') : (light.toolName ?? '');
  }
  get server(): string | undefined {
    return this.#step.light.toolServer;
  }
  get callId(): string | undefined {
    return this.#step.light.callId;
  }
  get arguments(): string | undefined {
    return this.#step.ownArguments() ?? this.#step.lateArguments ?? this.#step.argumentsLender?.ownArguments();
  }
  get result(): string | undefined {
    return this.#step.ownResult() ?? this.#step.lateResult ?? this.#step.resultLender?.ownResult();
  }
}

/** Decoded heavy values; dropped by `detach`. */
interface Cache {
  input?: readonly Message[];
  output?: readonly Message[];
  system?: string | undefined;
  definitions?: readonly ToolDefinition[];
  documents?: readonly Document[];
  query?: string | undefined;
  before?: unknown;
  after?: unknown;
  limits?: Readonly<Record<string, number>>;
  extra?: Readonly<Record<string, unknown>>;
  arguments?: string | undefined;
  result?: string | undefined;
  handoff?: Handoff;
  metadata?: Json;
  models?: readonly string[];
}

/** What a step is made from: a reader, or what was saved of one. */
type StepSource = Pick<SpanReader, 'row' | 'traceId' | 'spanId' | 'parentId' | 'name' | 'scopeName' | 'startMs' | 'endMs'> & {
  readonly index: TraceIndex | undefined;
};

export class SpanStep implements NormalisedSpan {
  readonly light: LightFacts;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly scope: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly tool: Tool | undefined;

  // Late facts.
  inheritedAgent: string | undefined;
  inheritedHint: string | undefined;
  traceSession: string | undefined;
  wraps = false;
  lateToolName: string | undefined;
  lateArguments: string | undefined;
  lateResult: string | undefined;
  lateTarget: string | undefined;
  /** The wrapper around this tool's span that has what this one lacks. */
  argumentsLender: SpanStep | undefined;
  resultLender: SpanStep | undefined;
  childEnding: Ending | undefined;

  #index: TraceIndex | undefined;
  #row: number;
  #body: Uint8Array | undefined;
  #decoded: Cache | undefined;
  #ending: Ending | undefined;

  constructor(reader: StepSource, light: LightFacts) {
    this.light = light;
    this.#index = reader.index;
    this.#row = reader.row;
    this.traceId = reader.traceId();
    this.spanId = reader.spanId();
    this.parentId = reader.parentId();
    this.name = reader.name();
    this.scope = reader.scopeName();
    this.startMs = reader.startMs();
    this.endMs = reader.endMs();
    this.tool = light.kind === 'tool' ? new ToolFacts(this) : undefined;
  }

  /** Most kept steps have nothing decoded. */
  get #cache(): Cache {
    this.#decoded ??= {};
    return this.#decoded;
  }

  get tenant(): string {
    return this.light.tenant;
  }
  get kind(): StepKind {
    return this.light.kind;
  }
  get service(): string | undefined {
    return this.light.service;
  }
  get dialects(): readonly string[] {
    return this.light.dialects;
  }
  get agentId(): string | undefined {
    return this.light.agentId;
  }
  get provider(): string | undefined {
    return this.light.provider;
  }
  get requestModel(): string | undefined {
    return this.light.requestModel;
  }
  get responseModel(): string | undefined {
    return this.light.responseModel;
  }
  get finishReasons(): readonly string[] {
    return this.light.finishReasons;
  }
  get tokens(): Tokens | undefined {
    return this.light.tokens;
  }
  get reportedInput(): number | undefined {
    return this.light.reportedInput;
  }
  get reportedTool(): string | undefined {
    return this.light.reportedTool ?? this.tool?.name;
  }
  get cost(): number | undefined {
    return this.light.cost;
  }
  get statedAgent(): string | undefined {
    return this.light.statedAgent ?? this.inheritedAgent;
  }
  get agent(): string | undefined {
    return this.light.statedAgent ?? this.inheritedAgent ?? this.light.agentHint ?? this.inheritedHint;
  }
  get sessionId(): string | undefined {
    return this.light.sessionId ?? this.traceSession;
  }
  get sampled(): boolean {
    return this.light.sampled;
  }

  get rollup(): boolean {
    return this.light.rollup || this.wraps;
  }
  get outcome(): Outcome {
    return (this.childEnding ?? this.ownEnding()).outcome;
  }
  get error(): StepError | undefined {
    return (this.childEnding ?? this.ownEnding()).error;
  }

  ownEnding(): Ending {
    this.#ending ??= readEnding(this.#read(), this.kind, this.light.guards, this.finishReasons, () => this.ownResult());
    return this.#ending;
  }

  get handoff(): Handoff | undefined {
    const own = this.ownHandoff();
    if (own === undefined) return undefined;
    return this.lateTarget === undefined || own.to !== undefined ? own : { from: own.from, to: this.lateTarget };
  }

  /** The handoff as far as the span says it. */
  ownHandoff(): Handoff | undefined {
    const target = this.light.toolName === undefined ? undefined : transferTarget(this.light.toolName);
    if (this.kind !== 'handoff' && target === undefined && (this.light.present & bit.handoff) === 0) return undefined;
    if (this.#cache.handoff === undefined) {
      const said = readHandoff(this.#read(), this.light.guards);
      const to = said.to ?? (target === '' ? argumentTarget(this.ownArguments()) : target);
      this.#cache.handoff = { from: said.from, to };
    }
    return this.#cache.handoff;
  }

  get input(): readonly Message[] {
    this.#cache.input ??= this.#conversation() ? readInput(this.#read(), this.kind, this.light.guards) : noMessages;
    return this.#cache.input;
  }
  get output(): readonly Message[] {
    this.#cache.output ??= this.#conversation() ? readOutput(this.#read(), this.kind, this.light.guards) : noMessages;
    return this.#cache.output;
  }
  #conversation(): boolean {
    return (this.light.present & (bit.input | bit.output | bit.events)) !== 0;
  }
  get system(): string | undefined {
    const cache = this.#cache;
    if (!('system' in cache)) cache.system = readSystem(this.#read(), this.light.guards, () => this.input);
    return cache.system;
  }
  get toolDefinitions(): readonly ToolDefinition[] {
    if ((this.light.present & bit.definitions) === 0) return noDefinitions;
    this.#cache.definitions ??= readDefinitions(this.#read(), this.light.guards);
    return this.#cache.definitions;
  }
  get documents(): readonly Document[] {
    if ((this.light.present & (bit.documents | bit.events)) === 0 && this.kind !== 'retriever') return noDocuments;
    this.#cache.documents ??= readDocuments(this.#read(), this.kind, this.light.guards);
    return this.#cache.documents;
  }
  get query(): string | undefined {
    const cache = this.#cache;
    if (!('query' in cache)) cache.query = readQuery(this.#read(), this.kind, this.light.guards);
    return cache.query;
  }
  get stateBefore(): unknown {
    const cache = this.#cache;
    if (!('before' in cache)) cache.before = this.#mayHaveState() ? this.#state('before') : undefined;
    return cache.before;
  }
  get stateAfter(): unknown {
    const cache = this.#cache;
    if (!('after' in cache)) cache.after = this.#mayHaveState() ? this.#state('after') : undefined;
    return cache.after;
  }
  #state(side: 'before' | 'after'): unknown {
    const isNode = this.#node() !== undefined || (side === 'after' && this.#leavesState());
    return readState(this.#read(), side, isNode, this.light.guards);
  }
  #mayHaveState(): boolean {
    return (this.light.present & (bit.state | bit.graph | bit.metadata)) !== 0 || this.#leavesState();
  }
  /** What an agent's words are stands in messages; an object in its output is what it left behind. */
  #leavesState(): boolean {
    return this.kind === 'agent' && (this.light.present & bit.output) !== 0 && leavesState(this.#read());
  }
  /** The graph node that the span is, from attributes or from OpenInference's metadata. A model or tool within a node is not it. */
  #node(): string | undefined {
    if (this.kind === 'llm' || this.kind === 'tool') return undefined;
    return this.#fact('nodeName') ?? label(member(this.#metadata(), 'langgraph_node') as string | undefined);
  }
  #fact(field: 'nodeName' | 'nodeCheckpoint' | 'nodeStep'): string | undefined {
    return find(this.#read(), field, this.light.guards, label);
  }
  #metadata(): Json {
    const cache = this.#cache;
    if (!('metadata' in cache))
      cache.metadata = (this.light.present & bit.metadata) === 0 ? undefined : readMetadata(this.#read());
    return cache.metadata;
  }

  get limits(): Readonly<Record<string, number>> {
    this.#cache.limits ??= this.#readLimits();
    return this.#cache.limits;
  }
  #readLimits(): Readonly<Record<string, number>> {
    const limits: Record<string, number> = {};
    const reader = this.#read();
    const set = (name: string, value: number | undefined) => {
      if (value !== undefined && name !== '__proto__') limits[name] ??= value;
    };
    let count = 0;
    reader.each(ownPrefix, (rest, value) => {
      if (rest.startsWith('limit.') && count++ < maxExtra) set(rest.slice(6), amount(value));
    });
    set('max_steps', find(reader, 'maxSteps', this.light.guards, amount));
    set('max_tokens', find(reader, 'maxTokens', this.light.guards, amount));
    set('recursion_limit', amount(member(this.#metadata(), 'recursion_limit')));
    return limits;
  }

  get extra(): Readonly<Record<string, unknown>> {
    this.#cache.extra ??= this.#readExtra();
    return this.#cache.extra;
  }
  #readExtra(): Readonly<Record<string, unknown>> {
    const extra: Record<string, unknown> = {};
    const reader = this.#read();
    const guards = this.light.guards;
    let count = 0;
    reader.each(ownPrefix, (rest, value) => {
      if (rest === '__proto__' || notExtra.some((start) => rest.startsWith(start)) || count++ >= maxExtra) return;
      setLazily(extra, rest, value);
    });
    const set = (name: string, value: unknown) => {
      if (value !== undefined && !Object.hasOwn(extra, name)) extra[name] = value;
    };
    if ((this.light.present & bit.facts) !== 0) {
      for (const [name, of] of factRows) {
        const row = of.find((one) => reader.has(one));
        const value = row === undefined ? undefined : plain(reader.value(row));
        set(name, value === '' ? undefined : value);
      }
    }
    // Keys with a field of their own are not under the prefix. Graphs are large: parsed when asked for.
    const given = (value: Value) => value;
    const nodes = find(reader, 'graphNodes', guards, given);
    if (nodes !== undefined) setLazily(extra, 'graph.nodes', nodes);
    const edges = find(reader, 'graphEdges', guards, given);
    if (edges !== undefined) setLazily(extra, 'graph.edges', edges);
    set('graph.definition', find(reader, 'workflowDefinition', guards, read));
    const metadata = this.#metadata();
    set('graph.node', this.#fact('nodeName') ?? member(metadata, 'langgraph_node'));
    set('graph.step', find(reader, 'nodeStep', guards, plain) ?? member(metadata, 'langgraph_step'));
    set('graph.checkpoint', this.#fact('nodeCheckpoint') ?? member(metadata, 'langgraph_checkpoint_ns'));
    set('graph.triggers', find(reader, 'nodeTriggers', guards, read) ?? member(metadata, 'langgraph_triggers'));
    return extra;
  }

  ownArguments(): string | undefined {
    const cache = this.#cache;
    if (!('arguments' in cache)) {
      cache.arguments = (this.light.present & bit.arguments) === 0 ? undefined : readArguments(this.#read(), this.light.guards);
    }
    return cache.arguments;
  }
  ownResult(): string | undefined {
    const cache = this.#cache;
    if (!('result' in cache)) {
      cache.result =
        (this.light.present & (bit.result | bit.events)) === 0 ? undefined : readResult(this.#read(), this.light.guards);
    }
    return cache.result;
  }

  get models(): readonly string[] {
    this.#cache.models ??= this.#readModels();
    return this.#cache.models;
  }
  #readModels(): readonly string[] {
    const found = new Set<string>();
    const reader = this.#read();
    for (const row of modelRows) {
      const name = reader.has(row) ? label(reader.value(row)) : undefined;
      if (name !== undefined) found.add(name);
    }
    if (found.size === 0) for (const name of [this.requestModel, this.responseModel]) if (name !== undefined) found.add(name);
    return [...found];
  }

  has(fact: Fact): boolean {
    const present = this.light.present;
    switch (fact) {
      case 'agent.name':
        return this.agent !== undefined;
      case 'session.id':
        return this.sessionId !== undefined;
      case 'model':
        return this.requestModel !== undefined || this.responseModel !== undefined;
      case 'tokens':
        return this.tokens !== undefined;
      case 'cost':
        return this.cost !== undefined;
      // Events may be messages or not: only their names tell, and then the messages are as good as read.
      case 'messages.input':
        return (present & bit.input) !== 0 || ((present & bit.events) !== 0 && this.input.length > 0);
      case 'messages.output':
        return (present & bit.output) !== 0 || ((present & bit.events) !== 0 && this.output.length > 0);
      case 'system':
        return (present & bit.system) !== 0 || ((present & bit.input) !== 0 && this.system !== undefined);
      case 'tool.name':
        return this.tool !== undefined && this.tool.name !== '';
      case 'tool.arguments':
        return this.lateArguments !== undefined || this.argumentsLender !== undefined || this.hasArguments();
      case 'tool.result':
        return this.lateResult !== undefined || this.resultLender !== undefined || this.hasResult();
      case 'tool.definitions':
        return (present & bit.definitions) !== 0;
      case 'documents':
        return (present & bit.documents) !== 0 || (this.kind === 'retriever' && this.documents.length > 0);
      case 'state':
        return (present & bit.state) !== 0 || (this.#mayHaveState() && this.#node() !== undefined);
      case 'handoff':
        return this.handoff !== undefined;
      case 'graph':
        return (present & bit.graph) !== 0;
      case 'limits':
        return (present & bit.limits) !== 0;
      case 'rollup':
        return this.rollup;
    }
  }
  /** True if the span itself carries a tool's arguments. */
  hasArguments(): boolean {
    return this.tool !== undefined && (this.light.present & bit.arguments) !== 0;
  }
  hasResult(): boolean {
    if (this.tool === undefined) return false;
    return (this.light.present & bit.result) !== 0 || ((this.light.present & bit.events) !== 0 && this.ownResult() !== undefined);
  }

  detach(): void {
    if (this.#body === undefined) this.#body = this.#read().extract();
    this.#index = undefined;
    this.#decoded = undefined;
  }

  /** Drops what a late look has decoded, if the step stands on its own. */
  release(): void {
    if (this.#body !== undefined) this.#decoded = undefined;
  }

  /** The copy that `detach` made; `undefined` before it and after `drop`. */
  get body(): Uint8Array | undefined {
    return this.#body === emptySpan ? undefined : this.#body;
  }

  save(): SavedStep {
    const { light, spanId, parentId, name, scope, startMs, endMs } = this;
    return { light, spanId, parentId, name, scope, startMs, endMs, ending: this.#ending };
  }

  /** A step as it was after `drop`. */
  static load(saved: SavedStep, traceId: string): SpanStep {
    const source: StepSource = {
      index: undefined,
      row: 0,
      traceId: () => traceId,
      spanId: () => saved.spanId,
      parentId: () => saved.parentId,
      name: () => saved.name,
      scopeName: () => saved.scope,
      startMs: () => saved.startMs,
      endMs: () => saved.endMs,
    };
    const step = new SpanStep(source, saved.light);
    step.#body = emptySpan;
    step.#ending = saved.ending;
    return step;
  }

  saveLate(): SavedLate | undefined {
    const { wraps, lateToolName, lateArguments, lateResult, lateTarget } = this;
    if (
      !wraps &&
      lateToolName === undefined &&
      lateArguments === undefined &&
      lateResult === undefined &&
      lateTarget === undefined
    )
      return undefined;
    return {
      wraps: wraps || undefined,
      toolName: lateToolName,
      arguments: lateArguments,
      result: lateResult,
      target: lateTarget,
    };
  }

  loadLate(saved: SavedLate): void {
    this.wraps = saved.wraps === true;
    this.lateToolName = saved.toolName;
    this.lateArguments = saved.arguments;
    this.lateResult = saved.result;
    this.lateTarget = saved.target;
  }

  drop(): void {
    this.#index = undefined;
    this.#body = emptySpan;
    this.#decoded = undefined;
  }

  get bytes(): number {
    return this.#body === undefined || this.#body === emptySpan ? 0 : overhead + this.#body.length;
  }

  #read(): SpanReader {
    if (this.#index !== undefined) return cursor.at(this.#index, this.#row);
    const body = this.#body!;
    if (lastBody !== body || lastIndex === undefined) {
      lastIndex = walkTraces(body, dialectKeys);
      lastBody = body;
    }
    return cursor.at(lastIndex, 0);
  }
}

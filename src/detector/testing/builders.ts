/**
 * Steps for tests, in a line each: `tool('search', { q: 'x' }, { result: '…' })`. A builder gives a
 * description; `toSteps` gives them ids and rising times and makes them `Step` objects. The same
 * descriptions are encoded as spans by `encode.ts`.
 */
import type {
  Document,
  Fact,
  Message,
  Outcome,
  Role,
  Step,
  StepError,
  StepKind,
  ToolCall,
  ToolDefinition,
} from '../../step/step.ts';

export interface MessageLike {
  readonly role: Role;
  readonly name?: string;
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly { readonly id?: string; readonly name: string; readonly arguments?: unknown }[];
  readonly toolResults?: readonly { readonly id?: string; readonly name?: string; readonly text: string }[];
  readonly truncated?: boolean;
}

/** What every builder takes; absent facts stay absent. */
export interface Common {
  /** Milliseconds after the scenario's start at which the step ends; default 1 s after the step before. */
  readonly at?: number;
  readonly duration?: number;
  readonly agent?: string;
  readonly session?: string;
  readonly trace?: string;
  readonly span?: string;
  readonly parent?: string;
  readonly error?: string;
  readonly outcome?: Outcome;
  readonly rollup?: boolean;
  readonly limits?: Readonly<Record<string, number>>;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly stateBefore?: unknown;
  readonly stateAfter?: unknown;
  readonly input?: string | readonly MessageLike[];
  readonly output?: string | readonly MessageLike[];
  readonly system?: string;
  readonly name?: string;
}

export interface LlmLike extends Common {
  readonly model?: string;
  readonly responseModel?: string;
  readonly tokens?: { readonly input?: number; readonly output?: number; readonly cacheRead?: number };
  readonly cost?: number;
  readonly finish?: string;
  readonly tools?: readonly ToolDefinition[];
}

export interface ToolLike extends Common {
  readonly result?: unknown;
  readonly callId?: string;
  readonly server?: string;
}

export interface RetrievalLike extends Common {
  readonly query?: string;
  readonly documents?: readonly (string | { readonly id?: string; readonly content?: string; readonly score?: number })[];
}

/** A step before it has ids and times. */
export interface StepLike extends LlmLike, ToolLike, RetrievalLike {
  readonly kind: StepKind;
  readonly tool?: string;
  readonly args?: unknown;
  readonly handoff?: { readonly from?: string; readonly to?: string };
}

export function tool(name: string, args?: unknown, more: ToolLike = {}): StepLike {
  return { kind: 'tool', tool: name, ...(args === undefined ? {} : { args }), ...more };
}

export function llm(output: string | readonly MessageLike[] | undefined, more: LlmLike = {}): StepLike {
  return { kind: 'llm', model: 'gpt-4o', ...(output === undefined ? {} : { output }), ...more };
}

export function agent(name: string, more: Common = {}): StepLike {
  return { kind: 'agent', agent: name, ...more };
}

export function retriever(query: string, documents: RetrievalLike['documents'], more: Common = {}): StepLike {
  return { kind: 'retriever', query, ...(documents === undefined ? {} : { documents }), ...more };
}

export function handoff(from: string, to: string, more: Common = {}): StepLike {
  return { kind: 'handoff', agent: from, handoff: { from, to }, ...more };
}

export function step(kind: StepKind, more: Omit<StepLike, 'kind'> = {}): StepLike {
  return { kind, ...more };
}

/** A user's message, for `input`. */
export function user(text: string): MessageLike {
  return { role: 'user', text };
}

/** The same step `times` times; a function gets the index. */
export function times(count: number, make: StepLike | ((i: number) => StepLike)): StepLike[] {
  return Array.from({ length: count }, (_, i) => (typeof make === 'function' ? make(i) : make));
}

/** The same steps in turn, `count` times. */
export function rounds(count: number, steps: readonly StepLike[] | ((i: number) => readonly StepLike[])): StepLike[] {
  return Array.from({ length: count }, (_, i) => (typeof steps === 'function' ? steps(i) : steps)).flat();
}

const START_MS = Date.UTC(2026, 0, 1);
export const TRACE_ID = '5eed0000000000000000000000000001';

/** Id of the span at a 1-based place, as tests and scenarios count. */
export function spanIdAt(place: number): string {
  return place.toString(16).padStart(16, '0');
}

export function traceIdOf(like: StepLike): string {
  return like.trace ?? TRACE_ID;
}

/** Times in milliseconds after the start, in order. */
export function timesOf(likes: readonly StepLike[]): { readonly startMs: number; readonly endMs: number }[] {
  let clock = 0;
  return likes.map((like) => {
    const duration = like.duration ?? 500;
    const end = like.at ?? clock + 1_000;
    clock = Math.max(clock, end);
    return { startMs: START_MS + Math.max(0, end - duration), endMs: START_MS + end };
  });
}

export function toSteps(likes: readonly StepLike[]): Step[] {
  const clock = timesOf(likes);
  return likes.map((like, i) => toStep(like, spanIdAt(i + 1), clock[i] as { startMs: number; endMs: number }));
}

function toStep(like: StepLike, spanId: string, { startMs, endMs }: { readonly startMs: number; readonly endMs: number }): Step {
  const error: StepError | undefined = like.error === undefined ? undefined : { type: undefined, message: like.error };
  const documents: Document[] = (like.documents ?? []).map((document) =>
    typeof document === 'string'
      ? { id: undefined, content: document, score: undefined }
      : { id: document.id, content: document.content, score: document.score },
  );
  const facts = factsOf(like);
  return {
    traceId: traceIdOf(like),
    spanId: like.span ?? spanId,
    parentId: like.parent ?? '',
    tenant: 'default',
    sessionId: like.session,
    kind: like.kind,
    name: like.name ?? nameOf(like),
    service: 'test',
    scope: 'test',
    dialects: ['gen_ai'],
    startMs,
    endMs,
    outcome: like.outcome ?? (error ? 'error' : 'ok'),
    error,
    agent: like.agent ?? 'assistant',
    agentId: undefined,
    provider: undefined,
    requestModel: like.model,
    responseModel: like.responseModel,
    finishReasons: like.finish === undefined ? [] : [like.finish],
    tokens:
      like.tokens === undefined
        ? undefined
        : {
            input: like.tokens.input,
            output: like.tokens.output,
            cacheRead: like.tokens.cacheRead,
            cacheWrite: undefined,
            reasoning: undefined,
          },
    cost: like.cost,
    rollup: like.rollup ?? false,
    tool:
      like.tool === undefined
        ? undefined
        : {
            name: like.tool,
            server: like.server,
            callId: like.callId,
            arguments: textOf(like.args),
            result: textOf(like.result),
          },
    handoff: like.handoff === undefined ? undefined : { from: like.handoff.from, to: like.handoff.to },
    input: messagesOf(like.input, 'user'),
    output: messagesOf(like.output, 'assistant'),
    system: like.system,
    toolDefinitions: like.tools ?? [],
    documents,
    query: like.query,
    stateBefore: like.stateBefore,
    stateAfter: like.stateAfter,
    limits: like.limits ?? {},
    extra: like.extra ?? {},
    has: (fact) => facts.has(fact),
  };
}

export function nameOf(like: StepLike): string {
  if (like.kind === 'tool') return `execute_tool ${like.tool ?? ''}`;
  if (like.kind === 'llm') return `chat ${like.model ?? ''}`;
  if (like.kind === 'agent') return `invoke_agent ${like.agent ?? ''}`;
  return like.kind;
}

/** JSON text of an object, the text itself of a string, as dialects give it. */
export function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);
}

export function messagesOf(value: string | readonly MessageLike[] | undefined, role: Role): Message[] {
  const list = value === undefined ? [] : typeof value === 'string' ? [{ role, text: value }] : value;
  return list.map((message) => ({
    role: message.role,
    name: message.name,
    text: message.text ?? '',
    reasoning: message.reasoning,
    toolCalls: (message.toolCalls ?? []).map(
      (call): ToolCall => ({ id: call.id, name: call.name, arguments: textOf(call.arguments) }),
    ),
    toolResults: (message.toolResults ?? []).map(({ id, name, text }) => ({ id, name, text })),
    truncated: message.truncated ?? false,
  }));
}

function factsOf(like: StepLike): ReadonlySet<Fact> {
  const present: [Fact, unknown][] = [
    ['agent.name', like.agent ?? 'assistant'],
    ['session.id', like.session],
    ['model', like.model],
    ['tokens', like.tokens],
    ['cost', like.cost],
    ['messages.input', like.input],
    ['messages.output', like.output],
    ['system', like.system],
    ['tool.name', like.tool],
    ['tool.arguments', like.args],
    ['tool.result', like.result],
    ['tool.definitions', like.tools],
    ['documents', like.documents],
    ['state', like.stateBefore ?? like.stateAfter],
    ['handoff', like.handoff],
    ['limits', like.limits],
    ['rollup', like.rollup],
  ];
  return new Set(present.filter(([, value]) => value !== undefined).map(([fact]) => fact));
}

/**
 * One step of an agent's run: what a detector sees instead of spans, dialects and frameworks.
 *
 * Ownership: a step is read-only to detectors and must not be kept by them; state holds plain JSON
 * copied out of it. Units: times are Unix milliseconds (fraction = microseconds), tokens are counts,
 * cost is US dollars. Absent facts are `undefined`, never an empty guess.
 *
 * Heavy fields (messages, arguments, results, documents, state) are getters that decode on first use
 * and remember. A gate on a cheap field belongs before them.
 */

export type StepKind =
  | 'agent'
  | 'llm'
  | 'tool'
  | 'retriever'
  | 'embedding'
  | 'reranker'
  | 'guardrail'
  | 'evaluator'
  | 'workflow'
  | 'task'
  | 'handoff'
  | 'memory'
  | 'other';

/** `handled_error`: the tool said it failed, in its result, while the span's status is not an error. */
export type Outcome = 'ok' | 'error' | 'handled_error' | 'blocked' | 'cancelled' | 'timeout' | 'unknown';

export type Role = 'system' | 'user' | 'assistant' | 'tool';

export interface ToolCall {
  readonly id: string | undefined;
  readonly name: string;
  /** JSON text if the dialect gave an object or JSON, else the text as given. */
  readonly arguments: string | undefined;
}

export interface ToolResult {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly text: string;
}

/** One message of a model call, whatever its dialect. Text parts are joined by a newline. */
export interface Message {
  readonly role: Role;
  readonly name: string | undefined;
  readonly text: string;
  /** Reasoning parts, kept apart from the text. */
  readonly reasoning: string | undefined;
  readonly toolCalls: readonly ToolCall[];
  readonly toolResults: readonly ToolResult[];
  /** True if the dialect or an SDK limit cut the message. */
  readonly truncated: boolean;
}

export interface Tokens {
  /** Includes cached tokens, whatever the dialect's convention. */
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly cacheRead: number | undefined;
  readonly cacheWrite: number | undefined;
  readonly reasoning: number | undefined;
}

export interface Tool {
  /** Without prefixes such as `execute_tool ` or `mcp__server__`. */
  readonly name: string;
  /** The MCP server of `mcp__server__tool`. */
  readonly server: string | undefined;
  readonly callId: string | undefined;
  /** Heavy. JSON text where the dialect gave JSON. May arrive late, from the model call before. */
  readonly arguments: string | undefined;
  /** Heavy. May arrive late, from the next model call. */
  readonly result: string | undefined;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON Schema as parsed JSON; `undefined` if the dialect gives names only. */
  readonly parameters: unknown;
}

export interface Document {
  readonly id: string | undefined;
  readonly content: string | undefined;
  readonly score: number | undefined;
}

export interface StepError {
  readonly type: string | undefined;
  readonly message: string | undefined;
}

/** Facts that a detector may declare in `needs`; the host answers for their presence. */
export type Fact =
  | 'agent.name'
  | 'session.id'
  | 'model'
  | 'tokens'
  | 'cost'
  | 'messages.input'
  | 'messages.output'
  | 'system'
  | 'tool.name'
  | 'tool.arguments'
  | 'tool.result'
  | 'tool.definitions'
  | 'documents'
  | 'state'
  | 'handoff'
  | 'graph'
  | 'limits'
  | 'rollup';

export interface Step {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentId: string;
  readonly tenant: string;
  /** Qualified by service.namespace where present; `undefined` if no span of the trace names one. */
  readonly sessionId: string | undefined;
  readonly kind: StepKind;
  /** The span's name. */
  readonly name: string;
  readonly service: string | undefined;
  /** Instrumentation scope name. */
  readonly scope: string;
  /** Every vocabulary that contributed a field, in order of first use. */
  readonly dialects: readonly string[];
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: Outcome;
  readonly error: StepError | undefined;

  /** Own name or that of the nearest agent ancestor; may arrive late. */
  readonly agent: string | undefined;
  readonly agentId: string | undefined;
  readonly provider: string | undefined;
  readonly requestModel: string | undefined;
  readonly responseModel: string | undefined;
  readonly finishReasons: readonly string[];
  readonly tokens: Tokens | undefined;
  readonly cost: number | undefined;
  /**
   * True if this step only sums or wraps others (an LLM step with an LLM descendant, a tool wrapper
   * around a tool of the same name, an agent's total). A roll-up is never counted. May arrive late.
   */
  readonly rollup: boolean;

  readonly tool: Tool | undefined;
  readonly handoff: { readonly from: string | undefined; readonly to: string | undefined } | undefined;

  /** Heavy. */
  readonly input: readonly Message[];
  /** Heavy. */
  readonly output: readonly Message[];
  /** Heavy. System instructions, or the persona the framework states. */
  readonly system: string | undefined;
  /** Heavy. */
  readonly toolDefinitions: readonly ToolDefinition[];
  /** Heavy. */
  readonly documents: readonly Document[];
  /** Heavy. Text of `retrieval.query` or the retriever's input. */
  readonly query: string | undefined;
  /** Heavy. Parsed JSON. */
  readonly stateBefore: unknown;
  /** Heavy. Parsed JSON. */
  readonly stateAfter: unknown;
  /** `misstep.limit.*` and the dialects' own limits, e.g. recursion_limit, max_steps, context_window. */
  readonly limits: Readonly<Record<string, number>>;
  /** `misstep.*` facts of adapters that have no convention, without the prefix. */
  readonly extra: Readonly<Record<string, unknown>>;

  /** True if the fact is present in this step. Cheap: does not decode heavy fields. */
  has(fact: Fact): boolean;
}

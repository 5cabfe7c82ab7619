/**
 * A run as a program builds it by hand: spans of agents, model calls and tools, without a tracer. What is built is read as
 * OTLP in the GenAI conventions, the same way as spans that come over the wire.
 */
import { randomBytes } from 'node:crypto';
import type { Value } from '../otlp/span.ts';
import { type NewSpan, type SpanGroup, writeTraces } from '../otlp/write.ts';

export type SpanKind = 'agent' | 'llm' | 'tool' | 'retriever' | 'workflow' | 'embedding';

/** What is known of the whole run. */
export interface TraceMetadataFacts {
  /** Groups traces of one conversation. */
  readonly sessionId?: string;
  /** `service.name` of the resource. Default `app`. */
  readonly service?: string;
  /** The agent of spans that name none. */
  readonly agent?: string;
}

export class TraceMetadata {
  readonly sessionId: string | undefined;
  readonly service: string;
  readonly agent: string | undefined;

  constructor(facts: TraceMetadataFacts = {}) {
    this.sessionId = facts.sessionId;
    this.service = facts.service ?? 'app';
    this.agent = facts.agent;
  }
}

/** Something that happened within a span. `timeMs`: Unix ms. */
export class Event {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: Readonly<Record<string, Value>>;

  constructor(name: string, timeMs: number, attributes: Readonly<Record<string, Value>> = {}) {
    this.name = name;
    this.timeMs = timeMs;
    this.attributes = attributes;
  }
}

/** Times are Unix ms, tokens counts, cost US dollars. `input` and `output` are text, or JSON of the conventions' messages. */
export interface SpanFacts {
  readonly kind: SpanKind;
  /** Default: what the conventions name such a span. */
  readonly name?: string;
  readonly agent?: string;
  /** Default: now. */
  readonly startMs?: number;
  /** Default: its start. */
  readonly endMs?: number;
  readonly parent?: Span;
  /** 16 hex digits. Default: random. */
  readonly spanId?: string;
  readonly model?: string;
  readonly input?: string | readonly object[];
  readonly output?: string | readonly object[];
  readonly system?: string;
  readonly tool?: string;
  readonly callId?: string;
  /** Text, or what becomes JSON. */
  readonly arguments?: unknown;
  readonly result?: unknown;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cost?: number;
  /** Why it failed. */
  readonly error?: string;
  /** More, by the names of the conventions; they stand over what follows from the facts. */
  readonly attributes?: Readonly<Record<string, Value>>;
}

const operations: Readonly<Record<SpanKind, string>> = {
  agent: 'invoke_agent',
  llm: 'chat',
  tool: 'execute_tool',
  retriever: 'retrieval',
  workflow: 'invoke_workflow',
  embedding: 'embeddings',
};

export class Span {
  readonly spanId: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly facts: SpanFacts;
  readonly events: Event[] = [];

  constructor(facts: SpanFacts) {
    this.facts = facts;
    this.spanId = facts.spanId ?? newId(8);
    this.startMs = facts.startMs ?? Date.now();
    this.endMs = Math.max(this.startMs, facts.endMs ?? this.startMs);
    checkId('spanId', this.spanId, 16);
  }

  addEvent(name: string, attributes: Readonly<Record<string, Value>> = {}, timeMs = this.endMs): this {
    this.events.push(new Event(name, timeMs, attributes));
    return this;
  }
}

/** The spans of one run. They may be added in any order. */
export class Trace {
  readonly traceId: string;
  readonly metadata: TraceMetadata;
  readonly spans: Span[] = [];

  /** `traceId`: 32 hex digits, random by default. Throws on another. */
  constructor(facts: { readonly traceId?: string; readonly metadata?: TraceMetadata | TraceMetadataFacts } = {}) {
    this.traceId = facts.traceId ?? newId(16);
    this.metadata = facts.metadata instanceof TraceMetadata ? facts.metadata : new TraceMetadata(facts.metadata);
    checkId('traceId', this.traceId, 32);
  }

  addSpan(facts: SpanFacts | Span): Span {
    const span = facts instanceof Span ? facts : new Span(facts);
    this.spans.push(span);
    return span;
  }

  /** An ExportTraceServiceRequest in protobuf; `spans` are those of the trace unless given. */
  toOtlp(spans: readonly Span[] = this.spans): Uint8Array {
    return writeTraces([this.group(spans)]);
  }

  private group(spans: readonly Span[]): SpanGroup {
    return {
      resource: { 'service.name': this.metadata.service },
      scope: { name: 'misstep/sdk', version: '' },
      spans: spans.map((span) => written(this, span)),
    };
  }
}

function written({ traceId, metadata }: Trace, span: Span): NewSpan {
  const { facts } = span;
  return {
    traceId,
    spanId: span.spanId,
    parentId: facts.parent?.spanId ?? '',
    name: facts.name ?? `${operations[facts.kind]} ${facts.tool ?? facts.model ?? facts.agent ?? ''}`.trimEnd(),
    kind: 1,
    startNs: nanoseconds(span.startMs),
    endNs: nanoseconds(span.endMs),
    attributes: attributesOf(facts, metadata),
    events: span.events.map(({ name, timeMs, attributes }) => ({ name, timeNs: nanoseconds(timeMs), attributes })),
    links: [],
    ...(facts.error === undefined ? {} : { status: { code: 2, message: facts.error } }),
  };
}

function attributesOf(facts: SpanFacts, metadata: TraceMetadata): Record<string, Value> {
  const attributes: Record<string, Value> = {
    'gen_ai.operation.name': operations[facts.kind],
    'gen_ai.agent.name': facts.agent ?? metadata.agent,
    'gen_ai.conversation.id': metadata.sessionId,
    'gen_ai.request.model': facts.model,
    'gen_ai.tool.name': facts.tool,
    'gen_ai.tool.call.id': facts.callId,
    'gen_ai.tool.call.arguments': textOf(facts.arguments),
    'gen_ai.tool.call.result': textOf(facts.result),
    'gen_ai.input.messages': messages(facts.input, 'user'),
    'gen_ai.output.messages': messages(facts.output, 'assistant'),
    'gen_ai.system_instructions':
      facts.system === undefined ? undefined : JSON.stringify([{ type: 'text', content: facts.system }]),
    'gen_ai.usage.input_tokens': facts.inputTokens,
    'gen_ai.usage.output_tokens': facts.outputTokens,
    'gen_ai.usage.cost': facts.cost,
    'error.type': facts.error === undefined ? undefined : 'error',
    ...facts.attributes,
  };
  for (const key of Object.keys(attributes)) if (attributes[key] === undefined) delete attributes[key];
  return attributes;
}

function messages(value: string | readonly object[] | undefined, role: string): string | undefined {
  if (value === undefined) return undefined;
  return JSON.stringify(typeof value === 'string' ? [{ role, parts: [{ type: 'text', content: value }] }] : value);
}

/** Text as it is, else JSON; what cannot be written (a cycle) says so. */
export function textOf(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  try {
    return JSON.stringify(value);
  } catch {
    return '[not JSON]';
  }
}

function newId(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

function checkId(name: string, value: string, digits: number): void {
  if (value.length === digits && /^[0-9a-f]+$/.test(value) && !/^0+$/.test(value)) return;
  throw new TypeError(`${name}: must be ${digits} hex digits, not all 0, got ${JSON.stringify(value.slice(0, 60))}.`);
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(Math.max(0, ms) * 1_000)) * 1_000n;
}

/** A recorded run as OTLP/JSON that a mutation may change: a copy of its own, so that no mutation touches what it was given. */
import { createHash } from 'node:crypto';

export interface KeyValue {
  readonly key: string;
  value: Readonly<Record<string, unknown>>;
}

export interface Span {
  readonly traceId: string;
  spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  startTimeUnixNano: string | number;
  endTimeUnixNano: string | number;
  attributes?: KeyValue[];
  status?: { readonly code?: number; readonly message?: string };
}

export interface Document {
  readonly resourceSpans?: { readonly scopeSpans?: { spans?: Span[] }[] }[];
}

/** Where a fact stands: the conventions' name first, then that of OpenInference. */
const KEYS = {
  tool: ['gen_ai.tool.name', 'tool.name'],
  agent: ['gen_ai.agent.name', 'agent.name'],
  arguments: ['gen_ai.tool.call.arguments', 'input.value'],
  result: ['gen_ai.tool.call.result', 'output.value'],
  answer: ['gen_ai.output.messages', 'output.value'],
  inputTokens: ['gen_ai.usage.input_tokens', 'llm.token_count.prompt'],
} as const;
export type Fact = keyof typeof KEYS;

const KINDS = {
  tool: ['execute_tool', 'TOOL'],
  chat: ['chat', 'LLM'],
  agent: ['invoke_agent', 'AGENT'],
} as const;
export type Kind = keyof typeof KINDS;

export class Run {
  readonly documents: readonly Document[];
  private readonly seed: string;
  private drawn = 0;

  /** `documents` is copied. The same seed draws the same places and ids. */
  constructor(documents: readonly Document[], seed: string) {
    this.documents = structuredClone(documents);
    this.seed = seed;
  }

  /** In order of their start. */
  spans(kind?: Kind): Span[] {
    const all = this.lists().flat();
    const wanted: readonly string[] | undefined = kind && KINDS[kind];
    return all
      .filter(
        (span) =>
          !wanted ||
          ['gen_ai.operation.name', 'openinference.span.kind'].some((key) => wanted.includes(attribute(span, key) ?? '')),
      )
      .sort((a, b) => (BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1));
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Number.parseInt(this.draw().slice(0, 8), 16) % Math.max(1, from.length)];
  }

  /** Copies of `span` right after it, with ids of their own; all that came later comes later by as much. */
  repeat(span: Span, times: number): Span[] {
    const end = BigInt(span.endTimeUnixNano);
    const step = end - BigInt(span.startTimeUnixNano) + 1n;
    for (const other of this.spans()) {
      if (other === span) continue;
      if (BigInt(other.startTimeUnixNano) >= end) other.startTimeUnixNano = later(other.startTimeUnixNano, step * BigInt(times));
      if (BigInt(other.endTimeUnixNano) >= end) other.endTimeUnixNano = later(other.endTimeUnixNano, step * BigInt(times));
    }
    const copies = Array.from({ length: times }, (_, i) => ({
      ...structuredClone(span),
      spanId: this.draw().slice(0, 16),
      startTimeUnixNano: later(span.startTimeUnixNano, step * BigInt(i + 1)),
      endTimeUnixNano: later(span.endTimeUnixNano, step * BigInt(i + 1)),
    }));
    const list = this.lists().find((spans) => spans.includes(span));
    list?.splice(list.indexOf(span) + 1, 0, ...copies);
    return copies;
  }

  /** `span` and all below it. Returns how many spans went. */
  remove(span: Span): number {
    const gone = new Set([span.spanId]);
    const all = this.spans();
    for (let before = 0; before < gone.size; ) {
      before = gone.size;
      for (const one of all) if (one.parentSpanId && gone.has(one.parentSpanId)) gone.add(one.spanId);
    }
    for (const spans of this.lists()) spans.splice(0, spans.length, ...spans.filter(({ spanId }) => !gone.has(spanId)));
    return gone.size;
  }

  private lists(): Span[][] {
    return this.documents.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.map((scope) => (scope.spans ??= []))),
    );
  }

  private draw(): string {
    return createHash('sha256')
      .update(`${this.seed} ${this.drawn++}`)
      .digest('hex');
  }
}

export function fact(span: Span, name: Fact): string | undefined {
  for (const key of KEYS[name]) {
    const value = attribute(span, key);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Over the key that the span has, or under the conventions' name. */
export function setFact(span: Span, name: Fact, text: string): void {
  const key = KEYS[name].find((one) => attribute(span, one) !== undefined) ?? KEYS[name][0];
  setAttribute(span, key, name === 'inputTokens' ? { intValue: text } : { stringValue: text });
}

export function setAttribute(span: Span, key: string, value: KeyValue['value']): void {
  span.attributes = [...(span.attributes ?? []).filter((one) => one.key !== key), { key, value }];
}

function attribute(span: Span, key: string): string | undefined {
  const value = span.attributes?.find((one) => one.key === key)?.value;
  const first = value && Object.values(value)[0];
  return first === undefined || typeof first === 'object' ? undefined : String(first);
}

function later(time: string | number, by: bigint): string {
  return String(BigInt(time) + by);
}

/** A cursor over one span of a `TraceIndex`. Reused: `at(row)` moves it; nothing it returns points back into the body. */
import type { TraceIndex } from './traces.ts';

/** A decoded AnyValue. int64 beyond 2^53 and bytes come as `bigint` and `Uint8Array`. */
export type Value = undefined | string | number | bigint | boolean | Uint8Array | readonly Value[] | ReadonlyMap<string, Value>;

export interface SpanEvent {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: ReadonlyMap<string, Value>;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: ReadonlyMap<string, Value>;
}

export interface SpanReader {
  /** Moves to span `row` of `index`; returns itself. */
  at(index: TraceIndex, row: number): SpanReader;
  readonly index: TraceIndex;
  readonly row: number;
  /** 32 lower-case hex digits; empty if absent or all zero. */
  traceId(): string;
  /** 16 lower-case hex digits; empty if absent or all zero. */
  spanId(): string;
  parentId(): string;
  traceState(): string;
  flags(): number;
  name(): string;
  /** SpanKind enum. */
  kind(): number;
  /** Unix ms, with the fraction. */
  startMs(): number;
  endMs(): number;
  /** Unix nanoseconds, exact. */
  startNs(): bigint;
  endNs(): bigint;
  /** 0 unset, 1 ok, 2 error. */
  statusCode(): number;
  statusMessage(): string;
  /** Value of an exact key of the table (`keys.id(...)`), decoded; `undefined` if the span has none. */
  value(keyId: number): Value;
  /** The string value of a key, or `undefined` if absent or not a string. */
  string(keyId: number): string | undefined;
  /** int, double, or a string that is wholly a finite number; else `undefined`. */
  number(keyId: number): number | undefined;
  has(keyId: number): boolean;
  /** Bytes of the key's value on the wire (0 if absent): a gate before a heavy `string()`. */
  size(keyId: number): number;
  /** Calls `visit(rest of the key, value)` for each attribute under a prefix of the table, in wire order. */
  each(prefixId: number, visit: (rest: string, value: Value) => void): void;
  hasPrefix(prefixId: number): boolean;
  events(): readonly SpanEvent[];
  hasEvents(): boolean;
  links(): readonly SpanLink[];
  droppedAttributes(): number;
  /** Decoded once per ResourceSpans / ScopeSpans and shared by its spans. */
  resource(): ReadonlyMap<string, Value>;
  scopeName(): string;
  scopeVersion(): string;
  scopeAttributes(): ReadonlyMap<string, Value>;
  /** All attributes, decoded: for tools and tests, not for the span path. */
  attributes(): ReadonlyMap<string, Value>;
  /**
   * A self-contained request body that holds this span alone with its resource and scope, copied.
   * Walking it with the same table gives the same span at row 0.
   */
  extract(): Uint8Array;
}

export declare function spanReader(): SpanReader;

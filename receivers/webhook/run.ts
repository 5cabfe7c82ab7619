/** Spans of one run as an OTLP/JSON document: ids, order in time, attributes and the bounds on all of them. */
import { createHash } from 'node:crypto';
import { text } from '../../src/dialects/json.ts';
import type { Outcome } from '../../src/step/step.ts';
import { identifier, isTime, writeJson } from './payload.ts';

/** An ExportTraceServiceRequest as OTLP/JSON. */
export interface TraceDocument {
  readonly resourceSpans: readonly {
    readonly resource?: unknown;
    readonly scopeSpans: readonly { readonly scope?: unknown; readonly spans: readonly SpanJson[] }[];
  }[];
}

type SpanJson = Readonly<Record<string, unknown>>;

/** Spans made of one body. Longer runs lose their end, and the root says so. */
export const maxSpans = 20_000;
/** Characters of one attribute: variables, items, arguments, results. */
const maxValue = 65_536;
/** Characters of a graph: 500 nodes of the largest parameters seen on average fit ten times. */
export const maxGraph = 4 * 1024 * 1024;
/** Characters of all attributes of a run together, because states and inputs are repeated from step to step. */
const maxRun = 64 * 1024 * 1024;
/** Notes in `misstep.truncated`. */
const maxNotes = 50;
/** Characters of a name or id. */
const maxName = 1024;
/** Where a body gives no time at all, until it is known when it came. */
const epoch = Date.UTC(2000, 0, 1);
/** Documents whose times all stand after that. */
const timeless = new WeakMap<TraceDocument, number>();

/**
 * The document as it is when its body came at `receivedMs` (Unix): where the body gave no time, the last of its steps ends then.
 * A body that came again makes the same document; what this gives of it differs.
 */
export function arrived(document: TraceDocument, receivedMs: number): TraceDocument {
  const lastMs = timeless.get(document);
  if (lastMs === undefined) return document;
  const later = BigInt(Math.round(receivedMs - lastMs)) * 1_000_000n;
  const moved = (nano: unknown): string => String(BigInt(String(nano)) + later);
  return {
    resourceSpans: document.resourceSpans.map((resource) => ({
      ...resource,
      scopeSpans: resource.scopeSpans.map((scope) => ({
        ...scope,
        spans: scope.spans.map((span) => ({
          ...span,
          startTimeUnixNano: moved(span['startTimeUnixNano']),
          endTimeUnixNano: moved(span['endTimeUnixNano']),
        })),
      })),
    })),
  };
}

export interface SpanError {
  readonly type: string | undefined;
  readonly message: string;
}

/** What an adapter says of a span. Times are Unix milliseconds. */
export interface SpanFacts {
  readonly name: string;
  /** The framework's id of the step: becomes the span id if it is one. */
  readonly id?: unknown;
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  readonly error?: SpanError | undefined;
  /** Where neither the error nor its absence says how the step ended: stated, with the member that says it. */
  readonly ending?: Ending | undefined;
  /** The span that it ran within; the root if none. */
  readonly parent?: Span | undefined;
  /** The same, where another body may have it: 16 hex digits. */
  readonly parentId?: string | undefined;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly source: string;
}

type AnyValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }
  | { readonly arrayValue: { readonly values: readonly { readonly stringValue: string }[] } };

/** A span in the making. Absent values set nothing. */
export class Span {
  readonly spanId: string;
  readonly #run: Run;
  readonly #attributes = new Map<string, AnyValue>();
  readonly #notes: string[] = [];
  facts: SpanFacts;

  constructor(run: Run, spanId: string, facts: SpanFacts) {
    this.#run = run;
    this.spanId = spanId;
    this.facts = facts;
  }

  /** A string; numbers as text. */
  text(key: string, value: unknown): this {
    const given = text(value);
    if (given === undefined) return this;
    if (given.length > maxValue) this.note(`${key}: ${given.length - maxValue} characters`);
    this.#put(key, { stringValue: given.slice(0, maxValue) }, Math.min(given.length, maxValue));
    return this;
  }

  count(key: string, value: number | undefined): this {
    if (value !== undefined && Number.isSafeInteger(value)) this.#put(key, { intValue: String(value) }, 8);
    return this;
  }

  number(key: string, value: number | undefined): this {
    if (value !== undefined && Number.isFinite(value)) this.#put(key, { doubleValue: value }, 8);
    return this;
  }

  flag(key: string, value: boolean | undefined): this {
    if (value !== undefined) this.#put(key, { boolValue: value }, 1);
    return this;
  }

  /** Names or ids, each bounded; an empty list sets nothing. */
  texts(key: string, values: readonly (string | undefined)[]): this {
    const found = values.filter((value): value is string => value !== undefined && value !== '');
    if (found.length === 0) return this;
    const kept = found.slice(0, 10_000).map((value) => ({ stringValue: value.slice(0, maxName) }));
    if (kept.length < found.length) this.note(`${key}: ${found.length - kept.length} values`);
    this.#put(
      key,
      { arrayValue: { values: kept } },
      kept.reduce((sum, value) => sum + value.stringValue.length, 0),
    );
    return this;
  }

  /** Any JSON, as text of at most `max` characters. Null and undefined set nothing. */
  json(key: string, value: unknown, max = maxValue): this {
    if (value === undefined || value === null) return this;
    const room = Math.min(max, this.#run.room);
    if (room < 64) {
      this.note(`${key}: the run's attributes pass ${maxRun} characters`);
      return this;
    }
    const written = writeJson(value, room);
    if (written.cut) this.note(key);
    this.#put(key, { stringValue: written.text }, written.text.length);
    return this;
  }

  /** Text messages of one side of a model call, as the conventions write them. */
  messages(key: string, messages: readonly ChatMessage[]): this {
    const said = messages.filter(({ text: one, calls }) => one !== undefined || (calls ?? []).length > 0);
    if (said.length === 0) return this;
    return this.json(
      key,
      said.map(({ role, text: one, calls }) => ({
        role,
        parts: [
          ...(one === undefined ? [] : [{ type: 'text', content: one }]),
          ...(calls ?? []).map((call) => ({ type: 'tool_call', ...call })),
        ],
      })),
    );
  }

  /** Says that a part of the payload is not in the spans. */
  note(what: string): this {
    if (this.#notes.length < maxNotes) this.#notes.push(what.slice(0, maxName));
    return this;
  }

  #put(key: string, value: AnyValue, size: number): void {
    if (this.#attributes.has(key)) return;
    this.#attributes.set(key, value);
    this.#run.spend(size);
  }

  toJson(traceId: string, parentSpanId: string, times: Times): SpanJson {
    if (times.synthetic) this.flag('misstep.time.synthetic', true);
    if (this.#notes.length > 0) this.texts('misstep.truncated', this.#notes);
    const { name, error, ending } = this.facts;
    if (error?.type !== undefined) this.text('error.type', error.type.slice(0, maxName));
    if (ending !== undefined) this.text('misstep.outcome', ending.outcome).text('misstep.outcome.source', ending.source);
    // What the framework coped with is no error of the span.
    const coped = ending !== undefined && ending.outcome !== 'error' && ending.outcome !== 'timeout';
    if (coped && error !== undefined) this.text('error.message', error.message.slice(0, 8192));
    return {
      traceId,
      spanId: this.spanId,
      parentSpanId,
      name: name.slice(0, maxName),
      kind: 1,
      startTimeUnixNano: `${times.startUs}000`,
      endTimeUnixNano: `${times.endUs}000`,
      attributes: [...this.#attributes].map(([key, value]) => ({ key, value })),
      status: error === undefined || coped ? {} : { code: 2, message: error.message.slice(0, 8192) },
    };
  }
}

export interface ChatMessage {
  readonly role: string;
  readonly text: string | undefined;
  readonly calls?: readonly { readonly id?: string | undefined; readonly name: string; readonly arguments: unknown }[];
}

interface Times {
  readonly startUs: number;
  readonly endUs: number;
  readonly synthetic: boolean;
}

export class Run {
  readonly format: string;
  readonly id: string;
  readonly traceId: string;
  readonly root: Span;
  readonly #spans: Span[] = [];
  readonly #ids = new Set<string>();
  #left = maxRun;
  #lost = 0;
  #rootless = false;

  /** `id` is the framework's id of the run: the same id gives the same trace. */
  constructor(format: string, id: string, root: SpanFacts) {
    this.format = format;
    this.id = id;
    this.traceId = nativeId(id, 32) ?? hash(32, format, id);
    this.root = this.#make(root, 'root');
    this.#common(this.root);
  }

  /** The next step of the run; `undefined` if the run is too long already. */
  add(facts: SpanFacts): Span | undefined {
    if (this.#spans.length >= maxSpans) {
      this.#lost++;
      return undefined;
    }
    const span = this.#make(facts, String(this.#spans.length));
    this.#spans.push(span);
    this.#common(span);
    return span;
  }

  /** A span that another body tells: steps of this one stand below it. */
  elsewhere(facts: SpanFacts): Span {
    return this.#make(facts, 'elsewhere');
  }

  /** Spans but for the root. */
  get size(): number {
    return this.#spans.length;
  }

  get room(): number {
    return this.#left;
  }
  spend(size: number): void {
    this.#left -= size;
  }

  #common(span: Span): void {
    span.text('misstep.run.format', this.format).text('misstep.run.id', this.id.slice(0, maxName));
  }

  #make(facts: SpanFacts, place: string): Span {
    const given = (identifier(facts.id) ?? '').slice(0, maxName);
    const native = nativeId(given, 16);
    const spanId = native !== undefined && !this.#ids.has(native) ? native : hash(16, this.format, this.id, place, given);
    this.#ids.add(spanId);
    return new Span(this, spanId, facts);
  }

  /** The body is a part of a run whose root another body tells: its spans stand below that root. */
  withoutRoot(): this {
    this.#rootless = true;
    return this;
  }

  /** One request with every span. `service` is what the framework runs as. */
  document(service: string): TraceDocument {
    if (this.#lost > 0) (this.#rootless ? this.#spans[0] : this.root)?.note(`${this.#lost} of ${this.#lost + maxSpans} steps`);
    const clock = new Clock(firstTime(this.root.facts) ?? this.#spans.map(({ facts }) => firstTime(facts)).find(isTime));
    const first = clock.now;
    const times = this.#spans.map(({ facts }) => clock.place(facts));
    const rootTimes = clock.last(this.root.facts, first);
    const spans = [
      ...(this.#rootless ? [] : [this.root.toJson(this.traceId, '', rootTimes)]),
      ...this.#spans.map((span, i) =>
        span.toJson(this.traceId, span.facts.parent?.spanId ?? span.facts.parentId ?? this.root.spanId, times[i]!),
      ),
    ];
    const document = {
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
          scopeSpans: [{ scope: { name: `webhook.${this.format}`, version: '1' }, spans }],
        },
      ],
    };
    if (!clock.known) timeless.set(document, clock.now);
    return document;
  }
}

/** Gives every step a place in time: as given, else one millisecond after what is known; ends never tie. */
class Clock {
  now: number;
  readonly #ends = new Map<number, number>();
  /** Some time is given. */
  readonly known: boolean;

  constructor(start: number | undefined) {
    this.known = isTime(start);
    this.now = isTime(start) ? start : epoch;
  }

  place(facts: SpanFacts): Times {
    const startMs = sane(facts.startMs);
    const endMs = sane(facts.endMs);
    const synthetic = startMs === undefined && endMs === undefined;
    if (synthetic) this.now += 1;
    const start = startMs ?? endMs ?? this.now;
    const end = Math.max(endMs ?? start, start);
    this.now = Math.max(this.now, end);
    return { startUs: micros(start), endUs: this.#apart(micros(end)), synthetic };
  }

  /** The root ends after its steps where nothing else is said. */
  last(facts: SpanFacts, first: number): Times {
    const start = sane(facts.startMs) ?? first;
    const end = Math.max(sane(facts.endMs) ?? this.now, start);
    return { startUs: micros(start), endUs: this.#apart(micros(end)), synthetic: !this.known };
  }

  #apart(end: number): number {
    const before = this.#ends.get(end) ?? 0;
    this.#ends.set(end, before + 1);
    return end + before;
  }
}

function firstTime({ startMs, endMs }: SpanFacts): number | undefined {
  return sane(startMs) ?? sane(endMs);
}

/** Sums of a payload's numbers may leave the range of times. */
function sane(ms: number | undefined): number | undefined {
  return isTime(ms) ? ms : undefined;
}

function micros(ms: number): number {
  return Math.round(ms * 1000);
}

/** The id as hex of `length` digits if it is that: as it stands or as a UUID. Zeros are no id. */
function nativeId(id: string, length: number): string | undefined {
  const bare =
    id.length === 36 && length === 32 && /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(id)
      ? id.replaceAll('-', '')
      : id;
  return bare.length === length && /^[0-9a-fA-F]+$/.test(bare) && !/^0+$/.test(bare) ? bare.toLowerCase() : undefined;
}

/** The span id of a step that the framework knows by an id of its own, whatever body it stands in. */
export function stableId(format: string, id: string): string {
  return hash(16, format, 'step', id);
}

function hash(length: number, ...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, length);
}

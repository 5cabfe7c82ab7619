/**
 * OTLP logs as input. Events of coding agents that export no spans become spans; content that instrumentation writes as events
 * beside its spans goes onto these, if the traces pass here too (docs/adr/0011).
 *
 * Acknowledgement: a batch of logs is acknowledged when the pipeline behind has taken the spans made of it; content that waits for
 * its span is kept in memory, bounded and counted. A batch of traces is acknowledged when it was handed on, also if it waited.
 */
import { z } from 'zod';
import { duration, mebibytes } from '../../config/units.ts';
import { type Batch, bodyOf, type Signal } from '../../src/batch/batch.ts';
import {
  type Component,
  type ConnectorFactory,
  type Consumer,
  type Counter,
  type Host,
  Permanent,
} from '../../src/component/component.ts';
import { decodeKeyValues } from '../../src/otlp/anyvalue.ts';
import { WireError } from '../../src/otlp/error.ts';
import type { Value } from '../../src/otlp/span.ts';
import { type TraceIndex, walkTraces } from '../../src/otlp/traces.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { Contents } from './contents.ts';
import { agentEvents, type Content, keyOf } from './events.ts';
import { awaited, join, keys } from './join.ts';
import type { SpanId } from './reading.ts';

/** Services that are known to write content as events. */
const MAX_SENDERS = 1_000;
/** A service that has written none for this long is not waited for. */
const FORGET_MS = 600_000;
const TICK_MS = 1_000;

const options = z.strictObject({
  wait: duration('2s', { max: '10s' }).describe(
    'How long a model call without content is held for its content, if its service writes content as events. The default is twice the delay of the SDKs’ log batches; 0 holds nothing.',
  ),
  keep: duration('2m').describe('How long content is kept for a span that has not come: a long model call, and the SDK’s batch.'),
  max_mib: mebibytes(64, { min: 1 }).describe('Content and held spans together, MiB.'),
  traced: z
    .boolean()
    .default(false)
    .describe('Make spans also of events of agents that trace themselves: for when their own spans go elsewhere.'),
});
type Options = z.output<typeof options>;

export const factory: ConnectorFactory<typeof options> = {
  kind: 'connector',
  type: 'agent_events',
  stability: 'alpha',
  summary: 'Makes spans of the log events of coding agents, and writes content that comes as log events onto its spans.',
  signals: ['logs', 'traces'],
  produces: ['traces'],
  options,
  create: (id, value, next) => new AgentEventsConnector(id, value, next),
};

interface Held {
  readonly batch: Batch;
  readonly index: TraceIndex;
  readonly missing: Set<string>;
  readonly release: (why: Release) => void;
}

type Release = 'complete' | 'timeout' | 'full' | 'shutdown';

class AgentEventsConnector implements Component, Consumer {
  private readonly id: string;
  private readonly options: Options;
  private readonly next: Consumer;
  private readonly held = new Set<Held>();
  /** Answers of batches that were held: shutdown waits for them. */
  private readonly answers = new Set<Promise<void>>();
  private contents: Contents;
  /** Service → monotonic ms of its last content. */
  private senders = new Map<string, number>();
  private heldBytes = 0;
  private host: Host | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly counters = new Map<string, Counter>();

  constructor(id: string, value: Options, next: ReadonlyMap<Signal, Consumer>) {
    this.id = id;
    this.options = value;
    this.next = next.get('traces') ?? {
      consume: () => Promise.reject(new Permanent('no pipeline of traces receives from agent_events', 13)),
    };
    this.contents = new Contents(this.maxBytes);
  }

  private get maxBytes(): number {
    return this.options.max_mib * 1_048_576;
  }

  async start(host: Host): Promise<void> {
    this.host = host;
    const labels = { connector: this.id };
    host.meter.observe(
      'misstep_agent_events_kept_bytes',
      labels,
      () => this.contents.bytes + this.heldBytes,
      'Content that waits for its span, and spans that wait for their content.',
    );
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
    host.status({ state: 'ok' });
  }

  /** Takes what waits, so that a reload loses nothing. */
  adopt(old: Component): void {
    if (!(old instanceof AgentEventsConnector)) return;
    old.releaseAll();
    this.contents = old.contents;
    this.senders = old.senders;
    old.contents = new Contents(0);
    old.senders = new Map();
  }

  consume(batch: Batch): Promise<void> | undefined {
    return batch.signal === 'logs' ? this.takeLogs(batch) : this.takeTraces(batch);
  }

  async shutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = undefined;
    this.releaseAll();
    await Promise.allSettled(this.answers);
    this.count('contents', 'shutdown', this.contents.clear());
  }

  private takeLogs(batch: Batch): Promise<void> | undefined {
    const { groups, spans, contents, counts } = wellFormed(() => agentEvents(bodyOf(batch), this.options.traced));
    for (const [result, n] of counts) this.count('records', result, n);
    const services = new Map<Uint8Array, string>();
    for (const content of contents) this.keep(content, batch.tenant, services);
    if (spans === 0) return undefined;
    const body = writeTraces(groups);
    const { tenant, metadata } = batch;
    const made: Batch = {
      signal: 'traces',
      chunks: [body],
      bytes: body.length,
      items: spans,
      generated: spans,
      tenant,
      ...(metadata ? { metadata } : {}),
    };
    return this.contents.size === 0 ? this.next.consume(made) : this.handOn(made, walkTraces(body, keys));
  }

  private keep(content: Content, tenant: string, services: Map<Uint8Array, string>): void {
    const now = this.now();
    this.count('contents', 'evicted', this.contents.add(tenant, content, now));
    if (!content.last) return;
    let service = services.get(content.resource);
    if (service === undefined) {
      service = tenant + serviceOf(attributesOf(content.resource));
      services.set(content.resource, service);
    }
    this.senders.delete(service);
    this.senders.set(service, now);
    if (this.senders.size > MAX_SENDERS) this.senders.delete(this.senders.keys().next().value as string);
    const key = tenant + keyOf(content);
    for (const held of this.held) if (held.missing.delete(key) && held.missing.size === 0) held.release('complete');
  }

  private takeTraces(batch: Batch): Promise<void> | undefined {
    if (this.contents.size === 0 && this.senders.size === 0) return this.next.consume(batch);
    const { tenant } = batch;
    const index = batch.index?.keys === keys ? batch.index : wellFormed(() => walkTraces(bodyOf(batch), keys));
    const missing =
      this.options.wait === 0 || this.senders.size === 0 || this.timer === undefined ? [] : this.awaited(index, tenant);
    if (missing.length === 0) return this.handOn(batch, index);
    if (this.heldBytes + this.contents.bytes + batch.bytes > this.maxBytes) {
      this.count('waits', 'full', 1);
      return this.handOn(batch, index);
    }
    return this.hold(batch, index, missing);
  }

  private awaited(index: TraceIndex, tenant: string): SpanId[] {
    const since = this.now() - FORGET_MS;
    return awaited(
      index,
      tenant,
      this.contents,
      (resource) => (this.senders.get(tenant + serviceOf(resource)) ?? Number.NEGATIVE_INFINITY) > since,
    );
  }

  /** One batch in, one out: it is acknowledged as the pipeline behind answers, only later. */
  private hold(batch: Batch, index: TraceIndex, missing: readonly SpanId[]): Promise<void> {
    const answer = new Promise<void>((resolve, reject) => {
      const release = (why: Release): void => {
        clearTimeout(timer);
        if (!this.held.delete(held)) return;
        this.heldBytes -= batch.bytes;
        this.count('waits', why, 1);
        try {
          resolve(this.handOn(batch, index));
        } catch (error) {
          reject(error);
        }
      };
      const timer = setTimeout(() => release('timeout'), this.options.wait);
      const held: Held = { batch, index, missing: new Set(missing.map((span) => batch.tenant + keyOf(span))), release };
      this.held.add(held);
      this.heldBytes += batch.bytes;
    });
    this.answers.add(answer);
    const settled = (): void => void this.answers.delete(answer);
    answer.then(settled, settled);
    return answer;
  }

  /** What was joined is forgotten when the pipeline behind has taken it: a batch that it refuses comes again. */
  private handOn(batch: Batch, index: TraceIndex): Promise<void> | undefined {
    const { tenant } = batch;
    const { chunks, spans } = join(index, tenant, this.contents);
    if (spans.length === 0) return this.next.consume(batch.chunks.length === 1 ? { ...batch, index } : batch);
    const { index: _walked, ...rest } = batch;
    const answer = this.next.consume({ ...rest, chunks, bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0) });
    const joined = (): void => {
      for (const span of spans) this.count('contents', 'joined', this.contents.taken(tenant, span));
    };
    if (answer === undefined) joined();
    return answer?.then(joined);
  }

  private tick(): void {
    const now = this.now();
    this.count('contents', 'expired', this.contents.expire(now - this.options.keep));
    for (const [service, at] of this.senders) {
      if (at > now - FORGET_MS) break;
      this.senders.delete(service);
    }
  }

  private releaseAll(): void {
    for (const held of [...this.held]) held.release('shutdown');
  }

  private now(): number {
    return this.host?.clock.monotonic() ?? 0;
  }

  private count(what: 'records' | 'contents' | 'waits', result: string, n: number): void {
    if (n === 0 || this.host === undefined) return;
    const name = `misstep_agent_events_${what}`;
    let counter = this.counters.get(`${name} ${result}`);
    if (counter === undefined) {
      counter = this.host.meter.counter(name, { connector: this.id, result }, help[what]);
      this.counters.set(`${name} ${result}`, counter);
    }
    counter.add(n);
  }
}

const help = {
  records: 'Log records by what became of them: a step, content of a span, or why neither.',
  contents: 'Pieces of content that waited for their span, by how that ended.',
  waits: 'Batches of spans that waited for content, by how that ended.',
} as const;

function wellFormed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) throw new Permanent(error.message, 3, { cause: error });
    throw error;
  }
}

function attributesOf(resource: Uint8Array): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  try {
    decodeKeyValues(Buffer.from(resource.buffer, resource.byteOffset, resource.byteLength), 0, resource.length, 10, 32, found);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return found;
}

/** Who writes: events and spans of one process name the same. */
function serviceOf(resource: ReadonlyMap<string, unknown>): string {
  const part = (key: string): string => {
    const value = resource.get(key);
    return typeof value === 'string' ? value.slice(0, 256) : '';
  };
  return `\n${part('service.namespace')}\n${part('service.name')}`;
}

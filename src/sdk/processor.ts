/**
 * A span processor of the OpenTelemetry SDK that detects in the program's own process: `new BasicTracerProvider({ spanProcessors:
 * [new MisstepSpanProcessor({ onFinding }), …] })`. It changes no span and exports none. Ended spans wait in a bounded queue and are
 * looked at between the program's own work; nothing that goes wrong here reaches the program.
 */
import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span as SdkSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { DetectorHost, type Emission } from '../detector/host.ts';
import type { Selection } from '../detector/options.ts';
import { dialectKeys } from '../dialects/keys.ts';
import type { Value } from '../otlp/span.ts';
import { walkTraces } from '../otlp/traces.ts';
import { type Attributes, type NewSpan, type SpanGroup, writeTraces } from '../otlp/write.ts';
import type { WindowOptions } from '../window/options.ts';
import { DetectorRegistry } from './registry.ts';
import { DetectionResult } from './result.ts';

export interface ProcessorOptions extends Selection {
  /** Called for each finding, and again when it grows. What it throws is counted and goes nowhere. */
  readonly onFinding: (result: DetectionResult) => void;
  /** A finding was taken back. */
  readonly onWithdrawn?: (result: DetectionResult) => void;
  /** Default: the shipped detectors. */
  readonly registry?: DetectorRegistry;
  /** Ended spans that wait; more are dropped and counted. Default 2,048, as the SDK's batch processor. */
  readonly maxQueueSize?: number;
  /** Bounds of windows; default those of the service with 1,000 open runs and 16 MiB of kept steps. */
  readonly windows?: Partial<WindowOptions>;
}

/** Spans of one turn, then the program goes on: with the cost of a step in `bench/step.ts` 1 to 2 ms. */
const BATCH = 16;
const TICK_MS = 1_000;
const WINDOWS: Partial<WindowOptions> = { maxRuns: 1_000, maxTailBytes: 16 * 1024 * 1024 };

export class MisstepSpanProcessor implements SpanProcessor {
  /** `dropped`: the queue was full; `errors`: spans that could not be read, detectors and callbacks that threw. */
  readonly counts = { ended: 0, dropped: 0, errors: 0, findings: 0 };
  private readonly options: ProcessorOptions;
  private readonly host: DetectorHost;
  private readonly queue: ReadableSpan[] = [];
  private readonly maxQueueSize: number;
  private readonly timer: NodeJS.Timeout;
  private scheduled = false;
  private closed = false;

  /** Throws if the selection names what is not there: that is the only error that a program sees. */
  constructor(options: ProcessorOptions) {
    const {
      registry = new DetectorRegistry(),
      maxQueueSize = 2_048,
      windows,
      onFinding: _,
      onWithdrawn: __,
      ...selection
    } = options;
    this.options = options;
    this.maxQueueSize = maxQueueSize;
    this.host = new DetectorHost({
      detectors: registry.select(selection),
      windows: { ...WINDOWS, ...windows },
      now: Date.now,
      onError: () => {
        this.counts.errors++;
      },
    });
    this.timer = setInterval(() => this.guarded(() => this.say(this.host.tick(Date.now()))), TICK_MS);
    this.timer.unref();
  }

  onStart(_span: SdkSpan, _parent: Context): void {}

  onEnd(span: ReadableSpan): void {
    if (this.closed) return;
    this.counts.ended++;
    if (this.queue.length >= this.maxQueueSize) {
      this.counts.dropped++;
      return;
    }
    this.queue.push(span);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.turn());
  }

  /** Looks at everything that waits, before it returns. Windows stay open. Never rejects. */
  forceFlush(): Promise<void> {
    while (this.queue.length > 0) this.look(this.queue.splice(0, BATCH));
    return Promise.resolve();
  }

  /** Looks at everything that waits and closes all windows, before it returns. Never rejects; spans that end later are not taken. */
  shutdown(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    clearInterval(this.timer);
    const flushed = this.forceFlush();
    this.guarded(() => this.say(this.host.end('shutdown')));
    return flushed;
  }

  private turn(): void {
    this.look(this.queue.splice(0, BATCH));
    this.scheduled = this.queue.length > 0;
    if (this.scheduled) setImmediate(() => this.turn());
  }

  private look(spans: readonly ReadableSpan[]): void {
    const groups: SpanGroup[] = [];
    for (const span of spans) this.guarded(() => groups.push(groupOf(span)));
    this.guarded(() => this.say(this.host.process(walkTraces(writeTraces(groups), dialectKeys), 'default')));
  }

  private say(emissions: readonly Emission[]): void {
    for (const { finding, label } of emissions) {
      this.counts.findings++;
      const tell = label === 'fail' ? this.options.onFinding : this.options.onWithdrawn;
      this.guarded(() => tell?.(new DetectionResult(finding)));
    }
  }

  private guarded(work: () => unknown): void {
    try {
      const result = work();
      // A callback may be async by mistake: its rejection must not end the program.
      if (result instanceof Promise) result.catch(() => this.counts.errors++);
    } catch {
      this.counts.errors++;
    }
  }
}

type HrTime = readonly [number, number];

function groupOf(span: ReadableSpan): SpanGroup {
  const context = span.spanContext();
  const written: NewSpan = {
    traceId: context.traceId,
    spanId: context.spanId,
    parentId: span.parentSpanContext?.spanId ?? '',
    name: span.name,
    kind: span.kind + 1,
    startNs: nanoseconds(span.startTime),
    endNs: nanoseconds(span.endTime),
    attributes: attributesOf(span.attributes),
    events: span.events.map(({ name, time, attributes = {} }) => ({
      name,
      timeNs: nanoseconds(time),
      attributes: attributesOf(attributes),
    })),
    links: [],
    ...(span.status.code === 0 ? {} : { status: { code: span.status.code, message: span.status.message ?? '' } }),
  };
  const { name, version = '' } = span.instrumentationScope;
  return { resource: attributesOf(span.resource.attributes), scope: { name, version }, spans: [written] };
}

/** Numbers, texts, booleans and lists of them; everything else is left out. */
function attributesOf(attributes: Readonly<Record<string, unknown>>): Attributes {
  const plain: Record<string, Value> = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (Array.isArray(value)) plain[key] = value.filter(isPlain);
    else if (isPlain(value)) plain[key] = value;
  }
  return plain;
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function nanoseconds([seconds, nanos]: HrTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}

/** Runs detectors over traces in this process: no service, no store. */
import { overridden } from '../detector/choice.ts';
import type { Finding } from '../detector/finding.ts';
import type { ActiveDetector } from '../detector/fold.ts';
import { DetectorHost, type Emission } from '../detector/host.ts';
import type { Selection } from '../detector/options.ts';
import { isSuppressed, type TenantOverrides } from '../detector/overrides.ts';
import { dialectKeys } from '../dialects/keys.ts';
import { documentToProtobuf } from '../otlp/json.ts';
import { walkTraces } from '../otlp/traces.ts';
import type { WindowOptions } from '../window/options.ts';
import { DetectorRegistry } from './registry.ts';
import { DetectionResult } from './result.ts';
import { ScoringEngine, Thresholds } from './scoring.ts';
import { Span, type SpanFacts, Trace } from './trace.ts';

/** A trace built here, an OTLP/JSON document (`{resourceSpans: […]}`), or an ExportTraceServiceRequest in protobuf. */
export type TraceInput = Trace | Uint8Array | object;

export interface Analysis {
  /** Strongest first. Nothing is left out for being weak. */
  readonly detections: readonly DetectionResult[];
  /** 0–100, `ScoringEngine.calculateSeverity`. */
  readonly severity: number;
  readonly shouldBlock: boolean;
  /** By detector, why it could not look in at least one window: blind is not healthy. */
  readonly blind: ReadonlyMap<string, string>;
  /** Detectors that threw; what they would have found is not known. */
  readonly errors: readonly { readonly detector: string; readonly message: string }[];
}

export interface OrchestratorOptions extends Selection {
  /** Default: the shipped detectors. */
  readonly registry?: DetectorRegistry;
  /** Default: warn 40, block 60. */
  readonly thresholds?: Thresholds;
}

/** Runs of one call: memory is bounded by what is handed in, not by what stays open. */
const WHOLE: Partial<WindowOptions> = { maxTail: 100_000, maxTailBytes: 1024 * 1024 * 1024, maxSeen: 1_000_000, maxRuns: 10_000 };
/** A host takes its room for runs when it is made: 8 ms for the 100,000 of a service, and here there is one. */
const ONE: Partial<WindowOptions> = { maxRuns: 8 };

export class DetectionOrchestrator {
  readonly scoring: ScoringEngine;
  readonly detectors: readonly ActiveDetector[];
  private readonly moved = new WeakMap<TenantOverrides, readonly ActiveDetector[]>();

  /** Throws if the selection names what is not there. */
  constructor({ registry = new DetectorRegistry(), thresholds = new Thresholds(), ...selection }: OrchestratorOptions = {}) {
    this.scoring = new ScoringEngine(thresholds);
    this.detectors = registry.select(selection);
  }

  /** All detectors over the whole of one or more traces. Rejects if the input is no trace. */
  async analyze(...traces: readonly TraceInput[]): Promise<Analysis> {
    const taken = new Taken();
    const blind = new Map<string, string>();
    const host = this.host(taken, {
      windows: WHOLE,
      onCoverage: ({ detector, outcome, reason }) => {
        if (outcome === 'insufficient_data') blind.set(detector.meta.id, reason ?? 'no data');
      },
    });
    for (const trace of traces) taken.take(host.process(walkTraces(bytesOf(trace), dialectKeys), 'default'));
    taken.take(host.end('end_of_input'));
    return this.analysis([...taken.findings.values()], blind, taken.errors);
  }

  /**
   * Findings as they come: each is yielded when it is first said and again when it grows (same id, higher revision). What is
   * taken back later is not. The end of the stream closes every window. Open windows are bounded as in the service.
   */
  async *analyzeStream(traces: AsyncIterable<TraceInput> | Iterable<TraceInput>): AsyncGenerator<DetectionResult> {
    const taken = new Taken();
    const host = this.host(taken);
    const said = (emissions: readonly Emission[]) =>
      emissions.flatMap(({ finding, label }) => (label === 'fail' ? [new DetectionResult(finding)] : []));
    for await (const trace of traces) yield* said(host.process(walkTraces(bytesOf(trace), dialectKeys), 'default'));
    yield* said(host.end('end_of_input'));
  }

  /**
   * What the detectors say of one more span after those of `context`, while the run goes on: the span is not kept. `overrides`: what the tenant
   * has set moves options and silences findings, as in `detect`.
   */
  analyzeRealtime(span: Span | SpanFacts, context: Trace = new Trace(), overrides?: TenantOverrides): Analysis {
    const one = span instanceof Span ? span : new Span(span);
    const taken = new Taken();
    const detectors = overrides === undefined ? this.detectors : this.movedBy(overrides);
    const host = this.host(taken, { windows: ONE, detectors });
    const emissions = host.process(walkTraces(context.toOtlp([...context.spans, one]), dialectKeys), 'default');
    taken.take(emissions.filter(({ finding, emit }) => finding.confidence * (emit?.scaling ?? 1) >= (emit?.above ?? 0)));
    const about = [...taken.findings.values()].filter(
      (finding) =>
        (finding.at.spanId === one.spanId || finding.evidence.some(({ spanId }) => spanId === one.spanId)) &&
        !isSuppressed(overrides?.suppress ?? [], finding, one.endMs),
    );
    return this.analysis(about, new Map(), taken.errors);
  }

  private movedBy(overrides: TenantOverrides): readonly ActiveDetector[] {
    const known = this.moved.get(overrides);
    if (known !== undefined) return known;
    const { detectors } = overridden(this.detectors, overrides, undefined);
    this.moved.set(overrides, detectors);
    return detectors;
  }

  private host(taken: Taken, more: Partial<ConstructorParameters<typeof DetectorHost>[0]> = {}): DetectorHost {
    return new DetectorHost({
      detectors: this.detectors,
      cooldownMs: 0,
      onError: (detector, _window, error) => taken.errors.push({ detector: detector.meta.id, message: String(error) }),
      ...more,
    });
  }

  private analysis(findings: readonly Finding[], blind: ReadonlyMap<string, string>, errors: Analysis['errors']): Analysis {
    const detections = findings
      .map((finding) => new DetectionResult(finding))
      .sort((a, b) => this.scoring.score(b) - this.scoring.score(a) || (a.id < b.id ? -1 : 1));
    const severity = this.scoring.calculateSeverity(detections);
    return { detections, severity, shouldBlock: this.scoring.thresholds.verdict(severity) === 'block', blind, errors };
  }
}

/** The last revision of each finding, without those taken back. */
class Taken {
  readonly findings = new Map<string, Finding>();
  readonly errors: { detector: string; message: string }[] = [];

  take(emissions: readonly Emission[]): void {
    for (const { finding, label } of emissions) {
      if (label === 'fail') this.findings.set(finding.id, finding);
      else this.findings.delete(finding.id);
    }
  }
}

/** Throws a TypeError for what is no trace. */
function bytesOf(input: TraceInput): Uint8Array {
  if (input instanceof Uint8Array) return input;
  if (input instanceof Trace) return input.toOtlp();
  const document = typeof input === 'object' && input !== null && ('resourceSpans' in input || 'resource_spans' in input);
  if (!document) throw new TypeError('trace: must be a Trace, an OTLP/JSON document with resourceSpans, or OTLP in protobuf.');
  return documentToProtobuf('traces', input).body;
}

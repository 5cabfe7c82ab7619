/** A recorded run through a host of its own: time is that of the spans, nothing closes before the end. */
import { dialectKeys } from '../dialects/keys.ts';
import type { NormalisedSpan } from '../dialects/normalise.ts';
import { walkTraces } from '../otlp/traces.ts';
import type { Finding } from './finding.ts';
import type { ActiveDetector } from './fold.ts';
import { type Coverage, DetectorHost, type Emission } from './host.ts';

export interface Played {
  /** The last revision of each, without those withdrawn; by trace, then time. */
  readonly findings: readonly Finding[];
  readonly coverage: readonly Coverage[];
  readonly steps: readonly NormalisedSpan[];
  /** What went wrong in detectors, as sentences. */
  readonly problems: readonly string[];
}

/** Of one window: what may be folded again. */
const MAX_TAIL_BYTES = 1024 * 1024 * 1024;

export class Player {
  readonly #findings = new Map<string, Finding>();
  readonly #coverage: Coverage[] = [];
  readonly #steps: NormalisedSpan[] = [];
  readonly #problems: string[] = [];
  readonly #host: DetectorHost;

  constructor(detectors: readonly ActiveDetector[]) {
    this.#host = new DetectorHost({
      detectors,
      windows: { maxTail: 100_000, maxTailBytes: MAX_TAIL_BYTES, maxSeen: 1_000_000, maxRuns: 200_000 },
      cooldownMs: 0,
      onCoverage: (one) => this.#coverage.push(one),
      onError: (detector, window, error) =>
        this.#problems.push(`detector ${detector.meta.id} failed in ${window.key}: ${String(error)}`),
      onStep: (step) => this.#steps.push(step),
    });
  }

  /** An ExportTraceServiceRequest. Throws `WireError` if it is none. */
  play(body: Uint8Array): void {
    this.#take(this.#host.process(walkTraces(body, dialectKeys), 'default'));
  }

  /** Closes all windows. Nothing is played after it. */
  end(): Played {
    this.#take(this.#host.end('end_of_input'));
    const findings = [...this.#findings.values()].sort((a, b) =>
      a.at.traceId < b.at.traceId ? -1 : a.at.traceId > b.at.traceId ? 1 : a.atMs - b.atMs || (a.id < b.id ? -1 : 1),
    );
    return { findings, coverage: this.#coverage, steps: this.#steps, problems: this.#problems };
  }

  #take(emissions: readonly Emission[]): void {
    for (const { finding, label } of emissions) {
      if (label === 'fail') this.#findings.set(finding.id, finding);
      else this.#findings.delete(finding.id);
    }
  }
}

/** A recorded run through a host of its own: time is that of the spans, nothing closes before the end. */
import { dialectKeys } from '../dialects/keys.ts';
import type { NormalisedSpan } from '../dialects/normalise.ts';
import { type TraceIndex, walkTraces } from '../otlp/traces.ts';
import type { Finding } from './finding.ts';
import type { ActiveDetector } from './fold.ts';
import { type Coverage, DetectorHost, type Emission } from './host.ts';

export interface Played {
  /** The last revision of each, without those withdrawn; by trace, then time. */
  readonly findings: readonly Finding[];
  /** The same as they were said, in the same order: for whoever writes them on. */
  readonly emissions: readonly Emission[];
  readonly coverage: readonly Coverage[];
  readonly steps: readonly NormalisedSpan[];
  /** What went wrong in detectors, as sentences. */
  readonly problems: readonly string[];
  /** Detectors that threw. */
  readonly failed: ReadonlySet<string>;
}

/** Of one window: what may be folded again. */
const MAX_TAIL_BYTES = 1024 * 1024 * 1024;

export class Player {
  readonly #tenant: string;
  readonly #said = new Map<string, Emission>();
  readonly #coverage: Coverage[] = [];
  readonly #steps: NormalisedSpan[] = [];
  readonly #problems: string[] = [];
  readonly #failed = new Set<string>();
  readonly #host: DetectorHost;

  constructor(detectors: readonly ActiveDetector[], tenant = 'default') {
    this.#tenant = tenant;
    this.#host = new DetectorHost({
      detectors,
      windows: { maxTail: 100_000, maxTailBytes: MAX_TAIL_BYTES, maxSeen: 1_000_000, maxRuns: 200_000 },
      cooldownMs: 0,
      onCoverage: (one) => this.#coverage.push(one),
      onError: (detector, window, error) => {
        this.#failed.add(detector.meta.id);
        this.#problems.push(`detector ${detector.meta.id} failed in ${window.key}: ${String(error)}`);
      },
      onStep: (step) => this.#steps.push(step),
    });
  }

  /** An ExportTraceServiceRequest, of which it returns the index. Throws `WireError` if it is none. */
  play(body: Uint8Array): TraceIndex {
    const index = walkTraces(body, dialectKeys);
    this.#take(this.#host.process(index, this.#tenant));
    return index;
  }

  /** Closes all windows. Nothing is played after it. */
  end(): Played {
    this.#take(this.#host.end('end_of_input'));
    const emissions = [...this.#said.values()].sort(({ finding: a }, { finding: b }) =>
      a.at.traceId < b.at.traceId ? -1 : a.at.traceId > b.at.traceId ? 1 : a.atMs - b.atMs || (a.id < b.id ? -1 : 1),
    );
    return {
      findings: emissions.map(({ finding }) => finding),
      emissions,
      coverage: this.#coverage,
      steps: this.#steps,
      problems: this.#problems,
      failed: this.#failed,
    };
  }

  #take(emissions: readonly Emission[]): void {
    for (const emission of emissions) {
      if (emission.label === 'fail') this.#said.set(emission.finding.id, emission);
      else this.#said.delete(emission.finding.id);
    }
  }
}

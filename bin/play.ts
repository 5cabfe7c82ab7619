/** Recorded payloads through the same operators as live. */
import { detect, minConfidence } from '../receivers/webhook/conversation/shapes.ts';
import type { Finding } from '../src/detector/finding.ts';
import type { ActiveDetector } from '../src/detector/fold.ts';
import { type Coverage, DetectorHost, type Emission } from '../src/detector/host.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import type { NormalisedSpan } from '../src/dialects/normalise.ts';
import { documentToProtobuf } from '../src/otlp/json.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { documents, streamOf, streams, tell } from './formats.ts';

/** 1 GiB: a whole recording is in memory while it is played. */
export const MAX_BYTES = 1024 * 1024 * 1024;

export interface PlayedBodies {
  /** The last revision of each, without those withdrawn; by trace, then time. */
  readonly findings: readonly Finding[];
  readonly coverage: readonly Coverage[];
  readonly steps: readonly NormalisedSpan[];
  readonly problems: readonly string[];
  /** Why the bodies ended before their end; what came before stands above. */
  readonly error: unknown;
}

/** Requests of one recording through a host of its own. Time is that of the spans; the end closes all windows. */
export async function playBodies(
  bodies: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  detectors: readonly ActiveDetector[],
): Promise<PlayedBodies> {
  const findings = new Map<string, Finding>();
  const coverage: Coverage[] = [];
  const steps: NormalisedSpan[] = [];
  const problems: string[] = [];
  let failed: unknown;
  const host = new DetectorHost({
    detectors,
    windows: { maxTail: 100_000, maxTailBytes: MAX_BYTES, maxSeen: 1_000_000, maxRuns: 200_000 },
    cooldownMs: 0,
    onCoverage: (one) => coverage.push(one),
    onError: (detector, window, error) => problems.push(`detector ${detector.meta.id} failed in ${window.key}: ${String(error)}`),
    onStep: (step) => steps.push(step),
  });
  const take = (emissions: readonly Emission[]): void => {
    for (const { finding, label } of emissions) {
      if (label === 'fail') findings.set(finding.id, finding);
      else findings.delete(finding.id);
    }
  };
  try {
    for await (const body of bodies) take(host.process(walkTraces(body, dialectKeys), 'default'));
  } catch (error) {
    failed = error ?? new Error('unknown');
  }
  take(host.end('end_of_input'));
  const sorted = [...findings.values()].sort((a, b) =>
    a.at.traceId < b.at.traceId ? -1 : a.at.traceId > b.at.traceId ? 1 : a.atMs - b.atMs || (a.id < b.id ? -1 : 1),
  );
  return { findings: sorted, coverage, steps, problems, error: failed };
}

/** A payload as requests; `told` hears what `auto` took it for. */
export function* bodiesOf(payload: unknown, format: string, told: Map<string, string>): Generator<Uint8Array> {
  const seen = format === 'auto' ? tell(payload) : undefined;
  // OTLP is what files hold if nothing is said.
  if (seen !== undefined && seen.format !== 'otlp' && !told.has(seen.format))
    told.set(seen.format, `read as ${seen.format}, confidence ${seen.confidence} (${seen.why})`);
  for (const document of documents(seen?.format ?? format, payload)) yield documentToProtobuf('traces', document).body;
}

/** A list is many payloads, unless its elements are the records of one stream or the turns of one conversation. */
export function payloadsOf(whole: unknown, format: string, stream: boolean): readonly unknown[] {
  if (stream || !Array.isArray(whole) || streams.has(format) || streamOf(whole[0]) !== undefined) return [whole];
  const one = format === 'conversation' || format === 'auto' ? detect(whole).confidence >= minConfidence : false;
  return one ? [whole] : whole;
}

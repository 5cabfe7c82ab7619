/** Recordings cut into requests, and what normalisation makes of them: for tests and the replay's own checks. */
import { spanReader } from '../../otlp/span.ts';
import { walkTraces } from '../../otlp/traces.ts';
import { dialectKeys } from '../keys.ts';
import { isAgentSpan, type NormalisedSpan, normalise } from '../normalise.ts';
import { type StepRecord, stepRecord } from '../record.ts';
import { type Changed, createResolver } from '../resolve.ts';

interface SpanDocument {
  readonly traceId: string;
  readonly spanId: string;
  readonly endTimeUnixNano?: string;
}

/** OTLP/JSON, as much of it as cutting needs. */
export interface TracesDocument {
  readonly resourceSpans: readonly {
    readonly resource?: unknown;
    readonly schemaUrl?: string;
    readonly scopeSpans: readonly {
      readonly scope?: unknown;
      readonly schemaUrl?: string;
      readonly spans: readonly SpanDocument[];
    }[];
  }[];
}

export function whole(document: TracesDocument): TracesDocument[] {
  return [document];
}

/** One span a request, each with its resource and scope. */
function single(document: TracesDocument): { readonly span: SpanDocument; readonly request: TracesDocument }[] {
  return document.resourceSpans.flatMap((resourceSpans) =>
    resourceSpans.scopeSpans.flatMap((scopeSpans) =>
      scopeSpans.spans.map((span) => ({
        span,
        request: { resourceSpans: [{ ...resourceSpans, scopeSpans: [{ ...scopeSpans, spans: [span] }] }] },
      })),
    ),
  );
}

/** One span a request, in the order in which spans end: how a live program sends them. */
export function inEndOrder(document: TracesDocument): TracesDocument[] {
  const end = (span: SpanDocument) => BigInt(span.endTimeUnixNano ?? 0);
  return single(document)
    .sort((a, b) => (end(a.span) < end(b.span) ? -1 : end(a.span) > end(b.span) ? 1 : 0))
    .map((item) => item.request);
}

/** One span a request, in an order that only the seed decides. */
export function shuffled(document: TracesDocument, seed = 7): TracesDocument[] {
  const requests = single(document).map((item) => item.request);
  let state = seed;
  for (let i = requests.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = state % (i + 1);
    [requests[i], requests[j]] = [requests[j]!, requests[i]!];
  }
  return requests;
}

export interface Seen {
  readonly spans: number;
  readonly traces: number;
  readonly steps: readonly NormalisedSpan[];
  readonly records: readonly StepRecord[];
  readonly changes: readonly Changed[];
}

/** Requests through walk, normalisation and one resolver, as a window does it; steps outlive their requests. */
export function recordsOf(bodies: readonly Uint8Array[], limits: Parameters<typeof createResolver>[0] = {}): Seen {
  const reader = spanReader();
  const resolver = createResolver(limits);
  const steps: NormalisedSpan[] = [];
  const changes: Changed[] = [];
  const traces = new Set<string>();
  let spans = 0;
  for (const body of bodies) {
    const index = walkTraces(body, dialectKeys);
    for (let row = 0; row < index.spanCount; row++) {
      reader.at(index, row);
      spans++;
      traces.add(reader.traceId());
      const step = isAgentSpan(reader) ? normalise(reader, 'default') : undefined;
      if (step === undefined) {
        changes.push(...resolver.addLink(reader.spanId(), reader.parentId(), reader.traceId()));
        continue;
      }
      step.detach();
      steps.push(step);
      changes.push(...resolver.add(step));
    }
  }
  return { spans, traces: traces.size, steps, changes, records: steps.map((step) => stepRecord(step, 'test')) };
}

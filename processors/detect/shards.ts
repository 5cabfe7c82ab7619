/**
 * Which worker looks at which span. A run (a session, or a trace that names none) lives in one worker; a trace goes where its
 * session lives, and as long as none of its spans names one, where its id says. What binds a trace to a session here is what binds
 * it in a `DetectorHost`: the last step that names one.
 */

import type { BoundTrace } from '../../src/detector/host.ts';
import { sessionKey, sessionOfKey } from '../../src/detector/run.ts';
import { rowId } from '../../src/dialects/keys.ts';
import { sessionOfStep } from '../../src/dialects/normalise.ts';
import { type SpanReader, spanReader } from '../../src/otlp/span.ts';
import { SPAN, type TraceIndex } from '../../src/otlp/traces.ts';
import { hash53 } from '../../src/text/hash.ts';

const OWN_SCOPE = 'misstep';
const ownMark = rowId('misstep.detections');

/** Where a trace is looked at. Known as long as a worker knows the trace. */
interface Place {
  shard: number;
  sessionId: string | undefined;
  /** Number of the last message to that worker that had something of the trace. */
  sent: number;
}

/** Steps of one run in one request. */
export interface Share {
  /** As the host names the run: `sessionKey`, or `trace:<tenant>|<id>`. */
  readonly run: string;
  readonly rows: number[];
  /** `<tenant>|<trace id>`. */
  readonly traces: Set<string>;
  bytes: number;
}

/** What one worker is to see of a request. */
export interface Part {
  readonly shares: Map<string, Share>;
  /** Spans that are no steps, of traces that it knows: they link children to parents. */
  readonly links: number[];
}

/** A trace whose session, named only now, lives with another worker. */
export interface Move {
  readonly tenant: string;
  readonly traceId: string;
  readonly from: number;
  readonly to: number;
}

export interface Routed {
  /** By worker; absent if it has nothing to see. */
  readonly parts: readonly (Part | undefined)[];
  readonly moves: readonly Move[];
}

/** As if a first message had brought it. */
const RESTORED = 1;

export class Shards {
  readonly counts = { spans: 0, agentSpans: 0, own: 0 };
  private readonly count: number;
  private readonly places = new Map<string, Place>();
  private readonly reader: SpanReader = spanReader();

  constructor(count: number) {
    this.count = count;
  }

  route(index: TraceIndex, tenant: string): Routed {
    const { reader, counts } = this;
    counts.spans += index.spanCount;
    const others: number[] = [];
    const steps: number[] = [];
    const traces: string[] = [];
    const moves: Move[] = [];
    for (let row = 0; row < index.spanCount; row++) {
      const isAgent = index.isAgent(row);
      reader.at(index, row);
      const step = isAgent ? sessionOfStep(reader) : undefined;
      if (isAgent) counts.agentSpans++;
      if (!step) {
        if (isAgent && reader.scopeName() === OWN_SCOPE) counts.own++;
        if (this.places.size > 0 || steps.length > 0) others.push(row);
        continue;
      }
      if (reader.has(ownMark)) counts.own++;
      const traceId = reader.traceId();
      steps.push(row);
      traces.push(traceId);
      // Before any step is given away: a session named by one of them is that of its whole trace.
      if (step.sessionId !== undefined) this.bind(tenant, traceId, step.sessionId, moves);
    }
    const parts: (Part | undefined)[] = new Array(this.count).fill(undefined);
    steps.forEach((row, i) => {
      this.add(parts, index, row, tenant, traces[i] as string);
    });
    for (const row of others) {
      const place = this.places.get(`${tenant}|${reader.at(index, row).traceId()}`);
      if (place) partOf(parts, place.shard).links.push(row);
    }
    return { parts, moves };
  }

  /** A message with something of these traces was sent to the worker of each. */
  sent(traces: Iterable<string>, message: number): void {
    for (const trace of traces) {
      const place = this.places.get(trace);
      if (place) place.sent = message;
    }
  }

  /** A worker that has seen the messages up to `message` no longer knows this trace. */
  forget(trace: string, shard: number, message: number): void {
    const place = this.places.get(trace);
    if (place?.shard === shard && place.sent <= message) this.places.delete(trace);
  }

  /** Nothing of these was sent after all. */
  unsent(traces: Iterable<string>): void {
    for (const trace of traces) if (this.places.get(trace)?.sent === 0) this.places.delete(trace);
  }

  /** The worker that has a run, by its key. */
  shardOfRun(key: string): number {
    const sessionId = sessionOfKey(key);
    if (sessionId === undefined) return this.shardOf(key.slice('trace:'.length));
    const tenant = key.slice(key.indexOf(':', 'session:'.length) + 1, key.length - sessionId.length - 1);
    return this.shardOf(`${tenant}|${sessionId}`);
  }

  /** A worker has taken up this trace. A move is due if another has the rest of it. */
  restore({ trace, sessionId }: BoundTrace, shard: number): Move | undefined {
    const place = this.places.get(trace);
    if (place === undefined || (place.sessionId === undefined && sessionId !== undefined)) {
      this.places.set(trace, { shard, sessionId, sent: RESTORED });
    }
    const to = this.places.get(trace)?.shard as number;
    const from = to === shard ? (place?.shard ?? shard) : shard;
    if (from === to) return undefined;
    const at = trace.lastIndexOf('|');
    return { tenant: trace.slice(0, at), traceId: trace.slice(at + 1), from, to };
  }

  /** The runs of a worker that is gone. Its traces are forgotten. */
  lose(shard: number): Set<string> {
    const runs = new Set<string>();
    for (const [trace, place] of this.places) {
      if (place.shard !== shard) continue;
      runs.add(runName(trace, place.sessionId));
      this.places.delete(trace);
    }
    return runs;
  }

  private bind(tenant: string, traceId: string, sessionId: string, moves: Move[]): void {
    const trace = `${tenant}|${traceId}`;
    const place = this.places.get(trace);
    if (place?.sessionId === sessionId) return;
    const shard = this.shardOf(`${tenant}|${sessionId}`);
    if (!place) {
      this.places.set(trace, { shard, sessionId, sent: 0 });
      return;
    }
    if (place.shard !== shard) {
      moves.push({ tenant, traceId, from: place.shard, to: shard });
      place.sent = 0;
    }
    place.shard = shard;
    place.sessionId = sessionId;
  }

  private add(parts: (Part | undefined)[], index: TraceIndex, row: number, tenant: string, traceId: string): void {
    const trace = `${tenant}|${traceId}`;
    let place = this.places.get(trace);
    if (!place) {
      place = { shard: this.shardOf(trace), sessionId: undefined, sent: 0 };
      this.places.set(trace, place);
    }
    const run = runName(trace, place.sessionId);
    const { shares } = partOf(parts, place.shard);
    let share = shares.get(run);
    if (!share) {
      share = { run, rows: [], traces: new Set(), bytes: 0 };
      shares.set(run, share);
    }
    share.rows.push(row);
    share.traces.add(trace);
    share.bytes += (index.spans[row * SPAN.width + SPAN.end] as number) - (index.spans[row * SPAN.width + SPAN.tag] as number);
  }

  private shardOf(key: string): number {
    return hash53(key) % this.count;
  }
}

function partOf(parts: (Part | undefined)[], shard: number): Part {
  const found = parts[shard] ?? { shares: new Map(), links: [] };
  parts[shard] = found;
  return found;
}

function runName(trace: string, sessionId: string | undefined): string {
  return sessionId === undefined ? `trace:${trace}` : sessionKey(trace.slice(0, trace.lastIndexOf('|')), sessionId);
}

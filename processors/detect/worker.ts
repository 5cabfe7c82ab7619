/** The inside of a worker: a `DetectorHost` that answers messages, one after the other. What they say is all plain data. */
import { parentPort, workerData } from 'node:worker_threads';
import { Choices } from '../../src/detector/choice.ts';
import type { EndReason, Tier } from '../../src/detector/detector.ts';
import type { Timing } from '../../src/detector/fold.ts';
import { type BoundTrace, DetectorHost, type Emission, type HostCounts, noCounts } from '../../src/detector/host.ts';
import { Journal, type Numbers } from '../../src/detector/journal.ts';
import { activate, type DetectorConfig, type ShippedDetector } from '../../src/detector/options.ts';
import type { Overrides } from '../../src/detector/overrides.ts';
import type { Missed, Said } from '../../src/detector/run.ts';
import type { Source } from '../../src/detector/sources.ts';
import { type OffIn, Watch } from '../../src/detector/watch.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import type { Link } from '../../src/dialects/resolve.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import type { WindowOptions } from '../../src/window/options.ts';
import { type Ended, openOf, Tally } from './account.ts';
import { withOwn } from './own.ts';
import { type Changes, Recorder, type StoredRecord } from './recorder.ts';

/** Of one turn, for packing: messages that come meanwhile wait no longer. */
const SLICE_MS = 2;

/** What every worker of one `detect` is started with. */
export interface WorkerSetup {
  readonly tiers: readonly Tier[];
  readonly detectors: DetectorConfig;
  readonly rules: readonly Rule[];
  readonly windows: Partial<WindowOptions>;
  readonly cooldownMs: number;
  readonly overrunMs: number;
  readonly embedding: boolean;
}

/** What one worker is started with. */
export interface WorkerData {
  readonly setup: WorkerSetup;
  readonly cell: SharedArrayBuffer;
  readonly leftOut: LeftOut;
  readonly overrides: Overrides;
  /** Detectors that are off from the start: in all windows, or in one. */
  readonly off: readonly string[];
  readonly offIn: readonly OffIn[];
  /** Runs that were lost with the worker before. */
  readonly lost: readonly string[];
  /** Of its journal; absent if its windows end with it. */
  readonly numbers: Numbers | undefined;
}

/** What the detectors go without while the process is behind. */
export interface LeftOut {
  readonly text: boolean;
  readonly embeddings: boolean;
}

/** With every message: the time, and when spans were last passed on unread; Unix ms. */
export interface Times {
  readonly nowMs: number;
  readonly passedMs: number;
}

export type ToWorker =
  | { readonly kind: 'restore'; readonly records: readonly StoredRecord[] }
  | { readonly kind: 'spans'; readonly tenant: string; readonly body: Uint8Array; readonly shed: readonly string[] }
  | { readonly kind: 'give'; readonly tenant: string; readonly traceId: string }
  | { readonly kind: 'receive'; readonly tenant: string; readonly traceId: string; readonly given: Given }
  | { readonly kind: 'off'; readonly detector: string }
  | { readonly kind: 'tick' }
  | { readonly kind: 'leave_out'; readonly leftOut: LeftOut }
  | { readonly kind: 'override'; readonly overrides: Overrides }
  | { readonly kind: 'end'; readonly reason: EndReason };

/** A run without a session on its way to the worker that has its session. */
export interface Given {
  /** One request. */
  readonly body: Uint8Array;
  readonly links: readonly Link[];
  readonly seen: readonly string[];
  readonly said: readonly Said[];
}

export interface Answer {
  readonly emissions: readonly Emission[];
  readonly changes: Changes | undefined;
  readonly given: Given | undefined;
  /** Traces that it no longer knows. */
  readonly forgotten: readonly string[];
  readonly coverage: readonly Ended[];
  readonly errors: readonly { readonly detector: string; readonly window: string; readonly message: string }[];
  readonly counts: HostCounts;
  readonly openRuns: number;
  readonly keptBytes: number;
  readonly packedRuns: number;
  /** Only of `restore`: the traces of its runs, and what could not be read. */
  readonly bound?: readonly BoundTrace[] | undefined;
  readonly unreadable?: readonly string[] | undefined;
  /** When there is a new one. */
  readonly sources?: readonly Source[] | undefined;
  /** Only of a tick. */
  readonly open?: readonly Ended[] | undefined;
  readonly timings?: readonly Timing[] | undefined;
}

/** Runs this thread as a worker of `detect`; the first thing it says is `ready`. */
export function serve(shipped: readonly ShippedDetector[], embeddingTable?: () => Uint8Array): void {
  const port = parentPort;
  if (!port) throw new Error('The worker of detect is no program of its own: `detect: {workers: N}` starts it.');
  const inside = new Inside(workerData as WorkerData, shipped, embeddingTable);
  const say = (answer: Answer): void => {
    const buffers = (answer.changes?.puts ?? []).map(({ bytes }) => bytes.buffer as ArrayBuffer);
    if (answer.given) buffers.push(answer.given.body.buffer as ArrayBuffer);
    port.postMessage(answer, buffers);
  };
  // Whoever sends a `restore` sends nothing more before it is answered.
  port.on('message', (message: ToWorker & Times) => {
    if (message.kind === 'restore') void inside.restore(message).then(say);
    else say(inside.answer(message));
  });
  port.postMessage('ready');
}

class Inside {
  private readonly host: DetectorHost;
  private readonly recorder = new Recorder();
  private readonly choice: Choices;
  private readonly watch: Watch;
  private readonly table: (() => Uint8Array) | undefined;
  private nowMs = 0;
  private passedMs = Number.NEGATIVE_INFINITY;
  private forgotten = new Set<string>();
  private errors: Answer['errors'][number][] = [];
  private sources: readonly Source[] = [];
  private readonly tally = new Tally();

  constructor(
    { setup, cell, leftOut, overrides, off, offIn, lost, numbers }: WorkerData,
    shipped: readonly ShippedDetector[],
    embeddingTable: (() => Uint8Array) | undefined,
  ) {
    this.table = setup.embedding ? embeddingTable : undefined;
    const { active } = activate(withOwn(shipped, setup.rules), { tiers: setup.tiers, detectors: setup.detectors });
    const ids = active.map(({ detector }) => detector.meta.id);
    this.watch = new Watch({ overrunMs: setup.overrunMs, monotonic: () => performance.now(), cell, ids });
    for (const detector of off) this.watch.turnOff(detector);
    for (const one of offIn) this.watch.turnOffIn(one);
    this.choice = new Choices(active);
    this.choice.set(overrides);
    this.host = new DetectorHost({
      detectors: active,
      choice: this.choice,
      windows: setup.windows,
      cooldownMs: setup.cooldownMs,
      now: () => this.nowMs,
      monotonic: () => performance.now(),
      watch: this.watch,
      ...(numbers === undefined ? {} : { journal: new Journal(this.recorder, 'windows', numbers) }),
      onForgotten: (trace) => this.forgotten.add(trace),
      onCoverage: (one) => this.tally.add(one),
      onError: (detector, window, error) =>
        this.errors.push({
          detector: detector.meta.id,
          window: window.key,
          message: error instanceof Error ? error.message : String(error),
        }),
    });
    this.host.miss(lost, 'restarted' satisfies Missed);
    this.leaveOut(leftOut);
  }

  answer(message: Exclude<ToWorker, { readonly kind: 'restore' }> & Times): Answer {
    this.setTime(message);
    if (message.kind === 'give') return this.answerOf([], { given: this.give(message.tenant, message.traceId) });
    const emissions = this.act(message);
    const { host } = this;
    return this.answerOf(emissions, message.kind === 'tick' ? { open: openOf(host), timings: host.timings } : {});
  }

  /** Takes up the runs of the worker before. They were counted there. */
  async restore(message: Extract<ToWorker, { readonly kind: 'restore' }> & Times): Promise<Answer> {
    this.setTime(message);
    const { host } = this;
    const unreadable: string[] = [];
    this.recorder.load(message.records);
    const emissions = await host.restore((error) => unreadable.push(error.message));
    this.recorder.load([]);
    Object.assign(host.counts, noCounts(), { restored: host.counts.restored });
    return this.answerOf(emissions, { bound: [...host.bound()], unreadable });
  }

  private setTime({ nowMs, passedMs }: Times): void {
    if (passedMs > this.passedMs) {
      this.passedMs = this.nowMs = passedMs;
      this.host.passOver(0);
    }
    this.nowMs = nowMs;
  }

  private answerOf(emissions: readonly Emission[], more: Partial<Answer>): Answer {
    const { host } = this;
    // The main thread has them as soon as it has the records that say so.
    host.handed(emissions);
    host.answered(emissions, true);
    const answer: Answer = {
      emissions: emissions.map(alone(new Map())),
      changes: host.journal === undefined ? undefined : this.recorder.take(),
      given: undefined,
      forgotten: [...this.forgotten].filter((trace) => !host.knows(trace)),
      coverage: this.tally.take(),
      errors: this.errors,
      counts: host.counts,
      openRuns: host.openRuns,
      keptBytes: host.keptBytes,
      packedRuns: host.packedRuns,
      ...(host.sources === this.sources ? {} : { sources: host.sources }),
      ...more,
    };
    this.forgotten = new Set();
    this.errors = [];
    this.sources = host.sources;
    return answer;
  }

  private act(message: Exclude<ToWorker, { readonly kind: 'give' | 'restore' }>): readonly Emission[] {
    const { host } = this;
    switch (message.kind) {
      case 'spans': {
        host.miss(message.shed, 'shed');
        return message.body.length === 0 ? [] : host.process(walkTraces(message.body, dialectKeys), message.tenant);
      }
      case 'receive': {
        const { body, ...rest } = message.given;
        return host.receive(message.tenant, message.traceId, walkTraces(body, dialectKeys), rest);
      }
      case 'off':
        this.watch.turnOff(message.detector);
        return [];
      case 'tick': {
        const found = host.tick(this.nowMs);
        this.work();
        return found;
      }
      case 'leave_out':
        this.leaveOut(message.leftOut);
        return [];
      case 'override':
        this.choice.set(message.overrides);
        return [];
      case 'end':
        return host.end(message.reason);
    }
  }

  private leaveOut({ text, embeddings }: LeftOut): void {
    this.host.leaveOutText(text);
    provideEmbedding(embeddings ? undefined : this.table);
  }

  private give(tenant: string, traceId: string): Given | undefined {
    const moved = this.host.give(tenant, traceId);
    if (!moved) return undefined;
    const body = new Uint8Array(moved.spans.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    // Requests one behind the other are one request.
    for (const span of moved.spans) {
      body.set(span, at);
      at += span.length;
    }
    const own = alone(new Map());
    return {
      body,
      links: moved.links,
      seen: moved.seen,
      said: moved.said.map((one) => ({ emission: own(one.emission), atMs: one.atMs, safe: true, former: undefined })),
    };
  }

  /** Packs what is idle, between messages. */
  private work(): void {
    const until = performance.now() + SLICE_MS;
    if (this.host.work(() => performance.now() >= until)) setImmediate(() => this.work());
  }
}

/** A message takes the whole buffer with a piece of it: each resource is copied out of what it was cut from, once. */
function alone(copies: Map<Uint8Array, Uint8Array>): (emission: Emission) => Emission {
  return (emission) => {
    const { resource } = emission;
    if (resource.length === resource.buffer.byteLength) return emission;
    let copy = copies.get(resource);
    if (copy === undefined) {
      copy = new Uint8Array(resource);
      copies.set(resource, copy);
    }
    return { ...emission, resource: copy };
  };
}

/**
 * The outside of the workers of one `detect`: hands out copies of what their steps need, gathers what they say, ends the one that
 * does not come back and puts a new one in its place.
 *
 * Law:
 * - What waits for a worker is bounded; what does not fit is not looked at, counted, and its windows say so. Forwarding never waits.
 * - Findings come out in the order in which a worker says them: what is said of one that is held for a batch is held behind it.
 * - Messages of one worker are answered in order. One that was with a worker when it ended is lost and never sent again.
 * - Nothing a detector does holds the main thread for longer than taking an answer.
 */
import { Worker } from 'node:worker_threads';
import type { EndReason } from '../../src/detector/detector.ts';
import type { ActiveDetector, Timing } from '../../src/detector/fold.ts';
import { DetectorHost, type Emission, type HostCounts } from '../../src/detector/host.ts';
import { Sources } from '../../src/detector/sources.ts';
import { CELL_BYTES, type OffIn, readCell } from '../../src/detector/watch.ts';
import { extractSpans } from '../../src/otlp/extract.ts';
import type { TraceIndex } from '../../src/otlp/traces.ts';
import type { Ended, Seen } from './account.ts';
import { type Move, type Part, Shards, type Share } from './shards.ts';
import type { Answer, Given, LeftOut, Times, ToWorker, WorkerData, WorkerSetup } from './worker.ts';

/** Bytes that may wait for one worker: with all detectors on, less than a second's work. */
const QUEUE_BYTES = 8 * 1024 * 1024;
/** Once the queue is half full one run may have at most this part of it: it cannot take the place of the others. */
const RUN_SHARE = 8;
/** What a message costs beside its body, so that many small ones fill the queue too. */
const MESSAGE_BYTES = 1_024;
/** Runs that are remembered as shed until the worker can be told. */
const MAX_SHED_RUNS = 10_000;
/** Looks at a silent worker before it is ended. Looks are counted, not time: a process that was stopped finds nobody late. */
const LOOKS = 5;
/** Between the end of a worker and the next one, if it did not live to answer; doubled each time. */
const RESTART_MS = 100;
const MAX_RESTART_MS = 30_000;

export interface PoolOptions {
  readonly workers: number;
  /** The module that a worker runs: it calls `serve`. */
  readonly entry: URL;
  readonly setup: WorkerSetup;
  /** The active detectors, as the workers have them. */
  readonly detectors: readonly ActiveDetector[];
  /** A worker in which nothing moves for this long while something waits is ended. */
  readonly deadlineMs: number;
  /** Unix ms. */
  readonly now: () => number;
}

/** Whoever has the pool. May change by a reload. */
export interface PoolOwner {
  /** Findings without a batch that waits for them. */
  onLate(emissions: readonly Emission[]): void;
  onCoverage(ended: Ended): void;
  onError(detector: string, window: string, message: string): void;
  /** A worker is gone. `detector` ran last in it, in `window`; `undefined` if none did. */
  onLost(lost: Lost): void;
}

export interface Lost {
  readonly reason: string;
  readonly detector: string | undefined;
  readonly window: string;
  /** The detector is now off in all windows, not in this one alone. */
  readonly everywhere: boolean;
  readonly runs: number;
  readonly steps: number;
}

export interface PoolCounts {
  shedSteps: number;
  lostSteps: number;
  lostRuns: number;
  restarts: number;
}

/** A batch that waits for answers. */
interface Waiting {
  /** Messages with a greater number were sent after those of the batch. */
  readonly number: number;
  readonly emissions: Emission[];
  open: number;
  over: boolean;
  /** Those that have something of it. */
  readonly places: Place[];
  resolve: (emissions: readonly Emission[]) => void;
  timer: NodeJS.Timeout | undefined;
}

interface Sent {
  readonly number: number;
  readonly bytes: number;
  readonly steps: number;
  readonly shares: readonly Share[];
  /** `undefined`: the worker is gone. */
  readonly done: (answer: Answer | undefined, number: number) => void;
}

class Place {
  worker: Worker | undefined;
  ready = false;
  cell = new SharedArrayBuffer(CELL_BYTES);
  readonly sent: Sent[] = [];
  /** Batches that wait for it, in order. Each is let go after those before it, whose time is over sooner. */
  readonly held: Waiting[] = [];
  bytes = 0;
  /** Bytes that wait, by run. */
  readonly byRun = new Map<string, number>();
  readonly shed = new Set<string>();
  counts: HostCounts | undefined;
  openRuns = 0;
  keptBytes = 0;
  packedRuns = 0;
  open: readonly Ended[] = [];
  timings: readonly Timing[] = [];
  calls = 0;
  silent = 0;
  ticking = false;
  failures = 0;
  retry: NodeJS.Timeout | undefined;
}

export class WorkerPool {
  readonly counts: PoolCounts = { shedSteps: 0, lostSteps: 0, lostRuns: 0, restarts: 0 };
  /** Runs that moved to the worker that has their session. */
  movedRuns = 0;
  owner: PoolOwner;
  private readonly options: PoolOptions;
  private readonly shards: Shards;
  private readonly places: readonly Place[];
  private number = 0;
  private looks: NodeJS.Timeout | undefined;
  private ended = false;
  /** What workers that are gone had counted. */
  private past: HostCounts | undefined;
  private readonly sources = new Sources();
  private passedOver = 0;
  private passedMs = Number.NEGATIVE_INFINITY;
  private leftOut: LeftOut = { text: false, embeddings: false };
  /** Detectors that did not come back: once in a window, or off everywhere. */
  private readonly off = new Set<string>();
  private readonly offIn: OffIn[] = [];
  private idle: (() => void)[] = [];

  constructor(options: PoolOptions, owner: PoolOwner) {
    this.options = options;
    this.owner = owner;
    this.shards = new Shards(options.workers);
    this.places = Array.from({ length: options.workers }, () => new Place());
  }

  /** Resolves when every worker is ready; rejects with what keeps one from it. */
  async start(): Promise<void> {
    const launched = this.places.map(
      (place) => new Promise<void>((resolve, reject) => this.launch(place, [], { resolve, reject })),
    );
    try {
      await Promise.all(launched);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.looks = setInterval(() => this.look(), this.options.deadlineMs / LOOKS);
    this.looks.unref();
  }

  /** What the workers say of these spans within `waitMs`; what they say later goes to `onLate`. `undefined`: nothing to wait for. */
  process(index: TraceIndex, tenant: string, waitMs: number): Promise<readonly Emission[]> | undefined {
    const { parts, moves } = this.shards.route(index, tenant);
    for (const move of moves) this.move(move);
    const waiting: Waiting = {
      number: this.number + 1,
      emissions: [],
      open: 0,
      over: waitMs <= 0,
      places: [],
      resolve: () => undefined,
      timer: undefined,
    };
    parts.forEach((part, i) => {
      if (part) this.hand(i, part, index, tenant, waiting);
    });
    if (waiting.open === 0 || waiting.over) return undefined;
    return new Promise((resolve) => {
      waiting.resolve = resolve;
      waiting.timer = setTimeout(() => this.letGo(waiting), waitMs);
      for (const place of waiting.places) place.held.push(waiting);
    });
  }

  tick(): void {
    this.places.forEach((place, i) => {
      if (place.ticking || !place.ready) return;
      place.ticking = true;
      this.post(i, { kind: 'tick' }, (answer, number) => {
        place.ticking = false;
        this.late([place], answer, number);
      });
    });
  }

  /** Waits for all answers, closes every window and returns what they say last. The workers stay. */
  async end(reason: EndReason): Promise<Emission[]> {
    await this.drained();
    const last: Emission[] = [];
    this.places.forEach((place, i) => {
      if (place.worker === undefined) return;
      this.post(i, { kind: 'end', reason }, (answer) => last.push(...(answer?.emissions ?? [])));
    });
    await this.drained();
    return last;
  }

  /** Ends the workers, at once. */
  async stop(): Promise<void> {
    this.ended = true;
    clearInterval(this.looks);
    for (const place of this.places) clearTimeout(place.retry);
    await Promise.all(this.places.map((place) => place.worker?.terminate()));
  }

  /** All workers together, those that are gone in the counts. */
  seen(): Seen {
    const { places, shards, options } = this;
    const counts = places.reduce((sum: HostCounts | undefined, one) => addCounts(sum, one.counts), this.past);
    const sum = (read: (place: Place) => number): number => places.reduce((total, place) => total + read(place), 0);
    return {
      detectors: options.detectors,
      timings: options.detectors.map((_, i) => ({
        steps: sum(({ timings }) => timings[i]?.steps ?? 0),
        microseconds: sum(({ timings }) => timings[i]?.microseconds ?? 0),
      })),
      // What was looked at where it came in.
      counts: { ...(counts ?? noCounts()), ...shards.counts, passedOver: this.passedOver },
      openRuns: sum(({ openRuns }) => openRuns),
      keptBytes: sum(({ keptBytes }) => keptBytes),
      packedRuns: sum(({ packedRuns }) => packedRuns),
      sources: this.sources.all,
      open: () => places.flatMap(({ open }) => open),
    };
  }

  get ownSpans(): number {
    return this.shards.counts.own;
  }

  /** Spans that are not looked at; the workers are told with the next message. */
  passOver(spans: number): void {
    this.passedOver += spans;
    this.passedMs = this.options.now();
  }

  /** Of all workers, and of those that come after them. */
  leaveOut(leftOut: LeftOut): void {
    this.leftOut = leftOut;
    this.places.forEach((place, i) => {
      if (place.worker !== undefined) this.post(i, { kind: 'leave_out', leftOut }, () => undefined);
    });
  }

  /** Bytes that wait for the workers. */
  get queuedBytes(): number {
    return this.places.reduce((sum, place) => sum + place.bytes, 0);
  }

  private hand(i: number, part: Part, index: TraceIndex, tenant: string, waiting: Waiting): void {
    const place = this.places[i] as Place;
    const shares = [...part.shares.values()].filter((share) => this.fits(place, share));
    if (place.worker === undefined || (shares.length === 0 && part.links.length === 0)) return;
    const rows = shares.flatMap((share) => share.rows).sort((a, b) => a - b);
    const body = extractSpans(index, rows, part.links);
    const shed = [...place.shed];
    place.shed.clear();
    waiting.open++;
    waiting.places.push(place);
    const message: ToWorker = { kind: 'spans', tenant, body, shed };
    const number = this.post(i, message, (answer, sent) => this.gather(waiting, place, answer, sent), {
      shares,
      steps: rows.length,
      body,
    });
    for (const share of shares) this.shards.sent(share.traces, number);
  }

  /** Takes the place that the share needs in the queue, or counts it as shed. */
  private fits(place: Place, share: Share): boolean {
    const held = place.byRun.get(share.run) ?? 0;
    const full = place.bytes + share.bytes > QUEUE_BYTES && place.bytes > 0;
    const greedy = place.bytes > QUEUE_BYTES / 2 && held + share.bytes > QUEUE_BYTES / RUN_SHARE;
    if (place.worker !== undefined && !full && !greedy) {
      place.byRun.set(share.run, held + share.bytes);
      return true;
    }
    this.counts.shedSteps += share.rows.length;
    if (place.shed.size < MAX_SHED_RUNS) place.shed.add(share.run);
    this.shards.unsent(share.traces);
    return false;
  }

  private gather(waiting: Waiting, place: Place, answer: Answer | undefined, number: number): void {
    waiting.open--;
    if (waiting.over) {
      this.late([place], answer, number);
      return;
    }
    if (answer) waiting.emissions.push(...answer.emissions);
    if (waiting.open === 0) this.letGo(waiting);
  }

  /** Findings that no batch waits for: behind what these workers said before, if that is still held. */
  private late(places: readonly Place[], answer: Answer | undefined, number: number): void {
    if (!answer || answer.emissions.length === 0) return;
    let before: Waiting | undefined;
    for (const { held } of places) {
      const last = held.findLast((waiting) => waiting.number < number);
      if (last && last.number > (before?.number ?? 0)) before = last;
    }
    if (before) before.emissions.push(...answer.emissions);
    else this.owner.onLate(answer.emissions);
  }

  private letGo(waiting: Waiting): void {
    waiting.over = true;
    clearTimeout(waiting.timer);
    if (waiting.places.some(({ held }) => held[0] !== waiting)) return;
    for (const { held } of waiting.places) held.shift();
    waiting.resolve(waiting.emissions);
    for (const { held } of waiting.places) if (held[0]?.over) this.letGo(held[0]);
  }

  private move({ tenant, traceId, from, to }: Move): void {
    this.post(from, { kind: 'give', tenant, traceId }, (answer) => {
      if (answer?.given) this.receive(to, tenant, traceId, answer.given);
    });
  }

  private receive(to: number, tenant: string, traceId: string, given: Given): void {
    this.movedRuns++;
    const message: ToWorker = { kind: 'receive', tenant, traceId, given };
    const number = this.post(to, message, (answer, sent) => this.late(this.places, answer, sent), {
      shares: [],
      steps: 0,
      body: given.body,
    });
    this.shards.sent([`${tenant}|${traceId}`], number);
  }

  private post(
    i: number,
    message: ToWorker,
    done: Sent['done'],
    load?: { readonly shares: readonly Share[]; readonly steps: number; readonly body: Uint8Array },
  ): number {
    const place = this.places[i] as Place;
    const number = ++this.number;
    if (place.worker === undefined) {
      done(undefined, number);
      return number;
    }
    const bytes = MESSAGE_BYTES + (load?.body.length ?? 0);
    if (place.sent.length === 0) place.silent = 0;
    place.sent.push({ number, bytes, steps: load?.steps ?? 0, shares: load?.shares ?? [], done });
    place.bytes += bytes;
    const times: Times = { nowMs: this.options.now(), passedMs: this.passedMs };
    place.worker.postMessage({ ...message, ...times }, load ? [load.body.buffer as ArrayBuffer] : []);
    return number;
  }

  private answered(i: number, answer: Answer): void {
    const place = this.places[i] as Place;
    const sent = place.sent.shift() as Sent;
    this.free(place, sent);
    place.failures = 0;
    place.silent = 0;
    place.counts = answer.counts;
    place.openRuns = answer.openRuns;
    place.keptBytes = answer.keptBytes;
    place.packedRuns = answer.packedRuns;
    for (const source of answer.sources ?? []) this.sources.add(source);
    place.open = answer.open ?? place.open;
    place.timings = answer.timings ?? place.timings;
    for (const trace of answer.forgotten) this.shards.forget(trace, i, sent.number);
    for (const ended of answer.coverage) this.owner.onCoverage(ended);
    for (const { detector, window, message } of answer.errors) this.owner.onError(detector, window, message);
    sent.done(answer, sent.number);
    this.wake();
  }

  private free(place: Place, { bytes, shares }: Sent): void {
    place.bytes -= bytes;
    for (const { run, bytes: held } of shares) {
      const left = (place.byRun.get(run) ?? 0) - held;
      if (left > 0) place.byRun.set(run, left);
      else place.byRun.delete(run);
    }
  }

  private launch(
    place: Place,
    lost: readonly string[],
    first?: { readonly resolve: () => void; readonly reject: (error: unknown) => void },
  ): void {
    place.cell = new SharedArrayBuffer(CELL_BYTES);
    const { setup, entry } = this.options;
    const data: WorkerData = { setup, cell: place.cell, leftOut: this.leftOut, off: [...this.off], offIn: this.offIn, lost };
    const worker = new Worker(entry, { workerData: data });
    place.worker = worker;
    place.ready = false;
    place.silent = 0;
    const i = this.places.indexOf(place);
    worker.on('message', (message: 'ready' | Answer) => {
      if (place.worker !== worker) return;
      if (message !== 'ready') {
        this.answered(i, message);
        return;
      }
      place.ready = true;
      first?.resolve();
    });
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (code) => {
      first?.reject(failure ?? new Error(`a worker of detect ended with code ${code} before it was ready`));
      if (place.worker === worker) this.lose(i, failure === undefined ? `ended with code ${code}` : text(failure));
    });
  }

  /** Ends workers in which nothing moves. */
  private look(): void {
    this.places.forEach((place, i) => {
      if (!place.worker || !place.ready || place.sent.length === 0) return;
      const { calls } = readCell(place.cell);
      place.silent = calls === place.calls ? place.silent + 1 : 0;
      place.calls = calls;
      if (place.silent >= LOOKS) this.lose(i, `did not answer for ${this.options.deadlineMs} ms`);
    });
  }

  private lose(i: number, reason: string): void {
    const place = this.places[i] as Place;
    const { worker } = place;
    place.worker = undefined;
    if (this.ended) {
      for (const sent of place.sent.splice(0)) sent.done(undefined, sent.number);
      this.wake();
      return;
    }
    void worker?.terminate();
    const runs = this.shards.lose(i);
    const blamed = this.blame(place);
    let steps = 0;
    const waiting = place.sent.splice(0);
    for (const sent of waiting) {
      steps += sent.steps;
      this.free(place, sent);
    }
    if (place.counts !== undefined) this.past = addCounts(this.past, place.counts);
    place.counts = undefined;
    place.openRuns = place.keptBytes = place.packedRuns = 0;
    place.open = [];
    this.counts.lostSteps += steps;
    this.counts.lostRuns += runs.size;
    this.counts.restarts++;
    this.owner.onLost({ reason, ...blamed, runs: runs.size, steps });
    const again = (): void => this.launch(place, [...runs]);
    // One that has never answered since it was started would be started without end.
    if (place.failures++ === 0) again();
    else {
      place.retry = setTimeout(again, Math.min(RESTART_MS * 2 ** place.failures, MAX_RESTART_MS));
      place.retry.unref();
    }
    for (const { done, number } of waiting) done(undefined, number);
    this.wake();
  }

  /** Switches off the detector that ran last: in its window, or, if it did so before, in all. */
  private blame(place: Place): { readonly detector: string | undefined; readonly window: string; readonly everywhere: boolean } {
    const { detector: at, window } = readCell(place.cell);
    const detector: string | undefined = this.options.detectors[at]?.detector.meta.id;
    if (detector === undefined) return { detector: undefined, window: '', everywhere: false };
    const everywhere = this.offIn.some((one) => one.detector === detector);
    if (!everywhere) this.offIn.push({ detector, window });
    else {
      this.off.add(detector);
      this.places.forEach((other, i) => {
        if (other.worker !== undefined) this.post(i, { kind: 'off', detector }, () => undefined);
      });
    }
    return { detector, window, everywhere };
  }

  private async drained(): Promise<void> {
    while (this.places.some(({ sent }) => sent.length > 0)) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.idle.splice(0)) resolve();
  }
}

function noCounts(): HostCounts {
  return new DetectorHost({ detectors: [] }).counts;
}

/** Member by member. */
function addCounts(a: HostCounts | undefined, b: HostCounts | undefined): HostCounts | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const { closed, ...sums } = structuredClone(a);
  for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += b[name];
  for (const reason of Object.keys(closed) as EndReason[]) closed[reason] += b.closed[reason];
  return { ...sums, closed };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

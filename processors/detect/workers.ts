/**
 * The outside of the workers of one `detect`: hands out copies of what their steps need, gathers what they say, ends the one that
 * does not come back and puts a new one in its place.
 *
 * Law:
 * - What waits for a worker is bounded; what does not fit is not looked at, counted, and its windows say so. Forwarding never waits.
 * - Findings come out in the order in which a worker says them: what is said of one that is held for a batch is held behind it.
 * - Messages of one worker are answered in order. Without a store those that were with a worker when it ended are lost, and its windows.
 * - With a store a new worker goes on where the last answer left it, and gets what is not answered again: nothing is lost but a message
 *   with which `MAX_TRIES` workers have ended.
 * - Nothing a detector does holds the main thread for longer than taking an answer.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../src/component/delivery.ts';
import type { EndReason } from '../../src/detector/detector.ts';
import type { ActiveDetector, Timing } from '../../src/detector/fold.ts';
import { type Emission, type HostCounts, noCounts } from '../../src/detector/host.ts';
import type { Overrides } from '../../src/detector/overrides.ts';
import { Sources } from '../../src/detector/sources.ts';
import { CELL_BYTES, type OffIn, readCell } from '../../src/detector/watch.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { extractSpans } from '../../src/otlp/extract.ts';
import { type TraceIndex, walkTraces } from '../../src/otlp/traces.ts';
import type { Ended, Seen } from './account.ts';
import type { StoredRecord } from './recorder.ts';
import { type Move, type Part, Shards, type Share } from './shards.ts';
import type { Answer, Given, LeftOut, Times, ToWorker, WorkerData, WorkerSetup } from './worker.ts';
import type { WorkerStore } from './worker-store.ts';

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
/**
 * Workers that may end with the same message: with the first the detector that ran is off in its window, with the second in all; what ends a third
 * is none of these.
 */
const MAX_TRIES = 3;
/** For a worker to load and say that it is ready: a hundred times what it takes here. */
const LOAD_MS = 60_000;

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
  /** Where its windows and what waits outlive the workers and the process. */
  readonly store: WorkerStore | undefined;
}

/** Whoever has the pool. May change by a reload. */
export interface PoolOwner {
  /** Findings without a batch that waits for them. */
  onLate(emissions: readonly Emission[]): void;
  onCoverage(ended: Ended): void;
  onError(detector: string, window: string, message: string): void;
  /** A stored record cannot be read; what it held is lost. */
  onUnreadable(message: string): void;
  /** A worker is gone. `detector` ran last in it, in `window`; `undefined` if none did. */
  onLost(lost: Lost): void;
}

export interface Lost {
  readonly reason: string;
  readonly detector: string | undefined;
  readonly window: string;
  /** The detector is now off in all windows, not in this one alone. */
  readonly everywhere: boolean;
  /** Lost with it. */
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
  readonly message: ToWorker;
  /** With a worker. */
  posted: boolean;
  /** Workers that have ended while it was the one to be answered. */
  tries: number;
  /** In the store, of what it is about. */
  readonly request: number | undefined;
  readonly bytes: number;
  readonly steps: number;
  readonly shares: readonly Share[];
  /** `undefined`: the worker is gone. */
  readonly done: (answer: Answer | undefined, number: number) => void;
}

/** What a worker that ended took with it. */
interface Gone {
  readonly sent: readonly Sent[];
  /** Runs that lack steps from now on. */
  readonly missed: readonly string[];
  /** Windows of so many runs are gone. */
  readonly runs: number;
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
  /** Looks at one that is not ready. */
  loading = 0;
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
  private overrides: Overrides = new Map();
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

  /** Resolves when every worker is ready and has taken up what is stored; rejects with what keeps one from it. */
  async start(): Promise<void> {
    const { store } = this;
    await store?.assign((key) => this.shards.shardOfRun(key), this.unreadable);
    const launched = this.places.map(async (place, i) => {
      const records = (await store?.records(i, this.unreadable)) ?? [];
      const restored = records.length === 0 ? undefined : this.restore(i, records, true);
      await new Promise<void>((resolve, reject) => this.launch(place, [], { resolve, reject }));
      await restored;
    });
    this.looks = setInterval(() => this.look(), this.options.deadlineMs / LOOKS);
    this.looks.unref();
    try {
      await Promise.all(launched);
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const { key, tenant, body } of (await store?.waiting(this.unreadable)) ?? []) {
      try {
        void this.process(walkTraces(body, dialectKeys), tenant, 0);
      } catch (error) {
        this.unreadable(error);
      }
      store?.over(key);
    }
  }

  get store(): WorkerStore | undefined {
    return this.options.store;
  }

  private readonly unreadable = (error: unknown): void => this.owner.onUnreadable(messageOf(error));

  /** The first thing that the next worker there is told. Resolves when it is answered. */
  private restore(i: number, records: readonly StoredRecord[], bind: boolean): Promise<void> {
    const place = this.places[i] as Place;
    return new Promise((resolve) => {
      const done: Sent['done'] = (answer, number) => {
        for (const message of answer?.unreadable ?? []) this.owner.onUnreadable(message);
        for (const one of bind ? (answer?.bound ?? []) : []) {
          const move = this.shards.restore(one, i);
          if (move !== undefined) this.move(move);
        }
        this.late([place], answer, number);
        resolve();
      };
      const bytes = MESSAGE_BYTES;
      place.bytes += bytes;
      place.sent.unshift({
        number: ++this.number,
        message: { kind: 'restore', records },
        posted: false,
        tries: 0,
        request: undefined,
        bytes,
        steps: 0,
        shares: [],
        done,
      });
    });
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

  /** Waits until every message is answered. */
  async drained(): Promise<void> {
    while (this.places.some(({ sent }) => sent.length > 0)) await new Promise<void>((resolve) => this.idle.push(resolve));
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

  /** For windows that open in them after what they were sent before. */
  override(overrides: Overrides): void {
    this.overrides = overrides;
    this.places.forEach((place, i) => {
      if (place.worker !== undefined) this.post(i, { kind: 'override', overrides }, () => undefined);
    });
  }

  /** Bytes that wait for the workers. */
  get queuedBytes(): number {
    return this.places.reduce((sum, place) => sum + place.bytes, 0);
  }

  private hand(i: number, part: Part, index: TraceIndex, tenant: string, waiting: Waiting): void {
    const place = this.places[i] as Place;
    const shares = [...part.shares.values()].filter((share) => this.fits(place, share));
    if (!this.takes(place) || (shares.length === 0 && part.links.length === 0)) return;
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
      request: this.store?.wait(tenant, body),
    });
    for (const share of shares) this.shards.sent(share.traces, number);
  }

  /** Takes the place that the share needs in the queue, or counts it as shed. */
  private fits(place: Place, share: Share): boolean {
    const held = place.byRun.get(share.run) ?? 0;
    const full = place.bytes + share.bytes > QUEUE_BYTES && place.bytes > 0;
    const greedy = place.bytes > QUEUE_BYTES / 2 && held + share.bytes > QUEUE_BYTES / RUN_SHARE;
    if (this.takes(place) && !full && !greedy) {
      place.byRun.set(share.run, held + share.bytes);
      return true;
    }
    this.counts.shedSteps += share.rows.length;
    if (place.shed.size < MAX_SHED_RUNS) place.shed.add(share.run);
    this.shards.unsent(share.traces);
    return false;
  }

  /** With a store what waits is for the next worker. */
  private takes(place: Place): boolean {
    return !this.ended && (place.worker !== undefined || this.store !== undefined);
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
      if (!answer?.given) return;
      const removes = answer.changes?.removes ?? [];
      this.store?.leave(from, removes);
      this.receive(to, tenant, traceId, answer.given, removes);
    });
  }

  /** `removes`: what the worker that gave it has of it in the store, until this one has it there. */
  private receive(to: number, tenant: string, traceId: string, given: Given, removes: readonly number[]): void {
    this.movedRuns++;
    const message: ToWorker = { kind: 'receive', tenant, traceId, given };
    const done: Sent['done'] = (answer, sent) => {
      this.store?.keep(to, { puts: [], removes }, [], undefined);
      this.late(this.places, answer, sent);
    };
    const number = this.post(to, message, done, { shares: [], steps: 0, body: given.body, request: undefined });
    this.shards.sent([`${tenant}|${traceId}`], number);
  }

  private post(
    i: number,
    message: ToWorker,
    done: Sent['done'],
    load?: {
      readonly shares: readonly Share[];
      readonly steps: number;
      readonly body: Uint8Array;
      readonly request: number | undefined;
    },
  ): number {
    const place = this.places[i] as Place;
    const number = ++this.number;
    if (!this.takes(place)) {
      done(undefined, number);
      return number;
    }
    const bytes = MESSAGE_BYTES + (load?.body.length ?? 0);
    if (place.sent.length === 0) place.silent = 0;
    const { shares, steps, request } = load ?? { shares: [], steps: 0, request: undefined };
    place.sent.push({ number, message, posted: false, tries: 0, request, bytes, steps, shares, done });
    place.bytes += bytes;
    this.postAll(place);
    return number;
  }

  /** What is not with the worker yet. It takes up what is stored before anything else. */
  private postAll(place: Place): void {
    const { worker, ready, sent } = place;
    if (worker === undefined || (this.store !== undefined && !ready)) return;
    const restoring = sent[0]?.message.kind === 'restore';
    const times: Times = { nowMs: this.options.now(), passedMs: this.passedMs };
    for (const one of restoring ? sent.slice(0, 1) : sent) {
      if (one.posted) continue;
      one.posted = true;
      // Without a store nobody asks for it again: it may take the bytes with it.
      worker.postMessage({ ...one.message, ...times }, this.store === undefined ? buffersOf(one.message) : []);
    }
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
    if (answer.changes !== undefined) {
      const { puts, removes } = answer.changes;
      this.store?.keep(i, { puts, removes: answer.given ? [] : removes }, answer.emissions, sent.request);
    }
    for (const trace of answer.forgotten) this.shards.forget(trace, i, sent.number);
    for (const ended of answer.coverage) this.owner.onCoverage(ended);
    for (const { detector, window, message } of answer.errors) this.owner.onError(detector, window, message);
    sent.done(answer, sent.number);
    if (sent.message.kind === 'restore') this.postAll(place);
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
    const { setup, entry, detectors } = this.options;
    const i = this.places.indexOf(place);
    const data: WorkerData = {
      setup,
      ids: detectors.map(({ detector }) => detector.meta.id),
      cell: place.cell,
      leftOut: this.leftOut,
      overrides: this.overrides,
      off: [...this.off],
      offIn: this.offIn,
      lost,
      numbers: this.store?.numbers(i),
    };
    const worker = new Worker(entry, { workerData: data });
    place.worker = worker;
    place.ready = false;
    place.silent = 0;
    place.loading = 0;
    worker.on('message', (message: 'ready' | Answer) => {
      if (place.worker !== worker) return;
      if (message !== 'ready') {
        this.answered(i, message);
        return;
      }
      place.ready = true;
      place.loading = 0;
      first?.resolve();
      this.postAll(place);
    });
    let failure: unknown;
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (code) => {
      first?.reject(failure ?? new Error(`a worker of detect ended with code ${code} before it was ready`));
      if (place.worker === worker) this.lose(i, failure === undefined ? `ended with code ${code}` : messageOf(failure));
    });
  }

  /** Ends workers in which nothing moves. */
  private look(): void {
    this.places.forEach((place, i) => {
      if (!place.worker) return;
      if (!place.ready) {
        const looks = (LOAD_MS / this.options.deadlineMs) * LOOKS;
        if (++place.loading >= looks) this.lose(i, `was not ready after ${LOAD_MS} ms`);
        return;
      }
      if (place.sent.length === 0) return;
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
    place.ready = false;
    if (this.ended) {
      for (const sent of place.sent.splice(0)) sent.done(undefined, sent.number);
      this.wake();
      return;
    }
    void worker?.terminate();
    const blamed = this.blame(place);
    if (place.counts !== undefined) this.past = addCounts(this.past, place.counts);
    place.counts = undefined;
    const gone = this.store === undefined ? this.loseAll(i) : this.loseNothing(i);
    place.openRuns = place.keptBytes = place.packedRuns = 0;
    place.open = [];
    const steps = gone.sent.reduce((sum, one) => sum + one.steps, 0);
    this.counts.lostSteps += steps;
    this.counts.lostRuns += gone.runs;
    this.counts.restarts++;
    this.owner.onLost({ reason, ...blamed, runs: gone.runs, steps });
    // One that has never answered since it was started would be started without end.
    if (place.failures++ === 0) void this.again(i, gone.missed);
    else {
      const waitMs = Math.min(RESTART_MS * 2 ** place.failures, MAX_RESTART_MS);
      place.retry = setTimeout(() => void this.again(i, gone.missed), waitMs);
      place.retry.unref();
    }
    for (const { done, number } of gone.sent) done(undefined, number);
    this.wake();
  }

  private async again(i: number, missed: readonly string[]): Promise<void> {
    const place = this.places[i] as Place;
    if (this.store !== undefined && place.sent[0]?.message.kind !== 'restore') {
      const records = await this.store.records(i, this.unreadable);
      if (records.length > 0) void this.restore(i, records, false);
    }
    if (!this.ended) this.launch(place, missed);
  }

  /** Its windows and everything that was with it. */
  private loseAll(i: number): Gone {
    const place = this.places[i] as Place;
    const missed = [...this.shards.lose(i)];
    const sent = place.sent.splice(0);
    for (const one of sent) this.free(place, one);
    return { sent, missed, runs: missed.length };
  }

  /** What is not answered is for the next one, but a message with which too many have ended. */
  private loseNothing(i: number): Gone {
    const place = this.places[i] as Place;
    const [first] = place.sent;
    if (first?.posted) first.tries++;
    for (const one of place.sent) one.posted = false;
    if (first === undefined || first.tries < MAX_TRIES) return { sent: [], missed: [], runs: 0 };
    place.sent.shift();
    this.free(place, first);
    if (first.message.kind === 'restore') {
      this.store?.drop(i);
      const missed = [...this.shards.lose(i)];
      return { sent: [first], missed, runs: missed.length };
    }
    if (first.request !== undefined) this.store?.over(first.request);
    return { sent: [first], missed: first.shares.map(({ run }) => run), runs: 0 };
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

  private wake(): void {
    for (const resolve of this.idle.splice(0)) resolve();
  }
}

/** The bytes that go with a message. */
function buffersOf(message: ToWorker): ArrayBuffer[] {
  if (message.kind === 'spans') return [message.body.buffer as ArrayBuffer];
  return message.kind === 'receive' ? [message.given.body.buffer as ArrayBuffer] : [];
}

/** Member by member. */
function addCounts(a: HostCounts | undefined, b: HostCounts | undefined): HostCounts | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const { closed, ...sums } = structuredClone(a);
  for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += b[name];
  for (const reason of Object.keys(closed) as EndReason[]) closed[reason] += b.closed[reason];
  return { ...sums, closed };
}

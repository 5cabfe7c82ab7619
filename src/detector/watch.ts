/**
 * Watches the detectors of one host: which one runs now, how long it runs, which are switched off.
 *
 * Times: a step of all detectors is timed as a whole, which costs two looks at the clock. One that took too long arms the watch: for
 * the steps after it each detector is timed by itself, and one that overruns again is off for its window. Whoever overruns in
 * several windows is off in all of them: it would take its time once in each new one.
 * An overrun is seen after it returns: what never returns stops the thread.
 */
import type { AnyDetector } from './detector.ts';

/**
 * Milliseconds of one call. A step of all detectors takes 0.3 ms at its p99 (docs/performance.md): this is a thousand times that, and more
 * than a collection of garbage or a turn without the processor takes.
 */
export const OVERRUN_MS = 250;
/** Steps that are timed detector by detector after one that was slow: a few sessions' worth. */
const ARMED_STEPS = 1_000;
/** Windows in which a detector may overrun before it is off in all of them. */
const WINDOWS_UNTIL_OFF = 3;

/** Why a detector is off: it did not come back in time. */
export class Overran extends Error {
  constructor(ms: number, limitMs: number) {
    super(`took ${Math.round(ms)} ms for one step, the limit is ${limitMs} ms`);
    this.name = 'Overran';
  }
}

export interface WatchOptions {
  readonly overrunMs: number;
  /** Monotonic ms. */
  readonly monotonic: () => number;
}

export class Watch {
  readonly overrunMs: number;
  private readonly monotonic: () => number;
  private armed = 0;
  private stepMs = 0;
  private callMs = 0;
  private readonly overruns = new Map<AnyDetector, number>();
  private readonly everywhere = new Set<AnyDetector>();

  constructor({ overrunMs, monotonic }: WatchOptions) {
    this.overrunMs = overrunMs;
    this.monotonic = monotonic;
  }

  stepBegins(): void {
    this.stepMs = this.monotonic();
  }

  stepEnds(): void {
    if (this.armed > 0) this.armed--;
    if (this.monotonic() - this.stepMs > this.overrunMs) this.armed = ARMED_STEPS;
  }

  callBegins(): void {
    if (this.armed > 0) this.callMs = this.monotonic();
  }

  /** Says how a call overran; `undefined` if it did not, or was not timed. */
  callEnds(detector: AnyDetector): Overran | undefined {
    if (this.armed === 0) return undefined;
    const ms = this.monotonic() - this.callMs;
    if (ms <= this.overrunMs) return undefined;
    const windows = (this.overruns.get(detector) ?? 0) + 1;
    this.overruns.set(detector, windows);
    if (windows >= WINDOWS_UNTIL_OFF) this.everywhere.add(detector);
    return new Overran(ms, this.overrunMs);
  }

  /** True if it is off in every window, open ones too. */
  isOff(detector: AnyDetector): boolean {
    return this.everywhere.size > 0 && this.everywhere.has(detector);
  }
}

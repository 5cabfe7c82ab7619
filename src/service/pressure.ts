/**
 * How far the process is behind its work, so that what can be left out is left out before data is refused (DESIGN §8):
 *
 *     0  keeps up          1  no embeddings          2  no text          3  no detection
 *
 * Two signs, the worse one counts: how late timers fire (all work is on one thread, so a late timer is work that waits),
 * and how much of the admitted payload's bound is taken. A level is entered after one second in which the median says so,
 * one at a time, and left after two that are below half of it: detectors do not flicker.
 */
import type { Pressure } from '../component/component.ts';

/** Ms that the median timer of a second is late. 50: ten times the added latency that is aimed at (p99 5 ms). */
const LATE_MS = [50, 100, 200] as const;
/** Share of the bound on payload. At 0.9 senders are soon refused. */
const FILLED = [0.5, 0.7, 0.9] as const;
const SAMPLE_MS = 100;
const SAMPLES = 10;
const CALM_SECONDS = 2;

export interface PressureGauge {
  readonly level: Pressure;
  /** One more sample: how late this timer was, in ms, and the share of the bound. */
  sample(lateMs: number, filled: number): void;
}

export function createGauge(): PressureGauge {
  let level = 0;
  let calm = 0;
  let late: number[] = [];
  let filled: number[] = [];

  function second(): void {
    const [lateness, share] = [median(late), median(filled)];
    late = [];
    filled = [];
    const wanted = Math.max(reached(lateness, LATE_MS), reached(share, FILLED));
    if (wanted > level) {
      level++;
      calm = 0;
      return;
    }
    const quiet = Math.max(reached(lateness * 2, LATE_MS), reached(share + 0.1, FILLED));
    calm = quiet < level ? calm + 1 : 0;
    if (calm < CALM_SECONDS) return;
    level--;
    calm = 0;
  }

  return {
    get level() {
      return level as Pressure;
    },
    sample(lateMs, share) {
      late.push(lateMs);
      filled.push(share);
      if (late.length === SAMPLES) second();
    },
  };
}

/** Samples until the returned function is called. `monotonic` in ms; `filled` is asked each time. */
export function watchPressure(gauge: PressureGauge, monotonic: () => number, filled: () => number): () => void {
  let due = monotonic() + SAMPLE_MS;
  const timer = setInterval(() => {
    const now = monotonic();
    gauge.sample(Math.max(0, now - due), filled());
    due = now + SAMPLE_MS;
  }, SAMPLE_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** How many of the bounds the value is at or above. */
function reached(value: number, bounds: readonly number[]): number {
  return bounds.filter((bound) => value >= bound).length;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

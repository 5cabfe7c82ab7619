/** Bounds and times of windows (DESIGN §6). Times are milliseconds. */
export interface WindowOptions {
  /** A run whose next step starts later than this after its last one ended is a new window. */
  readonly idleMs: number;
  /** After a root span of a trace that names no session, how long its window stays open for late spans. */
  readonly graceMs: number;
  /** How far out of order steps may come and still be folded in their place. */
  readonly latenessMs: number;
  /** A window is closed at this age, however busy. */
  readonly maxAgeMs: number;
  /** Steps kept for folding again, per run. Beyond it the oldest are final. */
  readonly maxTail: number;
  /** Bytes of kept steps, all runs together. Beyond it the oldest runs keep only their states. */
  readonly maxTailBytes: number;
  /** Open runs. Beyond it the least recently used one is closed with reason `evicted`. */
  readonly maxRuns: number;
  /** Open runs that are kept as they are. Beyond it those that are idle are packed. */
  readonly maxUnpacked: number;
  /** Span ids remembered per run to recognise a span that is delivered again. */
  readonly maxSeen: number;
}

/**
 * idle 5 min: longer than any single model or tool call time-out in common use (OpenAI and Anthropic SDKs: 10 min is the cap,
 * 60-120 s typical), shorter than a person's pause between two tasks. grace and lateness 10 s: twice the SDK batch processor's
 * schedule delay (5 s). age 6 h: the longest recorded run in the development data is under 2 h. 1,000 steps: p99 of steps a trace
 * there is 292. 64 MiB and 100,000 runs: the memory bar of DESIGN §8. 1,000 unpacked: 25 MB at the size that `bench/sessions.ts` measures.
 */
export const defaultWindowOptions: WindowOptions = {
  idleMs: 300_000,
  graceMs: 10_000,
  latenessMs: 10_000,
  maxAgeMs: 6 * 3_600_000,
  maxTail: 1_000,
  maxTailBytes: 64 * 1024 * 1024,
  maxRuns: 100_000,
  maxUnpacked: 1_000,
  maxSeen: 20_000,
};

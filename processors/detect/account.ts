/**
 * What became of each detector: how its windows ended, what was held back, what it costs. `/status` and `doctor` read it.
 * Bounded by the number of detectors that are shipped; counts since the start of the process, over reloads.
 */
import type { Detector, Messages, Need, Tier } from '../../src/detector/detector.ts';
import type { Finding } from '../../src/detector/finding.ts';
import type { Timing } from '../../src/detector/fold.ts';
import type { Coverage, DetectorHost, Outcome } from '../../src/detector/host.ts';
import type { ShippedDetector } from '../../src/detector/options.ts';
import type { Source } from '../../src/detector/sources.ts';
import type { Fact } from '../../src/step/step.ts';
import { redact } from '../../src/text/redact.ts';

/** Different reasons of one detector are subsets of its needs; nobody reads more than these. */
const MAX_REASONS = 16;
/** Reading them takes about a millisecond. */
const MAX_OPEN_WINDOWS = 1_000;
const ERROR_CHARACTERS = 200;

export interface DetectorFacts {
  /** `off`: `enabled: false`. `tier_off`: every message of it is of a tier that does not run. */
  readonly state: 'on' | 'off' | 'tier_off';
  readonly needs: readonly Fact[];
  readonly tiers: readonly Tier[];
  /** Closed windows by how they ended for it. */
  readonly windows: Readonly<Record<Outcome, number>>;
  /** Of `insufficient_data`: reason → windows. */
  readonly reasons: Readonly<Record<string, number>>;
  /** The same of open windows, as if they closed now; those used last, at most 1,000. */
  readonly open: { readonly windows: Readonly<Record<Outcome, number>>; readonly reasons: Readonly<Record<string, number>> };
  /** Findings, each revision counted. */
  readonly handed_on: number;
  readonly below_emit_above: number;
  /** The surest of those below. */
  readonly best_below: number | null;
  readonly suppressed: number;
  /** Text of the last error, redacted. */
  readonly error: string | null;
  /** Mean cost of a step, microseconds, over `timed_steps`; features are charged to who asks first. */
  readonly step_us: number | null;
  readonly timed_steps: number;
}

/** One `detect` as `/status` shows it. */
export interface DetectFacts {
  readonly emit_above: number;
  readonly tiers: readonly Tier[];
  readonly spans: number;
  readonly agent_spans: number;
  readonly steps: number;
  /** Who made them, in order of the first step of each; at most 16. */
  readonly sources: readonly Source[];
  readonly duplicates: number;
  readonly late: number;
  readonly windows_open: number;
  readonly windows_closed: Readonly<Record<string, number>>;
  readonly kept_bytes: number;
  /** Findings that wait for downstream. */
  readonly outbox: number;
  readonly outbox_dropped: number;
  /** Share of (detector, window) pairs that ended as `insufficient_data`; null before the first window closed. */
  readonly blind_share: number | null;
  /** All detectors together, microseconds a step. */
  readonly step_us: number | null;
  readonly detectors: Readonly<Record<string, DetectorFacts>>;
}

interface Looks {
  readonly windows: Record<Outcome, number>;
  readonly reasons: Record<string, number>;
}

interface Line extends Looks {
  handedOn: number;
  below: number;
  bestBelow: number | undefined;
  suppressed: number;
  error: string | undefined;
}

/** How windows of one detector ended, or stand. */
export interface Ended {
  /** The detector's id. */
  readonly detector: string;
  readonly outcome: Outcome;
  readonly reason: string | undefined;
  readonly windows: number;
}

/** What there is to see of the detectors, wherever they run. */
export interface Seen
  extends Pick<DetectorHost, 'detectors' | 'timings' | 'counts' | 'openRuns' | 'keptBytes' | 'packedRuns' | 'sources'> {
  /** As if open windows closed now; of at most 1,000. */
  open(): readonly Ended[];
}

export function seenOf(host: DetectorHost): Seen {
  return {
    detectors: host.detectors,
    timings: host.timings,
    counts: host.counts,
    openRuns: host.openRuns,
    keptBytes: host.keptBytes,
    packedRuns: host.packedRuns,
    sources: host.sources,
    open: () => openOf(host),
  };
}

export function openOf(host: DetectorHost): readonly Ended[] {
  const tally = new Tally();
  host.coverOpen(MAX_OPEN_WINDOWS, (coverage) => tally.add(coverage));
  return tally.take();
}

/** Coverage by detector, outcome and reason. */
export class Tally {
  private readonly lines = new Map<string, { -readonly [K in keyof Ended]: Ended[K] }>();

  add({ detector: { meta }, outcome, reason }: Pick<Coverage, 'detector' | 'outcome' | 'reason'>): void {
    const key = `${meta.id} ${outcome} ${reason ?? ''}`;
    const line = this.lines.get(key);
    if (line) line.windows++;
    else this.lines.set(key, { detector: meta.id, outcome, reason, windows: 1 });
  }

  take(): Ended[] {
    const ended = [...this.lines.values()];
    this.lines.clear();
    return ended;
  }
}

export interface Running {
  readonly shipped: readonly ShippedDetector[];
  readonly emitAbove: number;
  readonly tiers: readonly Tier[];
  readonly enabled: (id: string) => boolean;
  readonly seen: Seen;
  readonly outbox: number;
}

export class Account {
  outboxDropped = 0;
  private readonly lines = new Map<string, Line>();

  closed(ended: Ended): void {
    note(this.line(ended.detector), ended);
  }

  handedOn(finding: Finding): void {
    this.line(finding.detector).handedOn++;
  }

  below(finding: Finding): void {
    const line = this.line(finding.detector);
    line.below++;
    line.bestBelow = Math.max(line.bestBelow ?? 0, finding.confidence);
  }

  suppressed(finding: Finding): void {
    this.line(finding.detector).suppressed++;
  }

  failed(detector: string, message: string): void {
    this.line(detector).error = redact(message).slice(0, ERROR_CHARACTERS);
  }

  read({ shipped, emitAbove, tiers, enabled, seen, outbox }: Running): DetectFacts {
    const timings = new Map(seen.detectors.map(({ detector }, i) => [detector.meta.id as string, seen.timings[i] as Timing]));
    const open = new Map<string, Looks>();
    for (const ended of seen.open()) {
      const looks = open.get(ended.detector) ?? newLooks();
      open.set(ended.detector, looks);
      note(looks, ended);
    }
    const detectors = Object.fromEntries(
      shipped.map(({ detector }) => {
        const id = detector.meta.id as string;
        const state = timings.has(id) ? 'on' : enabled(id) ? 'tier_off' : 'off';
        return [id, this.facts(detector, state, open.get(id) ?? newLooks(), timings.get(id))];
      }),
    );
    const all = Object.values(detectors);
    const sum = (of: (one: DetectorFacts) => number) => all.reduce((total, one) => total + of(one), 0);
    const looks = sum(({ windows }) => Object.values(windows).reduce((total, n) => total + n, 0));
    const { spans, agentSpans, steps, duplicates, late, closed } = seen.counts;
    return {
      emit_above: emitAbove,
      tiers,
      spans,
      agent_spans: agentSpans,
      steps,
      sources: seen.sources,
      duplicates,
      late,
      windows_open: seen.openRuns,
      windows_closed: { ...closed },
      kept_bytes: seen.keptBytes,
      outbox,
      outbox_dropped: this.outboxDropped,
      blind_share: looks === 0 ? null : rounded(sum(({ windows }) => windows.insufficient_data) / looks, 4),
      step_us: all.every(({ step_us }) => step_us === null)
        ? null
        : rounded(
            sum(({ step_us }) => step_us ?? 0),
            2,
          ),
      detectors,
    };
  }

  private facts(detector: Detector, state: DetectorFacts['state'], open: Looks, timing: Timing | undefined): DetectorFacts {
    const line = this.line(detector.meta.id);
    return {
      state,
      needs: detector.meta.needs.map((need: Need) => (typeof need === 'string' ? need : need.fact)),
      tiers: [...new Set(Object.values(detector.meta.messages as Messages).map(({ tier }) => tier))].sort(),
      windows: { ...line.windows },
      reasons: { ...line.reasons },
      open,
      handed_on: line.handedOn,
      below_emit_above: line.below,
      best_below: line.bestBelow === undefined ? null : rounded(line.bestBelow, 3),
      suppressed: line.suppressed,
      error: line.error ?? null,
      step_us: roundedOr(meanMicroseconds(timing)),
      timed_steps: timing?.steps ?? 0,
    };
  }

  private line(id: string): Line {
    let line = this.lines.get(id);
    if (line === undefined) {
      line = {
        ...newLooks(),
        handedOn: 0,
        below: 0,
        bestBelow: undefined,
        suppressed: 0,
        error: undefined,
      };
      this.lines.set(id, line);
    }
    return line;
  }
}

function newLooks(): Looks {
  return { windows: { fail: 0, pass: 0, insufficient_data: 0, error: 0 }, reasons: {} };
}

function note({ windows, reasons }: Looks, { outcome, reason, windows: n }: Ended): void {
  windows[outcome] += n;
  if (outcome !== 'insufficient_data' || reason === undefined) return;
  if (Object.hasOwn(reasons, reason) || Object.keys(reasons).length < MAX_REASONS) reasons[reason] = (reasons[reason] ?? 0) + n;
}

/** `undefined` until a step was timed. */
export function meanMicroseconds(timing: Timing | undefined): number | undefined {
  return timing === undefined || timing.steps === 0 ? undefined : timing.microseconds / timing.steps;
}

function roundedOr(value: number | undefined): number | null {
  return value === undefined ? null : rounded(value, 2);
}

function rounded(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}
